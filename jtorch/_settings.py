"""Questions about tensors and process-wide settings at the top of the namespace."""

import importlib
import os
import pathlib
import types
import warnings

from ._engine import device as devices
from ._engine import dtypes
from ._engine.signature import PYTHON_NUMBERS, forget_signatures
from ._engine.tensor import Tensor
from .ops.copy import legacy_dtype
from .ops.methods import UntypedStorage
from .ops.promotion import common_dtype

# The PyTorch release whose behaviour jtorch follows where releases differ, as libraries ask for it.
version = types.ModuleType("torch.version", "The release of PyTorch whose API this is.")
version.__version__ = "2.13.0"
version.cuda = version.hip = version.git_version = None
version.debug = False

# What LAPACK, MKL, OpenMP and FFT give is there, by other means.
has_lapack = has_mkl = has_openmp = has_spectral = True


def is_tensor(obj, /):
    """True for tensors."""
    return isinstance(obj, Tensor)


def is_storage(obj, /):
    """True for what `Tensor.storage` and `Tensor.untyped_storage` give."""
    return isinstance(obj, UntypedStorage)


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


def result_type(tensor=None, other=None, *, scalar=None, scalar1=None, scalar2=None):
    """The dtype an arithmetic operation on the two (tensors or numbers) gives."""
    given = [v for v in (tensor, other, scalar, scalar1, scalar2) if v is not None]
    if len(given) != 2:
        raise TypeError("result_type() received an invalid combination of arguments")
    return common_dtype([_aval(v) for v in given])


def _aval(x):
    return x._aval if isinstance(x, Tensor) else PYTHON_NUMBERS[type(x)]


for _name in ("is_floating_point", "is_complex", "is_signed"):
    setattr(Tensor, _name, globals()[_name])


def set_default_dtype(d, /):
    """Set the type that Python floats become."""
    dtypes.set_default_dtype(d)
    forget_signatures()


def set_default_tensor_type(t, /):
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
    "warn_only": False,
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

    The CPU always uses the highest. Anything else is warned about and has no effect.
    """
    if precision not in ("highest", "high", "medium"):
        warnings.warn(
            f"{precision} is not one of 'highest', 'high', or 'medium'; the current "
            "setFloat32MatmulPrecision call has no effect.",
            UserWarning,
            stacklevel=2,
        )
        return
    _threads["precision"] = precision


def use_deterministic_algorithms(mode, *, warn_only=False):
    """Accepted: the same program gives the same numbers in every run anyway."""
    _threads["deterministic"] = bool(mode)
    _threads["warn_only"] = bool(warn_only)


def are_deterministic_algorithms_enabled():
    """What `use_deterministic_algorithms` was told."""
    return _threads["deterministic"]


def is_deterministic_algorithms_warn_only_enabled():
    """What `use_deterministic_algorithms` was told of `warn_only`."""
    return _threads["warn_only"]


_DEBUG_MODES = ("default", "warn", "error")


def set_deterministic_debug_mode(debug_mode):
    """`use_deterministic_algorithms` by a number or a name: "default", "warn", "error"."""
    if not isinstance(debug_mode, (int, str)):
        raise TypeError(f"debug_mode must be str or int, but got {type(debug_mode)}")
    if isinstance(debug_mode, str):
        if debug_mode not in _DEBUG_MODES:
            raise RuntimeError(
                "invalid value of debug_mode, expected one of `default`, `warn`, `error`, but got "
                f"{debug_mode}"
            )
        debug_mode = _DEBUG_MODES.index(debug_mode)
    if debug_mode not in (0, 1, 2):
        raise RuntimeError(
            f"invalid value of debug_mode, expected 0, 1, or 2, but got {debug_mode}"
        )
    use_deterministic_algorithms(debug_mode > 0, warn_only=debug_mode == 1)


def get_deterministic_debug_mode():
    """0, 1 or 2: what `set_deterministic_debug_mode` was told."""
    if not _threads["deterministic"]:
        return 0
    return 1 if _threads["warn_only"] else 2


def get_device_module(device=None):
    """The module of a device's type, such as `torch.cuda`; of the accelerator's, or the CPU's, by
    default.

    Raises RuntimeError for a type that has none.
    """
    if isinstance(device, devices.device):
        kind = device.type
    elif isinstance(device, str):
        kind = devices.device(device).type
    elif device is None:
        kind = "cuda" if devices.accelerator_type() == "cuda" else "cpu"
    else:
        raise RuntimeError(f"Invalid value of device '{device}', expect torch.device, str, or None")
    try:
        return importlib.import_module(f"{__package__}.{kind}")
    except ModuleNotFoundError:
        raise RuntimeError(
            f"Device '{kind}' does not have a corresponding module registered as 'torch.{kind}'."
        ) from None


def set_flush_denormal(mode):
    """False: whether tiny numbers become zero is up to XLA and NumPy."""
    return False


def init_num_threads():
    """Nothing to do: XLA's threads are there already."""


def prepare_multiprocessing_environment(path):
    """Nothing to do: JAX prepares its own environment."""


def get_file_path(*path_components):
    """A path below the folder in which the package lies."""
    return str(pathlib.Path(__file__).parents[1].joinpath(*path_components))


def thread_safe_generator():
    """None: as in the main thread of PyTorch's loaders, the default generator is meant."""


def compiled_with_cxx11_abi():
    """True, as for all of PyTorch's own binaries today."""
    return True


def set_warn_always(b, /):
    """Whether warnings repeat."""
    _threads["warn"] = bool(b)


def is_warn_always_enabled():
    """What `set_warn_always` was told."""
    return _threads["warn"]
