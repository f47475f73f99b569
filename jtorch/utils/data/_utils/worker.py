"""What a dataset can find out about the loader's worker it runs in."""

import threading

__all__ = ["WorkerInfo", "get_worker_info"]


class WorkerInfo:
    """A worker's number, how many there are, its seed and its copy of the dataset. Read-only once
    made.
    """

    __initialized = False

    def __init__(self, **kwargs):
        for name, value in kwargs.items():
            setattr(self, name, value)
        self._names = tuple(kwargs)
        self.__initialized = True

    def __setattr__(self, key, val):
        if self.__initialized:
            raise RuntimeError(f"Cannot assign attributes to {self.__class__.__name__} objects")
        super().__setattr__(key, val)

    def __repr__(self):
        items = ", ".join(f"{k}={getattr(self, k)}" for k in self._names)
        return f"{self.__class__.__name__}({items})"


class _Current(threading.local):
    info = None


current = _Current()


def get_worker_info():
    """The WorkerInfo of the worker that runs the caller; None in the main process."""
    return current.info
