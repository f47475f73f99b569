"""`torch.special`: see the docstring of each function."""

from ..ops import public as _public

globals().update(_public["special"])
__all__ = sorted(_public["special"])
