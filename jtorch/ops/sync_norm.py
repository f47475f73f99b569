"""Batch norm by the statistics of a whole mesh of devices."""

import jax.numpy as jnp
from jax import lax

from .._engine.mesh import mapped_axes
from .norm import _advance, _check_channels, _scale_channels, _store_running
from .registry import SAME, S, T, check, composite, op, ops
from .safe import cast, widen
from .spatial import expand


@op(SAME, accepts="f", variants="p", grad_name="SyncBatchNormBackward")
def sync_batch_norm_train(
    input: T,
    weight: T | None,
    bias: T | None,
    running_mean: T | None,
    running_var: T | None,
    momentum: S,
    eps: float,
    mesh_axes: tuple,
    world_size: int,
):
    """Batch norm by the statistics of `input` (N, C, *) on all devices along the mesh axes:
    (result, new running mean and variance).

    Every device has the same number of values. `world_size` tells apart meshes whose axes have the
    same names.
    """
    x = widen(input)
    axes = (0, *range(2, x.ndim))
    mean = lax.pmean(jnp.mean(x, axes), mesh_axes)
    centered = x - expand(mean, x.ndim, 1)
    var = lax.pmean(jnp.mean(centered * centered, axes), mesh_axes)
    y = centered * expand(lax.rsqrt(var + eps), x.ndim, 1)
    out = cast(_scale_channels(y, weight, bias), input.dtype)
    if running_mean is None:
        return (out,)
    count = world_size * x.size // x.shape[1]
    var = var * (count / (count - 1))
    return out, _advance(running_mean, mean, momentum), _advance(running_var, var, momentum)


@composite("p")
def sync_batch_norm(input, running_mean, running_var, weight, bias, momentum, eps, process_group):
    """Batch norm in training over the devices that `process_group` names, or over all that a
    mesh is mapped to; over `input` alone where nothing is mapped.

    The running statistics move in place. Raises ValueError for a single value per channel.
    """
    axes, world_size = mapped_axes(process_group)
    if world_size == 1:
        return ops.F_batch_norm(input, running_mean, running_var, weight, bias, True, momentum, eps)
    check(
        world_size * input.numel() > input.shape[1],
        f"Expected more than 1 value per channel when training, got input size {input.shape}",
        ValueError,
    )
    _check_channels(
        input, running_mean=running_mean, running_var=running_var, weight=weight, bias=bias
    )
    arguments = (input, weight, bias, running_mean, running_var, momentum, eps)
    out, *running = ops.sync_batch_norm_train(*arguments, axes, world_size)
    _store_running(running_mean, running_var, running)
    return out
