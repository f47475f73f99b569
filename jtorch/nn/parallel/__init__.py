"""Modules over several devices of one process."""

from .data_parallel import DataParallel

__all__ = ["DataParallel"]
