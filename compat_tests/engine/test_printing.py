"""The text of tensors against torch's repr, character for character."""

import itertools

import ml_dtypes
import numpy as np
import pytest
import torch

from jtorch._engine import printing

NAN, INF = float("nan"), float("inf")


@pytest.fixture(autouse=True)
def default_options():
    yield
    set_options(profile="default")
    torch.set_default_dtype(torch.float32)


def set_options(**options):
    torch.set_printoptions(**options)
    printing.set_printoptions(**options)


def name(dtype):
    return str(dtype).removeprefix("torch.")


def ours(tensor):
    values = tensor.detach()
    if tensor.dtype == torch.bfloat16:
        array = values.float().numpy().astype(ml_dtypes.bfloat16)
    else:
        array = values.numpy()
    suffixes = []
    if tensor.grad_fn is not None:
        suffixes = [f"grad_fn=<{type(tensor.grad_fn).__name__}>"]
    elif tensor.requires_grad:
        suffixes = ["requires_grad=True"]
    return printing.format_tensor(
        array,
        dtype_name=name(tensor.dtype),
        default_dtype=name(torch.get_default_dtype()),
        suffixes=suffixes,
    )


def compare(tensor):
    assert ours(tensor) == repr(tensor)


LISTS = [
    3.0,
    1e-10,
    123456789.0,
    1234567.0,
    INF,
    NAN,
    0.0,
    -0.0,
    [1.0, 2.0],
    [1.5, NAN, INF],
    [NAN],
    [1.0, NAN, -INF],
    [1e-8, 1.0],
    [1e8, 1.0],
    [1e8, 1e6],
    [1e9],
    [1e-4, 1e-2],
    [0.99e-4, 1e-2],
    [1.0, 1000.0],
    [1.0, 1001.0],
    [1.5, 1500.0],
    [1.5, 1500.1],
    [-0.0, 1.0],
    [0.0, 0.0],
    [-1e-45, 1e-40],
    [-1.0, 100.0, -1000.0],
    [99999.99999, 12.0],
    [[1.5], [-20.25]],
    [[[1.0, -2.0]], [[3.0, 4.0]]],
    [],
    [[]],
    [[], []],
]


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.float16, torch.bfloat16])
@pytest.mark.parametrize("values", LISTS, ids=str)
def test_floats(values, dtype):
    compare(torch.tensor(values, dtype=dtype))
    compare(torch.tensor(values, dtype=dtype, requires_grad=True))
    compare(torch.tensor(values, dtype=dtype, requires_grad=True) * 2)


@pytest.mark.parametrize("sci_mode", [None, True, False])
@pytest.mark.parametrize("precision", [0, 2, 7])
def test_floats_with_options(precision, sci_mode):
    set_options(precision=precision, sci_mode=sci_mode)
    for values in LISTS:
        compare(torch.tensor(values))


COMPLEX = [
    1 + 2j,
    [1 + 2j, 3.5 - 1e-9j],
    [complex(NAN, 1), complex(1, INF)],
    [complex(-NAN, -INF), complex(-0.0, -0.0)],
    [1.5, 2.5j, 1e9],
    [1e9 + 1j, 2],
    [1e9 + 0.5j, 2],
    [0j, 0j],
    [],
    [[1j] * 20] * 3,
]


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("values", COMPLEX, ids=range(len(COMPLEX)))
def test_complex(values, dtype):
    compare(torch.tensor(values, dtype=dtype))
    set_options(sci_mode=True)
    compare(torch.tensor(values, dtype=dtype))


INTS = [torch.int8, torch.uint8, torch.int16, torch.int32, torch.int64, torch.bool]
INTS += [torch.uint16, torch.uint32, torch.uint64]
SHAPES = [(), (0,), (0, 3), (3, 0), (1,), (7,), (40,), (3, 4), (2, 3, 4), (2, 1, 3, 2), (3, 50)]
SHAPES += [(1000,), (1001,), (7, 200), (2000, 2), (2, 3, 200), (20, 20, 20), (1, 1001), (6, 7, 30)]


@pytest.mark.parametrize("dtype", INTS, ids=str)
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_integers(shape, dtype):
    info = torch.iinfo(dtype) if dtype != torch.bool else None
    most = 2 if info is None else min(info.max, 10**9)
    least = 0 if info is None else max(info.min, -(10**6))
    values = np.random.RandomState(0).randint(least, most, shape)
    compare(torch.tensor(values).to(dtype))


def random_values(shape, style, rng):
    values = rng.standard_normal(shape)
    if style == "whole":
        values = np.round(values * 50)
    elif style == "wide":
        values = values * 10.0 ** rng.integers(-6, 9, shape)
    elif style == "broken":
        values = np.where(rng.random(shape) < 0.3, NAN, values)
        values = np.where(rng.random(shape) < 0.3, -INF, values)
    elif style == "sparse":
        values = np.where(rng.random(shape) < 0.7, 0.0, values)
    return values


@pytest.mark.parametrize("style", ["plain", "whole", "wide", "broken", "sparse"])
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_random_floats(shape, style):
    rng = np.random.default_rng(1)
    for dtype in (torch.float32, torch.float64, torch.bfloat16, torch.float16, torch.complex64):
        values = random_values(shape, style, rng)
        tensor = torch.tensor(values).to(dtype)
        compare(tensor)
        compare(tensor.requires_grad_() * 2)


OPTIONS = [
    {"profile": "short"},
    {"profile": "full"},
    {"linewidth": 30},
    {"linewidth": 5},
    {"linewidth": 200, "precision": 1},
    {"edgeitems": 1, "threshold": 5},
    {"edgeitems": 2, "threshold": 0},
    {"edgeitems": 0, "threshold": 5},
    {"threshold": 3, "edgeitems": 5},
]


@pytest.mark.parametrize("options", OPTIONS, ids=str)
def test_options(options):
    set_options(**options)
    rng = np.random.default_rng(2)
    for shape, style in itertools.product(SHAPES[:11], ["plain", "whole", "wide"]):
        values = random_values(shape, style, rng)
        for dtype in (torch.float32, torch.float64, torch.int32, torch.int64, torch.bool):
            compare(torch.tensor(values).to(dtype))
        compare(torch.tensor(values, requires_grad=True, dtype=torch.float32) * 2)
        compare(torch.tensor(values).to(torch.complex128))


def test_options_as_torch_keeps_them():
    steps = [
        {"profile": "short"},
        {"precision": 3},
        {"sci_mode": True},
        {"linewidth": 100},
        {"profile": "nonsense"},
        {"threshold": INF, "profile": "default"},
    ]
    for step in steps:
        set_options(**step)
        theirs = torch._tensor_str.PRINT_OPTS
        for key, value in printing.get_printoptions().items():
            assert value == getattr(theirs, key), (step, key)


def test_printoptions_restores():
    before = printing.get_printoptions()
    with printing.printoptions(precision=1, sci_mode=True):
        assert printing.get_printoptions()["precision"] == 1
    assert printing.get_printoptions() == before


def test_default_dtype_decides_which_dtype_is_shown():
    torch.set_default_dtype(torch.float64)
    for dtype in (torch.float32, torch.float64, torch.complex64, torch.complex128, torch.int64):
        compare(torch.ones(2, dtype=dtype))
        compare(torch.ones(0, dtype=dtype))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.int64], ids=str)
def test_without_values(dtype):
    for shape in ((3,), (2, 0), ()):
        text = printing.format_tensor(None, dtype_name=name(dtype), device="meta", shape=shape)
        assert text == repr(torch.empty(shape, dtype=dtype, device="meta"))


def test_device_comes_first():
    text = printing.format_tensor(
        np.zeros(2), dtype_name="float64", device="cuda:0", suffixes=["requires_grad=True"]
    )
    assert text == "tensor([0., 0.], device='cuda:0', dtype=torch.float64, requires_grad=True)"


SCALARS = [1.23456, 3, True, 1 + 2j, NAN]


@pytest.mark.parametrize("spec", ["", ".2f", ">10", "d", "e", "5", "s"])
@pytest.mark.parametrize("value", SCALARS, ids=str)
def test_format_of_a_scalar(value, spec):
    tensor = torch.tensor(value)
    try:
        expected = format(tensor, spec)
    except ValueError as error:
        with pytest.raises(ValueError, match=str(error)):
            printing.format_scalar(tensor.item(), spec)
        return
    assert printing.format_scalar(tensor.item(), spec) == expected
