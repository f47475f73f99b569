"""Sorting, searching, distinct elements and histograms against torch."""

import numpy as np
import pytest
import torch

import jtorch
from compat_tests.harness import expression

RNG = np.random.RandomState(5)
OPERANDS = {
    "x": RNG.randn(3, 7).astype(np.float32),
    "i": RNG.randint(-3, 4, (3, 7)),
    "v": RNG.randint(0, 5, 12),
    "b": RNG.rand(6) > 0.5,
    "n": np.array([2.0, np.nan, 1.0, -1.0, np.inf, -np.inf], np.float32),
    "s": np.array(1.5, np.float32),
    "z": np.ones(2, np.complex64),
    "q": np.array([1.0, 3.0, 3.0, 5.0, 9.0], np.float32),
    "w": RNG.randn(4, 2).astype(np.float32) * 4,
    "rows": np.sort(RNG.randn(3, 6).astype(np.float32), axis=1),
    "big": np.sort(RNG.randn(3000).astype(np.float32)),
    "many": RNG.randn(50).astype(np.float32),
    "pairs": np.array([[1, 2], [3, 1], [1, 2], [0, 5]]),
    "runs": np.array([1, 1, 2, 2, 2, 1, 3, 3]),
    "u": np.array([5, 200, 0], np.uint8),
    "h": RNG.randn(9).astype(np.float16),
    "e": np.zeros((0, 2), np.float32),
    "g": RNG.rand(30, 2).astype(np.float32),
}

PROGRAMS = """
torch.sort(x)
torch.sort(x, 0)
torch.sort(x, dim=1, descending=True)
torch.sort(i, dim=1, stable=True)
torch.sort(i, stable=True, descending=True)
torch.sort(n)
torch.sort(n, descending=True)
torch.sort(b)
torch.sort(s)
torch.sort(e, 0)
torch.sort(z)
torch.sort(h)
torch.sort(x, 2)
torch.argsort(x)
torch.argsort(x, descending=True)
torch.argsort(i, dim=0, stable=True)
torch.msort(x)
torch.topk(x, 3)
torch.topk(x, 2, 0)
torch.topk(x, 3, largest=False)
torch.topk(x, 7, 1)
torch.topk(x, 0)
torch.topk(x, 8)
torch.topk(u, 2, largest=False)
torch.topk(s, 1)
torch.topk(b, 1)
torch.topk(n, 3)[0]
torch.topk(x, k=2, dim=-1).indices
torch.searchsorted(q, w)
torch.searchsorted(q, w, right=True)
torch.searchsorted(q, q)
torch.searchsorted(q, q, side="right")
torch.searchsorted(q, 3.0)
torch.searchsorted(q, 3)
torch.searchsorted(rows, x)
torch.searchsorted(rows, rows, out_int32=True)
torch.searchsorted(big, many)
torch.searchsorted(big, many, right=True)
torch.searchsorted(big.reshape(3, 1000), rows.repeat(1, 20))
torch.searchsorted(rows, w)
torch.searchsorted(rows, 1.0)
torch.searchsorted(q, w, side="middle")
torch.searchsorted(q, n)
torch.searchsorted(x, x, sorter=torch.argsort(x))
torch.bucketize(w, q)
torch.bucketize(w, q, right=True)
torch.bucketize(3, q)
torch.bucketize(w, rows)
torch.isin(v, torch.tensor([1, 3]))
torch.isin(v, torch.tensor([1, 3]), invert=True)
torch.isin(v, 2)
torch.isin(1, v)
torch.isin(i, v)
torch.isin(x, big)
torch.unique(v)
torch.unique(x.detach())
torch.unique(i, return_inverse=True)
torch.unique(i, return_counts=True)
torch.unique(v, True, True, True)
torch.unique(pairs, dim=0)
torch.unique(pairs, return_inverse=True, return_counts=True, dim=0)
torch.unique(pairs, dim=1)
torch.unique(pairs, dim=2)
torch.unique(b)
torch.unique_consecutive(runs)
torch.unique_consecutive(runs, return_inverse=True, return_counts=True)
torch.unique_consecutive(pairs, dim=0)
torch.bincount(v)
torch.bincount(v, minlength=9)
torch.bincount(runs, torch.arange(8.0))
torch.bincount(runs, torch.arange(8))
torch.bincount(i)
torch.bincount(i[0])
torch.bincount(x)
torch.histc(x)
torch.histc(x, 5)
torch.histc(x, 4, -1, 1)
torch.histc(x, bins=4, min=1, max=0)
torch.histc(x, 0)
torch.histc(i, 3)
torch.histc(s, 3)
torch.histogram(x.detach(), 5)
torch.histogram(x.detach(), 4, range=(-1.0, 1.0))
torch.histogram(x.detach(), q.detach())
torch.histogram(x.detach(), 4, weight=x.detach() ** 2, density=True)
torch.histogramdd(g.detach(), [3, 2])
torch.kthvalue(i, 2)[0]
torch.median(i, 1)[0]
torch.mode(i, 1)
""".strip().split("\n")


@pytest.mark.parametrize("source", PROGRAMS)
def test_program(source):
    """One call each, gradients of the values included."""
    names = compile(source, "<program>", "eval").co_names
    expression(source, {n: OPERANDS[n] for n in names if n in OPERANDS}, scale=4)


@pytest.mark.parametrize("shape, dim", [((0, 5), 0), ((5, 0), 1), ((0,), None), ((5, 0), 0)])
def test_unique_consecutive_without_elements(shape, dim):
    def shapes(lib):
        try:
            return [
                tuple(t.shape) for t in lib.unique_consecutive(lib.empty(shape), True, True, dim)
            ]
        except RuntimeError as error:
            return str(error)

    assert shapes(jtorch) == shapes(torch)
