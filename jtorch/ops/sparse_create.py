"""Sparse tensors from indices and values, from dense tensors, and back."""

import functools
import math

import numpy as np

from .._engine import device as devices
from .._engine import dtypes
from .._engine.layouts import LAYOUTS, sparse_coo, strided_layout
from .._engine.tensor import Tensor
from .registry import check, composite, from_host, host, ops
from .sparse import (
    BLOCKED,
    BSR,
    BY_ROW,
    COMPRESSED,
    CSR,
    TITLES,
    as_coo,
    attach,
    coordinates,
    empty_like,
    flat_values,
    is_coo,
    is_sparse,
    keeps_pattern,
    packed,
    parts,
    positions,
    repacked,
    sparse,
    sparse_dims,
    title,
    unpacked,
    values_at,
)

# ---- checks of what is given ----


class check_sparse_tensor_invariants:
    """Whether sparse tensors are checked when they are made: a context manager and a decorator.

    By itself a constructor looks at shapes only; indices are looked at when this is enabled, or
    with `check_invariants=True`.
    """

    _enabled = False

    @staticmethod
    def is_enabled():
        """True when indices are checked."""
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable():
        """Check indices from now on."""
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable():
        """Check shapes only from now on."""
        check_sparse_tensor_invariants._enabled = False

    def __init__(self, enable=True):
        self.state = enable
        self.saved_state = None

    def __enter__(self):
        if self.saved_state is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context "
                "manager instance for context nesting."
            )
        self.saved_state = self.is_enabled()
        check_sparse_tensor_invariants._enabled = self.state

    def __exit__(self, type, value, traceback):
        check_sparse_tensor_invariants._enabled = self.saved_state
        self.saved_state = None

    def __call__(self, function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with type(self)(self.state):
                return function(*args, **kwargs)

        return wrapper


def _wanted(check_invariants):
    enabled = check_sparse_tensor_invariants.is_enabled()
    return enabled if check_invariants is None else check_invariants


def _check_coo(indices, shape):
    array = host(indices)
    for d, row in enumerate(array if array.size else ()):
        check(row.min() >= 0, f"found negative index {row.min()} for dim {d}")
        check(
            row.max() < shape[d],
            f"size is inconsistent with indices: for dim {d}, size is {shape[d]} but found index "
            f"{row.max()}",
        )


_NAMES = {True: ("crow_indices", "col_indices", "ncols"), False: ("ccol_indices", "row_indices", "nrows")}  # fmt: skip


def _check_compressed(layout, compressed, plain, count, width):
    names = _NAMES[layout in BY_ROW]
    bounds, inner = host(compressed), host(plain)
    nnz = inner.shape[-1]
    steps = np.diff(bounds)
    for fits, what in (
        ((bounds[..., 0] == 0).all(), f"{names[0]}[..., 0] == 0"),
        ((bounds[..., -1] == nnz).all(), f"{names[0]}[..., -1] == nnz"),
        (
            ((steps >= 0) & (steps <= width)).all(),
            f"0 <= {names[0]}[..., 1:] - {names[0]}[..., :-1] <= {names[2]}",
        ),
        (((inner >= 0) & (inner < width)).all(), f"0 <= {names[1]} < {names[2]}"),
    ):
        check(fits, f"`{what}` is not satisfied.")
    same = np.diff(inner) <= 0
    ends = np.zeros(inner.shape, bool)
    np.put_along_axis(ends, np.minimum(bounds[..., 1:], nnz) - 1, True, -1)
    check(
        not (same & ~ends[..., :-1]).any(),
        f"`{names[1]}[..., {names[0]}[..., i - 1]:{names[0]}[..., i]] for all i = 1, ..., {count} "
        "are sorted and distinct along the last dimension values` is not satisfied.",
    )


# ---- constructors ----


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
    check(indices.ndim == 2 or size is not None, "indices must be sparse_dim x nnz, but got: "
                                                 f"{list(indices.shape)}")  # fmt: skip
    shape = _inferred(indices, values) if size is None else tuple(int(s) for s in size)
    _check_parts(indices, values, shape)
    if _wanted(check_invariants):
        _check_coo(indices, shape)
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
    if _wanted(check_invariants):
        rows, width = _units(layout, compressed, values, shape)
        _check_compressed(layout, compressed, plain, rows, width)
    label = "SparseCompressedTensorBackward0"
    made = packed(layout, shape, (compressed, plain), values, True, label)
    return _finish(made, requires_grad)


def _check_ranks(layout, compressed, plain, values):
    names = _NAMES[layout in BY_ROW]
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


def _block(layout, plain_ndim, values):
    return tuple(values.shape[plain_ndim : plain_ndim + 2]) if layout in BLOCKED else (1, 1)


def _units(layout, compressed, values, shape):
    """(how many compressed rows, how many places in each), counted in blocks."""
    at = compressed.ndim - 1
    block = _block(layout, at + 1, values)
    height, width = (s // b for s, b in zip(shape[at : at + 2], block))
    return (height, width) if layout in BY_ROW else (width, height)


def _compressed_size(layout, compressed, plain, values):
    array = host(plain)
    block = _block(layout, plain.ndim, values)
    lines = compressed.shape[-1] - 1
    places = int(array.max()) + 1 if array.size else 0
    pair = (lines, places) if layout in BY_ROW else (places, lines)
    extra = 2 if layout in BLOCKED else 0
    batch, dense = compressed.shape[:-1], values.shape[plain.ndim + extra :]
    return (*batch, *[n * b for n, b in zip(pair, block)], *dense)


def _compressed_constructor(layout, first, second):
    name = f"{layout.name}_tensor"

    def construct(*args, size=None, dtype=None, device=None, pin_memory=False,
                  requires_grad=False, check_invariants=None, layout=layout, **named):  # fmt: skip
        given = [*args, *[named.pop(n) for n in (first, second, "values")[len(args):] if n in named]]  # fmt: skip
        check(len(given) in (3, 4) and not named, f"{name}() received an invalid combination of arguments", TypeError)  # fmt: skip
        return ops.sparse_compressed_tensor(
            *given[:3],
            given[3] if len(given) == 4 else size,
            dtype=dtype,
            layout=layout,
            device=device,
            requires_grad=requires_grad,
            check_invariants=check_invariants,
        )

    construct.__name__ = name
    construct.__doc__ = (
        f"A tensor of layout `torch.{layout.name}` from `{first}`, `{second}` and `values`."
    )
    composite("f")(construct)


for _layout in COMPRESSED:
    _compressed_constructor(_layout, *_NAMES[_layout in BY_ROW][:2])


# ---- to and from dense ----


@composite("m")
def to_dense(self, dtype=None, *, masked_grad=None):
    """The tensor as a dense one; itself, in `dtype` if given, when it is dense already.

    The gradient of a sparse tensor is one at its own indices, unless `masked_grad` is False.
    """
    if not is_sparse(self):
        return self if dtype is None else self.to(dtype)
    check(dtype is None, "dtype argument is not supported by sparse_to_dense")
    if masked_grad is not False:
        made = spread(self._aval, parts(self), unpacked(self))
        if made._edge is not None:
            made._edge[0].label = "ToDenseBackward0"
        return made
    made = spread(self._aval, parts(self), parts(self).values)
    layout = self.layout
    return attach(made, "ToDenseBackward0", (self,), lambda g: g.to_sparse(layout=layout))


def spread(aval, kept, values):
    """Values put where their indices say, added up, into zeros."""
    n = sparse_dims(aval, kept)
    flat = flat_values(aval, kept, values)
    shape = (math.prod(aval.shape[:n]), *aval.shape[n:])
    start = ops.zeros(shape, dtype=values.dtype, device=aval.device)
    return ops.index_add(start, 0, positions(aval, kept), flat).reshape(aval.shape)


@composite("m")
def to_sparse(self, sparse_dim=None, *, layout=None, blocksize=None, dense_dim=None):
    """The tensor in a sparse layout (COO unless `layout` says otherwise).

    sparse_dim: how many leading dimensions of a COO tensor the indices span. blocksize: of the
    blocked layouts. dense_dim: how many trailing dimensions the values of a compressed one have.
    """
    check(
        sparse_dim is None or (layout is None and blocksize is None and dense_dim is None),
        "to_sparse(): sparse_dim does not go with layout, blocksize or dense_dim",
    )
    layout = sparse_coo if layout is None else layout
    _check_request(self, layout, blocksize, dense_dim)
    if layout is strided_layout:
        return self.to_dense()
    if layout is self.layout and layout not in BLOCKED:
        check(
            sparse_dim in (None, parts(self).indices[0].shape[0]),
            "to_sparse: conversion from Sparse to Sparse with sparse_dim argument "
            "!=self.sparse_dim() is not supported",
        )
        return self
    if layout is sparse_coo:
        return _to_coo(self, sparse_dim)
    return _to_compressed(self, layout, blocksize, dense_dim)


def _check_request(t, layout, blocksize, dense_dim):
    name = "to_sparse" if is_sparse(t) else "dense_to_sparse"
    shown = f"{name}: conversion from {title(t)} to {TITLES.get(layout.name, layout.name)}"
    blocked = layout in BLOCKED
    check(
        blocked or blocksize is None,
        f"{shown} with blocksize argument given is not supported",
    )
    check(
        not blocked or blocksize is not None or t.layout is layout,
        f"{shown} without blocksize argument given is not supported",
    )
    check(
        dense_dim is None or layout in COMPRESSED,
        f"{shown} with dense_dim argument given is not supported",
    )


def _to_coo(t, sparse_dim):
    if is_sparse(t):
        aval, kept = t._aval, parts(t)
        values = flat_values(aval, kept, kept.values)
        made = sparse(
            sparse_coo, aval.shape, (coordinates(aval, kept),), values, aval.layout is CSR
        )
        layout, block = t.layout, blocksize_of(t)
        return attach(
            made,
            "ToSparseBackward1",
            (t,),
            lambda g: g if g.layout is layout else g.to_sparse(layout=layout, blocksize=block),
            keeps_pattern(t),
        )
    n = t.ndim if sparse_dim is None else sparse_dim
    check(n > 0 or t.ndim == 0, "dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0")  # fmt: skip
    check(
        0 <= n <= t.ndim,
        f"dense_to_sparse: sparse_dim argument must be in [0,{t.ndim}] range, but {n} is given",
    )
    array = host(t)
    present = (array != 0).any(tuple(range(n, t.ndim))) if n < t.ndim else array != 0
    found = np.stack(np.nonzero(present)) if n else np.zeros((0, int(present)), np.int64)
    made = _taken(t, found.astype(np.int64))
    return attach(made, "ToSparseBackward1", (t,), lambda g: g.to_dense())


def _taken(t, found):
    """A COO tensor of the elements of a dense tensor at coordinates (sparse dims, n)."""
    n = found.shape[0]
    spots = np.ravel_multi_index(found, t.shape[:n]) if n else np.zeros(found.shape[1], np.int64)
    flat = t.detach().reshape(math.prod(t.shape[:n]), *t.shape[n:])
    values = flat.index_select(0, from_host(spots, t.device))
    return sparse(sparse_coo, t.shape, (from_host(found, t.device),), values, True)


def blocksize_of(t):
    """The size of the blocks of a blocked layout; None for others."""
    if t.layout not in BLOCKED:
        return None
    return _block(t.layout, parts(t).indices[1].ndim, parts(t).values)


# ---- compressed layouts ----


def _to_compressed(t, layout, blocksize, dense_dim):
    own = blocksize_of(t)
    if layout is t.layout:
        check(blocksize is None or tuple(blocksize) == own, "to_sparse: conversion between blocked tensors of other block sizes is not supported")  # fmt: skip
        return t
    bare = t.detach()
    if is_sparse(bare):
        bare = as_coo(bare).coalesce()
        check(ops.sparse_dim(bare) >= 2, f"to_sparse: a tensor of {ops.sparse_dim(bare)} sparse dimensions has no compressed form")  # fmt: skip
        found, values = host(parts(bare).indices[0]), parts(bare).values
    else:
        n = t.ndim - (dense_dim or 0)
        check(n >= 2, f"dense_to_sparse: expected a tensor of at least {2 + (dense_dim or 0)} dimensions, but got {t.ndim}")  # fmt: skip
        found, values = _present(bare, n, layout, blocksize)
    made = _compress(t.shape, found, values, layout, blocksize)
    source = t.layout
    label = f"To{TITLES[layout.name]}Backward0"
    return attach(
        made,
        label,
        (t,),
        lambda g: g.to_dense() if source is strided_layout else as_layout(g, source, own),
        keeps_pattern(t),
    )


def as_layout(g, layout, block):
    """A gradient in the sparse layout of what it is for; a dense one stays."""
    if not is_sparse(g) or g.layout is layout:
        return g
    return ops.to_sparse(g, layout=layout, blocksize=block)


def _present(t, n, layout, blocksize):
    """(coordinates, values) of a dense tensor for a compressed layout: whole blocks, and as many of
    each matrix of a batch.
    """
    array = host(t)
    mask = (array != 0).any(tuple(range(n, t.ndim))) if n < t.ndim else array != 0
    if layout in BLOCKED:
        height, width = blocksize
        rows, columns = mask.shape[-2:]
        check(
            rows % height == 0 and columns % width == 0,
            f"tensor sparse size ({rows},{columns}) must be divisible by given blocksize "
            f"({height},{width})",
        )
        split = (*mask.shape[:-2], rows // height, height, columns // width, width)
        some = mask.reshape(split).any((-3, -1), keepdims=True)
        mask = np.broadcast_to(some, split).reshape(mask.shape)
    if n > 2:
        counts = mask.reshape(-1, math.prod(mask.shape[-2:])).sum(1)
        check(
            counts.size == 0 or (counts == counts[0]).all(),
            "Expect the same number of specified elements per batch.",
        )
    found = np.stack(np.nonzero(mask)).astype(np.int64)
    taken = _taken(t, found)
    return found, parts(taken).values


def _compress(shape, found, values, layout, blocksize):
    """The compressed tensor of sorted, distinct coordinates (batch dims and 2, n)."""
    at = found.shape[0] - 2
    if layout in BLOCKED:
        return _compress_blocks(shape, found, values, layout, tuple(blocksize))
    order = None
    line, place = found[at], found[at + 1]
    if layout not in BY_ROW:
        line, place = place, line
        order = np.lexsort((place, line, *found[:at][::-1]))
        line, place, found = line[order], place[order], found[:, order]
        values = values.index_select(0, from_host(order, values.device))
    lines = shape[at] if layout in BY_ROW else shape[at + 1]
    return _assemble(shape, at, layout, found[:at], line, place, lines, values)


def _assemble(shape, at, layout, batches, line, place, lines, values):
    batch = tuple(shape[:at])
    count = math.prod(batch)
    member = np.ravel_multi_index(batches, batch) if at else np.zeros(line.size, np.int64)
    sizes = np.bincount(member * lines + line, minlength=count * lines).reshape(count, lines)
    bounds = np.zeros((count, lines + 1), np.int64)
    bounds[:, 1:] = np.cumsum(sizes, 1)
    each = line.size // count if count else 0
    check(count == 0 or (bounds[:, -1] == each).all(), "Expect the same number of specified elements per batch.")  # fmt: skip
    device = values.device
    compressed = from_host(bounds.reshape(*batch, lines + 1), device)
    plain = from_host(place.reshape(*batch, each).astype(np.int64), device)
    values = values.reshape(*batch, each, *values.shape[1:])
    return sparse(layout, shape, (compressed, plain), values, True)


def _compress_blocks(shape, found, values, layout, block):
    at = found.shape[0] - 2
    height, width = block
    rows, columns = shape[at] // height, shape[at + 1] // width
    line, place = found[at] // height, found[at + 1] // width
    if layout is not BSR:
        line, place, rows, columns = place, line, columns, rows
    batch = tuple(shape[:at])
    member = np.ravel_multi_index(found[:at], batch) if at else np.zeros(line.size, np.int64)
    keys, group = np.unique((member * rows + line) * columns + place, return_inverse=True)
    inside = (found[at] % height) * width + found[at + 1] % width
    spots = from_host(group.reshape(-1) * (height * width) + inside, values.device)
    tail = values.shape[1:]
    start = ops.zeros((keys.size * height * width, *tail), dtype=values.dtype, device=values.device)
    blocks = ops.index_add(start, 0, spots, values).reshape(keys.size, height, width, *tail)
    member, rest = np.divmod(keys, rows * columns)
    line, place = np.divmod(rest, columns)
    batches = np.unravel_index(member, batch) if at else ()
    return _assemble(shape, at, layout, batches, line, place, rows, blocks)


def _conversion(name, layout):
    def convert(self, dense_dim=None):
        return ops.to_sparse(self, layout=layout, dense_dim=dense_dim)

    def convert_blocks(self, blocksize, dense_dim=None):
        return ops.to_sparse(self, layout=layout, blocksize=blocksize, dense_dim=dense_dim)

    made = convert_blocks if layout in BLOCKED else convert
    made.__name__ = name
    made.__doc__ = f"The tensor in the layout `torch.{layout.name}`."
    composite("m")(made)


for _layout in COMPRESSED:
    _conversion("to_" + _layout.name, _layout)


@composite("m")
def to_sparse_coo(self):
    """The tensor as a sparse one of coordinates."""
    return ops.to_sparse(self)


@composite("m")
def sparse_mask(self, mask):
    """The elements of the tensor, dense or sparse, at the indices of the sparse tensor `mask`."""
    if not is_sparse(mask):
        raise NotImplementedError(
            "Could not run 'aten::sparse_mask' with arguments from the 'CPU' backend."
        )
    check(
        self.shape == mask.shape,
        f"sparse_mask(): operands have incompatible sizes; self has size {list(self.shape)} but "
        f"mask has size {list(mask.shape)}",
    )
    values = values_at(self, mask._aval, parts(mask))
    return repacked(mask._aval, parts(mask), values, "SparseMaskBackward0")


@composite("m")
def sparse_resize_(self, size, sparse_dim, dense_dim):
    """Change the size of a sparse COO tensor in place; its values stay."""
    return _resize(self, tuple(size), sparse_dim, dense_dim, keep=True)


@composite("m")
def sparse_resize_and_clear_(self, size, sparse_dim, dense_dim):
    """Change the size of a sparse COO tensor in place and drop its values."""
    return _resize(self, tuple(size), sparse_dim, dense_dim, keep=False)


def _resize(t, size, sparse_dim, dense_dim, keep):
    check(is_coo(t), "sparse_resize_ expected sparse coordinate tensor layout but got " + title(t))
    check(
        sparse_dim + dense_dim == len(size),
        f"number of dimensions must be sparse_dim ({sparse_dim}) + dense_dim ({dense_dim}), but "
        f"got {len(size)}",
    )
    kept = parts(t)
    rows, values = kept.indices[0], kept.values
    if keep and rows.shape[1]:
        same = (rows.shape[0], values.ndim - 1) == (sparse_dim, dense_dim)
        check(same, "changing the number of sparse or dense dimensions on a non-empty sparse tensor is not supported.")  # fmt: skip
        grows = all(a >= b for a, b in zip(size, t.shape))
        check(grows, "shrinking the size of dimensions on a non-empty sparse tensor is not supported.")  # fmt: skip
        check(tuple(size[sparse_dim:]) == tuple(t.shape[sparse_dim:]), "torch.Tensor.sparse_resize_: growing dense dimensions is not supported by jtorch", NotImplementedError)  # fmt: skip
    else:
        rows = ops.zeros((sparse_dim, 0), dtype=rows.dtype, device=t.device)
        values = ops.zeros((0, *size[sparse_dim:]), dtype=t.dtype, device=t.device)
    t.data = sparse(sparse_coo, size, (rows,), values, kept.coalesced)
    return t


@composite("p")
def sparse_zeros(size, layout, dtype, device=None):
    """A sparse tensor without values."""
    size = tuple(size)
    check(
        layout is sparse_coo or layout in COMPRESSED[:2],
        f"torch.zeros: layout={layout} is not supported by jtorch, only COO, CSR and CSC",
        NotImplementedError,
    )
    if layout is sparse_coo:
        return ops.sparse_coo_tensor(size, dtype=dtype, device=device)
    check(
        len(size) >= 2,
        f"torch.empty: Only batched sparse compressed (non-block) tensors are supported, but got "
        f"size {list(size)}",
    )
    lines = size[-2 if layout is CSR else -1]
    rows = ops.zeros((*size[:-2], lines + 1), dtype=dtypes.int64, device=device)
    none = ops.zeros((*size[:-2], 0), dtype=dtypes.int64, device=device)
    return sparse(layout, size, (rows, none), none.to(dtype), True)


@composite("p")
def sparse_zeros_like(input, layout, dtype, device):
    """A sparse tensor without values, in the shape of another tensor."""
    if layout is input.layout:
        return empty_like(input, dtype, device)
    return sparse_zeros(tuple(input.shape), layout, dtype, device)


@composite("p")
def spdiags(diagonals, offsets, shape, layout=None):
    """A sparse matrix with the rows of `diagonals` on the diagonals `offsets`.

    Column j of a diagonal has its j-th element. RuntimeError for offsets that repeat and for
    layouts other than COO, CSR and CSC.
    """
    wanted = LAYOUTS["sparse_coo"] if layout is None else layout
    check(
        wanted in (sparse_coo, *COMPRESSED[:2]),
        f"Only output layouts (Sparse, SparseCsc, SparseCsr) are supported, got {wanted}",
    )
    check(len(shape) == 2, f"Output shape must be 2d, got {len(shape)}d.")
    diagonals = diagonals.reshape(1, -1) if diagonals.ndim == 1 else diagonals
    offsets = offsets.reshape(1) if offsets.ndim == 0 else offsets
    check(offsets.dtype.name == "int64", f"Offset Tensor must have dtype Long but got {offsets.dtype}")  # fmt: skip
    check(diagonals.ndim == 2, "Diagonals must be vector or matrix")
    check(offsets.ndim == 1, "Offsets must be scalar or vector")
    check(diagonals.shape[0] == offsets.shape[0], f"Number of diagonals ({diagonals.shape[0]}) does not match the number of offsets ({offsets.shape[0]})")  # fmt: skip
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
