"""Samplers that use up an unknown number of uniforms per value: gamma, Poisson, binomial.

They follow torch's CPU algorithms draw for draw, so each value is computed on its own.
"""

import math

import numpy as np

_STIRLING = (
    0.0810614667953272,
    0.0413406959554092,
    0.0276779256849983,
    0.02079067210376509,
    0.0166446911898211,
    0.0138761288230707,
    0.0118967099458917,
    0.0104112652619720,
    0.00925546218271273,
    0.00833056343336287,
)


# torch writes these two as single-precision literals, which shows in the ninth digit.
_THIRD = 0.3333333432674408
_SQUEEZE = 0.03310000151395798


def exact(x):
    """Rounding to float64: none."""
    return x


def single(x):
    """Rounding to float32, for what torch computes in the tensor's own precision."""
    return float(np.float32(x))


def gamma(alpha, uniform, normal, rounded=exact):
    """One gamma value of shape `alpha`, scale 1. Marsaglia and Tsang, ACM TOMS 26 (2000)."""
    scale = 1.0
    if alpha < 1.0:
        if alpha == 0.0:
            return 0.0
        scale = math.pow(1.0 - uniform(), rounded(1.0 / alpha))
        alpha = rounded(alpha + 1.0)
    d = rounded(alpha - _THIRD)
    if not d > 0.0:  # NaN: torch's loop would never end
        return math.nan
    c = 1.0 / math.sqrt(9.0 * d)
    while True:
        x = normal()
        y = 1.0 + c * x
        while y <= 0.0:
            x = normal()
            y = 1.0 + c * x
        v = y * y * y
        u = 1.0 - uniform()
        xx = x * x
        if u < 1.0 - _SQUEEZE * xx * xx:
            return scale * d * v
        if math.log(u) < 0.5 * xx + d * (1.0 - v + math.log(v)):
            return scale * d * v


def poisson(rate, uniform):
    """One Poisson value. Hoermann's PTRS (1993) from rate 10 on, Knuth's product below."""
    if rate >= 10.0:
        return _poisson_large(rate, uniform)
    if rate == 0.0:
        return 0.0
    limit = math.exp(-rate)
    count = 0.0
    product = uniform()
    while product > limit:
        count += 1.0
        product *= uniform()
    return count


def _poisson_large(rate, uniform):
    log_rate = math.log(rate)
    b = 0.931 + 2.53 * math.sqrt(rate)
    a = -0.059 + 0.02483 * b
    inv_alpha = 1.1239 + 1.1328 / (b - 3.4)
    v_r = 0.9277 - 3.6224 / (b - 2.0)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        place = (2.0 * a / us + b) * u + rate + 0.43
        # An infinite rate gives NaN, which C++ turns into the lowest integer.
        k = math.floor(place) if math.isfinite(place) else -(2**63)
        if us >= 0.07 and v <= v_r:
            return float(k)
        if k < 0 or (us < 0.013 and v > us):
            continue
        left = _log(v) + math.log(inv_alpha) - math.log(a / (us * us) + b)
        if left <= -rate + k * log_rate - math.lgamma(k + 1):
            return float(k)


def _log(x):
    return math.log(x) if x > 0.0 else -math.inf


def binomial(count, prob, uniform):
    """One binomial value. Hoermann's BTRS from 10 expected hits on, sums of geometrics below."""
    if math.isnan(count) or math.isnan(prob):
        return math.nan
    if count <= 0.0 or prob <= 0.0:
        return 0.0
    if prob >= 1.0:
        return count
    if prob > 0.5:
        return count - _binomial_half(count, 1.0 - prob, uniform)
    return _binomial_half(count, prob, uniform)


def _binomial_half(count, prob, uniform):
    if count * prob >= 10.0:
        return _binomial_large(count, prob, uniform)
    log_miss = math.log1p(-prob)
    total = 0.0
    hits = 0.0
    while True:
        u = uniform()
        total += math.ceil(math.log(u) / log_miss) if u > 0.0 else math.inf
        if total > count:
            return hits
        hits += 1.0


def _binomial_large(count, prob, uniform):
    spread = math.sqrt(count * prob * (1.0 - prob))
    b = 1.15 + 2.53 * spread
    a = -0.0873 + 0.0248 * b + 0.01 * prob
    c = count * prob + 0.5
    v_r = 0.92 - 4.2 / b
    odds = prob / (1.0 - prob)
    alpha = (2.83 + 5.1 / b) * spread
    mode = math.floor((count + 1.0) * prob)
    while True:
        u = uniform() - 0.5
        v = uniform()
        us = 0.5 - abs(u)
        if us == 0.0:
            continue
        k = math.floor((2.0 * a / us + b) * u + c)
        if us >= 0.07 and v <= v_r:
            return float(k)
        if k < 0 or k > count:
            continue
        if _log(v * alpha / (a / (us * us) + b)) <= _log_odds(count, odds, mode, k):
            return float(k)


def _log_odds(count, odds, mode, k):
    """log of the probability of k hits over that of the likeliest number."""
    missed, mode_missed = count - k + 1.0, count - mode + 1.0
    return (
        (mode + 0.5) * math.log((mode + 1.0) / (odds * mode_missed))
        + (count + 1.0) * math.log(mode_missed / missed)
        + (k + 0.5) * math.log(odds * missed / (k + 1.0))
        + _stirling_tail(mode)
        + _stirling_tail(count - mode)
        - _stirling_tail(k)
        - _stirling_tail(count - k)
    )


def _stirling_tail(k):
    if k <= 9:
        return _STIRLING[int(k)]
    square = (k + 1.0) * (k + 1.0)
    return (1.0 / 12 - (1.0 / 360 - 1.0 / 1260 / square) / square) / (k + 1.0)
