"""Keep small BLAS calls on one thread.

OpenBLAS spreads even small products over its threads and waits for them by spinning. On a machine
whose cores are busy (XLA's own threads, data loading workers) that turns a product of 0.06 ms into
one of 20 ms. NumPy's wheels bundle OpenBLAS, whose thread count can be set around a call; where
no such library is found (Accelerate, MKL) nothing is done.
"""

from __future__ import annotations

import ctypes
from collections.abc import Callable
from functools import wraps
from pathlib import Path

import numpy as np

# Below this many operations a second thread gains less than it may lose.
THREADED_FLOPS = 1e9


def _find() -> tuple[Callable, Callable] | None:
    """(get, set) of the thread count of NumPy's OpenBLAS."""
    package = Path(np.__file__).parent
    for folder in (package.parent / "numpy.libs", package / ".dylibs"):
        for path in sorted(folder.glob("*openblas*")):
            try:
                # PyDLL keeps the GIL: these calls take nanoseconds.
                library = ctypes.PyDLL(str(path))
                get = library.scipy_openblas_get_num_threads64_
                put = library.scipy_openblas_set_num_threads64_
            except (OSError, AttributeError):
                continue
            get.restype = ctypes.c_int
            get.argtypes = ()
            put.restype = None
            put.argtypes = (ctypes.c_int,)
            return get, put
    return None


_CONTROL = _find()


def on_one_thread(function: Callable, flops: float) -> Callable:
    """`function`, run with a single BLAS thread if it performs no more than a few operations."""
    if _CONTROL is None or flops > THREADED_FLOPS:
        return function
    get, put = _CONTROL

    @wraps(function)
    def run(*args):
        threads = get()
        if threads == 1:
            return function(*args)
        put(1)
        try:
            return function(*args)
        finally:
            put(threads)

    return run
