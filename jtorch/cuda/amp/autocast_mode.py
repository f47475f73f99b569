"""`autocast`, `custom_fwd` and `custom_bwd` for GPUs, under their old names."""

import functools
import warnings

from ..._engine.dtypes import float16
from ...amp import autocast_mode
from ...amp.autocast_mode import _cast as _cast

__all__ = ["autocast", "custom_bwd", "custom_fwd"]


def _warn(old, new):
    warnings.warn(
        f"`torch.cuda.amp.{old}(args...)` is deprecated. Please use `torch.amp.{new}` instead.",
        FutureWarning,
        stacklevel=3,
    )


class autocast(autocast_mode.autocast):
    """Old name of `torch.amp.autocast("cuda")`."""

    def __init__(self, enabled=True, dtype=float16, cache_enabled=True):
        _warn("autocast", "autocast('cuda', args...)")
        super().__init__("cuda", enabled=enabled, dtype=dtype, cache_enabled=cache_enabled)


def custom_fwd(fwd=None, *, cast_inputs=None):
    """Old name of `torch.amp.custom_fwd(device_type="cuda")`."""
    _warn("custom_fwd", "custom_fwd(args..., device_type='cuda')")
    return functools.partial(autocast_mode.custom_fwd, device_type="cuda")(
        fwd, cast_inputs=cast_inputs
    )


def custom_bwd(bwd):
    """Old name of `torch.amp.custom_bwd(device_type="cuda")`."""
    _warn("custom_bwd", "custom_bwd(args..., device_type='cuda')")
    return autocast_mode.custom_bwd(bwd, device_type="cuda")
