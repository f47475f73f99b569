"""jtorch: PyTorch's API and semantics on JAX."""

from . import _engine
from ._engine import dtypes as _dtypes
from ._engine import errors as _errors
from ._engine.device import device
from ._engine.dtypes import ALIASES as _DTYPE_ALIASES
from ._engine.dtypes import NAMES as _DTYPE_NAMES
from ._engine.dtypes import can_cast, dtype, get_default_dtype, promote_types
from ._engine.size import Size
from ._engine.tensor import LAYOUTS as _LAYOUTS
from ._engine.tensor import Tensor
from . import ops as _ops
from . import autograd
from .autograd import enable_grad, inference_mode, no_grad, set_grad_enabled
from .autograd.grad_mode import is_grad_enabled, is_inference_mode_enabled

__version__ = "2.7.0"

globals().update(_DTYPE_NAMES)
globals().update(_DTYPE_ALIASES)
globals().update(_ops.public["torch"])
