"""DistributedDataParallel for the one process that there is."""

import contextlib

from ... import distributed as dist
from ..._engine.device import device as Device
from ..._engine.tensor import Tensor
from ..modules.module import Module
from ..parameter import is_lazy
from .scatter_gather import is_namedtuple

__all__ = ["DistributedDataParallel"]


class DistributedDataParallel(Module):
    """Wraps a module whose gradients are averaged over the processes of a group: over one.

    What tunes the communication (buckets, static_graph, ...) is kept and has no effect. Raises
    ValueError without a process group, RuntimeError for a module without trained parameters.
    """

    def __init__(
        self,
        module,
        device_ids=None,
        output_device=None,
        dim=0,
        broadcast_buffers=None,
        init_sync=True,
        process_group=None,
        bucket_cap_mb=None,
        find_unused_parameters=False,
        check_reduction=False,
        gradient_as_bucket_view=False,
        static_graph=False,
        delay_all_reduce_named_params=None,
        param_to_hook_all_reduce=None,
        mixed_precision=None,
        device_mesh=None,
        skip_all_reduce_unused_params=False,
        bucket_cap_mb_list=None,
        batched_grad_copy=False,
        forward_sync_buffers=None,
    ):
        super().__init__()
        _refuse(mixed_precision=mixed_precision, device_mesh=device_mesh)
        default = dist.distributed_c10d._get_default_group()
        self.process_group = default if process_group is None else process_group
        found = _check_module(module)
        self.device_ids, self.output_device = _placement(found, device_ids, output_device)
        self.module = module
        self.device = next(iter(found))
        self.device_type = self.device.type
        self.dim = dim
        self.broadcast_buffers = broadcast_buffers is None or broadcast_buffers
        self.find_unused_parameters = find_unused_parameters
        self.gradient_as_bucket_view = gradient_as_bucket_view
        self.static_graph = static_graph
        self.require_backward_grad_sync = True
        self.require_forward_param_sync = True
        self.parameters_to_ignore = set(getattr(module, "_ddp_params_and_buffers_to_ignore", ()))

    def forward(self, *inputs, **kwargs):
        """Call the module, with the inputs on its device."""
        if self.device_ids:
            inputs, kwargs = _to_device((inputs, kwargs), self.device)
        return self.module(*inputs, **kwargs)

    @contextlib.contextmanager
    def no_sync(self):
        """In the block, gradients are not averaged."""
        before = self.require_backward_grad_sync
        self.require_backward_grad_sync = False
        try:
            yield
        finally:
            self.require_backward_grad_sync = before

    @contextlib.contextmanager
    def join(
        self, divide_by_initial_world_size=True, enable=True, throw_on_early_termination=False
    ):
        """In the block, processes may have different numbers of inputs."""
        yield

    def register_comm_hook(self, state, hook):
        """Not supported."""
        raise NotImplementedError(
            "torch.nn.parallel.DistributedDataParallel.register_comm_hook is not supported by "
            "jtorch; change the gradients with Tensor.register_hook"
        )

    def _set_static_graph(self):
        self.static_graph = True

    def __getstate__(self):
        state = super().__getstate__()
        del state["process_group"]
        return state

    def __setstate__(self, state):
        super().__setstate__(state)
        self.process_group = dist.distributed_c10d._get_default_group()


def _refuse(**arguments):
    for name, value in arguments.items():
        if value is not None:
            raise NotImplementedError(
                f"torch.nn.parallel.DistributedDataParallel: {name} is not supported by jtorch; "
                "use torch.autocast, or jax.sharding on arrays"
            )


def _check_module(module):
    """The devices of the parameters."""
    parameters = list(module.parameters())
    if not any(p.requires_grad for p in parameters):
        raise RuntimeError(
            "DistributedDataParallel is not needed when a module doesn't have any parameter that "
            "requires a gradient."
        )
    if any(is_lazy(p) for p in parameters):
        raise RuntimeError(
            "Modules with uninitialized parameters can't be used with `DistributedDataParallel`. "
            "Run a dummy forward pass to correctly initialize the modules"
        )
    found = dict.fromkeys(p.device for p in parameters)
    kinds = {d.type for d in found}
    if len(kinds) != 1:
        raise ValueError(
            "DistributedDataParallel's input module must be on the same type of devices, but "
            f"input module parameters locate in {kinds}."
        )
    return found


def _placement(found, device_ids, output_device):
    """(device_ids, output_device) as attributes. Raises ValueError when they make no sense."""
    if device_ids is not None and len(device_ids) > 1:
        raise ValueError("device_ids can only be None or contain a single element.")
    if not device_ids or len(found) > 1 or next(iter(found)).type == "cpu":
        if device_ids or output_device:
            raise ValueError(
                "DistributedDataParallel device_ids and output_device arguments only work with "
                "single-device/multiple-device GPU modules or CPU modules, but got device_ids "
                f"{device_ids}, output_device {output_device}, and module parameters "
                f"{set(found)}."
            )
        return None, None
    index = Device(device_ids[0]).index or 0
    return [index], index if output_device is None else Device(output_device).index


def _to_device(obj, device):
    if isinstance(obj, Tensor):
        return obj.to(device)
    if is_namedtuple(obj):
        return type(obj)(*(_to_device(o, device) for o in obj))
    if isinstance(obj, (list, tuple)):
        return type(obj)(_to_device(o, device) for o in obj)
    if isinstance(obj, dict):
        return type(obj)((k, _to_device(v, device)) for k, v in obj.items())
    return obj
