"""`torch.utils`: data loading and smaller helpers."""

from .._engine.tensor import swap
from . import data, dlpack, hooks

__all__ = ["data", "dlpack", "hooks", "swap_tensors"]


def swap_tensors(t1, t2):
    """Let each of two tensors be what the other was, class and attributes included."""
    swap(t1, t2)
