"""Reading and writing at integer positions: what the indexing, gather and scatter ops share."""

import jax.numpy as jnp
import numpy as np

from .registry import FINE, LEGACY_NAMES, guard


def wrap(index, size, dim):
    """`index` with negative positions counted from the end; IndexError for what is out of range."""
    index = index.astype(np.int64)
    bad = (index < -size) | (index >= size)
    message = f"index {{}} is out of bounds for dimension {dim} with size {size}"
    guard_each(bad, index, IndexError, message)
    return jnp.where(index < 0, index + size, index)


def guard_each(bad, values, exc, message):
    """A guard against every `bad` element; one such of `values` stands in the message at `{}`."""
    if bad.size:
        guard(jnp.max(jnp.where(bad, values.astype(np.int64), FINE)), exc, message)


def read(input, key):
    """`input[key]` for positions that were checked."""
    return input.at[key].get(mode="clip", wrap_negative_indices=False)


def store(input, key, values):
    """`input` with `values` written at `key`."""
    # Declaring positions unique makes the derivative a plain gather. Where they are not, which of
    # the values written to one place stays is unspecified in torch too, and all of them receive its
    # gradient.
    return input.at[key].set(values, mode="drop", unique_indices=True, wrap_negative_indices=False)


def add_at(input, key, values):
    """`input` with `values` added at `key`; repeated positions add up."""
    if input.dtype == np.bool_:
        return input.at[key].max(values, mode="drop", wrap_negative_indices=False)
    return input.at[key].add(values, mode="drop", wrap_negative_indices=False)


def no_wrap(index, size, message, exc=IndexError):
    """`index` checked to lie in [0, size): functions named index_* take no negative positions."""
    index = index.astype(np.int64)
    guard(jnp.any((index < 0) | (index >= size)), exc, message)
    return index


def broadcast(a, b):
    """The shape two shapes broadcast to, with torch's error when they do not."""
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        pass
    n = max(len(a), len(b))
    pad_a, pad_b = (1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b
    d = max(i for i in range(n) if pad_a[i] != pad_b[i] and 1 not in (pad_a[i], pad_b[i]))
    raise RuntimeError(
        f"The size of tensor a ({pad_a[d]}) must match the size of tensor b ({pad_b[d]}) at "
        f"non-singleton dimension {d}"
    )


def type_name(dtype):
    """torch's old name of a dtype, as its error messages spell it: Float, Long, ..."""
    return LEGACY_NAMES.get(dtype.name, "Float")
