"""Norms of vectors and the distances and similarities made of them."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._engine import dtypes
from .._engine.call import finish_out
from .promotion import check_broadcast
from .registry import DEFAULT, FLOAT, SAME, Dims, T, check, composite, op, ops
from .safe import cast, magnitude, select, widen


def vector_norm(x, p, dims, keepdim):
    """The p-norm of `x` over `dims`, with torch's derivative 0 where the norm is 0."""
    dims = dims if x.ndim else ()
    if p == 0:
        return jnp.sum(cast(x != 0, x.dtype), dims, keepdims=keepdim)
    size = magnitude(x)
    if p == math.inf:
        return jnp.max(size, dims, keepdims=keepdim)
    if p == -math.inf:
        return jnp.min(size, dims, keepdims=keepdim)
    if p == 1:
        return jnp.sum(size, dims, keepdims=keepdim)
    return _power_norm(x, size, p, dims, keepdim)


def _power_norm(x, size, p, dims, keepdim):
    if p == 2:
        powers = x * x if not jnp.iscomplexobj(x) else size * size
    else:
        zero = size == 0
        powers = select(zero, 0.0 if p > 0 else math.inf, select(zero, 1.0, size) ** float(p))
    total = jnp.sum(powers, dims, keepdims=keepdim)
    # The root has an infinite slope at 0: take it of 1 there, so that the gradient is 0, not NaN.
    zero = total == 0
    safe = select(zero, 1.0, total)
    return select(zero, 0.0, lax.sqrt(safe) if p == 2 else safe ** (1.0 / p))


@op(DEFAULT, accepts="fc", variants="p", broadcast=False)
def normalize_by(input: T, p: float = 2.0, dim: Dims = 1, eps: float = 1e-12):
    """`input` divided by max(its p-norm over `dim`, eps). Same shape as `input`."""
    x = widen(input)
    norm = vector_norm(x, p, dim, True)
    return x / cast(select(norm < eps, eps, norm), x.dtype)


def distance(a, b, p, eps, keepdim=False):
    """The p-norm of `a - b + eps` over the last dimension; integers are subtracted as such."""
    # In half precision the difference is rounded, as torch does.
    gap = a - b
    if not jnp.issubdtype(gap.dtype, jnp.inexact):
        gap = gap.astype(dtypes.get_default_dtype().np)
    return vector_norm(widen(gap) + eps, p, -1, keepdim)


@composite("F")
def normalize(input, p=2.0, dim=1, eps=1e-12, out=None):
    """`input` divided by max(its p-norm over `dim`, eps). Same shape as `input`."""
    result = ops.normalize_by(input, float(p), dim, eps)
    return result if out is None else finish_out(result, out, "normalize")


@op(FLOAT, accepts="f", variants="f F", broadcast=False)
def cosine_similarity(x1: T, x2: T, dim: int = 1, eps: float = 1e-8):
    """Cosine of the angle between `x1` and `x2` along `dim`; each norm is at least eps.

    The shapes broadcast; `dim` counts in the broadcast shape and is removed.
    """
    # torch takes a scalar for a vector of one element.
    shape = check_broadcast((x1.shape, x2.shape))
    scalar = not shape
    shape = shape or (1,)
    check(
        -len(shape) <= dim < len(shape),
        f"Dimension out of range (expected to be in range of [{-len(shape)}, {len(shape) - 1}], "
        f"but got {dim})",
        IndexError,
    )
    a = jnp.broadcast_to(widen(x1), shape)
    b = jnp.broadcast_to(widen(x2), shape)
    cosine = jnp.sum(_unit(a, dim, eps) * _unit(b, dim, eps), dim)
    return lax.reshape(cosine, ()) if scalar else cosine


def _unit(x, dim, eps):
    norm = vector_norm(x, 2, dim, True)
    # torch clamps outside of autograd: the derivative of the norm passes even below eps.
    return x / (norm + lax.stop_gradient(select(norm < eps, eps, norm) - norm))


@op(DEFAULT, accepts="uifc", variants="f F", broadcast=False)
def pairwise_distance(x1: T, x2: T, p: float = 2.0, eps: float = 1e-6, keepdim: bool = False):
    """The p-norm of `x1 - x2 + eps` over the last dimension. The shapes broadcast."""
    check_broadcast((x1.shape, x2.shape))
    return distance(x1, x2, p, eps, keepdim)


@op(SAME, accepts="f", variants="f F", grad_name="PdistBackward0")
def pdist(input: T, p: float = 2.0):
    """The p-norm distances of all pairs of rows of `input` (N, M), N * (N - 1) / 2 of them.

    RuntimeError unless `input` is 2-D and p is not negative.
    """
    check(
        input.ndim == 2,
        f"pdist only supports 2D tensors, got: {input.ndim}D",
    )
    check(p >= 0, "pdist only supports non-negative p values")
    first, second = np.triu_indices(input.shape[0], 1)
    a = jnp.take(input, first, axis=0, mode="clip")
    b = jnp.take(input, second, axis=0, mode="clip")
    return vector_norm(a - b, p, -1, False)
