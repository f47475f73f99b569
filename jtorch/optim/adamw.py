"""AdamW, under its own module name."""

from .adam import AdamW

__all__ = ["AdamW"]
