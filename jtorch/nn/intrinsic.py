"""`torch.nn.intrinsic`: layers for quantised networks, which jtorch does not have."""

from ._absent import absent

__getattr__ = absent("torch.nn.intrinsic", "use the floating-point layers of torch.nn")
