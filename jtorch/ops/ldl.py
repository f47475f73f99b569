"""Factors of symmetric matrices that are not positive definite, by LAPACK on the host."""

import importlib

import numpy as np

from .linalg import check_floating, check_square
from .registry import check, composite, from_host, host, ops, return_type


def _lapack(stem, array, hermitian):
    """LAPACK's routine for a type: `dsytrf` for float64, `zhetrf` for a Hermitian complex128."""
    letter = {"f4": "s", "f8": "d", "c8": "c", "c16": "z"}[array.dtype.str[1:]]
    kind = "he" if hermitian and array.dtype.kind == "c" else "sy"
    # SciPy's linear algebra takes long to import, and few programs come here.
    return getattr(importlib.import_module("scipy.linalg.lapack"), letter + kind + stem)


def _factor(matrices, hermitian):
    """(factors, pivots, info) of matrices (*, n, n)."""
    batch, n = matrices.shape[:-2], matrices.shape[-1]
    factors = np.zeros_like(matrices)
    pivots = np.zeros((*batch, n), np.int32)
    info = np.zeros(batch, np.int32)
    if n:
        routine = _lapack("trf", matrices, hermitian)
        for at in np.ndindex(batch):
            found, pivots[at], info[at] = routine(matrices[at], lower=1)
            factors[at] = np.tril(found)
    return factors, pivots, info


@composite("L o")
def ldl_factor_ex(input, *, hermitian=False, check_errors=False):
    """(LD, pivots, info): L below the diagonal and the blocks of D on it, with `L @ D @ L^T` the
    permuted symmetric (or Hermitian) matrices (*, n, n).
    """
    check_square("torch.linalg.ldl_factor_ex", input)
    check_floating("torch.linalg.ldl_factor_ex", input)
    found = _factor(host(input.detach()), hermitian)
    check(
        not check_errors or not found[2].any(),
        "torch.linalg.ldl_factor_ex: the factorisation could not be completed",
    )
    made = [from_host(a, input.device) for a in found]
    return return_type("linalg_ldl_factor_ex", "LD pivots info")(made)


@composite("L o")
def ldl_factor(input, *, hermitian=False):
    """(LD, pivots) of symmetric (or Hermitian) matrices; see `ldl_factor_ex`."""
    found = ops.ldl_factor_ex(input, hermitian=hermitian)
    return return_type("linalg_ldl_factor", "LD pivots")(found[:2])


@composite("L o")
def ldl_solve(LD, pivots, B, *, hermitian=False):
    """X with `A @ X = B`, (*, n, k), from what `ldl_factor` gives of A. Has no gradient."""
    check_square("torch.linalg.ldl_solve", LD)
    check(
        B.ndim >= 2,
        f"torch.linalg.ldl_solve: Expected B to have at least 2 dimensions, but it has {B.ndim} "
        "dimensions instead",
    )
    check(
        tuple(pivots.shape) == tuple(LD.shape[:-1]),
        "torch.linalg.ldl_solve: Expected LD.shape[:-1] and pivots.shape to be the same, but got "
        f"pivots with shape {list(pivots.shape)} instead",
    )
    check(
        not pivots.dtype.is_floating_point and not pivots.dtype.is_complex,
        f"torch.linalg.ldl_solve: Expected pivots to be integers. Got {pivots.dtype}",
    )
    check(
        LD.dtype is B.dtype,
        f"torch.linalg.ldl_solve: LD and B must have the same dtype, but got {LD.dtype} and "
        f"{B.dtype}",
    )
    check(
        LD.shape[-1] == B.shape[-2],
        "linalg.ldl_solve: Incompatible shapes of LD and B for the equation AX = B",
    )
    return _solved(host(LD.detach()), host(pivots), host(B.detach()), hermitian, B.device)


def _solved(factors, pivots, right, hermitian, device):
    batch = np.broadcast_shapes(factors.shape[:-2], right.shape[:-2])
    factors = np.broadcast_to(factors, batch + factors.shape[-2:])
    pivots = np.broadcast_to(pivots, batch + pivots.shape[-1:])
    solution = np.broadcast_to(right, batch + right.shape[-2:]).copy()
    size = factors.shape[-1]
    check(
        (np.abs(pivots) >= 1).all() and (np.abs(pivots) <= size).all(),
        f"torch.linalg.ldl_solve: pivots must be between 1 and {size}, or their negatives",
    )
    if solution.size:
        routine = _lapack("trs", factors, hermitian)
        for at in np.ndindex(batch):
            solution[at], _ = routine(factors[at], pivots[at], solution[at], lower=1)
    return from_host(solution, device)
