"""Elementwise ops against torch: values, dtypes, shapes, gradients, error classes."""

import numpy as np
import pytest

from compat_tests.harness import expression

RNG = np.random.RandomState(7)


def floats(*shape, low=-2.0, high=2.0, dtype=np.float32):
    """Uniform random numbers."""
    return RNG.uniform(low, high, shape).astype(dtype)


X = floats(3, 4)
Y = floats(3, 4)
ROW = floats(4)
UNIT = floats(3, 4, low=-0.9, high=0.9)
SPOTS = np.array([0.0, -0.0, 1.0, -1.0, 0.5, -0.5, 2.5, np.inf, -np.inf, np.nan], np.float32)
DOUBLE = floats(3, 4, dtype=np.float64)
HALF = floats(3, 4).astype(np.float16)
Z = (floats(3, 4) + 1j * floats(3, 4)).astype(np.complex64)
W = (floats(3, 4) + 1j * floats(3, 4)).astype(np.complex64)
INTS = np.array([[-7, 3, 2], [5, -1, 4]])
MORE = np.array([[2, -2, 3], [-3, 4, 5]])
SMALL = np.array([1, 2, 250], np.uint8)
MASK = np.array([[True, False, True, True]] * 3)
MASK[1, 0] = False
BITS = np.array([True, False, True])
PLUS = floats(3, 4, low=0.1, high=3.0)
BASES = np.array([0.0, 0.0, 0.0, 1.0, 2.0, -2.0, 3.0], np.float32)
EXPONENTS = np.array([0.0, 1.0, 2.0, 0.0, -1.0, 2.0, 0.5], np.float32)

UNARY = """sin cos tan exp log sqrt rsqrt tanh sigmoid abs neg square sign sgn floor ceil trunc
frac round reciprocal asin acos atan sinh cosh asinh acosh atanh exp2 expm1 log1p log2 log10 erf
erfc relu deg2rad rad2deg positive logit nan_to_num angle isnan isinf isfinite isposinf isneginf
isreal signbit lgamma digamma sinc i0 absolute negative fix arcsin arctan bitwise_not logical_not
conj_physical""".split()


@pytest.mark.parametrize("name", UNARY)
def test_unary(name):
    """Every one-tensor function at random points, in several dtypes."""
    for x in (X, DOUBLE, HALF, INTS, BITS, SMALL, floats()):
        if name == "digamma" and x is BITS:
            continue
        # torch's own gradient of sgn is a ZeroTensor, which cannot be looked at; near its poles the
        # slope of digamma leaves half precision no digits to compare.
        grad = name != "sgn" and not (name == "digamma" and x is HALF)
        expression(f"torch.{name}(x)", {"x": x}, scale=4, grad=grad)


@pytest.mark.parametrize("name", UNARY)
def test_unary_special_points(name):
    """At 0, -0, 1, inf and NaN, gradients included."""
    # Values only, where the slope is infinite and its sign (or inf against NaN) a matter of taste.
    singular = name in "tan lgamma digamma i0 sinc asin acos acosh rsqrt sgn arcsin".split()
    expression(f"torch.{name}(x)", {"x": SPOTS}, grad=not singular)


@pytest.mark.parametrize(
    "name",
    "sin cos exp log sqrt tanh sigmoid abs neg square sgn reciprocal angle log1p expm1 rsqrt "
    "isfinite isreal conj_physical asin acos atan sinh cosh tan log2 log10 exp2 sign relu".split(),
)
def test_unary_complex(name):
    """Complex numbers, with torch's convention for gradients."""
    expression(f"torch.{name}(z)", {"z": Z}, scale=10)


def test_complex_zero():
    """abs, angle and sgn have gradient 0 at 0."""
    z = np.array([0, 1 + 1j], np.complex64)
    for name in ("abs", "angle", "sgn"):
        expression(f"torch.{name}(z)", {"z": z})


BINARY = """add sub mul div true_divide floor_divide fmod remainder maximum minimum fmax fmin pow
atan2 hypot logaddexp logaddexp2 copysign eq ne lt le gt ge logical_and logical_or logical_xor
xlogy float_power ldexp heaviside rsub""".split()


# torch has no derivative for these.
FLAT = ("floor_divide", "heaviside")


@pytest.mark.parametrize("name", BINARY)
def test_binary(name):
    """Two tensors: equal shapes, broadcasting, dtypes, gradients."""
    positive = name in ("pow", "xlogy", "float_power")
    x = PLUS if positive else X
    grad = name not in FLAT
    for y in (Y if name != "xlogy" else PLUS + 1, np.abs(ROW) if positive else ROW):
        expression(f"torch.{name}(x, y)", {"x": x, "y": y}, scale=4, grad=grad)
    expression(f"torch.{name}(x, y)", {"x": INTS, "y": np.abs(MORE) + 1})
    # torch's ldexp has no kernel for two such tensors.
    if name != "ldexp":
        expression(f"torch.{name}(x, y)", {"x": HALF[:, :3], "y": BITS}, scale=4, grad=False)
    expression(f"torch.{name}(x, y)", {"x": X, "y": floats(2, 4)})


@pytest.mark.parametrize("name", [n for n in BINARY if n not in ("logaddexp", "logaddexp2")])
def test_binary_mixed_dtypes(name):
    """int with float, 0-dim with dimensioned."""
    expression(f"torch.{name}(x, y)", {"x": np.abs(INTS), "y": PLUS[:2, :3]}, scale=4,
               grad=name not in FLAT)  # fmt: skip
    # The gradient of the double-precision number was summed in single precision.
    expression(f"torch.{name}(x, y)", {"x": PLUS, "y": np.array(1.5)}, scale=1e5,
               grad=name not in FLAT)  # fmt: skip
    if name not in ("hypot", "ldexp"):
        expression(f"torch.{name}(x, y)", {"x": BITS, "y": BITS}, grad=False)


def test_ties_and_special_pairs():
    """Where the subgradient is a choice."""
    a = np.array([1.0, 2.0, 3.0, 0.0], np.float32)
    b = np.array([1.0, 3.0, 2.0, 0.0], np.float32)
    for name in ("maximum", "minimum", "fmax", "fmin", "atan2", "copysign", "fmod", "remainder"):
        expression(f"torch.{name}(x, y)", {"x": a, "y": b + (name in ("fmod", "remainder"))})
    n = np.array([np.nan, 1.0], np.float32)
    for name in ("maximum", "minimum", "fmax", "fmin"):
        expression(f"torch.{name}(x, y)", {"x": n, "y": n[::-1].copy()}, grad=False)
    expression("torch.pow(x, y)", {"x": BASES, "y": EXPONENTS})
    zero = np.array([0.0, 0.0, 0.0, 2.0], np.float32)
    expression("torch.xlogy(x, y)", {"x": zero, "y": np.array([0.0, 2.0, -1.0, 3.0], np.float32)})


@pytest.mark.parametrize("exponent", [0, 1, 2, 3, 4, 5, -1, -2, -3, 0.5, -0.5, 2.0, 3.0, 1.5, -1.0])
def test_pow_of_a_number(exponent):
    """Fixed exponents, gradient at 0 included."""
    for x in (PLUS, np.array([0.0, 1.0, 2.0], np.float32), INTS, BITS, X.astype(np.float64)):
        expression(f"torch.pow(x, {exponent})", {"x": x}, scale=4)
    expression(f"torch.pow({exponent}, x)", {"x": PLUS})
    expression(f"torch.pow(z, {exponent})", {"z": Z}, scale=20)


def test_integer_powers():
    """Integers: wrap-around, powers of 0 and +-1, negative exponents."""
    base = np.array([0, 1, -1, 2, -3, 7])
    for exponent in ([0, 1, 2, 3, 4, 5], [63, 64, 65, 62, 9, 11], [-1, -2, -3, -1, -2, -1]):
        expression("torch.pow(x, y)", {"x": base, "y": np.array(exponent)}, grad=False)
    for n in (0, 2, 7):
        expression(f"torch.pow(x, {n})", {"x": base})
    expression("torch.pow(2, x)", {"x": np.array([0, 3, -1])})


PROGRAMS = """
torch.add(x, y, alpha=2)
torch.add(x, 2)
torch.add(x, 2, alpha=0.5)
torch.sub(x, y, alpha=-1.5)
torch.add(i, i, alpha=3)
torch.add(i, i, alpha=0.5)
torch.add(b, b)
torch.add(b, b, alpha=2)
torch.mul(b, b)
torch.sub(b, b)
torch.neg(b)
torch.positive(b)
torch.add(i, 1.5)
torch.mul(i, True)
torch.mul(x, 2j)
torch.add(u, 300)
torch.div(x, y, rounding_mode="trunc")
torch.div(x, y, rounding_mode="floor")
torch.div(i, j, rounding_mode="trunc")
torch.div(i, j, rounding_mode="floor")
torch.div(i, 2, rounding_mode="floor")
torch.div(i, j)
torch.div(x, y, rounding_mode="other")
torch.div(i, 0, rounding_mode="floor")
torch.floor_divide(i, i * 0)
torch.remainder(i, 0)
torch.fmod(i, 0)
torch.fmod(x, 0)
torch.remainder(x, 0.7)
torch.remainder(5, i)
torch.floor_divide(x.detach(), 0)
torch.floor_divide(x.detach(), 0.1)
torch.fmod(i, j)
torch.remainder(i, j)
torch.clamp(x, 0)
torch.clamp(x, max=0.5)
torch.clamp(x, -0.5, 0.5)
torch.clamp(x, min=y)
torch.clamp(x, y, y + 1)
torch.clamp(x, 1, -1)
torch.clamp(i, 0.5)
torch.clamp(i, 0, 2)
torch.clamp(x)
torch.clamp(z, 0)
torch.clip(x, 0, 1)
torch.clamp_min(x, 0)
torch.clamp_max(x, y)
torch.lerp(x, y, 0.3)
torch.lerp(x, y, 0.8)
torch.lerp(x, y, w)
torch.lerp(i, i, 0.5)
torch.lerp(x, d, 0.5)
torch.addcmul(x, y, w)
torch.addcmul(x, y, w, value=0.5)
torch.addcdiv(x, y, w + 3, value=-2)
torch.addcdiv(i, i, i)
torch.where(m, x, y)
torch.where(m, x, 0)
torch.where(m, 1, 0)
torch.where(m, 1.0, i3)
torch.where(m, x, torch.tensor(2.0, dtype=torch.float64))
torch.where(x, x, y)
torch.where(m[:, :2], x, y)
torch.logit(x * 0.1 + 0.5)
torch.logit(x, 0.1)
torch.round(x, decimals=1)
torch.round(x * 100, decimals=-1)
torch.round(i, decimals=1)
torch.nan_to_num(s, 1.0, 2.0, 3.0)
torch.heaviside(x, x.double())
torch.heaviside(z, z)
torch.polar(p, y)
torch.polar(x, i)
torch.complex(x, y)
torch.complex(x, d)
torch.copysign(x, -1)
torch.frexp(x)[0]
torch.frexp(x)[1]
torch.frexp(i)
torch.isclose(x, x + 1e-9)
torch.isclose(s, s, equal_nan=True)
torch.isclose(s, s)
torch.isclose(x, i3)
torch.isclose(x, x, rtol=-1)
torch.allclose(x, x + 1e-9)
torch.allclose(x, y)
torch.allclose(x, d)
torch.equal(x, x)
torch.equal(x, y)
torch.equal(x, i)
torch.bitwise_and(i, j)
torch.bitwise_or(i, 1)
torch.bitwise_xor(b, True)
torch.bitwise_not(i)
torch.bitwise_not(b)
torch.bitwise_not(x)
torch.bitwise_and(x, x)
torch.bitwise_left_shift(i, 2)
torch.bitwise_left_shift(i, i * 0 + 70)
torch.bitwise_right_shift(i, 1)
torch.bitwise_right_shift(i, i * 0 + 70)
torch.bitwise_right_shift(u, 1)
torch.gcd(i, j)
torch.lcm(i, j)
torch.gcd(x, y)
torch.nextafter(x.detach(), y.detach())
torch.ldexp(x, i3)
torch.mvlgamma(x + 5, 2)
torch.polygamma(1, x + 3)
torch.polygamma(2, x + 3)
torch.polygamma(1, -x - 0.3)
torch.igamma(p.detach(), p + 1)
torch.igammac(p.detach(), p + 1)
torch.special.expit(x)
torch.special.logit(x * 0.1 + 0.5)
torch.special.erfcx(s)
torch.special.erfcx(10 * x)
torch.special.ndtr(x)
torch.special.ndtri(x * 0.2 + 0.5)
torch.special.log_ndtr(x)
torch.special.entr(s)
torch.special.entr(p)
torch.special.xlog1py(x, p)
torch.special.xlogy(x, p)
torch.special.zeta(p.detach() + 1, p.detach() + 1)
torch.special.i0e(x)
torch.special.i1(x)
torch.special.i1e(x)
torch.special.gammaln(p)
torch.special.psi(p)
torch.special.multigammaln(p + 3, 2)
torch.special.gammainc(p.detach(), p)
torch.special.logsumexp(x, 1)
torch.special.round(x)
torch.special.sinc(x)
torch.special.erfinv(e)
torch.erfinv(e)
torch.special.exp2(x)
torch.deg2rad(i)
torch.lt(z, z)
torch.eq(z, z)
torch.maximum(z, z)
torch.relu(b)
torch.relu(i)
""".strip().split("\n")

OPERANDS = {
    "x": X, "y": Y, "w": floats(3, 4), "d": DOUBLE, "i": INTS, "j": MORE,
    "i3": np.arange(4), "b": BITS, "u": SMALL, "z": Z, "m": MASK, "s": SPOTS, "p": PLUS, "e": UNIT,
}  # fmt: skip


def used(source):
    """The operands that a program names."""
    code = compile(source, "<program>", "eval")
    return {name: OPERANDS[name] for name in code.co_names if name in OPERANDS}


@pytest.mark.parametrize("source", PROGRAMS)
def test_program(source):
    """One call each: options, numbers, errors."""
    expression(source, used(source), scale=4)


def test_relu_and_clamp_at_their_bounds():
    """torch: relu has slope 0 at 0, clamp slope 1 at its bounds; NaN passes through both."""
    x = np.array([-1.0, 0.0, 1.0, np.nan], np.float32)
    expression("torch.relu(x)", {"x": x})
    expression("torch.clamp(x, 0, 1)", {"x": x})
    expression("torch.clamp(x, torch.zeros(4), torch.ones(4))", {"x": x})


def test_where_ignores_nan_in_the_other_branch():
    """The gradient of what was not chosen is 0, whatever stands there."""
    x = np.array([np.nan, 1.0, -1.0], np.float32)
    expression("torch.where(x > 0, x, torch.zeros(3))", {"x": x})


BESSEL = """bessel_j0 bessel_j1 bessel_y0 bessel_y1 modified_bessel_i0 modified_bessel_i1
modified_bessel_k0 modified_bessel_k1 scaled_modified_bessel_k0 scaled_modified_bessel_k1
spherical_bessel_j0""".split()


@pytest.mark.parametrize("name", BESSEL)
def test_bessel(name):
    """Small, middling and large arguments in double precision."""
    x = np.array([0.0, 1e-3, 0.5, 1.0, 2.3, 5.0, 11.0, 24.9, 25.1, 80.0, -1.5])
    expression(f"torch.special.{name}(x)", {"x": x}, grad=False, scale=10)
    expression(f"torch.special.{name}(x)", {"x": x.astype(np.float32)}, grad=False)


POLYNOMIALS = """chebyshev_polynomial_t chebyshev_polynomial_u chebyshev_polynomial_v
chebyshev_polynomial_w hermite_polynomial_h hermite_polynomial_he laguerre_polynomial_l
legendre_polynomial_p shifted_chebyshev_polynomial_t shifted_chebyshev_polynomial_u
shifted_chebyshev_polynomial_v shifted_chebyshev_polynomial_w""".split()


@pytest.mark.parametrize("name", POLYNOMIALS)
def test_polynomials(name):
    """Degrees as a number and as a tensor."""
    x = floats(5, low=0.05, high=0.95, dtype=np.float64)
    for n in (0, 1, 2, 5):
        expression(f"torch.special.{name}(x, {n})", {"x": x}, grad=False)
    expression(f"torch.special.{name}(x, n)", {"x": x, "n": np.arange(-1, 4)}, grad=False)


FORMS = """
x.add(y, alpha=2)
x.clone().add_(y)
x.clone().add_(y, alpha=0.1)
x.clone().sub_(1)
x.clone().mul_(y).div_(2)
x.clone().div_(y, rounding_mode="floor").detach()
i.clone().div_(2)
i.clone().add_(1.5)
i.clone().add_(b)
x.clone().clamp_(min=0)
x.clone().clamp_(-1, 1)
x.clone().pow_(2)
p.clone().sqrt_()
x.clone().exp_()
x.clone().sigmoid_()
x.clone().neg_()
x.clone().lerp_(y, 0.1)
x.clone().addcmul_(y, w, value=0.5)
x.clone().addcdiv_(y, p, value=0.5)
x.detach().clone().eq_(y.detach())
x.clone().add_(x.repeat(2, 1, 1))
x.clone().float_power_(2)
x.clone().nan_to_num_()
x.clone().copysign_(y)
x.detach().floor_()
b.clone().logical_not_()
i.clone().bitwise_and_(3)
torch.add(x.detach(), 1, out=torch.zeros(3, 4))
torch.exp(d.detach(), out=torch.zeros(3, 4))
torch.div(x.detach(), 2, out=torch.zeros(0))
torch.where(m, x.detach(), y.detach(), out=torch.zeros(3, 4))
x.where(m, y)
x.clip(max=1)
x.multiply(2)
x.divide(y)
x.subtract(y)
x.greater(y)
x.pow(0.5).detach()
x.isclose(x)
x.allclose(x)
x.equal(x)
x.polygamma(1)
p.mvlgamma(1)
x ** 2
2 ** x
p ** 0.5
p ** -0.5
p ** y
i ** 2
i ** -1
1 - x
1 - b
b - 1
x - True
3 / x
i / 2
i // 2
x // 1
-7 // i
i % 3
x % 0.5
10 % i
-x
-b
+x
abs(x)
~b
~i
~x
b & b
b | True
i ^ j
i << 1
i >> 1
2 << torch.tensor([1, 2])
x == y
x != 0
i < 2.5
1 >= i
x + None
""".strip().split("\n")


@pytest.mark.parametrize("source", FORMS)
def test_forms(source):
    """Methods, in-place forms, `out=` and operators."""
    expression(source, used(source), scale=4, grad="//" not in source)
