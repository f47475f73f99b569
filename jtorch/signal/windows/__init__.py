"""`torch.signal.windows`: see the docstring of each function."""

from ...ops import public as _public

globals().update(_public["signal.windows"])
__all__ = sorted(_public["signal.windows"])
