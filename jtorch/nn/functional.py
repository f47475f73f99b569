"""The functions of `torch.nn.functional`: those of the operation registry, and what is built on them."""

from ..ops.registry import public

globals().update(public["nn.functional"])

__all__ = sorted(public["nn.functional"])
