"""Sorting, largest elements, places in sorted sequences, distinct elements, histograms."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .registry import (
    DEFAULT,
    SAME,
    TS,
    Dim,
    T,
    check,
    composite,
    from_host,
    guard,
    host,
    op,
    ops,
    return_type,
)
from .safe import const, is_bool, is_complex, is_float, is_nan, select, title

# Up to this many comparisons a search compares everything with everything, beyond it bisects.
_ALL_PAIRS = 1 << 16


def sorted_with_index(x, dim, descending=False):
    """x in stable order along `dim`, NaN counted as largest, and where each element was (int64)."""
    check(not is_complex(x), " Sort does not support complex dtypes on CPU")
    if x.ndim == 0:
        return x, jnp.zeros((), jnp.int64)
    place = lax.broadcasted_iota(jnp.int64, x.shape, dim)
    if not descending:
        return tuple(lax.sort((x, place), dimension=dim, num_keys=1, is_stable=True))
    # Sorting backwards from both sides keeps equal elements in order and puts NaN first.
    pair = (lax.rev(x, (dim,)), lax.rev(place, (dim,)))
    pair = lax.sort(pair, dimension=dim, num_keys=1, is_stable=True)
    return tuple(lax.rev(part, (dim,)) for part in pair)


@op(SAME, variants="f m o", returns="values indices")
def sort(input: T, dim: Dim = -1, descending: bool = False, *, stable: bool = False):
    """Values in ascending (or descending) order along `dim` and their former indices (int64).

    Always stable; NaN counts as the largest value.
    """
    return sorted_with_index(input, dim, bool(descending))


@op(SAME, variants="f m o", grad=False)
def argsort(input: T, dim: Dim = -1, descending: bool = False, *, stable: bool = False):
    """Indices (int64) that sort `input` along `dim`; stable, NaN counting as the largest value."""
    return sorted_with_index(input, dim, bool(descending))[1]


@op(SAME, variants="f m o", grad_name="SortBackward0")
def msort(input: T):
    """Values in ascending order along the first dim."""
    return sorted_with_index(input, 0)[0]


@op(SAME, variants="f m o", returns="values indices")
def topk(input: T, k: int, dim: Dim = -1, largest: bool = True, sorted: bool = True):
    """The k largest (or smallest) values along `dim`, in order, and their indices (int64).

    Of equal values the first come first. RuntimeError when k exceeds the size of `dim`.
    """
    size = input.shape[dim] if input.ndim else 1
    check(0 <= k <= size, "selected index k out of range")
    check(not is_bool(input), "topk does not support bool dtypes on CPU")
    check(not is_complex(input), "topk does not support complex dtypes on CPU")
    if input.ndim == 0:
        return (
            (input, jnp.zeros((), jnp.int64)) if k else (input[None][:0], jnp.zeros(0, jnp.int64))
        )
    if largest:
        values, index = lax.top_k(input, k, axis=dim)
        return values, index.astype(jnp.int64)
    # Complement of integers, because the lowest has no negative; NaN is largest, so comes last.
    key = select(is_nan(input), -jnp.inf, -input) if is_float(input) else ~input
    index = lax.top_k(const(key), k, axis=dim)[1].astype(jnp.int64)
    return jnp.take_along_axis(input, index, axis=dim), index


# Places in a sorted sequence.


def _before(items, values, right):
    """True where an item of the sequence lies before the place of the value."""
    return ~(items > values) if right else ~(items >= values)


def _bisect(sequence, values, right):
    n = sequence.shape[-1]
    low = jnp.zeros(values.shape, jnp.int64)
    step = 1 << n.bit_length()
    while step := step >> 1:
        high = low + step
        at = jnp.minimum(high, n) - 1
        if sequence.ndim == 1:
            items = sequence.at[at].get(mode="clip")
        else:
            items = jnp.take_along_axis(sequence, at, axis=-1, mode="clip")
        low = select((high <= n) & _before(items, values, right), high, low)
    return low


def _places(sequence, values, right):
    n = sequence.shape[-1]
    if n == 0:
        return jnp.zeros(values.shape, jnp.int64)
    if n * values.size > _ALL_PAIRS:
        return _bisect(sequence, values, right)
    items = sequence if sequence.ndim == 1 else jnp.expand_dims(sequence, -2)
    return jnp.sum(_before(items, jnp.expand_dims(values, -1), right), axis=-1, dtype=jnp.int64)


def _search(sequence, values, right, out_int32):
    places = _places(sequence, values, right)
    return places.astype(jnp.int32) if out_int32 else places


@op(DEFAULT, accepts="uif", variants="p", broadcast=False, grad=False)
def search_sorted(sorted_sequence: T, input: TS, right: bool, out_int32: bool):
    """Where each element of input goes in the sorted last dim of sorted_sequence."""
    bounds, values = sorted_sequence.shape, input.shape
    check(
        input.ndim == 0 or sorted_sequence.ndim == 1 or bounds[:-1] == values[:-1],
        "torch.searchsorted(): boundaries tensor should be 1 dimension or the first N-1 dimensions "
        "of boundaries tensor and input value tensor must match, but we got boundaries tensor "
        f"{list(bounds)} and input value tensor {list(values)}",
    )
    check(
        input.ndim > 0 or sorted_sequence.ndim == 1,
        "torch.searchsorted(): input value can be a scalar only when boundaries tensor dimension "
        f"is 1, but we got boundaries tensor dim({sorted_sequence.ndim})",
    )
    return _search(sorted_sequence, input, right, out_int32)


@composite("f o")
def searchsorted(sorted_sequence, input, *, out_int32=False, right=False, side=None, sorter=None):
    """Indices at which `input` would keep the last dim of `sorted_sequence` in order.

    side "left" (the default): before equal elements, "right" (or right=True): after them.
    sorter: indices that sort an unsorted sequence. Result int64, or int32 when asked for.
    """
    check(
        side in (None, "left", "right"),
        f"torch.searchsorted(): side can only be 'left' or 'right' but got {side}",
    )
    check(
        not (right and side == "left"),
        "torch.searchsorted(): side and right can't be set to opposites, got side of left while "
        "right was True",
    )
    if sorter is not None:
        check(
            tuple(sorter.shape) == tuple(sorted_sequence.shape),
            "torch.searchsorted(): boundary and sorter must have the same size, but got boundary "
            f"tensor {list(sorted_sequence.shape)} and got sorter tensor {list(sorter.shape)}",
        )
        sorted_sequence = ops.gather(sorted_sequence, -1, sorter)
    return ops.search_sorted(
        sorted_sequence, input, bool(right) or side == "right", bool(out_int32)
    )


@op(DEFAULT, accepts="uif", variants="f o", broadcast=False, grad=False)
def bucketize(input: TS, boundaries: T, *, out_int32: bool = False, right: bool = False):
    """Index of the bucket of each element: boundaries[i-1] < input <= boundaries[i].

    With right=True boundaries[i-1] <= input < boundaries[i]. `boundaries` is 1-D and sorted.
    """
    check(
        boundaries.ndim == 1,
        f"torch.bucketize(): boundaries tensor must be 1 dimension, but got dim({boundaries.ndim})",
    )
    return _search(boundaries, input, right, out_int32)


@composite("f o")
def isin(
    elements=None,
    test_elements=None,
    *,
    assume_unique=False,
    invert=False,
    element=None,
    test_element=None,
):
    """True where an element of `elements` is among `test_elements` (or is not, with invert)."""
    elements = element if elements is None else elements
    test_elements = test_element if test_elements is None else test_elements
    return ops.is_among(elements, test_elements, invert)


@op(DEFAULT, accepts="uifb", variants="p", broadcast=False, grad=False)
def is_among(elements: TS, test_elements: TS, invert: bool):
    """True where an element of `elements` is among `test_elements` (or is not, with invert)."""
    tests = test_elements.reshape(-1)
    if elements.size * tests.size <= _ALL_PAIRS:
        found = jnp.any(jnp.expand_dims(elements, -1) == tests, axis=-1)
    else:
        tests = lax.sort(tests)
        at = jnp.minimum(_places(tests, elements, False), tests.size - 1)
        found = tests.at[at].get(mode="clip") == elements
    return ~found if invert else found


# Distinct elements: the size of the result depends on the data, so these run on the host.


def _as_results(input, unique, inverse, counts, return_inverse, return_counts):
    out = [from_host(np.ascontiguousarray(unique), input.device)]
    if return_inverse:
        out.append(from_host(inverse.astype(np.int64), input.device))
    if return_counts:
        out.append(from_host(counts.astype(np.int64), input.device))
    return out[0] if len(out) == 1 else tuple(out)


@composite("f m")
def unique(input, sorted=True, return_inverse=False, return_counts=False, dim=None):
    """Distinct elements in ascending order, or distinct slices along `dim`.

    With return_inverse also where each element went, with return_counts how often each occurred.
    """
    array = host(input)
    axis = None if dim is None else _axis(input, dim)
    found, inverse, counts = np.unique(
        array, return_inverse=True, return_counts=True, axis=axis, equal_nan=False
    )
    shape = array.shape if axis is None else (-1,)
    return _as_results(input, found, inverse.reshape(shape), counts, return_inverse, return_counts)


def _axis(input, dim):
    low, high = (-input.ndim, input.ndim - 1) if input.ndim else (-1, 0)
    check(
        low <= dim <= high,
        f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})",
        IndexError,
    )
    return dim % max(input.ndim, 1)


@composite("f m")
def unique_consecutive(input, return_inverse=False, return_counts=False, dim=None):
    """The first of every run of equal elements, or of equal slices along `dim`.

    With return_inverse also the run of each element, with return_counts the length of each run.
    """
    array = host(input)
    axis = 0 if dim is None else _axis(input, dim)
    flat = array.reshape(-1) if dim is None else array
    n = flat.shape[axis]
    check(
        not n or flat.size or dim is None,
        "There are 0 sized dimensions, and they aren't selected, so unique cannot be applied",
    )
    # The width is spelled out: -1 has no meaning without elements.
    rows = np.moveaxis(flat, axis, 0).reshape(n, flat.size // n if n else 0)
    starts = np.ones(n, bool)
    starts[1:] = (rows[1:] != rows[:-1]).any(axis=1)
    inverse = np.cumsum(starts) - 1
    counts = np.diff(np.append(np.flatnonzero(starts), n))
    shape = array.shape if dim is None else (-1,)
    kept = np.compress(starts, flat, axis=axis)
    return _as_results(input, kept, inverse.reshape(shape), counts, return_inverse, return_counts)


# Histograms.


@composite("f m")
def bincount(input, weights=None, minlength=0):
    """How often each value 0, 1, ... occurs in a 1-D integer tensor, or the sum of its weights.

    At least `minlength` entries. RuntimeError for negative elements or more than one dim.
    """
    kind = input.dtype.kind
    check(
        kind in "ui",
        f"\"bincount_cpu\" not implemented for '{title(input.dtype)}'",
        NotImplementedError,
    )
    array = host(input)
    valid = array.ndim == 1 and (array.size == 0 or array.min() >= 0)
    check(valid, "bincount only supports 1-d non-negative integral inputs.")
    check(minlength >= 0, "minlength should be >= 0")
    if weights is None:
        return from_host(np.bincount(array, minlength=minlength), input.device)
    weight = host(weights)
    check(weight.shape == array.shape, "weights should be 1-d and have the same length as input")
    counts = np.bincount(array, weight.astype(np.float64), minlength)
    narrow = weight.dtype if weights.dtype.name == "float32" else np.float64
    return from_host(counts.astype(narrow), input.device)


def _span(x, low, high, margin=1):
    """Ends of the histogram: the data's own when both are equal, widened when those are equal."""
    if low == high and x.size:
        low_end, high_end = jnp.min(x), jnp.max(x)
    else:
        low_end, high_end = jnp.asarray(low, x.dtype), jnp.asarray(high, x.dtype)
    flat = low_end == high_end
    return select(flat, low_end - margin, low_end), select(flat, high_end + margin, high_end)


def _check_span(low, high):
    bad = ~(lax.is_finite(low) & lax.is_finite(high))
    guard(bad, RuntimeError, "torch.histc: range of [nan, nan] is not finite")


@op(SAME, variants="f m o", grad=False)
def histc(input: T, bins: int = 100, min: float = 0, max: float = 0):
    """Counts of elements in `bins` equal bins over [min, max]; over the data's range if both are 0.

    Elements outside are left out. RuntimeError when max < min or the range is not finite.
    """
    check(
        is_float(input),
        f"\"histogram_cpu\" not implemented for '{title(input.dtype)}'",
        NotImplementedError,
    )
    check(bins > 0, f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
    check(max >= min, "torch.histc: max must be larger than min")
    x = input.reshape(-1)
    low, high = _span(x, min, max)
    _check_span(low, high)
    inside = (x >= low) & (x <= high)
    # In this order, which decides the bin at a border in half precision.
    at = (select(inside, x - low, 0) * bins / (high - low)).astype(jnp.int64)
    return _tally(jnp.minimum(at, bins - 1), inside.astype(input.dtype), bins)


def _tally(at, weight, bins):
    return jnp.zeros((bins,), weight.dtype).at[at].add(weight, mode="drop")


@op(SAME, accepts="f", variants="p", grad=False, name="histogram", returns="hist bin_edges")
def histogram_over(input: T, edges: T | None, weight: T | None, bins: int, low: float, high: float,
                   density: bool):  # fmt: skip
    """Histogram over given edges, or `bins` equal ones over [low, high]."""
    x = input.reshape(-1)
    if edges is None:
        low_end, high_end = _span(x, low, high, 0.5)
        _check_span(low_end, high_end)
        share = jnp.arange(bins + 1, dtype=x.dtype) / bins
        edges = select(share == 1, high_end, low_end + share * (high_end - low_end))
    inside = (x >= edges[0]) & (x <= edges[-1])
    ones = jnp.ones_like(x) if weight is None else weight.reshape(-1)
    at = jnp.clip(_places(edges, x, True) - 1, 0, edges.size - 2)
    hist = _tally(at, select(inside, ones, 0), edges.size - 1)
    if density:
        hist = hist / (jnp.sum(hist) * (edges[1:] - edges[:-1]))
    return hist, edges


@composite("f m o")
def histogram(input, bins, *, range=None, weight=None, density=False):
    """Histogram (hist, bin_edges) of `bins` equal bins over `range`, or of edges in a tensor."""
    low, high = (0.0, 0.0) if range is None else (float(range[0]), float(range[1]))
    check(high >= low, "torch.histogram(): max should be greater than or equal to min")
    if not hasattr(bins, "dtype"):
        check(bins > 0, f"torch.histogram(): bins must be > 0, but got {bins} for dimension 0")
        return ops.histogram_over(input, None, weight, bins, low, high, density)
    return ops.histogram_over(input, bins, weight, 0, low, high, density)


@composite("f")
def histogramdd(input, bins, range=None, weight=None, density=False):
    """Histogram of points, the rows of a (N, D) tensor: (hist, list of D bin edge tensors)."""
    points = host(input)
    depth = points.shape[-1]
    points = points.reshape(-1, depth)
    each = [bins] * depth if isinstance(bins, int) else list(bins)
    each = [host(b) if hasattr(b, "dtype") else b for b in each]
    spans = None if range is None else np.asarray(range, float).reshape(depth, 2)
    weights = None if weight is None else host(weight).reshape(-1)
    counts, edges = np.histogramdd(points, each, spans, density=bool(density), weights=weights)
    counts = from_host(counts.astype(points.dtype), input.device)
    edges = [from_host(np.asarray(e, points.dtype), input.device) for e in edges]
    return return_type("histogramdd", "hist bin_edges")((counts, edges))
