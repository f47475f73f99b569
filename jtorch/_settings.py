"""Questions about tensors and process-wide settings at the top of the namespace."""

import os
import types

from ._engine import device as devices
from ._engine import dtypes
from ._engine.signature import PYTHON_NUMBERS, forget_signatures
from ._engine.tensor import Tensor
from .ops.copy import legacy_dtype
from .ops.promotion import common_dtype

# The PyTorch release whose behaviour jtorch follows where releases differ, as libraries ask for it.
version = types.ModuleType("torch.version", "The release of PyTorch whose API this is.")
version.__version__ = "2.13.0"
version.cuda = version.hip = version.git_version = None
version.debug = False


def is_tensor(obj):
    """True for tensors."""
    return isinstance(obj, Tensor)


def is_storage(obj):
    """False: storages are not objects of their own in jtorch."""
    return False


def _dtype_of(input):
    if not isinstance(input, Tensor):
        raise TypeError(f"argument 'input' (position 1) must be Tensor, not {type(input).__name__}")
    return input.dtype


def is_floating_point(input):
    """True when the tensor's type is a real floating-point type."""
    return _dtype_of(input).is_floating_point


def is_complex(input):
    """True when the tensor's type is complex."""
    return _dtype_of(input).is_complex


def is_signed(input):
    """True when the tensor's type is signed."""
    return _dtype_of(input).is_signed


def is_nonzero(input):
    """True when the single element is not zero. Raises RuntimeError when there are more."""
    return bool(input)


def numel(input):
    """The number of elements."""
    _dtype_of(input)
    return input.numel()


def result_type(tensor1, tensor2):
    """The dtype an arithmetic operation on the two (tensors or numbers) gives."""
    return common_dtype([_aval(tensor1), _aval(tensor2)])


def _aval(x):
    return x._aval if isinstance(x, Tensor) else PYTHON_NUMBERS[type(x)]


for _name in ("is_floating_point", "is_complex", "is_signed"):
    setattr(Tensor, _name, globals()[_name])


def set_default_dtype(d):
    """Set the type that Python floats become."""
    dtypes.set_default_dtype(d)
    forget_signatures()


def set_default_tensor_type(t):
    """Set the default type by a legacy tensor type or its name."""
    set_default_dtype(legacy_dtype(t) if isinstance(t, str) else t.dtype)


def get_default_device():
    """The device that new tensors are made on."""
    return devices.default_device()


_threads = {
    "intra": os.cpu_count() or 1,
    "inter": os.cpu_count() or 1,
    "precision": "highest",
    "deterministic": False,
    "warn": False,
}


def get_num_threads():
    """The number set by `set_num_threads`; XLA chooses its own."""
    return _threads["intra"]


def set_num_threads(n):
    """Accepted; XLA's thread pool is fixed when the process starts."""
    if not isinstance(n, int):
        raise TypeError(f"set_num_threads expects an int, but got {type(n).__name__}")
    if n <= 0:
        raise RuntimeError("set_num_threads expects a positive integer")
    _threads["intra"] = n


def get_num_interop_threads():
    """The number set by `set_num_interop_threads`."""
    return _threads["inter"]


def set_num_interop_threads(n):
    """Accepted; XLA has no such pool."""
    _threads["inter"] = n


def get_float32_matmul_precision():
    """The precision of float32 matrix products."""
    return _threads["precision"]


def set_float32_matmul_precision(precision):
    """Set the precision of float32 matrix products: "highest", "high" or "medium".

    The CPU always uses the highest.
    """
    if precision not in ("highest", "high", "medium"):
        raise RuntimeError(f"{precision} is not one of 'highest', 'high', or 'medium'")
    _threads["precision"] = precision


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Accepted: the same program gives the same numbers in every run anyway."""
    _threads["deterministic"] = bool(mode)


def are_deterministic_algorithms_enabled():
    """What `use_deterministic_algorithms` was told."""
    return _threads["deterministic"]


def set_warn_always(on):
    """Whether warnings repeat."""
    _threads["warn"] = bool(on)


def is_warn_always_enabled():
    """What `set_warn_always` was told."""
    return _threads["warn"]
