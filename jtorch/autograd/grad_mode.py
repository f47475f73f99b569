"""Switches of gradient recording: context managers that are decorators too."""

import functools
import inspect

from .._engine.tape import mode


class _Switch:
    """Base of the switches: `with switch():`, `@switch()` and, where torch allows it, `@switch`."""

    def __enter__(self):
        raise NotImplementedError

    def __exit__(self, *exc):
        raise NotImplementedError

    def clone(self):
        """A fresh switch of the same kind, for each call of a decorated function."""
        return type(self)()

    def __call__(self, fn):
        if inspect.isclass(fn):
            fn.__init__ = self(fn.__init__)
            return fn
        if inspect.isgeneratorfunction(fn):
            return self._decorate_generator(fn)

        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            with self.clone():
                return fn(*args, **kwargs)

        return wrapped

    def _decorate_generator(self, fn):
        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            generator = fn(*args, **kwargs)
            sent = None
            while True:
                try:
                    with self.clone():
                        item = generator.send(sent)
                except StopIteration as stop:
                    return stop.value
                sent = yield item

        return wrapped


class _NoArguments(_Switch):
    """A switch that may decorate a function without being called first."""

    def __new__(cls, fn=None):
        return object.__new__(cls) if fn is None else object.__new__(cls)(fn)

    def __init__(self, fn=None):
        self._stack = []


class no_grad(_NoArguments):
    """Inside, nothing is recorded for gradients."""

    def __enter__(self):
        self._stack.append(mode.enabled)
        mode.enabled = False

    def __exit__(self, *exc):
        mode.enabled = self._stack.pop()


class enable_grad(_NoArguments):
    """Inside, gradients are recorded even within `no_grad`."""

    def __enter__(self):
        self._stack.append(mode.enabled)
        mode.enabled = True

    def __exit__(self, *exc):
        mode.enabled = self._stack.pop()


class set_grad_enabled(_Switch):
    """Set whether gradients are recorded, at once; as a context manager, until its end."""

    def __init__(self, mode_):
        self.mode = bool(mode_)
        self.prev = mode.enabled
        mode.enabled = self.mode

    def __enter__(self):
        mode.enabled = self.mode

    def __exit__(self, *exc):
        mode.enabled = self.prev

    def clone(self):
        """A switch to the same state."""
        return set_grad_enabled(self.mode)

    def __call__(self, fn):
        mode.enabled = self.prev
        return super().__call__(fn)

    def __repr__(self):
        return f"set_grad_enabled(mode={self.mode})"


class inference_mode(_Switch):
    """Inside, nothing is recorded, and tensors made are inference tensors."""

    def __new__(cls, mode=True):
        made = object.__new__(cls)
        if not isinstance(mode, bool):
            made.__init__(True)
            return made(mode)
        return made

    def __init__(self, mode=True):
        self.mode = mode
        self._stack = []

    def clone(self):
        """A switch to the same state."""
        return inference_mode(self.mode)

    def __enter__(self):
        self._stack.append((mode.enabled, mode.inference))
        mode.enabled, mode.inference = not self.mode, self.mode

    def __exit__(self, *exc):
        mode.enabled, mode.inference = self._stack.pop()


def is_grad_enabled():
    """True while gradients are recorded."""
    return mode.enabled


def is_inference_mode_enabled():
    """True inside `inference_mode`."""
    return mode.inference


class set_detect_anomaly(_Switch):
    """Whether backward checks gradients for NaN. Takes effect at once, or until the end of a `with`
    block.
    """

    def __init__(self, mode_, check_nan=True):
        self.prev = mode.anomaly
        mode.anomaly = bool(mode_) and check_nan

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        mode.anomaly = self.prev


class detect_anomaly(_Switch):
    """Inside, backward checks gradients for NaN."""

    def __init__(self, check_nan=True):
        self.check_nan = check_nan
        self._stack = []

    def __enter__(self):
        self._stack.append(mode.anomaly)
        mode.anomaly = self.check_nan

    def __exit__(self, *exc):
        mode.anomaly = self._stack.pop()


def set_anomaly_enabled(enabled, check_nan=True):
    """Whether backward checks gradients for NaN."""
    mode.anomaly = bool(enabled) and check_nan


def is_anomaly_check_nan_enabled():
    """True: there is no detection of anomalies that does not look for NaN."""
    return True


def is_anomaly_enabled():
    """True while backward checks gradients for NaN."""
    return mode.anomaly
