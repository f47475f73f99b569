"""`torch.fft`: see the docstring of each function."""

from ..ops import public as _public

globals().update(_public["fft"])
__all__ = sorted(_public["fft"])
