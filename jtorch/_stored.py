"""Tensors as flat storages and back: the one place where files and pickles touch the engine."""

import copyreg
import math

import numpy as np

from ._engine import device as devices
from ._engine import dtypes
from ._engine.signature import aval
from ._engine.storage import Storage, is_dense
from ._engine.tensor import from_array, storage_from_numpy, wrap_strided
from ._engine.value import Value
from .ops.copy import tensor_on_storage
from .ops.registry import from_host, ops

# torch's names of typed storages. Types that came after them travel as plain bytes.
STORAGE_NAMES = {
    "FloatStorage": dtypes.float32,
    "DoubleStorage": dtypes.float64,
    "HalfStorage": dtypes.float16,
    "BFloat16Storage": dtypes.bfloat16,
    "LongStorage": dtypes.int64,
    "IntStorage": dtypes.int32,
    "ShortStorage": dtypes.int16,
    "CharStorage": dtypes.int8,
    "ByteStorage": dtypes.uint8,
    "BoolStorage": dtypes.bool,
    "ComplexFloatStorage": dtypes.complex64,
    "ComplexDoubleStorage": dtypes.complex128,
}
NAME_OF = {d: name for name, d in STORAGE_NAMES.items()}


def storage_of(t):
    """What identifies the memory of a tensor: equal (the same object) for tensors that alias."""
    return t._st


def storage_array(t):
    """The whole storage of a tensor as a flat NumPy array of the tensor's type."""
    return t._storage_numpy().view(t.dtype.np)


class LoadedStorage:
    """Memory read from a file or a pickle: a flat array, and the tensors made over it, which alias.

    This is also what a `map_location` function is given: it may return the storage itself, or what
    `cpu`, `cuda` and `to` make of it.
    """

    __module__ = "torch.storage"

    def __init__(self, array, dtype, device=devices.cpu):
        self.array = array
        self.dtype = dtype
        self.device = device
        self._storage = None
        self._typed = {}

    def on(self, device):
        """The same memory on another device."""
        device = devices.resolve(device)
        return self if device is self.device else LoadedStorage(self.array, self.dtype, device)

    def to(self, device, non_blocking=False):
        """The same memory on another device."""
        return self.on(devices.device(device))

    def cpu(self):
        """The same memory on the CPU."""
        return self.on(devices.cpu)

    def cuda(self, device=None, non_blocking=False):
        """The same memory on a GPU."""
        return self.on(devices.device("cuda" if device is None else device))

    def untyped(self):
        """The storage itself."""
        return self

    def nbytes(self):
        """The number of bytes."""
        return self.array.nbytes

    def __len__(self):
        return len(self.array)

    size = __len__

    def tolist(self):
        """The elements as Python numbers."""
        return self.array.tolist()

    def __getitem__(self, i):
        return self.array[i].item()

    def data_ptr(self):
        """A number that identifies the memory."""
        return self.array.ctypes.data

    def typed(self, dtype):
        """This memory read as another element type. Raises RuntimeError when the size is no
        multiple of an element's.
        """
        if dtype is self.dtype:
            return self
        if self.array.nbytes % dtype.itemsize:
            raise RuntimeError(
                f"storage of {self.array.nbytes} bytes does not hold whole elements of {dtype}"
            )
        found = self._typed.get(dtype)
        if found is None:
            flat = np.ascontiguousarray(self.array).view(dtype.np)
            found = self._typed[dtype] = LoadedStorage(flat, dtype, self.device)
        return found

    def tensor(self, size, stride, offset):
        """A tensor over this memory. Raises RuntimeError when it would reach beyond."""
        size, stride = tuple(size), tuple(stride)
        self._check(size, stride, offset)
        if self.device is devices.meta:
            return ops.empty_strided(size, stride, dtype=self.dtype, device=self.device)
        if self._storage is not None:
            return tensor_on_storage(self._storage, size, stride, offset)
        if offset == 0 and math.prod(size) == len(self.array) and is_dense(size, stride):
            # The usual case, a tensor that is its whole storage: no view stands between the two.
            made = self._whole(size, stride)
            self._storage = storage_of(made)
            return made
        self._storage = storage_from_numpy(self.array, self.device)
        return tensor_on_storage(self._storage, size, stride, offset)

    def _whole(self, size, stride):
        order = sorted(range(len(size)), key=lambda d: (-stride[d], d))
        array = (
            self.array.reshape([size[d] for d in order]).transpose(np.argsort(order))
            if size
            else self.array.reshape(())
        )
        plain = aval(size, self.dtype, self.device).strides
        if all(n == 1 or a == b for n, a, b in zip(size, stride, plain)):
            return from_array(array, self.device)
        return wrap_strided(Value(aval(size, self.dtype, self.device), array), None, stride)

    def _check(self, size, stride, offset):
        if len(size) != len(stride):
            raise RuntimeError(
                f"mismatch in length of strides and shape: {list(stride)} and {list(size)}"
            )
        if any(n < 0 for n in (*size, *stride, offset)):
            raise RuntimeError(
                f"sizes {list(size)}, strides {list(stride)} and offset {offset} must not be "
                "negative"
            )
        if math.prod(size) == 0:
            return
        needed = offset + 1 + sum((n - 1) * s for n, s in zip(size, stride))
        if needed > len(self.array):
            item = self.dtype.itemsize
            raise RuntimeError(
                f"setStorage: sizes {list(size)}, strides {list(stride)}, storage offset "
                f"{offset}, and itemsize {item} "
                f"requiring a storage size of {needed * item} are out of bounds for storage of "
                f"size {self.array.nbytes}"
            )


def _storage_from_bytes(data, dtype, device):
    """Unpickle a storage."""
    array = np.frombuffer(data, dtypes.NAMES[dtype].np)
    return LoadedStorage(array, dtypes.NAMES[dtype], devices.resolve(devices.device(device)))


def _reduce_storage(storage):
    whole = from_storage(storage)
    return _storage_from_bytes, (
        storage_array(whole).tobytes(),
        whole.dtype.name,
        str(whole.device),
    )


def from_storage(storage):
    """A tensor that is the whole of an engine storage."""
    made = from_host(np.zeros(0, storage.aval.dtype.np))
    made._st, made._aval = storage, storage.aval
    return made


copyreg.pickle(Storage, _reduce_storage)
