"""Reading and writing at given positions along one dimension, and of the flattened input."""

import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .positions import add_at, no_wrap, read, store, type_name, wrap
from .registry import SAME, Dim, S, T, check, op


def _as_1d(input):
    return input.reshape(1) if input.ndim == 0 else input


def _check_vector(index, name):
    check(index.ndim <= 1, f"{name}(): Index is supposed to be a vector", IndexError)
    check(
        index.dtype in (np.int64, np.int32),
        f"{name}(): Expected dtype int32 or int64 for index",
        RuntimeError,
    )


def _along(dim, index):
    return (slice(None),) * dim + (index,)


@op(SAME, variants="f m o")
def index_select(input: T, dim: Dim, index: T):
    """The slices of `input` at the positions `index` (1-D, integers) along `dim`.

    Shape: that of `input`, with `dim` as long as `index`. Raises IndexError for a position out of
    range.
    """
    _check_vector(index, "index_select")
    x = _as_1d(input)
    index = no_wrap(index.reshape(-1), x.shape[dim], "index out of range in self")
    return read(x, _along(dim, index)).reshape(
        input.shape if input.ndim == 0 else _resized(x, dim, index)
    )


def _resized(x, dim, index):
    return (*x.shape[:dim], index.size, *x.shape[dim + 1 :])


def _check_same(name, input, source):
    check(
        input.dtype == source.dtype,
        f"{name}(): self and source expected to have the same dtype, but got (self) "
        f"{type_name(dtypes.from_np(input.dtype))} and (source) "
        f"{type_name(dtypes.from_np(source.dtype))}",
    )


def _check_source(name, x, dim, index, source):
    check(
        index.size == source.shape[dim],
        f"{name}(): Number of indices ({index.size}) should be equal to source.size(dim): "
        f"({source.shape[dim]}), "
        f"for dim: {dim}",
        IndexError if name == "index_copy_" else RuntimeError,
    )
    expected = _resized(x, dim, index)
    check(
        source.shape == expected,
        f"{name}(): Source/destination tensor must have same slice shapes. Destination slice "
        "shape: "
        f"{list(expected)} at dimension {dim} and source slice shape: {list(source.shape)} at "
        f"dimension {dim}.",
    )


@op(SAME, variants="f m i o")
def index_add(input: T, dim: Dim, index: T, source: T, *, alpha: S = 1):
    """`input` with `alpha * source` added at the positions `index` along `dim`; repeated positions
    add up.
    """
    _check_vector(index, "index_add_")
    _check_same("index_add_", input, source)
    x, source = _as_1d(input), _as_1d(source)
    index = index.reshape(-1)
    _check_source("index_add_", x, dim, index, source)
    kind = IndexError if x.ndim == 1 else RuntimeError
    index = no_wrap(index, x.shape[dim], "index out of range in self", kind)
    scaled = (
        source & alpha.astype(np.bool_) if x.dtype == np.bool_ else source * alpha.astype(x.dtype)
    )
    return add_at(x, _along(dim, index), scaled).reshape(input.shape)


@op(SAME, variants="f m i o")
def index_copy(input: T, dim: Dim, index: T, source: T):
    """`input` with the slices of `source` written at the positions `index` along `dim`."""
    check(
        index.dtype == np.int64,
        "index_copy_(): Expected a long tensor for index, but got another type",
    )
    _check_vector(index, "index_copy_")
    _check_same("index_copy_", input, source)
    x, source = _as_1d(input), _as_1d(source)
    index = index.reshape(-1)
    _check_source("index_copy_", x, dim, index, source)
    index = no_wrap(
        index,
        x.shape[dim],
        f"index_copy_(): index out of bounds for dimension with size {x.shape[dim]}",
    )
    return store(x, _along(dim, index), source).reshape(input.shape)


@op(SAME, variants="f m i o", stores="value")
def index_fill(input: T, dim: Dim, index: T, value: S):
    """`input` with `value` at the positions `index` along `dim`.

    Negative positions count from the end.
    """
    check(index.dtype == np.int64, "index_fill_(): Expected dtype int64 for index.", IndexError)
    _check_vector(index, "index_fill_")
    x = _as_1d(input)
    size = x.shape[dim]
    # By a mask, so that the gradient of `value` counts a repeated position once.
    index = wrap(index.reshape(-1), size, dim)
    hit = jnp.zeros((size,), np.bool_).at[index].set(True, mode="drop")
    hit = jnp.broadcast_to(jnp.expand_dims(hit, tuple(range(1, x.ndim - dim))), x.shape)
    return jnp.where(hit, value.astype(x.dtype), x).reshape(input.shape)


@op(SAME, variants="f m o")
def take(input: T, index: T):
    """`input`, seen as 1-D, at `index`.

    Shape: that of `index`. Negative positions count from the end.
    """
    check(index.dtype == np.int64, "take(): Expected a long tensor for index, but got another type")
    check(input.size or not index.size, "take(): tried to take from an empty tensor", IndexError)
    return read(input.reshape(-1), (wrap(index, input.size, 0),))


@op(SAME, variants="f m i")
def put(input: T, index: T, source: T, accumulate: bool = False):
    """`input`, seen as 1-D, with `source` written (or added) at `index`; then in its own shape
    again.
    """
    check(index.dtype == np.int64, "put_(): Expected a long tensor for index, but got another type")
    check(input.dtype == source.dtype, "put_(): self and source expected to have the same dtype")
    check(
        index.size == source.size,
        "put_(): Expected source and index to have the same number of elements, but got "
        "source.numel() = "
        f"{source.size}, index.numel() = {index.size}",
        IndexError,
    )
    key = (wrap(index.reshape(-1), input.size, 0),)
    write = add_at if accumulate else store
    return write(input.reshape(-1), key, source.reshape(-1)).reshape(input.shape)
