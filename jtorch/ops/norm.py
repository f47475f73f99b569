"""Normalisation layers: batch, layer, group, instance, RMS and local response norm."""

import math
from functools import partial

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from .._engine import dtypes
from .._engine.formats import channels_last, channels_last_3d
from .registry import SAME, S, T, check, composite, op, ops
from .safe import cast, title, widen
from .spatial import expand

# --- the common core ------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def standardize(x, axes, eps):
    """(x - mean) / sqrt(var + eps) over `axes`, with the mean and the variance used (kept dims).

    The derivative is written out: two sums instead of the four that follow from differentiating
    mean and variance one by one.
    """
    count = math.prod(x.shape[a] for a in axes)
    mean = jnp.sum(x, axes, keepdims=True) / count
    centered = x - mean
    var = jnp.sum(centered * centered, axes, keepdims=True) / count
    return centered * lax.rsqrt(var + eps), mean, var


@standardize.defjvp
def _standardize_jvp(axes, eps, primals, tangents):
    (x,) = primals
    (t,) = tangents
    count = math.prod(x.shape[a] for a in axes)
    y, mean, var = standardize(x, axes, eps)
    slope = jnp.sum(y * t, axes, keepdims=True) / count
    shift = jnp.sum(t, axes, keepdims=True) / count
    centered = t - shift
    dy = (centered - y * slope) * lax.rsqrt(var + eps)
    return (y, mean, var), (dy, shift, 2 * slope * lax.sqrt(var + eps))


def _scale_channels(y, weight, bias):
    """`y` times `weight` plus `bias`, both (C,) along dimension 1."""
    if weight is not None:
        y = y * expand(widen(weight), y.ndim, 1)
    if bias is not None:
        y = y + expand(widen(bias), y.ndim, 1)
    return y


# --- batch norm -----------------------------------------------------------------------


def _check_channels(input, **given):
    channels = input.shape[1]
    for name, vector in given.items():
        check(
            vector is None or math.prod(vector.shape) == channels,
            lambda name=name, vector=vector: (
                f"{name} should contain {channels} elements not {math.prod(vector.shape)}"
            ),
        )


def _advance(running, batch, momentum):
    """Running statistics moved towards those of the batch by torch's formula; no gradient."""
    batch = lax.stop_gradient(batch)
    m = cast(momentum, running.dtype)
    return m * cast(batch, running.dtype) + (1 - m) * running


def _spread(x, axes):
    """Factor that turns a variance over `axes` into the unbiased one."""
    count = math.prod(x.shape[a] for a in axes)
    return count / (count - 1) if count > 1 else math.nan


@op(SAME, accepts="f", variants="p", grad_name="NativeBatchNormBackward0")
def batch_norm_train(
    input: T,
    weight: T | None,
    bias: T | None,
    running_mean: T | None,
    running_var: T | None,
    momentum: S,
    eps: float,
):
    """Batch norm by the statistics of `input` (N, C, *): (result, new running mean and variance).

    Without running statistics the result is all there is.
    """
    x = widen(input)
    axes = (0, *range(2, x.ndim))
    y, mean, var = standardize(x, axes, eps)
    out = cast(_scale_channels(y, weight, bias), input.dtype)
    if running_mean is None:
        return (out,)
    var = lax.reshape(var, running_var.shape) * _spread(x, axes)
    mean = lax.reshape(mean, running_mean.shape)
    return out, _advance(running_mean, mean, momentum), _advance(running_var, var, momentum)


@op(SAME, accepts="f", variants="p", grad_name="NativeBatchNormBackward0")
def batch_norm_eval(
    input: T,
    weight: T | None,
    bias: T | None,
    running_mean: T,
    running_var: T,
    eps: float,
):
    """Batch norm of `input` (N, C, *) by given statistics (C,)."""
    x = widen(input)
    scale = lax.rsqrt(widen(running_var) + eps)
    if weight is not None:
        scale = scale * widen(weight)
    y = (x - expand(widen(running_mean), x.ndim, 1)) * expand(scale, x.ndim, 1)
    return cast(_scale_channels(y, None, bias), input.dtype)


@composite("F", name="batch_norm")
def F_batch_norm(
    input,
    running_mean,
    running_var,
    weight=None,
    bias=None,
    training=False,
    momentum=0.1,
    eps=1e-5,
):
    """Batch norm over all but dimension 1. `input` (N, C, *); the statistics and weights are (C,).

    In training the statistics of the batch are used, and `running_mean` and `running_var` updated
    in place. Raises ValueError for a single value per channel in training.
    """
    check(
        eps > 0 if training else eps >= 0,
        f"batch_norm eps must be {'positive during training' if training else 'non-negative'}, "
        f"but got {eps}",
        ValueError,
    )
    if training:
        channels = input.shape[1] if input.ndim > 1 else 0
        values = input.numel() // channels if channels else 0
        check(
            values != 1,
            f"Expected more than 1 value per channel when training, got input size {input.shape}",
            ValueError,
        )
    return ops.batch_norm(
        input, weight, bias, running_mean, running_var, training, momentum, eps, False
    )


@composite("f")
def batch_norm(
    input,
    weight,
    bias,
    running_mean,
    running_var,
    training,
    momentum,
    eps,
    cudnn_enabled=False,
):
    """Batch norm over all but dimension 1; in training the running statistics move in place."""
    check(
        input.ndim >= 2,
        f"batch_norm: expected input to have at least 2 dimensions, got {input.ndim}",
    )
    _check_channels(
        input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not training:
        check(
            running_mean is not None and running_var is not None,
            f"{'running_var' if running_mean is not None else 'running_mean'} must be defined in "
            "evaluation mode",
        )
        out = ops.batch_norm_eval(input, weight, bias, running_mean, running_var, eps)
        return out if input.numel() else _placed_as(input, out)
    arguments = (input, weight, bias, running_mean, running_var, momentum, eps)
    out, *running = ops.batch_norm_train(*arguments)
    if not input.numel():
        # A batch of nothing leaves the statistics as they are.
        return _placed_as(input, out)
    _store_running(running_mean, running_var, running)
    return out


def _placed_as(input, out):
    """An empty result in the memory format of the input."""
    image = {4: channels_last, 5: channels_last_3d}.get(input.ndim)
    if image is None or not input.is_contiguous(memory_format=image):
        return out
    return ops.clone(out, memory_format=image)


def _store_running(running_mean, running_var, updated):
    if updated:
        # Through .data: torch does not count this write as a new version of the statistics.
        running_mean.data.copy_(updated[0].detach())
        running_var.data.copy_(updated[1].detach())


# --- instance norm --------------------------------------------------------------------


@op(SAME, accepts="f", variants="p", grad_name="NativeBatchNormBackward0")
def instance_norm_train(
    input: T,
    weight: T | None,
    bias: T | None,
    running_mean: T | None,
    running_var: T | None,
    momentum: S,
    eps: float,
):
    """Norm of each channel of each sample: (result, new running mean and variance, if given)."""
    x = widen(input)
    axes = tuple(range(2, x.ndim))
    y, mean, var = standardize(x, axes, eps)
    out = cast(_scale_channels(y, weight, bias), input.dtype)
    if running_mean is None:
        return (out,)
    mean = jnp.mean(lax.reshape(mean, x.shape[:2]), 0)
    var = jnp.mean(lax.reshape(var, x.shape[:2]), 0) * _spread(x, axes)
    return out, _advance(running_mean, mean, momentum), _advance(running_var, var, momentum)


@composite("F", name="instance_norm")
def F_instance_norm(
    input,
    running_mean=None,
    running_var=None,
    weight=None,
    bias=None,
    use_input_stats=True,
    momentum=0.1,
    eps=1e-5,
):
    """Norm of each channel of each sample. `input` (N, C, *), statistics and weights (C,).

    Running statistics are updated in place when `use_input_stats`, used when not.
    """
    if use_input_stats:
        check(
            math.prod(input.shape[2:]) != 1,
            f"Expected more than 1 spatial element when training, got input size {input.shape}",
            ValueError,
        )
    return ops.instance_norm(
        input, weight, bias, running_mean, running_var, use_input_stats, momentum, eps, False
    )


@composite("f")
def instance_norm(
    input,
    weight,
    bias,
    running_mean,
    running_var,
    use_input_stats,
    momentum,
    eps,
    cudnn_enabled=False,
):
    """Norm of each channel of each sample; running statistics move in place."""
    check(
        use_input_stats or (running_mean is not None and running_var is not None),
        "Expected running_mean and running_var to be defined when use_input_stats is false",
    )
    _check_channels(
        input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    if not use_input_stats:
        # Row-major, unlike the same of a batch norm.
        dense = input.contiguous()
        return ops.batch_norm_eval(dense, weight, bias, running_mean, running_var, eps)
    arguments = (input, weight, bias, running_mean, running_var, momentum, eps)
    out, *running = ops.instance_norm_train(*arguments)
    _store_running(running_mean, running_var, running)
    return out


# --- layer, group and RMS norm --------------------------------------------------------


def _shape_of(normalized_shape):
    if isinstance(normalized_shape, (tuple, list)):
        return tuple(normalized_shape)
    return (normalized_shape,)


def _check_normalized(name, input, shape, **weights):
    check(
        len(shape) >= 1,
        f"Expected normalized_shape to be at least 1-dimensional, i.e., containing at least one "
        f"element, but got normalized_shape = {list(shape)}",
    )
    for what, w in weights.items():
        check(
            w is None or w.shape == shape,
            lambda what=what, w=w: (
                f"Expected {what} to be of same shape as normalized_shape, but got {what} of shape "
                f"{list(w.shape)} and normalized_shape = {list(shape)}"
            ),
        )
    check(
        input.ndim >= len(shape) and input.shape[input.ndim - len(shape) :] == shape,
        f"Given normalized_shape={list(shape)}, expected input with shape "
        f"[*, {', '.join(map(str, shape))}], but got input of size{list(input.shape)}",
    )


@op(SAME, accepts="f", variants="F", grad_name="NativeLayerNormBackward0")
def layer_norm(
    input: T,
    normalized_shape,
    weight: T | None = None,
    bias: T | None = None,
    eps: float = 1e-5,
):
    """Norm over the last dimensions, which have the sizes `normalized_shape`.

    `weight` and `bias` have that shape. RuntimeError when the sizes do not fit.
    """
    return _layer_norm(input, normalized_shape, weight, bias, eps)


def _layer_norm(input, normalized_shape, weight, bias, eps):
    shape = _shape_of(normalized_shape)
    _check_normalized("layer_norm", input, shape, weight=weight, bias=bias)
    x = widen(input)
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    y, _, _ = standardize(x, axes, eps)
    if weight is not None:
        y = y * lax.expand_dims(widen(weight), tuple(range(x.ndim - len(shape))))
    if bias is not None:
        y = y + lax.expand_dims(widen(bias), tuple(range(x.ndim - len(shape))))
    return cast(y, input.dtype)


@op(SAME, accepts="f", variants="f", name="layer_norm", grad_name="NativeLayerNormBackward0")
def torch_layer_norm(
    input: T,
    normalized_shape,
    weight: T | None = None,
    bias: T | None = None,
    eps: float = 1e-5,
    cudnn_enable: bool = True,
):
    """Norm over the last dimensions, which have the sizes `normalized_shape`."""
    return _layer_norm(input, normalized_shape, weight, bias, eps)


def _group_norm(input, num_groups, weight, bias, eps):
    check(num_groups > 0, f"Expected num groups to be greater than 0, got {num_groups}")
    check(
        input.ndim >= 2,
        f"Expected at least 2 dimensions for input tensor but received {input.ndim}",
    )
    n, channels = input.shape[:2]
    check(
        channels % num_groups == 0,
        f"Expected number of channels in input to be divisible by num_groups, but got input of "
        f"shape {list(input.shape)} and num_groups={num_groups}",
    )
    for name, w in (("weight", weight), ("bias", bias)):
        check(
            w is None or w.shape == (channels,),
            lambda name=name, w=w: (
                f"Expected {name} to be a vector of size equal to the number of channels in "
                f"input, but got {name} of shape {list(w.shape)} and input of shape "
                f"{list(input.shape)}"
            ),
        )
    x = widen(input)
    grouped = lax.reshape(x, (n, num_groups, math.prod(input.shape[1:]) // num_groups))
    y, _, _ = standardize(grouped, (2,), eps)
    return cast(_scale_channels(lax.reshape(y, input.shape), weight, bias), input.dtype)


@op(SAME, accepts="f", variants="F", grad_name="NativeGroupNormBackward0")
def group_norm(
    input: T,
    num_groups: int,
    weight: T | None = None,
    bias: T | None = None,
    eps: float = 1e-5,
):
    """Norm over each of `num_groups` groups of channels. `input` (N, C, *), weights (C,).

    Raises RuntimeError when the groups do not divide the channels.
    """
    check(
        input.ndim >= 2,
        f"Expected at least 2 dimensions for input tensor but received {input.ndim}",
    )
    check(
        math.prod(input.shape) != num_groups,
        "Expected more than 1 value per channel when training, got input size "
        f"torch.Size({list(input.shape)})",
        ValueError,
    )
    return _group_norm(input, num_groups, weight, bias, eps)


@op(SAME, accepts="f", variants="f", name="group_norm", grad_name="NativeGroupNormBackward0")
def torch_group_norm(
    input: T,
    num_groups: int,
    weight: T | None = None,
    bias: T | None = None,
    eps: float = 1e-5,
    cudnn_enabled: bool = True,
):
    """Norm over each of `num_groups` groups of channels. `input` (N, C, *), weights (C,)."""
    return _group_norm(input, num_groups, weight, bias, eps)


@op(SAME, accepts="fc", variants="f F")
def rms_norm(input: T, normalized_shape, weight: T | None = None, eps: float | None = None):
    """x / sqrt(mean(x^2) + eps) over the last dimensions, which have the sizes `normalized_shape`.

    `eps` is by default the machine epsilon of the dtype.
    """
    shape = _shape_of(normalized_shape)
    _check_normalized("rms_norm", input, shape, weight=weight)
    x = widen(input)
    eps = float(jnp.finfo(x.dtype).eps) if eps is None else eps
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    mean = jnp.sum(x * x, axes, keepdims=True) / math.prod(shape)
    y = x * lax.rsqrt(mean + eps)
    if weight is not None:
        y = y * lax.expand_dims(widen(weight), tuple(range(x.ndim - len(shape))))
    return cast(y, input.dtype)


# --- local response norm --------------------------------------------------------------


@op(SAME, accepts="fi", variants="F")
def local_response_norm(
    input: T,
    size: int,
    alpha: float = 1e-4,
    beta: float = 0.75,
    k: float = 1.0,
):
    """x / (k + alpha * mean of x^2 over `size` channels around) ** beta. `input` (N, C, *)."""
    check(
        input.ndim >= 3,
        f"Expected 3D or higher dimensionality input (got {input.ndim} dimensions)",
        ValueError,
    )
    check(size > 0, f"kernel size should be greater than zero, but got kH: {size} kW: 1")
    if not math.prod(input.shape):
        return input
    whole = jnp.issubdtype(input.dtype, jnp.integer)
    check(
        not whole or input.dtype == np.int64,
        f"\"avg_pool{input.ndim - 1}d\" not implemented for '{title(input.dtype)}'",
        NotImplementedError,
    )
    x = widen(input)
    edges = [(0, 0, 0)] * x.ndim
    edges[1] = (size // 2, (size - 1) // 2, 0)
    square = lax.pad(x * x, lax.full((), 0, x.dtype), edges)
    total = None
    for j in range(size):
        part = lax.slice_in_dim(square, j, j + x.shape[1], axis=1)
        total = part if total is None else total + part
    if whole:
        # The mean of whole numbers is one.
        dtype = dtypes.get_default_dtype().np
        mean = cast(total // size, dtype)
        return cast(x, dtype) / (mean * alpha + k) ** beta
    return cast(x / (total * (alpha / size) + k) ** beta, input.dtype)


# --- the aten names that torch exposes ------------------------------------------------


@composite("f o")
def native_layer_norm(input, normalized_shape, weight, bias, eps):
    """`layer_norm` with the mean and the reciprocal standard deviation (of kept dimensions)."""
    shape = _shape_of(normalized_shape)
    out = ops.layer_norm(input, shape, weight, bias, eps)
    # torch gives the statistics no gradient.
    statistics = ops.layer_statistics(input.detach(), shape, float(eps))
    return out, *[s.to(_statistics_dtype(input, weight, bias)) for s in statistics]


def _statistics_dtype(input, *parameters):
    """That of the parameters, which half-precision input may have in float32."""
    return next((p.dtype for p in parameters if p is not None), input.dtype)


@op(SAME, accepts="f", variants="p", grad=False)
def layer_statistics(input: T, shape, eps: float):
    """Mean and reciprocal standard deviation over the last dimensions, kept."""
    x = widen(input)
    axes = tuple(range(x.ndim - len(shape), x.ndim))
    mean = jnp.mean(x, axes, keepdims=True)
    var = jnp.mean((x - mean) ** 2, axes, keepdims=True)
    return mean, lax.rsqrt(var + eps)


@op(SAME, accepts="f", variants="f")
def native_group_norm(
    input: T,
    weight: T | None,
    bias: T | None,
    N: int,
    C: int,
    HxW: int,
    group: int,
    eps: float,
):
    """`group_norm` with the mean and the reciprocal standard deviation, each (N, group)."""
    x = lax.reshape(widen(input), (N, group, C * HxW // group))
    mean = jnp.mean(x, 2)
    var = jnp.mean((x - mean[..., None]) ** 2, 2)
    out = _group_norm(input, group, weight, bias, eps)
    dtype = _statistics_dtype(input, weight, bias)
    return out, cast(mean, dtype), cast(lax.rsqrt(var + eps), dtype)


@op(SAME, accepts="f", variants="p")
def batch_statistics(input: T, eps: float):
    """Mean and reciprocal standard deviation over all but dimension 1, each (C,)."""
    x = widen(input)
    axes = (0, *range(2, x.ndim))
    mean = jnp.mean(x, axes, keepdims=True)
    var = jnp.mean((x - mean) ** 2, axes)
    return mean.reshape(-1), lax.rsqrt(var + eps)


@composite("f o")
def native_batch_norm(
    input,
    weight,
    bias,
    running_mean,
    running_var,
    training,
    momentum,
    eps,
):
    """`batch_norm` with the mean and the reciprocal deviation used (empty in evaluation)."""
    out = ops.batch_norm(input, weight, bias, running_mean, running_var, training, momentum, eps)
    dtype = _statistics_dtype(input, weight, bias, running_mean, running_var)
    if not training:
        return out, input.new_empty(0, dtype=dtype), input.new_empty(0, dtype=dtype)
    return out, *[s.to(dtype) for s in ops.batch_statistics(input.detach(), eps)]
