"""`torch.storage`: the memory of tensors. The classes of one element type are names for it."""

from ._engine.tensor import Tensor
from ._stored import STORAGE_NAMES
from .ops.methods import TypedStorage, UntypedStorage
from .ops.registry import ops

__all__ = ["TypedStorage", "UntypedStorage"]


class _LegacyStorageMeta(type):
    """`torch.FloatStorage(n)` and `isinstance(s, torch.FloatStorage)`."""

    def __instancecheck__(cls, instance):
        return isinstance(instance, TypedStorage) and instance.dtype is cls.dtype

    def __call__(cls, *args):
        data = args[0] if args else 0
        if isinstance(data, Tensor):
            raise TypeError(f"{cls.__name__}() takes a size or a sequence; use tensor.storage()")
        size = isinstance(data, int)
        made = ops.empty(data, dtype=cls.dtype) if size else ops.tensor(data, dtype=cls.dtype)
        return made.storage()


LEGACY = {
    name: _LegacyStorageMeta(name, (), {"dtype": dtype, "__module__": "torch"})
    for name, dtype in STORAGE_NAMES.items()
}
_OF_DTYPE = {cls.dtype: cls for cls in LEGACY.values()}


def storage_type(self):
    """The class of a tensor's storage, `torch.FloatStorage`."""
    return _OF_DTYPE[self.dtype]


Tensor.storage_type = storage_type
