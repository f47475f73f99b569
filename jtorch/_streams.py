"""Streams and events: XLA orders the work by itself, so that they can only be waited for."""

import time

from ._engine import device as devices
from ._engine import trace


class Stream:
    """A stream of any device. XLA orders the work by itself, so streams have no effect."""

    __module__ = "torch"

    def __init__(self, device=None, priority=0, **kwargs):
        self.device = devices.default_device() if device is None else devices.device(device)
        self.priority = priority
        self.stream_id = 0

    @property
    def device_type(self):
        """The type of the device."""
        return self.device.type

    @property
    def device_index(self):
        """The index of the device, -1 where it has none."""
        return -1 if self.device.index is None else self.device.index

    def synchronize(self):
        """Wait until everything recorded is computed."""
        trace.synchronize()

    def wait_stream(self, stream):
        """No effect."""

    def wait_event(self, event):
        """No effect."""

    def record_event(self, event=None):
        """An event after everything recorded so far."""
        event = event or Event()
        event.record(self)
        return event

    def query(self):
        """True: results are waited for when they are looked at."""
        return True

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None

    def __eq__(self, other):
        return isinstance(other, Stream) and self.device == other.device

    def __hash__(self):
        return hash(self.device)

    def __repr__(self):
        return (
            f"torch.Stream device_type={self.device_type}, device_index={self.device_index}, "
            f"stream_id={self.stream_id}"
        )


class Event:
    """A point in time, measured by the host after waiting for the device."""

    __module__ = "torch"

    def __init__(self, device=None, enable_timing=False, blocking=False, interprocess=False):
        # torch.cuda.Event has no device, and its first argument is enable_timing.
        if isinstance(device, bool):
            device, enable_timing = None, device
        self.device = devices.default_device() if device is None else devices.device(device)
        self.event_id = 0
        self._timed = enable_timing
        self._at = None

    def record(self, stream=None):
        """Note the time at which everything recorded so far is computed."""
        trace.synchronize()
        self._at = time.perf_counter()

    def elapsed_time(self, end):
        """Milliseconds until another event. Raises RuntimeError unless both were recorded."""
        if self._at is None or end._at is None:
            raise RuntimeError("Both events must be recorded before calculating elapsed time.")
        return (end._at - self._at) * 1e3

    def synchronize(self):
        """Nothing to wait for."""

    def wait(self, stream=None):
        """No effect."""

    def query(self):
        """True once recorded."""
        return self._at is not None

    def __repr__(self):
        index = -1 if self.device.index is None else self.device.index
        return (
            f"torch.Event device_type={self.device.type}, device_index={index}, "
            f"event_flag={int(self._timed)}, event_id={self.event_id}"
        )
