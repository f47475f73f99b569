"""Approximate factorizations of large matrices from random projections."""

from .registry import check, composite, ops


def _basis(A, q, niter):
    """Orthonormal columns (*, m, q) that nearly span those of A (*, m, n): Halko et al., 2009,
    algorithm 4.4.
    """
    dtype = A.dtype if A.dtype.is_floating_point or A.dtype.is_complex else None
    start = ops.randn(A.shape[-1], q, dtype=dtype, device=A.device)
    Q = ops.linalg_qr(ops.matmul(A, start))[0]
    for _ in range(niter):
        Q = ops.linalg_qr(ops.matmul(A.mH, Q))[0]
        Q = ops.linalg_qr(ops.matmul(A, Q))[0]
    return Q


@composite("f")
def svd_lowrank(A, q=6, niter=2, M=None):
    """(U, S, V) with `A - M` nearly U diag(S) V^H: the `q` leading singular values of A (*, m, n).

    `niter` subspace iterations sharpen the random projection.
    """
    A = A if M is None else A - ops.expand(M, A.shape)
    wide = A.shape[-2] < A.shape[-1]
    A = A.mH if wide else A
    Q = _basis(A, q, niter)
    U, S, Vh = ops.linalg_svd(ops.matmul(Q.mH, A), False)
    U, V = ops.matmul(Q, U), Vh.mH
    return (V, S, U) if wide else (U, S, V)


@composite("f")
def pca_lowrank(A, q=None, center=True, niter=2):
    """(U, S, V): the principal components of the rows of A (*, m, n), the columns of V.

    ValueError unless 0 <= q <= min(m, n) and niter >= 0.
    """
    smallest = min(A.shape[-2:])
    q = min(6, smallest) if q is None else q
    check(
        0 <= q <= smallest,
        f"q(={q}) must be non-negative integer and not greater than min(m, n)={smallest}",
        ValueError,
    )
    check(niter >= 0, f"niter(={niter}) must be non-negative integer", ValueError)
    A = A - ops.mean(A, -2, True) if center else A
    return ops.svd_lowrank(A, q, niter)
