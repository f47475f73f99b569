"""`torch.return_types`: the named tuples that operations with several results return."""

from .ops.registry import return_types as _types

globals().update(_types)
__all__ = sorted(_types)
