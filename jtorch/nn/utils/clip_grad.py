"""Clipping of gradients."""

import functools
import types
import warnings
from collections.abc import Iterable

from ..._engine.tensor import Tensor
from ...autograd import no_grad
from ...ops.registry import ops

__all__ = ["clip_grad_norm", "clip_grad_norm_", "clip_grad_value_"]


_tensor_or_tensors = Tensor | Iterable[Tensor]


def _no_grad(func):
    """`func`, run without recording gradients."""

    @functools.wraps(func)
    def wrapped(*args, **kwargs):
        with no_grad():
            return func(*args, **kwargs)

    return wrapped


def _gradients(parameters):
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    return [p.grad for p in parameters if p.grad is not None]


@_no_grad
def get_total_norm(tensors, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """The norm of all tensors together, as if they were one vector.

    error_if_nonfinite: raise RuntimeError when it is infinite or NaN (this waits for the value).
    """
    tensors = [tensors] if isinstance(tensors, Tensor) else list(tensors)
    norm_type = float(norm_type)
    if len(tensors) == 0:
        return ops.tensor(0.0)
    total = ops.total_norm(tensors, norm_type=norm_type)
    if error_if_nonfinite and not bool(total.isfinite()):
        raise RuntimeError(
            f"The total norm of order {norm_type} for gradients from `parameters` is non-finite, "
            "so it cannot be clipped. To disable this error and scale the gradients by the "
            "non-finite norm anyway, set `error_if_nonfinite=False`"
        )
    return total


@_no_grad
def clip_grads_with_norm_(parameters, max_norm, total_norm, foreach=None):
    """Scale the gradients by max_norm / total_norm where that is below 1."""
    grads = _gradients(parameters)
    if not grads:
        return
    clipped = ops.clip_by_norm(grads, total_norm, float(max_norm))
    for grad, new in zip(grads, clipped, strict=True):
        grad._set_data(new)


def clip_grad_norm_(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Scale all gradients so that their common norm is at most max_norm; returns the old norm."""
    if isinstance(parameters, Tensor):
        parameters = [parameters]
    else:
        generator = isinstance(parameters, types.GeneratorType)
        parameters = list(parameters)
        if generator and not parameters:
            warnings.warn(
                "`parameters` is an empty generator, no gradient clipping will occur.",
                stacklevel=2,
            )
    total = get_total_norm(_gradients(parameters), norm_type, error_if_nonfinite, foreach)
    clip_grads_with_norm_(parameters, max_norm, total, foreach)
    return total


def clip_grad_norm(parameters, max_norm, norm_type=2.0, error_if_nonfinite=False, foreach=None):
    """Old name of `clip_grad_norm_`."""
    warnings.warn(
        "`torch.nn.utils.clip_grad_norm` is now deprecated "
        "in favor of `torch.nn.utils.clip_grad_norm_`.",
        FutureWarning,
        stacklevel=2,
    )
    return clip_grad_norm_(parameters, max_norm, norm_type, error_if_nonfinite, foreach)


@_no_grad
def clip_grad_value_(parameters, clip_value, foreach=None):
    """Clamp all gradients to [-clip_value, clip_value]."""
    grads = _gradients(parameters)
    if not grads:
        return
    limit = float(clip_value)
    for grad, new in zip(grads, ops.clip_by_value(grads, -limit, limit), strict=True):
        grad._set_data(new)


# PyTorch's other names for the two
_get_total_norm = get_total_norm
_clip_grads_with_norm_ = clip_grads_with_norm_
