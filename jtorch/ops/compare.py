"""Elementwise comparison, logic, tests of numbers, and selection by a condition."""

import jax.numpy as jnp
from jax import lax

from .._engine import dtypes
from .._engine.signature import PYTHON_NUMBERS
from .limits import check_fits
from .registry import BOOL, SAME, TS, DType, T, check, composite, host, op, ops
from .safe import broadcast, cast, is_bool, is_complex, is_float, is_inexact, is_nan, select, title


@op(BOOL, variants="f m i o")
def eq(input: T, other: TS):
    """True where input equals other. Shapes broadcast."""
    return input == other


@op(BOOL, variants="f m i o", alias=("not_equal",))
def ne(input: T, other: TS):
    """True where input differs from other. Shapes broadcast."""
    return input != other


@op(BOOL, accepts="buif", variants="f m i o", alias=("less",))
def lt(input: T, other: TS):
    """True where input < other. Shapes broadcast."""
    return input < other


@op(BOOL, accepts="buif", variants="f m i o", alias=("less_equal",))
def le(input: T, other: TS):
    """True where input <= other. Shapes broadcast."""
    return input <= other


@op(BOOL, accepts="buif", variants="f m i o", alias=("greater",))
def gt(input: T, other: TS):
    """True where input > other. Shapes broadcast."""
    return input > other


@op(BOOL, accepts="buif", variants="f m i o", alias=("greater_equal",))
def ge(input: T, other: TS):
    """True where input >= other. Shapes broadcast."""
    return input >= other


def _truths(*arrays):
    return [_truth(a) for a in broadcast(*arrays)]


def _truth(x):
    return x if is_bool(x) else x != 0


@op(SAME, variants="f m i o", grad=False)
def logical_and(input: T, other: T):
    """True where both are nonzero. Shapes broadcast."""
    a, b = _truths(input, other)
    return a & b


@op(SAME, variants="f m i o", grad=False)
def logical_or(input: T, other: T):
    """True where either is nonzero. Shapes broadcast."""
    a, b = _truths(input, other)
    return a | b


@op(SAME, variants="f m i o", grad=False)
def logical_xor(input: T, other: T):
    """True where exactly one is nonzero. Shapes broadcast."""
    a, b = _truths(input, other)
    return a ^ b


@op(SAME, variants="f m i o", grad=False)
def logical_not(input: T):
    """True where input is 0."""
    return ~_truth(input)


@op(SAME, variants="f m", grad=False)
def isnan(input: T):
    """True where a number (or either part of a complex one) is NaN."""
    return is_nan(input)


@op(SAME, variants="f m", grad=False)
def isinf(input: T):
    """True where a number (or either part of a complex one) is infinite."""
    if not is_inexact(input):
        return jnp.zeros(input.shape, bool)
    if is_complex(input):
        return (lax.abs(lax.real(input)) == jnp.inf) | (lax.abs(lax.imag(input)) == jnp.inf)
    return lax.abs(input) == jnp.inf


@op(SAME, variants="f m", grad=False)
def isfinite(input: T):
    """True where a number is neither infinite nor NaN."""
    if not is_inexact(input):
        return jnp.ones(input.shape, bool)
    if is_complex(input):
        return lax.is_finite(lax.real(input)) & lax.is_finite(lax.imag(input))
    return lax.is_finite(input)


@op(SAME, accepts="buif", variants="f m o", grad=False)
def isposinf(input: T):
    """True where a number is +inf."""
    return input == jnp.inf if is_float(input) else jnp.zeros(input.shape, bool)


@op(SAME, accepts="buif", variants="f m o", grad=False)
def isneginf(input: T):
    """True where a number is -inf."""
    return input == -jnp.inf if is_float(input) else jnp.zeros(input.shape, bool)


@op(SAME, variants="f m", grad=False)
def isreal(input: T):
    """True where the imaginary part is 0; everywhere for real tensors."""
    return lax.imag(input) == 0 if is_complex(input) else jnp.ones(input.shape, bool)


def _same_dtype(input, other):
    check(input.dtype == other.dtype, f"{title(input.dtype)} did not match {title(other.dtype)}")


@op(SAME, variants="f m", grad=False)
def isclose(input: T, other: T, rtol: float = 1e-05, atol: float = 1e-08, equal_nan: bool = False):
    """True where |input - other| <= atol + rtol * |other|, or both are the same infinity.

    RuntimeError for different dtypes or a negative tolerance.
    """
    _same_dtype(input, other)
    check(rtol >= 0, f"rtol must be greater than or equal to zero, but got {rtol}")
    check(atol >= 0, f"atol must be greater than or equal to zero, but got {atol}")
    return _close(input, other, rtol, atol, equal_nan)


def _close(input, other, rtol, atol, equal_nan):
    input, other = broadcast(input, other)
    close = input == other
    if equal_nan and is_inexact(input):
        close = close | (is_nan(input) & is_nan(other))
    if rtol == 0 and atol == 0:
        return close
    if not is_inexact(input):
        input, other = input.astype(jnp.float64), other.astype(jnp.float64)
    distance = lax.abs(input - other)
    return close | (lax.is_finite(distance) & (distance <= atol + rtol * lax.abs(other)))


@op(SAME, variants="p", grad=False)
def all_close(input: T, other: T, rtol: float, atol: float, equal_nan: bool):
    """0-dim bool: whether every element is close, as `isclose` understands it."""
    _same_dtype(input, other)
    check(rtol >= 0, f"rtol must be greater than or equal to zero, but got {rtol}")
    check(atol >= 0, f"atol must be greater than or equal to zero, but got {atol}")
    return jnp.all(_close(input, other, rtol, atol, equal_nan))


@composite("f m")
def allclose(input, other, rtol=1e-05, atol=1e-08, equal_nan=False):
    """Whether all elements of input and other (broadcast) are close: a Python bool."""
    return bool(host(ops.all_close(input, other, float(rtol), float(atol), bool(equal_nan))))


@op(BOOL, variants="p")
def all_equal(input: T, other: T):
    """0-dim bool: whether every element is equal."""
    return jnp.all(input == other)


@composite("f m")
def equal(input, other):
    """Whether two tensors have the same shape and elements: a Python bool."""
    if tuple(input.shape) != tuple(other.shape):
        return False
    return bool(host(ops.all_equal(input, other)))


@op(SAME, variants="p", grad_name="WhereBackward0")
def where_select(condition: T, input: TS, other: TS, dtype: DType):
    """input where condition holds, else other, in `dtype`. Shapes broadcast."""
    condition, input, other = broadcast(condition, input, other)
    return select(_truth(condition), cast(input, dtype), cast(other, dtype))


def _result_dtype(*operands):
    dimensioned, zero_dim, numbers = [], [], []
    for value in operands:
        if not hasattr(value, "dtype"):
            numbers.append(dtypes.of_python(type(value)))
        elif value.ndim:
            dimensioned.append(value.dtype)
        else:
            zero_dim.append(value.dtype)
    return dtypes.result_type(dimensioned, zero_dim, numbers)


def _where(condition, input, other):
    name = condition.dtype.name
    check(
        name in ("bool", "uint8"),
        "where expected condition to be a boolean tensor, but got a tensor with dtype "
        f"{title(condition.dtype)}",
    )
    dtype = _result_dtype(input, other)
    for value in (input, other):
        if value.__class__ in PYTHON_NUMBERS:
            check_fits(value, dtype)
    return ops.where_select(condition, input, other, dtype)


@composite("f o")
def where(condition, input=None, other=None):
    """input where condition is True, else other; either may be a number. Shapes broadcast.

    With the condition alone: the indices of its nonzero elements, one tensor per dimension.
    RuntimeError for a condition that is not boolean.
    """
    if input is None and other is None:
        return ops.nonzero(condition, as_tuple=True)
    return _where(condition, input, other)


@composite("m", name="where")
def tensor_where(input, condition, other):
    """input where condition is True, else other: the method form of `where`."""
    return _where(condition, input, other)
