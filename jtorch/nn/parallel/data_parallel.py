"""DataParallel over the devices of one process."""

from ..modules.module import Module

__all__ = ["DataParallel"]


class DataParallel(Module):
    """Wraps a module; the whole batch goes to it, as in torch where there is one device.

    Several device_ids are refused: the values would be the same, the speed would not.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        if device_ids is not None and len(device_ids) > 1:
            raise NotImplementedError(
                "torch.nn.DataParallel: several device_ids are not supported by jtorch; "
                "use torch.nn.parallel.DistributedDataParallel"
            )
        self.module = module
        self.device_ids = list(device_ids or [])
        self.output_device = output_device
        self.dim = dim

    def forward(self, *inputs, **kwargs):
        """Call the module."""
        return self.module(*inputs, **kwargs)
