"""`torch.cpu`: what scripts for any accelerator ask of the CPU."""

import contextlib

from .._engine import trace
from . import amp

__all__ = [
    "Stream",
    "StreamContext",
    "amp",
    "current_device",
    "current_stream",
    "device_count",
    "is_available",
    "is_initialized",
    "set_device",
    "stream",
    "synchronize",
]


class Stream:
    """A stream of the CPU, on which nothing runs by itself."""

    def __init__(self, priority=-1):
        self.priority = priority

    def wait_stream(self, stream):
        """Nothing to wait for."""

    def record_event(self):
        """Nothing to record."""

    def wait_event(self, event):
        """Nothing to wait for."""


_stream = Stream()


class StreamContext(contextlib.AbstractContextManager):
    """Changes nothing."""

    def __init__(self, stream):
        self.stream = stream

    def __exit__(self, *exc):
        return None


def is_available():
    """True."""
    return True


def is_initialized():
    """True."""
    return True


def device_count():
    """One."""
    return 1


def current_device():
    """The name of the only CPU."""
    return "cpu"


def set_device(device):
    """Nothing to set: there is one CPU."""


def current_stream(device=None):
    """The only stream."""
    return _stream


def stream(stream):
    """A context that changes nothing."""
    return StreamContext(stream)


def synchronize(device=None):
    """Wait until everything recorded is computed."""
    trace.synchronize()
