"""`torch.utils`: data loading and smaller helpers."""

from . import data

__all__ = ["data"]
