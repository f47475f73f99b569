"""Sparse tensors from dense ones and back, and from one layout to another."""

import math

import numpy as np

from .._engine.layouts import sparse_coo, strided_layout
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
    blocksize_of,
    coordinates,
    flat_values,
    is_coo,
    is_sparse,
    keeps_pattern,
    parts,
    positions,
    repacked,
    sparse,
    sparse_dims,
    title,
    unpacked,
    values_at,
)

_UNEVEN = "Expect the same number of specified elements per batch."


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
        return _to_coo(self, sparse_dim if dense_dim is None else self.ndim - dense_dim)
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
        dense_dim is None or layout is sparse_coo or layout in COMPRESSED,
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
            lambda g: as_layout(g, layout, block),
            keeps_pattern(t),
        )
    n = t.ndim if sparse_dim is None else sparse_dim
    check(
        n > 0 or t.ndim == 0,
        "dense_to_sparse: sparse_dim argument must be in >0 when self.dim()>0",
    )
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


# ---- compressed layouts ----


def _to_compressed(t, layout, blocksize, dense_dim):
    own = blocksize_of(t)
    if layout is t.layout:
        check(
            blocksize is None or tuple(blocksize) == own,
            "to_sparse: conversion to another size of blocks is not supported",
        )
        return t
    bare = t.detach()
    if is_sparse(bare):
        bare = as_coo(bare).coalesce()
        n = ops.sparse_dim(bare)
        check(n >= 2, f"to_sparse: a tensor of {n} sparse dimensions has no compressed form")
        found, values = host(parts(bare).indices[0]), parts(bare).values
    else:
        n = t.ndim - (dense_dim or 0)
        check(
            n >= 2,
            f"dense_to_sparse: expected a tensor of at least {2 + (dense_dim or 0)} dimensions, "
            f"but got {t.ndim}",
        )
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
            _UNEVEN,
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
    check(count == 0 or (bounds[:, -1] == each).all(), _UNEVEN)
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


@composite("f m")
def resize_as_sparse_(input, the_template):
    """Give a sparse COO tensor the size of another, in place."""
    shape = tuple(the_template.shape)
    return _resize(input, shape, the_template.sparse_dim(), the_template.dense_dim(), keep=True)


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
        refusal = "{} on a non-empty sparse tensor is not supported."
        check(same, refusal.format("changing the number of sparse or dense dimensions"))
        grows = all(a >= b for a, b in zip(size, t.shape))
        check(grows, refusal.format("shrinking the size of dimensions"))
        check(
            size[sparse_dim:] == tuple(t.shape[sparse_dim:]),
            "torch.Tensor.sparse_resize_: growing dense dimensions is not supported by jtorch; "
            "make another tensor with sparse_coo_tensor",
            NotImplementedError,
        )
    else:
        rows = ops.zeros((sparse_dim, 0), dtype=rows.dtype, device=t.device)
        values = ops.zeros((0, *size[sparse_dim:]), dtype=t.dtype, device=t.device)
    t.data = sparse(sparse_coo, size, (rows,), values, kept.coalesced)
    return t
