"""`torch.utils.dlpack`: tensors to and from other libraries without copies."""

from .._engine.interop import from_dlpack
from ..ops.registry import ops

__all__ = ["from_dlpack", "to_dlpack"]

to_dlpack = ops.to_dlpack
