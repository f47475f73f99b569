"""The functions of the `torch` namespace that read and set the state of autocast."""

import warnings

from .._engine import autocast
from .._engine.device import device

__all__ = [
    "autocast_decrement_nesting",
    "autocast_increment_nesting",
    "clear_autocast_cache",
    "get_autocast_cpu_dtype",
    "get_autocast_dtype",
    "get_autocast_gpu_dtype",
    "get_autocast_xla_dtype",
    "is_autocast_cache_enabled",
    "is_autocast_cpu_enabled",
    "is_autocast_enabled",
    "is_autocast_xla_enabled",
    "set_autocast_cache_enabled",
    "set_autocast_cpu_dtype",
    "set_autocast_cpu_enabled",
    "set_autocast_dtype",
    "set_autocast_enabled",
    "set_autocast_gpu_dtype",
    "set_autocast_xla_dtype",
    "set_autocast_xla_enabled",
]


def kind_of(device_type):
    """The type in a device string. Raises RuntimeError for one that is none."""
    return device(device_type).type


def is_autocast_enabled(device_type="cuda"):
    """True when operations on that type of device are autocast."""
    return kind_of(device_type) in autocast.state.active


def set_autocast_enabled(*arguments):
    """set_autocast_enabled([device_type="cuda",] enabled): turn autocast on or off."""
    device_type, enabled = arguments if len(arguments) == 2 else ("cuda", *arguments)
    autocast.enable(kind_of(device_type), enabled)


def get_autocast_dtype(device_type):
    """The dtype that operations on that type of device are autocast to."""
    return autocast.lower_dtype(kind_of(device_type))


def set_autocast_dtype(device_type, dtype):
    """Set the dtype that operations on that type of device are autocast to."""
    autocast.state.dtypes[kind_of(device_type)] = dtype


def is_autocast_cache_enabled():
    """True when weights are cast once per outermost `autocast`."""
    return autocast.state.cache_enabled


def set_autocast_cache_enabled(enabled):
    """Say whether weights are cast once per outermost `autocast`."""
    autocast.state.cache_enabled = bool(enabled)


def clear_autocast_cache():
    """Forget the weights that were cast."""
    autocast.state.cache.clear()


def autocast_increment_nesting():
    """Enter one more level of nesting; returns the level."""
    autocast.state.nesting += 1
    return autocast.state.nesting


def autocast_decrement_nesting():
    """Leave one level of nesting; returns the level. At 0 the cast weights are forgotten."""
    return autocast.leave()


def _old(verb, what, name, kind):
    """An old name, with a device type in it, of one of the functions above."""
    new = {
        ("is", "enabled"): is_autocast_enabled,
        ("set", "enabled"): set_autocast_enabled,
        ("get", "dtype"): get_autocast_dtype,
        ("set", "dtype"): set_autocast_dtype,
    }[verb, what]
    shown = f"{verb}_autocast_{name}_{what}"
    call = f"torch.{new.__name__}('{kind}'{', ' + what if verb == 'set' else ''})"

    def old(*args):
        warnings.warn(
            f"torch.{shown}() is deprecated. Please use {call} instead.",
            DeprecationWarning,
            stacklevel=2,
        )
        return new(kind, *args)

    old.__name__ = old.__qualname__ = shown
    old.__doc__ = f"Old name of `{call}`."
    return old


is_autocast_cpu_enabled = _old("is", "enabled", "cpu", "cpu")
is_autocast_xla_enabled = _old("is", "enabled", "xla", "xla")
set_autocast_cpu_enabled = _old("set", "enabled", "cpu", "cpu")
set_autocast_xla_enabled = _old("set", "enabled", "xla", "xla")
get_autocast_cpu_dtype = _old("get", "dtype", "cpu", "cpu")
get_autocast_gpu_dtype = _old("get", "dtype", "gpu", "cuda")
get_autocast_xla_dtype = _old("get", "dtype", "xla", "xla")
set_autocast_cpu_dtype = _old("set", "dtype", "cpu", "cpu")
set_autocast_gpu_dtype = _old("set", "dtype", "gpu", "cuda")
set_autocast_xla_dtype = _old("set", "dtype", "xla", "xla")
