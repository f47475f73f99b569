"""Elementwise arithmetic of two and three tensors: sums, quotients, powers, bounds, mixtures."""

import builtins
import math

import jax
import jax.numpy as jnp
from jax import lax

from .._engine import dtypes
from .promotion import common_dtype
from .registry import DEFAULT, FLOAT, SAME, TS, S, T, check, composite, guard, op, ops
from .safe import (
    broadcast,
    const,
    is_bool,
    is_complex,
    is_float,
    is_inexact,
    is_nan,
    is_symbolic_zero,
    select,
    title,
)

_EVERY = "f m i o"
_BOOL_SUB = (
    "Subtraction, the `-` operator, with a bool tensor is not supported. If you are trying to "
    "invert a mask, use the `~` or `logical_not()` operator instead."
)
_BOOLS_SUB = (
    "Subtraction, the `-` operator, with two bool tensors is not supported. Use the `^` or "
    "`logical_xor()` operator instead."
)


def _check_alpha(avals):
    input, other, alpha = avals
    if alpha is None or alpha.kind not in (float, complex):
        return
    common = common_dtype((input, other))
    check(
        common.kind in "fc" or alpha.kind is not float,
        "For integral input tensors, argument alpha must not be a floating point number.",
    )
    check(
        common.kind == "c" or alpha.kind is not complex,
        "For non-complex input tensors, argument alpha must not be a complex number.",
    )


def _check_sub(avals):
    flags = [a.kind is bool if a.scalar else a.dtype is dtypes.bool for a in avals[:2]]
    check(not all(flags), _BOOLS_SUB)
    check(not any(flags), _BOOL_SUB)
    _check_alpha(avals)


def _scaled(other, alpha):
    if alpha is None:
        return other
    if is_bool(other):
        return other & alpha
    return other * alpha


@op(DEFAULT, variants=_EVERY, verify=_check_alpha)
def add(input: TS, other: TS, *, alpha: S | None = None):
    """input + alpha * other, broadcast. For booleans the logical or."""
    return input + _scaled(other, alpha)


@op(DEFAULT, variants=_EVERY, alias=("subtract",), verify=_check_sub)
def sub(input: TS, other: TS, *, alpha: S | None = None):
    """input - alpha * other, broadcast. RuntimeError for booleans."""
    return input - _scaled(other, alpha)


@op(DEFAULT, variants="f m", verify=_check_sub)
def rsub(input: T, other: TS, *, alpha: S | None = None):
    """other - alpha * input, broadcast. RuntimeError for booleans."""
    return other - _scaled(input, alpha)


@op(DEFAULT, variants=_EVERY, alias=("multiply",))
def mul(input: TS, other: TS):
    """input times other, broadcast. For booleans the logical and."""
    return input * other


@op(FLOAT, variants=_EVERY, grad_name="DivBackward0")
def true_divide(input: TS, other: TS):
    """input / other, broadcast; integers are divided as floating-point numbers."""
    return input / other


@composite(_EVERY, alias=("divide",))
def div(input, other, *, rounding_mode=None):
    """input / other; rounding_mode None divides truly, "trunc" rounds to 0, "floor" downwards.

    RuntimeError for integers divided by 0 under a rounding mode.
    """
    if rounding_mode is None:
        return ops.true_divide(input, other)
    if rounding_mode == "floor":
        return ops.div_floor(input, other)
    check(
        rounding_mode == "trunc",
        "div expected rounding_mode to be one of None, 'trunc', or 'floor' but found "
        f"'{rounding_mode}'",
    )
    return ops.div_trunc(input, other)


def _forbid_zero(divisor):
    if not is_inexact(divisor):
        guard(jnp.any(divisor == 0), RuntimeError, "ZeroDivisionError")


def _float_floor_divide(a, b):
    # From the remainder, not from a / b, which rounds 6.0 / 0.1 up across an integer.
    rest = lax.rem(*jnp.broadcast_arrays(a, b))
    quotient = (a - rest) / b
    crossed = (rest != 0) & ((b < 0) != (rest < 0))
    quotient = select(crossed, quotient - 1, quotient)
    whole = lax.floor(quotient)
    whole = select(quotient - whole > 0.5, whole + 1, whole)
    exact = a / b
    return select(b == 0, exact, select(quotient == 0, jnp.copysign(0 * quotient, exact), whole))


def _int_floor_divide(a, b):
    a, b = jnp.broadcast_arrays(a, b)
    quotient = lax.div(a, b)
    if jnp.issubdtype(a.dtype, jnp.unsignedinteger):
        return quotient
    crossed = (lax.rem(a, b) != 0) & ((a < 0) != (b < 0))
    return select(crossed, quotient - 1, quotient)


def _floor_divide(a, b):
    _forbid_zero(b)
    # Piecewise constant: torch's gradient is 0.
    return _float_floor_divide(const(a), const(b)) if is_float(a) else _int_floor_divide(a, b)


@op(DEFAULT, accepts="uif", variants="p", grad_name="DivBackward1")
def div_floor(input: TS, other: TS):
    """input / other rounded downwards. The gradient is 0. RuntimeError for an integer divisor 0."""
    return _floor_divide(input, other)


@op(DEFAULT, accepts="uif", variants=_EVERY)
def floor_divide(input: TS, other: TS):
    """input / other rounded downwards. RuntimeError for an integer divisor 0."""
    return _floor_divide(input, other)


@op(DEFAULT, accepts="uif", variants="p", grad_name="DivBackward1")
def div_trunc(input: TS, other: TS):
    """input / other rounded towards 0. The gradient is 0. RuntimeError for an integer divisor 0."""
    if is_float(input):
        quotient = const(input / other)
        return select(quotient < 0, lax.ceil(quotient), lax.floor(quotient))
    _forbid_zero(other)
    return lax.div(*jnp.broadcast_arrays(input, other))


@op(DEFAULT, accepts="uif", variants=_EVERY)
def fmod(input: T, other: TS):
    """Remainder of input / other with the sign of input. RuntimeError for an integer divisor 0."""
    _forbid_zero(other)
    return lax.rem(*jnp.broadcast_arrays(input, other))


@op(DEFAULT, accepts="uif", variants=_EVERY)
def remainder(input: TS, other: TS):
    """Remainder of input / other with the sign of other. RuntimeError for an integer divisor 0."""
    _forbid_zero(other)
    rest = lax.rem(*jnp.broadcast_arrays(input, other))
    if jnp.issubdtype(rest.dtype, jnp.unsignedinteger):
        return rest
    return select((rest != 0) & ((rest < 0) != (other < 0)), rest + other, rest)


def _check_real(name, x):
    check(not is_complex(x), f"{name} not implemented for complex tensors.")


@op(DEFAULT, variants="f m o")
def maximum(input: T, other: T):
    """The larger of two elements, NaN winning; a tie shares the gradient in halves."""
    _check_real("maximum", input)
    return jnp.maximum(input, other)


@op(DEFAULT, variants="f m o")
def minimum(input: T, other: T):
    """The smaller of two elements, NaN winning; a tie shares the gradient in halves."""
    _check_real("minimum", input)
    return jnp.minimum(input, other)


@op(DEFAULT, accepts="buif", variants="f m o")
def fmax(input: T, other: T):
    """The larger of two elements, a NaN losing to a number; a tie gives `input` the gradient."""
    return select((input >= other) | is_nan(other), input, other)


@op(DEFAULT, accepts="buif", variants="f m o")
def fmin(input: T, other: T):
    """The smaller of two elements, a NaN losing to a number; a tie gives `input` the gradient."""
    return select((input <= other) | is_nan(other), input, other)


@jax.custom_jvp
def _limit(x, low, high):
    """x in [low, high], either of which may be None; NaN stays, and low > high gives high."""
    x = x if low is None else jnp.maximum(x, low)
    return x if high is None else jnp.minimum(x, high)


def _limit_jvp(primals, tangents):
    # At a bound the input, not the bound, gets the gradient; at a NaN nobody does.
    x, low, high = primals
    dx, d_low, d_high = tangents
    out = _limit(x, low, high)
    total = jnp.zeros_like(out)
    under = None if low is None else x < low
    over = None if high is None else x > high
    if not is_symbolic_zero(dx):
        inside = jnp.ones(out.shape, bool) if low is None else x >= low
        inside = inside if high is None else inside & (x <= high)
        total += select(inside, dx, 0)
    if low is not None and not is_symbolic_zero(d_low):
        total += select(under if high is None else under & (low < high), d_low, 0)
    if high is not None and not is_symbolic_zero(d_high):
        total += select(over if low is None else over | (high < low), d_high, 0)
    return out, total


_limit.defjvp(_limit_jvp, symbolic_zeros=True)


def _bounded(x, low, high):
    check(not is_complex(x), "clamp is not supported for complex types", NotImplementedError)
    return _limit(x, low, high)


@op(DEFAULT, variants=_EVERY, alias=("clip",), stores="min max")
def clamp(input: T, min: TS | None = None, max: TS | None = None):
    """input limited to [min, max]; numbers or broadcast tensors. Where min > max the result is max.

    The gradient is 1 inside and at the bounds. RuntimeError when neither bound is given.
    """
    check(
        min is not None or max is not None,
        "torch.clamp: At least one of 'min' or 'max' must not be None",
    )
    return _bounded(input, min, max)


@op(DEFAULT, variants=_EVERY, stores="min")
def clamp_min(input: T, min: TS):
    """input, but at least min."""
    return _bounded(input, min, None)


@op(DEFAULT, variants=_EVERY, stores="max")
def clamp_max(input: T, max: TS):
    """input, but at most max."""
    return _bounded(input, None, max)


# Powers.

_NEGATIVE_POWER = "Integers to negative integer powers are not allowed."


@composite(_EVERY)
def pow(input, exponent):
    """input to the power of exponent, broadcast; either may be a number.

    Small fixed exponents take the short way (2 -> x * x, 0.5 -> sqrt, -1 -> 1 / x, ...). Integers
    to a negative integer power: RuntimeError.
    """
    if type(exponent) is int:
        return _integer_power(input, exponent)
    if type(exponent) is float:
        if exponent in (0.5, -0.5):
            return ops.pow_root(input, exponent)
        if exponent in (1.0, 2.0, 3.0, -1.0, -2.0):
            return ops.pow_float_fixed(input, int(exponent))
    return ops.pow_general(input, exponent)


def _integer_power(input, exponent):
    if not hasattr(input, "dtype"):
        return ops.pow_general(input, exponent)
    kind = input.dtype
    if kind.is_floating_point or kind.is_complex:
        return (
            ops.pow_fixed(input, exponent)
            if -2 <= exponent <= 4
            else ops.pow_general(input, exponent)
        )
    check(exponent >= 0, _NEGATIVE_POWER)
    return ops.pow_fixed(input, exponent)


@op(SAME, variants="p", grad_name="PowBackward0")
def pow_fixed(input: T, exponent: int):
    """input to a fixed integer power, in the dtype of input (booleans become int64)."""
    x = input.astype(jnp.int64) if is_bool(input) else input
    return lax.integer_pow(x, exponent)


@op(FLOAT, variants="p", grad_name="PowBackward0")
def pow_float_fixed(input: T, exponent: int):
    """input to a fixed power that was written as a float: integers become floating-point."""
    return lax.integer_pow(input, exponent)


@op(FLOAT, variants="p", grad_name="PowBackward0")
def pow_root(input: T, exponent: float):
    """Square root (exponent 0.5) or its reciprocal (-0.5)."""
    return lax.sqrt(input) if exponent > 0 else lax.rsqrt(input)


@op(DEFAULT, variants="p", grad_name="PowBackward1")
def pow_general(input: TS, exponent: TS):
    """input to the power of exponent, both run-time values.

    At exponent 0 the gradient of input is 0; at input 0 with exponent >= 0 that of exponent is 0.
    """
    check(not is_bool(input), "\"pow\" not implemented for 'Bool'", NotImplementedError)
    if not is_inexact(input):
        return _integer_pow(*jnp.broadcast_arrays(input, exponent))
    return _power(*jnp.broadcast_arrays(input, exponent))


def _integer_pow(base, exponent):
    # Square and multiply over the bits of the exponent; a fixed count, as the shape is.
    negative = exponent < 0
    odd = (exponent & 1) != 0
    one = jnp.ones_like(base)
    by_base = select(base == 1, one, select(base == -1, select(odd, -one, one), 0))
    result = one
    power, left = base, select(negative, 0, exponent)
    # |base| >= 2 overflows beyond 64 bits of exponent; 0 and +-1 only depend on its parity.
    bits = builtins.min(6, base.dtype.itemsize * 8 - 1)
    low = left & ((1 << bits) - 1)
    for bit in range(bits):
        result = select(((low >> bit) & 1) != 0, result * power, result)
        power = power * power
    huge = left >= (1 << bits)
    result = select(huge & (power == 0), 0, result)
    return select(negative, by_base, result)


@jax.custom_jvp
def _power(base, exponent):
    return lax.pow(base, exponent)


def _power_jvp(primals, tangents):
    base, exponent = primals
    d_base, d_exponent = tangents
    out = _power(base, exponent)
    total = jnp.zeros_like(out)
    if not is_symbolic_zero(d_base):
        flat = exponent == 0
        total += d_base * select(flat, 0, exponent * _power(base, select(flat, 1, exponent) - 1))
    if not is_symbolic_zero(d_exponent):
        at_zero = (base == 0) & (lax.real(exponent) >= 0 if is_complex(exponent) else exponent >= 0)
        total += d_exponent * select(at_zero, 0, out * lax.log(select(at_zero, 1, base)))
    return out, total


_power.defjvp(_power_jvp, symbolic_zeros=True)


@op(SAME, variants="f m o", grad_name="PowBackward1")
def float_power(input: TS, exponent: TS):
    """input to the power of exponent, computed in float64 (complex128 for complex operands)."""
    wide = jnp.complex128 if is_complex(input) or is_complex(exponent) else jnp.float64
    return _power(*broadcast(input.astype(wide), exponent.astype(wide)))


@composite("m")
def float_power_(input, exponent):
    """`float_power` written into input, which must be float64 (complex128 for complex operands)."""
    kinds = [v.dtype.is_complex if hasattr(v, "dtype") else type(v) is complex
             for v in (input, exponent)]  # fmt: skip
    wide = dtypes.complex128 if any(kinds) else dtypes.float64
    check(
        input.dtype == wide,
        f"the base given to float_power_ has dtype {title(input.dtype)} but the operation's result "
        f"requires dtype {title(wide)}",
    )
    return input.copy_(ops.float_power(input, exponent))


@op(FLOAT, variants=_EVERY)
def ldexp(input: T, other: T):
    """input * 2**other, broadcast."""
    return input * (lax.exp(other * math.log(2)) if is_complex(other) else lax.exp2(other))


# Mixtures of three tensors.


@op(SAME, accepts="uifc", variants="f m i o")
def lerp(input: T, end: T, weight: TS):
    """input + weight * (end - input), broadcast. `end` must have the dtype of input."""
    name = title(input.dtype)
    check(is_inexact(input), f"\"lerp_kernel\" not implemented for '{name}'", NotImplementedError)
    check(
        end.dtype == input.dtype,
        f"expected dtype {input.dtype.name} for `end` but got dtype {end.dtype.name}",
    )
    input, end, weight = broadcast(input, end, weight.astype(input.dtype))
    # Measured from the nearer end, so that weight 1 gives `end` exactly.
    near = lax.abs(weight) < 0.5
    return select(near, input, end) + select(near, weight, weight - 1) * (end - input)


@op(DEFAULT, variants="f m i o")
def addcmul(input: T, tensor1: T, tensor2: T, *, value: S | None = None):
    """input + value * tensor1 * tensor2, broadcast."""
    return input + _scaled(tensor1, value) * tensor2


@op(DEFAULT, variants="f m i o")
def addcdiv(input: T, tensor1: T, tensor2: T, *, value: S | None = None):
    """input + value * tensor1 / tensor2, broadcast. RuntimeError for integers."""
    check(
        is_inexact(input),
        "Integer division with addcdiv is no longer supported, and in a future release addcdiv "
        "will perform a true division of tensor1 and tensor2.",
    )
    return input + _scaled(tensor1, value) / tensor2


# Other functions of two tensors.


@jax.custom_jvp
def _angle_of(y, x):
    return lax.atan2(y, x)


@_angle_of.defjvp
def _angle_of_jvp(primals, tangents):
    y, x = primals
    dy, dx = tangents
    square = y * y + x * x
    zero = square == 0
    factor = select(zero, 0, 1 / select(zero, 1, square))
    return _angle_of(y, x), (dy * x - dx * y) * factor


@op(FLOAT, accepts="buif", variants=_EVERY, alias=("arctan2",))
def atan2(input: T, other: T):
    """Angle of the point (other, input), in radians, in [-pi, pi]. Shapes broadcast."""
    return _angle_of(*jnp.broadcast_arrays(input, other))


@jax.custom_jvp
def _length(a, b):
    return jnp.hypot(a, b)


@_length.defjvp
def _length_jvp(primals, tangents):
    out = _length(*primals)
    return out, sum(d * (x / out) for d, x in zip(tangents, primals, strict=True))


@op(DEFAULT, accepts="f", variants=_EVERY)
def hypot(input: T, other: T):
    """Length of the hypotenuse sqrt(input**2 + other**2), without overflow on the way."""
    return _length(*jnp.broadcast_arrays(input, other))


@op(DEFAULT, accepts="fc", variants="f m o")
def logaddexp(input: T, other: T):
    """log(exp(input) + exp(other)) without overflow."""
    return jnp.logaddexp(input, other)


@op(DEFAULT, accepts="f", variants="f m o")
def logaddexp2(input: T, other: T):
    """log2(2**input + 2**other) without overflow."""
    ln2 = math.log(2)
    return jnp.logaddexp(input * ln2, other * ln2) / ln2


@op(FLOAT, accepts="buif", variants=_EVERY)
def copysign(input: T, other: TS):
    """Magnitude of input with the sign of other, -0.0 counted as negative."""
    flip = jnp.signbit(input) != jnp.signbit(other)
    # At 0 the gradient is 0.
    turned = select(flip, -input, input)
    return select(input == 0, const(turned), turned)


@op(SAME, variants=_EVERY)
def heaviside(input: T, values: T):
    """0 where input < 0, values where it is 0, 1 above. Both of one dtype, not complex."""
    check(
        not is_complex(input) and not is_complex(values),
        "heaviside is not yet implemented for complex tensors.",
    )
    check(
        input.dtype == values.dtype,
        "heaviside is not yet implemented for tensors with different dtypes.",
    )
    input, values = broadcast(input, values)
    if is_bool(input):
        return input | values
    step = (input > 0).astype(input.dtype)
    return select(input == 0, values, step)


@jax.custom_jvp
def _nextafter(input, other):
    return jnp.nextafter(input, other)


@_nextafter.defjvp
def _nextafter_jvp(primals, tangents):
    # torch: a step of constant length, and none where the two are equal.
    input, other = primals
    return _nextafter(input, other), select(input == other, 0, tangents[0])


@op(DEFAULT, accepts="f", variants=_EVERY)
def nextafter(input: T, other: T):
    """The next representable number after input in the direction of other."""
    return _nextafter(*broadcast(input, other))
