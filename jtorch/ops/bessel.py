"""Bessel and Airy functions."""

import math

import jax.numpy as jnp
import jax.scipy.special as jsp
import numpy as np
from jax import lax

from .._engine import dtypes
from .positions import type_name
from .registry import FLOAT, T, check, op, rows
from .safe import select

# Bessel functions. Averages over an angle and integrals over the half-line converge exponentially
# under the trapezoidal rule, so a few dozen points give full precision without tables; beyond
# _FAR Hankel's asymptotic series does.

_FAR = 25.0
_POINTS = 128
_THETA = 2 * np.pi * (np.arange(_POINTS) + 0.5) / _POINTS
_SINE = np.sin(_THETA)
# No further: the term of k and _POINTS - 2 * k look the same to the points.
_WEIGHT = sum((-1.0) ** k * np.cos(2 * k * _THETA) / k for k in range(1, 33))


def _average(x, function, weight):
    """Mean over the circle of weight(theta) * function(x * sin(theta))."""
    sine, weight = jnp.asarray(_SINE, x.dtype), jnp.asarray(weight, x.dtype)
    return jnp.mean(weight * function(jnp.expand_dims(x, -1) * sine), axis=-1)


def _hankel(x, order):
    """Modulus pieces (P, Q) of the expansion for large x, and the angle x - (order/2 + 1/4) pi."""
    term, p, q = jnp.ones_like(x), jnp.ones_like(x), jnp.zeros_like(x)
    for k in range(1, 22):
        term = term * ((4 * order * order - (2 * k - 1) ** 2) / (8 * k)) / x
        sign = -1 if k % 4 >= 2 else 1
        p, q = (p + sign * term, q) if k % 2 == 0 else (p, q + sign * term)
    return p, q, x - (order / 2 + 0.25) * math.pi


def _in_double(function, x):
    return function(x.astype(jnp.float64)).astype(x.dtype)


def _split(x, near, order, second):
    """`near` up to _FAR, Hankel's series (of Y when `second`) beyond; for x >= 0."""
    far = x > _FAR
    p, q, angle = _hankel(select(far, x, _FAR), order)
    cosine, sine = lax.cos(angle), lax.sin(angle)
    wave = p * sine + q * cosine if second else p * cosine - q * sine
    tail = lax.sqrt(2 / math.pi / select(far, x, _FAR)) * wave
    return select(far, select(x == jnp.inf, 0, tail), near(select(far, 1, x)))


def _j0(x):
    return _split(lax.abs(x), lambda y: _average(y, lax.cos, 1.0), 0, False)


def _j1(x):
    return lax.sign(x) * _split(lax.abs(x), lambda y: _average(y, lax.sin, _SINE), 1, False)


def _y0(x):
    def near(y):
        log = lax.log(y / 2) + np.euler_gamma
        return 2 / math.pi * (log * _j0(y) - 2 * _average(y, lax.cos, _WEIGHT))

    return _from_zero(x, _split(_positive(x), near, 0, True))


def _y1(x):
    def near(y):
        log = lax.log(y / 2) + np.euler_gamma
        rest = _j0(y) / y - log * _j1(y) + 2 * _average(y, lax.sin, _WEIGHT * _SINE)
        return -2 / math.pi * rest

    return _from_zero(x, _split(_positive(x), near, 1, True))


def _positive(x):
    return select(x > 0, x, 1)


def _from_zero(x, value):
    value = select(x == 0, -jnp.inf, select(x < 0, jnp.nan, value))
    return select(lax.ne(x, x), x, value)


_STEP = 0.1
_T = _STEP * np.arange(52)
_ENDS = np.where(_T == 0, 0.5, 1.0) * _STEP


def _k_scaled(x, order):
    """exp(x) * K_order(x) for x >= 1/2: the integral of exp(-x (cosh t - 1)) cosh(order t)."""
    weight = jnp.asarray(_ENDS * np.cosh(order * _T), x.dtype)
    rate = jnp.asarray(np.cosh(_T) - 1, x.dtype)
    return jnp.sum(weight * lax.exp(-jnp.expand_dims(x, -1) * rate), axis=-1)


def _k_far(x, order):
    """exp(x) * K_order(x) for large x by Hankel's series."""
    term = total = jnp.ones_like(x)
    for k in range(1, 22):
        term = term * ((4 * order * order - (2 * k - 1) ** 2) / (8 * k)) / x
        total = total + term
    return lax.sqrt(math.pi / 2 / x) * total


def _k_small(x, order):
    """K_order(x) for 0 < x < 1 by its power series."""
    quarter, log = jnp.square(x / 2), lax.log(x / 2) + np.euler_gamma
    total, harmonic, factor = jnp.zeros_like(x), 0.0, 1.0
    for k in range(1, 14):
        harmonic += 1 / k
        factor /= k * k
        scale = harmonic * factor * (2 * k if order else 1)
        total = total + scale * lax.integer_pow(quarter, k)
    if order == 0:
        return total - log * jsp.i0(x)
    return jsp.i0(x) / x + log * jsp.i1(x) - total / x


def _k(x, order, scaled):
    small = x < 1
    tiny = select(small & (x > 0), x, 0.5)
    large = select(small, 1, x)
    far = x > _FAR
    low, high = _k_small(tiny, order), _k_scaled(select(far, _FAR, large), order)
    high = select(far, _k_far(select(far, x, _FAR), order), high)
    value = select(
        small, low * lax.exp(tiny) if scaled else low, high if scaled else high * lax.exp(-large)
    )
    value = select(x == 0, jnp.inf, select(x < 0, jnp.nan, value))
    return select(lax.ne(x, x), x, value)


def _spherical_j0(x):
    zero = x == 0
    safe = select(zero, 1, x)
    value = select(zero, 1, lax.sin(safe) / safe)
    return select(lax.abs(x) == jnp.inf, 0, value)


# The Airy function: a power series about 0, and what it is of Bessel functions of order 1/3.

_AIRY_NEAR, _AIRY_FAR = 1.0, -7.0
_AI_0 = 1 / (3 ** (2 / 3) * math.gamma(2 / 3))
_AI_SLOPE = -1 / (3 ** (1 / 3) * math.gamma(1 / 3))


def _airy_series(x):
    """Ai(x) about 0; at _AIRY_FAR eleven digits are left."""
    cube, one, two = x * x * x, jnp.full_like(x, _AI_0), x * _AI_SLOPE
    total = one + two
    for k in range(1, 42):
        one = one * cube / ((3 * k - 1) * 3 * k)
        two = two * cube / (3 * k * (3 * k + 1))
        total = total + one + two
    return total


def _airy_decay(x):
    """Ai(x) for x >= _AIRY_NEAR."""
    angle = 2 / 3 * x * lax.sqrt(x)
    far = angle > _FAR
    near = _k_scaled(select(far, _FAR, angle), 1 / 3)
    scaled = select(far, _k_far(select(far, angle, _FAR), 1 / 3), near)
    return lax.sqrt(x / 3) / math.pi * scaled * lax.exp(-angle)


def _airy_wave(x):
    """Ai(-x) for large x: the expansion of modulus and phase has the terms of K_1/3's."""
    angle = 2 / 3 * x * lax.sqrt(x)
    p, q, _ = _hankel(angle, 1 / 3)
    turn = angle - math.pi / 4
    return (p * lax.cos(turn) - q * lax.sin(turn)) / (math.sqrt(math.pi) * lax.sqrt(lax.sqrt(x)))


def _airy_ai(x):
    high, low = x > _AIRY_NEAR, x < _AIRY_FAR
    middle = _airy_series(select(high | low, 0, x))
    value = select(high, _airy_decay(select(high, x, _AIRY_NEAR)), middle)
    value = select(low, _airy_wave(select(low, -x, -_AIRY_FAR)), value)
    return select(lax.abs(x) < jnp.inf, value, jnp.nan)


_BESSEL = {
    "bessel_j0": (_j0, "Bessel function of the first kind, order 0."),
    "bessel_j1": (_j1, "Bessel function of the first kind, order 1."),
    "bessel_y0": (_y0, "Bessel function of the second kind, order 0; NaN below 0."),
    "bessel_y1": (_y1, "Bessel function of the second kind, order 1; NaN below 0."),
    "modified_bessel_i0": (jsp.i0, "Modified Bessel function of the first kind, order 0."),
    "modified_bessel_i1": (jsp.i1, "Modified Bessel function of the first kind, order 1."),
    "modified_bessel_k0": (
        lambda x: _k(x, 0, False),
        "Modified Bessel function of the second kind, order 0; NaN below 0.",
    ),
    "modified_bessel_k1": (
        lambda x: _k(x, 1, False),
        "Modified Bessel function of the second kind, order 1; NaN below 0.",
    ),
}


def _double(function):
    return lambda x: _in_double(function, x)


for _name, (_function, _text) in _BESSEL.items():
    rows(FLOAT, "buif", "S o", doc={_name: _text}, **{_name: _double(_function)})


@op(FLOAT, accepts="buif", variants="S o")
def scaled_modified_bessel_k0(x: T):
    """exp(x) * modified_bessel_k0."""
    return _in_double(lambda x: _k(x, 0, True), x)


@op(FLOAT, accepts="buif", variants="S o")
def scaled_modified_bessel_k1(x: T):
    """exp(x) * modified_bessel_k1."""
    return _in_double(lambda x: _k(x, 1, True), x)


@op(FLOAT, accepts="buif", variants="S o")
def spherical_bessel_j0(x: T):
    """Spherical Bessel function sin(x) / x."""
    return _in_double(_spherical_j0, x)


def _refuse_halves(avals):
    dtype = avals[0].dtype
    check(
        dtype not in (dtypes.float16, dtypes.bfloat16),
        f"\"airy_ai_cpu\" not implemented for '{type_name(dtype)}'",
        NotImplementedError,
    )


@op(FLOAT, accepts="buif", variants="S o", verify=_refuse_halves, grad=False)
def airy_ai(x: T):
    """The Airy function Ai. Has no gradient, as in PyTorch."""
    return _in_double(_airy_ai, x)
