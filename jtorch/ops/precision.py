"""Small numeric helpers shared by the op families: wide accumulation and lean selections."""

import jax.numpy as jnp
from jax import lax

_HALVES = (jnp.dtype(jnp.bfloat16), jnp.dtype(jnp.float16))


def widen(x):
    """`x` as float32 when it is a 16-bit float, else `x` itself.

    torch computes its half-precision kernels in float32 and rounds once at the end.
    """
    if x.dtype in _HALVES:
        return lax.convert_element_type(x, jnp.float32)
    return x


def narrow(x, dtype):
    """`x` in `dtype`, without a primitive when it is that already."""
    return x if x.dtype == dtype else lax.convert_element_type(x, dtype)


def full_like(x, value):
    """An array of the shape and dtype of `x`, all entries `value`."""
    return lax.full(x.shape, value, x.dtype)


def choose(flag, a, b):
    """`a` where `flag`, else `b`; one of `a` and `b` may be a Python number.

    Unlike `jnp.where` this is a single primitive, which keeps traced programs short.
    """
    if not hasattr(a, "dtype"):
        a = full_like(b, a)
    if not hasattr(b, "dtype"):
        b = full_like(a, b)
    return lax.select(flag, a, b)


def magnitude(x):
    """|x|, with the derivative 0 that torch has at 0 (JAX has 1)."""
    return lax.abs(x) if jnp.iscomplexobj(x) else x * lax.sign(x)


def expand(x, ndim, dim):
    """The vector `x` laid along dimension `dim` of an array with `ndim` dimensions."""
    shape = [1] * ndim
    shape[dim] = x.shape[0]
    return lax.reshape(x, tuple(shape))


def as_tuple(value, n, what, where):
    """`value` as a tuple of `n` ints: one int is repeated, a sequence must have 1 or `n`."""
    if isinstance(value, (tuple, list)):
        values = tuple(int(v) for v in value)
    else:
        values = (int(value),)
    if len(values) == 1:
        return values * n
    if len(values) != n:
        raise RuntimeError(
            f"expected {what} to be a single integer value or a list of {n} values to match the "
            f"{where} dimensions, but got {what}={list(values)}"
        )
    return values
