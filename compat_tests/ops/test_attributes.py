"""Attributes of tensors: what they are on leaves, results, complex tensors and subclasses."""

import pytest

from compat_tests.harness import both

NAMES = """mT mH H T itemsize nbytes names is_cuda is_cpu is_xla is_mps is_meta is_sparse
is_sparse_csr is_quantized is_mkldnn is_nested is_leaf is_vulkan is_ipu is_xpu is_mtia is_maia
requires_grad
retains_grad grad output_nr _version shape ndim real imag data name volatile _base _grad
__array_priority__ __cuda_array_interface__ rename refine_names""".split()


def tensors(lib):
    leaf = lib.ones(2, requires_grad=True)
    return [
        lib.arange(6.0).view(2, 3),
        leaf,
        leaf * 2,
        lib.tensor([[1 + 2j]]),
        lib.ones(2, 2, 2),
        lib.tensor(1.0),
    ]


@pytest.mark.parametrize("kind", range(6))
@pytest.mark.parametrize("name", NAMES)
def test_attribute(name, kind):
    both(lambda lib: getattr(tensors(lib)[kind], name), message=True, grad=False)


PROGRAMS = [
    lambda lib: [str(t.grad_dtype) for t in tensors(lib) if t.is_leaf],
    lambda lib: tensors(lib)[2].grad_dtype,
    lambda lib: setattr(lib.ones(2, requires_grad=True), "grad", lib.ones(3)),
    lambda lib: setattr(lib.ones(2), "grad_dtype", None),
    lambda lib: lib.ones(2).__idiv__(2),
    lambda lib: [lib.tensor(3.7).__long__(), lib.tensor(0).__nonzero__()],
    lambda lib: lib.Tensor.__torch_function__(lib.add, (lib.Tensor,), (lib.ones(2), 1)),
    lambda lib: [lib.overrides.has_torch_function((v,)) for v in (lib.ones(1), 3, None)],
    lambda lib: lib.overrides.has_torch_function((lib.nn.Parameter(lib.ones(1)),)),
    lambda lib: [lib.overrides.is_tensor_like(v) for v in (lib.ones(1), 3)],
    lambda lib: [lib.__version__ >= (2, 1), lib.__version__ < "2.9", lib.__version__ > "2.9.1"],
    lambda lib: lib.set_deterministic_debug_mode("loud"),
    lambda lib: lib.set_deterministic_debug_mode(7),
    lambda lib: lib.set_deterministic_debug_mode(2.0),
    lambda lib: lib.get_device_module("meta"),
    lambda lib: lib.get_device_module(3),
    lambda lib: lib.accelerator.is_available(),
    lambda lib: lib.accelerator.synchronize(),
    lambda lib: [repr(lib.Stream(device="cpu")), repr(lib.Event(enable_timing=True))],
    lambda lib: lib.set_default_dtype(lib.int32),
    lambda lib: [lib.set_float32_matmul_precision("loud"), lib.get_float32_matmul_precision()],
]


@pytest.mark.parametrize("program", range(len(PROGRAMS)))
def test_program(program):
    both(PROGRAMS[program], message=True, grad=False)


def _modes(lib):
    before = lib.get_deterministic_debug_mode()
    seen = []
    for mode in ("warn", 2, "default"):
        lib.set_deterministic_debug_mode(mode)
        seen.append(lib.get_deterministic_debug_mode())
        seen.append(lib.are_deterministic_algorithms_enabled())
        seen.append(lib.is_deterministic_algorithms_warn_only_enabled())
    lib.set_deterministic_debug_mode(before)
    return seen


def test_deterministic_modes():
    both(_modes)


def _subclass(lib):
    class Sub(lib.Tensor):
        pass

    made = lib.Tensor._make_subclass(Sub, lib.ones(2), True)
    return [type(made).__name__, made.requires_grad, made.is_leaf]


def test_subclass():
    both(_subclass)


def _placed(lib):
    seen = []
    lib.set_default_device("meta")
    try:
        made = lib.zeros(2), lib.tensor([1.0]), lib.arange(3), lib.nn.Linear(2, 2).weight
        seen += [str(t.device) for t in made]
        seen.append(str(lib.get_default_device()))
    finally:
        lib.set_default_device(None)
    with lib.device("meta"):
        seen.append(str(lib.randn(2).device))
    return [*seen, str(lib.randn(2).device)]


def test_default_devices():
    both(_placed)
