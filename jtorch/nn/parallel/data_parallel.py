"""DataParallel over the devices of one process."""

import itertools

from ..._engine import device as devices
from ..modules.module import Module
from .parallel_apply import parallel_apply
from .replicate import replicate
from .scatter_gather import gather, scatter_kwargs

__all__ = ["DataParallel", "data_parallel"]


def _device_list(device_ids):
    """The devices meant. Numbers are GPUs: without GPUs there is nothing to be parallel on."""
    gpus = len(devices.platform_devices("cuda"))
    ids = range(gpus) if device_ids is None else device_ids
    return [devices.device(d) for d in ids if gpus or not isinstance(d, int)]


class DataParallel(Module):
    """Cuts the batch into parts, one for each device, and joins the results of copies of a module
    on the output device.

    device_ids: GPU numbers, all of them by default, or devices such as "xla:1"; on a machine
    without them the module gets the whole batch. One process calls the copies in turn.
    """

    def __init__(self, module, device_ids=None, output_device=None, dim=0):
        super().__init__()
        self.module = module
        found = _device_list(device_ids)
        if not found:
            self.device_ids = []
            return
        self.dim = dim
        self.device_ids = [_shown(d) for d in found]
        self.output_device = _shown(
            found[0] if output_device is None else devices.device(output_device)
        )
        self.src_device_obj = devices.resolve(found[0])
        if len(found) == 1:
            self.module.to(self.src_device_obj)

    def forward(self, *inputs, **kwargs):
        """Call the module on every part of the batch."""
        if not self.device_ids:
            return self.module(*inputs, **kwargs)
        _check_place(self.module, self.src_device_obj)
        inputs, module_kwargs = self.scatter(inputs, kwargs, self.device_ids)
        if not inputs and not module_kwargs:
            # A module without arguments still runs once.
            inputs, module_kwargs = ((),), ({},)
        if len(self.device_ids) == 1:
            return self.module(*inputs[0], **module_kwargs[0])
        replicas = self.replicate(self.module, self.device_ids[: len(inputs)])
        return self.gather(self.parallel_apply(replicas, inputs, module_kwargs), self.output_device)

    def replicate(self, module, device_ids):
        """Copies of the module on devices."""
        return replicate(module, device_ids)

    def scatter(self, inputs, kwargs, device_ids):
        """The parts of the arguments."""
        return scatter_kwargs(inputs, kwargs, device_ids, dim=self.dim)

    def parallel_apply(self, replicas, inputs, kwargs):
        """The results of the copies."""
        return parallel_apply(replicas, inputs, kwargs, self.device_ids[: len(replicas)])

    def gather(self, outputs, output_device):
        """The results joined on one device."""
        return gather(outputs, output_device, dim=self.dim)


def _shown(d):
    """A GPU as its number, as PyTorch has it; other devices as they are."""
    return (d.index or 0) if d.type == "cuda" else d


def _check_place(module, device):
    for t in itertools.chain(module.parameters(), module.buffers()):
        if t.device != device:
            raise RuntimeError(
                "module must have its parameters and buffers on device "
                f"{device} (device_ids[0]) but found one of them on device: {t.device}"
            )


def data_parallel(module, inputs, device_ids=None, output_device=None, dim=0, module_kwargs=None):
    """`DataParallel` as a function: the module on parts of `inputs`, on several devices."""
    inputs = inputs if isinstance(inputs, tuple) else (inputs,)
    parallel = DataParallel(module, device_ids, output_device, dim)
    return parallel(*inputs, **(module_kwargs or {}))
