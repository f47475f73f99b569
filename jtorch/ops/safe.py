"""Selection and singular points: what several op families need to keep torch's subgradients.

The helpers emit a handful of primitives and no nested calls, so that a traced op stays short.
"""

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax
from jax.custom_derivatives import SymbolicZero

from .promotion import check_broadcast

_HALF = (jnp.dtype(jnp.float16), jnp.dtype(jnp.bfloat16))


def is_float(x):
    """True for a real floating-point array."""
    return jnp.issubdtype(x.dtype, jnp.floating)


def is_complex(x):
    """True for a complex array."""
    return jnp.issubdtype(x.dtype, jnp.complexfloating)


def is_inexact(x):
    """True for a floating-point or complex array."""
    return jnp.issubdtype(x.dtype, jnp.inexact)


def is_bool(x):
    """True for a boolean array."""
    return x.dtype == np.bool_


def select(cond, chosen, other):
    """`chosen` where `cond` holds, else `other`; Python numbers take the other side's dtype.

    The gradient of the side that was not chosen is exactly 0, but a NaN made *inside* that side's
    own backward survives: feed it a harmless argument there.
    """
    dtype = chosen.dtype if hasattr(chosen, "dtype") else other.dtype
    shape = np.broadcast_shapes(np.shape(cond), np.shape(chosen), np.shape(other))
    if np.shape(cond) != ():
        cond = jnp.broadcast_to(cond, shape)
    return lax.select_n(cond, _spread(other, shape, dtype), _spread(chosen, shape, dtype))


def _spread(value, shape, dtype):
    if not hasattr(value, "dtype"):
        return lax.full(shape, value, dtype)
    return jnp.broadcast_to(value, shape)


def is_symbolic_zero(tangent):
    """True for the tangent of an argument that is not being differentiated."""
    return type(tangent) is SymbolicZero


def broadcast(*arrays):
    """Arrays of one shape. Raises torch's RuntimeError when their shapes do not go together."""
    shape = check_broadcast([a.shape for a in arrays])
    return [jnp.broadcast_to(a, shape) for a in arrays]


def const(value):
    """`value` with its gradient cut off."""
    return lax.stop_gradient(value)


def is_nan(x):
    """Elementwise NaN test; all False for integers."""
    return lax.ne(x, x)


def widen(x):
    """Half-precision arrays in float32, in which torch accumulates; others as they are."""
    return lax.convert_element_type(x, jnp.float32) if x.dtype in _HALF else x


def cast(x, dtype):
    """`x` in `dtype`; complex to real drops the imaginary part, as torch does."""
    if x.dtype == dtype:
        return x
    if is_complex(x) and not jnp.issubdtype(dtype, jnp.complexfloating) and dtype != np.bool_:
        x = lax.real(x)
    if dtype == np.bool_:
        return lax.ne(x, lax.full_like(x, 0))
    return lax.convert_element_type(x, dtype)


def safe_sqrt(x):
    """Square root of x >= 0 whose gradient at 0 is 0, torch's choice for std, norm and dist."""
    zero = lax.eq(x, lax.full_like(x, 0))
    return select(zero, 0, lax.sqrt(select(zero, 1, x)))


def magnitude(x):
    """Absolute value with gradient 0 at 0 (jax gives 1). Real or complex in, real out."""
    if jnp.issubdtype(x.dtype, jnp.unsignedinteger):
        return x
    return _absolute(x) if is_float(x) else lax.abs(x)


@jax.custom_jvp
def _absolute(x):
    return lax.abs(x)


@_absolute.defjvp
def _absolute_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _absolute(x), dx * select(is_nan(x), 0, lax.sign(x))


_TITLES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def title(dtype):
    """The name torch's error messages give a dtype: Long, Float, ComplexFloat, ..."""
    name = getattr(dtype, "name", str(dtype))
    return _TITLES.get(name, name)
