"""torch.cuda, torch.xpu and torch.mps on a machine that has none of them."""

import pytest

from compat_tests.harness import both

XPU = """is_available device_count current_device get_device_properties is_bf16_supported
memory_allocated max_memory_allocated memory_reserved max_memory_reserved get_device_capability
get_device_name mem_get_info get_rng_state_all current_stream""".split()
MPS = """is_available device_count current_allocated_memory driver_allocated_memory
recommended_max_memory get_rng_state""".split()
CUDA = "is_available device_count memory_stats get_rng_state_all memory_allocated".split()
NAMES = [*(("xpu", n) for n in XPU), *(("mps", n) for n in MPS), *(("cuda", n) for n in CUDA)]


@pytest.mark.parametrize(("module", "name"), NAMES)
def test_function(module, name):
    both(lambda lib: getattr(getattr(lib, module), name)(), message=True)


def test_streams_and_memory():
    """What PyTorch's own build for the CPU does not get as far as answering."""

    def run(lib):
        lib.cuda.set_rng_state_all([])
        lib.xpu.set_rng_state_all([])
        return [dict(lib.xpu.memory_stats())]

    both(run)
