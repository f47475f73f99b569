"""View operations: results that share their input's memory.

Each has a read (base -> view), a put (base, view -> new base), and a rule for strides. Everything
else that returns a view is made of these. Views of the same bits as other numbers are in
`reinterpret.py`.
"""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._engine import dtypes, tensor
from .._engine.call import apply_view
from .._engine.signature import Operation, contiguous_strides
from .._engine.storage import Runtime, ViewOp
from .._engine.tensor import Meta, Tensor, _share
from .registry import check, composite, ops, sizes, to_tuple, wrap_dim, wrap_dims


def view_op(name, check_attrs, read, put, geometry):
    """A ViewOp; `check_attrs(aval, attrs)` raises torch's errors, read/put take arrays, attrs."""

    def make(attrs, avals):
        check_attrs(avals[0], attrs)
        return lambda x, *numbers: (read(x, attrs, *numbers),)

    def make_put(attrs, avals):
        return lambda x, v, *numbers: (put(x, v, attrs, *numbers),)

    put_operation = put and Operation(name + "_put", make_put, grad_name="CopySlices")
    return ViewOp(Operation(name, make), put_operation, geometry)


def fine(aval, attrs):
    """No check is needed."""


# ---- basic indexing ----


def _index_read(x, spec, *numbers):
    if numbers:
        starts, shape = _starts(spec, numbers)
        x = lax.dynamic_slice(x, starts, _lengths(spec))
        return lax.reshape(x, shape)
    lows, highs, steps, shape = _index_plan(spec)
    if lows != (0,) * x.ndim or highs != x.shape or any(s != 1 for s in steps):
        x = lax.slice(x, lows, highs, steps)
    return lax.reshape(x, shape) if x.shape != shape else x


def _index_plan(spec):
    lows, highs, steps, shape = [], [], [], []
    for kind, *rest in spec:
        if kind == "n":
            shape.append(1)
        elif kind == "i":
            lows.append(rest[0])
            highs.append(rest[0] + 1)
            steps.append(1)
        else:
            start, stop, step = rest
            stop = max(stop, start)
            lows.append(start)
            highs.append(stop)
            steps.append(step)
            shape.append(-(-(stop - start) // step))
    return tuple(lows), tuple(highs), tuple(steps), tuple(shape)


def _index_put(x, v, spec, *numbers):
    if numbers:
        starts, _ = _starts(spec, numbers)
        return lax.dynamic_update_slice(x, lax.reshape(v, _lengths(spec)), starts)
    lows, highs, steps, _ = _index_plan(spec)
    full = tuple(-(-(h - low) // s) for low, h, s in zip(lows, highs, steps))
    v = lax.reshape(v, full)
    if full == x.shape:
        return v
    if all(s == 1 for s in steps):
        return lax.dynamic_update_slice(x, v, [np.int32(low) for low in lows])
    padding = []
    mask = np.ones(x.shape, bool)
    for d, (low, n, s) in enumerate(zip(lows, full, steps)):
        end = low + (n - 1) * s + 1 if n else low
        padding.append((low, x.shape[d] - end, s - 1))
        hit = np.zeros(x.shape[d], bool)
        hit[low:end:s] = True
        mask &= hit.reshape([-1 if i == d else 1 for i in range(x.ndim)])
    if 0 in full:
        return x
    return jnp.where(mask, lax.pad(v, np.zeros((), v.dtype), padding), x)


def _index_geometry(shape, strides, offset, attrs, aval):
    spec = attrs.spec if attrs.__class__ is Runtime else attrs
    out = []
    d = 0
    for kind, *rest in spec:
        if kind == "n":
            # torch gives a new axis the stride that makes it look contiguous.
            out.append(shape[d] * strides[d] if d < len(shape) else 1)
            continue
        offset += rest[0] * strides[d]
        if kind == "s":
            out.append(strides[d] * rest[2])
        d += 1
    return tuple(out), offset


basic = view_op("basic_index", fine, _index_read, _index_put, _index_geometry)


def _starts(spec, numbers):
    """The starts (run-time numbers where the spec says so) and the result's shape of a run-time
    spec.
    """
    given = iter(numbers)
    starts, shape = [], []
    for kind, *rest in spec:
        if kind == "n":
            shape.append(1)
        elif kind == "i":
            starts.append(next(given))
        elif kind == "w":
            starts.append(next(given))
            shape.append(rest[0])
        else:
            starts.append(np.int64(rest[0]))
            shape.append(rest[1] - rest[0])
    return [jnp.asarray(s, np.int64) for s in starts], tuple(shape)


def _lengths(spec):
    return tuple(1 if k == "i" else r[0] if k == "w" else r[1] - r[0] for k, *r in spec if k != "n")


# How many different positions a pattern of indices is compiled for before positions become run-time
# inputs.
STATIC_POSITIONS = 8
_positions = {}


def _pattern(spec, shape):
    """(run-time form of the spec, its numbers): integers, and windows that do not span their
    dimension.
    """
    static, numbers = [], []
    d = 0
    for entry in spec:
        kind = entry[0]
        if kind == "i":
            static.append(("i",))
            numbers.append(entry[1])
        elif kind == "s" and entry[3] == 1 and entry[1] > 0:
            static.append(("w", entry[2] - entry[1]))
            numbers.append(entry[1])
        elif kind == "s" and entry[3] == 1 and entry[2] < shape[d]:
            static.append(("w", entry[2]))
            numbers.append(0)
        else:
            static.append(entry)
        d += kind != "n"
    return tuple(static), tuple(numbers)


def _positioned(spec, aval):
    """`spec`, or its run-time form when this pattern has been used at many positions."""
    if any(e[0] == "s" and (e[3] != 1 or e[2] <= e[1]) for e in spec):
        return spec
    static, numbers = _pattern(spec, aval.shape)
    if not numbers:
        return spec
    key = (aval, static)
    seen = _positions.get(key)
    if seen is None:
        seen = _positions[key] = {}
    if len(seen) < STATIC_POSITIONS:
        seen[spec] = True
        return spec
    for old in seen:
        basic.operation.sigs.pop((old, aval), None)
    return Runtime(static, numbers, spec)


_INDEX_LABELS = {"i": "SelectBackward0", "s": "SliceBackward0", "n": "UnsqueezeBackward0"}


def _index_label(spec, shape):
    """The autograd name of basic indexing in torch, which takes one step for each index: that of
    the last step.
    """
    label = "AliasBackward0"
    d = 0
    for kind, *rest in spec:
        if kind == "s":
            if rest[0] or rest[1] < shape[d] or rest[2] != 1:
                label = "SliceBackward0"
        else:
            label = _INDEX_LABELS[kind]
        d += kind != "n"
    return label


_SEVERAL = (
    "Output {} of {} is a view and is being modified inplace. This view is the output of a "
    "function that returns multiple "
    "views. Such functions do not allow the output views to be modified inplace. You should "
    "replace the inplace operation by "
    "an out-of-place one."
)


def as_parts(parts, name):
    """`parts`, which one call of a function with several results made: named after it, not to be
    written to in place.
    """
    for i, part in enumerate(parts):
        if part._edge is None:
            break
        part._edge[0].label = name
        meta = part._meta = Meta()
        meta.refusal = _SEVERAL.format(i, name.removesuffix("Backward0"))
    return parts


@composite("p")
def basic_index(x, spec):
    """The view of basic indexing; `spec`: ("i", k), ("s", start, stop, step) or ("n",) entries."""
    aval = x._aval
    attrs = spec
    if (spec, aval) not in basic.operation.sigs:
        attrs = _positioned(spec, aval)
    return apply_view(basic, x, attrs, _index_label(spec, aval.shape) if x._rg else None)


@composite("f m")
def select(input, dim, index):
    """The slice of `input` at `index` along `dim`, with that dimension removed."""
    n = input._aval.ndim
    check(n > 0, "select() cannot be applied to a 0-dim tensor.", IndexError)
    dim = wrap_dim(dim, n)
    size = input._aval.shape[dim]
    index = int(index)
    if not -size <= index < size:
        raise IndexError(
            f"select(): index {index} out of range for tensor of size {list(input.shape)} at "
            f"dimension {dim}"
        )
    return basic_index(input, _full_spec(input, dim, ("i", index % size)))


def _full_spec(x, dim, entry):
    return tuple(entry if d == dim else ("s", 0, s, 1) for d, s in enumerate(x._aval.shape))


@composite("f m")
def narrow(input, dim, start, length):
    """The `length` elements of `input` from `start` along `dim`."""
    check(input._aval.ndim > 0, "narrow() cannot be applied to a 0-dim tensor.")
    check(length >= 0, "narrow(): length must be non-negative.")
    dim = wrap_dim(dim, input._aval.ndim)
    size = input._aval.shape[dim]
    check(
        not isinstance(start, Tensor) or (start.ndim == 0 and start.dtype.kind in "ui"),
        "start must be an 0-dim integral Tensor.",
    )
    start = int(start)
    if not -size <= start <= size:
        raise IndexError(
            f"start out of range (expected to be in range of [{-size}, {size}], but got {start})"
        )
    start = start + size if start < 0 else start
    check(
        start + length <= size,
        f"start ({start}) + length ({length}) exceeds dimension size ({size}).",
    )
    return basic_index(input, _full_spec(input, dim, ("s", start, start + length, 1)))


# ---- dimensions reordered ----


def _permute_put(x, v, dims):
    return jnp.transpose(v, np.argsort(dims))


def _permute_geometry(shape, strides, offset, dims, aval):
    return tuple(strides[d] for d in dims), offset


_permute = view_op(
    "permute", fine, lambda x, dims: jnp.transpose(x, dims), _permute_put, _permute_geometry
)


@composite("f m")
def permute(input, *dims, **kwargs):
    """The tensor with its dimensions in the order `dims`."""
    dims = kwargs.get("dims", dims) if not dims else dims
    dims = sizes(dims if isinstance(dims, tuple) else (dims,))
    n = input._aval.ndim
    if len(dims) != n:
        raise RuntimeError(
            "permute(sparse_coo): number of dimensions in the tensor input does not match the "
            "length of the desired "
            f"ordering of dimensions i.e. input.dim() = {n} is not equal to len(dims) = {len(dims)}"
        )
    return apply_view(
        _permute, input, tuple(wrap_dim(d, n) for d in dims) if _distinct(dims, n) else None
    )


def _distinct(dims, n):
    if len({wrap_dim(d, n) for d in dims}) != len(dims):
        raise RuntimeError("permute(): duplicate dims are not allowed.")
    return True


_swaps = {}


@composite("f m", alias=("swapdims",))
def transpose(input, dim0, dim1):
    """The tensor with two dimensions exchanged."""
    n = input._aval.ndim
    order = _swaps.get((n, dim0, dim1))
    if order is None:
        a, b = wrap_dim(dim0, n), wrap_dim(dim1, n)
        dims = list(range(n))
        if n:
            dims[a], dims[b] = dims[b], dims[a]
        order = _swaps[n, dim0, dim1] = tuple(dims)
    return apply_view(_permute, input, order, "TransposeBackward0")


@composite("f m")
def swapaxes(input, axis0, axis1):
    """`transpose`, under NumPy's name."""
    return transpose(input, axis0, axis1)


@composite("f m")
def t(input):
    """The transpose of a matrix; vectors and scalars as they are."""
    n = input._aval.ndim
    check(n <= 2, f"t() expects a tensor with <= 2 dimensions, but self is {n}D")
    return apply_view(_permute, input, (1, 0) if n == 2 else tuple(range(n)), "TBackward0")


# ---- the same elements in another shape ----


def _reshape_put(x, v, attrs):
    return lax.reshape(v, x.shape)


def _view_strides(shape, strides, new_shape):
    """Strides of a view in `new_shape` without a copy, or None when there is none."""
    numel = math.prod(shape)
    if numel == 0:
        return strides if shape == new_shape else contiguous_strides(new_shape)
    out = [0] * len(new_shape)
    at = len(new_shape) - 1
    chunk_stride = strides[-1] if strides else 1
    tensor_numel = view_numel = 1
    for d in range(len(shape) - 1, -1, -1):
        tensor_numel *= shape[d]
        if d == 0 or (shape[d - 1] != 1 and strides[d - 1] != tensor_numel * chunk_stride):
            while at >= 0 and (view_numel < tensor_numel or new_shape[at] == 1):
                out[at] = view_numel * chunk_stride
                view_numel *= new_shape[at]
                at -= 1
            if view_numel != tensor_numel:
                return None
            if d > 0:
                chunk_stride = strides[d - 1]
                tensor_numel = view_numel = 1
    if not shape:
        return (1,) * len(new_shape)
    return tuple(out) if at == -1 else None


def _view_geometry(shape, strides, offset, new_shape, aval):
    return _view_strides(shape, strides, new_shape), offset


_view = view_op("view", fine, lambda x, shape: lax.reshape(x, shape), _reshape_put, _view_geometry)


def infer_size(shape, numel):
    """A shape with its -1 filled in. Raises torch's error when it does not fit the number of
    elements.
    """
    if -1 not in shape:
        known = math.prod(shape)
        if known != numel or any(s < 0 for s in shape):
            _bad_shape(shape, numel)
        return shape
    known = -math.prod(shape)
    if shape.count(-1) > 1:
        raise RuntimeError("only one dimension can be inferred")
    if known == 0:
        if numel == 0:
            raise RuntimeError(
                f"cannot reshape tensor of 0 elements into shape {list(shape)} because the "
                "unspecified dimension size -1 "
                "can be any value and is ambiguous"
            )
        _bad_shape(shape, numel)
    if known < 0 or numel % known:
        _bad_shape(shape, numel)
    return tuple(numel // known if s == -1 else s for s in shape)


def _bad_shape(shape, numel):
    for s in shape:
        if s < -1:
            raise RuntimeError(
                f"invalid shape dimension {s} at index {shape.index(s)} of shape {list(shape)}"
            )
    raise RuntimeError(f"shape '{list(shape)}' is invalid for input of size {numel}")


@composite("m")
def view(input, *shape, **kwargs):
    """The same memory in another shape, or reinterpreted in another dtype."""
    if kwargs:
        shape = tuple(kwargs.values())
    if not shape:
        raise TypeError("view() received an invalid combination of arguments - got ()")
    if len(shape) == 1 and isinstance(shape[0], dtypes.dtype):
        return ops.view_dtype(input, shape[0])
    shape = infer_size(sizes(shape), input._aval.numel)
    if (
        input._view is not None
        and _view_strides(input._aval.shape, input._view.strides, shape) is None
    ):
        raise RuntimeError(
            "view size is not compatible with input tensor's size and stride (at least one "
            "dimension spans across two "
            "contiguous subspaces). Use .reshape(...) instead."
        )
    return apply_view(_view, input, shape)


@composite("f m")
def reshape(input, *shape, **kwargs):
    """The elements in another shape: a view when the strides allow it, else a copy."""
    if kwargs:
        shape = tuple(kwargs.values())
    shape = infer_size(sizes(shape), input._aval.numel)
    if (
        input._view is not None
        and _view_strides(input._aval.shape, input._view.strides, shape) is None
    ):
        return apply_view(_view, _contiguous_copy(input), shape, "UnsafeViewBackward0")
    return apply_view(_view, input, shape)


def _contiguous_copy(input):
    return ops.clone(input, memory_format=None)


def _squeeze_geometry(shape, strides, offset, dims, aval):
    return tuple(st for d, st in enumerate(strides) if d not in dims), offset


_squeeze = view_op(
    "squeeze", fine, lambda x, dims: lax.squeeze(x, dims), _reshape_put, _squeeze_geometry
)


@composite("f m")
def squeeze(input, dim=None):
    """The tensor without its dimensions of size 1, or without those of `dim` that have size 1."""
    shape = input._aval.shape
    dims = range(len(shape)) if dim is None else wrap_dims(to_tuple(dim), len(shape))
    gone = tuple(d for d in dims if shape and shape[d] == 1)
    label = (
        "SqueezeBackward0"
        if dim is None
        else "SqueezeBackward1"
        if isinstance(dim, int)
        else "SqueezeBackward2"
    )
    return apply_view(_squeeze, input, gone, label)


def _unsqueeze_geometry(shape, strides, offset, dim, aval):
    step = shape[dim] * strides[dim] if dim < len(shape) else 1
    return (*strides[:dim], step, *strides[dim:]), offset


_unsqueeze = view_op(
    "unsqueeze", fine, lambda x, dim: lax.expand_dims(x, (dim,)), _reshape_put, _unsqueeze_geometry
)


@composite("f m")
def unsqueeze(input, dim):
    """The tensor with a dimension of size 1 inserted at `dim`."""
    return apply_view(_unsqueeze, input, wrap_dim(dim, input._aval.ndim + 1))


# ---- expanded, diagonal, windows ----


def _check_expand(aval, shape):
    if len(shape) < aval.ndim:
        raise RuntimeError(
            f"expand(torch.{aval.dtype.name}{{{list(aval.shape)}}}, size={list(shape)}): the "
            "number of sizes provided "
            f"({len(shape)}) must be greater or equal to the number of dimensions in the tensor "
            f"({aval.ndim})"
        )
    lead = len(shape) - aval.ndim
    for d, s in enumerate(shape):
        own = aval.shape[d - lead] if d >= lead else 1
        if own != s and own != 1:
            raise RuntimeError(
                f"The expanded size of the tensor ({s}) must match the existing size ({own}) at "
                "non-singleton dimension "
                f"{d}.  Target sizes: {list(shape)}.  Tensor sizes: {list(aval.shape)}"
            )


def _expand_geometry(shape, strides, offset, new, aval):
    lead = len(new) - len(shape)
    own = tuple(0 if s == 1 and n != 1 else st for s, n, st in zip(shape, new[lead:], strides))
    fresh = []
    step = own[0] * shape[0] if own else 1
    for n in reversed(new[:lead]):
        fresh.append(step if n == 1 else 0)
    return (*reversed(fresh), *own), offset


_expand = view_op(
    "expand", _check_expand, lambda x, shape: jnp.broadcast_to(x, shape), None, _expand_geometry
)


@composite("m")
def expand(input, *size, implicit=False, **kwargs):
    """The tensor with dimensions of size 1 repeated to `size` without copying; -1 keeps a
    dimension.
    """
    if "size" in kwargs:
        size = (kwargs["size"],)
    size = sizes(size)
    own = input._aval.shape
    lead = len(size) - len(own)
    if -1 in size:
        for d, s in enumerate(size[: max(lead, 0)]):
            if s == -1:
                raise RuntimeError(
                    "The expanded size of the tensor (-1) isn't allowed in a leading, "
                    f"non-existing dimension {d}"
                )
        size = tuple(own[d - lead] if s == -1 else s for d, s in enumerate(size))
    return apply_view(_expand, input, size)


def _diagonal_read(x, attrs):
    offset, dim1, dim2 = attrs
    return jnp.diagonal(x, offset, dim1, dim2)


def _diagonal_put(x, v, attrs):
    offset, dim1, dim2 = attrs
    moved = jnp.moveaxis(x, (dim1, dim2), (-2, -1))
    n = v.shape[-1]
    i = np.arange(n)
    placed = moved.at[..., i + max(-offset, 0), i + max(offset, 0)].set(v)
    return jnp.moveaxis(placed, (-2, -1), (dim1, dim2))


def _diagonal_geometry(shape, strides, start, attrs, aval):
    offset, dim1, dim2 = attrs
    if aval.shape[-1]:
        start += offset * strides[dim2] if offset >= 0 else -offset * strides[dim1]
    rest = tuple(st for d, st in enumerate(strides) if d not in (dim1, dim2))
    return (*rest, strides[dim1] + strides[dim2]), start


_diagonal = view_op("diagonal", fine, _diagonal_read, _diagonal_put, _diagonal_geometry)


@composite("f m")
def diagonal(input, offset=0, dim1=0, dim2=1):
    """The diagonals over two dimensions, as the last dimension."""
    n = input._aval.ndim
    a, b = wrap_dim(dim1, n), wrap_dim(dim2, n)
    check(a != b, f"diagonal dimensions cannot be identical {dim1}, {dim2}")
    return apply_view(_diagonal, input, (int(offset), a, b))


def _unfold_index(size, attrs):
    _, width, step = attrs
    return np.arange(0, size - width + 1, step)[:, None] + np.arange(width)


def _unfold_read(x, attrs):
    dim = attrs[0]
    if x.ndim == 0:
        return lax.reshape(x, (attrs[1],))
    taken = jnp.take(x, _unfold_index(x.shape[dim], attrs), axis=dim)
    return jnp.moveaxis(taken, dim + 1, -1)


def _unfold_put(x, v, attrs):
    if x.ndim == 0:
        return lax.reshape(v, ())
    dim = attrs[0]
    back = jnp.moveaxis(jnp.moveaxis(v, -1, dim + 1), (dim, dim + 1), (0, 1))
    return jnp.moveaxis(
        jnp.moveaxis(x, dim, 0).at[_unfold_index(x.shape[dim], attrs)].set(back), 0, dim
    )


def _unfold_geometry(shape, strides, offset, attrs, aval):
    dim, _, step = attrs
    if not shape:
        return (1,), offset
    return (*strides[:dim], strides[dim] * step, *strides[dim + 1 :], strides[dim]), offset


_unfold = view_op("unfold", fine, _unfold_read, _unfold_put, _unfold_geometry)


@composite("m", name="unfold")
def unfold_dimension(input, dimension, size, step):
    """All windows of `size` elements along a dimension, `step` apart, as a new last dimension."""
    n = input._aval.ndim
    dim = wrap_dim(dimension, n)
    length = input._aval.shape[dim] if n else 1
    check(step > 0, f"step is {step} but must be > 0")
    if size > length:
        raise RuntimeError(
            f"maximum size for tensor at dimension {dim} is {length} but size is {size}"
        )
    return apply_view(_unfold, input, (dim, int(size), int(step)))


# ---- arbitrary strides over the storage ----


def _strided_index(attrs):
    size, stride, offset = attrs
    index = np.full((), offset, np.int64)
    for s, st in zip(size, stride):
        index = index[..., None] + np.arange(s) * st
    return index.reshape(size)


def _check_strided(aval, attrs):
    size, stride, offset = attrs
    reach = offset + sum((s - 1) * st for s, st in zip(size, stride)) + 1 if 0 not in size else 0
    if reach > aval.numel:
        raise RuntimeError(
            f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset {offset}, and "
            "itemsize "
            f"{aval.dtype.itemsize} requiring a storage size of {reach * aval.dtype.itemsize} are "
            "out of bounds for "
            f"storage of size {aval.nbytes}"
        )


_as_strided = view_op(
    "as_strided",
    _check_strided,
    lambda x, attrs: jnp.take(x.reshape(-1), _strided_index(attrs)).reshape(attrs[0]),
    lambda x, v, attrs: x.reshape(-1).at[_strided_index(attrs)].set(v).reshape(x.shape),
    lambda shape, strides, offset, attrs, aval: (attrs[1], attrs[2]),
)


tensor.by_strides = _as_strided


def whole_storage(input):
    """The base tensor of a view, whose elements in row-major order are the storage."""
    base = input if input._view is None or not input._view.chain else input._view.base
    if base is None:
        base = _storage_tensor(input)
    layout = input._st.layout
    return base if layout is None else permute(base, layout)


def _storage_tensor(input):
    whole = _share(input)
    whole._view = None
    whole._aval = input._st.aval
    return whole


@composite("f m")
def as_strided(input, size, stride, storage_offset=None):
    """A view of the storage with the given sizes, strides and offset, all in elements."""
    offset = input.storage_offset() if storage_offset is None else int(storage_offset)
    size, stride = to_tuple(size), to_tuple(stride)
    check(len(size) == len(stride), "mismatch in length of strides and shape")
    return apply_view(_as_strided, whole_storage(input), (tuple(size), tuple(stride), offset))


@composite("f m")
def detach(input):
    """A tensor that shares the memory and is cut from the graph."""
    return _share(input)
