"""jtorch: PyTorch's API and semantics on JAX.

`import jtorch as torch`, or run an unmodified script with `python -m jtorch script.py`.
"""

import gc as _gc
import math as _math

# Thousands of lasting objects are about to be made; looking for garbage among them would only cost
# time.
_collecting = _gc.isenabled()
_gc.disable()

from . import _engine, _settings, legacy
from . import ops as _declared
from ._engine import dtypes as _dtypes
from ._engine.device import device, set_default_device
from ._engine.dtypes import can_cast, dtype, get_default_dtype, promote_types
from ._engine.errors import AcceleratorError, FatalError, JITException, OutOfMemoryError
from ._engine.interop import from_dlpack, from_jax, to_jax
from ._engine.formats import (
    channels_last,
    channels_last_3d,
    contiguous_format,
    legacy_contiguous_format,
    memory_format,
    preserve_format,
)
from ._engine.printing import set_printoptions
from ._engine.size import Size
from ._engine.layouts import LAYOUTS as _LAYOUTS
from ._engine.tensor import Tensor
from ._engine.layouts import _Layout as layout
from ._control_flow import cond, while_loop
from ._settings import (
    are_deterministic_algorithms_enabled,
    compiled_with_cxx11_abi,
    get_default_device,
    get_deterministic_debug_mode,
    get_device_module,
    get_file_path,
    get_float32_matmul_precision,
    get_num_interop_threads,
    get_num_threads,
    has_lapack,
    has_mkl,
    has_openmp,
    has_spectral,
    init_num_threads,
    is_complex,
    is_deterministic_algorithms_warn_only_enabled,
    is_floating_point,
    is_nonzero,
    is_signed,
    is_storage,
    is_tensor,
    is_warn_always_enabled,
    numel,
    prepare_multiprocessing_environment,
    result_type,
    set_default_dtype,
    set_default_tensor_type,
    set_deterministic_debug_mode,
    set_float32_matmul_precision,
    set_flush_denormal,
    set_num_interop_threads,
    set_num_threads,
    set_warn_always,
    thread_safe_generator,
    use_deterministic_algorithms,
    version,
)
from ._streams import Event, Stream
from ._symbolic import (
    SymBool,
    SymFloat,
    SymInt,
    _assert,
    _check,
    _check_index,
    _check_is_size,
    _check_tensor_all,
    _check_tensor_all_with,
    _check_value,
    _check_with,
    sym_float,
    sym_fresh_size,
    sym_int,
    sym_ite,
    sym_max,
    sym_min,
    sym_not,
    sym_sqrt,
    sym_sum,
)
from .types_info import finfo, iinfo

# Every declared operation, dtype, layout and legacy type is a name of this module.
globals().update(_declared.public["torch"])
globals().update(_dtypes.NAMES)
globals().update(_dtypes.ALIASES)
globals().update(_LAYOUTS)
globals().update(legacy.legacy_types("cpu"))

from . import (
    accelerator,
    amp,
    autograd,
    backends,
    compiler,
    cpu,
    cuda,
    distributed,
    fft,
    functional,
    futures,
    jit,
    linalg,
    masked,
    mps,
    nested,
    nn,
    onnx,
    optim,
    overrides,
    random,
    return_types,
    signal,
    sparse,
    special,
    storage,
    testing,
    types,
    utils,
    xpu,
)
from .amp import GradScaler, autocast
from .amp._switches import *
from .autograd import enable_grad, inference_mode, no_grad, set_grad_enabled
from .autograd.grad_mode import (
    is_anomaly_check_nan_enabled,
    is_anomaly_enabled,
    is_grad_enabled,
    is_inference_mode_enabled,
    set_anomaly_enabled,
)
from .compiler import compile
from .futures import Future, fork, wait
from .overrides import DisableTorchFunction, DisableTorchFunctionSubclass
from .storage import TypedStorage, UntypedStorage
from ._quantised import qscheme
from .random import (
    Generator,
    default_generator,
    get_rng_state,
    initial_seed,
    manual_seed,
    seed,
    set_rng_state,
)
from . import _C, _ops, _quantised, hub, serialization, torch_version
from .serialization import load, save
from ._alias import install, uninstall

# What was imported stays: keeping it out of every later collection makes recording up to twice as
# fast.
_gc.freeze()
if _collecting:
    _gc.enable()

globals().update(_quantised.SCHEMES)
globals().update(storage.LEGACY)

inf = _math.inf
nan = _math.nan
pi = _math.pi
e = _math.e
newaxis = None

__version__ = torch_version.__version__
# jtorch's own version; __version__ is that of the PyTorch API, which libraries compare.
JTORCH_VERSION = "0.1.0"
__all__ = sorted(n for n in globals() if not n.startswith("_"))
