"""Joining, repeating, flipping and triangular parts: ops that move elements and compute nothing."""

import functools
import itertools
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from .._engine.size import Size as TorchSize
from .._engine.storage import elementwise_strides
from .._engine.tensor import Tensor
from .create import _restrided as restrided
from .positions import broadcast
from .registry import (
    DEFAULT,
    SAME,
    NewDim,
    Size,
    T,
    Ts,
    check,
    composite,
    from_host,
    op,
    ops,
    wrap_dim,
)

# ---- joining ------------------------------------------------------------------------------------


def _legacy_empty(t):
    # Of old, a 1-D tensor without elements could be joined with anything.
    return t.shape == (0,)


def _check_joinable(arrays, dim):
    first = arrays[0]
    for i, a in enumerate(arrays):
        check(
            a.ndim == first.ndim,
            f"Tensors must have same number of dimensions: got {first.ndim} and {a.ndim}",
        )
        for d in range(a.ndim):
            check(
                d == dim or a.shape[d] == first.shape[d],
                f"Sizes of tensors must match except in dimension {dim}. Expected size "
                f"{first.shape[d]} but got size {a.shape[d]} for tensor number {i} in the list.",
            )


@op(DEFAULT, variants="f o", alias=("concat", "concatenate"))
def cat(tensors: Ts, dim: int = 0):
    """The tensors joined along the existing dimension `dim`.

    Shapes agree in all other dimensions; 1-D tensors without elements are left out. Raises
    RuntimeError for an empty list, 0-dim tensors and sizes that do not match.
    """
    check(tensors, "torch.cat(): expected a non-empty list of Tensors", ValueError)
    for i, t in enumerate(tensors):
        check(t.ndim, f"zero-dimensional tensor (at position {i}) cannot be concatenated")
    kept = [t for t in tensors if not _legacy_empty(t)]
    if not kept:
        wrap_dim(dim, 1)
        return tensors[0]
    dim = wrap_dim(dim, kept[0].ndim)
    _check_joinable(kept, dim)
    return jax.lax.concatenate(kept, dim) if len(kept) > 1 else kept[0]


@op(DEFAULT, variants="f o")
def stack(tensors: Ts, dim: NewDim = 0):
    """The tensors, all of one shape, joined along a new dimension `dim`."""
    check(tensors, "stack expects a non-empty TensorList")
    first = tensors[0].shape
    for i, t in enumerate(tensors):
        check(
            t.shape == first,
            f"stack expects each tensor to be equal size, but got {list(first)} at entry 0 and "
            f"{list(t.shape)} at entry {i}",
        )
    return jax.lax.concatenate([jax.lax.expand_dims(t, (dim,)) for t in tensors], dim)


@composite("f o")
def hstack(tensors):
    """The tensors joined along the second dimension, or the first when they have only one."""
    tensors = [ops.atleast_1d(t) for t in _as_list(tensors, "hstack")]
    return ops.cat(tensors, 0 if tensors[0].ndim == 1 else 1)


@composite("f o", alias=("row_stack",))
def vstack(tensors):
    """The tensors joined along the first dimension; 1-D tensors count as rows."""
    return ops.cat([ops.atleast_2d(t) for t in _as_list(tensors, "vstack")], 0)


@composite("f o")
def dstack(tensors):
    """The tensors joined along the third dimension."""
    return ops.cat([ops.atleast_3d(t) for t in _as_list(tensors, "dstack")], 2)


@composite("f o")
def column_stack(tensors):
    """The tensors joined along the second dimension; those of fewer dimensions are columns."""
    tensors = _as_list(tensors, "column_stack")
    return ops.hstack([ops.reshape(t, (t.numel(), 1)) if t.ndim <= 1 else t for t in tensors])


def _as_list(tensors, name):
    check(
        not isinstance(tensors, Tensor),
        f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not Tensor",
        TypeError,
    )
    tensors = list(tensors)
    check(tensors, f"{name} expects a non-empty TensorList")
    return tensors


@op(DEFAULT, variants="p", grad_name="BlockDiagBackward0")
def block_diag_of(tensors: Ts):
    """The tensors, at most 2-D, as the blocks of a block-diagonal matrix."""
    rows = sum(t.shape[0] for t in tensors)
    columns = sum(t.shape[1] for t in tensors)
    out = jnp.zeros((rows, columns), tensors[0].dtype)
    i = j = 0
    for t in tensors:
        out = jax.lax.dynamic_update_slice(out, t, (i, j))
        i += t.shape[0]
        j += t.shape[1]
    return out


@composite("f")
def block_diag(*tensors):
    """The tensors, at most 2-D each, as the blocks of a block-diagonal matrix."""
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        tensors = tensors[0]
    for i, t in enumerate(tensors):
        check(
            t.ndim <= 2,
            f"torch.block_diag: Input tensors must have 2 or fewer dimensions. Input {i} has "
            f"{t.ndim} dimensions",
        )
    blocks = [ops.atleast_2d(t) for t in tensors]
    if not blocks:
        return from_host(np.zeros((1, 0), np.float32))
    return ops.block_diag_of(blocks)


# ---- repeating ----------------------------------------------------------------------------------


def _tiled(x, reps):
    x = x.reshape((1,) * (len(reps) - x.ndim) + x.shape)
    if all(r == 1 for r in reps):
        return x
    # Every dimension n becomes (r, n), then the pairs are joined.
    pairs = [d for r, n in zip(reps, x.shape, strict=True) for d in (r, n)]
    spread = jax.lax.broadcast_in_dim(x, pairs, range(1, 2 * x.ndim, 2))
    return spread.reshape([r * n for r, n in zip(reps, x.shape, strict=True)])


def _check_repeats(reps):
    check(
        all(r >= 0 for r in reps),
        f"Trying to create tensor with negative dimension {min(reps, default=0)}: {list(reps)}",
    )


@op(SAME, variants="m")
def repeat(input: T, repeats: Size):
    """The tensor laid out `repeats[d]` times along each dimension; missing ones go in front."""
    check(
        len(repeats) >= input.ndim,
        "Number of dimensions of repeat dims can not be smaller than number of dimensions of "
        "tensor",
    )
    _check_repeats(repeats)
    return _tiled(input, repeats)


@op(SAME, variants="f m")
def tile(input: T, dims: Size):
    """Like `repeat`, where missing repeat counts are one."""
    reps = (1,) * (input.ndim - len(dims)) + tuple(dims)
    _check_repeats(reps)
    return _tiled(input, reps)


@op(SAME, variants="p", grad_name="RepeatInterleaveBackward0")
def repeat_each(input: T, repeats: int, dim: int):
    """Every slice along `dim` repeated `repeats` times in place."""
    shape = input.shape
    spread = jnp.broadcast_to(
        jnp.expand_dims(input, dim + 1), (*shape[: dim + 1], repeats, *shape[dim + 1 :])
    )
    return spread.reshape((*shape[:dim], shape[dim] * repeats, *shape[dim + 1 :]))


@composite("f m")
def repeat_interleave(input=None, repeats=None, dim=None, *, output_size=None):
    """Every slice along `dim` repeated in place: `repeats` times, an int or a tensor of counts.

    Without `dim` the input is flattened first. With one argument, a tensor of counts, the result is
    each position as often as its count says.
    """
    if input is None:
        input, repeats = repeats, None
    if repeats is None:
        check(input.ndim == 1, "repeat_interleave only accept 1D vector as repeat")
        counts = _counts(input)
        return from_host(np.repeat(np.arange(len(counts)), counts), input.device)
    if dim is None:
        input, dim = ops.flatten(input), 0
    dim = wrap_dim(dim, input.ndim)
    if input.ndim == 0:
        input = ops.reshape(input, (1,))
    if isinstance(repeats, Tensor):
        if repeats.numel() != 1:
            return _repeat_by_counts(input, repeats, dim)
        repeats = int(repeats)
    check(repeats >= 0, "Repeats must be non-negative")
    return ops.repeat_each(input, repeats, dim)


def _counts(repeats):
    counts = repeats.detach().numpy() if isinstance(repeats, Tensor) else np.asarray(repeats)
    check(counts.dtype in (np.int64, np.int32), "repeats has to be Long or Int tensor")
    check((counts >= 0).all(), "repeats can not be negative")
    return counts


def _repeat_by_counts(input, repeats, dim):
    check(repeats.ndim <= 1, "repeats must be 0-dim or 1-dim tensor")
    check(
        len(repeats) == input.shape[dim],
        "repeats must have the same size as input along dim, but got repeats.size(0) = "
        f"{len(repeats)} and input.size({dim}) = {input.shape[dim]}",
    )
    counts = _counts(repeats)
    index = from_host(np.repeat(np.arange(len(counts)), counts), input.device)
    return ops.index_select(input, dim, index)


# ---- rolling and flipping -----------------------------------------------------------------------


@op(SAME, variants="f m")
def roll(input: T, shifts, dims=None):
    """The elements moved by `shifts` along `dims`, those pushed out coming in at the other end.

    Without `dims` the tensor is rolled as if flat.
    """
    shifts = (shifts,) if isinstance(shifts, int) else tuple(shifts)
    dims = (dims,) if isinstance(dims, int) else tuple(dims or ())
    check(shifts, "`shifts` required")
    if not input.size:
        return input
    if not dims:
        check(
            len(shifts) == 1,
            f"shifts and dimensions must align. shifts: {len(shifts)}, dims:0",
        )
        return _rolled(input.reshape(-1), shifts[0], 0).reshape(input.shape)
    check(
        len(shifts) == len(dims),
        f"shifts and dimensions must align. shifts: {len(shifts)}, dims:{len(dims)}",
    )
    for shift, dim in zip(shifts, dims, strict=True):
        input = _rolled(input, shift, wrap_dim(dim, input.ndim))
    return input


def _rolled(x, shift, dim):
    size = x.shape[dim]
    cut = -shift % size
    if not cut:
        return x
    low = jax.lax.slice_in_dim(x, 0, cut, axis=dim)
    return jax.lax.concatenate([jax.lax.slice_in_dim(x, cut, size, axis=dim), low], dim)


@op(SAME, variants="f m")
def flip(input: T, dims: Size):
    """The elements in reverse order along each of `dims`; a copy, not a view."""
    wrapped = [wrap_dim(d, input.ndim) for d in dims]
    check(
        len(set(wrapped)) == len(wrapped),
        f"dim {_repeated(wrapped)} appears multiple times in the list of dims",
    )
    return jax.lax.rev(input, wrapped) if input.ndim else input


def _repeated(dims):
    return next((d for i, d in enumerate(dims) if d in dims[:i]), None)


@composite("f m")
def fliplr(input):
    """The columns in reverse order."""
    check(input.ndim >= 2, "Input must be >= 2-d.")
    return ops.flip(input, (1,))


@composite("f m")
def flipud(input):
    """The rows in reverse order."""
    check(input.ndim >= 1, "Input must be >= 1-d.")
    return ops.flip(input, (0,))


@composite("f m")
def rot90(input, k=1, dims=(0, 1)):
    """The plane of the two `dims` turned by `k` quarter turns, the first towards the second."""
    turned = ops.rot90_by(input, int(k) % 4, tuple(dims))
    # torch reverses, then swaps the dimensions of the result without moving its elements.
    strides = list(elementwise_strides(tuple(input.shape), [(tuple(input.shape), input.stride())]))
    if k % 2:
        a, b = dims
        strides[a], strides[b] = strides[b], strides[a]
    return restrided(turned, tuple(strides)) if k % 4 else turned


@op(SAME, variants="p", name="rot90")
def rot90_by(input: T, turn: int, dims: tuple):
    """`rot90` by `turn` quarter turns, 0 to 3."""
    check(
        len(dims) == 2,
        f"expected total rotation dims == 2, but got dims = {len(dims)}",
    )
    check(
        input.ndim >= 2,
        f"expected total dims >= 2, but got total dims = {input.ndim}",
    )
    a, b = (wrap_dim(d, input.ndim) for d in dims)
    check(
        a != b,
        f"expected rotation dims to be different, but got dim0 = {dims[0]} and dim1 = {dims[1]}",
    )
    if turn == 0:
        return input
    if turn == 2:
        return jax.lax.rev(input, (a, b))
    swapped = jnp.swapaxes(input, a, b)
    return jax.lax.rev(swapped, (a,) if turn == 1 else (b,))


# ---- triangles and diagonals --------------------------------------------------------------------


def _below(shape, diagonal, name):
    check(len(shape) >= 2, f"{name}: input tensor must have at least 2 dimensions")
    row = jax.lax.broadcasted_iota(np.int32, shape[-2:], 0)
    column = jax.lax.broadcasted_iota(np.int32, shape[-2:], 1)
    return jnp.broadcast_to(column - row <= diagonal, shape)


@op(SAME, variants="f m i o")
def tril(input: T, diagonal: int = 0):
    """The lower triangle of the matrices (*, R, C), zero above the `diagonal`-th diagonal."""
    return jnp.where(_below(input.shape, diagonal, "tril"), input, jnp.zeros_like(input))


@op(SAME, variants="f m i o")
def triu(input: T, diagonal: int = 0):
    """The upper triangle of the matrices (*, R, C), zero below the `diagonal`-th diagonal."""
    return jnp.where(_below(input.shape, diagonal - 1, "triu"), jnp.zeros_like(input), input)


def _spread_diagonal(x, offset):
    # (*, n) -> (*, n + |offset|, n + |offset|)
    n = x.shape[-1]
    size = n + abs(offset)
    left = max(offset, 0)
    pad = [(0, 0, 0)] * (x.ndim - 1) + [(left, size - n - left, 0)]
    wide = jax.lax.pad(x, jnp.zeros((), x.dtype), pad)
    row = jax.lax.broadcasted_iota(np.int32, (size, size), 0)
    column = jax.lax.broadcasted_iota(np.int32, (size, size), 1)
    on = jnp.broadcast_to(column - row == offset, (*x.shape[:-1], size, size))
    return jnp.where(on, wide[..., None, :], jnp.zeros((), x.dtype))


@op(SAME, variants="f m o")
def diag(input: T, diagonal: int = 0):
    """The matrix with the vector `input` on its diagonal, or the diagonal of the matrix `input`."""
    check(
        input.ndim in (1, 2),
        f"diag(): Supports 1D or 2D tensors. Got {input.ndim}D",
    )
    return _spread_diagonal(input, diagonal) if input.ndim == 1 else jnp.diagonal(input, diagonal)


@op(SAME, variants="f m")
def diag_embed(input: T, offset: int = 0, dim1: int = -2, dim2: int = -1):
    """The last dimension on the diagonal of matrices in the new dimensions `dim1`, `dim2`."""
    n = input.ndim + 1
    dim1, dim2 = wrap_dim(dim1, n), wrap_dim(dim2, n)
    check(dim1 != dim2, f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return jnp.moveaxis(_spread_diagonal(input, offset), (-2, -1), (dim1, dim2))


@composite("f m")
def diagflat(input, offset=0):
    """The matrix with the flattened input on its diagonal."""
    return ops.diag(ops.reshape(input, (-1,)), offset)


@op(SAME, variants="f o")
def vander(x: T, N: int | None = None, increasing: bool = False):
    """The powers 0 .. N-1 of the vector(s) `x` (*, n) along a new last dimension, highest first."""
    N = x.shape[-1] if N is None else N
    check(N >= 0, "N must be non-negative.")
    kind = np.int64 if jnp.issubdtype(x.dtype, jnp.integer) or x.dtype == np.bool_ else x.dtype
    if not N:
        return jnp.zeros((*x.shape, 0), kind)
    ones = jnp.ones((*x.shape, 1), kind)
    wide = jnp.broadcast_to(x.astype(kind)[..., None], (*x.shape, N - 1))
    powers = jnp.concatenate([ones, wide], -1)
    powers = jax.lax.cumprod(powers, axis=powers.ndim - 1)
    return powers if increasing else jax.lax.rev(powers, (powers.ndim - 1,))


# ---- grids and products -------------------------------------------------------------------------


def _tensor_args(tensors):
    if len(tensors) == 1 and isinstance(tensors[0], (list, tuple)):
        return tuple(tensors[0])
    return tensors


@composite("f")
def broadcast_tensors(*tensors):
    """The tensors expanded to their common shape, as views."""
    tensors = _tensor_args(tensors)
    shape = functools.reduce(broadcast, [tuple(t.shape) for t in tensors], ())
    return tuple(view_in(t, shape) for t in tensors)


def view_in(t, shape):
    """The tensor expanded to `shape`, as a view."""
    # Nothing is repeated when the shape is there already, and the view can be written to.
    return ops.view(t, shape) if tuple(t.shape) == shape else ops.expand(t, shape)


@composite("f")
def broadcast_shapes(*shapes):
    """The shape that the shapes broadcast to. Raises RuntimeError when they do not."""
    shapes = [(s,) if isinstance(s, int) else tuple(s) for s in shapes]
    common = [1] * max(map(len, shapes), default=0)
    for position, shape in enumerate(shapes):
        for d in range(-1, -1 - len(shape), -1):
            if shape[d] in (1, common[d]):
                continue
            if common[d] != 1:
                raise RuntimeError(
                    f"Attempting to broadcast a dimension of length {shape[d]} at {d}! Mismatching "
                    f"argument at index {position} had {shape}; but expected shape should be "
                    f"broadcastable to {common}"
                )
            common[d] = shape[d]
    return TorchSize(common)


@composite("f")
def meshgrid(*tensors, indexing=None):
    """Coordinate grids of 1-D tensors: one view of the full grid's shape for each.

    `indexing="ij"` orders the dimensions as the tensors, "xy" swaps the first two.
    """
    tensors = _tensor_args(tensors)
    check(tensors, "meshgrid expects a non-empty TensorList")
    if indexing is None:
        warnings.warn(
            "torch.meshgrid: in an upcoming release, it will be required to pass the indexing "
            "argument.",
            stacklevel=3,
        )
        indexing = "ij"
    check(
        indexing in ("ij", "xy"),
        f'torch.meshgrid: indexing must be one of "xy" or "ij", but received: {indexing}',
    )
    for t in tensors:
        check(
            t.ndim <= 1,
            f"torch.meshgrid: Expected 0D or 1D tensor in the tensor list but got: {t.ndim}D",
        )
    return _grids(tensors, indexing == "xy" and len(tensors) >= 2)


def _grids(tensors, swap):
    order = list(range(len(tensors)))
    if swap:
        order[:2] = (1, 0)
    sizes = [tensors[i].numel() for i in order]
    grids = []
    for i, t in enumerate(tensors):
        shape = [1] * len(tensors)
        shape[order[i]] = t.numel()
        grids.append(ops.expand(ops.reshape(t, tuple(shape)), tuple(sizes)))
    return tuple(grids)


@composite("f")
def cartesian_prod(*tensors):
    """All combinations of one element of each 1-D tensor, shape (product of lengths, count)."""
    tensors = _tensor_args(tensors)
    for t in tensors:
        check(t.ndim == 1, "Expect a 1D vector, but got shape " + str(list(t.shape)))
    if len(tensors) == 1:
        return tensors[0]
    return ops.stack([ops.flatten(g) for g in _grids(tensors, False)], 1)


@composite("f m")
def combinations(input, r=2, with_replacement=False):
    """All choices of `r` elements of the 1-D input, in order, shape (count, r)."""
    check(input.ndim == 1, f"Expect a 1D vector, but got shape {list(input.shape)}")
    check(r >= 0, f"Expect a non-negative number, but got {r}")
    pick = itertools.combinations_with_replacement if with_replacement else itertools.combinations
    if r == 0:
        return from_host(np.zeros(0, input.dtype.np), input.device)
    chosen = np.array(list(pick(range(len(input)), r)), np.int64).reshape(-1, r)
    flat = ops.index_select(input, 0, from_host(chosen.reshape(-1), input.device))
    return ops.reshape(flat, chosen.shape)
