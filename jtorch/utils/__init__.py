"""`torch.utils`: data loading and smaller helpers."""

from . import data, hooks

__all__ = ["data", "hooks"]
