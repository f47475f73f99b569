"""Reductions: sums, products, means, variances, norms, truth, extremes."""

import math

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .registry import (
    DEFAULT,
    FLOAT,
    SAME,
    Dim,
    Dims,
    DType,
    T,
    check,
    composite,
    op,
    ops,
)
from .safe import (
    cast,
    const,
    is_bool,
    is_complex,
    is_float,
    is_inexact,
    is_nan,
    magnitude,
    safe_sqrt,
    select,
    title,
    widen,
)


def axes_of(x, dim):
    """The axes that a normalised `dim` (None, or a tuple) stands for; none and all are the same."""
    if not dim:
        return tuple(range(x.ndim))
    return dim if x.ndim else ()


def _restore(out, x, axes, keepdim):
    if not keepdim or not axes:
        return out
    return out.reshape(tuple(1 if d in axes else n for d, n in enumerate(x.shape)))


def _add_up(x, dim, keepdim):
    axes = axes_of(x, dim)
    return _restore(jnp.sum(x, axis=axes), x, axes, keepdim)


def _count(x, dim):
    return math.prod(x.shape[d] for d in axes_of(x, dim))


def summed_dtype(x, dtype):
    """The dtype of a sum or product: the one asked for, else int64 for integers and booleans."""
    if dtype is not None:
        return dtype
    return x.dtype if is_inexact(x) else np.dtype(np.int64)


# Sums and means.


def _sum(x, dim, keepdim, dtype):
    if dtype == np.bool_:
        return _reduce_truth(cast(x, dtype), dim, keepdim, jnp.any)
    out_dtype = summed_dtype(x, dtype)
    return cast(_add_up(widen(cast(x, out_dtype)), dim, keepdim), out_dtype)


@op(SAME, variants="f m o")
def sum(input: T, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
    """Sum over `dim` (all dims when None). Integers and booleans are summed as int64."""
    return _sum(input, dim, keepdim, dtype)


@op(SAME, variants="f m o")
def nansum(input: T, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
    """Sum over `dim` with NaN counted as 0."""
    _check_real(input)
    filled = select(is_nan(input), 0, input) if is_float(input) else input
    return _sum(filled, dim, keepdim, dtype)


def _check_real(x):
    check(not is_complex(x), "nansum on CPU does not support complex inputs")


def _check_mean(name, x, dtype):
    kind, given = ("Input", x.dtype) if dtype is None else ("Optional", dtype)
    check(
        jnp.issubdtype(given, jnp.inexact),
        f"{name}(): could not infer output dtype. {kind} dtype must be either a floating point or "
        f"complex dtype. Got: {title(given)}",
    )


@op(SAME, variants="f m o")
def mean(input: T, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
    """Mean over `dim` (all dims when None); NaN of nothing. RuntimeError for integers."""
    _check_mean("mean", input, dtype)
    out_dtype = input.dtype if dtype is None else dtype
    total = _add_up(widen(cast(input, out_dtype)), dim, keepdim)
    return cast(total / _count(input, dim), out_dtype)


@op(SAME, variants="f m o")
def nanmean(input: T, dim: Dims = None, keepdim: bool = False, *, dtype: DType = None):
    """Mean over `dim` of the elements that are not NaN."""
    check(
        is_inexact(input),
        "nanmean(): expected input to have floating point or complex dtype but got "
        f"{title(input.dtype)}",
    )
    _check_real(input)
    out_dtype = input.dtype if dtype is None else dtype
    x = widen(cast(input, out_dtype))
    missing = is_nan(x)
    total = _add_up(select(missing, 0, x), dim, keepdim)
    return cast(total / _add_up((~missing).astype(x.dtype), dim, keepdim), out_dtype)


@op(SAME, variants="f m", grad=False)
def count_nonzero(input: T, dim: Dims = None):
    """Number of nonzero elements over `dim` (all dims when None), int64."""
    truth = input if is_bool(input) else input != 0
    return _add_up(truth.astype(jnp.int64), dim, False)


@op(SAME, variants="f m o")
def prod(input: T, dim: Dim | None = None, keepdim: bool = False, *, dtype: DType = None):
    """Product over one `dim`, or of all elements. Integers and booleans give int64."""
    dims = None if dim is None else (dim,)
    if dtype == np.bool_:
        return _reduce_truth(cast(input, dtype), dims, keepdim, jnp.all)
    out_dtype = summed_dtype(input, dtype)
    axes = axes_of(input, dims)
    out = jnp.prod(widen(cast(input, out_dtype)), axis=axes)
    return cast(_restore(out, input, axes, keepdim), out_dtype)


def _log_sum_exp(x, dim, keepdim):
    axes = axes_of(x, dim)
    part = const(lax.real(x) if is_complex(x) else x)
    peak = jnp.max(part, axis=axes, keepdims=True, initial=-jnp.inf)
    peak = select(lax.is_finite(peak), peak, 0)
    shift = peak.astype(x.dtype)
    total = jnp.sum(lax.exp(x - shift), axis=axes)
    out = lax.log(total) + shift.reshape(total.shape)
    return _restore(out, x, axes, keepdim)


@op(FLOAT, variants="f m o", broadcast=False)
def logsumexp(input: T, dim: Dims, keepdim: bool = False):
    """log(sum(exp(input))) over `dim`, without overflow."""
    return _log_sum_exp(input, dim, keepdim)


@op(FLOAT, name="logsumexp", variants="S o", grad_name="LogsumexpBackward0", broadcast=False)
def special_logsumexp(input: T, dim: Dims, keepdim: bool = False):
    """torch.special's name for `logsumexp`."""
    return _log_sum_exp(input, dim, keepdim)


# Truth.


def _reduce_truth(x, dim, keepdim, function):
    axes = axes_of(x, dim)
    return _restore(function(x, axis=axes), x, axes, keepdim)


def _truth_over(x, dim, keepdim, function):
    truth = x if is_bool(x) else x != 0
    # An empty tuple of dims means none here, unlike in the sums.
    out = truth if dim == () else _reduce_truth(truth, dim, keepdim, function)
    return out.astype(jnp.uint8) if x.dtype == np.uint8 else out


@op(SAME, variants="f m o", grad=False)
def all(input: T, dim: Dims = None, keepdim: bool = False):
    """True where every element over `dim` is nonzero; bool, but uint8 stays uint8."""
    return _truth_over(input, dim, keepdim, jnp.all)


@op(SAME, variants="f m o", grad=False)
def any(input: T, dim: Dims = None, keepdim: bool = False):
    """True where some element over `dim` is nonzero; bool, but uint8 stays uint8."""
    return _truth_over(input, dim, keepdim, jnp.any)


# Variance.


def _moments(x, dim, correction, keepdim):
    check(is_inexact(x), "std and var only support floating point and complex dtypes")
    axes = axes_of(x, dim)
    count = _count(x, dim)
    wide = widen(x)
    mean = jnp.sum(wide, axis=axes, keepdims=True) / count
    rest = wide - mean
    square = _square_of(rest)
    # More correction than elements divides by 0, not by a negative number.
    divisor = np.maximum(count - (1 if correction is None else correction), 0.0)
    variance = jnp.sum(square, axis=axes) / float(divisor)
    mean = mean.astype(x.dtype)
    mean = mean if keepdim else mean.reshape(variance.shape)
    return _restore(variance, x, axes, keepdim), mean


def _square_of(x):
    if is_complex(x):
        return jnp.square(lax.real(x)) + jnp.square(lax.imag(x))
    return jnp.square(x)


def _real_dtype(x):
    return jnp.finfo(x.dtype).dtype


@op(SAME, variants="p", grad_name="VarBackward0")
def var_over(input: T, dim: Dims, correction: float, keepdim: bool):
    """Variance over `dim`: squared distances from the mean / max(0, n - correction)."""
    return _moments(input, dim, correction, keepdim)[0].astype(_real_dtype(input))


@op(SAME, variants="p", grad_name="StdBackward0")
def std_over(input: T, dim: Dims, correction: float, keepdim: bool):
    """Standard deviation over `dim`. The gradient where all elements are equal is 0."""
    return safe_sqrt(_moments(input, dim, correction, keepdim)[0]).astype(_real_dtype(input))


@op(SAME, variants="p", name="var_mean")
def var_mean_over(input: T, dim: Dims, correction: float, keepdim: bool):
    """Variance and mean over `dim`."""
    variance, mean = _moments(input, dim, correction, keepdim)
    return variance.astype(_real_dtype(input)), mean


@op(SAME, variants="p", name="std_mean")
def std_mean_over(input: T, dim: Dims, correction: float, keepdim: bool):
    """Standard deviation and mean over `dim`."""
    variance, mean = _moments(input, dim, correction, keepdim)
    return safe_sqrt(variance).astype(_real_dtype(input)), mean


def _spread_over(operation, input, dim, unbiased, keepdim, correction):
    # torch's older form puts `unbiased` where `dim` stands: x.std(False).
    if isinstance(dim, bool):
        dim, unbiased = None, dim
    if correction is None:
        correction = 1.0 if unbiased is None or unbiased else 0.0
    return operation(input, dim, float(correction), keepdim)


@composite("f m o")
def var(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Variance over `dim`, the sum of squares divided by n - correction (1 unless given)."""
    return _spread_over(ops.var_over, input, dim, unbiased, keepdim, correction)


@composite("f m o")
def std(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation over `dim`: the square root of `var`."""
    return _spread_over(ops.std_over, input, dim, unbiased, keepdim, correction)


@composite("f")
def var_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Variance and mean over `dim`, a pair."""
    return _spread_over(ops.var_mean_over, input, dim, unbiased, keepdim, correction)


@composite("f")
def std_mean(input, dim=None, unbiased=None, keepdim=False, *, correction=None):
    """Standard deviation and mean over `dim`, a pair."""
    return _spread_over(ops.std_mean_over, input, dim, unbiased, keepdim, correction)


# Norms.


def p_norm(x, p, dim, keepdim):
    """(sum |x|**p)**(1/p) over `dim`; p may be 0 or +-inf. The gradient at 0 is 0."""
    axes = axes_of(x, dim)
    dtype = _real_dtype(x)
    out = _p_norm(widen(x), p, axes).astype(dtype)
    return _restore(out, x, axes, keepdim)


def _p_norm(x, p, axes):
    if p == 2:
        return safe_sqrt(jnp.sum(_square_of(x), axis=axes))
    if p == 0:
        return jnp.sum((x != 0).astype(_real_dtype(x)), axis=axes)
    size = magnitude(x)
    if p == 1:
        return jnp.sum(size, axis=axes)
    if p in (math.inf, -math.inf):
        return jnp.max(size, axis=axes, initial=0) if p > 0 else jnp.min(size, axis=axes)
    zero = size == 0
    powers = lax.pow(select(zero, 1, size), lax.full_like(size, p))
    total = jnp.sum(select(zero, 0 if p > 0 else jnp.inf, powers), axis=axes)
    empty = total == 0
    root = lax.pow(select(empty, 1, total), lax.full_like(total, 1 / p))
    return select(empty, 0, root)


@op(SAME, variants="p", name="norm", grad_name="LinalgVectorNormBackward0")
def norm_over(input: T, p: float, dim: Dims, keepdim: bool, dtype: DType = None):
    """Vector p-norm over `dim`."""
    check(
        is_inexact(input),
        "linalg.vector_norm: Expected a floating point or complex tensor as input. Got "
        f"{title(input.dtype)}",
    )
    return p_norm(input if dtype is None else cast(input, dtype), p, dim, keepdim)


@op(SAME, variants="p", name="nuclear_norm")
def nuclear_norm_over(input: T, dim: Dims, keepdim: bool):
    """Sum of singular values of the matrices in two dims."""
    check(
        input.ndim >= 2,
        "linalg.matrix_norm: The input tensor A must have at least 2 dimensions.",
    )
    axes = dim or (input.ndim - 2, input.ndim - 1)
    matrices = jnp.moveaxis(input, axes, (-2, -1))
    out = jnp.sum(jnp.linalg.svd(matrices, compute_uv=False), axis=-1)
    return _restore(out, input, axes, keepdim)


@composite("f m o")
def norm(input, p="fro", dim=None, keepdim=False, dtype=None):
    """Vector p-norm of the elements over `dim`; "fro" is p = 2, "nuc" the nuclear norm."""
    if p == "nuc":
        return ops.nuclear_norm_over(input if dtype is None else input.to(dtype), dim, keepdim)
    order = 2.0 if p is None or p == "fro" else float(p)
    return ops.norm_over(input, order, dim, keepdim, dtype)


@composite("f o")
def nuclear_norm(input, dim=None, keepdim=False):
    """Sum of the singular values of the matrices in two dims (the only two unless given)."""
    if isinstance(dim, bool):
        dim, keepdim = None, dim
    return ops.nuclear_norm_over(input, dim, keepdim)


@composite("f o")
def frobenius_norm(input, dim, keepdim=False):
    """Square root of the sum of squares over `dim`."""
    return ops.norm_over(input, 2.0, dim or None, keepdim)


@op(DEFAULT, variants="f m")
def dist(input: T, other: T, p: float = 2):
    """p-norm of input - other, broadcast; a 0-dim tensor. RuntimeError for integers."""
    check(
        is_inexact(input),
        "norm(): input dtype should be either floating point or complex. Got "
        f"{title(input.dtype)} instead.",
    )
    return p_norm(input - other, p, None, False)


# Extremes.


def _check_not_empty(name, x, dim, exc=RuntimeError):
    if dim is None:
        hint = " Specify the reduction dim with the 'dim' argument." if exc is RuntimeError else ""
        check(
            x.size > 0,
            f"{name}(): Expected reduction dim to be specified for input.numel() == 0.{hint}",
            exc,
        )
        return
    for d in dim if x.ndim else ():
        check(
            x.shape[d] > 0,
            f"{name}(): Expected reduction dim {d} to have non-zero size.",
            IndexError,
        )


def _extreme(name, x, dim, keepdim, function):
    check(
        not is_complex(x), f"\"{name}\" not implemented for '{title(x.dtype)}'", NotImplementedError
    )
    _check_not_empty(name, x, dim or None)
    axes = axes_of(x, dim)
    return _restore(function(x, axis=axes), x, axes, keepdim)


@op(SAME, variants="f m o")
def amax(input: T, dim: Dims = None, keepdim: bool = False):
    """Maximum over `dim`, NaN winning; equal maxima share the gradient evenly."""
    return _extreme("amax", input, dim, keepdim, jnp.max)


@op(SAME, variants="f m o")
def amin(input: T, dim: Dims = None, keepdim: bool = False):
    """Minimum over `dim`, NaN winning; equal minima share the gradient evenly."""
    return _extreme("amin", input, dim, keepdim, jnp.min)


@op(SAME, accepts="buif", variants="f m o", returns="min max")
def aminmax(input: T, *, dim: Dim | None = None, keepdim: bool = False):
    """Minimum and maximum over one `dim`, or of all elements."""
    dims = None if dim is None else (dim,)
    check(
        dim is not None or input.size > 0,
        "aminmax(): cannot compute aminmax over an empty dimension as the operation has no "
        "identity.",
    )
    low = _extreme("aminmax", input, dims, keepdim, jnp.min)
    return low, _extreme("aminmax", input, dims, keepdim, jnp.max)


def _arg_extreme(name, x, dim, keepdim, function):
    check(not is_bool(x), f"{name}(): does not support bool input")
    check(not is_complex(x), f"{name}(): does not support complex input")
    _check_not_empty(name, x, None if dim is None else (dim,), IndexError)
    if x.ndim == 0:
        return jnp.zeros((), jnp.int64)
    if dim is None:
        out = function(x.reshape(-1), 0, jnp.int64)
        return out.reshape((1,) * x.ndim) if keepdim else out
    return _restore(function(x, dim, jnp.int64), x, (dim,), keepdim)


@op(SAME, variants="f m o", grad=False)
def argmax(input: T, dim: Dim | None = None, keepdim: bool = False):
    """Index (int64) of the first maximum along `dim`, or in the flattened tensor; NaN wins."""
    return _arg_extreme("argmax", input, dim, keepdim, lax.argmax)


@op(SAME, variants="f m o", grad=False)
def argmin(input: T, dim: Dim | None = None, keepdim: bool = False):
    """Index (int64) of the first minimum along `dim`, or in the flattened tensor; NaN wins."""
    return _arg_extreme("argmin", input, dim, keepdim, lax.argmin)


def value_at(x, index, dim):
    """Elements of x at `index` along `dim` (kept as size 1 in index, gone in the result).

    A masked sum instead of a gather: its backward is a mask too, and no scatter.
    """
    here = lax.broadcasted_iota(jnp.int64, x.shape, dim) == index
    if is_bool(x):
        return jnp.any(here & x, axis=dim)
    return jnp.sum(select(here, x, 0), axis=dim, dtype=x.dtype)


def _extreme_and_index(name, x, dim, keepdim, function, index_function):
    check(
        not is_complex(x), f"\"{name}\" not implemented for '{title(x.dtype)}'", NotImplementedError
    )
    _check_not_empty(name, x, (dim,))
    if x.ndim == 0:
        return x, jnp.zeros((), jnp.int64)
    ranked = x.astype(jnp.int8) if is_bool(x) else x
    index = index_function(const(ranked), dim, jnp.int64)
    if is_float(x):
        value = value_at(x, jnp.expand_dims(index, dim), dim)
    else:
        value = function(x, axis=dim)
    return _restore(value, x, (dim,), keepdim), _restore(index, x, (dim,), keepdim)


@op(SAME, variants="p", name="max", returns="values indices")
def max_dim(input: T, dim: Dim, keepdim: bool = False):
    """Maxima along `dim` and the index of the first one, which alone gets the gradient."""
    return _extreme_and_index("max", input, dim, keepdim, jnp.max, lax.argmax)


@op(SAME, variants="p", name="min", returns="values indices")
def min_dim(input: T, dim: Dim, keepdim: bool = False):
    """Minima along `dim` and the index of the first one, which alone gets the gradient."""
    return _extreme_and_index("min", input, dim, keepdim, jnp.min, lax.argmin)


def evenly(function):
    """`function` of a whole array; its gradient is shared by all elements equal to the result.

    Unlike jax's own rule it also serves a result of NaN: the NaN elements share.
    """

    @jax.custom_jvp
    def extreme(x):
        return function(x)

    @extreme.defjvp
    def _(primals, tangents):
        (x,), (dx,) = primals, tangents
        out = extreme(x)
        same = (x == out) | (is_nan(x) & is_nan(out))
        return out, jnp.sum(select(same, dx, 0)) / jnp.sum(same.astype(x.dtype))

    return extreme


_max_of, _min_of = evenly(jnp.max), evenly(jnp.min)


@op(SAME, variants="p", grad_name="MaxBackward1")
def max_all(input: T):
    """The largest element, 0-dim; equal maxima share the gradient evenly."""
    return _extreme("max", input, None, False, lambda x, axis: _max_of(x))


@op(SAME, variants="p", grad_name="MinBackward1")
def min_all(input: T):
    """The smallest element, 0-dim; equal minima share the gradient evenly."""
    return _extreme("min", input, None, False, lambda x, axis: _min_of(x))


def _choose(input, dim, keepdim, other, forms):
    pair, along, overall = forms
    if other is None and hasattr(dim, "dtype"):
        other = dim
    if other is not None:
        return pair(input, other)
    return overall(input) if dim is None else along(input, dim, keepdim)


@composite("f m o")
def max(input, dim=None, keepdim=False, *, other=None):
    """max(input): largest element. max(input, dim): (values, indices). max(input, other): maximum.

    NaN wins everywhere. The gradient goes to the first maximum along `dim`, evenly to all maxima
    of the whole tensor, and in halves to equal elements of a pair.
    """
    return _choose(input, dim, keepdim, other, (ops.maximum, ops.max_dim, ops.max_all))


@composite("f m o")
def min(input, dim=None, keepdim=False, *, other=None):
    """min(input): smallest element. min(input, dim): (values, indices). min(input, other): minimum.

    NaN wins everywhere. The gradient goes to the first minimum along `dim`, evenly to all minima
    of the whole tensor, and in halves to equal elements of a pair.
    """
    return _choose(input, dim, keepdim, other, (ops.minimum, ops.min_dim, ops.min_all))
