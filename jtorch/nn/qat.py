"""`torch.nn.qat`: layers for quantised networks, which jtorch does not have."""

from ._absent import absent

__getattr__ = absent("torch.nn.qat", "use the floating-point layers of torch.nn")
