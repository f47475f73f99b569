"""Methods of Tensor that are no operations: in-place changes of shape, placement, and storages."""

import numpy as np

from .._engine import dtypes
from .._engine.layouts import sparse_coo
from .._engine.tensor import Tensor, make_storage_view
from . import view  # noqa: F401  (declares what is used here)
from .registry import check, composite, ops, sizes


def _in_place_view(name, change):
    def method(input, *args, **kwargs):
        if input.requires_grad and input.is_leaf:
            raise RuntimeError(
                "a leaf Variable that requires grad is being used in an in-place operation."
            )
        changed = change(input, *args, **kwargs)
        make_storage_view(input, changed)
        return input

    method.__name__ = name
    method.__doc__ = f"`{name[:-1]}`, changing the tensor itself."
    composite("f m" if name == "as_strided_" else "m")(method)


for _name in ("squeeze", "unsqueeze", "transpose", "t", "swapaxes", "swapdims", "as_strided"):
    _in_place_view(
        _name + "_",
        getattr(ops, {"swapdims": "transpose"}.get(_name, _name)),
    )


@composite("f m")
def get_device(input):
    """The device's index; -1 on the CPU."""
    return -1 if input.device.type == "cpu" else input.device.index or 0


@composite("m")
def pin_memory(self, device=None):
    """The tensor itself: JAX stages transfers by itself."""
    return self


@composite("m")
def is_pinned(self, device=None):
    """False."""
    return False


@composite("m")
def share_memory_(self):
    """The tensor itself; memory is not shared between processes."""
    return self


@composite("m")
def is_shared(self):
    """False: memory is not shared between processes."""
    return False


@composite("m")
def record_stream(self, stream):
    """No effect: XLA keeps buffers alive as long as they are needed."""


@composite("f m")
def is_inference(input):
    """False: tensors made under inference_mode can be used like others."""
    return False


@composite("f m")
def is_conj(input):
    """False: conjugates are computed, never marked."""
    return False


@composite("f m")
def is_neg(input):
    """False: negations are computed, never marked."""
    return False


@composite("f m")
def resolve_conj(input):
    """The tensor itself."""
    return input


@composite("f m")
def resolve_neg(input):
    """The tensor itself."""
    return input


@composite("m")
def sum_to_size(self, *args, size=None):
    """The tensor summed over the dimensions that broadcasting from `size` would have expanded."""
    size = sizes(args if size is None else (size,))
    own = tuple(self.shape)
    lead = len(own) - len(size)
    fits = lead >= 0 and all(s in (1, n) for s, n in zip(size, own[lead:], strict=True))
    check(fits, f"size {{{list(size)}}} is not expandable to size {{{list(own)}}}.")
    if not size:
        return self.sum()
    summed = self.sum(tuple(range(lead))) if lead else self
    kept = tuple(d for d, s in enumerate(size) if s == 1 and own[d + lead] != 1)
    return summed.sum(kept, keepdim=True) if kept else summed


@composite("f m")
def is_same_size(input, other):
    """True when the shapes are equal."""
    return input.shape == other.shape


@composite("m")
def is_set_to(self, tensor):
    """True when both are the same view of the same memory."""
    return (
        self._st is tensor._st
        and self.shape == tensor.shape
        and self.stride() == tensor.stride()
        and self.storage_offset() == tensor.storage_offset()
    )


@composite("m")
def fill_diagonal_(self, fill_value, wrap=False):
    """Write a number on the main diagonal, of a tensor of two or more dimensions."""
    check(self.ndim >= 2, "dimensions must larger than 1")
    if self.ndim > 2:
        check(len(set(self.shape)) == 1, "all dimensions of input must be of equal length")
        step = sum(self.stride())
        ops.as_strided(self, (self.shape[0],), (step,), self.storage_offset()).fill_(fill_value)
        return self
    rows, columns = self.shape
    ops.diagonal(self).fill_(fill_value)
    if wrap:
        for start in range(columns + 1, rows, columns + 1):
            ops.diagonal(self[start:]).fill_(fill_value)
    return self


@composite("m")
def new(self, *args):
    """A tensor of this type from sizes or data."""
    if (
        args
        and isinstance(args[0], (list, tuple, np.ndarray))
        and not isinstance(args[0], dtypes.dtype)
    ):
        if args[0].__class__.__name__ != "Size":
            return ops.tensor(args[0], dtype=self.dtype, device=self.device)
    if len(args) == 1 and isinstance(args[0], Tensor):
        return args[0].detach()
    if self.layout is sparse_coo:
        return ops.sparse_coo_tensor(*(args or ((0,),)), dtype=self.dtype, device=self.device)
    return ops.empty(*(args or (0,)), dtype=self.dtype, device=self.device)


@composite("f")
def frombuffer(buffer, *, dtype, count=-1, offset=0, requires_grad=False):
    """A 1-D tensor over the memory of an object that exposes Python's buffer protocol."""
    size = memoryview(buffer).nbytes
    check(size > 0, "both buffer length (0) and count (-1) must not be 0", ValueError)
    check(
        0 <= offset < size,
        f"offset ({offset} bytes) must be non-negative and no greater than buffer length ({size} "
        "bytes) minus 1",
        ValueError,
    )
    made = ops.from_numpy(np.frombuffer(buffer, dtype.np, count, offset))
    return made.requires_grad_(requires_grad)


@composite("f")
def typename(obj, /):
    """The qualified name of an object's type."""
    if isinstance(obj, Tensor):
        return obj.type()
    cls = obj if isinstance(obj, type) else type(obj)
    module = "" if cls.__module__ in ("builtins", None) else cls.__module__ + "."
    return module + cls.__qualname__


class UntypedStorage:
    """The bytes of a tensor's memory, as far as scripts look at them: identity, size, contents."""

    __slots__ = ("_tensor",)
    __module__ = "torch"

    def __init__(self, tensor):
        self._tensor = tensor

    @property
    def tensor(self):
        """A tensor that has this memory."""
        return self._tensor

    def to(self, *, device, non_blocking=False):
        """The same contents on another device."""
        moved = self._tensor.to(device)
        return self if moved is self._tensor else type(self)(moved)

    def data_ptr(self):
        """The same number for tensors that share the memory."""
        return self._tensor._st.address

    def nbytes(self):
        """Bytes of the whole storage."""
        return self._tensor._st.aval.nbytes

    def size(self):
        """Bytes of the whole storage."""
        return self.nbytes()

    __len__ = size

    @property
    def device(self):
        """Where the memory is."""
        return self._tensor.device

    @property
    def is_cuda(self):
        """True on a GPU."""
        return self.device.type == "cuda"

    def tolist(self):
        """The bytes as Python ints."""
        return self._tensor._storage_numpy().view(np.uint8).tolist()

    def __eq__(self, other):
        return isinstance(other, UntypedStorage) and self._tensor._st is other._tensor._st

    def __hash__(self):
        return hash(id(self._tensor._st))

    @property
    def _cdata(self):
        return id(self._tensor._st)


class TypedStorage(UntypedStorage):
    """A tensor's memory seen as elements."""

    __slots__ = ()

    @property
    def dtype(self):
        """The element type."""
        return self._tensor.dtype

    def size(self):
        """Elements of the whole storage."""
        return self._tensor._st.aval.numel

    __len__ = size

    def tolist(self):
        """The elements as Python numbers."""
        return self._tensor._storage_numpy().tolist()

    def __getitem__(self, i):
        return self._tensor._storage_numpy()[i].item()

    def untyped(self):
        """The same memory as bytes."""
        return UntypedStorage(self._tensor)

    _untyped_storage = property(untyped)


@composite("m")
def untyped_storage(self):
    """The tensor's memory as bytes."""
    return UntypedStorage(self)


@composite("m")
def storage(self):
    """The tensor's memory as elements."""
    return TypedStorage(self)


@composite("m", name="_typed_storage")
def typed_storage(self):
    """The tensor's memory as elements."""
    return TypedStorage(self)
