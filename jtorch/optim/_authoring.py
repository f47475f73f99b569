"""What authors of optimisers import from `torch.optim.optimizer`, besides the class."""

import functools
import math
from collections.abc import Iterable
from typing import Any, TypeAlias

from .._engine.tensor import Tensor
from ..autograd import set_grad_enabled
from ..ops.registry import ops
from ._state import number_dtype

__all__ = [
    "ParamsT",
    "StateDict",
    "TensorListList",
    "_capturable_doc",
    "_default_to_fused_or_foreach",
    "_differentiable_doc",
    "_disable_dynamo_if_unsupported",
    "_dispatch_sqrt",
    "_foreach_doc",
    "_fused_doc",
    "_get_capturable_supported_devices",
    "_get_foreach_kernels_supported_devices",
    "_get_fused_kernels_supported_devices",
    "_get_scalar_dtype",
    "_get_value",
    "_group_tensors_by_device_and_dtype",
    "_maximize_doc",
    "_params_doc",
    "_stack_if_compiling",
    "_to_scalar",
    "_use_grad_for_differentiable",
    "_view_as_real",
]

ParamsT: TypeAlias = Iterable[Tensor] | Iterable[dict[str, Any]] | Iterable[tuple[str, Tensor]]
StateDict: TypeAlias = dict[str, Any]
TensorListList: TypeAlias = list[list[Tensor | None]]

_CAPTURABLE = ["cuda", "xpu", "hpu", "privateuseone"]

_params_doc = "params (iterable): parameters, (name, parameter) pairs, or dicts of groups"
_foreach_doc = "foreach (bool, optional): accepted; XLA fuses the loop over parameters anyway"
_fused_doc = "fused (bool, optional): accepted; XLA fuses a step anyway"
_capturable_doc = "capturable (bool, optional): only for accelerators, where it changes nothing"
_differentiable_doc = "differentiable (bool, optional): whether gradients flow through steps"
_maximize_doc = "maximize (bool, optional): maximize the objective instead of minimizing it"


def _use_grad_for_differentiable(func):
    """A `step` that records gradients if the optimiser's defaults say "differentiable"."""

    @functools.wraps(func)
    def _use_grad(*args, **kwargs):
        with set_grad_enabled(args[0].defaults["differentiable"]):
            return func(*args, **kwargs)

    return _use_grad


def _disable_dynamo_if_unsupported(single_tensor_fn=None):
    """A decorator that changes nothing."""
    return lambda func: func


def _get_value(x):
    """A number: that in a tensor, or `x` itself."""
    return x.item() if isinstance(x, Tensor) else x


def _to_scalar(x):
    """A tensor of one element as a 0-dim one; anything else as it is."""
    return x.squeeze() if isinstance(x, Tensor) and x.ndim else x


def _stack_if_compiling(x):
    """`x` itself."""
    return x


def _dispatch_sqrt(x):
    """The square root of a tensor or a number."""
    return x.sqrt() if isinstance(x, Tensor) else math.sqrt(x)


def _get_scalar_dtype(is_fused=None):
    """The dtype of step counts."""
    return number_dtype()


def _default_to_fused_or_foreach(params, differentiable, use_fused=False):
    """(fused, foreach): neither, for XLA fuses what is recorded."""
    return False, False


def _get_capturable_supported_devices(supports_xla=True):
    """The types of devices for which capturable=True is accepted."""
    return [*_CAPTURABLE, "xla"] if supports_xla else list(_CAPTURABLE)


def _get_foreach_kernels_supported_devices():
    """The types of devices for which torch has kernels for lists of tensors."""
    return ["cuda", "xpu", "mtia", "privateuseone"]


def _get_fused_kernels_supported_devices():
    """The types of devices for which torch has fused kernels."""
    return ["mps", "cuda", "xpu", "hpu", "cpu", "mtia", "privateuseone"]


def _view_as_real(params, *state_and_grads):
    """Put real views in place of the complex tensors in lists."""
    for i, p in enumerate(params):
        if p.is_complex():
            params[i] = ops.view_as_real(p)
            for tensors in state_and_grads:
                tensors[i] = ops.view_as_real(tensors[i])


def _group_tensors_by_device_and_dtype(tensorlistlist, with_indices=False):
    """{(device, dtype): (lists, positions)} by the first of several parallel lists."""
    grouped = {}
    for i, row in enumerate(zip(*tensorlistlist, strict=True)):
        key = row[0].device, row[0].dtype
        lists, positions = grouped.setdefault(key, ([[] for _ in tensorlistlist], []))
        for column, t in zip(lists, row, strict=True):
            column.append(t)
        if with_indices:
            positions.append(i)
    return grouped


class Authoring:
    """Methods of an optimiser that exist for those who write one."""

    _group_tensors_by_device_and_dtype = staticmethod(_group_tensors_by_device_and_dtype)

    def _cuda_graph_capture_health_check(self):
        """Nothing to check: there is no graph capture."""

    def _accelerator_graph_capture_health_check(self):
        """Nothing to check: there is no graph capture."""

    def _optimizer_step_code(self):
        """Nothing: a place that profilers look for."""
