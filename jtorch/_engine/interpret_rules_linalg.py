"""NumPy rules of linear algebra and Fourier transforms, through `numpy.linalg` and `numpy.fft`.

Where LAPACK fails, XLA gives nan and NumPy raises: `_nan_where_failed` retries matrix by matrix.
LU, Hessenberg and the like have no NumPy counterpart and are left to XLA.
"""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from .interpret_blas import on_one_thread
from .interpret_registry import Unsupported, is_half, rule


def _checked(ins) -> None:
    if is_half(ins[0].dtype):
        raise Unsupported("linear algebra in 16 bits")


def _few_threads(function: Callable, ins) -> Callable:
    shape = ins[0].shape
    return on_one_thread(function, 10.0 * prod(shape) * min(shape[-2:]))


def _nan_where_failed(function: Callable, ins, outs) -> Callable:
    """`function(a)`, a tuple of results; nan for the matrices of a batch where it fails."""
    function = _few_threads(function, ins)

    def run(a):
        try:
            return function(a)
        except np.linalg.LinAlgError:
            pass
        batch = a.shape[:-2]
        results = tuple([np.full(o.shape, np.nan, o.dtype) for o in outs])
        for index in np.ndindex(*batch):
            try:
                parts = function(a[index])
            except np.linalg.LinAlgError:
                continue
            for result, part in zip(results, parts, strict=True):
                result[index] = part
        return results

    return run


@rule("cholesky")
def _cholesky(ins, outs, p):
    _checked(ins)
    run = _nan_where_failed(lambda a: (np.linalg.cholesky(a),), ins, outs)
    return lambda a: run(a)[0]


@rule("qr")
def _qr(ins, outs, p):
    _checked(ins)
    if p.get("pivoting"):
        raise Unsupported("qr with pivoting")
    mode = "complete" if p["full_matrices"] else "reduced"
    return _few_threads(lambda a: tuple(np.linalg.qr(a, mode)), ins)


@rule("eigh")
def _eigh(ins, outs, p):
    _checked(ins)
    if p.get("subset_by_index") is not None:
        raise Unsupported("eigh of a subset")
    triangle = "L" if p["lower"] else "U"

    def eigh(a):
        values, vectors = np.linalg.eigh(a, triangle)
        return vectors, values

    return _nan_where_failed(eigh, ins, outs)


@rule("svd")
def _svd(ins, outs, p):
    _checked(ins)
    if p.get("subset_by_index") is not None:
        raise Unsupported("svd of a subset")
    full = p["full_matrices"]
    if not p["compute_uv"]:
        return _nan_where_failed(lambda a: (np.linalg.svd(a, compute_uv=False),), ins, outs)

    def svd(a):
        left, values, right = np.linalg.svd(a, full)
        return values, left, right

    return _nan_where_failed(svd, ins, outs)


@rule("triangular_solve")
def _triangular_solve(ins, outs, p):
    _checked(ins)
    left_side, unit = p["left_side"], p["unit_diagonal"]
    transpose, conjugate = p["transpose_a"], p["conjugate_a"]
    lower = p["lower"]

    def solve(a, b):
        a = np.conjugate(a) if conjugate else a
        upper = not lower
        if transpose != (not left_side):
            # Either op(a) is the transpose, or x op(a) = b is solved as op(a)^T x^T = b^T.
            a, upper = a.swapaxes(-1, -2), lower
        if left_side:
            return _substitute(a, b, upper, unit)
        return _substitute(a, b.swapaxes(-1, -2), upper, unit).swapaxes(-1, -2)

    return _few_threads(solve, ins[1:])


# Rows solved together: within a block one by one, between blocks by matrix products.
_ROWS = 32


def _substitute(a, b, upper: bool, unit: bool) -> np.ndarray:
    """Solve a x = b for a triangular a by substitution; a zero on the diagonal gives inf or nan."""
    x = np.array(b)
    size = a.shape[-1]
    starts = list(range(0, size, _ROWS))
    for start in reversed(starts) if upper else starts:
        end = min(start + _ROWS, size)
        block = slice(start, end)
        done = slice(end, size) if upper else slice(0, start)
        if done.stop > done.start:
            x[..., block, :] -= np.matmul(a[..., block, done], x[..., done, :])
        for i in range(end - 1, start - 1, -1) if upper else range(start, end):
            near = slice(i + 1, end) if upper else slice(start, i)
            if near.stop > near.start:
                x[..., i, :] -= np.matmul(a[..., i : i + 1, near], x[..., near, :])[..., 0, :]
            if not unit:
                x[..., i, :] /= a[..., i, i, None]
    return x


@rule("fft")
def _fft(ins, outs, p):
    lengths = tuple(int(n) for n in p["fft_lengths"])
    axes = tuple(range(-len(lengths), 0))
    kind = int(p["fft_type"])
    transform = (np.fft.fftn, np.fft.ifftn, np.fft.rfftn, np.fft.irfftn)[kind]
    dtype = outs[0].dtype
    if 0 in ins[0].shape or 0 in outs[0].shape:
        shape = outs[0].shape
        return lambda a: np.zeros(shape, dtype)
    return lambda a: transform(a, lengths, axes).astype(dtype, copy=False)
