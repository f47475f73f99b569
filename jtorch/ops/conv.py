"""Convolutions and transposed convolutions in one, two and three dimensions."""

import math

import jax.numpy as jnp
from jax import lax

from .registry import SAME, T, check, op
from .spatial import as_tuple, expand

_SPATIAL = "HWD"


def _layout(n):
    letters = _SPATIAL[:n]
    return ("NC" + letters, "OI" + letters, "NC" + letters)


def _check_operands(name, n, input, weight, bias, groups):
    """The checks on ranks and dtypes that all convolutions share."""
    check(groups > 0, "non-positive groups is not supported")
    check(
        input.ndim in (n + 1, n + 2),
        f"Expected {n + 1}D (unbatched) or {n + 2}D (batched) input to {name}, but got input of "
        f"size: {list(input.shape)}",
    )
    check(
        weight.ndim == n + 2,
        f"Expected {n + 2}-dimensional input for {n + 2}-dimensional weight "
        f"{list(weight.shape)}, but got {input.ndim}-dimensional input of size "
        f"{list(input.shape)} instead",
    )
    check(
        input.dtype == weight.dtype,
        f"Input type ({input.dtype}) and weight type ({weight.dtype}) should be the same",
    )
    check(
        bias is None or bias.dtype == input.dtype,
        f"Input type ({input.dtype}) and bias type ({getattr(bias, 'dtype', None)}) "
        "should be the same",
    )


def _check_bias(weight, bias, outputs):
    check(
        bias is None or bias.shape == (outputs,),
        f"Given weight of size {list(weight.shape)}, expected bias to be 1-dimensional with "
        f"{outputs} elements, but got bias of size {list(getattr(bias, 'shape', ()))} instead",
    )


def _check_settings(stride, padding, dilation):
    check(all(s > 0 for s in stride), "non-positive stride is not supported")
    check(all(p >= 0 for p in padding), "negative padding is not supported")
    check(all(d > 0 for d in dilation), "dilation should be greater than zero")


def _resolve_padding(padding, n, kernel, stride, dilation):
    """Padding as ((low, high), ...); 'same' puts the odd element on the high side."""
    if padding == "valid":
        return ((0, 0),) * n
    if padding == "same":
        check(
            all(s == 1 for s in stride),
            "padding='same' is not supported for strided convolutions",
        )
        totals = [d * (k - 1) for d, k in zip(dilation, kernel, strict=True)]
        return tuple((t // 2, t - t // 2) for t in totals)
    check(not isinstance(padding, str), f"Invalid padding string: '{padding}'")
    values = as_tuple(padding, n, "padding", "convolution")
    _check_settings(stride, values, dilation)
    return tuple((p, p) for p in values)


def _with_bias(y, bias):
    return y if bias is None else y + expand(bias, y.ndim, 1)


def _pointwise(x, weight, stride):
    """A convolution with kernel size 1: a matrix product over the channels."""
    if any(s != 1 for s in stride):
        x = lax.slice(x, (0,) * x.ndim, x.shape, (1, 1, *stride))
    matrix = lax.reshape(weight, weight.shape[:2])
    plane = x.shape[2:]
    rows = lax.reshape(x, (*x.shape[:2], math.prod(plane)))
    y = jnp.swapaxes(lax.dot_general(matrix, rows, (((1,), (1,)), ((), ()))), 0, 1)
    return lax.reshape(y, (*y.shape[:2], *plane))


def _check_shapes(input, weight, groups, padding, dilation):
    n = weight.ndim - 2
    channels = input.shape[1]
    check(
        weight.shape[0] % groups == 0 and weight.shape[0] >= groups,
        f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but "
        f"got weight of size {list(weight.shape)} instead",
    )
    check(
        weight.shape[1] * groups == channels,
        f"Given groups={groups}, weight of size {list(weight.shape)}, expected input"
        f"{list(input.shape)} to have {weight.shape[1] * groups} channels, but got {channels} "
        "channels instead",
    )
    padded = [s + low + high for s, (low, high) in zip(input.shape[2:], padding, strict=True)]
    kernel = [d * (k - 1) + 1 for d, k in zip(dilation, weight.shape[2:], strict=True)]
    check(
        all(k <= p for k, p in zip(kernel, padded, strict=True)),
        f"Calculated padded input size per channel: ({' x '.join(map(str, padded))}). Kernel "
        f"size: ({' x '.join(map(str, kernel))}). Kernel size can't be greater than actual "
        "input size",
    )
    return n


def _conv(name, n, input, weight, bias, stride, padding, dilation, groups):
    _check_operands(name, n, input, weight, bias, groups)
    stride = as_tuple(stride, n, "stride", "convolution")
    dilation = as_tuple(dilation, n, "dilation", "convolution")
    _check_settings(stride, (), dilation)
    padding = _resolve_padding(padding, n, weight.shape[2:], stride, dilation)
    batched = input.ndim == n + 2
    x = input if batched else lax.expand_dims(input, (0,))
    _check_shapes(x, weight, groups, padding, dilation)
    _check_bias(weight, bias, weight.shape[0])
    if groups == 1 and math.prod(weight.shape[2:]) == 1 and not any(map(any, padding)):
        # Twice as fast as the general convolution on CPU, and the same on accelerators.
        y = _pointwise(x, weight, stride)
    else:
        y = lax.conv_general_dilated(
            x,
            weight,
            stride,
            padding,
            rhs_dilation=dilation,
            dimension_numbers=_layout(n),
            feature_group_count=groups,
        )
    y = _with_bias(y, bias)
    return y if batched else lax.squeeze(y, (0,))


@op(SAME, accepts="ifc", variants="f F", grad_name="ConvolutionBackward0")
def conv1d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
):
    """1-D cross-correlation. `input` (N, C, L) or (C, L), `weight` (O, C/groups, K), `bias` (O).

    `padding` is an int, a 1-tuple, "same" or "valid". RuntimeError when the shapes do not fit.
    """
    return _conv("conv1d", 1, input, weight, bias, stride, padding, dilation, groups)


@op(SAME, accepts="ifc", variants="f F", grad_name="ConvolutionBackward0")
def conv2d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
):
    """2-D cross-correlation. `input` (N, C, H, W) or (C, H, W), `weight` (O, C/groups, KH, KW).

    `padding` is an int, a pair, "same" or "valid". RuntimeError when the shapes do not fit.
    """
    return _conv("conv2d", 2, input, weight, bias, stride, padding, dilation, groups)


@op(SAME, accepts="ifc", variants="f F", grad_name="ConvolutionBackward0")
def conv3d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride=1,
    padding=0,
    dilation=1,
    groups: int = 1,
):
    """3-D cross-correlation. `input` (N, C, D, H, W) or (C, D, H, W), `bias` (O).

    `padding` is an int, a triple, "same" or "valid". RuntimeError when the shapes do not fit.
    """
    return _conv("conv3d", 3, input, weight, bias, stride, padding, dilation, groups)


# --- transposed -----------------------------------------------------------------------


def _flip_kernel(weight, groups):
    """(I, O/groups, K...) turned into the (O, I/groups, K...) kernel of the equal convolution."""
    spatial = tuple(range(2, weight.ndim))
    w = lax.rev(weight, spatial) if any(weight.shape[d] > 1 for d in spatial) else weight
    if groups == 1:
        return jnp.swapaxes(w, 0, 1)
    inputs, outputs = weight.shape[:2]
    w = lax.reshape(w, (groups, inputs // groups, outputs, *weight.shape[2:]))
    w = jnp.swapaxes(w, 1, 2)
    return lax.reshape(w, (groups * outputs, inputs // groups, *weight.shape[2:]))


def _check_transposed(x, weight, groups, stride, dilation, output_padding):
    check(
        x.shape[1] == weight.shape[0],
        f"Given transposed=1, weight of size {list(weight.shape)}, expected input{list(x.shape)} "
        f"to have {weight.shape[0]} channels, but got {x.shape[1]} channels instead",
    )
    check(
        weight.shape[0] % groups == 0,
        f"Given groups={groups}, expected weight to be divisible by {groups} at dimension 0, but "
        f"got weight of size {list(weight.shape)} instead",
    )
    check(all(p >= 0 for p in output_padding), "negative output_padding is not supported")
    limits = zip(output_padding, stride, dilation, strict=True)
    check(
        all(p < max(s, d) for p, s, d in limits),
        "output padding must be smaller than either stride or dilation, but got "
        f"output_padding={list(output_padding)}, stride={list(stride)}, "
        f"dilation={list(dilation)}",
    )


def _conv_transpose(name, n, operands, stride, padding, output_padding, groups, dilation):
    input, weight, bias = operands
    _check_operands(name, n, input, weight, bias, groups)
    stride = as_tuple(stride, n, "stride", "convolution")
    padding = as_tuple(padding, n, "padding", "convolution")
    dilation = as_tuple(dilation, n, "dilation", "convolution")
    output_padding = as_tuple(output_padding, n, "output_padding", "convolution")
    _check_settings(stride, padding, dilation)
    batched = input.ndim == n + 2
    x = input if batched else lax.expand_dims(input, (0,))
    _check_transposed(x, weight, groups, stride, dilation, output_padding)
    _check_bias(weight, bias, weight.shape[1] * groups)
    reach = [d * (k - 1) for d, k in zip(dilation, weight.shape[2:], strict=True)]
    sizes = [
        (size - 1) * s - 2 * p + r + extra + 1
        for size, s, p, r, extra in zip(
            x.shape[2:], stride, padding, reach, output_padding, strict=True
        )
    ]
    check(
        all(size > 0 for size in sizes),
        f"Given input size per channel: ({' x '.join(map(str, x.shape[2:]))}). Calculated output "
        f"size per channel: ({' x '.join(map(str, sizes))}). Output size is too small",
    )
    edges = [
        (r - p, r - p + extra) for r, p, extra in zip(reach, padding, output_padding, strict=True)
    ]
    y = lax.conv_general_dilated(
        x,
        _flip_kernel(weight, groups),
        (1,) * n,
        edges,
        lhs_dilation=stride,
        rhs_dilation=dilation,
        dimension_numbers=_layout(n),
        feature_group_count=groups,
    )
    y = _with_bias(y, bias)
    return y if batched else lax.squeeze(y, (0,))


@op(SAME, accepts="ifc", variants="f F", grad_name="ConvolutionBackward0")
def conv_transpose1d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride=1,
    padding=0,
    output_padding=0,
    groups: int = 1,
    dilation=1,
):
    """The transpose of `conv1d`. `input` (N, C, L) or (C, L), `weight` (C, O/groups, K)."""
    operands = (input, weight, bias)
    return _conv_transpose(
        "conv_transpose1d", 1, operands, stride, padding, output_padding, groups, dilation
    )


@op(SAME, accepts="ifc", variants="f F", grad_name="ConvolutionBackward0")
def conv_transpose2d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride=1,
    padding=0,
    output_padding=0,
    groups: int = 1,
    dilation=1,
):
    """The transpose of `conv2d`. `input` (N, C, H, W) or (C, H, W), `weight` (C, O/groups, *)."""
    operands = (input, weight, bias)
    return _conv_transpose(
        "conv_transpose2d", 2, operands, stride, padding, output_padding, groups, dilation
    )


@op(SAME, accepts="ifc", variants="f F", grad_name="ConvolutionBackward0")
def conv_transpose3d(
    input: T,
    weight: T,
    bias: T | None = None,
    stride=1,
    padding=0,
    output_padding=0,
    groups: int = 1,
    dilation=1,
):
    """The transpose of `conv3d`. `input` (N, C, D, H, W) or (C, D, H, W)."""
    operands = (input, weight, bias)
    return _conv_transpose(
        "conv_transpose3d", 3, operands, stride, padding, output_padding, groups, dilation
    )


# --- the general entry and the time-first form ----------------------------------------


@op(SAME, accepts="fc", variants="f", grad_name="ConvolutionBackward0")
def convolution(
    input: T,
    weight: T,
    bias: T | None,
    stride,
    padding,
    dilation,
    transposed: bool,
    output_padding,
    groups: int,
):
    """Any of the convolutions above; the number of dimensions is that of `weight` less two."""
    n = weight.ndim - 2
    check(n in (1, 2, 3), f"convolution: weight of {weight.ndim} dimensions is not supported")
    if transposed:
        operands = (input, weight, bias)
        name = f"conv_transpose{n}d"
        return _conv_transpose(name, n, operands, stride, padding, output_padding, groups, dilation)
    return _conv(f"conv{n}d", n, input, weight, bias, stride, padding, dilation, groups)


@op(SAME, accepts="f", variants="f F")
def conv_tbc(input: T, weight: T, bias: T, pad: int = 0):
    """1-D convolution over (time, batch, channel). `weight` (K, C, O), `bias` (O)."""
    check(input.ndim == 3, "Input must have 3 dims: time, batch, in_channel")
    check(
        weight.ndim == 3, "Weight tensor must have 3 dims: kernel_width, in_channels, out_channels."
    )
    check(bias.ndim == 1, "Bias must be 1-D")
    check(
        input.shape[2] == weight.shape[1],
        "Input dim 2 (input channels) is not == dim 1 in the weight tensor",
    )
    numbers = ("WNC", "WIO", "WNC")
    y = lax.conv_general_dilated(input, weight, (1,), [(pad, pad)], dimension_numbers=numbers)
    return y + bias
