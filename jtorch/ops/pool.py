"""Max, average, power and adaptive pooling over one, two and three dimensions.

All of it is separable: a window is reduced along the last dimension first, then along the one
before, and so on. On the CPU this is several times faster than XLA's windowed reductions, forward
and backward, and the first maximum in memory order wins, as in torch.
"""

import math
from typing import NamedTuple

import jax.numpy as jnp
import numpy as np
from jax import lax

from .registry import SAME, T, check, composite, guard, op, ops
from .safe import cast, select, widen
from .spatial import expand

_FEW = 16  # up to so many candidates per window are compared one by one


class Span(NamedTuple):
    """How windows lie along one dimension: `count` windows of `kernel` entries."""

    kernel: int
    stride: int
    low: int
    dilation: int
    count: int

    @property
    def disjoint(self):
        return self.stride == self.kernel and self.dilation == 1

    @property
    def reach(self):
        return (self.count - 1) * self.stride + self.dilation * (self.kernel - 1) + 1


def _sizes(value, n, what):
    if isinstance(value, (tuple, list)):
        check(
            len(value) in (1, n),
            f"pooling: {what} must either be a single int, or a tuple of {n} ints",
        )
        return tuple(int(v) for v in value) * (n if len(value) == 1 else 1)
    return (int(value),) * n


def _count(size, kernel, stride, pad, dilation, ceil_mode):
    """The number of windows; with `ceil_mode` none may start in the padding on the right."""
    free = size + 2 * pad - dilation * (kernel - 1) - 1
    if not ceil_mode:
        return free // stride + 1
    count = -(-free // stride) + 1
    return count - 1 if (count - 1) * stride >= size + pad else count


def _spans(shape, n, kernel, stride, padding, dilation, ceil_mode):
    kernel = _sizes(kernel, n, "kernel_size")
    stride = kernel if stride is None or stride == () else _sizes(stride, n, "stride")
    padding = _sizes(padding, n, "padding")
    dilation = _sizes(dilation, n, "dilation")
    check(all(k > 0 for k in kernel), "kernel size should be greater than zero")
    check(all(s > 0 for s in stride), "stride should be greater than zero")
    check(all(d > 0 for d in dilation), "dilation should be greater than zero")
    check(all(p >= 0 for p in padding), "pad must be non-negative")
    for k, p, d in zip(kernel, padding, dilation, strict=True):
        check(
            p <= ((k - 1) * d + 1) // 2,
            f"pad should be at most half of effective kernel size, but got pad={p}, "
            f"kernel_size={k} and dilation={d}",
        )
    counts = [
        _count(*sizes, ceil_mode)
        for sizes in zip(shape[-n:], kernel, stride, padding, dilation, strict=True)
    ]
    check(
        all(c > 0 for c in counts),
        f"Given input size: ({'x'.join(map(str, shape[-n - 1 :]))}). Calculated output size: "
        f"({'x'.join(map(str, (shape[-n - 1], *counts)))}). Output size is too small",
    )
    return [Span(*s) for s in zip(kernel, stride, padding, dilation, counts, strict=True)]


def _check_rank(name, n, input):
    check(
        input.ndim in (n + 1, n + 2),
        f"{name}(): Expected {n + 1}D or {n + 2}D tensor, but got {list(input.shape)}",
    )
    check(
        all(input.shape[1:] if input.ndim == n + 2 else input.shape),
        f"{name}(): Expected input to have non-zero size for non-batch dimensions, but got sizes "
        f"{list(input.shape)}",
    )


def _check_windowed(name, n, input):
    """The input of a max or average pool, with the words torch has for each."""
    batched = input.ndim == n + 2
    empty = not all(input.shape[1:] if batched else input.shape)
    shape = list(input.shape)
    ranks = f"{n + 1}D or {n + 2}D (batch mode) tensor"
    wrong = not batched and input.ndim != n + 1
    check(
        not (name == "avg_pool2d" and input.ndim < 3),
        f"Dimension out of range (expected to be in range of [{-input.ndim}, {input.ndim - 1}], "
        "but got -3)",
        IndexError,
    )
    if n == 3 or name == "max_pool2d":
        check(not wrong, f"non-empty {ranks} expected for input")
    if n == 3:
        check(
            not empty,
            f"{name}(): Expected input's non-batch dimensions to have positive length, but input "
            f"has a shape of {shape} and non-batch dimension "
            f"{shape[batched:].index(0) if empty else 0} has length zero!",
        )
    owner = f"{name}: " if n == 1 else ""
    check(
        not wrong and not empty,
        f"{owner}Expected {ranks} with optional 0 dim batch size for input, but got:{shape}",
    )


def _lowest(dtype):
    if jnp.issubdtype(dtype, jnp.floating):
        return np.array(-np.inf, dtype)
    return np.array(jnp.iinfo(dtype).min, dtype)


# --- windows along one dimension ------------------------------------------------------


def _fit(x, dim, span, fill):
    """`x` padded (or cut) along `dim` so that the windows cover it exactly."""
    high = span.reach - x.shape[dim] - span.low
    if span.disjoint:
        high = span.count * span.kernel - x.shape[dim] - span.low
    if span.low == 0 and high == 0:
        return x
    edges = [(0, 0, 0)] * x.ndim
    edges[dim] = (span.low, high, 0)
    return lax.pad(x, lax.full((), fill, x.dtype), edges)


def _split(x, dim, span):
    """`x` with `dim` split into (count, kernel): for disjoint windows."""
    shape = (*x.shape[:dim], span.count, span.kernel, *x.shape[dim + 1 :])
    return lax.reshape(x, shape)


def _entries(x, dim, span):
    """The list of `kernel` arrays: entry j of every window along `dim`."""
    if span.disjoint:
        parts = _split(x, dim, span)
        return [lax.index_in_dim(parts, j, dim + 1, keepdims=False) for j in range(span.kernel)]
    stop = (span.count - 1) * span.stride + 1
    starts = [j * span.dilation for j in range(span.kernel)]
    return [lax.slice_in_dim(x, s, s + stop, span.stride, dim) for s in starts]


def _gather(x, dim, table):
    """`x` with `dim` replaced by the (count, kernel) positions of `table`."""
    return jnp.take(x, table, axis=dim, mode="clip")


def _greatest(values, indices):
    """The first greatest of a list of arrays, and the matching entry of `indices` (or None).

    A comparison per candidate routes the whole gradient to the winner; a NaN always wins.
    """
    best = values[0]
    index = indices[0] if indices else None
    for j, value in enumerate(values[1:], 1):
        better = (value > best) | (value != value)
        best = lax.select(better, value, best)
        index = lax.select(better, indices[j], index) if indices else None
    return best, index


def _greatest_along(x, index, dim):
    """As `_greatest`, for candidates that lie along dimension `dim` of one array."""
    winner = lax.argmax(x, dim, jnp.int32)
    hit = lax.broadcasted_iota(jnp.int32, x.shape, dim) == lax.expand_dims(winner, (dim,))
    best = jnp.sum(select(hit, x, 0), dim, dtype=x.dtype)
    return best, None if index is None else jnp.sum(select(hit, index, 0), dim)


def _max_step(x, index, dim, span):
    x = _fit(x, dim, span, _lowest(x.dtype))
    index = None if index is None else _fit(index, dim, span, 0)
    if span.kernel <= _FEW:
        indices = None if index is None else _entries(index, dim, span)
        return _greatest(_entries(x, dim, span), indices)
    if span.disjoint:
        index = None if index is None else _split(index, dim, span)
        return _greatest_along(_split(x, dim, span), index, dim + 1)
    starts = np.arange(span.count)[:, None] * span.stride
    table = starts + np.arange(span.kernel) * span.dilation
    index = None if index is None else _gather(index, dim, table)
    return _greatest_along(_gather(x, dim, table), index, dim + 1)


def _places(x, n):
    """For every entry of `x` its position in the flattened last `n` dimensions, int64."""
    plane = x.shape[-n:]
    flat = lax.reshape(lax.iota(jnp.int64, math.prod(plane)), plane)
    return jnp.broadcast_to(flat, x.shape)


def _max_pool(name, n, input, settings, with_indices):
    _check_windowed(name, n, input)
    x = input
    index = _places(x, n) if with_indices else None
    spans = _spans(x.shape, n, *settings)
    for back, span in enumerate(reversed(spans), 1):
        x, index = _max_step(x, index, x.ndim - back, span)
    return (x, index) if with_indices else x


# --- max pooling ----------------------------------------------------------------------


@op(SAME, accepts="uif", variants="f", grad_name="SqueezeBackward1")
def max_pool1d(input: T, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False):
    """Greatest entry of each window. `input` (N, C, L) or (C, L); padding counts as -inf."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool1d", 1, input, settings, False)


@op(SAME, accepts="uif", variants="f", grad_name="MaxPool2DWithIndicesBackward0")
def max_pool2d(input: T, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False):
    """Greatest entry of each window. `input` (N, C, H, W) or (C, H, W); padding counts as -inf."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool2d", 2, input, settings, False)


@op(SAME, accepts="uif", variants="f", grad_name="MaxPool3DWithIndicesBackward0")
def max_pool3d(input: T, kernel_size, stride=None, padding=0, dilation=1, ceil_mode: bool = False):
    """Greatest entry of each window. `input` (N, C, D, H, W) or (C, D, H, W)."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool("max_pool3d", 3, input, settings, False)


@op(SAME, accepts="uif", variants="p", grad_name="MaxPool2DWithIndicesBackward0")
def max_pool_indices(
    input: T,
    n: int,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode: bool = False,
):
    """Max pooling over the last `n` dimensions and the int64 positions of the maxima."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return _max_pool(f"max_pool{n}d", n, input, settings, True)


def _pool_with_indices(n, input, settings):
    return ops.max_pool_indices(input, n, *settings)


@composite("f F")
def max_pool1d_with_indices(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool1d` and the positions of the maxima in their row, int64."""
    return _pool_with_indices(1, input, (kernel_size, stride, padding, dilation, ceil_mode))


@composite("F")
def max_pool2d_with_indices(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool2d` and the positions of the maxima in their flattened plane, int64."""
    return _pool_with_indices(2, input, (kernel_size, stride, padding, dilation, ceil_mode))


@composite("F")
def max_pool3d_with_indices(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """`max_pool3d` and the positions of the maxima in their flattened volume, int64."""
    return _pool_with_indices(3, input, (kernel_size, stride, padding, dilation, ceil_mode))


@composite("F", name="max_pool1d")
def F_max_pool1d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Greatest entry of each window; with `return_indices` also the positions of the maxima."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return (
        _pool_with_indices(1, input, settings)
        if return_indices
        else ops.max_pool1d(input, *settings)
    )


@composite("F", name="max_pool2d")
def F_max_pool2d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Greatest entry of each window; with `return_indices` also the positions of the maxima."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return (
        _pool_with_indices(2, input, settings)
        if return_indices
        else ops.max_pool2d(input, *settings)
    )


@composite("F", name="max_pool3d")
def F_max_pool3d(
    input,
    kernel_size,
    stride=None,
    padding=0,
    dilation=1,
    ceil_mode=False,
    return_indices=False,
):
    """Greatest entry of each window; with `return_indices` also the positions of the maxima."""
    settings = (kernel_size, stride, padding, dilation, ceil_mode)
    return (
        _pool_with_indices(3, input, settings)
        if return_indices
        else ops.max_pool3d(input, *settings)
    )


# --- average pooling ------------------------------------------------------------------


def _sum_step(x, dim, span):
    x = _fit(x, dim, span, 0)
    if span.disjoint:
        return jnp.sum(_split(x, dim, span), dim + 1)
    if span.kernel <= _FEW:
        parts = _entries(x, dim, span)
        total = parts[0]
        for part in parts[1:]:
            total = total + part
        return total
    window = [1] * x.ndim
    strides = [1] * x.ndim
    window[dim] = span.kernel
    strides[dim] = span.stride
    # A constant, or JAX does not see that this is a sum.
    zero = np.zeros((), x.dtype)
    return lax.reduce_window(x, zero, lax.add, window, strides, [(0, 0)] * x.ndim)


def _entries_counted(size, span, count_include_pad):
    """For each window along one dimension, by how many entries its sum is divided."""
    start = np.arange(span.count) * span.stride - span.low
    stop = np.minimum(start + span.kernel, size + span.low)
    if not count_include_pad:
        start = np.maximum(start, 0)
        stop = np.minimum(stop, size)
    return stop - start


def _divide(total, counts, divisor):
    """`total` by the product of the counts of its windows, or by a fixed `divisor`."""
    if divisor is not None:
        return total / divisor
    if all((c == c[0]).all() for c in counts):
        return total / math.prod(int(c[0]) for c in counts)
    for back, count in enumerate(reversed(counts), 1):
        total = total / expand(jnp.asarray(count, total.dtype), total.ndim, total.ndim - back)
    return total


def _avg_pool(name, n, input, settings, count_include_pad, divisor):
    _check_windowed(name, n, input)
    check(divisor is None or divisor != 0, "divisor must be not zero")
    kernel, stride, padding, ceil_mode = settings
    spans = _spans(input.shape, n, kernel, stride, padding, 1, ceil_mode)
    x = widen(input)
    sizes = x.shape[-n:]
    for back, span in enumerate(reversed(spans), 1):
        x = _sum_step(x, x.ndim - back, span)
    counts = [
        _entries_counted(size, span, count_include_pad)
        for size, span in zip(sizes, spans, strict=True)
    ]
    return cast(_divide(x, counts, divisor), input.dtype)


@op(SAME, accepts="if", variants="f F")
def avg_pool1d(
    input: T,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
):
    """Mean of each window. `input` (N, C, L) or (C, L)."""
    settings = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool1d", 1, input, settings, count_include_pad, None)


@op(SAME, accepts="if", variants="F o", grad_name="AvgPool2DBackward0")
def avg_pool2d(
    input: T,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
):
    """Mean of each window (sum / divisor_override when given). `input` (N, C, H, W), (C, H, W)."""
    settings = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool2d", 2, input, settings, count_include_pad, divisor_override)


@op(SAME, accepts="if", variants="F o", grad_name="AvgPool3DBackward0")
def avg_pool3d(
    input: T,
    kernel_size,
    stride=None,
    padding=0,
    ceil_mode: bool = False,
    count_include_pad: bool = True,
    divisor_override: int | None = None,
):
    """Mean of each window (sum / divisor_override when given). `input` (N, C, D, H, W)."""
    settings = (kernel_size, stride, padding, ceil_mode)
    return _avg_pool("avg_pool3d", 3, input, settings, count_include_pad, divisor_override)


@op(SAME, accepts="f", variants="p")
def lp_pool(input: T, n: int, norm_type: float, kernel_size, stride=None, ceil_mode: bool = False):
    """The p-norm of each window over the last `n` dimensions."""
    settings = (kernel_size, stride, 0, ceil_mode)
    kernel = _sizes(kernel_size, n, "kernel_size")
    x = widen(input)
    powers = x * x if norm_type == 2 else x ** float(norm_type)
    mean = _avg_pool(f"lp_pool{n}d", n, powers, settings, True, None)
    total = mean * math.prod(kernel)
    # The root has an infinite slope at 0; torch's answer there is 0.
    zero = total == 0
    root = select(zero, 1.0, total) ** (1.0 / norm_type)
    return cast(select(zero, 0.0, root), input.dtype)


@composite("F")
def lp_pool1d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window, p = `norm_type`. `input` (N, C, L) or (C, L)."""
    return ops.lp_pool(input, 1, float(norm_type), kernel_size, stride, ceil_mode)


@composite("F")
def lp_pool2d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window, p = `norm_type`. `input` (N, C, H, W) or (C, H, W)."""
    return ops.lp_pool(input, 2, float(norm_type), kernel_size, stride, ceil_mode)


@composite("F")
def lp_pool3d(input, norm_type, kernel_size, stride=None, ceil_mode=False):
    """The p-norm of each window, p = `norm_type`. `input` (N, C, D, H, W) or (C, D, H, W)."""
    return ops.lp_pool(input.contiguous(), 3, float(norm_type), kernel_size, stride, ceil_mode)


# --- unpooling ------------------------------------------------------------------------


@op(SAME, accepts="uif", variants="p")
def max_unpool(input: T, indices: T, size: tuple):
    """Zeros of the plane `size` with the entries of `input` put at `indices`.

    RuntimeError for an index outside of the plane, at the next look at a value.
    """
    n = len(size)
    check(
        indices.dtype == jnp.int64,
        f"elements in indices should be type int64 but got: {indices.dtype}",
    )
    check(
        input.shape == indices.shape,
        "Expected shape of indices to be same as that of the input tensor "
        f"({list(input.shape)}), but got indices tensor with shape: {list(indices.shape)}",
    )
    lead = input.shape[:-n]
    rows = math.prod(lead)
    plane = math.prod(size)
    guard(
        jnp.any((indices < 0) | (indices >= plane)),
        RuntimeError,
        f"Found an invalid max index: output volumes are of size {'x'.join(map(str, size))}",
    )
    flat = lax.reshape(indices, (rows, math.prod(input.shape[-n:])))
    values = lax.reshape(input, flat.shape)
    row = lax.broadcasted_iota(jnp.int64, flat.shape, 0)
    # Declared unique, every value gets the gradient of its place, as in torch, also where several
    # were put at the same one.
    start = jnp.zeros((rows, plane), input.dtype)
    out = start.at[row, flat].set(values, mode="drop", unique_indices=True)
    return lax.reshape(out, (*lead, *size))


def _unpool_size(shape, n, kernel, stride, padding, output_size):
    """The size of the plane before pooling, by default the smallest that fits."""
    default = [
        (size - 1) * s - 2 * p + k
        for size, k, s, p in zip(shape[-n:], kernel, stride, padding, strict=True)
    ]
    if output_size is None:
        return tuple(default)
    size = tuple(output_size)[-n:]
    check(
        len(output_size) in (n, n + 2) or len(size) == n,
        f"output_size should be a sequence containing {n} or {n + 2} elements, but it has a "
        f"length of '{len(output_size)}'",
        ValueError,
    )
    for d in range(n):
        low = default[d] - stride[d]
        high = default[d] + stride[d]
        check(
            low < size[d] < high,
            f'invalid output_size "{list(size)}" (dim {d} must be between {low} and {high})',
            ValueError,
        )
    return size


def _unpool(n, input, indices, kernel_size, stride, padding, output_size):
    kernel = _sizes(kernel_size, n, "kernel_size")
    stride = kernel if stride is None else _sizes(stride, n, "stride")
    padding = _sizes(padding, n, "padding")
    size = _unpool_size(tuple(input.shape), n, kernel, stride, padding, output_size)
    return ops.max_unpool(input, indices, size)


@composite("F")
def max_unpool1d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The partial inverse of `max_pool1d`: maxima back at `indices`, zero elsewhere."""
    return _unpool(1, input, indices, kernel_size, stride, padding, output_size)


@composite("F")
def max_unpool2d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The partial inverse of `max_pool2d`: maxima back at `indices`, zero elsewhere."""
    return _unpool(2, input, indices, kernel_size, stride, padding, output_size)


@composite("F")
def max_unpool3d(input, indices, kernel_size, stride=None, padding=0, output_size=None):
    """The partial inverse of `max_pool3d`: maxima back at `indices`, zero elsewhere."""
    return _unpool(3, input, indices, kernel_size, stride, padding, output_size)
