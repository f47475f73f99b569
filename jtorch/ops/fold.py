"""Rearrangements of channels, pixels and sliding blocks."""

import math

import jax.numpy as jnp
from jax import lax

from .registry import SAME, T, check, op
from .spatial import as_tuple

# --- pixels and channels --------------------------------------------------------------


@op(SAME, variants="f F")
def pixel_shuffle(input: T, upscale_factor: int):
    """(*, C * r^2, H, W) to (*, C, H * r, W * r)."""
    r = upscale_factor
    check(
        input.ndim >= 3,
        "pixel_shuffle expects input to have at least 3 dimensions, but got input with "
        f"{input.ndim} dimension(s)",
    )
    check(r > 0, f"pixel_shuffle expects a positive upscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    check(
        channels % (r * r) == 0,
        "pixel_shuffle expects its input's 'channel' dimension to be divisible by the square of "
        f"upscale_factor, but input.size(-3)={channels} is not divisible by {r * r}",
    )
    x = lax.reshape(input, (*lead, channels // (r * r), r, r, height, width))
    n = len(lead)
    x = lax.transpose(x, (*range(n), n, n + 3, n + 1, n + 4, n + 2))
    return lax.reshape(x, (*lead, channels // (r * r), height * r, width * r))


@op(SAME, variants="f F")
def pixel_unshuffle(input: T, downscale_factor: int):
    """(*, C, H * r, W * r) to (*, C * r^2, H, W)."""
    r = downscale_factor
    check(
        input.ndim >= 3,
        "pixel_unshuffle expects input to have at least 3 dimensions, but got input with "
        f"{input.ndim} dimension(s)",
    )
    check(r > 0, f"pixel_unshuffle expects a positive downscale_factor, but got {r}")
    *lead, channels, height, width = input.shape
    check(
        height % r == 0,
        "pixel_unshuffle expects height to be divisible by downscale_factor, but "
        f"input.size(-2)={height} is not divisible by {r}",
    )
    check(
        width % r == 0,
        "pixel_unshuffle expects width to be divisible by downscale_factor, but "
        f"input.size(-1)={width} is not divisible by {r}",
    )
    x = lax.reshape(input, (*lead, channels, height // r, r, width // r, r))
    n = len(lead)
    x = lax.transpose(x, (*range(n), n, n + 2, n + 4, n + 1, n + 3))
    return lax.reshape(x, (*lead, channels * r * r, height // r, width // r))


@op(SAME, variants="f F", alias=("native_channel_shuffle",))
def channel_shuffle(input: T, groups: int):
    """(N, C, *) with the channels of the groups dealt out in turn."""
    check(
        input.ndim >= 3,
        "channel_shuffle expects input with > 2 dims, but got input with sizes "
        f"{list(input.shape)}",
    )
    check(
        groups > 0,
        f"Number of groups to divide channels in must be positive. Value of groups:{groups}",
    )
    n, channels, *rest = input.shape
    check(
        channels % groups == 0,
        f"Number of channels must be divisible by groups. Got {channels} channels and {groups} "
        "groups.",
    )
    x = lax.reshape(input, (n, groups, channels // groups, *rest))
    return lax.reshape(jnp.swapaxes(x, 1, 2), input.shape)


# --- sliding blocks -------------------------------------------------------------------


def _settings(kernel_size, dilation, padding, stride):
    names = ("kernel_size", "dilation", "padding", "stride")
    values = (kernel_size, dilation, padding, stride)
    return [as_tuple(v, 2, n, "spatial") for n, v in zip(names, values, strict=True)]


def _blocks(size, kernel, dilation, padding, stride):
    """How many positions a block has along one dimension."""
    return (size + 2 * padding - dilation * (kernel - 1) - 1) // stride + 1


def _offsets(kernel, dilation):
    return [(i * dilation[0], j * dilation[1]) for i in range(kernel[0]) for j in range(kernel[1])]


@op(SAME, accepts="fcb", variants="F", grad_name="Im2ColBackward0")
def unfold(input: T, kernel_size, dilation=1, padding=0, stride=1):
    """The blocks of (N, C, H, W) or (C, H, W) as columns: (N, C * KH * KW, L).

    RuntimeError when no block fits.
    """
    kernel, dilation, padding, stride = _settings(kernel_size, dilation, padding, stride)
    check(
        input.ndim in (3, 4) and all(input.shape[1:]),
        "Expected 3D or 4D (batch mode) tensor with possibly 0 batch size and other non-zero "
        f"dimensions for input, but got: {list(input.shape)}",
    )
    batched = input.ndim == 4
    x = input if batched else lax.expand_dims(input, (0,))
    n, channels, *sizes = x.shape
    counts = [_blocks(*v) for v in zip(sizes, kernel, dilation, padding, stride, strict=True)]
    check(
        all(c > 0 for c in counts),
        f"Given input with spatial size ({sizes[0]}, {sizes[1]}), kernel_size={kernel}, "
        f"dilation={dilation}, padding={padding}, calculated shape of the array of sliding blocks "
        f"as ({counts[0]}, {counts[1]}), but its components must be at least one.",
    )
    edges = [(0, 0, 0), (0, 0, 0), *((p, p, 0) for p in padding)]
    x = lax.pad(x, lax.full((), 0, x.dtype), edges) if any(padding) else x
    spans = [(c - 1) * s + 1 for c, s in zip(counts, stride, strict=True)]
    parts = [
        lax.slice(x, (0, 0, i, j), (n, channels, i + spans[0], j + spans[1]), (1, 1, *stride))
        for i, j in _offsets(kernel, dilation)
    ]
    columns = jnp.stack(parts, 2)
    columns = lax.reshape(columns, (n, channels * math.prod(kernel), math.prod(counts)))
    return columns if batched else lax.squeeze(columns, (0,))


@op(SAME, accepts="fcb", variants="F", grad_name="Col2ImBackward0")
def fold(input: T, output_size, kernel_size, dilation=1, padding=0, stride=1):
    """The sum of blocks (N, C * KH * KW, L) or (C * KH * KW, L) at their places: (N, C, H, W).

    RuntimeError when the number of blocks or channels does not fit.
    """
    kernel, dilation, padding, stride = _settings(kernel_size, dilation, padding, stride)
    size = as_tuple(output_size, 2, "output_size", "spatial")
    check(
        input.ndim in (2, 3) and all(input.shape[-2:]),
        "Expected 2D or 3D (batch mode) tensor for input with possibly 0 batch size and non-zero "
        f"dimensions for input, but got: {list(input.shape)}",
    )
    batched = input.ndim == 3
    x = input if batched else lax.expand_dims(input, (0,))
    n, rows, columns = x.shape
    block = math.prod(kernel)
    check(
        rows % block == 0,
        "Expected size of input's dimension 1 to be divisible by the product of kernel_size, but "
        f"got input.size(1)={rows} and kernel_size={kernel}.",
    )
    counts = [_blocks(*v) for v in zip(size, kernel, dilation, padding, stride, strict=True)]
    check(
        all(c > 0 for c in counts) and columns == math.prod(counts),
        f"Given output_size={size}, kernel_size={kernel}, dilation={dilation}, padding={padding}, "
        f"stride={stride}, expected size of input's dimension 2 to match the calculated number of "
        f"sliding blocks {counts[0]} * {counts[1]} = {math.prod(counts)}, but got "
        f"input.size(2)={columns}.",
    )
    x = lax.reshape(x, (n, rows // block, block, *counts))
    total = None
    for k, offset in enumerate(_offsets(kernel, dilation)):
        placed = _place(x[:, :, k], offset, size, padding, stride)
        total = placed if total is None else total + placed
    return total if batched else lax.squeeze(total, (0,))


def _place(part, offset, size, padding, stride):
    """One entry of every block at its place in the plane, zeros elsewhere."""
    edges = [(0, 0, 0), (0, 0, 0)]
    for d in range(2):
        low = offset[d] - padding[d]
        reach = (part.shape[2 + d] - 1) * stride[d] + 1
        edges.append((low, size[d] - low - reach, stride[d] - 1))
    return lax.pad(part, lax.full((), 0, part.dtype), edges)
