"""To JAX and back: arrays without copies, and torch functions as JAX functions."""

import functools

import jax
import numpy as np

from . import device as devices
from . import dtypes, execute, trace
from .signature import aval
from .tensor import Tensor, value_of, wrap
from .value import Value


def from_jax(array):
    """A tensor over a JAX array (or tracer), without a copy. Raises TypeError for other types."""
    if not isinstance(array, jax.Array):
        raise TypeError(f"from_jax expects a jax.Array, got {type(array).__name__}")
    traced = isinstance(array, jax.core.Tracer)
    device = devices.cpu if traced else devices.of_jax(next(iter(array.devices())))
    return wrap(Value(aval(array.shape, dtypes.from_np(array.dtype), device), array))


def to_jax_array(tensor):
    """The tensor's contents as a JAX array on its device; executes what is pending."""
    value = value_of(tensor)
    array = trace.force(value, "jax")
    return (
        jax.device_put(array, devices.jax_device(tensor.device))
        if isinstance(array, np.ndarray)
        else array
    )


def to_jax(fn):
    """A function of tensors as a function of JAX arrays, to be used under `jax.jit`, `jax.vmap`,
    `jax.grad` and the like.

    Arguments and results may be nested (pytrees); their JAX arrays become tensors and back, other
    leaves stay as they are.
    Inside, operations run at once on the arrays or tracers they are given. Values must not decide
    control flow while
    JAX traces, and random numbers drawn inside are constants of the traced function.
    """

    @functools.wraps(fn)
    def on_arrays(*args, **kwargs):
        with trace.direct_mode():
            args, kwargs = jax.tree_util.tree_map(_tensor, (args, kwargs))
            result = fn(*args, **kwargs)
            return jax.tree_util.tree_map(_array, result, is_leaf=lambda x: isinstance(x, Tensor))

    return on_arrays


def from_dlpack(ext_tensor, *, device=None, copy=None):
    """A tensor over the memory of an object with the DLPack protocol; with `copy`, over its own."""
    target = None if device is None else devices.jax_device(devices.resolve(device))
    return from_jax(jax.dlpack.from_dlpack(ext_tensor, device=target, copy=copy))


def _dlpack(tensor, **options):
    return to_jax_array(tensor).__dlpack__(**options)


def _dlpack_device(tensor):
    return to_jax_array(tensor).__dlpack_device__()


def _tensor(leaf):
    return (
        from_jax(leaf if isinstance(leaf, jax.Array) else jax.numpy.asarray(leaf))
        if hasattr(leaf, "dtype")
        else leaf
    )


def _array(leaf):
    return execute.as_jax(value_of(leaf)) if isinstance(leaf, Tensor) else leaf


Tensor.jax = to_jax_array
Tensor.__dlpack__ = _dlpack
Tensor.__dlpack_device__ = _dlpack_device
