"""Running sums, products and extremes; differences and integrals along a dimension."""

import jax.numpy as jnp
from jax import lax

from .._engine import dtypes
from .reduce import summed_dtype
from .registry import DEFAULT, FLOAT, SAME, Dim, DType, S, T, check, composite, op, ops, wrap_dim
from .safe import cast, is_bool, is_complex, is_float, is_nan, select, title, widen


def _accumulate(x, dim, dtype, function):
    out_dtype = summed_dtype(x, dtype)
    x = cast(x, out_dtype)
    if x.ndim == 0:
        return x
    return cast(function(widen(x), axis=dim), out_dtype)


@op(SAME, variants="f m i o")
def cumsum(input: T, dim: Dim, *, dtype: DType = None):
    """Running sum along `dim`. Integers and booleans give int64."""
    return _accumulate(input, dim, dtype, lax.cumsum)


@op(SAME, variants="f m i o")
def cumprod(input: T, dim: Dim, *, dtype: DType = None):
    """Running product along `dim`. Integers and booleans give int64."""
    return _accumulate(input, dim, dtype, lax.cumprod)


@op(FLOAT, variants="f m o")
def logcumsumexp(input: T, dim: Dim):
    """Logarithm of the running sum of exp(input) along `dim`."""
    return _accumulate(input, dim, None, lax.cumlogsumexp)


def _running_extreme(x, dim, function):
    check(
        not is_complex(x),
        f"\"cummax_cummin\" not implemented for '{title(x.dtype)}'",
        NotImplementedError,
    )
    if x.ndim == 0:
        return x, jnp.zeros((), jnp.int64)
    ranked = x.astype(jnp.int8) if is_bool(x) else x
    best = function(lax.stop_gradient(ranked), axis=dim)
    # The last place that reached the running extreme, as torch says; a NaN is never left again.
    place = lax.broadcasted_iota(jnp.int64, x.shape, dim)
    reached = (ranked == best) | is_nan(ranked)
    index = lax.cummax(select(reached, place, 0), axis=dim)
    if is_float(x):
        best = jnp.take_along_axis(x, index, axis=dim)
    return best.astype(x.dtype), index


@op(SAME, variants="f m o", returns="values indices")
def cummax(input: T, dim: Dim):
    """Running maximum along `dim` and the index (int64) of its last occurrence so far."""
    return _running_extreme(input, dim, lax.cummax)


@op(SAME, variants="f m o", returns="values indices")
def cummin(input: T, dim: Dim):
    """Running minimum along `dim` and the index (int64) of its last occurrence so far."""
    return _running_extreme(input, dim, lax.cummin)


def _slice(x, dim, start, stop):
    return lax.slice_in_dim(x, start, stop, axis=dim)


def _differences(x, dim):
    n = x.shape[dim]
    after, before = _slice(x, dim, min(1, n), n), _slice(x, dim, 0, max(n - 1, 0))
    return after != before if is_bool(x) else after - before


@op(DEFAULT, variants="f m o", broadcast=False)
def diff(input: T, n: int = 1, dim: Dim = -1, prepend: T | None = None, append: T | None = None):
    """n-th differences of neighbours along `dim`, after joining `prepend` and `append` to it."""
    check(input.ndim > 0, "diff expects input to be at least one-dimensional")
    check(n >= 0, f"order must be non-negative but got {n}")
    if n == 0:
        # As in torch, nothing is joined then.
        return input
    parts = [part for part in (prepend, input, append) if part is not None]
    x = jnp.concatenate(parts, axis=dim) if len(parts) > 1 else input
    for _ in range(min(n, x.shape[dim])):
        x = _differences(x, dim)
    return x


def _gaps(name, y, x, dim):
    """The distances of the points `x` along `dim`, shaped to go with the segments of `y`."""
    if x.ndim == 1:
        check(
            x.shape[0] == y.shape[dim],
            f"{name}: There must be one `x` value for each sample point",
        )
        return ops.diff_plain(x, 0).reshape((-1,) + (1,) * (y.ndim - dim - 1))
    along = dim - (y.ndim - x.ndim) if x.ndim < y.ndim else dim + x.ndim - y.ndim
    return ops.diff_plain(x, along)


def _areas(name, y, x, dx, dim):
    """Twice the areas under the segments: (y[i] + y[i+1]) * (x[i+1] - x[i]).

    Whole numbers stay whole, and bytes wrap around, as in torch.
    """
    for what, t in (("y", y), ("x", x)):
        check(
            t is None or t.dtype is not dtypes.bool,
            f"{name}: received a bool input for `{what}`, but bool is not supported",
        )
    n = y.shape[dim]
    pairs = y.narrow(dim, min(1, n), max(n - 1, 0)) + y.narrow(dim, 0, max(n - 1, 0))
    if x is None:
        return pairs if dx is None else pairs * dx
    return pairs * _gaps(name, y, x, dim)


@op(SAME, accepts="uifc", variants="p", name="diff")
def diff_plain(input: T, dim: Dim):
    """Differences of neighbours along `dim`."""
    return _differences(input, dim)


@composite("f", alias=("trapz",))
def trapezoid(y, x=None, *, dx=None, dim=-1):
    """Integral of y along `dim` by the trapezoidal rule; points x, or spacing dx (1)."""
    if y.size(dim) == 0:
        return y.sum(dim).to(y.dtype)
    return _areas("trapezoid", y, x, dx, wrap_dim(dim, y.ndim)).sum(dim) / 2


@composite("f")
def cumulative_trapezoid(y, x=None, *, dx=None, dim=-1):
    """Running integral of y along `dim` by the trapezoidal rule, one element shorter than y."""
    check(y.ndim > 0, "slice() cannot be applied to a 0-dim tensor.", IndexError)
    return _areas("cumulative_trapezoid", y, x, dx, wrap_dim(dim, y.ndim)).cumsum(dim) / 2


@op(FLOAT, variants="p", broadcast=False)
def gradient_along(input: T, coordinates: T | None, spacing: S, dim: Dim, edge_order: int):
    """Derivative of samples along one dim, of second order inside."""
    n = input.shape[dim]
    check(
        n >= edge_order + 1,
        f"torch.gradient expected each dimension size to be at least edge_order+1, but got {n}",
    )
    shape = [1] * input.ndim
    shape[dim] = n - 1
    gaps = jnp.ones((n - 1,), input.dtype) * spacing
    gaps = (gaps if coordinates is None else _differences(coordinates, 0)).reshape(shape)
    slopes = _differences(input, dim) / gaps
    first, last = _slice(slopes, dim, 0, 1), _slice(slopes, dim, n - 2, n - 1)
    before, after = _slice(gaps, dim, 0, n - 2), _slice(gaps, dim, 1, n - 1)
    left, right = _slice(slopes, dim, 0, n - 2), _slice(slopes, dim, 1, n - 1)
    # A parabola through three neighbours: each slope weighs by the other's gap.
    inner = (left * after + right * before) / (before + after)
    if edge_order == 2:
        first = 2 * first - _slice(inner, dim, 0, 1)
        last = 2 * last - _slice(inner, dim, n - 3, n - 2)
    return jnp.concatenate([first, inner, last], axis=dim)


@composite("f")
def gradient(input, *, spacing=1, dim=None, edge_order=1):
    """Numerical derivative of samples along each of `dim`, a tuple of tensors.

    spacing: one number, one per dim, or a 1-D tensor of coordinates per dim. The first and last
    elements are of order edge_order (1 or 2).
    """
    check(edge_order in (1, 2), "torch.gradient only supports edge_order=1 and edge_order=2.")
    dims = range(input.ndim) if dim is None else (dim,) if isinstance(dim, int) else tuple(dim)
    wrapped = [d % max(input.ndim, 1) for d in dims]
    repeated = [d for i, d in enumerate(wrapped) if d in wrapped[:i]]
    check(not repeated, lambda: f"dim {repeated[0]} appears multiple times in the list of dims")
    spacing = 1 if spacing is None else spacing
    each = list(spacing) if isinstance(spacing, (list, tuple)) else [spacing] * len(dims)
    check(
        len(each) == len(dims),
        "torch.gradient expected spacing to be unspecified, a scalar, or a list of length "
        f"{len(dims)}, but got {len(each)}",
    )
    out = []
    for d, step in zip(dims, each, strict=True):
        coordinates = step if getattr(step, "ndim", 0) else None
        step = 1 if coordinates is not None else step
        out.append(ops.gradient_along(input, coordinates, step, d, edge_order))
    return tuple(out)
