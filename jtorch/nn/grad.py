"""The gradients of convolutions, by their inputs and by their weights."""

from .. import autograd
from ..ops.registry import ops
from . import functional as F


def _gradient(conv, at, operands, grad_output, settings):
    """The gradient of `conv` by its operand number `at`, of which only the size is given."""
    like = operands[1 - at]
    with autograd.enable_grad():
        sought = ops.zeros(tuple(operands[at]), dtype=like.dtype, device=like.device)
        pair = list(operands)
        pair[at] = sought.requires_grad_()
        result = conv(*pair, None, *settings)
        again = like.requires_grad or grad_output.requires_grad
        return autograd.grad(result, pair[at], grad_output, create_graph=again)[0]


def conv1d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d by its input of size `input_size` (N, C, L)."""
    settings = (stride, padding, dilation, groups)
    return _gradient(F.conv1d, 0, (input_size, weight), grad_output, settings)


def conv1d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv1d by its weight of size `weight_size` (C_out, C / groups, K)."""
    settings = (stride, padding, dilation, groups)
    return _gradient(F.conv1d, 1, (input, weight_size), grad_output, settings)


def conv2d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d by its input of size `input_size` (N, C, H, W)."""
    settings = (stride, padding, dilation, groups)
    return _gradient(F.conv2d, 0, (input_size, weight), grad_output, settings)


def conv2d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv2d by its weight of size `weight_size` (C_out, C / groups, kH, kW)."""
    settings = (stride, padding, dilation, groups)
    return _gradient(F.conv2d, 1, (input, weight_size), grad_output, settings)


def conv3d_input(input_size, weight, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d by its input of size `input_size` (N, C, D, H, W)."""
    settings = (stride, padding, dilation, groups)
    return _gradient(F.conv3d, 0, (input_size, weight), grad_output, settings)


def conv3d_weight(input, weight_size, grad_output, stride=1, padding=0, dilation=1, groups=1):
    """The gradient of conv3d by its weight of size `weight_size` (C_out, C / groups, kD, ...)."""
    settings = (stride, padding, dilation, groups)
    return _gradient(F.conv3d, 1, (input, weight_size), grad_output, settings)
