"""The pickler of `torch.save`: tensors' memory goes into records of its own, globals under
PyTorch's names.
"""

import pickle
import types

from . import _stored, _utils
from ._engine import dtypes, formats
from ._engine.layouts import _Layout
from ._engine.tensor import Tensor
from ._locations import location_tag
from ._names import STORAGE_TYPES, UNTYPED, StorageType, get_layout, torch_name
from .ops.methods import TypedStorage, UntypedStorage


class _Memory:
    """Stands in a pickle for a tensor's storage."""

    __slots__ = ("tensor",)

    def __init__(self, tensor):
        self.tensor = tensor


class Records:
    """The storages met so far: numbers them in the order in which they appear.

    entries: (a tensor of the storage, how many elements the file says it has). tail: what stands at
    the end of each persistent id.
    Raises RuntimeError when tensors of different types share memory, which the format cannot
    express.
    """

    def __init__(self, tail=()):
        self.entries = []
        self._tail = tail
        self._found = {}

    def identify(self, tensor, untyped=False):
        """The persistent id of a tensor's storage; `untyped` when it is to be bytes."""
        storage = _stored.storage_of(tensor)
        dtype = dtypes.uint8 if untyped else tensor.dtype
        found = self._found.get(id(storage))
        if found is None:
            count = len(_stored.storage_array(tensor))
            kind = None if untyped else STORAGE_TYPES.get(_stored.NAME_OF.get(dtype))
            if kind is None:
                kind, count = UNTYPED, count * tensor.dtype.itemsize
            key = str(len(self.entries))
            location = location_tag(UntypedStorage(tensor))
            found = self._found[id(storage)] = (dtype, ("storage", kind, key, location, count))
            self.entries.append((tensor, count))
        if found[0] is not dtype:
            raise RuntimeError(
                "Cannot save multiple tensors or storages that view the same data as different "
                "types"
            )
        # A fresh tuple each time, as PyTorch makes them: a pickler refers back to one it has seen.
        return (*found[1], *self._tail)


class _Hooks:
    """What a pickler class needs to write tensors as PyTorch does."""

    def __init__(self, file, records, protocol):
        super().__init__(file, protocol=protocol)
        self._records = records

    def persistent_id(self, obj):
        """Storages are persistent objects; everything else is pickled in place."""
        if type(obj) is _Memory:
            return self._records.identify(obj.tensor)
        if isinstance(obj, UntypedStorage):
            untyped = not isinstance(obj, TypedStorage)
            return self._records.identify(obj.tensor, untyped)
        return None

    def reducer_override(self, obj):
        """Tensors are taken apart here, because only here their storages may stand by
        themselves.
        """
        if isinstance(obj, Tensor):
            own = type(obj).__reduce_ex__
            if own is Tensor.__reduce_ex__:
                return _utils.reduce_tensor(obj, _Memory)
        return NotImplemented


def _save_dtype(pickler, obj):
    pickler.save_global(obj, obj.name)


def _save_layout(pickler, obj):
    pickler.save_reduce(get_layout, (str(obj),), obj=obj)


class TorchPickler(_Hooks, pickle._Pickler):
    """A pickler that writes PyTorch's names for jtorch's classes and functions.

    It is the standard library's pickler written in Python: the one in C insists on importing
    `torch` for such names.
    """

    dispatch = dict(pickle._Pickler.dispatch)

    def save_global(self, obj, name=None):
        """Write a global by name."""
        found = torch_name(obj, name)
        if found is None:
            super().save_global(obj, name)
            return
        module, qualname = found
        if self.proto >= 4:
            self.save(module)
            self.save(qualname)
            self.write(pickle.STACK_GLOBAL)
        else:
            self.write(pickle.GLOBAL + f"{module}\n{qualname}\n".encode())
        self.memoize(obj)

    dispatch[types.FunctionType] = save_global
    dispatch[dtypes.dtype] = _save_dtype
    dispatch[formats.memory_format] = _save_dtype
    dispatch[StorageType] = _save_dtype
    dispatch[_Layout] = _save_layout


def pickler_class(pickle_module):
    """The pickler for a pickle module: for other modules than the standard one, its own with
    tensors taken apart.
    """
    if pickle_module is pickle:
        return TorchPickler

    class Pickler(_Hooks, pickle_module.Pickler):
        pass

    return Pickler
