"""Resampling of grids: interpolation to a size or by a factor."""

import math
import warnings
from functools import lru_cache

import jax.numpy as jnp
import numpy as np
from jax import lax

from .registry import SAME, T, check, composite, op, ops
from .safe import cast, title, widen

# --- which source positions, with which weights ---------------------------------------


def _source(size, out, align_corners, factor, cubic=False):
    """The (fractional) source position of every output position of one dimension."""
    where = np.arange(out, dtype=np.float64)
    if align_corners:
        return where * ((size - 1) / (out - 1) if out > 1 else 0.0)
    position = (where + 0.5) * factor - 0.5
    return position if cubic else np.maximum(position, 0.0)


def _near_cubic(x, a):
    return ((a + 2) * x - (a + 3)) * x * x + 1


def _far_cubic(x, a):
    return ((a * x - 5 * a) * x + 8 * a) * x - 4 * a


@lru_cache(maxsize=512)
def _linear_matrix(size, out, align_corners, factor):
    """The (out, size) weights of linear interpolation along one dimension."""
    position = _source(size, out, align_corners, factor)
    low = np.minimum(position.astype(np.int64), size - 1)
    high = np.minimum(low + 1, size - 1)
    weight = np.clip(position - low, 0.0, 1.0)
    matrix = np.zeros((out, size))
    row = np.arange(out)
    np.add.at(matrix, (row, low), 1 - weight)
    np.add.at(matrix, (row, high), weight)
    return matrix


@lru_cache(maxsize=512)
def _cubic_matrix(size, out, align_corners, factor):
    """The (out, size) weights of cubic convolution (a = -0.75) along one dimension."""
    position = _source(size, out, align_corners, factor, cubic=True)
    low = np.floor(position)
    t = position - low
    a = -0.75
    weights = (
        _far_cubic(t + 1, a),
        _near_cubic(t, a),
        _near_cubic(1 - t, a),
        _far_cubic(2 - t, a),
    )
    matrix = np.zeros((out, size))
    row = np.arange(out)
    for k, weight in enumerate(weights):
        np.add.at(matrix, (row, np.clip(low.astype(np.int64) + k - 1, 0, size - 1)), weight)
    return matrix


@lru_cache(maxsize=512)
def _smooth_matrix(size, out, align_corners, factor, cubic):
    """The (out, size) weights of an antialiased triangle or cubic (a = -0.5) filter."""
    if align_corners:
        factor = (size - 1) / (out - 1) if out > 1 else 0.0
    reach = (2.0 if cubic else 1.0) * max(factor, 1.0)
    shrink = 1.0 / factor if factor >= 1.0 else 1.0
    matrix = np.zeros((out, size))
    for row in range(out):
        center = factor * (row + 0.5)
        start = max(int(center - reach + 0.5), 0)
        stop = min(int(center + reach + 0.5), size)
        x = np.abs((np.arange(start, stop) - center + 0.5) * shrink)
        if cubic:
            near = np.where(x < 2, _far_cubic(x, -0.5), 0.0)
            weight = np.where(x < 1, _near_cubic(x, -0.5), near)
        else:
            weight = np.maximum(1 - x, 0.0)
        matrix[row, start:stop] = weight / weight.sum()
    return matrix


def _nearest_rows(size, out, factor, exact):
    offset = 0.5 if exact else 0.0
    # float32 like torch, so that the same side is taken where a position falls on a border.
    scaled = (np.arange(out, dtype=np.float32) + np.float32(offset)) * np.float32(factor)
    return np.minimum(scaled.astype(np.int64), size - 1)


# --- the op ---------------------------------------------------------------------------


def _apply_matrix(x, dim, matrix):
    """`x` with dimension `dim` multiplied by the (out, size) matrix."""
    weights = jnp.asarray(matrix, x.dtype)
    y = lax.dot_general(x, weights, (((dim,), (1,)), ((), ())))
    return jnp.moveaxis(y, -1, dim)


@lru_cache(maxsize=512)
def _precision(largest):
    """How many bits to give weights of which the largest is to stay below 2**15; at most 22."""
    bits = 0
    while bits < 22 and int(0.5 + largest * 2 ** (bits + 1)) < 2**15:
        bits += 1
    return bits


def _apply_to_bytes(x, dim, matrix):
    """`_apply_matrix` as torch does it for bytes: with whole weights, each dimension rounded."""
    bits = _precision(matrix.max())
    weights = np.trunc(matrix * 2**bits + np.where(matrix < 0, -0.5, 0.5))
    # Whole numbers below 2**53, so that the sums are exact.
    y = _apply_matrix(cast(x, jnp.float64), dim, weights)
    y = lax.floor((y + 2 ** (bits - 1)) / 2**bits)
    return cast(jnp.clip(y, 0, 255), x.dtype)


def _repeat(x, dim, times):
    """Every entry along `dim` repeated: cheaper than a gather, also backward."""
    shape = (*x.shape[: dim + 1], times, *x.shape[dim + 1 :])
    spread = lax.broadcast_in_dim(x, shape, tuple(d for d in range(len(shape)) if d != dim + 1))
    return lax.reshape(spread, (*x.shape[:dim], x.shape[dim] * times, *x.shape[dim + 1 :]))


def _resize_nearest(x, dim, out, factor, exact):
    size = x.shape[dim]
    rows = _nearest_rows(size, out, factor, exact)
    if out % size == 0 and (rows == np.arange(out) // (out // size)).all():
        return x if out == size else _repeat(x, dim, out // size)
    return jnp.take(x, rows, axis=dim, mode="clip")


def _matrix(mode, size, out, align_corners, factor, antialias):
    cubic = mode == "bicubic"
    if antialias:
        return _smooth_matrix(size, out, align_corners, factor, cubic)
    make = _cubic_matrix if cubic else _linear_matrix
    return make(size, out, align_corners, factor)


@op(SAME, accepts="fu", variants="p")
def resample(
    input: T,
    size: tuple,
    mode: str,
    align_corners: bool = False,
    factors: tuple | None = None,
    antialias: bool = False,
):
    """`input` (N, C, *) resampled to `size`; `factors` are source steps per output step."""
    x = widen(input) if jnp.issubdtype(input.dtype, jnp.floating) else input
    check(
        all(s > 0 for s in size) and all(input.shape[2:]),
        f"Input and output sizes should be greater than 0, but got input (H: "
        f"{input.shape[2]}) output (H: {size[0]})",
    )
    whole = not jnp.issubdtype(input.dtype, jnp.floating) and not mode.startswith("nearest")
    check(
        not whole or mode in ("bilinear", "bicubic"),
        f"\"compute_indices_weights_linear\" not implemented for '{title(input.dtype)}'",
        NotImplementedError,
    )
    apply = _apply_to_bytes if whole else _apply_matrix
    for k in reversed(range(len(size))):
        dim = 2 + k
        given = factors[k] if factors else None
        factor = x.shape[dim] / size[k] if given is None else given
        if mode.startswith("nearest"):
            x = _resize_nearest(x, dim, size[k], factor, mode == "nearest-exact")
        elif x.shape[dim] != size[k] or factor != 1.0:
            matrix = _matrix(mode, x.shape[dim], size[k], align_corners, factor, antialias)
            x = apply(x, dim, matrix)
    return cast(x, input.dtype)


# --- interpolate ----------------------------------------------------------------------

_RANKS = {"linear": (3,), "bilinear": (4,), "bicubic": (4,), "trilinear": (5,)}
_ALIGNED = ("linear", "bilinear", "bicubic", "trilinear")
_ANY = ("nearest", "nearest-exact", "area")


def _check_mode(input, mode, align_corners, antialias):
    if mode in _ANY:
        check(
            align_corners is None,
            "align_corners option can only be set with the interpolating modes: linear | bilinear "
            "| bicubic | trilinear",
            ValueError,
        )
    check(
        input.ndim in (3, 4, 5) and (mode in _ANY or mode in _RANKS),
        "Input Error: Only 3D, 4D and 5D input Tensors supported (got "
        f"{input.ndim}D) for the modes: nearest | linear | bilinear | bicubic | trilinear | area | "
        f"nearest-exact (got {mode})",
        NotImplementedError,
    )
    if mode in _RANKS:
        check(
            input.ndim in _RANKS[mode],
            f"Got {input.ndim}D input, but {mode} mode needs {_RANKS[mode][0]}D input",
            NotImplementedError,
        )
    check(
        not antialias or (mode in ("bilinear", "bicubic") and input.ndim == 4),
        "Anti-alias option is restricted to bilinear and bicubic modes and requires a 4-D tensor "
        "as input",
        ValueError,
    )


def _per_dim(value, n, name):
    if isinstance(value, (tuple, list)):
        check(
            len(value) == n,
            f"Input and {name} must have the same number of spatial dimensions, but got input with "
            f"{n} spatial dimensions and {name} of shape {list(value)}.",
            ValueError,
        )
        return list(value)
    return [value] * n


def _target(input, size, scale_factor, recompute):
    """(output sizes, source steps per output step or None) from what the user gave."""
    n = input.ndim - 2
    check(
        size is None or scale_factor is None,
        "only one of size or scale_factor should be defined",
        ValueError,
    )
    check(
        size is not None or scale_factor is not None,
        "either size or scale_factor should be defined",
        ValueError,
    )
    if size is not None:
        check(
            not recompute,
            "recompute_scale_factor is not meaningful with an explicit size.",
            ValueError,
        )
        return [int(s) for s in _per_dim(size, n, "output size")], None
    scales = [float(s) for s in _per_dim(scale_factor, n, "scale_factor")]
    sizes = [math.floor(d * s) for d, s in zip(input.shape[2:], scales, strict=True)]
    return sizes, None if recompute else [1 / s for s in scales]


@composite("F")
def interpolate(
    input,
    size=None,
    scale_factor=None,
    mode="nearest",
    align_corners=None,
    recompute_scale_factor=None,
    antialias=False,
):
    """`input` (N, C, *) with one to three spatial dimensions, resampled to `size` or by a factor.

    Modes "nearest", "nearest-exact", "linear" (3-D input), "bilinear", "bicubic" (4-D), "trilinear"
    (5-D) and "area". Raises ValueError and NotImplementedError for settings that do not fit.
    """
    _check_mode(input, mode, align_corners, antialias)
    sizes, factors = _target(input, size, scale_factor, recompute_scale_factor)
    if mode == "area":
        pool = getattr(ops, f"adaptive_avg_pool{input.ndim - 2}d")
        return pool(input, tuple(sizes))
    steps = None if factors is None else tuple(factors)
    return ops.resample(input, tuple(sizes), mode, bool(align_corners), steps, bool(antialias))


@composite("F")
def upsample(input, size=None, scale_factor=None, mode="nearest", align_corners=None):
    """`interpolate` by its old name."""
    warnings.warn(
        "`nn.functional.upsample` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return ops.interpolate(input, size, scale_factor, mode, align_corners)


@composite("F")
def upsample_nearest(input, size=None, scale_factor=None):
    """`interpolate` with mode "nearest"."""
    warnings.warn(
        "`nn.functional.upsample_nearest` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return ops.interpolate(input, size, scale_factor, mode="nearest")


@composite("F")
def upsample_bilinear(input, size=None, scale_factor=None):
    """`interpolate` with mode "bilinear" and aligned corners."""
    warnings.warn(
        "`nn.functional.upsample_bilinear` is deprecated. Use `nn.functional.interpolate` instead.",
        stacklevel=2,
    )
    return ops.interpolate(input, size, scale_factor, mode="bilinear", align_corners=True)
