"""Indexing with `x[...]`, and the ops that read and write at given positions along whole
dimensions.

`x[index]` is split in two: a basic part (integers, slices, None, Ellipsis), which is a view, and an
advanced part (index tensors and masks), which is one gather or scatter on that view.
"""

import operator
import warnings

import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.tensor import Tensor
from .limits import check_fits
from .positions import add_at, read, store, type_name, wrap
from .registry import SAME, T, Ts, check, composite, from_host, host, op, ops

_NEW = ("n",)
_FIRST = (0,)
_INDEX_DTYPES = (dtypes.int64, dtypes.int32, dtypes.uint8, dtypes.bool)
_BAD_TYPE = (
    "only integers, slices (`:`), ellipsis (`...`), None and long or byte Variables "
    "are valid indices (got {})"
)
_BAD_DTYPE = "tensors used as indices must be long, int, byte or bool tensors"


# ---- basic indexing -----------------------------------------------------------------------------


def _select(k, size, dim):
    if 0 <= k < size:
        return ("i", k)
    check(
        -size <= k < size,
        f"index {k} is out of bounds for dimension {dim} with size {size}",
        IndexError,
    )
    return ("i", k + size)


def _integer(b):
    try:
        return operator.index(b)
    except TypeError:
        message = "slice indices must be integers or None or have an __index__ method"
        raise TypeError(message) from None


def _bound(b, size):
    if type(b) is not int:
        b = _integer(b)
    if b < 0:
        b += size
        return b if b > 0 else 0
    return b if b < size else size


def _slice(s, size):
    start, stop, step = s.start, s.stop, s.step
    if step is None:
        step = 1
    else:
        step = _integer(step)
        check(step != 0, "slice step cannot be zero", ValueError)
        check(step > 0, "step must be greater than zero", ValueError)
    start = 0 if start is None else _bound(start, size)
    stop = size if stop is None else _bound(stop, size)
    return ("s", start, stop if stop > start else start, step)


def _too_many(shape):
    if not shape:
        return IndexError(
            "invalid index of a 0-dim tensor. Use `tensor.item()` in Python or "
            "`tensor.item<T>()` in C++ to convert a "
            "0-dim tensor to a number"
        )
    return IndexError(f"too many indices for tensor of dimension {len(shape)}")


def _ellipsis_dims(index, at, shape, dim):
    # Every later entry but None and a further Ellipsis takes one dimension; the first Ellipsis
    # takes what they leave.
    later = sum(1 for e in index[at + 1 :] if e is not None and e is not Ellipsis)
    return max(len(shape) - dim - later, 0)


def _basic(shape, index):
    """The basic_index spec of a tuple of integers, slices, None and Ellipsis; None when anything
    else is in it.
    """
    spec = []
    dim = 0
    n = len(shape)
    for at, e in enumerate(index):
        kind = type(e)
        if kind is int:
            if dim == n:
                raise _too_many(shape)
            spec.append(_select(e, shape[dim], dim))
            dim += 1
        elif kind is slice:
            if dim == n:
                raise _too_many(shape)
            spec.append(_slice(e, shape[dim]))
            dim += 1
        elif e is None:
            spec.append(_NEW)
        elif e is Ellipsis:
            for _ in range(_ellipsis_dims(index, at, shape, dim)):
                spec.append(("s", 0, shape[dim], 1))
                dim += 1
        else:
            return None
    for size in shape[dim:]:
        spec.append(("s", 0, size, 1))
    return tuple(spec)


def _is_whole(spec, shape):
    return len(spec) == len(shape) and all(
        e == ("s", 0, n, 1) for e, n in zip(spec, shape, strict=True)
    )


def _apply_basic(input, spec, shape):
    # With a gradient the whole is a view like any other, so that a write to it keeps the history.
    whole = _is_whole(spec, shape) and not input.requires_grad
    return input if whole else ops.basic_index(input, spec)


# ---- parsing of everything else -----------------------------------------------------------------


def _normalise(index):
    """The index as a tuple.

    Like torch, a short list that holds anything but numbers counts as a tuple.
    """
    if isinstance(index, tuple):
        return tuple(index)
    if isinstance(index, (list, range)) and len(index) < 32:
        parts = (Tensor, list, tuple, range, slice, np.ndarray)
        if any(e is None or e is Ellipsis or isinstance(e, parts) for e in index):
            return tuple(index)
    return (index,)


def _from_sequence(seq):
    try:
        a = np.array(seq)
    except ValueError as e:
        raise ValueError(
            f"expected a rectangular nested sequence of integers as an index, got {seq!r}"
        ) from e
    if a.dtype.kind in "US":
        raise TypeError("new(): invalid data type 'str'")
    if a.dtype.kind == "O":
        raise TypeError(f"new(): invalid data type in index {seq!r}")
    return a if a.dtype.kind == "b" else a.astype(np.int64)


def _entry(e):
    """One index entry as an int, slice, None, Ellipsis, bool, NumPy array or Tensor with
    dimensions.
    """
    if e is None or e is Ellipsis or type(e) in (int, slice, bool):
        return e
    if isinstance(e, (list, tuple, range)):
        e = _from_sequence(e)
    elif isinstance(e, str):
        raise TypeError("new(): invalid data type 'str'")
    if isinstance(e, Tensor):
        check(e.dtype in _INDEX_DTYPES, _BAD_DTYPE, IndexError)
    elif isinstance(e, np.ndarray):
        check(
            e.dtype.kind == "b" or e.dtype in (np.int64, np.int32, np.uint8) or not e.size,
            _BAD_DTYPE,
            IndexError,
        )
        e = e if e.size else e.astype(bool if e.dtype.kind == "b" else np.int64)
    elif hasattr(e, "__index__") and not isinstance(e, np.bool_):
        return operator.index(e)
    else:
        raise IndexError(
            _BAD_TYPE.format("numpy.bool" if isinstance(e, np.bool_) else type(e).__name__)
        )
    if e.ndim == 0:
        mask = e.dtype in (dtypes.bool, dtypes.uint8, np.bool_, np.uint8)
        return bool(e.item()) if mask else int(e.item())
    return e


def _is_mask(e):
    return e.dtype in (dtypes.bool, dtypes.uint8, np.bool_, np.uint8)


def _width(e):
    # How many dimensions of the input an entry takes up.
    if e is None or e is Ellipsis or type(e) is bool:
        return 0
    return e.ndim if not isinstance(e, (int, slice)) and _is_mask(e) else 1


def _check_mask(mask, shape, dim):
    for i, size in enumerate(mask.shape):
        check(
            size == shape[dim + i],
            f"The shape of the mask {list(mask.shape)} at index {i} does not match the shape "
            "of the indexed tensor "
            f"{list(shape)} at index {dim + i}",
            IndexError,
        )


def _split(shape, index):
    """(spec, advanced): the basic part, and pairs (dimension of the view, index array or mask)."""
    entries = [_entry(e) for e in index]
    taken = sum(map(_width, entries))
    if taken > len(shape):
        raise _too_many(shape)
    spec = []
    advanced = []
    dim = 0
    left = len(shape) - taken
    for e in entries:
        if e is None:
            spec.append(_NEW)
        elif e is Ellipsis:
            spec.extend(("s", 0, n, 1) for n in shape[dim : dim + left])
            dim += left
            left = 0
        elif type(e) is int:
            spec.append(_select(e, shape[dim], dim))
            dim += 1
        elif type(e) is slice:
            spec.append(_slice(e, shape[dim]))
            dim += 1
        else:
            dim += _split_advanced(e, shape, dim, spec, advanced)
    spec.extend(("s", 0, n, 1) for n in shape[dim:])
    return tuple(spec), advanced


def _split_advanced(e, shape, dim, spec, advanced):
    at = sum(1 for s in spec if s[0] != "i")
    width = _width(e)
    if type(e) is bool:
        # A bool adds a dimension of size one, and keeps or drops its only element.
        spec.append(_NEW)
        e = np.zeros(int(e), np.int64)
    elif _is_mask(e):
        _check_mask(e, shape, dim)
        if e.dtype in (dtypes.uint8, np.uint8):
            warnings.warn(
                "indexing with dtype torch.uint8 is now deprecated, please use a dtype "
                "torch.bool instead.",
                stacklevel=5,
            )
    elif isinstance(e, np.ndarray):
        _check_host_index(e, shape[dim], dim)
    spec.extend(("s", 0, n, 1) for n in shape[dim : dim + width])
    advanced.append((at, e))
    return width


def _check_host_index(index, size, dim):
    bad = (index < -size) | (index >= size)
    if bad.any():
        raise IndexError(
            f"index {index[bad][0]} is out of bounds for dimension {dim} with size {size}"
        )


def _positions(advanced, device):
    """Index tensors and the dimensions they index, masks replaced by the positions of their true
    elements.
    """
    dims = []
    indices = []
    for dim, e in advanced:
        if _is_mask(e):
            found = np.nonzero(host(e) if isinstance(e, Tensor) else e)
            dims.extend(range(dim, dim + len(found)))
            indices.extend(from_host(i, device) for i in found)
        else:
            dims.append(dim)
            indices.append(e if isinstance(e, Tensor) else from_host(e.astype(np.int64), device))
    _check_together(indices)
    return indices, tuple(dims)


def _check_together(indices):
    if len(indices) < 2:
        return
    try:
        np.broadcast_shapes(*(tuple(i.shape) for i in indices))
    except ValueError:
        shapes = ", ".join(str(list(i.shape)) for i in indices)
        raise IndexError(
            f"shape mismatch: indexing tensors could not be broadcast together with shapes {shapes}"
        ) from None


# ---- x[index] and x[index] = value --------------------------------------------------------------


@composite("p")
def getitem(input, index):
    """`input[index]`: a view for basic indices, a new tensor when index tensors or masks take part.

    Raises IndexError for positions out of range, too many indices and index types that are not
    supported.
    """
    shape = input._aval.shape
    if type(index) is Tensor and index._aval.dtype is dtypes.int64 and index._aval.ndim and shape:
        return ops.index_get(input, [index], _FIRST)
    spec = _basic(shape, index if type(index) is tuple else (index,))
    if spec is not None:
        return ops.basic_index(input, spec)
    spec, advanced = _split(shape, _normalise(index))
    if not advanced:
        return ops.basic_index(input, spec)
    view = _apply_basic(input, spec, shape)
    indices, dims = _positions(advanced, input.device)
    return ops.index_get(view, indices, dims)


@composite("p")
def setitem(input, index, value):
    """`input[index] = value`, written into the storage of `input`.

    The value is broadcast to what is indexed.
    """
    shape = input._aval.shape
    if not isinstance(value, (Tensor, bool, int, float, complex)):
        value = _as_number(value, input)
    spec = _basic(shape, index if type(index) is tuple else (index,))
    advanced = ()
    if spec is None:
        spec, advanced = _split(shape, _normalise(index))
    view = _apply_basic(input, spec, shape)
    if not advanced:
        _write(view, value)
    else:
        _write_advanced(view, advanced, value)


def _as_number(value, input):
    if isinstance(value, np.integer):
        return int(value)
    kind = type(value).__name__
    if isinstance(value, (np.generic, np.ndarray)):
        kind = f"numpy.{kind}"
    name = type_name(input.dtype)
    raise TypeError(f"can't assign a {kind} to a torch.{name}Tensor")


def _without_leading_ones(value, ndim):
    # torch drops leading dimensions of size one that the target does not have.
    extra = value.ndim - ndim
    if extra > 0 and all(n == 1 for n in tuple(value.shape)[:extra]):
        return ops.reshape(value, tuple(value.shape)[extra:])
    return value


def _write(view, value):
    if isinstance(value, Tensor):
        view.copy_(_without_leading_ones(value, view.ndim))
    else:
        check_fits(value, view.dtype)
        view.fill_(value)


def _write_advanced(view, advanced, value):
    if not isinstance(value, Tensor):
        check_fits(value, view.dtype)
        value = from_host(np.asarray(value).astype(view.dtype.np), view.device)
    elif value.ndim > view.ndim:
        value = _without_leading_ones(value, view.ndim)
    if _mask_suffices(view, advanced, value):
        mask = advanced[0][1]
        mask = mask if isinstance(mask, Tensor) else from_host(mask, view.device)
        view.copy_(ops.masked_assign(view, mask, value, advanced[0][0]))
        return
    _check_same_dtype(view, value)
    indices, dims = _positions(advanced, view.device)
    view.copy_(ops.index_put_at(view, indices, value, dims))


def _check_same_dtype(view, value):
    check(
        value.dtype is view.dtype,
        "Index put requires the source and destination dtypes match, got "
        f"{type_name(view.dtype)} for the destination "
        f"and {type_name(value.dtype)} for the source.",
    )


def _mask_suffices(view, advanced, value):
    """True when one mask is written with a value that is the same for every true element.

    Then `where` does it and the number of true elements, a fact of the data, need not be known.
    """
    if len(advanced) != 1 or not _is_mask(advanced[0][1]):
        return False
    dim, mask = advanced[0]
    if value.numel() == 1 and value.ndim <= view.ndim - mask.ndim + 1:
        return True
    if value.dtype is not view.dtype:
        return False
    rest = tuple(view.shape)[dim + mask.ndim :]
    shape = tuple(value.shape)
    return len(shape) <= len(rest) and all(
        a in (1, b) for a, b in zip(shape[::-1], rest[::-1], strict=False)
    )


# ---- the pure ops behind them -------------------------------------------------------------------


def _at(input, indices, dims):
    key = [slice(None)] * input.ndim
    for index, dim in zip(indices, dims, strict=True):
        key[dim] = wrap(index, input.shape[dim], dim)
    return tuple(key)


def _indexed_shape(shape, indices, dims):
    common = np.broadcast_shapes(*(i.shape for i in indices))
    rest = [n for d, n in enumerate(shape) if d not in dims]
    first = dims[0] if dims == tuple(range(dims[0], dims[0] + len(dims))) else 0
    return (*rest[:first], *common, *rest[first:])


@op(SAME, variants="p", grad_name="IndexBackward0")
def index_get(input: T, indices: Ts, dims):
    """`input` at integer index tensors, one for each of `dims`.

    The index tensors are broadcast together. Their common dimensions replace `dims` when these are
    adjacent, and go first otherwise. Raises IndexError for a position out of range.
    """
    _check_empty(input, indices, dims)
    return read(input, _at(input, indices, dims))


def _check_empty(input, indices, dims):
    # There is no position in a dimension of size zero, whatever the index holds.
    for index, dim in zip(indices, dims, strict=True):
        bad = index.size and not input.shape[dim]
        check(
            not bad,
            f"index is out of bounds for dimension with size 0 (dimension {dim})",
            IndexError,
        )


@op(SAME, variants="p", grad_name="IndexPutBackward0")
def index_put_at(input: T, indices: Ts, values: T, dims, accumulate: bool = False):
    """`input` with `values` written (or added, with `accumulate`) at integer index tensors, one for
    each of `dims`.
    """
    _check_empty(input, indices, dims)
    target = _indexed_shape(input.shape, indices, dims)
    shape = values.shape
    fits = len(shape) <= len(target) and all(
        a in (1, b) for a, b in zip(shape[::-1], target[::-1], strict=False)
    )
    check(
        fits,
        f"shape mismatch: value tensor of shape {list(shape)} cannot be broadcast to indexing "
        "result of shape "
        f"{list(target)}",
    )
    key = _at(input, indices, dims)
    values = jnp.broadcast_to(values, target)
    return add_at(input, key, values) if accumulate else store(input, key, values)


@op(SAME, variants="p", grad_name="IndexPutBackward0")
def masked_assign(input: T, mask: T, value: T, dim: int):
    """`input` with `value` where `mask`, which spans the dimensions from `dim` on, is true."""
    rest = input.ndim - dim - mask.ndim
    mask = mask.astype(np.bool_).reshape(mask.shape + (1,) * rest)
    if value.size == 1:
        value = value.reshape(())
    return jnp.where(jnp.broadcast_to(mask, input.shape), value.astype(input.dtype), input)


def _public_indices(input, indices, name):
    check(
        isinstance(indices, (tuple, list)),
        f"{name}(): argument 'indices' must be tuple of Tensors, not {type(indices).__name__}",
        TypeError,
    )
    check(
        len(indices) <= input.ndim,
        f"too many indices for tensor of dimension {input.ndim} (got {len(indices)})",
        IndexError,
    )
    for i, index in enumerate(indices):
        check(
            isinstance(index, Tensor),
            f"expected Tensor as element {i} in argument 0, but got {type(index).__name__}",
            TypeError,
        )
    return _split(tuple(input.shape), tuple(indices))[1]


@composite("f m i")
def index_put(input, indices, values, accumulate=False):
    """`input` with `values` written at `indices`, a tuple of index tensors or masks, one for
    each dimension.

    With `accumulate` the values are added, and repeated positions add up. Raises RuntimeError when
    `values` does not broadcast to the indexed shape or has another dtype, IndexError for a position
    out of range.
    """
    advanced = _public_indices(input, indices, "index_put")
    _check_same_dtype(input, values)
    if not advanced:
        return (
            ops.add(input, values)
            if accumulate
            else ops.clone(ops.expand(values, tuple(input.shape)))
        )
    positions, dims = _positions(advanced, input.device)
    return ops.index_put_at(input, positions, values, dims, bool(accumulate))
