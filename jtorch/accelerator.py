"""`torch.accelerator`: the machine's GPUs or TPUs, whichever JAX has."""

import contextlib

from . import _streams
from ._engine import device as devices
from ._engine import trace

__all__ = [
    "current_accelerator",
    "current_device_idx",
    "current_device_index",
    "current_stream",
    "device_count",
    "device_index",
    "empty_cache",
    "empty_host_cache",
    "get_device_capability",
    "get_memory_info",
    "is_available",
    "max_memory_allocated",
    "max_memory_reserved",
    "memory_allocated",
    "memory_reserved",
    "memory_stats",
    "reset_accumulated_memory_stats",
    "reset_peak_memory_stats",
    "set_device_idx",
    "set_device_index",
    "set_stream",
    "synchronize",
]

_current = [0]


def _there():
    """The JAX devices that are not CPUs."""
    found = devices.platform_devices(devices.accelerator_type())
    return [d for d in found if d.platform != "cpu"]


def is_available():
    """True when JAX has a device other than the CPU."""
    return bool(_there())


def device_count():
    """How many such devices there are."""
    return len(_there())


def current_accelerator(check_available=False):
    """The kind of device, `device("cuda")` or `device("xla")`; None when there is only the CPU."""
    return devices.device(devices.accelerator_type()) if is_available() else None


def _device(index=None):
    """The JAX device of an index, a device or the current one. Raises RuntimeError without any."""
    there = _there()
    if not there:
        raise RuntimeError("Cannot access accelerator device when none is available.")
    if index is not None and not isinstance(index, int):
        index = devices.device(index).index
    return there[_current[0] if index is None else index]


def current_device_index():
    """The index of the current device. Raises RuntimeError when there is none."""
    _device()
    return _current[0]


def set_device_index(device):
    """Make a device the current one, by index or `torch.device`."""
    _device(device)
    index = device if isinstance(device, int) else devices.device(device).index
    if index is not None and index >= 0:
        _current[0] = index


current_device_idx, set_device_idx = current_device_index, set_device_index


class device_index(contextlib.ContextDecorator):
    """Inside, the given device is the current one; None leaves it as it is."""

    def __init__(self, device):
        self.index = device

    def __enter__(self):
        self.before = _current[0]
        if self.index is not None:
            set_device_index(self.index)

    def __exit__(self, *exc):
        _current[0] = self.before


def current_stream(device=None):
    """The one stream of a device."""
    _device(device)
    index = _current[0] if device is None else device
    return _streams.Stream(devices.device(devices.accelerator_type(), index))


def set_stream(stream):
    """No effect: XLA orders the work by itself."""
    _device()


def synchronize(device=None):
    """Wait until everything recorded is computed."""
    _device(device)
    trace.synchronize()


def empty_cache():
    """Nothing to do: XLA manages device memory."""
    _device()


empty_host_cache = empty_cache


def get_device_capability(device=None):
    """What is known of a device, by name."""
    found = _device(device)
    return {
        "name": found.device_kind,
        "compute_capability": getattr(found, "compute_capability", None),
    }


def memory_stats(device=None):
    """What XLA's allocator says of a device's memory, in bytes, by name."""
    return dict(_device(device).memory_stats() or {})


def _bytes(name):
    def count(device=None):
        return memory_stats(device).get(name, 0)

    count.__doc__ = f"`{name}` of XLA's allocator."
    return count


memory_allocated = _bytes("bytes_in_use")
max_memory_allocated = _bytes("peak_bytes_in_use")
memory_reserved = _bytes("bytes_reserved")
max_memory_reserved = _bytes("peak_bytes_reserved")


def reset_peak_memory_stats(device=None):
    """Nothing to do: XLA keeps no resettable peak."""
    _device(device)


reset_accumulated_memory_stats = reset_peak_memory_stats


def get_memory_info(device=None):
    """(free, total) bytes of a device."""
    stats = memory_stats(device)
    total = stats.get("bytes_limit", 0)
    return total - stats.get("bytes_in_use", 0), total
