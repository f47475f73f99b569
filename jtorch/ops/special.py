"""Special functions: error functions, the gamma family, entropy terms."""

import math

import jax
import jax.numpy as jnp
import jax.scipy.special as jsp
from jax import lax

from .registry import FLOAT, TS, T, check, op, rows
from .safe import is_nan, is_symbolic_zero, select, widen

_BOTH = "f m i o S"
_DOC = {
    "erf": "Error function.",
    "erfc": "Complementary error function 1 - erf(input).",
    "erfinv": "Inverse of the error function on (-1, 1); +-inf at the ends.",
    "i0": "Modified Bessel function of the first kind, order 0.",
    "i0e": "i0(input) * exp(-|input|).",
    "i1": "Modified Bessel function of the first kind, order 1.",
    "i1e": "i1(input) * exp(-|input|).",
    "ndtr": "Distribution function of the standard normal.",
    "sinc": "sin(pi * input) / (pi * input), and 1 at 0.",
}

rows(FLOAT, "buif", _BOTH, doc=_DOC, erf=lax.erf, erfc=lax.erfc, erfinv=lax.erf_inv)
rows(FLOAT, "buif", "S o", doc=_DOC, i0e=jsp.i0e, i1e=jsp.i1e)
rows(FLOAT, "buifc", _BOTH, doc=_DOC, sinc=jnp.sinc)


@jax.custom_jvp
def _i1(x):
    return jsp.i1(x)


@_i1.defjvp
def _i1_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    small = abs(x) < jnp.finfo(x.dtype).eps
    safe = select(small, 1, x)
    return _i1(x), select(small, 0.5, _i0(safe) - _i1(safe) / safe) * dx


# JAX differentiates these through |x|, whose slope at 0 it takes for 1.
@jax.custom_jvp
def _i0(x):
    return jsp.i0(x)


@_i0.defjvp
def _i0_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _i0(x), _i1(x) * dx


rows(FLOAT, "buif", _BOTH, doc=_DOC, i0=_i0)
rows(FLOAT, "buif", "S o", doc=_DOC, i1=_i1)


@op(FLOAT, accepts="buif", variants="S o")
def ndtr(input: T):
    """Distribution function of the standard normal."""
    return lax.erfc(input * -math.sqrt(0.5)) / 2


@op(FLOAT, accepts="buif", variants="S o")
def ndtri(input: T):
    """Quantile function of the standard normal: the inverse of `ndtr` on [0, 1]."""
    return jsp.ndtri(input)


@op(FLOAT, accepts="buif", variants="S o")
def erfcx(input: T):
    """exp(input**2) * erfc(input), without overflow for large input."""
    return _erfcx(input.astype(jnp.float64)).astype(input.dtype)


@op(FLOAT, accepts="buif", variants="S o")
def log_ndtr(input: T):
    """Logarithm of the standard normal distribution function."""
    return _log_ndtr(input.astype(jnp.float64)).astype(input.dtype)


@jax.custom_jvp
def _log_ndtr(x):
    left = x < 1
    low, high = select(left, x, 0), select(left, 1, x)
    scaled = _erfcx(low * -math.sqrt(0.5))
    tail = lax.erfc(high * math.sqrt(0.5))
    return select(left, lax.log(scaled / 2) - low * low / 2, lax.log1p(-tail / 2))


@_log_ndtr.defjvp
def _log_ndtr_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _log_ndtr(x), dx * (math.sqrt(2 / math.pi) / _erfcx(x * -math.sqrt(0.5)))


@jax.custom_jvp
def _erfcx(input):
    large = input > 8
    near = select(large, 8, input)
    far = select(large, input, 8)
    # Asymptotic series 1/(x sqrt(pi)) * sum (-1)^k (2k-1)!! / (2 x^2)^k, by Horner.
    step = 0.5 / jnp.square(far)
    series = jnp.ones_like(far)
    for k in range(23, 0, -2):
        series = 1 - k * step * series
    direct = lax.exp(jnp.square(near)) * lax.erfc(near)
    return select(large, series / (far * math.sqrt(math.pi)), direct)


@_erfcx.defjvp
def _erfcx_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    out = _erfcx(x)
    return out, dx * (2 * x * out - 2 / math.sqrt(math.pi))


# The gamma family.


@op(FLOAT, accepts="buif", variants="f m i o")
def lgamma(input: T):
    """Logarithm of |gamma(input)|; inf at 0 and the negative integers."""
    return _lgamma(input)


@op(FLOAT, accepts="buif", name="gammaln", variants="S o", grad_name="LgammaBackward0")
def special_gammaln(input: T):
    """torch.special's name for `lgamma`."""
    return _lgamma(input)


@jax.custom_jvp
def _digamma(x):
    # torch: -inf at 0, +inf at -0; NaN at the negative integers.
    zero = x == 0
    pole = -jnp.copysign(jnp.full_like(x, jnp.inf), x)
    return select(zero, pole, lax.digamma(select(zero, 1, x)))


@_digamma.defjvp
def _digamma_jvp(primals, tangents):
    # The derivative of lax.digamma is wrong far below 0.
    (x,), (dx,) = primals, tangents
    return _digamma(x), _trigamma(widen(x)).astype(x.dtype) * dx


@jax.custom_jvp
def _lgamma(x):
    return lax.lgamma(x)


@_lgamma.defjvp
def _lgamma_jvp(primals, tangents):
    (x,), (dx,) = primals, tangents
    return _lgamma(x), _digamma(x) * dx


@op(FLOAT, accepts="buif", variants=_BOTH)
def digamma(input: T):
    """Derivative of lgamma."""
    return _digamma(input)


@op(FLOAT, accepts="buif", name="psi", variants="S o", grad_name="DigammaBackward0")
def special_psi(input: T):
    """torch.special's name for `digamma`."""
    return _digamma(input)


def _step_up(s, carry):
    total, q = carry
    low = (q < 1) & (q > -10_000)
    return total + select(low, select(low, q, 1) ** -s, 0), select(low, q + 1, q)


@jax.custom_jvp
def _zeta(s, q):
    # The sum over (q + k)**-s. lax.zeta takes few of its terms as they are, and with q far below 0
    # goes wrong; those up to 1 are summed here.
    total, above = lax.while_loop(
        lambda carry: jnp.any((carry[1] < 1) & (carry[1] > -10_000)),
        lambda carry: _step_up(s, carry),
        (jnp.zeros_like(q), q),
    )
    # At a pole inf, whatever comes after it.
    rest = lax.zeta(s, above)
    return select(jnp.isinf(total), total, total + rest)


def _zeta_jvp(primals, tangents):
    s, q = primals
    ds, dq = tangents
    check(
        is_symbolic_zero(ds),
        "the derivative for 'self' is not implemented in torch.special.zeta",
        NotImplementedError,
    )
    slope = jnp.zeros_like(q) if is_symbolic_zero(dq) else -s * _zeta(s + 1, q) * dq
    return _zeta(s, q), slope


_zeta.defjvp(_zeta_jvp, symbolic_zeros=True)


def _polygamma(x, n):
    return _derivative(widen(x), n).astype(x.dtype)


def _derivative(x, n):
    check(n >= 0, "polygamma(n, x) does not support negative n.")
    if n == 0:
        return _digamma(x)
    if n == 1:
        return _trigamma(x)
    sign = 1.0 if n % 2 else -1.0
    return sign * math.factorial(n) * _zeta(jnp.full_like(x, n + 1), x)


def _trigamma(x):
    # Reflection below 1/2: psi1(1 - x) + psi1(x) = (pi / sin(pi x))^2.
    low = x < 0.5
    y = select(low, 1 - x, x)
    value = _zeta(jnp.full_like(y, 2), y)
    sine = select(low, lax.sin(math.pi * x), 1)
    return select(low, jnp.square(math.pi / sine) - value, value)


@op(FLOAT, accepts="buif", variants="f S o", grad_name="PolygammaBackward0")
def polygamma(n: int, input: T):
    """The n-th derivative of digamma; RuntimeError for n < 0."""
    return _polygamma(input, n)


@op(FLOAT, accepts="buif", name="polygamma", variants="m i", grad_name="PolygammaBackward0")
def tensor_polygamma(input: T, n: int):
    """The n-th derivative of digamma; RuntimeError for n < 0."""
    return _polygamma(input, n)


def _multigammaln(x, p):
    check(p >= 1, "p has to be greater than or equal to 1")
    total = p * (p - 1) / 4 * math.log(math.pi)
    return sum((_lgamma(x - i / 2) for i in range(p)), start=jnp.full_like(x, total))


@op(FLOAT, accepts="buif", variants="f m i o")
def mvlgamma(input: T, p: int):
    """Multivariate log-gamma of dimension p."""
    return _multigammaln(input, p)


@op(FLOAT, accepts="buif", name="multigammaln", variants="S o", grad_name="MvlgammaBackward0")
def special_multigammaln(input: T, p: int):
    """torch.special's name for `mvlgamma`."""
    return _multigammaln(input, p)


@op(FLOAT, accepts="f", variants="f m i o")
def igamma(input: T, other: T):
    """Regularised lower incomplete gamma function P(input, other)."""
    return lax.igamma(*jnp.broadcast_arrays(input, other))


@op(FLOAT, accepts="f", variants="f m i o")
def igammac(input: T, other: T):
    """Regularised upper incomplete gamma function Q(input, other) = 1 - P."""
    return lax.igammac(*jnp.broadcast_arrays(input, other))


@op(FLOAT, accepts="f", name="gammainc", variants="S o", grad_name="IgammaBackward0")
def special_gammainc(input: T, other: T):
    """torch.special's name for `igamma`."""
    return lax.igamma(*jnp.broadcast_arrays(input, other))


@op(FLOAT, accepts="f", name="gammaincc", variants="S o", grad_name="IgammacBackward0")
def special_gammaincc(input: T, other: T):
    """torch.special's name for `igammac`."""
    return lax.igammac(*jnp.broadcast_arrays(input, other))


@op(FLOAT, accepts="buif", variants="S o")
def zeta(input: TS, other: TS):
    """Hurwitz zeta function: sum over k >= 0 of (k + other)**-input."""
    return _zeta(*jnp.broadcast_arrays(input, other))


# Entropy terms.


def _times_log(log, slope):
    """x * log(y), 0 where x is 0, with torch's gradient there."""

    @jax.custom_jvp
    def product(x, y):
        nan = lax.ne(y, y)
        zero = (x == 0) & ~nan
        return select(zero, 0, x * log(select(zero, 1, y)))

    def derivative(primals, tangents):
        x, y = primals
        dx, dy = tangents
        total = jnp.zeros_like(x)
        if not is_symbolic_zero(dx):
            flat = (x == 0) & (log(y) == -jnp.inf)
            flat = flat | ((x == 0) & lax.ne(log(y), log(y)))
            total += dx * select(flat, 0, log(select(flat, 1, y)))
        if not is_symbolic_zero(dy):
            total += dy * (x * slope(y))
        return product(x, y), total

    product.defjvp(derivative, symbolic_zeros=True)
    return product


_xlogy = _times_log(lax.log, lambda y: 1 / y)
_xlog1py = _times_log(lax.log1p, lambda y: 1 / (1 + y))


@op(FLOAT, accepts="buif", variants=_BOTH)
def xlogy(input: TS, other: TS):
    """input * log(other), 0 where input is 0 (NaN where other is). Shapes broadcast."""
    return _xlogy(*jnp.broadcast_arrays(input, other))


@op(FLOAT, accepts="buif", variants="S o")
def xlog1py(input: TS, other: TS):
    """input * log(1 + other), 0 where input is 0 (NaN where other is). Shapes broadcast."""
    return _xlog1py(*jnp.broadcast_arrays(input, other))


@jax.custom_jvp
def _entropy(x):
    positive = x > 0
    safe = select(positive, x, 1)
    outside = select(x < 0, lax.full_like(x, -jnp.inf), 0)
    return select(is_nan(x), x, select(positive, -safe * lax.log(safe), outside))


@_entropy.defjvp
def _entropy_jvp(primals, tangents):
    # log gives torch's answers off the positive axis too: inf at 0, NaN below.
    (x,), (dx,) = primals, tangents
    return _entropy(x), dx * (-lax.log(x) - 1)


@op(FLOAT, accepts="buif", variants="S o")
def entr(input: T):
    """-input * log(input): 0 at 0, -inf below."""
    return _entropy(input)
