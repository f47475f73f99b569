"""Copies and conversions: clone, contiguous, to, copy_, and the way out to Python and NumPy."""

import builtins
import math
import warnings

import jax.numpy as jnp
import numpy as np

from .._engine import call, dtypes
from .._engine import device as devices
from .._engine.formats import contiguous_format, preserve_format
from .._engine.layouts import strided_layout
from .._engine.signature import contiguous_strides
from .._engine.storage import View, elementwise_strides, is_dense, same_order_strides
from .._engine.tensor import Tensor, from_array, to_numpy, value_of, wrap, wrap_strided
from .._engine.tensor import from_numpy as share_numpy
from .limits import check_fits
from .registry import SAME, TS, T, check, composite, from_host, op, ops, sizes


@op(SAME, variants="p", name="clone")
def identity_copy(input: T):
    """The elements, in memory of their own."""
    return input


def _format_strides(input, memory_format):
    """The strides that a copy in a memory format has."""
    shape = input._aval.shape
    if memory_format is None or memory_format is contiguous_format:
        return input._aval.strides
    if memory_format is preserve_format:
        strides = input.stride()
        if is_dense(shape, strides):
            return strides
        return (
            elementwise_strides(shape, [(shape, strides)])
            if input._aval.numel
            else input._aval.strides
        )
    check(
        len(shape) == len(memory_format.order),
        f"required rank {len(memory_format.order)} tensor to use {memory_format.name} format",
    )
    return same_order_strides(shape, memory_format.order)


@composite("f m")
def clone(input, *, memory_format=preserve_format):
    """A copy that gradients flow through."""
    t = identity_copy(input)
    if memory_format is preserve_format and input._view is None:
        return t
    strides = _format_strides(input, memory_format)
    return wrap_strided(t._st.value, t._edge, strides) if strides != t._aval.strides else t


@composite("m")
def contiguous(input, memory_format=contiguous_format):
    """The tensor itself when its elements lie in order, else a copy whose elements do."""
    if input._view is None and memory_format is contiguous_format:
        return input
    if input.is_contiguous(memory_format):
        return input
    return clone(input, memory_format=memory_format)


@composite("m")
def copy_(self, src=None, non_blocking=False, *, other=None):
    """Overwrite the tensor with `src`, broadcast and converted; it may be a number."""
    src = other if src is None else src
    if isinstance(src, (int, float, complex)):
        src = ops.scalar_tensor(src, dtype=self.dtype, device=self.device)
    if not isinstance(src, Tensor):
        raise TypeError(
            f"copy_(): argument 'other' (position 1) must be Tensor, not {src.__class__.__name__}"
        )
    if src.layout is not self.layout:
        raise RuntimeError(
            "copy_() between dense and sparse Tensors is not implemented! Found self type = "
            f"{type(self)} and src type = {type(src)}"
        )
    if src._aval is self._aval and src.layout is not strided_layout:
        src = clone(src)
    return call.copy_(self, src)


@composite("m")
def to(
    self,
    *args,
    dtype=None,
    device=None,
    non_blocking=False,
    copy=False,
    memory_format=preserve_format,
    other=None,
):
    """The tensor in another dtype, on another device or in another memory format; itself when
    nothing changes.
    """
    flags = [a for a in args if isinstance(a, bool)]
    if len(flags) > 1:
        copy = flags[1]
    for a in args:
        if isinstance(a, dtypes.dtype):
            dtype = a
        elif isinstance(a, Tensor):
            dtype, device = a.dtype, a.device
        elif isinstance(a, (str, devices.device)) or (
            isinstance(a, int) and not isinstance(a, bool)
        ):
            device = a
        elif isinstance(a, builtins.type) and a in (int, float, bool, complex):
            dtype = dtypes.of_python(a)
        elif not isinstance(a, bool) and a is not None:
            raise TypeError(
                f"to() received an invalid combination of arguments - got ({a.__class__.__name__})"
            )
    if other is not None:
        dtype, device = other.dtype, other.device
    return _converted(self, dtype, device, copy, memory_format)


def _converted(self, dtype, device, copy, memory_format):
    result = self
    if dtype is not None and dtype is not self._aval.dtype:
        result = call.cast(result, dtype)
    if device is not None:
        result = call.to_device(result, devices.resolve(device))
    wants_format = memory_format is not preserve_format and not result.is_contiguous(memory_format)
    if wants_format or (copy and result is self):
        result = clone(result, memory_format=memory_format)
    return result


def _conversion(name, dtype):
    def convert(self, memory_format=preserve_format):
        return _converted(self, dtype, None, False, memory_format)

    convert.__name__ = name
    convert.__doc__ = f"The tensor as {dtype}."
    composite("m")(convert)


for _name, _dtype in (
    ("float", dtypes.float32),
    ("double", dtypes.float64),
    ("half", dtypes.float16),
    ("bfloat16", dtypes.bfloat16),
    ("long", dtypes.int64),
    ("int", dtypes.int32),
    ("short", dtypes.int16),
    ("char", dtypes.int8),
    ("byte", dtypes.uint8),
    ("bool", dtypes.bool),
    ("cfloat", dtypes.complex64),
    ("cdouble", dtypes.complex128),
):
    _conversion(_name, _dtype)


@composite("m")
def cpu(self, memory_format=preserve_format):
    """The tensor in the host's memory."""
    return _converted(self, None, devices.cpu, False, memory_format)


@composite("m")
def cuda(self, device=None, non_blocking=False, memory_format=preserve_format):
    """The tensor on a GPU. Raises AssertionError when JAX has none."""
    target = devices.device("cuda" if device is None else device)
    return _converted(self, None, target, False, memory_format)


@composite("m")
def type_as(self, other):
    """The tensor in the dtype of another."""
    return _converted(self, other.dtype, other.device, False, preserve_format)


@composite("m")
def type(self, dtype=None, non_blocking=False):
    """The name of the tensor's type, or the tensor in the given type."""
    if dtype is None:
        prefix = "torch." if self.device.type == "cpu" else f"torch.{self.device.type}."
        prefix += "" if self.layout is strided_layout else "sparse."
        return f"{prefix}{call.LEGACY_NAMES.get(self.dtype.name, self.dtype.name)}Tensor"
    if isinstance(dtype, str):
        dtype = legacy_dtype(dtype)
    elif not isinstance(dtype, dtypes.dtype):
        dtype = dtypes.of_python(dtype) if dtype in (int, float, bool, complex) else dtype.dtype
    return _converted(self, dtype, None, False, preserve_format)


def legacy_dtype(name):
    """The dtype of a type name such as "torch.FloatTensor"."""
    short = name.split(".")[-1].removesuffix("Tensor")
    for d, legacy in call.LEGACY_NAMES.items():
        if legacy == short:
            return dtypes.NAMES[d]
    raise ValueError(f"invalid type: '{name}'")


# ---- out to Python and NumPy ----


@composite("m")
def item(self):
    """The one element as a Python number. Raises RuntimeError when there is not exactly one."""
    if self._aval.numel != 1:
        raise RuntimeError(
            f"a Tensor with {self._aval.numel} elements cannot be converted to Scalar"
        )
    if self._aval.device is devices.meta:
        raise RuntimeError("Tensor.item() cannot be called on meta tensors")
    return _python(self._array(".item()"), self._aval.dtype)


def _python(array, dtype):
    array = np.asarray(array)
    return float(array.reshape(())) if dtype.kind == "f" else array.item()


@composite("m")
def tolist(self):
    """The elements as nested lists of Python numbers."""
    array = self._host(".tolist()")
    if self._aval.dtype.kind == "f" and self._aval.dtype.itemsize < 4:
        array = array.astype(np.float32)
    return array.tolist()


@composite("m")
def numpy(self, *, force=False):
    """A NumPy array sharing the tensor's memory. Raises for tensors that require grad and dtypes
    NumPy lacks.
    """
    if force:
        return numpy_array(self.detach().cpu())
    if self.device is not devices.cpu:
        raise TypeError(
            f"can't convert {self.device} device type tensor to numpy. Use Tensor.cpu() to copy "
            "the tensor to host memory "
            "first."
        )
    if self.requires_grad:
        raise RuntimeError(
            "Can't call numpy() on Tensor that requires grad. Use tensor.detach().numpy() instead."
        )
    return numpy_array(self)


def numpy_array(t):
    """The shared array, for tensors of a dtype NumPy has."""
    if t.layout is not strided_layout:
        kind = t.layout.name.title().replace("_", "").replace("Coo", "")
        raise TypeError(
            f"can't convert {kind} layout tensor to numpy. Use Tensor.to_dense() first."
        )
    if t.dtype is dtypes.bfloat16 or t.dtype.name.startswith("float8"):
        raise TypeError(
            f"Got unsupported ScalarType {call.LEGACY_NAMES.get(t.dtype.name, t.dtype.name)}"
        )
    return to_numpy(t)


def array_protocol(self, dtype=None, copy=None):
    """`np.asarray(tensor)`."""
    array = numpy(self)
    return array if dtype is None else array.astype(dtype, copy=False)


def truth(self):
    """`bool(tensor)`. Raises RuntimeError unless there is exactly one element."""
    n = self._aval.numel
    if n == 0:
        raise RuntimeError("Boolean value of Tensor with no values is ambiguous")
    if n > 1:
        raise RuntimeError("Boolean value of Tensor with more than one value is ambiguous")
    return builtins_bool(item(self))


def builtins_bool(value):
    """Python's bool of a number."""
    return value != 0


def to_float(self):
    """`float(tensor)`."""
    return _number(self, "float").__float__()


def to_int(self):
    """`int(tensor)`."""
    return _number(self, "int64_t").__int__()


def to_complex(self):
    """`complex(tensor)`."""
    return complex(self.item())


def _number(self, name):
    if self._aval.numel != 1:
        raise ValueError("only one element tensors can be converted to Python scalars")
    value = self.item()
    if isinstance(value, complex):
        raise RuntimeError(f"value cannot be converted to type {name} without overflow")
    return value


def to_index(self):
    """`operator.index(tensor)`: only for single integers."""
    if self._aval.dtype.category > dtypes.INT or self._aval.numel != 1:
        raise TypeError("only integer tensors of a single element can be converted to an index")
    return self.item().__int__()


# ---- construction from data ----


def _infer(data, dtype):
    """(NumPy array, dtype) of Python data, with torch's rules for Python numbers."""
    if isinstance(data, (np.ndarray, np.generic)):
        array = np.asarray(data)
        own = dtypes.from_np(array.dtype)
        return array, dtype or own
    try:
        array = np.array(_plain(data))
    except ValueError:
        raise _ragged(data) from None
    if array.dtype == object:
        raise _bad_data(data)
    if array.dtype.kind in "US":
        kind = "str" if array.dtype.kind == "U" else "bytes"
        if array.ndim:
            raise ValueError(f"too many dimensions '{kind}'")
        raise TypeError(f"new(): invalid data type '{kind}'")
    if dtype is not None:
        return array, dtype
    if array.size == 0 and array.dtype == np.float64:
        return array, dtypes.get_default_dtype()
    kind = {"b": bool, "i": int, "u": int, "f": float, "c": complex}[array.dtype.kind]
    return array, _element_dtype(data) or dtypes.of_python(kind)


def _element_dtype(data):
    """The dtype NumPy scalars or tensors inside a list bring along; None for Python numbers."""
    while isinstance(data, (list, tuple)) and data:
        data = data[0]
    if isinstance(data, Tensor):
        return data.dtype
    return dtypes.from_np(data.dtype) if isinstance(data, (np.ndarray, np.generic)) else None


def _plain(data):
    """Nested sequences with tensors replaced by arrays."""
    if isinstance(data, Tensor):
        return data._host("tensor()")
    if isinstance(data, (list, tuple)):
        if any(isinstance(d, (Tensor, list, tuple)) for d in data):
            return [_plain(d) for d in data]
        return data
    if hasattr(data, "__array__") or isinstance(data, (bool, int, float, complex, str, bytes)):
        return data
    if hasattr(data, "__len__") and hasattr(data, "__getitem__") and not isinstance(data, dict):
        return [_plain(data[i]) for i in range(len(data))]
    return data


def _ragged(data):
    level, path = data, 0
    while isinstance(level, (list, tuple)) and level:
        lengths = [len(d) if isinstance(d, (list, tuple)) else None for d in level]
        if len(set(lengths)) > 1:
            expected = lengths[0]
            at = next(i for i, n in enumerate(lengths) if n != expected)
            if expected is None or lengths[at] is None:
                return TypeError(f"not a sequence at dim {path + 1} (element {at})")
            return ValueError(
                f"expected sequence of length {expected} at dim {path + 1} (got {lengths[at]})"
            )
        level = level[0]
        path += 1
    return ValueError("could not make a tensor of the given sequence")


def _bad_data(data):
    while isinstance(data, (list, tuple)) and data:
        wrong = next((d for d in data if d is None or isinstance(d, (str, dict, set))), data[0])
        data = wrong
    if data is None:
        return RuntimeError("Could not infer dtype of NoneType")
    if isinstance(data, int):
        return ValueError("Overflow when unpacking long long")
    return RuntimeError(f"Could not infer dtype of {data.__class__.__name__}")


def _check_range(array, dtype):
    """Refuse Python integers that an integer dtype cannot hold."""
    if dtype.kind in "ui" and array.size:
        check_fits(int(array.max()), dtype)
        check_fits(int(array.min()), dtype)


def _to_np(array, dtype):
    """An array in a dtype's NumPy type, refusing what torch refuses."""
    if array.dtype == dtype.np:
        return np.array(array)
    if dtype.category <= dtypes.INT and array.dtype.kind == "f" and not np.isfinite(array).all():
        raise RuntimeError("cannot convert float NaN or infinity to integer")
    if array.dtype.kind == "c" and dtype.kind != "c":
        raise RuntimeError("value cannot be converted to type without overflow")
    return array.astype(dtype.np)


@composite("f")
def tensor(data, *, dtype=None, device=None, requires_grad=False, pin_memory=False):
    """A new tensor with a copy of `data`: nested sequences, numbers or an array."""
    dtype = None if dtype is None else _dtype(dtype)
    if isinstance(data, Tensor):
        warnings.warn(
            "To copy construct from a tensor, it is recommended to use "
            "sourceTensor.detach().clone() or "
            "sourceTensor.detach().clone().requires_grad_(True), rather than "
            "torch.tensor(sourceTensor).",
            UserWarning,
            stacklevel=2,
        )
        made = _converted(data.detach(), dtype, device, True, preserve_format)
    else:
        array, dtype = _infer(data, dtype)
        if dtype.itemsize < 8 and array.dtype == np.int64 and array is not data:
            _check_range(array, dtype)
        made = from_host(_to_np(array, dtype), device)
        if dtype is dtypes.complex32:
            raise NotImplementedError(
                "torch.complex32 is not supported by jtorch; use torch.complex64"
            )
    if not requires_grad:
        return made
    check(
        made._aval.differentiable,
        "Only Tensors of floating point and complex dtype can require gradients",
    )
    return made.requires_grad_()


def _dtype(d):
    return d if isinstance(d, dtypes.dtype) else dtypes.of_python(d)


@composite("f")
def from_numpy(ndarray):
    """A tensor sharing the memory of a NumPy array."""
    if not isinstance(ndarray, np.ndarray):
        raise TypeError(f"expected np.ndarray (got {ndarray.__class__.__name__})")
    return _shared(ndarray)


def _shared(array):
    if not array.flags.writeable:
        warnings.warn(
            "The given NumPy array is not writable, and PyTorch does not support non-writable "
            "tensors. This means writing "
            "to this tensor will result in undefined behavior. You may want to copy the array to "
            "protect its data or make "
            "it writable before converting it to a tensor.",
            UserWarning,
            stacklevel=3,
        )
        return from_array(array.copy())
    return share_numpy(array)


@composite("f")
def as_tensor(data, dtype=None, device=None):
    """A tensor of `data`, sharing its memory where possible."""
    dtype = None if dtype is None else _dtype(dtype)
    if isinstance(data, np.ndarray):
        data = from_numpy(data)
    if isinstance(data, Tensor):
        return _converted(data, dtype, device or None, False, preserve_format)
    return tensor(data, dtype=dtype, device=device)


@composite("f", alias=("asanyarray",))
def asarray(obj, *, dtype=None, device=None, copy=None, requires_grad=False):
    """A tensor of an array-like object, sharing its memory unless `copy` says otherwise."""
    made = as_tensor(obj, dtype, device)
    if copy and (isinstance(obj, (Tensor, np.ndarray))):
        made = made.clone()
    made = made.detach() if made is obj and made.requires_grad and not requires_grad else made
    return made.requires_grad_() if requires_grad else made


@composite("f", name="scalar_tensor")
def scalar_tensor(s, *, dtype=None, device=None, requires_grad=False):
    """A 0-dim tensor of a number."""
    return tensor(
        s, dtype=dtype or dtypes.get_default_dtype(), device=device, requires_grad=requires_grad
    )


@composite("m")
def new_tensor(self, data, *, dtype=None, device=None, requires_grad=False):
    """A tensor of `data` with this tensor's dtype and device unless told otherwise."""
    if isinstance(data, Tensor):
        made = _converted(
            data.detach(), dtype or data.dtype, device or self.device, True, preserve_format
        )
        return made.requires_grad_(requires_grad)
    return tensor(
        data, dtype=dtype or self.dtype, device=device or self.device, requires_grad=requires_grad
    )


@composite("f m")
def resize_as_(input, the_template, *, memory_format=contiguous_format):
    """Change the sizes in place to those of `the_template`."""
    return ops.resize_in_place(input, *the_template.shape, memory_format=memory_format)


@composite("m", name="resize_")
def resize_in_place(self, *args, size=None, memory_format=contiguous_format):
    """Change the sizes in place; elements that remain keep their order in the storage."""
    size = sizes(args if size is None else (size,))
    if self.requires_grad:
        raise RuntimeError("cannot resize variables that require grad")
    if size == self._aval.shape:
        return self
    self._vc[0] += 1
    flat = self._storage_numpy()[self.storage_offset() :]
    numel = math.prod(size)
    grown = np.zeros(max(numel, flat.size), flat.dtype)
    grown[: flat.size] = flat
    fresh = from_host(grown[:numel].reshape(size).copy(), self.device)
    self._st, self._view, self._aval = fresh._st, None, fresh._aval
    return self


@composite("m", name="set_")
def set_in_place(self, source=None, storage_offset=0, size=None, stride=None):
    """Make the tensor refer to the memory of `source`."""
    if source is None:
        source = from_host(np.zeros((0,), self.dtype.np), self.device)
    if not isinstance(source, Tensor):
        raise NotImplementedError(
            "torch.Tensor.set_: from a storage object is not supported by jtorch; pass a tensor"
        )
    if size is not None:
        source = ops.as_strided(
            source, size, stride or contiguous_strides(tuple(size)), storage_offset
        )
    self._st, self._aval, self._vc = source._st, source._aval, source._vc
    view = source._view
    self._view = (
        None
        if view is None
        else View(
            view.chain,
            view.base,
            value_of(source),
            view.seen,
            view.base_edge,
            view.strides,
            view.offset,
        )
    )
    return self


def tensor_on_storage(storage, size, stride, offset):
    """A tensor over a storage with the given sizes, strides and offset; tensors given one storage
    alias.
    """
    flat = wrap(storage.value if storage.alias is None else storage.read())
    flat._st = storage
    size, stride = tuple(size), tuple(stride)
    whole = math.prod(size) == storage.aval.numel and offset == 0
    if whole and stride == contiguous_strides(size):
        return flat if size == storage.aval.shape else _reshaped_storage(flat, size)
    return ops.as_strided(flat, size, stride, offset).detach()


def _reshaped_storage(flat, size):
    return ops.view(flat, size).detach()


@op(SAME, variants="f m i o", stores="value")
def fill(input: T, value: TS):
    """The tensor with every element `value`, a number or a 0-dim tensor."""
    check(
        value.ndim == 0,
        "fill_ only supports 0-dimension value tensor but got tensor with "
        f"{value.ndim} dimensions.",
    )
    return jnp.broadcast_to(call.convert(value, input.dtype), input.shape)


@op(SAME, variants="f i", name="zero")
def zero(input: T):
    """The tensor with every element zero."""
    return jnp.zeros_like(input)
