"""`torch._ops`: the classes of what `torch.ops` gives."""

from . import ops
from .ops.namespaces import OpOverload, OpOverloadPacket, _OpNamespace

__all__ = ["OpOverload", "OpOverloadPacket", "_OpNamespace", "ops"]
