"""`torch.cuda`: GPUs, when JAX has some; on other machines everything says that there are none."""

import collections
import contextlib
import types

from .. import _streams
from .._engine import device as devices
from .._engine import trace
from .._engine.errors import OutOfMemoryError as OutOfMemoryError
from .._streams import Event as Event
from ..legacy import legacy_types, sparse_types
from . import amp

sparse = types.SimpleNamespace(**sparse_types("cuda"))
globals().update(legacy_types("cuda"))


def is_available():
    """True when JAX has a GPU."""
    return bool(devices.platform_devices("cuda"))


def device_count():
    """How many GPUs JAX has."""
    return len(devices.platform_devices("cuda"))


def is_initialized():
    """True once GPUs can be used."""
    return is_available()


def init():
    """Nothing to do: JAX initialises its devices when they are first used."""


def is_bf16_supported(including_emulation=True):
    """True when there is a GPU; XLA computes bfloat16 on all of them."""
    return is_available()


_current = [0]


def current_device():
    """The index of the current GPU. Raises AssertionError when there is none."""
    devices.resolve(devices.device("cuda", _current[0]))
    return _current[0]


def _index(d):
    if isinstance(d, int):
        return d
    d = devices.device(d) if d is not None else devices.device("cuda", _current[0])
    return _current[0] if d.index is None else d.index


def set_device(device):
    """Make a GPU the current one."""
    index = _index(device)
    if index >= 0:
        devices.resolve(devices.device("cuda", index))
        _current[0] = index


class device(contextlib.ContextDecorator):
    """Inside, the given GPU is the current one."""

    def __init__(self, device):
        self.index = _index(device)

    def __enter__(self):
        self.before = _current[0]
        set_device(self.index)
        return self

    def __exit__(self, *exc):
        _current[0] = self.before


def synchronize(device=None):
    """Wait until everything recorded is computed."""
    trace.synchronize()


def empty_cache():
    """Nothing to do: XLA manages device memory."""


def ipc_collect():
    """Nothing to do: there is no sharing between processes."""


def _stats(device):
    d = devices.jax_device(devices.resolve(devices.device("cuda", _index(device))))
    return d.memory_stats() or {}


def memory_allocated(device=None):
    """Bytes in use on a GPU; 0 without one."""
    return _stats(device).get("bytes_in_use", 0) if is_available() else 0


def max_memory_allocated(device=None):
    """The most bytes that were in use on a GPU; 0 without one."""
    return _stats(device).get("peak_bytes_in_use", 0) if is_available() else 0


def memory_reserved(device=None):
    """Bytes XLA's allocator holds on a GPU; 0 without one."""
    return _stats(device).get("bytes_reserved", memory_allocated(device)) if is_available() else 0


max_memory_reserved = max_memory_cached = memory_cached = memory_reserved


def reset_peak_memory_stats(device=None):
    """Nothing to do: XLA keeps no resettable peak."""


reset_max_memory_allocated = reset_max_memory_cached = reset_peak_memory_stats


def memory_stats(device=None):
    """What XLA's allocator says of a GPU's memory, in bytes, by XLA's names; empty without one."""
    return collections.OrderedDict(_stats(device) if is_available() else {})


def memory_summary(device=None, abbreviated=False):
    """`memory_stats` as a text, one number a line."""
    return "\n".join(f"{name}: {number}" for name, number in memory_stats(device).items())


def is_current_stream_capturing():
    """False: XLA records no graphs of streams."""
    return False


def get_rng_state_all():
    """[]: random numbers come from the CPU generator on every device."""
    return []


def set_rng_state_all(new_states):
    """No effect; see `get_rng_state_all`."""


def get_device_name(device=None):
    """A GPU's name."""
    return devices.jax_device(devices.resolve(devices.device("cuda", _index(device)))).device_kind


def get_device_capability(device=None):
    """A GPU's compute capability, (major, minor)."""
    d = devices.jax_device(devices.resolve(devices.device("cuda", _index(device))))
    major, _, minor = str(getattr(d, "compute_capability", "0.0")).partition(".")
    return int(major), int(minor or 0)


class _Properties:
    """What is known of a GPU."""

    def __init__(self, device):
        self.name = get_device_name(device)
        self.major, self.minor = get_device_capability(device)
        self.total_memory = _stats(device).get("bytes_limit", 0)
        self.multi_processor_count = int(getattr(device, "core_count", 0) or 0)


def get_device_properties(device=None):
    """Name, capability and memory of a GPU."""
    return _Properties(device)


def mem_get_info(device=None):
    """(free, total) bytes of a GPU."""
    stats = _stats(device)
    total = stats.get("bytes_limit", 0)
    return total - stats.get("bytes_in_use", 0), total


class Stream(_streams.Stream):
    """A stream of a GPU. XLA orders the work by itself, so streams have no effect."""

    def __init__(self, device=None, priority=0, **kwargs):
        super().__init__(devices.device("cuda", _index(device)), priority)


def current_stream(device=None):
    """The one stream."""
    return _stream


def default_stream(device=None):
    """The one stream."""
    return _stream


_stream = Stream()


def stream(s):
    """A context in which `s` is the current stream; no effect."""
    return s if s is not None else contextlib.nullcontext()


def manual_seed(seed):
    """No effect: random numbers come from the CPU generator, which `torch.manual_seed` seeds, on
    every device.
    """


manual_seed_all = manual_seed


def seed():
    """No effect; see `manual_seed`."""


seed_all = seed
