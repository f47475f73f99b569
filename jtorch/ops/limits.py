"""Which Python numbers fit into a dtype, as torch sees it when it stores one."""

import functools
import math

import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.tensor import Tensor

# What torch's messages call the types that are not named <dtype>_t.
_C_NAMES = {
    "bool": "bool",
    "int32": "int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


_INTEGERS = {"uint8", "uint16", "uint32", "uint64", "int8", "int16", "int32", "int64"}
_CHECKED = (_INTEGERS | set(_C_NAMES)) - {"bool"}


def c_name(dtype):
    """torch's name of a dtype in messages about numbers."""
    return _C_NAMES.get(dtype.name, dtype.name + "_t" if dtype.name in _INTEGERS else dtype.name)


def check_fits(value, dtype):
    """Raise torch's RuntimeError when a Python number cannot be stored in a dtype (or a tensor).

    An unsigned type takes negative integers, wrapped; a floating one infinities and NaN; a real one
    complex numbers without an imaginary part.
    """
    if isinstance(dtype, Tensor):
        dtype = dtype._aval.dtype
    if not isinstance(dtype, dtypes.dtype) or dtype.name not in _CHECKED:
        return
    if value.__class__ is complex:
        parts = (value.real, value.imag) if dtype.is_complex else (value.real,)
        fine = dtype.is_complex or not value.imag
    else:
        parts, fine = (value,), True
    if not (fine and all(_fits(part, dtype) for part in parts)):
        raise RuntimeError(f"value cannot be converted to type {c_name(dtype)} without overflow")


def check_fits_promoted(value, tensor):
    """`check_fits` for an operation that goes over to a floating dtype for the sake of a float."""
    if not isinstance(tensor, Tensor):
        return
    dtype = tensor._aval.dtype
    if value.__class__ is float and dtype.category < dtypes.FLOAT:
        dtype = dtypes.get_default_dtype()
    check_fits(value, dtype)


def _fits(value, dtype):
    least, most = _range(dtype)
    if least <= value <= most:
        return True
    if dtype.kind == "u":
        return value.__class__ is not float and -most <= value < 0
    return dtype.kind in "fc" and value.__class__ is float and not math.isfinite(value)


@functools.cache
def _range(dtype):
    """The smallest and the largest finite number of a dtype."""
    if dtype.kind in "ui":
        limits = np.iinfo(dtype.np)
        return int(limits.min), int(limits.max)
    most = float(jnp.finfo(dtype.np).max)
    return -most, most
