"""torch._C: the few names that libraries call."""

import pytest

from compat_tests.harness import both

PROGRAMS = [
    lambda lib: [repr(v) for v in lib._C._nn._parse_to("cpu")],
    lambda lib: [repr(v) for v in lib._C._nn._parse_to(lib.float16)],
    lambda lib: [repr(v) for v in lib._C._nn._parse_to("cpu", lib.float16, True)],
    lambda lib: [repr(v) for v in lib._C._nn._parse_to(lib.ones(1))],
    lambda lib: [repr(v) for v in lib._C._nn._parse_to(memory_format=lib.channels_last)],
    lambda lib: lib._C._get_tracing_state(),
    lambda lib: repr(lib._C._get_accelerator()),
    lambda lib: lib._C._get_privateuse1_backend_name(),
    lambda lib: lib._C._are_functorch_transforms_active(),
    lambda lib: str(lib._C._get_default_device()),
    lambda lib: lib._C._current_graph_task_id(),
    lambda lib: lib._C._log_api_usage_once("event"),
    lambda lib: isinstance(lib.ones(1), lib._C.TensorBase),
    lambda lib: isinstance(lib.default_generator, lib._C.Generator),
]


@pytest.mark.parametrize("program", range(len(PROGRAMS)))
def test_program(program):
    both(PROGRAMS[program])


def test_subclasses_are_left_alone_inside():
    def run(lib):
        with lib._C.DisableTorchFunctionSubclass():
            return lib.ones(2) + 1

    both(run)
