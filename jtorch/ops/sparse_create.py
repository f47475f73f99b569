"""Sparse tensors from indices and values, without values, and from diagonals."""

import numpy as np

from .._engine import device as devices
from .._engine import dtypes
from .._engine.layouts import sparse_coo
from .._engine.tensor import Tensor
from .registry import check, composite, from_host, host, ops
from .sparse import (
    BLOCKED,
    BY_ROW,
    COMPRESSED,
    INDEX_NAMES,
    TITLES,
    block_shape,
    blocksize_of,
    empty_like,
    packed,
    sparse,
)
from .sparse_checks import check_compressed, check_coo, invariants_wanted


def _as_tensor(data, dtype, device):
    if isinstance(data, Tensor):
        return data.to(device=device, dtype=dtype)
    return ops.tensor(data, dtype=dtype, device=device)


def _index(data, device):
    """Indices as a tensor of int64, or int32 where compressed layouts have that."""
    made = _as_tensor(data, None, device).detach()
    return made.long() if made.dtype.kind not in "i" or made.dtype.itemsize < 4 else made


def _device(device, data):
    if device is not None:
        return devices.resolve(device)
    return data.device if isinstance(data, Tensor) else None


def _finish(made, requires_grad):
    return made.requires_grad_() if requires_grad and not made.requires_grad else made


@composite("f")
def sparse_coo_tensor(
    indices=None,
    values=None,
    size=None,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
    is_coalesced=None,
):
    """A sparse tensor of coordinates: `values` (n, *dense dims) at `indices` (sparse dims, n).

    Without `size` it is the smallest that has room for the indices; with only a size the tensor has
    no values. Values of equal coordinates add up. RuntimeError for shapes that do not fit.
    """
    if values is None:
        shape = tuple(int(s) for s in (size if indices is None else indices))
        rows = ops.zeros((len(shape), 0), dtype=dtypes.int64, device=device)
        none = ops.zeros((0,), dtype=dtype, device=device)
        return _finish(sparse(sparse_coo, shape, (rows,), none, False), requires_grad)
    values = _as_tensor(values, dtype, _device(device, values))
    indices = _index(indices, values.device).long()
    values = values.reshape(1) if values.ndim == 0 else values
    check(
        indices.ndim == 2 or size is not None,
        f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}",
    )
    shape = _inferred(indices, values) if size is None else tuple(int(s) for s in size)
    _check_parts(indices, values, shape)
    if invariants_wanted(check_invariants):
        check_coo(indices, shape)
    made = packed(sparse_coo, shape, (indices,), values, bool(is_coalesced))
    return _finish(made, requires_grad)


def _inferred(indices, values):
    array = host(indices)
    lead = array.max(1) + 1 if array.shape[1] else np.zeros(array.shape[0], np.int64)
    check(
        not array.size or array.min() >= 0,
        "found negative index in the indices of a sparse tensor without a size",
    )
    return (*map(int, lead), *values.shape[1:])


def _check_parts(indices, values, shape):
    n, dense = indices.shape[0], values.ndim - 1
    check(
        len(shape) == n + dense,
        "'len(size) == sparse_dim + dense_dim' is not satisfied: len(size) = "
        f"{len(shape)}, sparse_dim = {n}, dense_dim = {dense}",
    )
    check(
        indices.ndim == 2,
        f"indices must be sparse_dim x nnz, but got: {list(indices.shape)}",
    )
    check(
        indices.shape[1] == values.shape[0],
        "indices and values must have same nnz, but got nnz from indices: "
        f"{indices.shape[1]}, nnz from values: {values.shape[0]}",
    )
    check(
        tuple(values.shape[1:]) == tuple(shape[n:]),
        f"values has incorrect size, expected {[values.shape[0], *shape[n:]]}, got "
        f"{list(values.shape)}",
    )


@composite("f")
def sparse_compressed_tensor(
    compressed_indices,
    plain_indices,
    values,
    size=None,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    check_invariants=None,
):
    """A sparse tensor whose rows (or columns) are compressed: `layout` says which, and if blocked.

    Row i has the values from `compressed_indices[i]` to `compressed_indices[i + 1]`, whose columns
    are in `plain_indices`. Leading dimensions of all three are those of a batch. RuntimeError for
    shapes that do not fit, and with `check_invariants` for indices that do not.
    """
    check(
        layout in COMPRESSED,
        "sparse_compressed_tensor expected sparse compressed tensor layout but got "
        f"{'none' if layout is None else TITLES.get(layout.name, layout.name)}",
    )
    values = _as_tensor(values, dtype, _device(device, values))
    compressed, plain = (_index(i, values.device) for i in (compressed_indices, plain_indices))
    _check_ranks(layout, compressed, plain, values)
    shape = _compressed_size(layout, compressed, plain, values) if size is None else size
    shape = tuple(int(s) for s in shape)
    if invariants_wanted(check_invariants):
        rows, width = _units(layout, compressed, values, shape)
        check_compressed(layout, compressed, plain, rows, width)
    label = "SparseCompressedTensorBackward0"
    made = packed(layout, shape, (compressed, plain), values, True, label)
    return _finish(made, requires_grad)


def _check_ranks(layout, compressed, plain, values):
    names = INDEX_NAMES[layout in BY_ROW]
    check(
        compressed.ndim >= 1 and plain.ndim == compressed.ndim,
        f"{names[0]} and {names[1]} dimensionalities must be equal but got {compressed.ndim} and "
        f"{plain.ndim}, respectively",
    )
    extra = 2 if layout in BLOCKED else 0
    check(
        values.ndim >= plain.ndim + extra,
        f"values must have dimensionality > sum of batch and block dimensionalities "
        f"(={plain.ndim - 1} + {extra}), but got {values.ndim}",
    )
    check(
        tuple(values.shape[: plain.ndim]) == tuple(plain.shape),
        f"number of values and {names[1]} must be the same, but got {list(values.shape)} and "
        f"{list(plain.shape)}",
    )


def _units(layout, compressed, values, shape):
    """(how many compressed rows, how many places in each), counted in blocks."""
    at = compressed.ndim - 1
    block = block_shape(layout, at + 1, values)
    height, width = (s // b for s, b in zip(shape[at : at + 2], block))
    return (height, width) if layout in BY_ROW else (width, height)


def _compressed_size(layout, compressed, plain, values):
    array = host(plain)
    block = block_shape(layout, plain.ndim, values)
    lines = compressed.shape[-1] - 1
    places = int(array.max()) + 1 if array.size else 0
    pair = (lines, places) if layout in BY_ROW else (places, lines)
    extra = 2 if layout in BLOCKED else 0
    batch, dense = compressed.shape[:-1], values.shape[plain.ndim + extra :]
    return (*batch, *[n * b for n, b in zip(pair, block)], *dense)


def _compressed_constructor(layout, first, second):
    name = f"{layout.name}_tensor"

    def construct(*args, **named):
        for given, general in ((first, "compressed_indices"), (second, "plain_indices")):
            if given in named:
                named[general] = named.pop(given)
        return ops.sparse_compressed_tensor(*args, **{"layout": layout, **named})

    construct.__name__ = name
    construct.__doc__ = (
        f"A tensor of layout `torch.{layout.name}` from `{first}`, `{second}` and `values`."
    )
    composite("f")(construct)


for _layout in COMPRESSED:
    _compressed_constructor(_layout, *INDEX_NAMES[_layout in BY_ROW][:2])


@composite("p")
def sparse_zeros(size, layout, dtype, device=None, block=(1, 1)):
    """A sparse tensor without values; `block`: the size of the blocks of a blocked layout."""
    size = tuple(size)
    check(
        layout is sparse_coo or layout in COMPRESSED[:2] or block != (1, 1),
        f"torch.zeros: layout={layout} is not supported by jtorch, only COO, CSR and CSC",
        NotImplementedError,
    )
    if layout is sparse_coo:
        return ops.sparse_coo_tensor(size, dtype=dtype, device=device)
    check(
        len(size) >= 2,
        f"torch.empty: a compressed layout needs two dimensions, but got size {list(size)}",
    )
    side = 0 if layout in BY_ROW else 1
    lines = size[-2 + side] // block[side]
    rows = ops.zeros((*size[:-2], lines + 1), dtype=dtypes.int64, device=device)
    none = ops.zeros((*size[:-2], 0), dtype=dtypes.int64, device=device)
    shape = (*none.shape, *(block if layout in BLOCKED else ()))
    values = ops.zeros(shape, dtype=dtype, device=device)
    return sparse(layout, size, (rows, none), values, True)


@composite("p")
def sparse_zeros_like(input, layout, dtype, device):
    """A sparse tensor without values, in the shape of another tensor."""
    if layout is input.layout:
        return empty_like(input, dtype, device)
    return sparse_zeros(tuple(input.shape), layout, dtype, device, blocksize_of(input) or (1, 1))


@composite("p")
def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix with the rows of `diagonals` on the diagonals `offsets`.

    Column j of a diagonal has its j-th element. RuntimeError for offsets that repeat and for
    layouts other than COO, CSR and CSC.
    """
    wanted = sparse_coo if layout is None else layout
    check(
        wanted in (sparse_coo, *COMPRESSED[:2]),
        f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {wanted}",
    )
    check(len(shape) == 2, f"Output shape must be 2d, got {len(shape)}d.")
    diagonals = diagonals.reshape(1, -1) if diagonals.ndim == 1 else diagonals
    offsets = offsets.reshape(1) if offsets.ndim == 0 else offsets
    check(
        offsets.dtype is dtypes.int64,
        f"Offset Tensor must have dtype Long but got {offsets.dtype}",
    )
    check(diagonals.ndim == 2, "Diagonals must be vector or matrix")
    check(offsets.ndim == 1, "Offsets must be scalar or vector")
    check(
        diagonals.shape[0] == offsets.shape[0],
        f"Number of diagonals ({diagonals.shape[0]}) does not match the number of offsets "
        f"({offsets.shape[0]})",
    )
    shifts = host(offsets)
    check(np.unique(shifts).size == shifts.size, "Offset tensor contains duplicate values")
    rows, columns = shape
    column = np.arange(min(columns, diagonals.shape[1]))
    row = column[None] - shifts[:, None]
    line, at = np.nonzero((row >= 0) & (row < rows))
    found = np.stack([row[line, at], column[at]]).astype(np.int64)
    spots = from_host(line * diagonals.shape[1] + at, diagonals.device)
    values = diagonals.reshape(-1).index_select(0, spots)
    made = packed(sparse_coo, tuple(shape), (from_host(found, values.device),), values)
    return made if wanted is sparse_coo else ops.to_sparse(made, layout=wanted)
