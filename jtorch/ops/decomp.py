"""Matrix factorizations: Cholesky, QR, LU, singular values, eigenvalues."""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._engine import dtypes
from .._engine.errors import LinAlgError
from .layouts import as_columns, columns, solution
from .linalg import adjoint, check_floating, check_matrix, check_square, info_of, not_finite
from .positions import type_name
from .registry import SAME, T, check, composite, from_host, guard, op, ops, return_type

# ---- Cholesky -----------------------------------------------------------------------------------


@jax.custom_jvp
def _from_lower(a):
    """The Hermitian matrix whose lower triangle is that of `a`."""
    return jnp.tril(a) + adjoint(jnp.tril(a, -1))


@_from_lower.defjvp
def _from_lower_jvp(primals, tangents):
    # Only one triangle is read, but torch gives both a gradient, as if the input were symmetrized.
    (t,) = tangents
    return _from_lower(primals[0]), (t + adjoint(t)) / 2


def _factor(a, upper):
    lower = lax.linalg.cholesky(_from_lower(adjoint(a) if upper else a), symmetrize_input=False)
    return adjoint(lower) if upper else lower


def _failed(factor):
    # XLA gives NaN for a matrix that is not positive-definite.
    return jnp.any(jnp.isnan(jnp.diagonal(factor, axis1=-2, axis2=-1).real), axis=-1)


_NOT_POSITIVE = (
    "linalg.cholesky: The factorization could not be completed because the input is not "
    "positive-definite."
)


def _cholesky(a, upper, name):
    check_square(name, a)
    if not a.size:
        return a
    factor = _factor(a, upper)
    guard(jnp.any(_failed(factor)), LinAlgError, _NOT_POSITIVE)
    return factor


@op(SAME, variants="L o", name="cholesky", grad_name="LinalgCholeskyExBackward0", layout=columns(0))
def linalg_cholesky(input: T, *, upper: bool = False):
    """The lower (or upper) triangular L with `L @ L^H = input`, for a positive-definite (*, n, n).

    Raises LinAlgError when a matrix is not positive-definite.
    """
    return _cholesky(input, upper, "linalg.cholesky")


@op(SAME, variants="f m o", layout=columns(0))
def cholesky(input: T, upper: bool = False):
    """The lower (or upper) triangular L with `L @ L^H = input`."""
    return _cholesky(input, upper, "cholesky")


@op(SAME, variants="L o", returns="L info", layout=columns(0))
def cholesky_ex(input: T, *, upper: bool = False, check_errors: bool = False):
    """The Cholesky factor, and an `info` that is positive where there is none."""
    check_square("linalg.cholesky_ex", input)
    factor = _factor(input, upper)
    failed = _failed(factor)
    if check_errors:
        guard(jnp.any(failed), LinAlgError, _NOT_POSITIVE)
    return factor, info_of(failed)


def _with_factor(b, factor, upper):
    lower = adjoint(factor) if upper else factor
    batch = np.broadcast_shapes(b.shape[:-2], factor.shape[:-2])
    lower = jnp.broadcast_to(lower, batch + lower.shape[-2:])
    b = jnp.broadcast_to(b, batch + b.shape[-2:])

    def solve(_, v):
        half = lax.linalg.triangular_solve(lower, v, left_side=True, lower=True)
        return lax.linalg.triangular_solve(
            lower, half, left_side=True, lower=True, transpose_a=True, conjugate_a=True
        )

    # torch takes the gradient by all of the factor, as if the other triangle were read too.
    return lax.custom_linear_solve(
        lambda x: lower @ (adjoint(lower) @ x),
        b,
        solve,
        transpose_solve=lambda _, v: solve(None, v.conj()).conj(),
    )


@op(SAME, variants="f m o", layout=columns(0))
def cholesky_solve(input: T, input2: T, upper: bool = False):
    """X with `A @ X = input`, given the Cholesky factor of A."""
    for name, x in (("b", input), ("u", input2)):
        check(
            x.ndim >= 2,
            f"{name} should have at least 2 dimensions, but has {x.ndim} dimensions instead",
        )
    check(
        input.shape[-2] == input2.shape[-1],
        "Incompatible matrix sizes for cholesky_solve: each A matrix is "
        f"{input2.shape[-1]} by {input2.shape[-1]} but each b matrix is {input.shape[-2]} by "
        f"{input.shape[-1]}",
    )
    return _with_factor(input, input2, upper)


@op(SAME, variants="f m o", layout=columns(0))
def cholesky_inverse(input: T, upper: bool = False):
    """The inverse of A, given its Cholesky factor."""
    check_matrix("cholesky_inverse", input)
    eye = jnp.broadcast_to(jnp.eye(input.shape[-1], dtype=input.dtype), input.shape)
    return _with_factor(eye, input, upper)


# ---- QR -----------------------------------------------------------------------------------------


@op(SAME, variants="p", grad_name="LinalgQrBackward0", layout=columns(0, 1))
def qr_of(A: T, mode: str = "reduced"):
    """The factors Q and R; Q is empty in mode "r"."""
    check_matrix("linalg.qr", A)
    check_floating("linalg.qr", A)
    if mode == "r":
        return jnp.zeros((0,), A.dtype), jnp.linalg.qr(A, mode="r")
    q, r = jnp.linalg.qr(A, mode=mode)
    return q, r


@composite("L o", name="qr")
def linalg_qr(A, mode="reduced"):
    """(Q, R) with `Q @ R = A`, Q with orthonormal columns, R upper triangular.

    `mode` is "reduced" (Q is (*, m, k), k = min(m, n)), "complete" (Q is square) or "r".
    """
    check(
        mode in ("reduced", "complete", "r"),
        f"qr received unrecognized mode '{mode}' but expected one of 'reduced' (default), 'r', or "
        "'complete'",
    )
    return return_type("linalg_qr", "Q R")(ops.qr_of(A, mode))


@composite("f m o")
def qr(input, some=True):
    """(Q, R) with `Q @ R = input`; with `some=False` Q is square."""
    return return_type("qr", "Q R")(ops.qr_of(input, "reduced" if some else "complete"))


@op(SAME, variants="L o", layout=columns(0))
def householder_product(input: T, tau: T):
    """The first columns of the product of Householder reflectors given by (input, tau)."""
    check_matrix("linalg.householder_product", input, "input")
    check_floating("linalg.householder_product", input)
    m, n = input.shape[-2:]
    check(
        m >= n,
        "torch.linalg.householder_product: input.shape[-2] must be greater than or equal to "
        "input.shape[-1]",
    )
    check(
        n >= tau.shape[-1],
        "torch.linalg.householder_product: input.shape[-1] must be greater than or equal to "
        "tau.shape[-1]",
    )
    return reflected(input, tau, n)


@composite("f m o")
def orgqr(input, input2):
    """`linalg.householder_product`, under LAPACK's name."""
    return householder_product(input, input2)


def reflected(input, tau, n):
    """The first n columns of the product of the reflectors (input, tau)."""
    # The product of I - tau_i v_i v_i^H is I - V (I + D S)^-1 D V^H, with D = diag(tau) and S the
    # strict upper triangle of V^H V (the compact WY form); it has a derivative, LAPACK's has none.
    m, k = input.shape[-2], tau.shape[-1]
    vectors = jnp.tril(input[..., :, :k], -1) + jnp.eye(m, k, dtype=input.dtype)
    strict = jnp.triu(adjoint(vectors) @ vectors, 1)
    scale = tau[..., :, None]
    middle = jnp.eye(k, dtype=input.dtype) + scale * strict
    right = scale * adjoint(vectors)[..., :, :n]
    inner = lax.linalg.triangular_solve(middle, right, left_side=True, unit_diagonal=True)
    return jnp.eye(m, n, dtype=input.dtype) - vectors @ inner


# ---- LU -----------------------------------------------------------------------------------------


def _check_pivot(pivot, name):
    check(
        pivot,
        f"torch.{name}: pivot=False is not supported by jtorch, use pivot=True",
        NotImplementedError,
    )


@op(SAME, variants="p", grad_name="LinalgLuFactorExBackward0", layout=columns(0))
def lu_factor_of(A: T):
    """(LU, pivots, info): both factors in one matrix, pivots counted from 1."""
    check_matrix("torch.linalg.lu_factor", A)
    check_floating("torch.linalg.lu_factor", A)
    lu, pivots, _ = lax.linalg.lu(A)
    bad = jnp.any(jnp.diagonal(lu, axis1=-2, axis2=-1) == 0, axis=-1)
    return lu, pivots + np.int32(1), info_of(bad)


@composite("L o", name="lu_factor")
def linalg_lu_factor(A, *, pivot=True):
    """(LU, pivots): the factors L and U in one matrix, and the row exchanges, counted from 1."""
    _check_pivot(pivot, "linalg.lu_factor")
    return return_type("linalg_lu_factor", "LU pivots")(ops.lu_factor_of(A)[:2])


@composite("L o", name="lu_factor_ex")
def linalg_lu_factor_ex(A, *, pivot=True, check_errors=False):
    """`lu_factor` with an `info` that is positive where U has a zero on its diagonal."""
    _check_pivot(pivot, "linalg.lu_factor_ex")
    return return_type("linalg_lu_factor_ex", "LU pivots info")(ops.lu_factor_of(A))


@composite("f m o")
def lu(A, pivot=True, get_infos=False):
    """(LU, pivots), and the infos on request."""
    _check_pivot(pivot, "lu")
    out = ops.lu_factor_of(A)
    return out if get_infos else tuple(out[:2])


def _triangles(lu):
    rows, columns = lu.shape[-2:]
    k = min(rows, columns)
    lower = jnp.tril(lu[..., :, :k], -1) + jnp.eye(rows, k, dtype=lu.dtype)
    return lower, jnp.triu(lu[..., :k, :])


def _permutation(lu, pivots):
    rows = lu.shape[-2]
    order = lax.linalg.lu_pivots_to_permutation(pivots - np.int32(1), rows)
    index = jnp.arange(rows, dtype=order.dtype)
    return (index[:, None] == order[..., None, :]).astype(lu.dtype)


@op(SAME, variants="p", grad_name="LuUnpackBackward0")
def lu_triangles(LU_data: T):
    """L and U from the compact form."""
    return _triangles(LU_data)


@op(SAME, variants="p", grad=False)
def lu_permutation(LU_data: T, LU_pivots: T):
    """The permutation matrix that the row exchanges amount to."""
    return _permutation(LU_data, LU_pivots)


def _unpacked(LU_data, LU_pivots):
    return (ops.lu_permutation(LU_data, LU_pivots), *ops.lu_triangles(LU_data))


@composite("f o")
def lu_unpack(LU_data, LU_pivots, unpack_data=True, unpack_pivots=True):
    """(P, L, U) with `P @ L @ U = A`, from the result of `lu_factor`."""
    P, L, U = _unpacked(LU_data, LU_pivots)
    none = from_host(np.zeros(0, LU_data.dtype.np), LU_data.device)
    parts = (P if unpack_pivots else none, *((L, U) if unpack_data else (none, none)))
    return return_type("lu_unpack", "P L U")(parts)


@composite("L o", name="lu")
def linalg_lu(A, *, pivot=True):
    """(P, L, U) with `P @ L @ U = A`, for matrices (*, m, n)."""
    _check_pivot(pivot, "linalg.lu")
    factors = ops.lu_factor_of(A)
    return return_type("linalg_lu", "P L U")(_unpacked(factors[0], factors[1]))


def _by_lu(lu, pivots, b, adjoint_system):
    permutation = _permutation(lu, pivots)
    lower, upper = _triangles(lu)
    batch = np.broadcast_shapes(lu.shape[:-2], b.shape[:-2])
    lower, upper = (jnp.broadcast_to(x, batch + x.shape[-2:]) for x in (lower, upper))
    b = jnp.broadcast_to(b, batch + b.shape[-2:])

    def solve(a, b, is_lower):
        options = {"transpose_a": True, "conjugate_a": True} if adjoint_system else {}
        return lax.linalg.triangular_solve(
            a, b, left_side=True, lower=is_lower, unit_diagonal=is_lower, **options
        )

    if adjoint_system:
        return permutation @ solve(lower, solve(upper, b, False), True)
    return solve(upper, solve(lower, jnp.swapaxes(permutation, -2, -1) @ b, True), False)


@op(SAME, variants="L o", name="lu_solve", layout=solution)
def linalg_lu_solve(LU: T, pivots: T, B: T, *, left: bool = True, adjoint: bool = False):
    """X with `A @ X = B` (or `X @ A = B`, or with A^H for A), given the LU factors of A."""
    if left:
        return _by_lu(LU, pivots, B, adjoint)
    # X A = B is A^T X^T = B^T; the adjoint system solves for A^H, hence the conjugations.
    flipped = _by_lu(LU, pivots, jnp.swapaxes(B, -2, -1).conj(), not adjoint)
    return jnp.swapaxes(flipped, -2, -1).conj()


@composite("f m o")
def lu_solve(input, LU_data, LU_pivots):
    """X with `A @ X = input`, given the LU factors of A."""
    return ops.linalg_lu_solve(LU_data, LU_pivots, input)


# ---- singular values ----------------------------------------------------------------------------

_SVD_FAILED = (
    "linalg.svd: The algorithm failed to converge because the input matrix contained non-finite "
    "values."
)


def _check_svd(A):
    check_matrix("linalg.svd", A)
    check_floating("linalg.svd", A)
    guard(jnp.any(not_finite(A)), LinAlgError, _SVD_FAILED)


@op(SAME, variants="p", grad_name="LinalgSvdBackward0", layout=columns(0, 2))
def svd_of(A: T, full_matrices: bool = True):
    """(U, S, Vh) with `U @ diag(S) @ Vh = A`."""
    _check_svd(A)
    return tuple(jnp.linalg.svd(A, full_matrices=full_matrices))


@op(SAME, variants="L o", grad_name="LinalgSvdBackward0")
def svdvals(A: T, *, driver: str | None = None):
    """The singular values of matrices (*, m, n), largest first: (*, min(m, n))."""
    _check_svd(A)
    return jnp.linalg.svd(A, compute_uv=False)


@composite("L o", name="svd")
def linalg_svd(A, full_matrices=True, *, driver=None):
    """(U, S, Vh) with `U @ diag(S) @ Vh = A`, S largest first.

    U is (*, m, m) and Vh (*, n, n); without `full_matrices` both are cut to min(m, n).
    """
    return return_type("linalg_svd", "U S Vh")(ops.svd_of(A, bool(full_matrices)))


@composite("f m o")
def svd(input, some=True, compute_uv=True):
    """(U, S, V) with `U @ diag(S) @ V^H = input`."""
    made = return_type("svd", "U S V")
    if not compute_uv:
        m, n = tuple(input.shape)[-2:]
        batch = tuple(input.shape)[:-2]
        zeros = [from_host(np.zeros((*batch, k, k), input.dtype.np), input.device) for k in (m, n)]
        return made((zeros[0], ops.svdvals(input), zeros[1]))
    u, s, vh = ops.svd_of(input, not some)
    v = ops.transpose(vh, -2, -1)
    return made((u, s, ops.conj(v) if v.dtype.is_complex else v))


# ---- eigenvalues --------------------------------------------------------------------------------


def _check_uplo(uplo):
    check(
        uplo.upper() in ("L", "U"),
        f"Expected UPLO argument to be 'L' or 'U', but got {uplo}",
    )


def _eigh(a, uplo):
    lower = _from_lower(a if uplo.upper() == "L" else adjoint(a))
    return lax.linalg.eigh(lower, symmetrize_input=False)


@op(SAME, variants="p", grad_name="LinalgEighBackward0", layout=columns(1))
def eigh_of(A: T, UPLO: str = "L"):
    """(eigenvalues, eigenvectors) of Hermitian matrices, in ascending order."""
    check_square("linalg.eigh", A)
    _check_uplo(UPLO)
    vectors, values = _eigh(A, UPLO)
    return values, vectors


@op(SAME, variants="L o", grad_name="LinalgEighBackward0")
def eigvalsh(input: T, UPLO: str = "L"):
    """The eigenvalues of Hermitian matrices (*, n, n), in ascending order: (*, n)."""
    check_square("linalg.eigvalsh", input)
    _check_uplo(UPLO)
    return _eigh(input, UPLO)[1]


@composite("L o", name="eigh")
def linalg_eigh(input, UPLO="L"):
    """(eigenvalues, eigenvectors) of Hermitian matrices (*, n, n), eigenvalues ascending.

    Only the lower triangle (or the upper, with `UPLO="U"`) is read.
    """
    return return_type("linalg_eigh", "eigenvalues eigenvectors")(ops.eigh_of(input, UPLO))


def _eig_raw(a):
    return tuple(jnp.linalg.eig(a))


@jax.custom_jvp
def _eig(a):
    return _eig_raw(a)


@_eig.defjvp
def _eig_jvp(primals, tangents):
    # Eigenvectors keep unit length: the part of the derivative along each of them is taken out.
    values, vectors = _eig(primals[0])
    inner = jnp.linalg.solve(vectors, tangents[0].astype(vectors.dtype) @ vectors)
    gaps = values[..., None, :] - values[..., :, None]
    same = gaps == 0
    factor = jnp.where(same, 0, 1 / jnp.where(same, jnp.ones_like(gaps), gaps))
    moved = vectors @ (factor.astype(vectors.dtype) * inner)
    along = jnp.sum(vectors.conj() * moved, axis=-2, keepdims=True).real
    moved = moved - vectors * along.astype(vectors.dtype)
    return (values, vectors), (jnp.diagonal(inner, axis1=-2, axis2=-1), moved)


def _check_eig(A):
    check_square("linalg.eig", A)
    message = "torch.linalg.eig: input tensor should not contain infs or NaNs."
    guard(jnp.any(not_finite(A)), RuntimeError, message)


@op(SAME, variants="p", grad_name="LinalgEigBackward0", layout=columns(1))
def eig_of(A: T):
    """(eigenvalues, eigenvectors) of square matrices, complex."""
    _check_eig(A)
    return _eig(A)


@op(SAME, variants="L o", grad_name="LinalgEigBackward0")
def eigvals(input: T):
    """The eigenvalues of square matrices (*, n, n), complex: (*, n)."""
    _check_eig(input)
    return _eig(input)[0]


@composite("L o", name="eig")
def linalg_eig(input):
    """(eigenvalues, eigenvectors) of square matrices (*, n, n), complex, in no given order."""
    return return_type("linalg_eig", "eigenvalues eigenvectors")(ops.eig_of(input))


# ---- least squares ------------------------------------------------------------------------------


@op(SAME, variants="p", grad=False)
def rank_above(A: T, rcond: float | None = None):
    """(rank, singular values); those below rcond times the largest do not count."""
    values = jnp.linalg.svd(A, compute_uv=False)
    if rcond is None:
        rcond = float(jnp.finfo(A.dtype).eps) * max(A.shape[-2:])
    cutoff = (rcond * values[..., :1]).astype(values.dtype)
    return jnp.sum(values > cutoff, axis=-1, dtype=np.int64), values


@composite("L o")
def lstsq(input, b, rcond=None, *, driver=None):
    """(solution, residuals, rank, singular_values): X with the least `|input @ X - b|`.

    `input` is (*, m, n), `b` (*, m, k) or (*, m). The residuals and singular values are empty where
    torch's `driver` does not work them out.
    """
    drivers = ("gels", "gelsy", "gelsd", "gelss")
    driver = "gelsy" if driver is None else driver
    check(
        driver in drivers,
        "torch.linalg.lstsq: parameter `driver` should be one of (gels, gelsy, gelsd, gelss)",
    )
    check(
        input.dtype is b.dtype,
        "torch.linalg.lstsq: Expected input and other to have the same dtype, but got input's "
        f"dtype {type_name(input.dtype)} and other's dtype {type_name(b.dtype)}",
    )
    check(input.ndim >= 2, "torch.linalg.lstsq: input must have at least 2 dimensions.")
    check(b.ndim >= 1, "torch.linalg.lstsq: other must have at least 1 dimension.")
    vector = input.ndim - 1 == b.ndim and tuple(b.shape) == tuple(input.shape)[:-1]
    b = ops.unsqueeze(b, -1) if vector else b
    check(
        input.shape[-2] == b.shape[-2],
        "torch.linalg.lstsq: input.size(-2) should match other.size(-2)",
    )
    cut = None if rcond is None else float(rcond)
    x = as_columns(ops.matmul(ops.pinv_of(input, None, cut, False), b))
    return _lstsq_result(input, b, x, vector, driver, cut)


def _lstsq_result(A, b, x, vector, driver, cut):
    empty = from_host(np.zeros(0, dtypes.float32.np if A.dtype is dtypes.complex64 else A.dtype.np))
    no_rank = from_host(np.zeros(0, np.int64))
    rank, values = (no_rank, empty) if driver == "gels" else ops.rank_above(A, cut)
    residuals = empty
    m, n = tuple(A.shape)[-2:]
    full = driver == "gels" or (driver != "gelsy" and bool((rank == n).all()))
    if m > n and full:
        residuals = ((ops.matmul(A, x) - b).abs() ** 2).sum(-2)
    solution = ops.squeeze(x, -1) if vector else x
    values = values if driver in ("gelsd", "gelss") else empty
    names = "solution residuals rank singular_values"
    return return_type("linalg_lstsq", names)((solution, residuals, rank, values))
