"""Reductions that pick by order: medians, quantiles, the k-th smallest, the most frequent."""

import functools
import math

import jax.numpy as jnp
from jax import lax

from .reduce import evenly, value_at
from .registry import SAME, TS, Dim, T, check, composite, guard, op, ops
from .safe import const, is_bool, is_float, is_nan, select, title
from .sort import sorted_with_index


def _check_size(name, x, dim):
    check(
        x.ndim == 0 or x.shape[dim] > 0,
        f"{name}(): Expected reduction dim {dim} to have non-zero size.",
        IndexError,
    )


def _pick(x, order, position, dim, keepdim):
    """The element whose place in the sorted `dim` is `position`, and its index in x."""
    index = value_at(order, position, dim)
    value = value_at(x, jnp.expand_dims(index, dim), dim)
    if keepdim:
        return jnp.expand_dims(value, dim), jnp.expand_dims(index, dim)
    return value, index


def _median_position(x, dim, ignore_nan):
    """Place of the lower median in the sorted `dim`, where NaN come last."""
    n = x.shape[dim]
    if not is_float(x):
        return (n - 1) // 2
    valid = jnp.sum(~is_nan(x), axis=dim, keepdims=True, dtype=jnp.int64)
    if ignore_nan:
        return jnp.maximum(valid - 1, 0) // 2
    # The first NaN, if there is one, is the median.
    return select(valid < n, valid, (n - 1) // 2)


def _median_along(name, x, dim, keepdim, ignore_nan):
    _check_orderable("median_cpu", x)
    _check_size(name, x, dim)
    if x.ndim == 0:
        return x, jnp.zeros((), jnp.int64)
    order = sorted_with_index(const(x), dim)[1]
    return _pick(x, order, _median_position(const(x), dim, ignore_nan), dim, keepdim)


def _check_orderable(name, x):
    bad = is_bool(x) or jnp.issubdtype(x.dtype, jnp.complexfloating)
    check(not bad, f"\"{name}\" not implemented for '{title(x.dtype)}'", NotImplementedError)


def _median_overall(x, ignore_nan):
    _check_orderable("median_cpu", x)
    flat = x.reshape(-1)
    if flat.size == 0:
        return jnp.asarray(math.nan, x.dtype)
    middle = functools.partial(_median_value, ignore_nan=ignore_nan)
    return evenly(middle)(flat) if is_float(x) else middle(flat)


def _median_value(flat, ignore_nan):
    return _median_along("median", flat, 0, False, ignore_nan)[0]


@op(SAME, variants="p", name="median", returns="values indices")
def median_dim(input: T, dim: Dim, keepdim: bool = False):
    """Lower medians along `dim` and their indices; NaN if any element is NaN."""
    return _median_along("median", input, dim, keepdim, False)


@op(SAME, variants="p", name="nanmedian", returns="values indices")
def nanmedian_dim(input: T, dim: Dim, keepdim: bool = False):
    """Lower medians along `dim` of what is not NaN, and their indices."""
    return _median_along("nanmedian", input, dim, keepdim, True)


@op(SAME, variants="p", name="median")
def median_all(input: T):
    """Lower median of all elements."""
    return _median_overall(input, False)


@op(SAME, variants="p", name="nanmedian")
def nanmedian_all(input: T):
    """Lower median of all elements that are not NaN."""
    return _median_overall(input, True)


@composite("f m o")
def median(input, dim=None, keepdim=False):
    """Median of all elements, or (values, indices) along `dim`; of an even number the lower one."""
    return ops.median_all(input) if dim is None else ops.median_dim(input, dim, keepdim)


@composite("f m o")
def nanmedian(input, dim=None, keepdim=False):
    """Like `median`, NaN left out."""
    return ops.nanmedian_all(input) if dim is None else ops.nanmedian_dim(input, dim, keepdim)


@op(SAME, variants="f m o", returns="values indices")
def kthvalue(input: T, k: int, dim: Dim = -1, keepdim: bool = False):
    """The k-th smallest (1 is the smallest) along `dim` and its index."""
    _check_size("kthvalue", input, dim)
    size = input.shape[dim] if input.ndim else 1
    check(1 <= k <= size, f"kthvalue(): selected number k out of range for dimension {dim}")
    if input.ndim == 0:
        return input, jnp.zeros((), jnp.int64)
    return _pick(input, sorted_with_index(const(input), dim)[1], k - 1, dim, keepdim)


@op(SAME, variants="f m o", returns="values indices")
def mode(input: T, dim: Dim = -1, keepdim: bool = False):
    """The most frequent value along `dim` (the smallest of several) and its last index."""
    _check_size("mode", input, dim)
    if input.ndim == 0:
        return input, jnp.zeros((), jnp.int64)
    ranked, order = sorted_with_index(const(input), dim)
    place = lax.broadcasted_iota(jnp.int64, input.shape, dim)
    n = input.shape[dim]
    before = lax.slice_in_dim(ranked, 0, n - 1, axis=dim)
    changed = lax.slice_in_dim(ranked, 1, n, axis=dim) != before
    head = jnp.zeros_like(lax.slice_in_dim(place, 0, 1, axis=dim))
    starts = select(changed, lax.slice_in_dim(place, 1, n, axis=dim), 0)
    run = place - lax.cummax(jnp.concatenate([head, starts], axis=dim), axis=dim)
    position = jnp.expand_dims(lax.argmax(run, dim, jnp.int64), dim)
    return _pick(input, order, position, dim, keepdim)


# Quantiles.

_INTERPOLATIONS = ("linear", "lower", "higher", "midpoint", "nearest")


@op(SAME, variants="p", name="quantile")
def quantile_over(
    input: T, q: TS, dim: Dim | None, keepdim: bool, interpolation: str, ignore_nan: bool
):
    """Quantiles q along `dim`, or of all elements; q's dim comes first in the result."""
    guard(
        ~jnp.all((q >= 0) & (q <= 1)),
        RuntimeError,
        "quantile() q values must be in the range [0, 1]",
    )
    rows = input.reshape(-1) if dim is None or input.ndim == 0 else jnp.moveaxis(input, dim, -1)
    missing = is_nan(const(rows))
    valid = jnp.sum(~missing, axis=-1, keepdims=True, dtype=jnp.int64)
    n = rows.shape[-1]
    last = jnp.maximum(valid - 1, 0) if ignore_nan else jnp.full_like(valid, n - 1)
    rank = q.astype(input.dtype).reshape(-1) * last.astype(input.dtype)
    if not ignore_nan:
        # One NaN in a row makes the last sorted element, and so the quantile, NaN.
        rank = select(valid < n, n - 1, rank)
    out = _at_rank(lax.sort(rows, dimension=-1), rank, interpolation)
    return _arrange(out, input, q, dim, keepdim)


def _at_rank(ranked, rank, interpolation):
    if interpolation in ("lower", "higher", "nearest"):
        rounding = {"lower": lax.floor, "higher": lax.ceil, "nearest": jnp.round}[interpolation]
        return jnp.take_along_axis(ranked, rounding(rank).astype(jnp.int64), axis=-1)
    low = lax.floor(rank)
    weight = lax.full_like(rank, 0.5) if interpolation == "midpoint" else rank - low
    below = jnp.take_along_axis(ranked, low.astype(jnp.int64), axis=-1)
    above = jnp.take_along_axis(ranked, lax.ceil(rank).astype(jnp.int64), axis=-1)
    return below + weight * (above - below)


def _arrange(out, input, q, dim, keepdim):
    if keepdim and dim is None:
        out = out.reshape((1,) * input.ndim + out.shape)
    elif keepdim and input.ndim:
        out = jnp.expand_dims(out, dim)
    return jnp.moveaxis(out, -1, 0) if q.ndim else jnp.squeeze(out, -1)


def _quantile(name, input, q, dim, keepdim, interpolation, ignore_nan):
    check(input.numel() > 0, f"{name}() input tensor must be non-empty")
    check(
        input.dtype.name in ("float32", "float64"),
        f"{name}() input tensor must be either float or double dtype",
    )
    if hasattr(q, "dtype"):
        check(q.ndim <= 1, f"{name}() q must be a scalar or 1D tensor")
        check(q.dtype == input.dtype, f"{name}() q tensor must be same dtype as the input tensor")
    else:
        check(0 <= q <= 1, f"{name}() q must be in the range [0, 1] but got {q}")
        q = float(q)
    check(
        interpolation in _INTERPOLATIONS,
        f"{name}() interpolation must be one of linear, lower, higher, midpoint or nearest, but "
        f"got {interpolation}",
    )
    return ops.quantile_over(input, q, dim, keepdim, interpolation, ignore_nan)


@composite("f m o")
def quantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """The q-th quantiles (q in [0, 1], a number or 1-D tensor) along `dim` or of all elements."""
    return _quantile("quantile", input, q, dim, keepdim, interpolation, False)


@composite("f m o")
def nanquantile(input, q, dim=None, keepdim=False, *, interpolation="linear"):
    """Like `quantile`, NaN left out."""
    return _quantile("nanquantile", input, q, dim, keepdim, interpolation, True)
