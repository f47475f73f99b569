"""Legacy tensor types: `torch.FloatTensor(2, 3)`, `torch.Tensor([1, 2])`, `isinstance(x,
torch.LongTensor)`.
"""

import numpy as np

from ._engine import call, dtypes
from ._engine import device as devices
from ._engine.tensor import Tensor, TensorMeta
from .ops import ops


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
            and instance.dtype is cls.dtype
            and instance.device.type == cls.device_type
        )

    def __call__(cls, *args, device=None):
        return _construct(cls.dtype, devices.device(cls.device_type), args)


def _legacy_type(name, dtype, device_type):
    module = "torch" if device_type == "cpu" else f"torch.{device_type}"
    members = {
        "dtype": dtype,
        "device_type": device_type,
        "is_cuda": device_type == "cuda",
        "__module__": module,
    }
    return _LegacyMeta(name, (), members)


def legacy_types(device_type):
    """The legacy types of a device: {"FloatTensor": class, ...}."""
    shown = {d: n for d, n in call.LEGACY_NAMES.items() if not n.startswith("Complex")}
    return {
        f"{n}Tensor": _legacy_type(f"{n}Tensor", dtypes.NAMES[d], device_type)
        for d, n in shown.items()
    }


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
