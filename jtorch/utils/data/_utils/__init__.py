"""The parts of data loading that libraries reach for by name."""

from . import collate, worker

__all__ = ["collate", "worker"]
