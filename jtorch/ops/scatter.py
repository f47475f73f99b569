"""gather and scatter: one position per element, along one dimension."""

import jax
import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.tensor import Tensor
from .positions import add_at, broadcast, guard_each, no_wrap, read, store, type_name, wrap
from .registry import SAME, Dim, S, T, check, composite, op, ops, wrap_dim


def _one_d(*arrays):
    # A 0-dim tensor counts as one element here.
    return tuple(a.reshape(1) if a.ndim == 0 else a for a in arrays)


def _check_index(name, index):
    check(index.dtype in (np.int64, np.int32), f"{name}(): Expected dtype int64 for index")


def _check_ranks(name, input, index):
    check(
        input.ndim == index.ndim,
        f"Index tensor must have the same number of dimensions as {name} tensor",
    )


def _check_no_larger(index, other, dim, name):
    fits = all(
        i <= o for d, (i, o) in enumerate(zip(index.shape, other.shape, strict=True)) if d != dim
    )
    check(
        fits,
        f"Size does not match at dimension {_first_larger(index, other, dim)} expected index "
        f"{list(index.shape)} to be no larger than {name} {list(other.shape)} apart from "
        f"dimension {dim}",
    )


def _first_larger(index, other, dim):
    pairs = enumerate(zip(index.shape, other.shape, strict=True))
    return next((d for d, (i, o) in pairs if d != dim and i > o), 0)


def _key(index, dim):
    # The full coordinates of every element that `index` names: its own in all dimensions but `dim`.
    key = []
    for d, n in enumerate(index.shape):
        if d == dim:
            key.append(index)
        else:
            shape = [1] * index.ndim
            shape[d] = n
            key.append(jnp.arange(n, dtype=np.int64).reshape(shape))
    return tuple(key)


def _bounded(index, size, dim):
    index = index.astype(np.int64)
    message = f"index {{}} is out of bounds for dimension {dim} with size {size}"
    guard_each((index < 0) | (index >= size), index, RuntimeError, message)
    return index


def _cut(src, index):
    # Only the part of src that index covers takes part.
    if src.shape == index.shape:
        return src
    return src[tuple(slice(n) for n in index.shape)]


@op(SAME, variants="f m o")
def gather(input: T, dim: Dim, index: T, *, sparse_grad: bool = False):
    """`out[i][j][k] = input[i][index[i][j][k]][k]`, here for `dim=1`. Shape: that of `index`.

    `index` (int64) has the rank of `input` and is no larger except along `dim`. Raises RuntimeError
    for a position out of range.
    """
    if not index.size:
        return jnp.zeros(index.shape, input.dtype)
    _check_index("gather", index)
    shape = index.shape
    input, index = _one_d(input, index)
    _check_ranks("input", input, index)
    _check_no_larger(index, input, dim, "self")
    index = _bounded(index, input.shape[dim], dim)
    return read(input, _key(index, dim)).reshape(shape)


@op(SAME, variants="p", grad_name="GatherBackward0")
def gather_wrapped(input: T, dim: Dim, index: T):
    """gather with positions that may count from the end."""
    index = wrap(index, input.shape[dim], dim)
    return read(input, _key(index, dim))


@composite("f m o")
def take_along_dim(input, indices, dim=None):
    """The elements of `input` at `indices` along `dim`; other dimensions broadcast.

    Without `dim` the input is seen as 1-D. Negative positions count from the end.
    """
    check(
        indices.dtype in (dtypes.int64, dtypes.int32),
        "torch.take_along_dim(): dtype of indices should be Long but got "
        f"{type_name(indices.dtype)}",
    )
    if dim is None:
        return ops.gather_wrapped(ops.reshape(input, (-1,)), 0, ops.reshape(indices, (-1,)))
    check(
        input.ndim == indices.ndim,
        "torch.take_along_dim(): input and indices should have the same number of dimensions, but "
        f"got {input.ndim} dimensions for input, and {indices.ndim} dimensions for indices",
    )
    n = input.ndim
    check(
        -n <= dim < n,
        f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {dim})",
        IndexError,
    )
    dim = dim % n
    own, other = list(input.shape), list(indices.shape)
    own[dim] = other[dim] = 1
    common = list(broadcast(tuple(own), tuple(other)))
    take = ops.expand(indices, (*common[:dim], indices.shape[dim], *common[dim + 1 :]))
    return ops.gather_wrapped(
        ops.expand(input, (*common[:dim], input.shape[dim], *common[dim + 1 :])), dim, take
    )


# ---- scatter ------------------------------------------------------------------------------------


def _prepare(name, input, dim, index, src):
    """(input, index, src), at least 1-D and checked; src is cut to the shape of index."""
    _check_index(name, index)
    input, index = _one_d(input, index)
    if index.size:
        _check_ranks("self", input, index)
        _check_no_larger(index, input, dim, "self")
    if src.ndim or src.shape == index.shape:
        (src,) = _one_d(src)
        check(
            src.dtype == input.dtype,
            f"{name}(): Expected self.dtype to be equal to src.dtype",
        )
        if index.size:
            _check_ranks("src", src, index)
            _check_no_larger(index, src, index.ndim, "src")
            src = _cut(src, index)
    return input, _bounded(index, input.shape[dim], dim), src


@op(SAME, variants="p", grad_name="ScatterBackward0")
def scatter_src(input: T, dim: Dim, index: T, src: T):
    """`input` with the elements of `src` written where `index` says along `dim`."""
    x, index, src = _prepare("scatter", input, dim, index, src)
    if not index.size:
        return input
    return store(x, _key(index, dim), src).reshape(input.shape)


@op(SAME, variants="p", grad_name="ScatterBackward1", stores="value")
def scatter_value(input: T, dim: Dim, index: T, value: S):
    """`input` with the number `value` written where `index` says along `dim`."""
    _check_index("scatter", index)
    x, index = _one_d(input, index)
    if not index.size:
        return input
    _check_ranks("self", x, index)
    _check_no_larger(index, x, dim, "self")
    index = _bounded(index, x.shape[dim], dim)
    filled = jnp.broadcast_to(value.astype(x.dtype), index.shape)
    return store(x, _key(index, dim), filled).reshape(input.shape)


@composite("f m i o")
def scatter(input, dim, index, src=None, *, value=None, reduce=None):
    """`input` with `src` (a tensor or a number) written where `index` says along `dim`.

    `out[i][index[i][j][k]][k] = src[i][j][k]`, here for `dim=1`. `reduce="add"` or `"multiply"`
    combines with what is there. Raises RuntimeError for positions out of range.
    """
    src = value if src is None else src
    check(src is not None, 'scatter(): missing a required argument: "src" or "value"', TypeError)
    if reduce is not None:
        check(reduce in ("add", "multiply"), "reduce argument must be either add or multiply.")
        mode = "sum" if reduce == "add" else "prod"
        if not isinstance(src, Tensor):
            src = ops.expand(_number_like(src, input), tuple(index.shape))
        return ops.scatter_reduced(input, dim, index, src, mode, True)
    if isinstance(src, Tensor) and (src.ndim or not input.ndim):
        return ops.scatter_src(input, dim, index, src)
    return ops.scatter_value(input, dim, index, src)


def _number_like(value, like):
    return ops.full_like(like, value) if not like.ndim else ops.full((), value, dtype=like.dtype)


@op(SAME, variants="f m i o")
def scatter_add(input: T, dim: Dim, index: T, src: T):
    """`input` with the elements of `src` added where `index` says along `dim`."""
    x, index, src = _prepare("scatter_add", input, dim, index, src)
    if not index.size:
        return input
    return add_at(x, _key(index, dim), src).reshape(input.shape)


# ---- reductions ---------------------------------------------------------------------------------


def _identity(mode, dtype):
    """The value that changes nothing under `mode`."""
    if mode in ("sum", "mean"):
        return np.zeros((), dtype)
    if mode == "prod":
        return np.ones((), dtype)
    if dtype == np.bool_:
        return np.asarray(mode == "amin")
    if jnp.issubdtype(dtype, jnp.integer):
        info = jnp.iinfo(dtype)
        return np.asarray(info.max if mode == "amin" else info.min, dtype)
    return np.asarray(np.inf if mode == "amin" else -np.inf, dtype)


def _touched(shape, key):
    hit = jnp.zeros(shape, np.bool_)
    return hit.at[key].set(True, mode="drop", unique_indices=True, wrap_negative_indices=False)


def _count(base, key, src, dtype):
    one = jnp.ones(src.shape, dtype)
    return add_at(jnp.broadcast_to(base.astype(dtype), base.shape), key, one)


def _mean_at(base, key, src, kept):
    # kept: 1 where the old value takes part, 0 where it was replaced by the identity.
    total = add_at(base, key, src)
    wide = np.int64 if jnp.issubdtype(base.dtype, jnp.integer) else base.dtype
    count = jnp.maximum(_count(kept, key, src, wide), np.ones((), wide))
    if jnp.issubdtype(base.dtype, jnp.integer):
        return (total // count.astype(base.dtype)).astype(base.dtype)
    return total / count


def _prod_raw(base, key, src):
    return base.at[key].multiply(src, mode="drop", wrap_negative_indices=False)


@jax.custom_jvp
def _prod_at(base, src, *key):
    return _prod_raw(base, key, src)


@_prod_at.defjvp
def _prod_at_jvp(primals, tangents):
    # The derivative by one factor is the product of the others. With one zero among them it is that
    # of the non-zero ones for the zero factor, and zero for the rest; with more it is zero.
    base, src, *key = primals
    key = tuple(key)
    base_zero, src_zero = base == 0, src == 0
    one = jnp.ones((), base.dtype)
    whole = _prod_at(jnp.where(base_zero, one, base), jnp.where(src_zero, one, src), *key)
    zeros = add_at(base_zero.astype(np.int32), key, src_zero.astype(np.int32))

    def others(x, is_zero, product, count):
        safe = jnp.where(is_zero, one, x)
        return jnp.where(count == is_zero.astype(np.int32), product / safe, jnp.zeros_like(x))

    by_base = others(base, base_zero, whole, zeros) * tangents[0]
    by_src = others(src, src_zero, read(whole, key), read(zeros, key)) * tangents[1]
    return _prod_at(base, src, *key), add_at(by_base, key, by_src)


def _extreme_raw(base, key, src, mode):
    at = base.at[key]
    write = at.max if mode == "amax" else at.min
    return write(src, mode="drop", wrap_negative_indices=False)


def _extreme_at(base, key, src, mode):
    @jax.custom_jvp
    def run(base, src, *key):
        return _extreme_raw(base, key, src, mode)

    @run.defjvp
    def run_jvp(primals, tangents):
        # Equal extremes share the derivative evenly, the old value among them.
        base, src, *key = primals
        key = tuple(key)
        out = _extreme_raw(base, key, src, mode)
        mine = (base == out).astype(base.dtype)
        theirs = (src == read(out, key)).astype(base.dtype)
        share = jnp.maximum(add_at(mine, key, theirs), jnp.ones((), base.dtype))
        return out, add_at(mine * tangents[0], key, theirs * tangents[1]) / share

    return run(base, src, *key)


def _reduce_at(x, key, src, mode, include_self):
    kept = jnp.ones(x.shape, np.bool_)
    if not include_self:
        kept = ~_touched(x.shape, key)
        x = jnp.where(kept, x, jnp.asarray(_identity(mode, x.dtype)))
    if mode == "sum":
        return add_at(x, key, src)
    if mode == "mean":
        return _mean_at(x, key, src, kept)
    if mode == "prod":
        if x.dtype == np.bool_:
            return _extreme_raw(x, key, src, "amin")
        return _prod_at(x, src, *key)
    return _extreme_at(x, key, src, mode)


@op(SAME, variants="p", grad_name="ScatterReduceBackward0")
def scatter_reduced(input: T, dim: Dim, index: T, src: T, reduce: str, include_self: bool):
    """scatter_reduce, its arguments checked."""
    x, index, src = _prepare("scatter_reduce", input, dim, index, src)
    if not index.size:
        return input
    return _reduce_at(x, _key(index, dim), src, reduce, include_self).reshape(input.shape)


@composite("f m i o")
def scatter_reduce(input, dim, index, src, reduce, *, include_self=True):
    """`input` with the elements of `src` combined into the places `index` names along `dim`.

    `reduce` is "sum", "prod", "mean", "amax" or "amin". With `include_self=False` the old values of
    the places written to take no part.
    """
    check(
        reduce in ("sum", "prod", "mean", "amax", "amin"),
        f"reduce argument must be either sum, prod, mean, amax or amin, got {reduce}",
    )
    return ops.scatter_reduced(input, dim, index, src, reduce, bool(include_self))


@op(SAME, variants="f m i o")
def index_reduce(
    input: T, dim: Dim, index: T, source: T, reduce: str, *, include_self: bool = True
):
    """`input` with the slices of `source` combined into the positions `index` (1-D) along `dim`.

    `reduce` is "prod", "mean", "amax" or "amin".
    """
    check(
        reduce in ("prod", "mean", "amax", "amin"),
        "index_reduce(): Expected reduce to be one of prod, mean, amax or amin but got " + reduce,
    )
    check(index.ndim <= 1, "index_reduce_(): Index is supposed to be a vector", IndexError)
    _check_index("index_reduce_", index)
    check(
        input.dtype == source.dtype,
        "index_reduce_(): self and source expected to have the same dtype",
    )
    x, source = _one_d(input, source)
    index = index.reshape(-1)
    check(
        index.size == source.shape[dim],
        f"index_reduce_(): Number of indices ({index.size}) should be equal to source.size(dim) "
        f"({source.shape[dim]})",
    )
    index = no_wrap(index, x.shape[dim], "index out of range in self")
    key = (slice(None),) * dim + (index,)
    out = _reduce_at(x, _full_key(key, source.shape, dim), source, reduce, include_self)
    return out.reshape(input.shape)


def _full_key(key, shape, dim):
    # Coordinates for every element, since custom derivatives take arrays and no slices.
    index = key[dim].reshape((-1,) + (1,) * (len(shape) - dim - 1))
    return _key(jnp.broadcast_to(index, shape), dim)


# ---- writing a part -----------------------------------------------------------------------------


def _cast_part(src, input):
    return src.astype(input.dtype) if src.dtype != input.dtype else src


@op(SAME, variants="f m o")
def select_scatter(input: T, src: T, dim: Dim, index: int):
    """`input` with `src` in place of its slice `index` along `dim`."""
    size = input.shape[dim]
    check(
        -size <= index < size,
        f"select(): index {index} out of range for tensor of size {list(input.shape)} at dimension "
        f"{dim}",
        IndexError,
    )
    expected = input.shape[:dim] + input.shape[dim + 1 :]
    check(
        src.shape == expected,
        "expected src to have a size equal to the slice of self. src size = "
        f"{list(src.shape)}, slice size = {list(expected)}",
    )
    start = [0] * input.ndim
    start[dim] = index % size
    part = jnp.expand_dims(_cast_part(src, input), dim)
    return jax.lax.dynamic_update_slice(input, part, start)


@op(SAME, variants="f m o")
def slice_scatter(
    input: T, src: T, dim: Dim = 0, start: int | None = None, end: int | None = None, step: int = 1
):
    """`input` with `src` in place of the slice `start:end:step` along `dim`."""
    check(step > 0, "slice step must be positive")
    key = (slice(None),) * dim + (slice(start, end, step),)
    picked = range(*slice(start, end, step).indices(input.shape[dim]))
    expected = (*input.shape[:dim], len(picked), *input.shape[dim + 1 :])
    check(
        src.shape == expected,
        "expected src to have a size equal to the slice of self. src size = "
        f"{list(src.shape)}, slice size = {list(expected)}",
    )
    return input.at[key].set(_cast_part(src, input), unique_indices=True)


@op(SAME, variants="f m o")
def diagonal_scatter(input: T, src: T, offset: int = 0, dim1: int = 0, dim2: int = 1):
    """`input` with `src` on the diagonal of the dimensions `dim1` and `dim2`."""
    n = input.ndim
    dim1, dim2 = wrap_dim(dim1, n), wrap_dim(dim2, n)
    check(dim1 != dim2, f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    rows, columns = input.shape[dim1], input.shape[dim2]
    length = max(min(rows, columns - offset) if offset >= 0 else min(rows + offset, columns), 0)
    rest = [s for d, s in enumerate(input.shape) if d not in (dim1, dim2)]
    expected = (*rest, length)
    check(
        src.shape == expected,
        "expected src to have a size equal to the slice of self. src size = "
        f"{list(src.shape)}, slice size = {list(expected)}",
    )
    moved = jnp.moveaxis(input, (dim1, dim2), (-2, -1))
    i = np.arange(length) + max(-offset, 0)
    j = np.arange(length) + max(offset, 0)
    out = store(moved, (Ellipsis, i, j), _cast_part(src, input))
    return jnp.moveaxis(out, (-2, -1), (dim1, dim2))
