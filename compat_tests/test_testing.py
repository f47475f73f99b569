"""torch.testing: what is close, what is not, and in which words."""

import collections

import numpy as np
import pytest

import jtorch
import jtorch.testing
from compat_tests.harness import both


def pair(a, b, **options):
    """A comparison of two tensors, given as lists."""
    return lambda lib: lib.testing.assert_close(lib.tensor(a), lib.tensor(b), **options)


def plain(a, b, **options):
    """A comparison of two values as they are."""
    return lambda lib: lib.testing.assert_close(a, b, **options)


NAN, INF = float("nan"), float("inf")
PROGRAMS = [
    pair([1.0, 2.0], [1.0, 2.1]),
    pair([1.0, 2.0], [1.0, 2.0 + 1e-6]),
    pair(1.0, 2.0),
    pair(1, 2),
    pair([1, 2], [1, 3]),
    pair([1.0], [1.0, 2.0]),
    pair([1.0], [1]),
    pair([NAN], [NAN]),
    pair([NAN], [NAN], equal_nan=True),
    pair([INF, 1.0], [1.0, 1.0]),
    pair([INF], [INF]),
    pair([1.0], [2.0], msg="instead"),
    pair([1.0], [2.0], msg=lambda text: "before " + text),
    pair([1.0], [2.0], rtol=1),
    pair([1.0], [1.5], rtol=0, atol=0.6),
    pair([1.0], [1.5], rtol=0, atol=0.1),
    pair([True], [False]),
    pair([1j, 1.0], [2j, 1.0]),
    pair([[1.0, 2.0], [3.0, 4.0]], [[1.0, 2.0], [3.0, 5.0]]),
    pair([0.0], [1e-6]),
    plain(1, 2),
    plain(1.0, 1),
    plain(1.0, 1, check_dtype=False),
    plain(1.0, 1.1, rtol=0, atol=0.01),
    plain([1, 2], [1, 3]),
    plain([1], [1, 2]),
    plain({"a": 1}, {"b": 1}),
    plain({"a": [1, {"b": 2.0}]}, {"a": [1, {"b": 3.0}]}),
    plain("a", "a"),
    plain(None, None),
    plain(None, 1),
    plain(True, False),
    plain(NAN, NAN),
    plain((1, 2), [1, 2]),
    plain(np.ones(2), np.ones(2)),
    plain(np.ones(2), np.zeros(2)),
    plain(collections.OrderedDict(a=1), {"a": 1}),
    lambda lib: lib.testing.assert_close(lib.ones(2), [1.0, 1.0]),
    lambda lib: lib.testing.assert_close(lib.ones(2), 1.0),
    lambda lib: lib.testing.assert_close(lib.ones(2).double(), lib.ones(2), check_dtype=False),
    lambda lib: lib.testing.assert_close(lib.ones(2, 3).t(), lib.ones(3, 2), check_stride=True),
    lambda lib: lib.testing.assert_close(lib.ones(2).half(), lib.ones(2).half() * 1.0005),
    lambda lib: lib.testing.assert_close(lib.ones(2).bfloat16(), lib.ones(2).bfloat16() * 1.1),
    lambda lib: lib.testing.assert_close([lib.ones(2)], (lib.zeros(2),)),
    lambda lib: lib.testing.assert_close(lib.ones(2), lib.nn.Parameter(lib.ones(2))),
    lambda lib: lib.testing.assert_allclose([1.0, 2.0], lib.tensor([1.0, 2.5])),
]


@pytest.mark.parametrize("program", range(len(PROGRAMS)))
def test_program(program):
    both(PROGRAMS[program], message=True)


@pytest.mark.parametrize("dtype", "float32 float64 int64 uint8 bool complex64 float16".split())
@pytest.mark.parametrize(
    "options",
    [
        {},
        {"low": 1, "high": 2},
        {"noncontiguous": True},
        {"exclude_zero": True},
        {"low": 3, "high": 1},
    ],
)
def test_random_tensors(dtype, options):
    def run(lib):
        lib.manual_seed(0)
        made = lib.testing.make_tensor(3, 4, dtype=getattr(lib, dtype), device="cpu", **options)
        again = lib.testing.make_tensor((2,), dtype=getattr(lib, dtype), device="cpu")
        return [made, made.is_contiguous(), made.stride(), tuple(again.shape)]

    both(run)


def test_words_are_whole():
    """Beyond the first line, which the programs above compare."""
    with pytest.raises(AssertionError) as caught:
        jtorch.testing.assert_close(jtorch.tensor([1.0, 2.0]), jtorch.tensor([1.0, 2.5]))
    assert str(caught.value).split("\n")[2:] == [
        "Mismatched elements: 1 / 2 (50.0%)",
        "Greatest absolute difference: 0.5 at index (1,) (up to 1e-05 allowed)",
        "Greatest relative difference: 0.20000000298023224 at index (1,) (up to 1.3e-06 allowed)",
    ]
