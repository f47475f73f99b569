"""Special functions in NumPy, for the cold tier: erf, erfc, erf_inv, lgamma, digamma.

Float32 arguments are evaluated in float64 with shorter approximations and rounded once, so results
are within 1 ulp; float64 results are within a few ulp. The coefficients are Chebyshev (or, for the
rational one, weighted least-squares) fits made for these functions with 40-digit arithmetic.
"""

from __future__ import annotations

import math
from collections.abc import Callable

import ml_dtypes
import numpy as np

BFLOAT16 = np.dtype(ml_dtypes.bfloat16)

# Elements per block: a handful of float64 temporaries then stay in the second-level cache, and each
# stays below the 128 KiB from which malloc asks the system for fresh pages.
_BLOCK = 12288
# Up to this size a Python loop over `math` beats some twenty NumPy calls.
_TINY = 128


def _table(*coefficients: float) -> tuple:
    """Coefficients as 0-dim arrays, which ufuncs take faster than Python floats."""
    return tuple(np.array(c) for c in coefficients)


# erf(x) / x = P(x**2) / Q(x**2) to 2.1e-8, for |x| <= 3.95; erf is 1 in float32 beyond.
_ERF32_LIMIT = 3.95
_ERF32_P = _table(
    1.128379143906098,
    0.1915298925322805,
    0.052872711980352156,
    0.003807285822519859,
    0.00028466756656335776,
    2.0260496506456056e-06,
)
_ERF32_Q = _table(
    1.0,
    0.5030716272634095,
    0.1145511537812825,
    0.015053325419882498,
    0.001170513363373449,
    3.783223766603042e-05,
)
# erf(x) / x as a polynomial in 2 * x**2 - 1, for |x| <= 1, to 4e-18.
_ERF64 = _table(
    0.9654687386698673,
    -0.1405360890227171,
    0.019852496688983708,
    -0.0022854855611441132,
    0.00021751715604159932,
    -1.7537169441124866e-05,
    1.223382738359897e-06,
    -7.511569286591727e-08,
    4.115800583208149e-09,
    -2.035228405815769e-10,
    9.167619596865806e-12,
    -3.8078824063194953e-13,
    1.4543887079465116e-14,
)
# erfc(x) * exp(x**2) / t with t = 4 / (4 + x), as a polynomial in t mapped onto [-1, 1]:
# for 0 <= x <= 10.2 to 1e-9, and for 0.5 <= x <= 28 to 1e-18.
_ERFC32_RANGE = (4 / 14.2, 1.0)
_ERFC32 = _table(
    0.36173910515741897,
    0.2831719754803584,
    0.1850990345020787,
    0.10120745188977247,
    0.04593551645326374,
    0.016956354632436978,
    0.004868134744925884,
    0.0009712699688797893,
    8.01207814520085e-05,
    -2.172475417293093e-05,
    -7.0551597208312834e-06,
    -1.8386970874531638e-07,
)
_ERFC64_RANGE = (0.125, 8 / 9)
_ERFC64 = _table(
    0.2774273630387802,
    0.19065584254562015,
    0.11614096444673784,
    0.06235744695644096,
    0.029211671173025703,
    0.011736246215302597,
    0.003923098219983004,
    0.0010264416244387818,
    0.0001780625036345357,
    4.77994895250967e-06,
    -8.154115731950568e-06,
    -2.288574858755297e-06,
    -1.4646787590557202e-09,
    1.4885228940499804e-07,
    2.520252143853218e-08,
    -7.081620419235608e-09,
    -2.7567508274632862e-09,
    2.7227510111977513e-10,
    2.314990975231171e-10,
    -7.212023251266402e-12,
    -1.3642354433534965e-11,
    3.539130436440796e-14,
)


def _horner(coefficients, x):
    """The polynomial with these coefficients, lowest order first."""
    result = np.multiply(x, coefficients[-1])
    for c in coefficients[-2:0:-1]:
        np.add(result, c, result)
        np.multiply(result, x, result)
    return np.add(result, coefficients[0], result)


def _blockwise(core: Callable, scalar: Callable | None = None) -> Callable:
    """An elementwise function of arrays from one of flat float64 blocks.

    `core(block, single)` may overwrite its block; `single` tells that float32 accuracy will do.
    `scalar`, if given, serves arrays of a few elements.
    """

    def function(a):
        a = np.asarray(a)
        dtype = a.dtype
        single = dtype == np.float32
        if scalar is not None and a.size <= _TINY:
            return np.array([scalar(v) for v in a.ravel().tolist()], dtype).reshape(a.shape)
        flat = a.reshape(-1)
        out = np.empty(flat.shape, dtype)
        for start in range(0, flat.size, _BLOCK):
            part = slice(start, start + _BLOCK)
            out[part] = core(flat[part].astype(np.float64), single)
        return out.reshape(a.shape)

    return function


# --- error function ------------------------------------------------------------------------------


def _erf_small(x):
    """erf for |x| <= 1, in float64."""
    z = x * x
    z *= 2
    z -= 1
    return x * _horner(_ERF64, z)


def _erfc_tail(x, single: bool):
    """erfc for x >= 0.5 (x >= 0 if `single`), in float64."""
    limit, (low, high), table = (
        (10.2, _ERFC32_RANGE, _ERFC32) if single else (28.0, _ERFC64_RANGE, _ERFC64)
    )
    x = np.minimum(x, limit)
    t = np.add(x, 4)
    np.divide(4, t, t)
    u = np.multiply(t, 2 / (high - low))
    np.subtract(u, (high + low) / (high - low), u)
    result = _horner(table, u)
    np.multiply(result, t, result)
    if single:
        np.multiply(x, x, x)
        np.negative(x, x)
        return np.multiply(result, np.exp(x, x), result)
    # The rounding error of x * x would be magnified by the exponential.
    head = x.astype(np.float32).astype(np.float64)
    result *= np.exp(-head * head)
    result *= np.exp((head - x) * (head + x))
    return result


def _erf_block(x, single: bool):
    if single:
        np.minimum(x, _ERF32_LIMIT, out=x)
        np.maximum(x, -_ERF32_LIMIT, out=x)
        z = x * x
        x *= _horner(_ERF32_P, z)
        x /= _horner(_ERF32_Q, z)
        return x  # may exceed 1 by 2e-8, which rounds to 1
    size = np.abs(x)
    large = size > 1
    if not large.any():
        return _erf_small(x)
    out = _erf_small(np.where(large, 0.0, x))
    big = x[large]
    out[large] = np.copysign(1 - _erfc_tail(np.abs(big), False), big)
    return out


def _erfc_block(x, single: bool):
    if single:
        tail = _erfc_tail(np.abs(x), True)
        # tail for x >= 0, 2 - tail below: 1 - sign + sign * tail.
        sign = np.copysign(1.0, x)
        np.multiply(tail, sign, tail)
        np.subtract(1, sign, sign)
        return np.add(tail, sign, tail)
    tail = _erfc_tail(np.maximum(np.abs(x), 0.5), False)
    small = np.abs(x) < 0.5
    out = np.where(x < 0, 2 - tail, tail)
    out[small] = 1 - _erf_small(x[small])
    out[x != x] = np.nan
    return out


erf = _blockwise(_erf_block, math.erf)
erf.__name__ = "erf"
erfc = _blockwise(_erfc_block, math.erfc)
erfc.__name__ = "erfc"


def _erf_inv_block(x, single: bool):
    """Winitzki's closed form (2e-3), then two Halley steps, which triple the digits each."""
    size = np.abs(x)
    log = np.log1p(-size * size)
    t = 2 / (math.pi * 0.147) + log / 2
    y = -log / 0.147
    y = np.sqrt(y / (np.sqrt(t * t + y) + t))
    rest = 1 - size  # exact where it is used, from 0.5 on
    for _ in range(2):
        small = _erf_block(np.minimum(y, 1.0), False) - size
        error = np.where(y < 0.5, small, rest - _erfc_tail(np.maximum(y, 0.5), False))
        step = error * (math.sqrt(math.pi) / 2) * np.exp(y * y)
        y -= step / (1 + y * step)
    y[size == 1] = np.inf
    y[size > 1] = np.nan
    return np.copysign(y, x)


erf_inv = _blockwise(_erf_inv_block)
erf_inv.__name__ = "erf_inv"


# --- gamma function ------------------------------------------------------------------------------


def _lgamma_scalar(x: float) -> float:
    try:
        return math.lgamma(x)
    except (ValueError, OverflowError):  # a pole, or too big
        return math.inf


def lgamma(a):
    """log |gamma(a)|, element by element."""
    a = np.asarray(a)
    flat = [_lgamma_scalar(v) for v in a.ravel().tolist()]
    return np.array(flat, np.float64).astype(a.dtype).reshape(a.shape)


# B(2k) / (2k), the asymptotic series of digamma in 1 / x**2.
_DIGAMMA = _table(
    1 / 12,
    -1 / 120,
    1 / 252,
    -1 / 240,
    1 / 132,
    -691 / 32760,
    1 / 12,
)


def _digamma_block(x, single: bool):
    mirrored = x < 0.5
    z = np.where(mirrored, 1 - x, x)
    shift = np.zeros_like(z)
    for _ in range(10):  # psi(z) = psi(z + 1) - 1 / z, until the series converges
        low = z < 10
        if not low.any():
            break
        shift += np.where(low, 1 / z, 0.0)
        z += low
    w = 1 / (z * z)
    out = np.log(z) - 0.5 / z - w * _horner(_DIGAMMA, w) - shift
    if mirrored.any():
        # psi(x) = psi(1 - x) - pi / tan(pi x), with x reduced to its distance from an integer.
        near = x - np.rint(x)
        out = np.where(mirrored, out - math.pi / np.tan(math.pi * near), out)
        out[mirrored & (near == 0)] = np.nan
    return out


digamma = _blockwise(_digamma_block)
digamma.__name__ = "digamma"
