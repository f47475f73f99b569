"""Norms of vectors and matrices, what is measured with them, and distances."""

import math

import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.tensor import Tensor
from .linalg import check_floating, check_matrix, cutoff
from .positions import type_name
from .registry import SAME, DType, T, check, composite, op, ops, wrap_dim, wrap_dims


def _magnitude(x):
    """|x|, with derivative 0 where x is 0."""
    if x.dtype.kind != "c":
        return x * jnp.sign(x)
    return _root(x.real * x.real + x.imag * x.imag)


def _root(square):
    # The derivative of the root is infinite at 0; torch's norms have 0 there.
    zero = square == 0
    return jnp.where(zero, square, jnp.sqrt(jnp.where(zero, jnp.ones_like(square), square)))


def _power_norm(x, p, axes, keepdims):
    size = _magnitude(x)
    zero = size == 0
    powers = jnp.where(
        zero, 0.0 if p > 0 else np.inf, jnp.where(zero, jnp.ones_like(size), size) ** p
    )
    total = jnp.sum(powers, axis=axes, keepdims=keepdims)
    if p < 0:
        return total ** (1 / p)
    none = total == 0
    return jnp.where(none, total, jnp.where(none, jnp.ones_like(total), total) ** (1 / p))


def norm_over(x, p, axes, keepdims):
    """The p-norm of `x` over `axes`, of x's real type; its derivative is 0 where the norm is."""
    half = x.dtype.itemsize == 2
    wide = x.astype(np.float32) if half else x
    out = _norm_over(wide, p, axes, keepdims)
    return out.astype(x.dtype) if half else out


def _norm_over(x, p, axes, keepdims):
    if p == 2:
        square = x.real * x.real + x.imag * x.imag if x.dtype.kind == "c" else x * x
        return _root(jnp.sum(square, axis=axes, keepdims=keepdims))
    if p == math.inf:
        return jnp.max(_magnitude(x), axis=axes, keepdims=keepdims)
    if p == -math.inf:
        return jnp.min(_magnitude(x), axis=axes, keepdims=keepdims)
    if p == 1:
        return jnp.sum(_magnitude(x), axis=axes, keepdims=keepdims)
    if p == 0:
        return jnp.sum((x != 0).astype(x.real.dtype), axis=axes, keepdims=keepdims)
    return _power_norm(x, p, axes, keepdims)


def _axes(dim, ndim):
    if dim is None or dim == ():
        return tuple(range(ndim))
    return wrap_dims(dim, ndim)


# ---- linalg's norms -----------------------------------------------------------------------------


def _converted(x, dtype, name):
    check_floating(name, x)
    if dtype is None:
        return x
    check(
        np.dtype(dtype).kind in "fcV",
        f"{name}: dtype should be floating point or complex. Got "
        f"{type_name(dtypes.from_np(dtype))}",
    )
    have, want = dtypes.from_np(x.dtype), dtypes.from_np(dtype)
    check(
        dtypes.promote_types(have, want) is want,
        f"{name}: the dtype of the input ({type_name(have)}) should be convertible without "
        f"narrowing to the specified dtype ({type_name(want)})",
    )
    return x.astype(dtype)


@op(SAME, variants="L o", grad_name="LinalgVectorNormBackward0")
def vector_norm(input: T, ord: float = 2, dim=None, keepdim: bool = False, *, dtype: DType = None):
    """(sum |x|^ord)^(1/ord) over `dim`, by default all; inf is the largest |x|, 0 counts."""
    check(
        isinstance(ord, (int, float)),
        f"linalg.vector_norm(): argument 'ord' must be Number, not {type(ord).__name__}",
        TypeError,
    )
    input = _converted(input, dtype, "linalg.vector_norm")
    # A scalar has a dimension 0 to be named, and none to be reduced.
    axes = _axes(dim, max(input.ndim, 1)) if input.ndim or dim is not None else ()
    axes = axes if input.ndim else ()
    empty = any(not input.shape[a] for a in axes)
    check(
        not (empty and (ord < 0 or ord == math.inf)),
        f"linalg.vector_norm cannot compute the {ord} norm on an empty tensor because the "
        "operation "
        "does not have an identity",
    )
    return norm_over(input, ord, axes, keepdim)


def _check_matrix_dims(dim, ndim):
    check(
        isinstance(dim, (tuple, list)) and len(dim) == 2,
        f"linalg.matrix_norm: dim must be a 2-tuple. Got {dim}",
    )
    dims = tuple(wrap_dim(d, ndim) for d in dim)
    check(
        dims[0] != dims[1], f"linalg.matrix_norm: dims must be different. Got ({dim[0]}, {dim[1]})"
    )
    return dims


@op(SAME, variants="p", grad_name="LinalgMatrixNormBackward0")
def matrix_norm_of(A: T, ord="fro", dim=(-2, -1), keepdim: bool = False, dtype: DType = None):
    """The norms of matrices that take no singular values: fro, 1, -1, inf, -inf."""
    check_matrix("linalg.matrix_norm", A)
    A = _converted(A, dtype, "linalg.matrix_norm")
    dims = _check_matrix_dims(dim, A.ndim)
    if ord == "fro":
        return norm_over(A, 2, dims, keepdim)
    summed, kept = dims if abs(ord) == 1 else dims[::-1]
    sums = jnp.sum(_magnitude(A), axis=summed, keepdims=True)
    if ord > 0 and not sums.shape[kept]:
        # torch: the largest of no sums is zero, the smallest an error
        best = jnp.sum(sums, axis=kept, keepdims=True)
    else:
        check(
            sums.shape[kept],
            f"amin(): Expected reduction dim {kept} to have non-zero size.",
            IndexError,
        )
        best = (jnp.max if ord > 0 else jnp.min)(sums, axis=kept, keepdims=True)
    return best if keepdim else jnp.squeeze(best, dims)


@composite("L o")
def matrix_norm(input, ord="fro", dim=(-2, -1), keepdim=False, *, dtype=None):
    """A norm of matrices (*, m, n): "fro", "nuc", 1, -1, 2, -2, inf or -inf."""
    check(
        ord in ("fro", "nuc", 1, -1, 2, -2, math.inf, -math.inf),
        f"linalg.matrix_norm: Order {ord} not supported.",
    )
    if ord not in ("nuc", 2, -2):
        return ops.matrix_norm_of(input, ord, tuple(dim), bool(keepdim), dtype)
    check(
        input.ndim >= 2, "linalg.matrix_norm: The input tensor A must have at least 2 dimensions."
    )
    if dtype is not None:
        input = input.to(dtype)
    dims = _check_matrix_dims(dim, input.ndim)
    values = ops.svdvals(ops.movedim(input, dims, (-2, -1)))
    if ord == "nuc" or (ord == 2 and not values.shape[-1]):
        out = values.sum(-1)
    else:
        out = values.amax(-1) if ord == 2 else values.amin(-1)
    for d in sorted(dims) if keepdim else ():
        out = ops.unsqueeze(out, d)
    return out


@composite("L o", name="norm")
def linalg_norm(input, ord=None, dim=None, keepdim=False, *, dtype=None):
    """A vector norm, or with two dimensions (or a matrix and an `ord`) a matrix norm."""
    if dim is not None and not isinstance(dim, int):
        dim = tuple(dim)
    pair = isinstance(dim, tuple) and len(dim) == 2
    if ord is not None and (pair or (dim is None and input.ndim == 2)):
        return ops.matrix_norm(input, ord, (-2, -1) if dim is None else dim, keepdim, dtype=dtype)
    check(
        ord is None or dim is not None or input.ndim in (1, 2),
        "linalg.norm: If dim is not specified but ord is, the input must be 1D or 2D. Got "
        f"{input.ndim}D.",
    )
    check(
        not isinstance(ord, str),
        f"linalg.norm: Order {ord} is only supported for matrices",
    )
    return ops.vector_norm(input, 2 if ord is None else ord, dim, keepdim, dtype=dtype)


# ---- what is measured with norms ----------------------------------------------------------------


@composite("L o")
def cond(input, p=None):
    """The condition number of matrices in the norm `p`: how inverting amplifies errors."""
    if p is None or p in (2, -2):
        values = ops.svdvals(input)
        first, last = ops.select(values, -1, 0), ops.select(values, -1, -1)
        return last / first if p == -2 else first / last
    inverse = ops.inv_ex(input)
    out = ops.matrix_norm(input, p) * ops.matrix_norm(inverse[0], p)
    singular = inverse[1] != 0
    return ops.masked_fill(out, singular, math.inf)


@op(SAME, variants="p", grad=False)
def matrix_rank_of(A: T, atol: float | None, rtol: float | None, hermitian: bool):
    """How many singular values (or |eigenvalues|) exceed max(atol, rtol * largest)."""
    check_matrix("torch.linalg.matrix_rank", A)
    check_floating("torch.linalg.matrix_rank", A)
    if not A.size:
        return jnp.zeros(A.shape[:-2], np.int64)
    if hermitian:
        values = jnp.abs(jnp.linalg.eigvalsh(A))
    else:
        values = jnp.linalg.svd(A, compute_uv=False)
    if rtol is None:
        rtol = 0.0 if atol else max(A.shape[-2:]) * float(jnp.finfo(A.dtype).eps)
    largest = jnp.max(values, -1, keepdims=True)
    cutoff = jnp.maximum(rtol * largest, atol or 0.0).astype(values.dtype)
    return jnp.sum(values > cutoff, axis=-1, dtype=np.int64)


@composite("L o")
def matrix_rank(input, tol=None, hermitian=False, *, atol=None, rtol=None):
    """The rank of matrices (*, m, n): how many singular values exceed the tolerance (int64)."""
    if tol is not None:
        atol, rtol = tol, 0.0
    if (isinstance(atol, Tensor) or isinstance(rtol, Tensor)) and input.numel():
        values = ops.eigvalsh(input).abs() if hermitian else ops.svdvals(input)
        return (values > cutoff(input, values, atol, rtol)).sum(-1)
    if not input.numel():
        atol = rtol = None
    atol, rtol = (None if v is None else float(v) for v in (atol, rtol))
    return ops.matrix_rank_of(input, atol, rtol, bool(hermitian))


@op(SAME, variants="f m i o")
def renorm(input: T, p: float, dim: int, maxnorm: float):
    """The slices along `dim` scaled down to a p-norm of at most `maxnorm`."""
    check(p > 0, f"renorm: non-positive-norm not supported, got p={p}")
    check(maxnorm >= 0, f"renorm: expected maxnorm to be >= 0 but got {maxnorm}")
    check(input.ndim > 1, f"renorm: input needs at least 2 dimensions, got {input.ndim} dimensions")
    dim = wrap_dim(dim, input.ndim)
    axes = tuple(d for d in range(input.ndim) if d != dim)
    size = norm_over(input, p, axes, True)
    scale = jnp.where(size > maxnorm, maxnorm / (size + 1e-7), jnp.ones_like(size))
    return input * scale.astype(input.dtype)


# ---- distances ----------------------------------------------------------------------------------

# torch works Euclidean distances out by a matrix product from this many points on.
_BY_PRODUCT = 25


def _euclidean_by_product(x1, x2):
    cross = x1 @ jnp.swapaxes(x2, -2, -1)
    left = jnp.sum(x1 * x1, -1)[..., :, None]
    right = jnp.sum(x2 * x2, -1)[..., None, :]
    square = left + right - 2 * cross
    return _root(jnp.where(square > 0, square, jnp.zeros_like(square)))


@op(SAME, accepts="f", variants="p", grad_name="CdistBackward0")
def cdist_of(x1: T, x2: T, p: float, by_product: bool):
    """The p-norm distances of all pairs of rows."""
    batch = np.broadcast_shapes(x1.shape[:-2], x2.shape[:-2])
    x1 = jnp.broadcast_to(x1, batch + x1.shape[-2:])
    x2 = jnp.broadcast_to(x2, batch + x2.shape[-2:])
    if not x1.shape[-1]:
        return jnp.zeros((*batch, x1.shape[-2], x2.shape[-2]), x1.dtype)
    if by_product:
        return _euclidean_by_product(x1, x2)
    return norm_over(x1[..., :, None, :] - x2[..., None, :, :], p, (-1,), False)


_MODES = (
    "use_mm_for_euclid_dist_if_necessary",
    "use_mm_for_euclid_dist",
    "donot_use_mm_for_euclid_dist",
)


@composite("f")
def cdist(x1, x2, p=2.0, compute_mode="use_mm_for_euclid_dist_if_necessary"):
    """The p-norm distances of all pairs of rows of (*, P, M) and (*, R, M): (*, P, R)."""
    check(
        compute_mode in _MODES, f"{compute_mode} is not a valid value for compute_mode", ValueError
    )
    for name, x in (("X1", x1), ("X2", x2)):
        check(
            x.dtype.is_floating_point,
            f"cdist only supports floating-point dtypes, {name} got: {type_name(x.dtype)}",
        )
        check(
            x.ndim >= 2,
            f"cdist only supports at least 2D tensors, {name} got: {x.ndim}D",
        )
    check(
        x1.shape[-1] == x2.shape[-1],
        f"X1 and X2 must have the same number of columns. X1: {x1.shape[-1]} X2: {x2.shape[-1]}",
    )
    check(p >= 0, "cdist only supports non-negative p values")
    many = x1.shape[-2] > _BY_PRODUCT or x2.shape[-2] > _BY_PRODUCT
    by_product = p == 2 and (compute_mode == _MODES[1] or (compute_mode == _MODES[0] and many))
    return ops.cdist_of(x1, x2, float(p), by_product)
