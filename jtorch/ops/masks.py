"""Ops that read or write where a mask is true, and those that find the positions."""

import math

import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.call import finish_out
from .._engine.tensor import Tensor
from .layouts import as_columns
from .positions import broadcast, read
from .registry import SAME, S, T, check, composite, from_host, guard, host, op, ops


def _check_bool(mask, name):
    check(mask.dtype == np.bool_, f"{name} expected boolean mask, but got mask with another dtype")


@op(SAME, variants="f m i", stores="value")
def masked_fill(input: T, mask: T, value: S):
    """`input` with `value` where `mask` is true. Shapes broadcast."""
    check(
        mask.dtype == np.bool_,
        "masked_fill_ only supports boolean masks, but got mask with dtype "
        f"{dtypes.from_np(mask.dtype)!r}",
    )
    check(
        value.ndim == 0,
        "masked_fill_ only supports a 0-dimensional value tensor, but got tensor with "
        f"{value.ndim} dimension(s).",
    )
    bad = np.issubdtype(value.dtype, np.complexfloating) and not jnp.issubdtype(
        input.dtype, jnp.complexfloating
    )
    check(not bad, "value cannot be converted to type float without overflow")
    shape = broadcast(input.shape, mask.shape)
    return jnp.where(
        jnp.broadcast_to(mask, shape), value.astype(input.dtype), jnp.broadcast_to(input, shape)
    )


@op(SAME, variants="f m i")
def masked_scatter(input: T, mask: T, source: T):
    """`input` with the elements of `source`, in order, at the places where `mask` is true.

    `mask` broadcasts to `input`. Raises RuntimeError when `source` has too few elements.
    """
    check(
        mask.dtype == np.bool_, "masked_scatter_ only supports boolean masks, but got another dtype"
    )
    check(
        input.dtype == source.dtype, "masked_scatter: expected self and source to have same dtypes"
    )
    shape = broadcast(input.shape, mask.shape)
    flat = jnp.broadcast_to(mask, shape).reshape(-1)
    order = jnp.cumsum(flat.astype(np.int64)) - 1
    too_few = (
        "masked_scatter: expected number of elements in source to be at least the number "
        "of ones in mask"
    )
    if flat.size:
        guard(order[-1] >= source.size, RuntimeError, too_few)
    if not source.size:
        return jnp.broadcast_to(input, shape)
    values = read(source.reshape(-1), (jnp.maximum(order, 0),))
    return jnp.where(flat, values, jnp.broadcast_to(input, shape).reshape(-1)).reshape(shape)


@op(SAME, variants="p", grad_name="MaskedSelectBackward0")
def masked_select_at(input: T, positions: T, shape):
    """`input`, broadcast to `shape` and seen as 1-D, at positions known to be valid."""
    return read(jnp.broadcast_to(input, shape).reshape(-1), (positions,))


@composite("f m o")
def masked_select(input, mask):
    """The elements of `input` where `mask` is true, as a 1-D tensor. Shapes broadcast."""
    check(mask.dtype is dtypes.bool, "masked_select: expected BoolTensor for mask")
    shape = broadcast(tuple(input.shape), tuple(mask.shape))
    positions = np.flatnonzero(np.broadcast_to(host(mask), shape))
    return ops.masked_select_at(input, from_host(positions, input.device), shape)


@composite("f m")
def nonzero(input, *, as_tuple=False, out=None):
    """The positions of the non-zero elements.

    Shape: (count, input.ndim); with `as_tuple`, one vector of length count for each dimension.
    """
    check(
        not as_tuple or not isinstance(out, Tensor),
        "nonzero does not support the out kwarg when as_tuple is True",
    )
    array = host(input)
    if as_tuple:
        check(out is None, "nonzero(): argument 'out' must be Tensor, not tuple", TypeError)
        # torch gives a 0-dim tensor one dimension here.
        return tuple(from_host(i, input.device) for i in np.nonzero(np.atleast_1d(array)))
    found = np.argwhere(array).astype(np.int64)
    found = as_columns(from_host(found.reshape(len(found), array.ndim), input.device))
    return found if out is None else finish_out(found, out, "nonzero")


@composite("f m")
def argwhere(input):
    """The positions of the non-zero elements, shape (count, input.ndim)."""
    return ops.nonzero(input)


@composite("f m o")
def nonzero_static(input, *, size, fill_value=-1):
    """The positions of the first `size` non-zero elements, shape (size, input.ndim), padded with
    `fill_value`.
    """
    check(size >= 0, "nonzero_static: 'size' must be an non-negative integer")
    array = host(input)
    found = np.argwhere(array)[:size]
    found = found.reshape(len(found), array.ndim)
    out = np.full((size, array.ndim), fill_value, np.int64)
    out[: len(found)] = found
    return from_host(out, input.device)


@composite("f")
def unravel_index(indices, shape):
    """Positions in a flattened tensor of `shape` as coordinates, one tensor for each dimension."""
    shape = (shape,) if isinstance(shape, int) else tuple(shape)
    check(
        indices.dtype.kind in "iu",
        f"expected 'indices' to be integer dtype, but got {indices.dtype!r}",
        ValueError,
    )
    check(
        all(n >= 0 for n in shape),
        f"'shape' cannot have negative values, but got {shape}",
        ValueError,
    )
    steps = [math.prod(shape[d + 1 :]) for d in range(len(shape))]
    steps, sizes = (from_host(np.array(v, np.int64), indices.device) for v in (steps, shape))
    positions = ops.floor_divide(indices.unsqueeze(-1), steps)
    return ops.unbind(ops.remainder(positions, sizes), -1)
