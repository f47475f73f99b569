"""Sampling of planes and volumes at positions given by a grid."""

import itertools
import math
import warnings

import jax.numpy as jnp
from jax import lax

from .registry import SAME, T, check, composite, op, ops
from .safe import cast, select, widen

_MODES = ("bilinear", "nearest", "bicubic")
_PADDINGS = ("zeros", "border", "reflection")

# --- positions ------------------------------------------------------------------------


def _unnormalised(x, size, align_corners):
    """Grid coordinates in [-1, 1] as positions in a dimension of `size` entries."""
    if align_corners:
        return (x + 1) * ((size - 1) / 2)
    return ((x + 1) * size - 1) / 2


def _clipped(x, low, high):
    # The derivative is 0 at and beyond the ends, as in torch.
    return select(x <= low, float(low), select(x >= high, float(high), x))


def _reflected(x, size, align_corners):
    """Positions folded back into the dimension at its ends."""
    low, high = (0, size - 1) if align_corners else (-0.5, size - 0.5)
    span = high - low
    if span <= 0:
        return x * 0
    distance = lax.abs(x - low)
    flips = lax.floor(distance / span)
    rest = distance - flips * span
    odd = lax.rem(flips, jnp.full_like(flips, 2)) == 1
    return select(odd, span - rest, rest) + low


def _bounded(x, size, padding_mode, align_corners):
    if padding_mode == "border":
        return _clipped(x, 0, size - 1)
    if padding_mode == "reflection":
        return _clipped(_reflected(x, size, align_corners), 0, size - 1)
    return x


# --- values at whole positions --------------------------------------------------------


def _values_at(input, index):
    """input[n, :, index[0][n], index[1][n], ...], 0 outside. `index`: floats (N, *out) per dim."""
    n, channels, *sizes = input.shape
    inside = None
    flat = None
    for i, size in zip(index, sizes, strict=True):
        good = (i >= 0) & (i <= size - 1)
        inside = good if inside is None else inside & good
        whole = cast(select(good, i, 0.0), jnp.int64)
        flat = whole if flat is None else flat * size + whole
    out = flat.shape[1:]
    rows = lax.reshape(flat, (n, 1, math.prod(out)))
    planes = lax.reshape(input, (n, channels, math.prod(sizes)))
    picked = jnp.take_along_axis(planes, rows, 2, mode="clip")
    picked = lax.reshape(picked, (n, channels, *out))
    keep = jnp.broadcast_to(inside[:, None], picked.shape)
    return select(keep, picked, 0.0)


def _nearest(input, positions):
    whole = [lax.round(p, lax.RoundingMethod.TO_NEAREST_EVEN) for p in positions]
    return _values_at(input, whole)


def _linear(input, positions):
    low = [lax.floor(p) for p in positions]
    total = None
    for corner in itertools.product((0, 1), repeat=len(positions)):
        weight = None
        for p, start, upper in zip(positions, low, corner, strict=True):
            part = p - start if upper else start + 1 - p
            weight = part if weight is None else weight * part
        values = _values_at(
            input, [start + upper for start, upper in zip(low, corner, strict=True)]
        )
        term = values * weight[:, None]
        total = term if total is None else total + term
    return total


def _cubic_weights(t):
    a = -0.75

    def near(x):
        return ((a + 2) * x - (a + 3)) * x * x + 1

    def far(x):
        return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a

    return far(t + 1), near(t), near(1 - t), far(2 - t)


def _cubic(input, positions, bound):
    """Cubic convolution over 4 x 4 neighbours; `bound` brings their positions inside."""
    y, x = positions
    y0, x0 = lax.floor(y), lax.floor(x)
    wy, wx = _cubic_weights(y - y0), _cubic_weights(x - x0)
    total = None
    for i, j in itertools.product(range(4), repeat=2):
        rows = bound(y0 + (i - 1), input.shape[2])
        columns = bound(x0 + (j - 1), input.shape[3])
        values = _values_at(input, [lax.stop_gradient(rows), lax.stop_gradient(columns)])
        term = values * (wy[i] * wx[j])[:, None]
        total = term if total is None else total + term
    return total


# --- the functions --------------------------------------------------------------------


def _check_grid(input, grid, mode):
    n = input.ndim - 2
    check(
        n in (2, 3) and grid.ndim == input.ndim,
        "grid_sampler(): expected 4D or 5D input and grid with same number of dimensions, but got "
        f"input with sizes {list(input.shape)} and grid with sizes {list(grid.shape)}",
    )
    check(
        input.shape[0] == grid.shape[0],
        "grid_sampler(): expected grid and input to have same batch size, but got input with sizes "
        f"{list(input.shape)} and grid with sizes {list(grid.shape)}",
    )
    check(
        grid.shape[-1] == n,
        f"grid_sampler(): expected grid to have size {n} in last dimension, but got grid with "
        f"sizes {list(grid.shape)}",
    )
    check(
        all(input.shape[2:]),
        "grid_sampler(): expected input to have non-empty spatial dimensions, but input has sizes "
        f"{list(input.shape)}",
    )
    check(
        input.dtype == grid.dtype,
        f"grid_sampler(): expected input and grid to have same dtype, but input has {input.dtype} "
        f"and grid has {grid.dtype}",
    )
    check(
        mode != "bicubic" or n == 2,
        "grid_sampler(): bicubic interpolation only supports 4D input",
    )


@op(SAME, accepts="f", variants="p", grad_name="GridSampler2DBackward0")
def sample_grid(input: T, grid: T, mode: str, padding_mode: str, align_corners: bool = False):
    """Values of `input` (N, C, *) at the positions `grid` (N, *out, n): shape (N, C, *out)."""
    _check_grid(input, grid, mode)
    x = widen(input)
    g = widen(grid)
    sizes = x.shape[2:]
    # The last coordinate of the grid belongs to the first spatial dimension.
    positions = [
        _unnormalised(g[..., len(sizes) - 1 - k], size, align_corners)
        for k, size in enumerate(sizes)
    ]
    if mode == "bicubic":

        def bound(p, size):
            return _bounded(p, size, padding_mode, align_corners)

        return cast(_cubic(x, positions, bound), input.dtype)
    positions = [
        _bounded(p, size, padding_mode, align_corners)
        for p, size in zip(positions, sizes, strict=True)
    ]
    sampled = _nearest(x, positions) if mode == "nearest" else _linear(x, positions)
    return cast(sampled, input.dtype)


@composite("F")
def grid_sample(input, grid, mode="bilinear", padding_mode="zeros", align_corners=None):
    """Values of `input` (N, C, H, W) or (N, C, D, H, W) at positions in [-1, 1].

    `grid` (N, *out, 2 or 3) holds x, y (and z). Modes "bilinear", "nearest" and (4-D) "bicubic";
    `padding_mode` "zeros", "border" or "reflection" says what lies outside.
    """
    check(
        mode in _MODES,
        "nn.functional.grid_sample(): expected mode to be 'bilinear', 'nearest' or 'bicubic', but "
        f"got: '{mode}'",
        ValueError,
    )
    check(
        padding_mode in _PADDINGS,
        "nn.functional.grid_sample(): expected padding_mode to be 'zeros', 'border', or "
        f"'reflection', but got: '{padding_mode}'",
        ValueError,
    )
    if align_corners is None:
        _warn_align("grid_sample")
    return ops.sample_grid(input, grid, mode, padding_mode, bool(align_corners))


def _warn_align(name):
    warnings.warn(
        f"Default {name} and affine_grid behavior has changed to align_corners=False since 1.3.0. "
        "Please specify align_corners=True if the old behavior is desired. See the documentation "
        "of grid_sample for details.",
        stacklevel=3,
    )


@composite("f")
def grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sample` with its modes as numbers."""
    names = (_MODES[interpolation_mode], _PADDINGS[padding_mode])
    return ops.sample_grid(input, grid, *names, bool(align_corners))


def _ticks(size, align_corners, dtype):
    """The coordinates in [-1, 1] of the entries of one dimension."""
    if size == 1:
        return jnp.zeros(1, dtype)
    steps = jnp.arange(size, dtype=dtype)
    ticks = steps * (2 / (size - 1)) - 1
    return ticks if align_corners else ticks * ((size - 1) / size)


@op(SAME, accepts="f", variants="f")
def affine_grid_generator(theta: T, size: tuple, align_corners: bool = False):
    """The sampling grid (N, *spatial, n) of affine maps `theta` (N, n, n + 1)."""
    spatial = size[2:]
    n = len(spatial)
    lines = [_ticks(s, align_corners, theta.dtype) for s in spatial]
    planes = [
        lax.broadcast_in_dim(line, spatial, (k,)) for k, line in reversed(list(enumerate(lines)))
    ]
    base = jnp.stack([*planes, jnp.ones(spatial, theta.dtype)], -1)
    grid = lax.dot_general(theta, base, (((2,), (n,)), ((), ())))
    return jnp.moveaxis(grid, 1, -1)


@composite("F")
def affine_grid(theta, size, align_corners=None):
    """The grid for `grid_sample` of affine maps `theta` (N, 2, 3) or (N, 3, 4).

    `size` is that of the output, (N, C, H, W) or (N, C, D, H, W). Raises ValueError or
    NotImplementedError for other shapes.
    """
    if align_corners is None:
        _warn_align("grid_sample")
    size = tuple(int(s) for s in size)
    check(
        theta.dtype.is_floating_point,
        f"Expected theta to have floating point type, but got {theta.dtype}",
        ValueError,
    )
    check(
        len(size) in (4, 5),
        "affine_grid only supports 4D and 5D sizes, for 2D and 3D affine transforms, respectively. "
        f"Got size {size}",
        NotImplementedError,
    )
    n = len(size) - 2
    check(
        theta.ndim == 3 and tuple(theta.shape[-2:]) == (n, n + 1),
        f"Expected a batch of {n}D affine matrices of shape Nx{n}x{n + 1} for size {size}. Got "
        f"{theta.shape}.",
        ValueError,
    )
    check(min(size) > 0, f"Expected non-zero, positive output size. Got {size}", ValueError)
    return ops.affine_grid_generator(theta, size, bool(align_corners))


@composite("f")
def grid_sampler_2d(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sampler` of images (N, C, H, W)."""
    return ops.grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)


@composite("f")
def grid_sampler_3d(input, grid, interpolation_mode, padding_mode, align_corners):
    """`grid_sampler` of volumes (N, C, D, H, W)."""
    return ops.grid_sampler(input, grid, interpolation_mode, padding_mode, align_corners)
