"""Sparse tensors with their dimensions reordered, cut and joined."""

import numpy as np

from .._engine.layouts import sparse_coo
from .._engine.storage import Runtime
from .registry import check, from_host, host, ops, wrap_dim
from .sparse import (
    BSC,
    BSR,
    CSC,
    CSR,
    as_coo,
    attach,
    is_coo,
    is_sparse,
    keeps_pattern,
    packed,
    parts,
    refuse,
    sparse,
    sparse_form,
    unpacked,
)

_TURNED = {CSR: CSC, CSC: CSR, BSR: BSC, BSC: BSR}


@sparse_form("permute")
def _permute(op, args, attrs):
    (t,) = args
    dims = tuple(attrs)
    back = tuple(int(d) for d in np.argsort(dims))
    made = _permuted_coo(t, dims) if is_coo(t) else _permuted_compressed(t, dims)
    label = "TBackward0" if t.ndim == 2 else "PermuteBackward0"
    return attach(made, label, (t,), lambda g: g.permute(back), keeps_pattern(t))


def _permuted_coo(t, dims):
    kept = parts(t)
    n = kept.indices[0].shape[0]
    check(
        all((d < n) == (i < n) for i, d in enumerate(dims)),
        "transpose: can't permute sparse and dense dimensions of a sparse tensor into each other",
    )
    if dims == tuple(range(t.ndim)):
        return sparse(t.layout, t.shape, kept.indices, kept.values, kept.coalesced, kept.kept)
    rows = kept.indices[0]
    if n and dims[:n] != tuple(range(n)):
        rows = ops.stack([rows.select(0, d) for d in dims[:n]])
    values = kept.values.permute(0, *[d - n + 1 for d in dims[n:]])
    coalesced = kept.coalesced and dims[:n] == tuple(range(n))
    return sparse(sparse_coo, [t.shape[d] for d in dims], (rows,), values, coalesced)


def _permuted_compressed(t, dims):
    kept = parts(t)
    if dims == tuple(range(t.ndim)):
        return sparse(t.layout, t.shape, kept.indices, kept.values, True, kept.kept)
    at = kept.indices[1].ndim - 1
    turned = list(range(t.ndim))
    turned[at], turned[at + 1] = at + 1, at
    if dims != tuple(turned):
        refuse("permute", (t,))
    values = kept.values
    if t.layout in (BSR, BSC):
        values = values.transpose(at + 1, at + 2)
    shape = [t.shape[d] for d in dims]
    return sparse(_TURNED[t.layout], shape, kept.indices, values, True)


# ---- basic indexing ----


@sparse_form("basic_index")
def _basic_index(op, args, attrs):
    (t,) = args
    spec = attrs.spec if attrs.__class__ is Runtime else attrs
    at = d = 0
    for kind, *rest in spec:
        if kind == "s" and (rest[0], rest[1], rest[2]) != (0, args[0].shape[d], 1):
            refuse("as_strided", args)
        d += kind != "n"
    for kind, *rest in spec:
        if kind == "i":
            t = select(t, at, rest[0])
        elif kind == "n":
            t = unsqueeze(t, at)
            at += 1
        else:
            at += 1
    return t


def select(t, dim, index):
    """The slice at `index`; dense when no sparse dimension is left."""
    if not is_sparse(t):
        return t.select(dim, index)
    t = as_coo(t)
    kept = parts(t)
    rows = kept.indices[0]
    n = rows.shape[0]
    shape = [s for d, s in enumerate(t.shape) if d != dim]
    values = unpacked(t, "SelectBackward0")
    if dim >= n:
        values = values.select(dim - n + 1, index)
        return packed(sparse_coo, shape, kept.indices, values, kept.coalesced, "SelectBackward0")
    array = host(rows)
    hits = np.flatnonzero(array[dim] == index)
    values = values.index_select(0, from_host(hits, t.device))
    if n == 1:
        return values.sum(0)
    left = from_host(np.delete(array[:, hits], dim, 0), t.device)
    return packed(sparse_coo, shape, (left,), values, kept.coalesced, "SelectBackward0")


def unsqueeze(t, dim):
    """The tensor with a new dimension of size 1."""
    if not is_sparse(t):
        return t.unsqueeze(dim)
    if not is_coo(t):
        t.stride()
    kept = parts(t)
    rows = kept.indices[0]
    n = rows.shape[0]
    shape = [*t.shape[:dim], 1, *t.shape[dim:]]
    values = unpacked(t, "UnsqueezeBackward0")
    if dim > n:
        values = values.unsqueeze(dim - n + 1)
    else:
        zeros = ops.zeros((1, rows.shape[1]), dtype=rows.dtype, device=t.device)
        rows = ops.cat([rows[:dim], zeros, rows[dim:]])
    return packed(sparse_coo, shape, (rows,), values, kept.coalesced, "UnsqueezeBackward0")


@sparse_form("unsqueeze")
def _unsqueeze(op, args, attrs):
    return unsqueeze(args[0], attrs)


# ---- picking and joining ----


@sparse_form("index_select")
def _index_select(op, args, attrs):
    t, index = args
    if not is_coo(t):
        refuse("index_select", args)
    dim = wrap_dim(attrs[0], t.ndim)
    kept = parts(t)
    n = kept.indices[0].shape[0]
    size = t.shape[dim]
    wanted = host(index).reshape(-1).astype(np.int64)
    bad = wanted[(wanted < -size) | (wanted >= size)]
    if bad.size:
        raise IndexError(
            f"index_select(): index contains {bad[0]} that is out of range for tensor of size "
            f"{list(t.shape)} at dimension {dim}"
        )
    wanted = np.where(wanted < 0, wanted + size, wanted)
    return _picked(t, dim, wanted) if dim < n else _picked_inside(t, dim - n + 1, wanted)


def _shape_with(t, dim, size):
    return [size if d == dim else s for d, s in enumerate(t.shape)]


def _picked_inside(t, dim, wanted):
    kept = parts(t)
    values = unpacked(t).index_select(dim, from_host(wanted, t.device))
    n = kept.indices[0].shape[0]
    shape = _shape_with(t, dim + n - 1, wanted.size)
    return packed(sparse_coo, shape, kept.indices, values, kept.coalesced, "IndexSelectBackward0")


def _picked(t, dim, wanted):
    kept = parts(t)
    rows = host(kept.indices[0])
    order = np.argsort(rows[dim], kind="stable")
    line = rows[dim][order]
    low, high = np.searchsorted(line, wanted), np.searchsorted(line, wanted, "right")
    sizes = high - low
    place = np.repeat(np.arange(wanted.size), sizes)
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    taken = order[np.repeat(low, sizes) + within]
    found = rows[:, taken].copy()
    found[dim] = place
    values = unpacked(t).index_select(0, from_host(taken, t.device))
    return packed(
        sparse_coo,
        _shape_with(t, dim, wanted.size),
        (from_host(found, t.device),),
        values,
        False,
        "IndexSelectBackward0",
    )


@sparse_form("cat")
def _cat(op, args, attrs):
    for i, t in enumerate(args):
        check(
            is_sparse(t),
            f"Concatenating sparse tensors, but a dense tensor was found at position {i}.",
            RuntimeError if i else NotImplementedError,
        )
    if not all(is_coo(t) for t in args):
        refuse("cat", args)
    first = args[0]
    dim = wrap_dim(attrs[-1], first.ndim)
    n = parts(first).indices[0].shape[0]
    for i, t in enumerate(args):
        _check_joined(first, t, i, dim, n)
    size = sum(t.shape[dim] for t in args)
    shape = _shape_with(first, dim, size)
    if dim >= n:
        return _cat_inside(args, dim, n, shape)
    rows, offset = [], 0
    for t in args:
        shift = np.zeros((n, 1), np.int64)
        shift[dim] = offset
        own = parts(t).indices[0]
        rows.append(own + from_host(shift, first.device) if offset else own)
        offset += t.shape[dim]
    values = ops.cat([unpacked(t) for t in args])
    return packed(sparse_coo, shape, (ops.cat(rows, 1),), values, False, "CatBackward0")


def _check_joined(first, t, i, dim, n):
    fits = t.ndim == first.ndim and all(
        a == b for d, (a, b) in enumerate(zip(first.shape, t.shape)) if d != dim
    )
    check(
        fits,
        f"All tensors must have the same shape: {list(first.shape)} (except in the concatenating "
        f"dimension), but found shape: {list(t.shape)} at position {i}",
    )
    check(
        parts(t).indices[0].shape[0] == n,
        f"All tensors must have the same sparse_dim and dense_dim: {n}, {first.ndim - n}, but "
        f"tensor at position {i} has {ops.sparse_dim(t)}, {ops.dense_dim(t)}.",
    )


def _cat_inside(args, dim, n, shape):
    """Joined along a dimension of the values: each one's are followed and led by zeros."""
    at, values, rows, offset = dim - n + 1, [], [], 0
    for t in args:
        own = unpacked(t)
        lead, trail = list(own.shape), list(own.shape)
        lead[at], trail[at] = offset, shape[dim] - offset - t.shape[dim]
        pads = [ops.zeros(s, dtype=own.dtype, device=own.device) for s in (lead, trail)]
        values.append(ops.cat([pads[0], own, pads[1]], at))
        rows.append(parts(t).indices[0])
        offset += t.shape[dim]
    joined = ops.cat(values)
    return packed(sparse_coo, shape, (ops.cat(rows, 1),), joined, False, "CatBackward0")


@sparse_form("stack")
def _stack(op, args, attrs):
    check(
        all(t.shape == args[0].shape for t in args),
        "stack expects each tensor to be equal size",
    )
    dim = wrap_dim(attrs[-1], args[0].ndim + 1)
    return ops.cat([unsqueeze(t, dim) for t in args], dim)
