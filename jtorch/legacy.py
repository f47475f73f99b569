"""Legacy tensor types: `torch.FloatTensor(2, 3)`, `torch.Tensor([1, 2])`, `isinstance(x,
torch.LongTensor)`.
"""

import numpy as np

from ._engine import call, dtypes
from ._engine import device as devices
from ._engine.layouts import strided_layout
from ._engine.tensor import Tensor, TensorMeta
from .ops import ops
from .ops.sparse import is_coo


def _construct(dtype, device, args):
    if not args:
        return ops.empty(0, dtype=dtype, device=device)
    first = args[0]
    if len(args) == 1 and isinstance(first, Tensor):
        if first.dtype is not dtype:
            raise TypeError(f"expected {dtype} (got {first.dtype})")
        return ops.detach(first)
    if (
        len(args) == 1
        and isinstance(first, (list, tuple, np.ndarray))
        and first.__class__.__name__ != "Size"
    ):
        return ops.tensor(first, dtype=dtype, device=device)
    return ops.empty(*args, dtype=dtype, device=device)


class _LegacyMeta(type):
    """Legacy types are callable and answer isinstance, but have no instances of their own."""

    def __instancecheck__(cls, instance):
        return (
            isinstance(instance, Tensor)
            and (instance.layout is strided_layout) is not cls.sparse
            and instance.dtype is cls.dtype
            and instance.device.type == cls.device_type
        )

    def __call__(cls, *args, device=None):
        return _construct(cls.dtype, devices.device(cls.device_type), args)


class _SparseMeta(_LegacyMeta):
    """The same for sparse tensors: `torch.sparse.FloatTensor(indices, values, size)`."""

    def __instancecheck__(cls, instance):
        return is_coo(instance) and super().__instancecheck__(instance)

    def __call__(cls, *args, device=None):
        device = devices.device(cls.device_type)
        if args and isinstance(args[0], Tensor):
            return ops.sparse_coo_tensor(*args, device=device)
        size = args[0] if len(args) == 1 and not isinstance(args[0], int) else args or (0,)
        return ops.sparse_coo_tensor(size, dtype=cls.dtype, device=device)


def _legacy_type(name, dtype, device_type, kind=_LegacyMeta, space=""):
    module = "torch" if device_type == "cpu" else f"torch.{device_type}"
    members = {
        "dtype": dtype,
        "device_type": device_type,
        "is_cuda": device_type == "cuda",
        "sparse": kind is _SparseMeta,
        "__module__": module + space,
    }
    return kind(name, (), members)


def _types(*arguments):
    shown = {d: n for d, n in call.LEGACY_NAMES.items() if not n.startswith("Complex")}
    return {
        f"{n}Tensor": _legacy_type(f"{n}Tensor", dtypes.NAMES[d], *arguments)
        for d, n in shown.items()
    }


def legacy_types(device_type):
    """The legacy types of a device: {"FloatTensor": class, ...}."""
    return _types(device_type)


def sparse_types(device_type):
    """The legacy types of sparse tensors on a device."""
    return _types(device_type, _SparseMeta, ".sparse")


def new_tensor_of_class(cls, *args, **kwargs):
    """`torch.Tensor(...)`: sizes, or data, in the default dtype; subclasses get an instance of
    their own.
    """
    device = kwargs.pop("device", None)
    made = _construct(dtypes.get_default_dtype(), device, args)
    return made if cls is Tensor else made.as_subclass(cls)


def _call_class(cls, *args, **kwargs):
    if cls is Tensor:
        return new_tensor_of_class(cls, *args, **kwargs)
    return type.__call__(cls, *args, **kwargs)


TensorMeta.__call__ = _call_class
Tensor.__new__ = staticmethod(new_tensor_of_class)
