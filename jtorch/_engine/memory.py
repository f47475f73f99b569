"""The C library's memory allocator: large blocks that a training step frees are taken again by the
next one.
"""

import ctypes
import os
import sys

_M_TRIM_THRESHOLD, _M_MMAP_THRESHOLD = -1, -3
# The largest that glibc takes: bigger blocks come from the system one by one.
LARGEST_BLOCK = 32 << 20
# Free memory at the end of the heap up to which nothing is given back to the system.
KEPT = 512 << 20


def keep_freed_memory():
    """Let glibc keep what is freed, up to `KEPT` bytes, instead of asking the system again.

    With its own defaults the results of a step (gradients above all) are new pages every time, each
    of which the system has to clear. Other C libraries, and a user who set glibc's own variables,
    are left alone.
    """
    if not sys.platform.startswith("linux") or any(k.startswith("MALLOC_") for k in os.environ):
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(_M_MMAP_THRESHOLD, LARGEST_BLOCK)
        mallopt(_M_TRIM_THRESHOLD, KEPT)
