"""Pooling to a given output size: adaptive and fractional."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .pool import Span, _check_rank, _gather, _greatest_along, _max_step, _places, _sizes, _sum_step
from .registry import SAME, T, check, composite, op, ops
from .safe import cast, select, widen
from .spatial import expand

# --- adaptive -------------------------------------------------------------------------


def _targets(output_size, n, shape):
    """The output size; None keeps the size of the input."""
    given = output_size if isinstance(output_size, (tuple, list)) else (output_size,) * n
    check(
        len(given) == n,
        f"adaptive pooling: output_size must be {n}, but got {len(given)} numbers",
    )
    sizes = tuple(s if o is None else int(o) for o, s in zip(given, shape[-n:], strict=True))
    check(
        all(s >= 0 for s in sizes),
        f"elements of output_size must be greater than or equal to 0 but received {list(sizes)}",
    )
    return sizes


def _windows(size, count):
    """The (count, widest) positions of torch's adaptive windows, and which of them are real."""
    start = np.arange(count) * size // count
    stop = -((-(np.arange(count) + 1) * size) // count)
    offsets = np.arange((stop - start).max(initial=1))
    table = np.minimum(start[:, None] + offsets, stop[:, None] - 1)
    return table, start[:, None] + offsets < stop[:, None]


def _even_span(size, count):
    """The regular windows that equal the adaptive ones, when the sizes divide; else None."""
    if count == 0 or size % count:
        return None
    return Span(size // count, size // count, 0, 1, count)


def _mean_step(x, dim, count):
    span = _even_span(x.shape[dim], count)
    if span is not None:
        return x if span.kernel == 1 else _sum_step(x, dim, span) / span.kernel
    table, real = _windows(x.shape[dim], count)
    parts = _gather(x, dim, table)
    shape = [1] * parts.ndim
    shape[dim : dim + 2] = table.shape
    mask = jnp.broadcast_to(lax.reshape(jnp.asarray(real), tuple(shape)), parts.shape)
    total = jnp.sum(select(mask, parts, 0.0), dim + 1)
    return total / expand(jnp.asarray(real.sum(1), x.dtype), total.ndim, dim)


def _check_room(n, input):
    check(
        n == 1 or input.ndim > n,
        f"Input dimension should be at least {n + 1}",
        ValueError,
    )


def _adaptive_avg(name, n, input, output_size):
    _check_room(n, input)
    _check_rank(name, n, input)
    x = widen(input)
    for back, count in enumerate(reversed(_targets(output_size, n, x.shape)), 1):
        x = _mean_step(x, x.ndim - back, count)
    return cast(x, input.dtype)


def _adaptive_max(name, n, input, output_size):
    _check_room(n, input)
    _check_rank(name, n, input)
    x = input
    index = _places(x, n)
    for back, count in enumerate(reversed(_targets(output_size, n, x.shape)), 1):
        dim = x.ndim - back
        span = _even_span(x.shape[dim], count)
        if span is not None:
            x, index = _max_step(x, index, dim, span)
            continue
        # Doubled entries at the end of a short window never beat their first occurrence.
        table, _ = _windows(x.shape[dim], count)
        x, index = _greatest_along(_gather(x, dim, table), _gather(index, dim, table), dim + 1)
    return x, index


@op(SAME, accepts="f", variants="f F")
def adaptive_avg_pool1d(input: T, output_size):
    """Means over `output_size` even windows. `input` (N, C, L) or (C, L)."""
    return _adaptive_avg("adaptive_avg_pool1d", 1, input, output_size)


@op(SAME, accepts="f", variants="F", grad_name="AdaptiveAvgPool2DBackward0")
def adaptive_avg_pool2d(input: T, output_size):
    """Means over a grid of `output_size` windows (None keeps a size). `input` (N, C, H, W)."""
    return _adaptive_avg("adaptive_avg_pool2d", 2, input, output_size)


@op(SAME, accepts="f", variants="F", grad_name="AdaptiveAvgPool3DBackward0")
def adaptive_avg_pool3d(input: T, output_size):
    """Means over a grid of `output_size` windows. `input` (N, C, D, H, W)."""
    return _adaptive_avg("adaptive_avg_pool3d", 3, input, output_size)


@op(SAME, accepts="f", variants="p", grad_name="AdaptiveMaxPool2DBackward0")
def adaptive_max_pool(input: T, n: int, output_size):
    """Adaptive max pooling over the last `n` dimensions and the positions of the maxima."""
    return _adaptive_max(f"adaptive_max_pool{n}d", n, input, output_size)


@composite("f")
def adaptive_max_pool1d(input, output_size):
    """Maxima over `output_size` even windows, and their positions, int64."""
    return ops.adaptive_max_pool(input, 1, output_size)


@composite("F")
def adaptive_max_pool1d_with_indices(input, output_size, return_indices=False):
    """Maxima over `output_size` even windows, and their positions, int64."""
    return ops.adaptive_max_pool(input, 1, output_size)


@composite("F")
def adaptive_max_pool2d_with_indices(input, output_size, return_indices=False):
    """Maxima over a grid of windows, and their positions in the flattened plane, int64."""
    return ops.adaptive_max_pool(input, 2, output_size)


@composite("F")
def adaptive_max_pool3d_with_indices(input, output_size, return_indices=False):
    """Maxima over a grid of windows, and their positions in the flattened volume, int64."""
    return ops.adaptive_max_pool(input.contiguous(), 3, output_size)


@composite("F", name="adaptive_max_pool1d")
def F_adaptive_max_pool1d(input, output_size, return_indices=False):
    """Maxima over `output_size` even windows; with `return_indices` also their positions."""
    out, index = ops.adaptive_max_pool(input, 1, output_size)
    return (out, index) if return_indices else out


@composite("F", name="adaptive_max_pool2d")
def F_adaptive_max_pool2d(input, output_size, return_indices=False):
    """Maxima over a grid of windows; with `return_indices` also their positions."""
    out, index = ops.adaptive_max_pool(input, 2, output_size)
    return (out, index) if return_indices else out


@composite("F", name="adaptive_max_pool3d")
def F_adaptive_max_pool3d(input, output_size, return_indices=False):
    """Maxima over a grid of windows; with `return_indices` also their positions."""
    out, index = ops.adaptive_max_pool(input.contiguous(), 3, output_size)
    return (out, index) if return_indices else out


# --- fractional -----------------------------------------------------------------------


def _random_starts(sample, size, kernel, count):
    """Where the `count` pseudo-random windows begin, for samples (N, C): int64 (N, C, count)."""
    last = size - kernel
    if count == 1:
        return jnp.full((*sample.shape, 1), last, jnp.int64)
    alpha = last / (count - 1)
    steps = jnp.arange(count - 1, dtype=sample.dtype)
    u = sample[..., None]
    # Towards zero: the samples need not lie in [0, 1).
    start = ((steps + u) * alpha).astype(jnp.int64) - (u * alpha).astype(jnp.int64)
    end = jnp.full((*sample.shape, 1), last, jnp.int64)
    return lax.concatenate([start, end], 2)


@op(SAME, accepts="f", variants="p")
def fractional_max_pool(input: T, samples: T, kernel_size: tuple, output_size: tuple):
    """Maxima over windows placed by `samples` (N, C, n), and their positions, int64."""
    n = len(kernel_size)
    x = input
    index = _places(x, n)
    for d in range(n):
        dim = 2 + d
        check(
            output_size[d] + kernel_size[d] - (n == 2) <= x.shape[dim],
            f"fractional_max_pool{n}d(): pool size {kernel_size[d]} too large relative to input "
            f"size {x.shape[dim]}",
        )
        # Of a plane torch reads the samples of the last dimension first, of a volume the first's.
        sample = samples[..., n - 1 - d if n == 2 else d]
        starts = _random_starts(sample, x.shape[dim], kernel_size[d], output_size[d])
        rows = starts[..., None] + jnp.arange(kernel_size[d])
        rows = rows.reshape(*starts.shape[:2], output_size[d] * kernel_size[d])
        shape = [1] * x.ndim
        shape[:2] = rows.shape[:2]
        shape[dim] = rows.shape[2]
        rows = rows.reshape(shape)
        x = jnp.take_along_axis(x, rows, dim, mode="clip")
        index = jnp.take_along_axis(index, rows, dim, mode="clip")
    if not x.size:
        empty = (*x.shape[:2], *output_size)
        return jnp.zeros(empty, x.dtype), jnp.zeros(empty, jnp.int64)
    return _greatest_along(_tiles(x, kernel_size), _tiles(index, kernel_size), 2 + n)


def _tiles(x, kernel):
    """(N, C, o1*k1, ...) as (N, C, o1, ..., k1*...)."""
    n = len(kernel)
    pairs = [v for size, k in zip(x.shape[2:], kernel, strict=True) for v in (size // k, k)]
    x = x.reshape(*x.shape[:2], *pairs)
    order = (0, 1, *range(2, 2 + 2 * n, 2), *range(3, 3 + 2 * n, 2))
    x = x.transpose(order)
    return x.reshape(*x.shape[: 2 + n], -1)


def _check_samples(samples, x, n):
    check(
        samples.ndim == 3,
        f"Expect _random_samples to have 3 dimensions, got {samples.ndim}",
    )
    check(
        samples.shape[0] >= x.shape[0],
        "Expect _random_samples.size(0) no less then input batch size.",
    )
    check(
        samples.shape[1] == x.shape[1],
        "Expect _random_samples.size(1) equals to input channel size.",
    )
    check(
        samples.shape[2] == n,
        f"Expect _random_samples.size(2) equals to {n}; got {samples.shape[2]}.",
    )


def _fractional(n, input, kernel_size, output_size, output_ratio, samples):
    check(
        output_size is not None or output_ratio is not None,
        f"fractional_max_pool{n}d requires specifying either an output_size or an output_ratio",
        ValueError,
    )
    kernel = _sizes(kernel_size, n, "kernel_size")
    if output_size is None:
        ratio = output_ratio if isinstance(output_ratio, (tuple, list)) else (output_ratio,) * n
        sizes = zip(input.shape[-n:], ratio, strict=True)
        output_size = tuple(int(size * r) for size, r in sizes)
    batched = input.ndim == n + 2
    x = input if batched else input.unsqueeze(0)
    if samples is None:
        samples = ops.rand(x.shape[0], x.shape[1], n, dtype=x.dtype)
    _check_samples(samples, x, n)
    samples = samples[: x.shape[0]]
    out, index = ops.fractional_max_pool(x, samples, kernel, _sizes(output_size, n, "output_size"))
    return (out, index) if batched else (out.squeeze(0), index.squeeze(0))


@composite("F")
def fractional_max_pool2d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maxima over pseudo-random windows, and their positions. `input` (N, C, H, W) or (C, H, W)."""
    return _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)


@composite("F")
def fractional_max_pool3d_with_indices(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maxima over pseudo-random windows, and their positions. `input` (N, C, D, H, W)."""
    return _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)


@composite("F")
def fractional_max_pool2d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maxima over pseudo-random windows; with `return_indices` also their positions."""
    result = _fractional(2, input, kernel_size, output_size, output_ratio, _random_samples)
    return result if return_indices else result[0]


@composite("F")
def fractional_max_pool3d(
    input,
    kernel_size,
    output_size=None,
    output_ratio=None,
    return_indices=False,
    _random_samples=None,
):
    """Maxima over pseudo-random windows; with `return_indices` also their positions."""
    result = _fractional(3, input, kernel_size, output_size, output_ratio, _random_samples)
    return result if return_indices else result[0]
