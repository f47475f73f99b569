"""`torch._C`: what libraries call of PyTorch's C++ side that has a meaning without it."""

import types

from . import accelerator
from ._engine import device as devices
from ._engine.tensor import Tensor, TensorMeta
from .futures import Future
from .nn.modules.module import _parse_to
from .overrides import (
    DisableTorchFunction,
    DisableTorchFunctionSubclass,
    _disabled_torch_function_impl,
)
from .random import Generator

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "Future",
    "Generator",
    "_disabled_torch_function_impl",
]

TensorBase = _TensorBase = Tensor
_TensorMeta = TensorMeta
_nn = types.SimpleNamespace(_parse_to=_parse_to)


def _log_api_usage_once(event):
    """Nothing: jtorch keeps no such log."""


def _get_tracing_state():
    """None: torch.jit.trace runs functions as they are."""


def _are_functorch_transforms_active():
    """False: functions are transformed by JAX, which calls them itself."""
    return False


def _get_accelerator(check=None):
    """The kind of device that is not the CPU, or the CPU when there is no other."""
    return accelerator.current_accelerator() or devices.cpu


def _get_privateuse1_backend_name():
    """The name of the device type that extensions of PyTorch may take."""
    return "privateuseone"


def _get_default_device():
    """The type of the device that new tensors are made on."""
    return devices.default_device().type


def _current_graph_task_id():
    """-1: no number is kept for the backward pass that runs."""
    return -1
