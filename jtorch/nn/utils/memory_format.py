"""Convolution weights in another memory format."""

from ..modules.conv import Conv2d, Conv3d, ConvTranspose2d, ConvTranspose3d

__all__ = ["convert_conv2d_weight_memory_format", "convert_conv3d_weight_memory_format"]


def convert_conv2d_weight_memory_format(module, memory_format):
    """Put the weights of all 2d convolutions in `module` into a memory format.

    Only strides change: XLA chooses the layout in memory. Returns the module.
    """
    return _convert(module, memory_format, (Conv2d, ConvTranspose2d))


def convert_conv3d_weight_memory_format(module, memory_format):
    """The same for 3d convolutions."""
    return _convert(module, memory_format, (Conv3d, ConvTranspose3d))


def _convert(module, memory_format, kinds):
    for layer in module.modules():
        if isinstance(layer, kinds):
            weight = layer.weight.detach().clone()
            layer.weight.data = weight.contiguous(memory_format=memory_format)
    return module
