"""`torch.nn.attention`: which implementation of attention to use, masks with a name, attention with
scores that a program modifies.
"""

import contextlib
import enum

from ...backends import cuda as _switches
from . import bias

__all__ = ["WARN_FOR_UNFUSED_KERNELS", "SDPBackend", "bias", "sdpa_kernel"]

WARN_FOR_UNFUSED_KERNELS = False


class SDPBackend(enum.Enum):
    """The implementations of attention that PyTorch chooses from. XLA has one of its own."""

    ERROR = -1
    MATH = 0
    FLASH_ATTENTION = 1
    EFFICIENT_ATTENTION = 2
    CUDNN_ATTENTION = 3
    OVERRIDEABLE = 4

    def __int__(self):
        return self.value


# What torch.backends.cuda calls them.
_NAMES = {
    SDPBackend.CUDNN_ATTENTION: "cudnn",
    SDPBackend.FLASH_ATTENTION: "flash",
    SDPBackend.EFFICIENT_ATTENTION: "mem_efficient",
    SDPBackend.MATH: "math",
}


def _allow(backends):
    for backend, name in _NAMES.items():
        getattr(_switches, f"enable_{name}_sdp")(backend in backends)


def _cur_sdpa_kernel_backends(with_priority=False):
    """The implementations that are allowed now."""
    return [b for b, name in _NAMES.items() if getattr(_switches, f"{name}_sdp_enabled")()]


@contextlib.contextmanager
def sdpa_kernel(backends, set_priority=False):
    """Allow only some implementations of attention inside a `with`, or a decorated function.

    The choice can be read back from `torch.backends.cuda`; the computation is XLA's own all the
    same. Raises AssertionError for what is no SDPBackend.
    """
    if not isinstance(backends, (list, SDPBackend)):
        raise AssertionError(
            "Backend must be an instance of SDPBackend or a list of SDPBackend instances, got "
            f"{type(backends).__name__}"
        )
    backends = [backends] if isinstance(backends, SDPBackend) else list(dict.fromkeys(backends))
    before = _cur_sdpa_kernel_backends()
    _allow(backends)
    try:
        yield {}
    finally:
        _allow(before)
