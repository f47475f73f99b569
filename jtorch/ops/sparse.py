"""Sparse tensors: their parts, their graph, and the table of operations that take them.

A sparse tensor is a Tensor over a `SparseValue`, which owns a tensor of values and tensors of
indices. What is done with one is made of ordinary operations on those, so that it is recorded,
compiled and differentiated as they are; only indices that decide a shape are looked at on the host.
Two nodes tie the values to the graph of the whole: `_Packed` made a sparse tensor of values, and
`_Unpacked` took the values out of one.
"""

import math

import numpy as np

from .._engine import call, tape, trace
from .._engine.layouts import LAYOUTS, SparseAval, SparseValue, no_sparse_form, sparse_coo
from .._engine.tensor import Tensor, value_of, wrap
from .registry import check, composite, from_host, host, ops

CSR, CSC, BSR, BSC = (LAYOUTS[n] for n in ("sparse_csr", "sparse_csc", "sparse_bsr", "sparse_bsc"))
COMPRESSED = (CSR, CSC, BSR, BSC)
BY_ROW, BLOCKED = (CSR, BSR), (BSR, BSC)
# The names of the indices and of the size they stay below, by whether rows are compressed.
INDEX_NAMES = {
    True: ("crow_indices", "col_indices", "ncols"),
    False: ("ccol_indices", "row_indices", "nrows"),
}
# What torch's messages call the layouts.
TITLES = {
    "strided": "Strided",
    "sparse_coo": "Sparse",
    "sparse_csr": "SparseCsr",
    "sparse_csc": "SparseCsc",
    "sparse_bsr": "SparseBsr",
    "sparse_bsc": "SparseBsc",
}


def title(t):
    """What torch's messages call a tensor's layout."""
    return TITLES[t.layout.name]


def is_sparse(t):
    """True for a tensor of any sparse layout."""
    return isinstance(t, Tensor) and t._aval.__class__ is SparseAval


def is_coo(t):
    """True for a sparse tensor of coordinates."""
    return isinstance(t, Tensor) and t._aval.layout is sparse_coo


def parts(t):
    """The SparseValue of a sparse tensor."""
    return value_of(t)


def alias(t):
    """`t` itself without history, as a plain tensor on the same memory."""
    return t.detach()


def sparse(layout, shape, indices, values, coalesced=False, kept=None):
    """A sparse tensor without history, over tensors that it shares."""
    aval = SparseAval.of(tuple(shape), values.dtype, values.device, layout)
    indices = tuple(alias(i) for i in indices) if kept is None else indices
    if layout is sparse_coo:
        coalesced = coalesced or indices[0].shape[1] < 2
    return wrap(SparseValue(aval, indices, alias(values), coalesced, kept))


# ---- the table ----

_forms = {}


def sparse_form(*names):
    """Declare a function (operation, arguments, attributes) as the sparse form of operations."""

    def declare(fn):
        for name in names:
            if name in _forms:
                raise ValueError(f"operation {name!r} has two sparse forms")
            _forms[name] = fn
        return fn

    return declare


def _dispatch(op, args, attrs):
    form = _forms.get(op.name)
    if form is None:
        refuse(op.name, args)
    return form(op, args, attrs)


def refuse(name, args):
    """Raise torch's error for an operation without a sparse form."""
    aval = next(a for a in args if is_sparse(a))._aval
    raise NotImplementedError(no_sparse_form(name, aval)) from None


call.of_sparse = _dispatch


# ---- the graph ----


def wants_grad(t):
    """True when gradients are recorded for a tensor."""
    return isinstance(t, Tensor) and tape.mode.enabled and t.requires_grad


class SparseNode(tape.Node):
    """A node whose gradients may be sparse.

    pull: from the gradient of the output to those of the inputs. keeps_pattern: a gradient reaches
    the values of the output's indices only, so that nothing else of it need be computed.
    """

    __slots__ = ("label", "outs", "pull", "keeps_pattern", "versions")
    n_outs = 1

    def __init__(self, label, inputs, out_aval, pull, keeps_pattern, saves):
        super().__init__(tuple(t._gradient_edge() if wants_grad(t) else None for t in inputs))
        self.label = label
        self.outs = (out_aval,)
        self.pull = pull
        self.keeps_pattern = keeps_pattern
        self.versions = [call.version_of(t) for t in saves if isinstance(t, Tensor)]

    def name(self):
        return self.label

    def free(self):
        """Let go of what was saved."""
        self.pull = None

    def run_tensors(self, grads, create_graph):
        """The gradients of the inputs."""
        if self.pull is None:
            raise RuntimeError(tape.SECOND_BACKWARD)
        tape.check_versions(self.versions)
        if grads[0] is None:
            return [None] * len(self.edges)
        found = self.pull(grads[0])
        found = found if isinstance(found, tuple) else (found,)
        return [_typed(g, edge) for g, edge in zip(found, self.edges)]


def _typed(g, edge):
    """A gradient in the dtype of what it is for."""
    return g if edge is None else call.cast(g, edge[0].outs[edge[1]].dtype)


def conjugate_of(factor):
    """The conjugate of a number or a tensor, as it stands in a gradient."""
    if isinstance(factor, Tensor):
        return factor.conj() if factor.dtype.is_complex else factor
    return factor.conjugate()


def attach(result, label, inputs, pull, keeps_pattern=False, saves=()):
    """`result` with a node of its own, if one of the inputs wants a gradient. Returns `result`.

    saves: the tensors that torch would save, whose modification is an error.
    """
    if result._aval.differentiable and any(wants_grad(t) for t in inputs):
        node = SparseNode(label, inputs, result._aval, pull, keeps_pattern, saves)
        result._edge, result._rg = (node, 0), True
    return result


def saved(t):
    """A tensor of what `t` is now, with its history, for a gradient to use later."""
    if not isinstance(t, Tensor):
        return t
    value = parts(t).copy() if is_sparse(t) else value_of(t)
    return wrap(value, t._gradient_edge() if wants_grad(t) else None)


def keeps_pattern(t):
    """True when what made a sparse tensor lets gradients through at its indices only."""
    return t._edge is not None and getattr(t._edge[0], "keeps_pattern", False)


def unpacked(t, label="ValuesBackward0"):
    """The values of a sparse tensor; their gradient is a sparse one at the same indices."""
    aval, kept = t._aval, parts(t)
    return attach(alias(kept.values), label, (t,), lambda g: repacked(aval, kept, g))


def repacked(aval, kept, values, label="SparseCooTensorWithDimsAndTensorsBackward0"):
    """A sparse tensor with the indices of another SparseValue, and history through `values`."""
    made = sparse(aval.layout, aval.shape, kept.indices, values, kept.coalesced, kept.kept)
    aval, own = made._aval, parts(made)
    return attach(made, label, (values,), lambda g: values_at(g, aval, own), keeps_pattern=True)


def packed(layout, shape, indices, values, coalesced=False, label=None):
    """A sparse tensor of indices and values, with history through `values`."""
    bare = sparse(layout, shape, indices, values, coalesced)
    if not wants_grad(values):
        return bare
    label = label or "SparseCooTensorWithDimsAndTensorsBackward0"
    return repacked(bare._aval, parts(bare), values, label)


def values_at(g, aval, pattern):
    """What a gradient, dense or sparse, is at the indices of a SparseValue."""
    if not is_sparse(g):
        return gathered(g, aval, pattern)
    kept = parts(g)
    if kept.kept is pattern.kept or all(a is b for a, b in zip(kept.indices, pattern.indices)):
        return unpacked(g)
    return looked_up(g, aval, pattern)


def _sum(value, edge, other_value, other_edge):
    """The sum of two gradients of which one is sparse, as (value, edge)."""
    a, b = wrap(value, edge), wrap(other_value, other_edge)
    # A dense tensor comes first.
    total = b + a if is_sparse(a) and not is_sparse(b) else a + b
    return value_of(total), total._edge


tape.sparse_sum = _sum


# ---- where the values stand ----


def block_shape(layout, plain_ndim, values):
    """The size of the blocks of values; (1, 1) for the layouts without."""
    return tuple(values.shape[plain_ndim : plain_ndim + 2]) if layout in BLOCKED else (1, 1)


def blocksize_of(t):
    """The size of the blocks of a blocked layout; None for others."""
    if t.layout not in BLOCKED:
        return None
    return block_shape(t.layout, parts(t).indices[1].ndim, parts(t).values)


def sparse_dims(aval, kept):
    """How many dimensions the indices span; those of a batch count."""
    if aval.layout is sparse_coo:
        return kept.indices[0].shape[0]
    return kept.indices[0].ndim + 1


def derived(kept, name, make):
    """What `make()` gives, kept with the indices that it comes from until those are changed."""
    if trace.state.direct:
        # Inside a JAX transformation what is made belongs to it.
        return make()
    versions = [i._version for i in kept.indices]
    found = kept.kept.get(name)
    if found is None or found[0] != versions:
        found = kept.kept[name] = (versions, make())
    return found[1]


def coordinates(aval, kept):
    """The coordinates of every value, (sparse dims, n), as a tensor of int64.

    Blocks are taken apart: their elements follow one another.
    """
    if aval.layout is sparse_coo:
        return kept.indices[0]
    return derived(kept, "coordinates", lambda: _uncompressed(aval, kept))


def _uncompressed(aval, kept):
    """The coordinates of a compressed layout, by NumPy."""
    batch = kept.indices[0].shape[:-1]
    rows, plain = (
        host(i).reshape(math.prod(batch), i.shape[-1]).astype(np.int64) for i in kept.indices
    )
    along = [np.repeat(np.arange(r.size - 1), np.diff(r)) for r in rows]
    along = np.stack(along) if along else np.zeros(plain.shape, np.int64)
    found = [along, plain] if aval.layout in BY_ROW else [plain, along]
    if aval.layout in BLOCKED:
        found = _opened(found, block_shape(aval.layout, len(batch) + 1, kept.values))
    n = found[0].shape[1]
    numbers = np.unravel_index(np.repeat(np.arange(rows.shape[0]), n), batch) if batch else ()
    array = np.stack([*numbers, *[f.reshape(-1) for f in found]]).astype(np.int64)
    return from_host(array, aval.device)


def _opened(found, block):
    """Coordinates of elements from those of blocks."""
    height, width = block
    inside = np.meshgrid(np.arange(height), np.arange(width), indexing="ij")
    return [
        (f[..., None] * size + i.reshape(-1)).reshape(f.shape[0], -1)
        for f, size, i in zip(found, block, inside)
    ]


def flat_values(aval, kept, values):
    """The values one by one, (n, *dense dims), in the order of `coordinates`."""
    if aval.layout is sparse_coo:
        return values
    lead = kept.indices[1].ndim + (2 if aval.layout in BLOCKED else 0)
    return values.reshape(math.prod(values.shape[:lead]), *values.shape[lead:])


def positions(aval, kept):
    """Where every value stands among the elements of the sparse dimensions, row by row: (n,)."""
    return derived(kept, "positions", lambda: _positions(aval, coordinates(aval, kept)))


def _positions(aval, spots):
    shape = aval.shape[: spots.shape[0]]
    found = ops.zeros((spots.shape[1],), dtype=spots.dtype, device=aval.device)
    for d, row in enumerate(ops.unbind(spots)):
        found = found + row * math.prod(shape[d + 1 :])
    return found


def gathered(dense, aval, kept):
    """The elements of a dense tensor at the indices, in the shape of the values."""
    n = sparse_dims(aval, kept)
    shape = aval.shape
    flat = dense.reshape(math.prod(shape[:n]), *shape[n:])
    return flat.index_select(0, positions(aval, kept)).reshape(kept.values.shape)


def looked_up(t, aval, kept):
    """The elements of a sparse tensor at the indices of another, 0 where it has none."""
    t = as_coo(t).coalesce()
    own, spots = parts(t), host(positions(aval, kept))
    table = host(positions(t._aval, own))
    values = unpacked(t)
    if not table.size:
        return ops.zeros(kept.values.shape, dtype=t.dtype, device=t.device)
    at = np.searchsorted(table, spots).clip(0, table.size - 1)
    found = from_host((table[at] == spots).reshape(-1, *[1] * (values.ndim - 1)), t.device)
    taken = values.index_select(0, from_host(at, t.device))
    return ops.where(found, taken, ops.zeros_like(taken)).reshape(kept.values.shape)


def as_coo(t):
    """A sparse tensor of any layout as one of coordinates."""
    return t if t._aval.layout is sparse_coo else ops.to_sparse(t)


# ---- what can be asked of a sparse tensor ----


def expect(name, t, fits, what):
    """Raise torch's error unless the layout fits."""
    check(
        fits,
        f"{name} expected {what} tensor layout but got {title(t)}",
    )


def _expect_coo(name, t):
    expect(name, t, is_coo(t), "sparse coordinate")


@composite("m")
def indices(self):
    """The coordinates of a coalesced sparse COO tensor, (sparse dims, n)."""
    _expect_coo("indices", self)
    check(
        parts(self).coalesced,
        "Cannot get indices on an uncoalesced tensor, please call .coalesce() first",
    )
    return alias(parts(self).indices[0])


@composite("m")
def values(self):
    """The values of a sparse tensor, (n, *dense dims); a COO tensor must be coalesced."""
    expect("values", self, is_sparse(self), "sparse")
    check(
        not is_coo(self) or parts(self).coalesced,
        "Cannot get values on an uncoalesced tensor, please call .coalesce() first",
    )
    return unpacked(self)


def _refuse_dense(name, t):
    if not is_sparse(t):
        raise NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from the 'CPU' backend."
        )


@composite("m", name="_indices")
def raw_indices(self):
    """The coordinates, coalesced or not."""
    _refuse_dense("_indices", self)
    check(is_coo(self), "Could not run 'aten::_indices' on this layout", NotImplementedError)
    return alias(parts(self).indices[0])


@composite("m", name="_values")
def raw_values(self):
    """The values, coalesced or not, without history."""
    _refuse_dense("_values", self)
    check(is_coo(self), "Could not run 'aten::_values' on this layout", NotImplementedError)
    return alias(parts(self).values)


@composite("m", name="_nnz")
def count_values(self):
    """How many values are given, counting those of a batch once."""
    _refuse_dense("_nnz", self)
    kept = parts(self)
    return kept.indices[-1].shape[-1]


def _index_method(name, layouts, which, what):
    def method(self):
        expect(name, self, is_sparse(self) and self.layout in layouts, what)
        return alias(parts(self).indices[which])

    method.__name__ = name
    method.__doc__ = f"The {name.replace('_', ' ')} of a {what} tensor."
    composite("m")(method)


for _name, _layouts, _which, _what in (
    ("crow_indices", (CSR, BSR), 0, "sparse row compressed"),
    ("col_indices", (CSR, BSR), 1, "sparse row compressed"),
    ("ccol_indices", (CSC, BSC), 0, "sparse column compressed"),
    ("row_indices", (CSC, BSC), 1, "sparse column compressed"),
):
    _index_method(_name, _layouts, _which, _what)


@composite("m")
def sparse_dim(self):
    """How many dimensions the indices span; 0 for a dense tensor."""
    if not is_sparse(self):
        return 0
    return parts(self).indices[0].shape[0] if is_coo(self) else 2


@composite("m")
def dense_dim(self):
    """How many dimensions each value has; all of those of a dense tensor."""
    if not is_sparse(self):
        return self.ndim
    kept = parts(self)
    if is_coo(self):
        return kept.values.ndim - 1
    return self.ndim - kept.indices[0].ndim - 1


@composite("m", name="_dimI")
def dim_of_indices(self):
    """`sparse_dim`."""
    return ops.sparse_dim(self)


@composite("m", name="_dimV")
def dim_of_values(self):
    """`dense_dim`."""
    return ops.dense_dim(self)


@composite("m")
def is_coalesced(self):
    """True when a sparse COO tensor is known to have sorted and distinct coordinates."""
    _expect_coo("is_coalesced", self)
    return parts(self).coalesced


@composite("m", name="_coalesced_")
def mark_coalesced(self, coalesced):
    """Declare a sparse COO tensor coalesced, or not."""
    _expect_coo("_coalesced_", self)
    call.check_writable(self)
    marked = parts(self).copy()
    marked.coalesced = coalesced
    self._st.put(marked)
    return self


@composite("m")
def coalesce(self):
    """The tensor with sorted, distinct coordinates: values of equal ones are added up."""
    _expect_coo("coalesce", self)
    kept = parts(self)
    if kept.coalesced:
        return self
    return attach(
        _coalesced(self._aval, kept),
        "CoalesceBackward0",
        (self,),
        lambda g: g,
        keeps_pattern(self),
    )


def _coalesced(aval, kept):
    if kept.indices[0].shape[1] < 2:
        return sparse(sparse_coo, aval.shape, kept.indices, kept.values.clone(), True)
    spots, first, group = np.unique(
        host(positions(aval, kept)), return_index=True, return_inverse=True
    )
    rows = from_host(host(kept.indices[0])[:, first], aval.device)
    merged = add_up(kept.values, from_host(group.reshape(-1), aval.device), spots.size)
    return sparse(sparse_coo, aval.shape, (rows,), merged, True)


def add_up(values, group, count):
    """The sums of the values of each of `count` groups, (count, *dense dims)."""
    start = ops.zeros((count, *values.shape[1:]), dtype=values.dtype, device=values.device)
    return ops.index_add(start, 0, group, values)


# ---- copies ----


@sparse_form("clone")
def _clone(op, args, attrs):
    (t,) = args
    made = wrap(copied(parts(t)))
    return attach(made, "CloneBackward0", args, lambda g: g, keeps_pattern(t))


def copied(value):
    """A SparseValue with memory of its own."""
    indices = tuple(i.clone() for i in value.indices)
    return SparseValue(value.aval, indices, value.values.clone(), value.coalesced)


@sparse_form("to_copy")
def _cast(op, args, attrs):
    (t,) = args
    kept, before = parts(t), t.dtype
    values = call.cast(kept.values, attrs.dtype)
    made = sparse(t.layout, t.shape, kept.indices, values, kept.coalesced, kept.kept)
    return attach(made, "ToCopyBackward0", args, lambda g: g.to(before), keeps_pattern(t))


@sparse_form("to_device")
def _move(op, args, device):
    (t,) = args
    kept, before = parts(t), t.device
    made = sparse(
        t.layout,
        t.shape,
        [call.to_device(i, device) for i in kept.indices],
        call.to_device(kept.values, device),
        kept.coalesced,
    )
    return attach(made, "ToCopyBackward0", args, lambda g: g.to(before), keeps_pattern(t))


@sparse_form("copy")
def _copy(op, args, attrs):
    source, shape = args[-1], attrs[0]
    check(
        tuple(source.shape) == shape,
        "copy_() between sparse Tensors of different shapes is not supported",
    )
    return source.to(attrs[1]).clone()


@sparse_form("zero")
def _zero(op, args, attrs):
    return empty_like(args[0])


def empty_like(t, dtype=None, device=None):
    """A sparse tensor of the same layout without any values."""
    kept = parts(t)
    dtype, device = dtype or t.dtype, device or t.device
    at = 1 if is_coo(t) else kept.indices[1].ndim
    tail = kept.values.shape[at:]
    if is_coo(t):
        shapes, values = [(kept.indices[0].shape[0], 0)], (0, *tail)
    else:
        batch = kept.indices[0].shape[:-1]
        shapes, values = [kept.indices[0].shape, (*batch, 0)], (*batch, 0, *tail)
    rows = [ops.zeros(s, dtype=i.dtype, device=device) for s, i in zip(shapes, kept.indices)]
    made = ops.zeros(values, dtype=dtype, device=device)
    return sparse(t.layout, t.shape, rows, made, not is_coo(t) or kept.coalesced)
