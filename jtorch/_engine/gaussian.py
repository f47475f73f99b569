"""Normal numbers exactly as torch's CPU kernels make them, and the exact arithmetic that takes.

torch has three recipes. Fewer than 16 numbers: Box-Muller in double precision, one pair at a time,
the unused half kept in the generator. From 16 float32 numbers on: blocks of 16 through AVX2 code
whose log, sin and cos are the single-precision polynomials of the Cephes library, evaluated with
fused multiply-adds. From 16 float64 numbers on: the same blocks with the C library's functions.
"""

import math

import numpy as np

from .generator import CHUNK, doubles, floats

_F = np.float32
_D = np.float64
_TWO_PI = 2.0 * math.pi
_STEP = (
    CHUNK  # numbers at a time: small enough to stay in cache, large enough to amortise NumPy calls
)
_SPLIT = 134217729.0  # 2**27 + 1: cuts a double into two halves whose products are exact


@np.errstate(over="ignore", invalid="ignore")
def fma(x, y, z):
    """x * y + z in float64 with a single rounding, as the CPU's fused instruction gives."""
    high = x * y
    x1 = x * _SPLIT
    x1 = x1 - (x1 - x)
    y1 = y * _SPLIT
    y1 = y1 - (y1 - y)
    x2, y2 = x - x1, y - y1
    low = ((x1 * y1 - high) + x1 * y2 + x2 * y1) + x2 * y2
    total = high + z
    part = total - high
    error = (high - (total - part)) + (z - part)
    result = total + (error + low)
    # Near the largest double the split overflows; a plain product is right there.
    return np.where(np.isfinite(result), result, total)


def c_map(function, x):
    """Apply a function of `math` to every element of a float64 array.

    These are the C library's functions, which torch calls too; NumPy's own vector versions differ
    from them in the last bit.
    """
    flat = np.array(list(map(function, x.ravel().tolist())), _D)
    return flat.reshape(x.shape)


# --- float32 arithmetic on float64 arrays that hold float32 values ---
# The product of two float32 numbers is exact in float64, so one sum and one rounding make an FMA.


def _r(x):
    return x.astype(_F).astype(_D)


def _c(value):
    return _D(_F(value))


def _fma32(x, y, z):
    t = x * y
    t += z
    return _r(t)


_LOG = [
    _c(v)
    for v in (
        7.0376836292e-2,
        -1.1514610310e-1,
        1.1676998740e-1,
        -1.2420140846e-1,
        1.4249322787e-1,
        -1.6668057665e-1,
        2.0000714765e-1,
        -2.4999993993e-1,
        3.3333331174e-1,
    )
]
_LN2_HIGH, _LN2_LOW = _c(0.693359375), _c(-2.12194440e-4)
_COS = (_c(2.443315711809948e-5), _c(-1.388731625493765e-3), _c(4.166664568298827e-2))
_SIN = (_c(-1.9515295891e-4), _c(8.3321608736e-3), _c(-1.6666654611e-1))
_PI_4 = (_c(-0.78515625), _c(-2.4187564849853515625e-4), _c(-3.77489497744594108e-8))
_SQRT_HALF = _c(0.707106781186547524)
_4_OVER_PI = _c(1.27323954473516)


def _log32(x):
    """Cephes logf of positive float32 values (held in float64), with FMAs."""
    m, e = np.frexp(x)
    e = e.astype(_D)
    small = m < _SQRT_HALF
    e -= small
    m = np.where(small, m + m, m)
    m -= 1.0
    square = _r(m * m)
    y = _LOG[0]
    for coefficient in _LOG[1:]:
        y = _fma32(y, m, coefficient)
    y = _r(y * m)
    y = _fma32(y, square, _r(e * _LN2_LOW))
    y = _fma32(square, -0.5, y)
    y = _r(m + y)
    return _fma32(e, _LN2_HIGH, y)


def _sincos32(x):
    """Cephes sinf and cosf of float32 values in [0, 2 pi] (held in float64), with FMAs."""
    octant = (x * _4_OVER_PI).astype(_F).astype(np.int32)
    octant += 1
    octant &= ~1
    turns = octant.astype(_D)
    for part in _PI_4:
        x = _fma32(turns, part, x)
    square = _r(x * x)
    c = _fma32(_COS[0], square, _COS[1])
    c = _fma32(c, square, _COS[2])
    c = _r(c * square)
    c = _fma32(c, square, square * -0.5)
    c += 1.0
    s = _fma32(_SIN[0], square, _SIN[1])
    s = _fma32(s, square, _SIN[2])
    s = _r(s * square)
    s = _fma32(s, x, x)
    straight = (octant & 2) == 0
    sin = np.where(straight, s, c)
    cos = np.where(straight, c, s)
    np.negative(sin, out=sin, where=(octant & 4) != 0)
    np.negative(cos, out=cos, where=((octant + 2) & 4) != 0)
    return sin.astype(_F), cos.astype(_F)


def _blocks32(uniforms, mean, std):
    """Box-Muller on float32 uniforms (16 n,): in each 16, the cosines first, then the sines."""
    u = uniforms.reshape(-1, 2, 8)
    radius = np.sqrt(_F(-2.0) * _log32((_F(1.0) - u[:, 0]).astype(_D)).astype(_F))
    sin, cos = _sincos32((u[:, 1] * _F(_TWO_PI)).astype(_D))
    out = np.empty(u.shape, _F)
    np.multiply(radius, cos, out=out[:, 0])
    np.multiply(radius, sin, out=out[:, 1])
    out = out.reshape(-1)
    if mean == 0.0 and std == 1.0:
        return out
    return (out * _D(_F(std)) + _D(_F(mean))).astype(_F)


def _blocks64(uniforms, mean, std):
    u = uniforms.reshape(-1, 2, 8)
    radius = np.sqrt(-2.0 * c_map(math.log, 1.0 - u[:, 0]))
    theta = _TWO_PI * u[:, 1]
    out = np.stack([radius * c_map(math.cos, theta), radius * c_map(math.sin, theta)], axis=1)
    out = out.reshape(-1)
    if mean == 0.0 and std == 1.0:
        return out
    return fma(out, std, mean)


def _filled(generator, n, mean, std, double, spare):
    """n normals in blocks of 16. `spare`: words drawn for the ragged end and thrown away."""
    per, uniforms, blocks, dtype = (
        (2, doubles, _blocks64, _D) if double else (1, floats, _blocks32, _F)
    )
    out = np.empty(n, dtype)
    whole = n & ~15
    step = _STEP // per
    for start in range(0, whole, step):
        stop = min(start + step, whole)
        words = generator.words(per * (stop - start))
        out[start:stop] = blocks(uniforms(words), mean, std)
    if n != whole:
        generator.skip(per * spare)
        out[n - 16 :] = blocks(uniforms(generator.words(per * 16)), mean, std)
    return out


def normal_fill(generator, n, mean, std, dtype):
    """n >= 16 normals of a contiguous tensor. The last 16 are drawn anew when 16 does not divide n.

    float16 and bfloat16 are made in float32; they skip the draws that the redrawn end replaces.
    """
    if dtype == _D:
        return _filled(generator, n, mean, std, True, n & 15)
    if dtype == _F:
        return _filled(generator, n, mean, std, False, n & 15)
    with np.errstate(over="ignore"):
        return _filled(generator, n, mean, std, False, 0).astype(dtype)


def normal_pairs(generator, n, mean, std):
    """n normals one after the other in float64, pairs shared across calls through the generator."""
    with generator.lock:
        kept = generator.next_normal
        missing = n - (kept is not None)
        pairs = max(0, missing + 1) // 2
        u = doubles(generator.words(4 * pairs)).reshape(-1, 2)
        radius = np.sqrt(-2.0 * c_map(math.log1p, -u[:, 1]))
        theta = _TWO_PI * u[:, 0]
        fresh = np.stack(
            [radius * c_map(math.cos, theta), radius * c_map(math.sin, theta)], axis=1
        ).reshape(-1)
        if n and kept is not None:
            fresh = np.concatenate([[kept], fresh])
        if n:
            generator.next_normal = float(fresh[n]) if len(fresh) > n else None
    values = fresh[:n]
    if mean == 0.0 and std == 1.0:
        return values
    return fma(values, _D(std), _D(mean))


class Normals:
    """Standard normals one at a time from a `Doubles` reader, sharing the generator's kept half."""

    def __init__(self, generator, uniform):
        self._generator = generator
        self._uniform = uniform

    def __call__(self):
        kept = self._generator.next_normal
        if kept is not None:
            self._generator.next_normal = None
            return kept
        theta = _TWO_PI * self._uniform()
        radius = math.sqrt(-2.0 * math.log1p(-self._uniform()))
        self._generator.next_normal = radius * math.sin(theta)
        return radius * math.cos(theta)
