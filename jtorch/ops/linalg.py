"""Solving, inverting and the determinants: linear algebra whose results are unique."""

from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.scipy.linalg import expm

from .._engine import dtypes
from .._engine.errors import LinAlgError
from .._engine.tensor import Tensor
from .layouts import columns, solution
from .positions import type_name
from .registry import SAME, T, check, composite, guard, op, ops
from .safe import widen


def check_floating(name, *arrays):
    """Raise torch's error unless all arrays are floating or complex."""
    for a in arrays:
        check(
            a.dtype.kind in "fcV",
            lambda a=a: (
                f"{name}: Expected a floating point or complex tensor as input. Got "
                f"{type_name(dtypes.from_np(a.dtype))}"
            ),
        )


def check_matrix(name, a, what="A"):
    """Raise torch's error unless `a` has at least two dimensions."""
    check(a.ndim >= 2, f"{name}: The input tensor {what} must have at least 2 dimensions.")


def check_square(name, a, what="A"):
    """Raise torch's error unless `a` holds square matrices of a floating type."""
    check_matrix(name, a, what)
    check_floating(name, a)
    check(
        a.shape[-1] == a.shape[-2],
        f"{name}: {what} must be batches of square matrices, but they are {a.shape[-2]} by "
        f"{a.shape[-1]} matrices",
    )


def adjoint(a):
    """The conjugate transpose of the last two dimensions."""
    swapped = jnp.swapaxes(a, -2, -1)
    return swapped.conj() if a.dtype.kind == "c" else swapped


def info_of(bad):
    """The `info` result of the *_ex functions: 0 where all is well."""
    return bad.astype(np.int32)


def not_finite(a):
    """For each matrix, whether it holds a NaN or an infinity."""
    return ~jnp.all(jnp.isfinite(a), axis=(-2, -1))


# ---- solving ------------------------------------------------------------------------------------


def _is_vector_side(a, b, name):
    # As in torch, B is a batch of vectors when it is 1-D or has the shape of A without its last.
    vector = b.ndim == 1 or (a.ndim - 1 == b.ndim and b.shape == a.shape[:-1])
    if not vector:
        check_matrix(name, b, "B")
    return vector


def _broadcast_batch(a, b):
    batch = np.broadcast_shapes(a.shape[:-2], b.shape[:-2])
    return jnp.broadcast_to(a, batch + a.shape[-2:]), jnp.broadcast_to(b, batch + b.shape[-2:])


def _singular(a):
    diagonal = jnp.diagonal(lax.linalg.lu(a)[0], axis1=-2, axis2=-1)
    return jnp.any(diagonal == 0, axis=-1)


def _solve_with(a, b, left):
    if not left:
        return jnp.swapaxes(
            _solve_with(jnp.swapaxes(a, -2, -1), jnp.swapaxes(b, -2, -1), True), -2, -1
        )
    a, b = _broadcast_batch(a, b)
    return jnp.linalg.solve(a, b)


def _solve(name, A, B, left):
    check_square(name, A)
    check(
        A.dtype == B.dtype,
        f"{name}: Expected A and B to have the same dtype, but found A of type "
        f"{type_name(dtypes.from_np(A.dtype))} and B of type {type_name(dtypes.from_np(B.dtype))} "
        "instead",
    )
    vector = _is_vector_side(A, B, name)
    check(left or not vector, f"{name}: Vector broadcasting of the left hand side is not supported "
          "for left=False. In this case linalg.solve is equivalent to B / "
          "A.squeeze(-1)")  # fmt: skip
    b = B[..., None] if vector else B
    check(
        A.shape[-2] == b.shape[-2 if left else -1],
        f"{name}: Incompatible shapes of A and B for the equation {'AX = B' if left else 'XA = B'} "
        f"({A.shape[-2]}x{A.shape[-1]} and {b.shape[-2]}x{b.shape[-1]})",
    )
    out = _solve_with(A, b, left)
    return out[..., 0] if vector else out


@op(SAME, variants="L o", layout=solution)
def solve(A: T, B: T, *, left: bool = True):
    """X with `A @ X = B` (or `X @ A = B`): (*, n, n) and (*, n, k) or (*, n).

    Raises LinAlgError when a matrix is singular.
    """
    out = _solve("linalg.solve", A, B, left)
    message = "torch.linalg.solve: The solver failed because the input matrix is singular."
    guard(jnp.any(_singular(A)), LinAlgError, message)
    return out


@op(SAME, variants="L o", returns="result info", layout=solution)
def solve_ex(A: T, B: T, *, left: bool = True, check_errors: bool = False):
    """`solve` with an `info` that is positive where the matrix is singular, instead of an error."""
    bad = _singular(A)
    if check_errors:
        message = "torch.linalg.solve_ex: The solver failed because the input matrix is singular."
        guard(jnp.any(bad), LinAlgError, message)
    return _solve("linalg.solve", A, B, left), info_of(bad)


@op(SAME, variants="L o", layout=columns(0))
def solve_triangular(
    input: T, B: T, *, upper: bool, left: bool = True, unitriangular: bool = False
):
    """X with `input @ X = B` (or `X @ input = B`); the triangle of `input` that should be zero is
    not looked at.
    """
    check_square("linalg.solve_triangular", input)
    check_matrix("linalg.solve_triangular", B, "B")
    side = -2 if left else -1
    check(
        input.shape[-1] == B.shape[side],
        "linalg.solve_triangular: Incompatible shapes of A and B for the equation "
        f"{'AX = B' if left else 'XA = B'} ({input.shape[-2]}x{input.shape[-1]} and "
        f"{B.shape[-2]}x{B.shape[-1]})",
    )
    a, b = _broadcast_batch(input, B)
    return lax.linalg.triangular_solve(
        a, b, left_side=left, lower=not upper, unit_diagonal=unitriangular
    )


@op(SAME, variants="f m o", returns="solution cloned_coefficient", layout=columns(0, 1))
def triangular_solve(
    input: T, A: T, upper: bool = True, transpose: bool = False, unitriangular: bool = False
):
    """(X, A) with `A @ X = input` for triangular A. torch recommends `linalg.solve_triangular`."""
    a, rhs = _broadcast_batch(A, input)
    out = lax.linalg.triangular_solve(
        a, rhs, left_side=True, lower=not upper, transpose_a=transpose, unit_diagonal=unitriangular
    )
    return out, a


# ---- inverses -----------------------------------------------------------------------------------


def _inverse(a):
    if not a.size:
        return a
    eye = jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    return jnp.linalg.solve(a, eye)


_SINGULAR = (
    "linalg.inv: The diagonal element is zero, the inversion could not be completed because the "
    "input matrix is singular."
)


@op(SAME, variants="L o", grad_name="LinalgInvExBackward0", layout=columns(0))
def inv(A: T):
    """The inverse of square matrices (*, n, n). Raises LinAlgError when one is singular."""
    check_square("linalg.inv", A)
    guard(jnp.any(_singular(A)), LinAlgError, _SINGULAR)
    return _inverse(A)


@composite("f m o")
def inverse(input):
    """The inverse of square matrices (*, n, n). Raises LinAlgError when one is singular."""
    return ops.inv(input)


@op(SAME, variants="L o", returns="inverse info", layout=columns(0))
def inv_ex(A: T, *, check_errors: bool = False):
    """The inverse, and an `info` that is positive where the matrix is singular."""
    check_square("linalg.inv", A)
    bad = _singular(A)
    if check_errors:
        guard(jnp.any(bad), LinAlgError, _SINGULAR)
    return _inverse(A), info_of(bad)


def _cutoff(largest, atol, rtol, shape, dtype):
    """Below this a singular value counts as zero."""
    if rtol is None:
        rtol = 0.0 if atol else max(shape[-2:]) * float(jnp.finfo(dtype).eps)
    return jnp.maximum(rtol * largest, atol or 0.0).astype(largest.dtype)


def _pinv(a, atol, rtol, hermitian):
    if hermitian:
        left, values = lax.linalg.eigh(a, symmetrize_input=False)
        right = adjoint(left)
        size = jnp.abs(values)
    else:
        left, values, right = jnp.linalg.svd(a, full_matrices=False)
        size = values
    cutoff = _cutoff(jnp.max(size, -1, keepdims=True), atol, rtol, a.shape, a.dtype)
    keep = size > cutoff
    inverted = jnp.where(keep, 1 / jnp.where(keep, values, jnp.ones_like(values)), 0)
    scaled = adjoint(right) * inverted.astype(a.dtype)[..., None, :]
    return scaled @ adjoint(left)


@partial(jax.custom_jvp, nondiff_argnums=(1, 2, 3))
def _pinv_smooth(a, atol, rtol, hermitian):
    return _pinv(a, atol, rtol, hermitian)


@_pinv_smooth.defjvp
def _pinv_jvp(atol, rtol, hermitian, primals, tangents):
    # Golub and Pereyra (1973), for a constant rank; equal singular values do no harm.
    (a,), (t,) = primals, tangents
    p = _pinv_smooth(a, atol, rtol, hermitian)
    th, ph = adjoint(t), adjoint(p)
    across = th - (th @ a) @ p
    along = (th @ ph) @ p
    return p, -(p @ t) @ p + p @ (ph @ across) + along - p @ (a @ along)


@op(SAME, variants="p", grad_name="LinalgPinvBackward0")
def pinv_of(A: T, atol: float | None = None, rtol: float | None = None, hermitian: bool = False):
    """The pseudo-inverse by singular values, or eigenvalues for Hermitian matrices."""
    check_matrix("linalg.pinv", A)
    check_floating("linalg.pinv", A)
    if not A.size:
        return jnp.zeros((*A.shape[:-2], A.shape[-1], A.shape[-2]), A.dtype)
    return _pinv_smooth(A, atol, rtol, hermitian)


@composite("L o")
def pinv(input, rcond=None, hermitian=False, *, atol=None, rtol=None):
    """The Moore-Penrose inverse of (*, m, n): (*, n, m). Small singular values count as zero."""
    rtol = rcond if rtol is None else rtol
    if isinstance(atol, Tensor) or isinstance(rtol, Tensor):
        return _pinv_of_tensors(input, atol, rtol)
    return ops.pinv_of(input, _as_float(atol), _as_float(rtol), bool(hermitian))


def cutoff(input, values, atol, rtol):
    """The singular value up to which the smaller ones count as zero, for tolerances of which one
    is a tensor, with a number for each matrix.
    """
    if rtol is None:
        eps = max(input.shape[-2:]) * float(jnp.finfo(input.dtype.np).eps)
        rtol = eps if atol is None else ops.where(atol > 0, 0.0, eps)
    atol, rtol = (t.unsqueeze(-1) if isinstance(t, Tensor) else t for t in (atol, rtol))
    relative = values.amax(-1, keepdim=True) * rtol
    return relative if atol is None else relative.clamp(min=atol)


def _pinv_of_tensors(input, atol, rtol):
    if not input.numel():
        # without singular values there is nothing to compare with the tolerances
        return ops.pinv_of(input, None, None, False)
    U, values, Vh = ops.svd(input, False)
    kept = values > cutoff(input, values, atol, rtol)
    inverse = ops.where(kept, 1 / values, 0.0).to(input.dtype)
    return ops.matmul(Vh.mH * inverse.unsqueeze(-2), U.mH)


@composite("f m o", name="pinverse")
def pinverse(input, rcond=1e-15):
    """The Moore-Penrose inverse."""
    return ops.pinv_of(input, None, _as_float(rcond), False)


def _as_float(value):
    return value if value is None else float(value)


@composite("L o")
def tensorinv(input, ind=2):
    """The inverse of `input` for `tensordot` over its first `ind` dimensions."""
    check(ind > 0, f"Expected a strictly positive integer for 'ind', but got {ind}")
    shape = tuple(input.shape)
    rows, columns = int(np.prod(shape[:ind])), int(np.prod(shape[ind:]))
    check(
        rows == columns,
        "Expected self to satisfy the requirement prod(self.shape[ind:]) == "
        "prod(self.shape[:ind]), "
        f"but got {columns} != {rows}",
    )
    flat = ops.inv(ops.reshape(input, (rows, columns)))
    return ops.reshape(flat, (*shape[ind:], *shape[:ind]))


@composite("L o")
def tensorsolve(input, other, dims=None):
    """X with `tensordot(input, X, X.ndim) = other`."""
    if dims is not None:
        kept = [d for d in range(input.ndim) if d not in {i % input.ndim for i in dims}]
        input = ops.permute(input, (*kept, *[i % input.ndim for i in dims]))
    rest = tuple(input.shape)[other.ndim :]
    check(
        int(np.prod(rest)) == other.numel(),
        "Expected self to satisfy the requirement prod(self.shape[other.ndim:]) == "
        f"prod(self.shape[:other.ndim]), but got {int(np.prod(rest))} != {other.numel()}",
    )
    flat = ops.solve(ops.reshape(input, (other.numel(), -1)), ops.flatten(other))
    return ops.reshape(flat, rest)


# ---- determinants -------------------------------------------------------------------------------


@op(SAME, variants="L o", grad_name="LinalgDetBackward0")
def det(A: T):
    """The determinants of square matrices (*, n, n)."""
    check_square("linalg.det", A)
    # The derivative of jnp.linalg.det cannot do with a matrix without elements.
    return jnp.linalg.det(A) if A.shape[-1] else jnp.ones(A.shape[:-2], A.dtype)


@composite("f m", name="det")
def torch_det(input):
    """The determinants of square matrices (*, n, n)."""
    return ops.det(input)


def _slogdet(a, name):
    check_square(name, a)
    sign, log = jnp.linalg.slogdet(a)
    return sign, log


@op(SAME, variants="L o", returns="sign logabsdet", name="slogdet")
def linalg_slogdet(A: T):
    """(sign, log of the absolute value) of the determinants of square matrices (*, n, n)."""
    return _slogdet(A, "linalg.slogdet")


@op(SAME, variants="f m", returns="sign logabsdet", name="slogdet")
def slogdet(input: T):
    """(sign, log of the absolute value) of the determinants of square matrices (*, n, n)."""
    return _slogdet(input, "linalg.slogdet")


@op(SAME, variants="f m")
def logdet(input: T):
    """The logarithm of the determinants; NaN for negative ones, -inf for zero."""
    sign, log = _slogdet(input, "logdet")
    if input.dtype.kind == "c":
        return log.astype(sign.dtype) + jnp.log(sign)
    return jnp.where(sign == -1, jnp.asarray(np.nan, log.dtype), log)


# ---- powers and exponentials --------------------------------------------------------------------


def _power(a, n):
    if n == 0:
        return jnp.broadcast_to(jnp.eye(a.shape[-1], dtype=a.dtype), a.shape)
    result = None
    square = a
    while n:
        if n & 1:
            result = square if result is None else result @ square
        n >>= 1
        if n:
            square = square @ square
    return result


@op(SAME, variants="p", grad_name="MatrixPowerBackward0")
def matrix_power_of(A: T, n: int):
    """The n-th power of square matrices, by repeated squaring."""
    check_matrix("linalg.matrix_power", A)
    check(
        A.shape[-1] == A.shape[-2],
        "linalg.matrix_power: A must be batches of square matrices, but they are "
        f"{A.shape[-2]} by {A.shape[-1]} matrices",
    )
    return _power(A, n)


@composite("f m L o")
def matrix_power(input, n):
    """The n-th power of square matrices (*, k, k); a negative power is one of the inverse."""
    if n == -1:
        return ops.inv(input)
    return ops.matrix_power_of(ops.inv(input) if n < 0 else input, abs(n))


@op(SAME, variants="f m L")
def matrix_exp(input: T):
    """The matrix exponential of square matrices (*, n, n)."""
    check_square("linalg.matrix_exp", input)
    if not input.size:
        return input
    flat = widen(input).reshape(-1, *input.shape[-2:])
    return jax.vmap(expm)(flat).reshape(input.shape).astype(input.dtype)


# ---- statistics ---------------------------------------------------------------------------------


@op(SAME, variants="p", grad_name="CovBackward0")
def cov_of(input: T, fweights: T | None = None, aweights: T | None = None, correction: int = 1):
    """The covariance matrix of the rows of a matrix."""
    x = input if input.dtype.kind in "fcV" else input.astype(dtypes.get_default_dtype().np)
    n = x.shape[1]
    for name, w in (("fweights", fweights), ("aweights", aweights)):
        if w is not None:
            guard(jnp.any(w < 0), RuntimeError, f"cov(): {name} cannot be negative")
    if fweights is None and aweights is None:
        weights, total = None, jnp.asarray(n, x.dtype)
    elif aweights is None:
        weights = fweights.astype(x.dtype)
        total = weights.sum()
    else:
        # In the type of the weights, as in torch; that of the result is the wider one.
        weights = aweights if fweights is None else aweights * fweights.astype(aweights.dtype)
        total = weights.sum()
    norm = total - correction
    if correction and aweights is not None:
        norm = total - correction * (weights * aweights).sum() / total
    wide = x.dtype if weights is None else np.promote_types(x.dtype, weights.dtype)
    x, total = x.astype(wide), total.astype(wide)
    weights = None if weights is None else weights.astype(wide)
    mean = (x if weights is None else x * weights).sum(1, keepdims=True) / total
    centred = x - mean
    weighted = centred if weights is None else centred * weights
    return weighted @ adjoint(centred) / jnp.maximum(norm.real, 0).astype(wide)


def _check_weights(name, weights, matrix, kinds, kind):
    """Raise torch's errors unless there is one weight for each observation."""
    if weights is None:
        return
    check(
        weights.ndim <= 1,
        f"cov(): expected {name} to have one or fewer dimensions but got {name} with "
        f"{weights.ndim} dimensions",
    )
    check(
        weights.dtype.kind in kinds,
        f"cov(): expected {name} to have {kind} dtype but got {name} with "
        f"{type_name(weights.dtype)} dtype",
    )
    check(
        weights.numel() == matrix.shape[1],
        f"cov(): expected {name} to have the same numel as there are observations in the input but "
        f"got {weights.numel()} != {matrix.shape[1]}",
    )


@composite("f m")
def cov(input, *, correction=1, fweights=None, aweights=None):
    """The covariance matrix of the variables in the rows of `input` (at most 2-D)."""
    check(input.ndim <= 2, f"cov(): expected input to have two or fewer dimensions but got an "
          f"input with {input.ndim} dimensions")  # fmt: skip
    matrix = ops.reshape(input, (1, -1)) if input.ndim < 2 else input
    _check_weights("fweights", fweights, matrix, "ui", "integral")
    _check_weights("aweights", aweights, matrix, "f", "floating point")
    out = ops.cov_of(matrix, fweights, aweights, int(correction))
    return ops.reshape(out, ()) if matrix.shape[0] == 1 else out


@op(SAME, variants="p", grad_name="CorrcoefBackward0")
def correlation_of(c: T):
    """The covariance matrix scaled to a unit diagonal, its entries clipped to [-1, 1]."""
    scale = jnp.sqrt(jnp.diagonal(c))
    out = c / scale[:, None] / scale[None, :]
    return out if c.dtype.kind == "c" else jnp.clip(out, -1, 1)


@composite("f m")
def corrcoef(input):
    """The correlation matrix of the variables in the rows of `input` (at most 2-D)."""
    check(input.ndim <= 2, f"corrcoef(): expected input to have two or fewer dimensions but got an "
          f"input with {input.ndim} dimensions")  # fmt: skip
    c = ops.cov(input)
    return ops.correlation_of(c) if c.ndim else ops.div(c, c)


@composite("L", name="diagonal")
def linalg_diagonal(A, *, offset=0, dim1=-2, dim2=-1):
    """The diagonals of the matrices in the last two dimensions, as a view."""
    return ops.diagonal(A, offset, dim1, dim2)


@composite("L", name="vander")
def linalg_vander(x, *, N=None):
    """The powers 0 .. N-1 of the vectors `x` (*, n) along a new last dimension."""
    x = x if x.ndim else ops.reshape(x, (1,))
    return ops.vander(x, x.shape[-1] if N is None else N, True)
