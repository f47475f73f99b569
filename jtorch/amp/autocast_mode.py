"""`autocast`: operations in lower precision where it does no harm; `custom_fwd`, `custom_bwd`."""

import functools
import warnings
from collections.abc import Mapping

import numpy as np

from .._engine import autocast as engine
from .._engine import device as devices
from .._engine.dtypes import bfloat16, float16, float64
from .._engine.tensor import Tensor
from ._switches import get_autocast_dtype, is_autocast_enabled, kind_of

__all__ = ["autocast", "autocast_decorator", "custom_bwd", "custom_fwd", "is_autocast_available"]


def is_autocast_available(device_type):
    """True for a type of device that autocast knows."""
    return engine.available(kind_of(device_type))


def autocast_decorator(autocast_instance, func):
    """`func`, called inside of the context `autocast_instance`."""

    @functools.wraps(func)
    def decorate_autocast(*args, **kwargs):
        with autocast_instance:
            return func(*args, **kwargs)

    decorate_autocast.__script_unsupported = "@autocast() decorator is not supported in script mode"
    return decorate_autocast


class autocast:
    """Inside (or in a decorated function), products and convolutions of floating-point tensors on
    devices of a type are computed in `dtype`, and what needs more is computed in float32.

    dtype: by default bfloat16 on the CPU and float16 on GPUs. cache_enabled: cast a weight once
    until the outermost `autocast` is left.
    """

    def __init__(self, device_type, dtype=None, enabled=True, cache_enabled=None):
        if not isinstance(device_type, str):
            raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
        self.fast_dtype = get_autocast_dtype(device_type) if dtype is None else dtype
        self.device = device_type
        if not is_autocast_available(device_type):
            raise RuntimeError(
                f"User specified an unsupported autocast device_type '{device_type}'"
            )
        self.custom_backend_name = "privateuseone"
        self._cache_enabled = engine.state.cache_enabled if cache_enabled is None else cache_enabled
        self._enabled = bool(enabled) and self._usable()

    def _usable(self):
        if self.device == "cuda" and not devices.platform_devices("cuda"):
            warnings.warn(
                "CUDA is not available or torch_xla is imported. Disabling autocast.",
                stacklevel=3,
            )
            return False
        if self.fast_dtype not in (bfloat16, float16):
            name = self.device.upper()
            warnings.warn(
                f"In {name} autocast, but the target dtype is not supported. Disabling autocast.\n"
                f"{name} Autocast only supports dtypes of torch.bfloat16, torch.float16 currently.",
                stacklevel=3,
            )
            return False
        return True

    def __enter__(self):
        state, kind = engine.state, kind_of(self.device)
        self.prev = kind in state.active
        self.prev_fastdtype = state.dtypes[kind]
        self.prev_cache_enabled = state.cache_enabled
        state.dtypes[kind] = self.fast_dtype
        state.cache_enabled = self._cache_enabled
        state.nesting += 1
        engine.enable(kind, self._enabled)
        return self

    def __exit__(self, *exc):
        state, kind = engine.state, kind_of(self.device)
        engine.leave()
        engine.enable(kind, self.prev)
        state.dtypes[kind] = self.prev_fastdtype
        state.cache_enabled = self.prev_cache_enabled
        return False

    def __call__(self, func):
        return autocast_decorator(self, func)


def _enter_autocast(*vals):
    """Enter an `autocast` made of these arguments; returns it."""
    return autocast(*vals).__enter__()


def _exit_autocast(mode):
    """Leave what `_enter_autocast` entered."""
    mode.__exit__(None, None, None)


def _cast(value, device_type, dtype):
    """Floating-point tensors of a device type, in nested containers, in another dtype."""
    if isinstance(value, Tensor):
        wanted = (
            value.is_floating_point()
            and value.device.type == device_type
            and value.dtype is not float64
        )
        return value.to(dtype) if wanted else value
    if isinstance(value, (str, np.ndarray)):
        return value
    if isinstance(value, Mapping):
        return {
            _cast(k, device_type, dtype): _cast(v, device_type, dtype) for k, v in value.items()
        }
    if isinstance(value, (list, tuple)):
        cast = [_cast(v, device_type, dtype) for v in value]
        if hasattr(value, "_fields"):
            return type(value)(*cast)
        return type(value)(cast)
    return value


def custom_fwd(fwd=None, *, device_type, cast_inputs=None):
    """Decorates `forward` of an autograd Function so that `backward` knows the state of autocast.

    cast_inputs: inside of autocast, floating-point inputs are cast to this dtype and `forward` runs
    without autocast.
    """
    _check_device_type(device_type)
    if fwd is None:
        return functools.partial(custom_fwd, device_type=device_type, cast_inputs=cast_inputs)

    @functools.wraps(fwd)
    def decorate_fwd(*args, **kwargs):
        args[0]._dtype = get_autocast_dtype(device_type)
        enabled = is_autocast_enabled(device_type)
        if cast_inputs is None:
            args[0]._fwd_used_autocast = enabled
            return fwd(*args, **kwargs)
        args[0]._fwd_used_autocast = False
        if not enabled:
            return fwd(*args, **kwargs)
        with autocast(device_type=device_type, enabled=False):
            return fwd(
                *_cast(args, device_type, cast_inputs), **_cast(kwargs, device_type, cast_inputs)
            )

    return decorate_fwd


def custom_bwd(bwd=None, *, device_type):
    """Decorates `backward` of an autograd Function: it runs under the autocast of its `forward`."""
    _check_device_type(device_type)
    if bwd is None:
        return functools.partial(custom_bwd, device_type=device_type)

    @functools.wraps(bwd)
    def decorate_bwd(*args, **kwargs):
        with autocast(
            device_type=device_type, enabled=args[0]._fwd_used_autocast, dtype=args[0]._dtype
        ):
            return bwd(*args, **kwargs)

    return decorate_bwd


def _check_device_type(device_type):
    if not isinstance(device_type, str):
        raise ValueError(f"Expected `device_type` of type `str`, got: `{type(device_type)}`")
