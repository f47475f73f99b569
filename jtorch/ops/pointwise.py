"""Elementwise functions of one tensor: powers, logarithms, trigonometry, rounding, parts of
numbers.
"""

import math

import jax
import jax.numpy as jnp
from jax import lax

from .registry import FLOAT, SAME, T, check, composite, op, rows
from .safe import broadcast, const, is_bool, is_complex, is_float, is_nan, magnitude, select, title

_EVERY = "f m i o"
_DOC = {
    "cos": "Cosine of an angle in radians.",
    "cosh": "Hyperbolic cosine.",
    "expm1": "exp(input) - 1, accurate near 0.",
    "log": "Natural logarithm; NaN below 0, -inf at 0.",
    "log1p": "log(1 + input), accurate near 0.",
    "sin": "Sine of an angle in radians.",
    "sinh": "Hyperbolic sine.",
    "tan": "Tangent of an angle in radians.",
}

rows(FLOAT, "buifc", _EVERY, doc=_DOC, cos=lax.cos, sin=lax.sin, tan=lax.tan, log=lax.log)
rows(FLOAT, "buifc", _EVERY, doc=_DOC, cosh=lax.cosh, sinh=lax.sinh)
rows(FLOAT, "buifc", _EVERY + " S", doc=_DOC, expm1=lax.expm1, log1p=lax.log1p)


@op(FLOAT, variants=_EVERY, saves="out")
def exp(input: T):
    """e to the power of input."""
    return lax.exp(input)


@op(FLOAT, variants=_EVERY, saves="out")
def sqrt(input: T):
    """Square root; NaN below 0. The gradient at 0 is inf."""
    return lax.sqrt(input)


@op(FLOAT, variants=_EVERY, saves="out")
def rsqrt(input: T):
    """1 / sqrt(input); inf at 0, NaN below."""
    return lax.rsqrt(input)


@op(FLOAT, variants=_EVERY + " F", saves="out")
def sigmoid(input: T):
    """1 / (1 + exp(-input)), in (0, 1)."""
    return lax.logistic(input)


@op(FLOAT, variants=_EVERY + " F", saves="out")
def tanh(input: T):
    """Hyperbolic tangent, in (-1, 1)."""
    return lax.tanh(input)


@op(FLOAT, name="expit", variants="S o", saves="out", grad_name="SigmoidBackward0")
def special_expit(input: T):
    """1 / (1 + exp(-input)): the name torch.special gives sigmoid."""
    return lax.logistic(input)


@op(FLOAT, variants=_EVERY, alias=("arccos",))
def acos(input: T):
    """Arc cosine, in radians in [0, pi]; NaN outside [-1, 1]."""
    return lax.acos(input)


@op(FLOAT, variants=_EVERY, alias=("arcsin",))
def asin(input: T):
    """Arc sine, in radians in [-pi/2, pi/2]; NaN outside [-1, 1]."""
    return lax.asin(input)


@op(FLOAT, variants=_EVERY, alias=("arctan",))
def atan(input: T):
    """Arc tangent, in radians in (-pi/2, pi/2)."""
    return lax.atan(input)


@op(FLOAT, variants=_EVERY, alias=("arccosh",))
def acosh(input: T):
    """Inverse hyperbolic cosine; NaN below 1."""
    return lax.acosh(input)


@op(FLOAT, variants=_EVERY, alias=("arcsinh",))
def asinh(input: T):
    """Inverse hyperbolic sine."""
    return lax.asinh(input)


@op(FLOAT, variants=_EVERY, alias=("arctanh",))
def atanh(input: T):
    """Inverse hyperbolic tangent; +-inf at +-1 and NaN beyond."""
    return lax.atanh(input)


@op(FLOAT, variants=_EVERY + " S", saves="out")
def exp2(input: T):
    """2 to the power of input."""
    return lax.exp(input * math.log(2)) if is_complex(input) else lax.exp2(input)


@op(FLOAT, variants=_EVERY)
def log2(input: T):
    """Logarithm to the base 2."""
    return lax.log(input) * (1 / math.log(2))


@op(FLOAT, variants=_EVERY)
def log10(input: T):
    """Logarithm to the base 10."""
    return lax.log(input) / math.log(10)


@op(FLOAT, variants=_EVERY, saves="out")
def reciprocal(input: T):
    """1 / input; inf at 0."""
    return 1 / input


@op(FLOAT, accepts="buif", variants=_EVERY)
def deg2rad(input: T):
    """Degrees to radians."""
    return input * (math.pi / 180)


@op(FLOAT, accepts="buif", variants=_EVERY)
def rad2deg(input: T):
    """Radians to degrees."""
    return input * (180 / math.pi)


@op(SAME, accepts="uifc", variants=_EVERY, alias=("absolute",))
def abs(input: T):
    """Absolute value; of a complex number its modulus, a real tensor. The gradient at 0 is 0."""
    return magnitude(input)


@op(SAME, variants=_EVERY, alias=("negative",))
def neg(input: T):
    """The number with the opposite sign; RuntimeError for booleans."""
    check(
        not is_bool(input),
        "Negation, the `-` operator, on a bool tensor is not supported. If you are trying to "
        "invert a mask, use the `~` or `logical_not()` operator instead.",
    )
    return lax.neg(input)


@composite("f m")
def positive(input):
    """The tensor itself; RuntimeError for booleans."""
    check(input.dtype.kind != "b", "The `+` operator, on a bool tensor is not supported.")
    return input


@op(SAME, variants=_EVERY)
def square(input: T):
    """input times input; booleans become int64."""
    return jnp.square(input.astype(jnp.int64) if is_bool(input) else input)


@op(SAME, accepts="buif", variants=_EVERY)
def sign(input: T):
    """-1, 0 or 1 by the sign of each element."""
    return input if is_bool(input) else select(is_nan(input), 0, lax.sign(input))


@op(SAME, variants=_EVERY)
def sgn(input: T):
    """input / |input|, and 0 at 0: `sign` that also knows complex numbers."""
    if not is_complex(input):
        return input if is_bool(input) else select(is_nan(input), 0, lax.sign(input))
    zero = input == 0
    safe = select(zero, 1, input)
    return select(zero, 0, safe / lax.complex(lax.abs(safe), jnp.zeros_like(lax.real(safe))))


@op(SAME, accepts="buif", variants="f m o", grad=False)
def signbit(input: T):
    """True where the sign bit is set: negative numbers and -0.0."""
    return jnp.zeros(input.shape, bool) if is_bool(input) else jnp.signbit(input)


def _to_integer(input, function):
    return function(input) if is_float(input) else input


@op(SAME, accepts="uif", variants=_EVERY)
def floor(input: T):
    """The largest integer not above each element, in the same dtype."""
    return _to_integer(input, lax.floor)


@op(SAME, accepts="uif", variants=_EVERY)
def ceil(input: T):
    """The smallest integer not below each element, in the same dtype."""
    return _to_integer(input, lax.ceil)


def _truncate(x):
    # The sign of zero survives: -0.5 becomes -0.0.
    return select(x < 0, lax.ceil(x), lax.floor(x))


@op(SAME, accepts="uif", variants=_EVERY, alias=("fix",))
def trunc(input: T):
    """The integer part of each element: towards zero."""
    return _to_integer(input, _truncate)


@op(SAME, accepts="f", variants=_EVERY)
def frac(input: T):
    """The part after the decimal point, with the sign of the element. The gradient is 1."""
    return input - const(_truncate(input))


def _round(x, decimals):
    check(
        decimals == 0 or is_float(x),
        '"round_cpu" not implemented for integers',
        NotImplementedError,
    )
    if not is_float(x):
        return x
    if decimals == 0:
        return lax.round(x, lax.RoundingMethod.TO_NEAREST_EVEN)
    ten = 10.0 ** math.fabs(decimals)
    scaled = x * ten if decimals > 0 else x / ten
    whole = lax.round(scaled, lax.RoundingMethod.TO_NEAREST_EVEN)
    return whole / ten if decimals > 0 else whole * ten


@op(SAME, accepts="uif", variants=_EVERY + " S")
def round(input: T, *, decimals: int = 0):
    """Nearest integer, halves to the even one; with `decimals`, that many digits are kept."""
    return _round(input, decimals)


@op(SAME, variants=_EVERY, saves="out")
def relu(input: T):
    """max(input, 0), NaN passing through; the gradient at 0 is 0."""
    check(not is_bool(input), "Boolean inputs not supported for relu")
    check(not is_complex(input), "clamp is not supported for complex types", NotImplementedError)
    return select(input <= 0, 0, input)


@op(FLOAT, accepts="buif", variants=_EVERY)
def logit(input: T, eps: float | None = None):
    """log(x / (1 - x)) with x = input clamped to [eps, 1 - eps] when eps is given.

    Outside [0, 1] (without eps) the result and its gradient are NaN; where x was clamped the
    gradient is 0.
    """
    return _logit(input, eps)


@op(FLOAT, accepts="buif", name="logit", variants="S o", grad_name="LogitBackward0")
def special_logit(input: T, eps: float | None = None):
    """torch.special's name for `logit`."""
    return _logit(input, eps)


@jax.custom_jvp
def _log_odds(x):
    return lax.log(x / (1 - x))


@_log_odds.defjvp
def _log_odds_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    inside = (x >= 0) & (x <= 1)
    return _log_odds(x), dx * select(inside, 1 / (lax.abs(x) * (1 - x)), math.nan)


def _logit(x, eps):
    if eps is None:
        return _log_odds(x)
    x = select(x < eps, eps, x)
    x = select(x > 1 - eps, 1 - eps, x)
    return lax.log(x / (1 - x))


@op(SAME, variants=_EVERY)
def nan_to_num(
    input: T, nan: float = 0.0, posinf: float | None = None, neginf: float | None = None
):
    """NaN, +inf and -inf replaced: by 0, the largest and the lowest finite number unless given."""
    if is_complex(input):
        real, imag = lax.real(input), lax.imag(input)
        return lax.complex(_finite(real, nan, posinf, neginf), _finite(imag, nan, posinf, neginf))
    return _finite(input, nan, posinf, neginf) if is_float(input) else input


def _finite(x, nan, posinf, neginf):
    limits = jnp.finfo(x.dtype)
    high = float(limits.max) if posinf is None else posinf
    low = float(limits.min) if neginf is None else neginf
    out = select(is_nan(x), 0.0 if nan is None else nan, x)
    out = select(x == jnp.inf, high, out)
    return select(x == -jnp.inf, low, out)


@op(SAME, accepts="uif", variants="f m o", returns="mantissa exponent")
def frexp(input: T):
    """Mantissa in (-1, -0.5] or [0.5, 1) and int32 exponent with input = mantissa * 2**exponent."""
    check(is_float(input), "torch.frexp() only supports floating-point dtypes")
    exponent = jnp.frexp(const(input))[1]
    exponent = select(jnp.isfinite(input), exponent, 0)
    # Two factors, because 2**-exponent alone leaves the range of the dtype at either end.
    half = exponent // 2
    one = jnp.ones_like(input)
    first = const(jnp.ldexp(one, -half))
    second = const(jnp.ldexp(one, half - exponent))
    return input * first * second, exponent


@op(SAME, variants="f m o")
def angle(input: T):
    """Argument of each number in radians; of a real one 0 or pi. The gradient at 0 is 0."""
    if is_complex(input):
        zero = input == 0
        safe = select(zero, 1, input)
        exact = lax.atan2(const(lax.imag(input)), const(lax.real(input)))
        return select(zero, exact, lax.atan2(lax.imag(safe), lax.real(safe)))
    x = input if is_float(input) else input.astype(jnp.float32)
    return select(x < 0, math.pi, select(is_nan(x), const(x), 0))


@op(SAME, variants=_EVERY)
def conj_physical(input: T):
    """Complex conjugate, computed rather than marked; a real tensor is returned as it is."""
    return lax.conj(input) if is_complex(input) else input


@op(SAME, variants="f o")
def polar(abs: T, angle: T):
    """The complex tensor abs * exp(i * angle); both float32 or both float64."""
    _check_parts(abs, angle)
    abs, angle = broadcast(abs, angle)
    return lax.complex(abs * lax.cos(angle), abs * lax.sin(angle))


@op(SAME, variants="f o")
def complex(real: T, imag: T):
    """The complex tensor real + i * imag; both float32 or both float64. Shapes broadcast."""
    _check_parts(real, imag)
    return lax.complex(*broadcast(real, imag))


def _check_parts(first, second):
    one, two = title(first.dtype), title(second.dtype)
    check(
        is_float(first) and is_float(second),
        f"Expected both inputs to be Half, Float or Double tensors but got {one} and {two}",
    )
    check(
        one == two,
        f"Expected object of scalar type {one} but got scalar type {two} for second argument",
    )
