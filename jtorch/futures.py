"""`torch.futures`: results that may not be there yet. In one process they come from what was run at
once, or from whoever sets them.
"""

import threading

__all__ = ["Future", "collect_all", "wait_all"]


class Future:
    """A result that is set once, waited for by any thread, and passed on to callbacks."""

    def __init__(self, *, devices=None):
        self._ready = threading.Event()
        self._lock = threading.Lock()
        self._callbacks = []
        self._value = self._error = None

    def done(self):
        """True once there is a result or an exception."""
        return self._ready.is_set()

    def wait(self):
        """The result, waited for. Raises the exception if that was set."""
        self._ready.wait()
        return self.value()

    def value(self):
        """The result. Raises RuntimeError when there is none yet, or the exception that was set."""
        if not self.done():
            raise RuntimeError("Future is not completed; use wait()")
        if self._error is not None:
            raise self._error
        return self._value

    def set_result(self, result):
        """Complete the future. Raises RuntimeError the second time."""
        self._complete(result, None)

    def set_exception(self, result):
        """Complete the future with an exception."""
        if not isinstance(result, Exception):
            raise AssertionError(f"{result} is of type {type(result)}, not an Exception.")
        self._complete(None, result)

    def _complete(self, value, error):
        with self._lock:
            if self.done():
                raise RuntimeError("Future can only be marked completed once")
            self._value, self._error = value, error
            self._ready.set()
        for callback in self._callbacks:
            callback(self)

    def add_done_callback(self, callback):
        """Call `callback(self)` once there is a result, at once if there is one already."""
        with self._lock:
            if not self.done():
                self._callbacks.append(callback)
                return
        callback(self)

    def then(self, callback):
        """A future of what `callback(self)` returns or raises."""
        following = Future()

        def run(future):
            try:
                following.set_result(callback(future))
            except Exception as error:
                following.set_exception(error)

        self.add_done_callback(run)
        return following


def collect_all(futures):
    """A future of the list of futures, complete when all of them are."""
    futures = list(futures)
    collected = Future()
    left = [len(futures)]
    lock = threading.Lock()

    def count(future):
        with lock:
            left[0] -= 1
            last = left[0] == 0
        if last:
            collected.set_result(futures)

    for future in futures:
        future.add_done_callback(count)
    if not futures:
        collected.set_result(futures)
    return collected


def wait_all(futures):
    """The results of all futures. Raises the first exception among them."""
    return [future.wait() for future in collect_all(futures).wait()]


def fork(func, *args, **kwargs):
    """A future of func(*args, **kwargs), which is run at once."""
    future = Future()
    try:
        future.set_result(func(*args, **kwargs))
    except Exception as error:
        future.set_exception(error)
    return future


def wait(future):
    """The result of a future."""
    return future.wait()
