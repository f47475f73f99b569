"""Batch normalisation in evaluation mode folded into the layer before it."""

import copy

from ...ops.registry import ops
from ..parameter import Parameter

__all__ = [
    "fuse_conv_bn_eval",
    "fuse_conv_bn_weights",
    "fuse_linear_bn_eval",
    "fuse_linear_bn_weights",
]


def fuse_conv_bn_eval(conv, bn, transpose=False):
    """A convolution that gives what `conv` followed by `bn` gives, both in evaluation mode.

    transpose: the convolution is a transposed one.
    """
    fused = _copy_for_fusion(conv, bn)
    fused.weight, fused.bias = fuse_conv_bn_weights(
        fused.weight,
        fused.bias,
        bn.running_mean,
        bn.running_var,
        bn.eps,
        bn.weight,
        bn.bias,
        transpose,
    )
    return fused


def _copy_for_fusion(layer, bn):
    if layer.training or bn.training:
        raise AssertionError("Fusion only for eval!")
    fused = copy.deepcopy(layer)
    if bn.running_mean is None or bn.running_var is None:
        raise AssertionError("bn.running_mean and bn.running_var must not be None")
    return fused


def fuse_conv_bn_weights(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, transpose=False):
    """Weight (C_out, C_in, ...) and bias (C_out,) of the fused convolution.

    conv_b, bn_w and bn_b may be None.
    """
    dim = 1 if transpose else 0
    shape = [-1 if d == dim else 1 for d in range(conv_w.dim())]
    return _fold(conv_w, conv_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, shape)


def _fold(weight, bias, mean, variance, eps, scale, shift, shape):
    bias_dtype = weight.dtype if bias is None else bias.dtype
    wants_grad = bias is not None and bias.requires_grad
    bias = ops.zeros_like(mean) if bias is None else bias
    scale = ops.ones_like(mean) if scale is None else scale
    shift = ops.zeros_like(mean) if shift is None else shift
    factor = scale * ops.rsqrt(variance + eps)
    fused_weight = (weight * factor.reshape(shape)).to(dtype=weight.dtype)
    fused_bias = ((bias - mean) * factor + shift).to(dtype=bias_dtype)
    return (
        Parameter(fused_weight.detach(), weight.requires_grad),
        Parameter(fused_bias.detach(), wants_grad),
    )


def fuse_linear_bn_eval(linear, bn):
    """A linear layer that gives what `linear` followed by `bn` gives, both in evaluation mode."""
    fused = _copy_for_fusion(linear, bn)
    if bn.num_features not in (1, linear.out_features):
        raise AssertionError(
            "To fuse, linear.out_features == bn.num_features or bn.num_features == 1, got "
            f"linear.out_features={linear.out_features} and bn.num_features={bn.num_features}"
        )
    fused.weight, fused.bias = fuse_linear_bn_weights(
        fused.weight, fused.bias, bn.running_mean, bn.running_var, bn.eps, bn.weight, bn.bias
    )
    return fused


def fuse_linear_bn_weights(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b):
    """Weight (out, in) and bias (out,) of the fused linear layer; linear_b may be None."""
    return _fold(linear_w, linear_b, bn_rm, bn_rv, bn_eps, bn_w, bn_b, (-1, 1))
