"""Random arrays: the numbers torch's CPU generator gives from the same seed, drawn on the host.

Every function takes the size of the result (an int or a sequence), a NumPy dtype and a generator
(None is the default one), and returns a C-contiguous NumPy array. Bad arguments raise torch's
errors. The stream is that of a machine where torch does not hand Bernoulli numbers to Intel's MKL:
torch built with MKL on an Intel CPU seeds an MKL stream from one draw there (scalar p only), and
its masks cannot be had elsewhere, not by torch on another CPU either.
"""

import math
import warnings

import numpy as np

from . import rejection
from .gaussian import Normals, c_map, fma, normal_fill, normal_pairs
from .generator import (
    CHUNK,
    Doubles,
    GeneratorCore,
    default_generator,
    doubles,
    floats,
    pairs53,
    pairs64,
)

__all__ = [
    "GeneratorCore",
    "bernoulli",
    "bernoulli_each",
    "binomial",
    "cauchy",
    "default_generator",
    "dirichlet",
    "dropout_mask",
    "exponential",
    "geometric",
    "log_normal",
    "multinomial",
    "normal",
    "poisson",
    "randint",
    "random",
    "randperm",
    "standard_gamma",
    "uniform",
]

_F32 = np.dtype(np.float32)
_F64 = np.dtype(np.float64)
_DIGITS = {"float16": 11, "bfloat16": 8, "float32": 24, "float64": 53}
_LARGEST = {
    "float16": 65504.0,
    "bfloat16": 3.3895313892515355e38,
    "float32": 3.4028234663852886e38,
    "float64": 1.7976931348623157e308,
}
_TWO_FLOATS = ("float32", "float64")
_REAL_OF = {"complex64": _F32, "complex128": _F64}
# torch's names of dtypes in error messages: the ScalarType, and the C++ type.
SCALAR_NAMES = {
    "bool": "Bool",
    "uint8": "Byte",
    "int8": "Char",
    "int16": "Short",
    "int32": "Int",
    "int64": "Long",
    "uint16": "UInt16",
    "uint32": "UInt32",
    "uint64": "UInt64",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "float32": "Float",
    "float64": "Double",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}
_CPP = {
    "bool": "bool",
    "uint8": "unsigned char",
    "int8": "signed char",
    "int16": "short int",
    "int32": "int",
    "int64": "long int",
    "uint16": "short unsigned int",
    "uint32": "unsigned int",
    "uint64": "long unsigned int",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "float32": "float",
    "float64": "double",
}


def _shape(size):
    shape = (int(size),) if isinstance(size, (int, np.integer)) else tuple(map(int, size))
    if shape and min(shape) < 0:
        extent = next(s for s in shape if s < 0)
        raise RuntimeError(
            f"Trying to create tensor with negative dimension {extent}: {list(shape)}"
        )
    return shape, math.prod(shape)


def _require(condition, message, exc=RuntimeError):
    if not condition:
        raise exc(message)


def _implemented(name, dtype, kinds):
    if dtype.name not in kinds:
        scalar = SCALAR_NAMES.get(dtype.name, dtype.name)
        raise NotImplementedError(f"\"{name}\" not implemented for '{scalar}'")


_NO_BOOL = {n for n in SCALAR_NAMES if n not in ("bool", "uint16", "uint32", "uint64")} - set(
    _REAL_OF
)


def narrow(values, dtype):
    """Floats to dtype; the 16-bit ones are rounded from float32, as C++ converts them."""
    if dtype == _F64:
        return values
    with np.errstate(over="ignore", invalid="ignore"):
        if dtype.name in ("float16", "bfloat16"):
            values = values.astype(_F32)
        return values.astype(dtype)


def _chunked(generator, n, dtype, per, make):
    """n elements, each from `per` words, through make(words), a cache-sized piece at a time."""
    if n * per <= CHUNK:
        return make(generator.words(n * per)).astype(dtype, copy=False)
    out = np.empty(n, dtype)
    step = CHUNK // per
    for start in range(0, n, step):
        stop = min(n, start + step)
        out[start:stop] = make(generator.words(per * (stop - start)))
    return out


# --- uniform and normal ---


def uniform(size, low=0.0, high=1.0, dtype=_F32, generator=None):
    """Uniform numbers in [low, high), of a floating or complex dtype (both parts are drawn)."""
    generator = generator or default_generator
    dtype = np.dtype(dtype)
    shape, n = _shape(size)
    if dtype.name in _REAL_OF:
        parts = uniform(2 * n, low, high, _REAL_OF[dtype.name], generator)
        return parts.view(dtype).reshape(shape)
    _implemented("check_uniform_bounds", dtype, _DIGITS)
    largest = _LARGEST[dtype.name]
    if not (-largest <= low <= high <= largest and high - low <= largest):
        _refuse_uniform(low, high, dtype, largest)
    if dtype == _F64:
        values = _chunked(generator, n, dtype, 2, _scaled64(low, high))
    else:
        values = _chunked(generator, n, dtype, 1, _scaled32(low, high, dtype))
    return values.reshape(shape)


def _refuse_uniform(low, high, dtype, largest):
    for name, value in (("from", low), ("to", high)):
        if not abs(value) <= largest:
            raise RuntimeError(f"{name} is out of bounds for {_CPP[dtype.name]}")
    if low > high:
        raise RuntimeError(
            f"uniform_ expects to return a [from, to) range, but found from={low:g} > to={high:g}"
        )
    raise RuntimeError(
        f"uniform_ expects to-from <= std::numeric_limits<{SCALAR_NAMES[dtype.name]}>::max(), "
        f"but found to={high:g} and from={low:g} which result in to-from to exceed the limit"
    )


def _scaled64(low, high):
    if (low, high) == (0, 1):
        return doubles
    low, high = np.float64(low), np.float64(high)

    def make(words):
        values = fma(doubles(words), high - low, low)
        return np.where(values >= high, low, values)  # rounding must not reach the open end

    return make


def _scaled32(low, high, dtype):
    if (low, high) == (0, 1) and dtype == _F32:
        return floats
    low, high = np.float32(low), np.float32(high)
    span, base = np.float64(high - low), np.float64(low)
    bottom, top = dtype.type(low), dtype.type(high)

    def make(words):
        wide = floats(words) * span  # exact; the sum is rounded once, as a fused multiply-add
        wide += base
        values = narrow(wide, dtype)
        return np.where(values >= top, bottom, values)

    return make


def normal(size, mean=0.0, std=1.0, dtype=_F32, generator=None, contiguous=True):
    """Normal numbers of a floating or complex dtype.

    `contiguous=False` gives what torch writes, in memory order, into a tensor that is not
    contiguous: it takes the one-by-one recipe for these whatever their number.
    """
    generator = generator or default_generator
    dtype = np.dtype(dtype)
    shape, n = _shape(size)
    if not std >= 0.0:
        raise RuntimeError(f"normal expects std >= 0.0, but found std {std:g}")
    if dtype.name in _REAL_OF:
        return _complex_normal(shape, n, mean, std, dtype, generator, contiguous)
    _implemented("normal_kernel_cpu", dtype, _DIGITS)
    if n >= 16 and contiguous:
        with generator.lock:
            values = normal_fill(generator, n, mean, std, dtype)
    else:
        values = narrow(normal_pairs(generator, n, mean, std), dtype)
    return values.reshape(shape)


def _complex_normal(shape, n, mean, std, dtype, generator, contiguous):
    part = std / math.sqrt(2.0)
    real = normal(2 * n, 0.0, part, _REAL_OF[dtype.name], generator, contiguous)
    values = real.view(dtype).reshape(shape)
    return values if mean == 0 else values + dtype.type(mean)


# --- integers ---


def random(size, dtype=np.int64, generator=None):
    """What `Tensor.random_()` writes: all non-negative integers the dtype holds exactly."""
    generator = generator or default_generator
    dtype = np.dtype(dtype)
    shape, n = _shape(size)
    _implemented("random_kernel_cpu", dtype, _NO_BOOL | {"bool"})
    if dtype.name in _DIGITS:
        count = (1 << _DIGITS[dtype.name]) + 1
    else:
        count = 2 if dtype.kind == "b" else int(np.iinfo(dtype).max) + 1
    wide = dtype.name in ("int64", "float64")
    return _modulo(generator, n, 0, count, dtype, wide).reshape(shape)


def _modulo(generator, n, low, count, dtype, wide):
    """low + draw % count, computed in int64 (wrapping) and cast to dtype."""
    divisor = np.uint64(count)
    base = np.int64(low)

    def from_pairs(words):
        return ((pairs64(words) % divisor).view(np.int64) + base).astype(dtype)

    def from_words(words):
        values = words.astype(np.uint32) % np.uint32(count) if count < 1 << 32 else words
        return (values.astype(np.int64) + base).astype(dtype)

    if wide:
        return _chunked(generator, n, dtype, 2, from_pairs)
    return _chunked(generator, n, dtype, 1, from_words)


def randint(size, low, high, dtype=np.int64, generator=None):
    """Integers in [low, high), of any real dtype. high=None: up to the dtype's largest."""
    generator = generator or default_generator
    dtype = np.dtype(dtype)
    shape, n = _shape(size)
    if dtype.name in _REAL_OF:
        raise RuntimeError(
            "check_random_bounds handles only integral, floating-point and boolean types"
        )
    if high is None:
        if low == -(1 << 63):
            return _full_range(generator, n, dtype).reshape(shape)
        high = _upper_end(low, dtype)
    _require(
        low < high,
        f"random_ expects 'from' to be less than 'to', but got from={low} >= to={high}",
    )
    low, high = _exact_bounds(low, high, dtype)
    count = (high - low) & 0xFFFFFFFFFFFFFFFF
    # From 2**28 on a 32-bit draw would favour some residues too much: torch takes 64 bits.
    return _modulo(generator, n, low, count, dtype, count >= 1 << 28).reshape(shape)


def _full_range(generator, n, dtype):
    if n:
        kernel = "random_full_64_bits_range_kernel_cpu"
        _implemented(kernel, dtype, _NO_BOOL - {"float16"})
        known = dtype.name in ("int64", "float64", "float32", "bfloat16")
        _require(known, f"{kernel} handles only int64, double, float and bfloat16")
    return _chunked(generator, n, dtype, 2, lambda w: pairs64(w).view(np.int64).astype(dtype))


def _upper_end(low, dtype):
    if dtype.name in _DIGITS:
        top = 1 << _DIGITS[dtype.name]
    else:
        top = 1 if dtype.kind == "b" else int(np.iinfo(dtype).max)
    if dtype.name in _DIGITS:
        _require(abs(low) <= _LARGEST[dtype.name], f"from is out of bounds for {_CPP[dtype.name]}")
        low = _representable_low(low, dtype, _DIGITS[dtype.name])
        _require(
            low <= top,
            "random_ expects 'from' casted to dtype to be less than or equal to 'to_inc' casted to "
            f"dtype, but got from={low} > to_inc={top}",
        )
    else:
        least = 0 if dtype.kind == "b" else np.iinfo(dtype).min
        _require(least <= low <= top, f"from is out of bounds for {_CPP[dtype.name]}")
        # The end is a signed 64-bit integer to torch, so uint64's does not fit.
        _require(top < 1 << 63, f"to - 1 is out of bounds for {_CPP[dtype.name]}")
    return top + 1


def _exact_bounds(low, high, dtype):
    """Check that the dtype holds the ends; for floats move them to where integers are exact."""
    name = _CPP[dtype.name]
    if dtype.name in _DIGITS:
        largest = _LARGEST[dtype.name]
        _require(abs(low) <= largest, f"from is out of bounds for {name}")
        _require(abs(high - 1) <= largest, f"to - 1 is out of bounds for {name}")
        digits = _DIGITS[dtype.name]
        _warn_inexact(low, high, digits, name)
        low, high = _representable_low(low, dtype, digits), _representable_high(high, dtype, digits)
        _require(
            low < high,
            "random_ expects 'from' casted to dtype to be less than 'to' casted to dtype, "
            f"but got from={low} >= to={high}",
        )
        return low, high
    least, most = (0, 1) if dtype.kind == "b" else (np.iinfo(dtype).min, np.iinfo(dtype).max)
    _require(least <= low <= most, f"from is out of bounds for {name}")
    _require(least <= high - 1 <= most, f"to - 1 is out of bounds for {name}")
    return low, high


def _warn_inexact(low, high, digits, name):
    for what, value in (("from", low), ("to - 1", high - 1)):
        if abs(value) > 1 << digits:
            warnings.warn(
                f"{what} is out of bounds [-(2^{digits}), 2^{digits}]. Due to precision "
                f"limitations {name} can support discrete uniform distribution only within this "
                "range. This warning will become an error in version 1.7 release, please fix the "
                "code in advance",
                UserWarning,
                stacklevel=4,
            )


def _as_held(value, dtype):
    return int(np.float32(value).astype(dtype)) if dtype != _F64 else int(np.float64(value))


def _representable_low(low, dtype, digits):
    held = _as_held(low + 1, dtype)
    if held >= low:
        return low
    return held + (1 << (abs(low + 1).bit_length() - digits))


def _representable_high(high, dtype, digits):
    held = _as_held(high - 1, dtype)
    if held < high:
        return high
    return held - (1 << (abs(high - 1).bit_length() - digits))


def randperm(n, dtype=np.int64, generator=None):
    """A random permutation of 0 ... n - 1, by Fisher and Yates's swaps from the front."""
    generator = generator or default_generator
    dtype = np.dtype(dtype)
    _shape(n)
    _implemented("randperm", dtype, _NO_BOOL)
    _check_randperm(n, dtype)
    if n < 2:
        return np.zeros(n, dtype)
    left = np.arange(n, 1, -1, dtype=np.uint64)  # how many are not placed yet
    if n < (2**32 - 1) // 20:
        draws = generator.words(n - 1)
    else:
        draws = pairs64(generator.words(2 * (n - 1)))
    targets = (draws % left).astype(np.int64)
    targets += np.arange(n - 1)
    order = list(range(n))
    for i, j in enumerate(targets.tolist()):
        order[i], order[j] = order[j], order[i]
    return np.array(order, np.int64).astype(dtype)


def _check_randperm(n, dtype):
    if dtype.name == "float16":
        _require(n <= 2049, "n cannot be greater than 2049 for Half type.")
    if dtype.name == "float32":
        _require(n <= 16777217, "n cannot be greater than 2^24+1 for Float type.")
    if dtype.kind in "iu" and n > np.iinfo(dtype).max:
        raise RuntimeError(f"value cannot be converted to type {dtype.name}_t without overflow")


# --- coins ---


def dropout_mask(size, keep, generator=None):
    """True with probability `keep`: the draws of `bernoulli_(keep)`, which dropout makes."""
    generator = generator or default_generator
    shape, n = _shape(size)
    # u < keep for u = k / 2**53 is k < keep * 2**53, and scaling by a power of two is exact.
    limit = np.uint64(math.ceil(math.ldexp(keep, 53)))
    return _chunked(generator, n, np.bool_, 2, lambda w: pairs53(w) < limit).reshape(shape)


def bernoulli(size, p=0.5, dtype=_F32, generator=None):
    """Ones with probability p, zeros otherwise, in any real dtype."""
    dtype = np.dtype(dtype)
    _require(0 <= p <= 1, f"bernoulli_ expects p to be in [0, 1], but got p={p:g}")
    _implemented("bernoulli_scalar_cpu_", dtype, _NO_BOOL | {"bool"})
    return dropout_mask(size, p, generator).astype(dtype)


def bernoulli_each(probabilities, dtype=None, generator=None):
    """Ones with the probability that stands at each place of a floating array."""
    generator = generator or default_generator
    p = np.asarray(probabilities)
    _implemented("bernoulli_tensor_cpu_p_", p.dtype, _DIGITS)
    wide = p if p.dtype == _F64 else p.astype(_F32)
    _require(
        bool(np.all((wide >= 0) & (wide <= 1))),
        "Expected p_in >= 0 && p_in <= 1 to be true, but got false.  (Could this error message "
        "be improved?  If so, please report an enhancement request to PyTorch.)",
    )
    # Only float64 probabilities are worth two words per coin to torch.
    per, make = (2, doubles) if wide.dtype == _F64 else (1, floats)
    draws = _chunked(generator, wide.size, wide.dtype, per, make)
    return (draws.reshape(wide.shape) < wide).astype(dtype or p.dtype)


# --- from one 53-bit uniform each ---


def _near_half_ulp(values):
    # Where float64 lies this close to the middle of two float32 numbers, its last bits matter.
    tail = values.view(np.int64) & 0x1FFFFFFF
    return np.abs(tail - 0x10000000) < 64


def _transformed(x, function, vector, finish, dtype, doubtful=_near_half_ulp):
    """finish(function(x)) as torch rounds it: with the C library's function where it can matter."""
    if dtype == _F64:
        return finish(c_map(function, x))
    values = finish(vector(x))
    doubt = np.flatnonzero(doubtful(values))
    if doubt.size:
        values[doubt] = finish(c_map(function, x[doubt]))
    return narrow(values, dtype)


def _from_doubles(size, dtype, generator, transform):
    shape, n = _shape(size)
    values = _chunked(generator or default_generator, n, dtype, 2, lambda w: transform(doubles(w)))
    return values.reshape(shape)


def exponential(size, rate=1.0, dtype=_F32, generator=None):
    """Exponential numbers of mean 1 / rate."""
    dtype = np.dtype(dtype)
    _require(rate > 0.0, f"exponential_ expects lambda > 0.0, but found lambda={rate:g}")
    _require(
        dtype.name in _DIGITS,
        "Exponential distribution is a continuous probability distribution. dtype must be a "
        f"floating point but you specified {SCALAR_NAMES[dtype.name]}",
    )
    factor = -1.0 / rate

    def transform(u):
        return _transformed(-u, math.log1p, np.log1p, lambda y: factor * y, dtype)

    return _from_doubles(size, dtype, generator, transform)


def cauchy(size, median=0.0, sigma=1.0, dtype=_F32, generator=None):
    """Cauchy numbers."""
    dtype = np.dtype(dtype)
    _require(sigma > 0.0, f"cauchy_ expects sigma > 0.0, but found sigma={sigma:g}")
    _require(
        dtype.name in _DIGITS,
        "Cauchy distribution is a continuous probability distribution. dtype must be a floating "
        f"point but you specified {_CPP.get(dtype.name, dtype.name)}",
    )
    sigma, median = np.float64(sigma), np.float64(median)

    def transform(u):
        angle = math.pi * (u - 0.5)
        return _transformed(angle, math.tan, np.tan, lambda y: fma(sigma, y, median), dtype)

    return _from_doubles(size, dtype, generator, transform)


def _c_log(x):
    return math.log(x) if x > 0.0 else -math.inf


def _near_integer(values):
    return np.abs(values - np.rint(values)) < 1e-9 * np.maximum(np.abs(values), 1.0)


def geometric(size, p, dtype=_F32, generator=None):
    """How many trials until the first success of probability p: 1, 2, ..."""
    dtype = np.dtype(dtype)
    _require(0 < p < 1, f"geometric_ expects p to be in (0, 1), but got p={p:g}")
    _implemented("geometric_cpu", dtype, _NO_BOOL)
    miss = math.log1p(-p)

    def transform(u):
        with np.errstate(divide="ignore", invalid="ignore"):
            counts = np.log(u) / miss
            doubt = np.flatnonzero(_near_integer(counts))
            counts[doubt] = c_map(_c_log, u[doubt]) / miss
            return narrow(np.ceil(counts), dtype)

    return _from_doubles(size, dtype, generator, transform)


def log_normal(size, mean=1.0, std=2.0, dtype=_F32, generator=None):
    """exp of normal numbers, which are drawn one by one whatever the size."""
    dtype = np.dtype(dtype)
    shape, n = _shape(size)
    _require(std > 0.0, f"log_normal_ expects std > 0.0, but found std={std:g}")
    _implemented("log_normal_cpu", dtype, _DIGITS)
    values = normal_pairs(generator or default_generator, n, mean, std)
    return narrow(c_map(_c_exp, values), dtype).reshape(shape)


def _c_exp(x):
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


# --- one value at a time ---


def poisson(rates, generator=None):
    """A Poisson number for each rate, in the rates' floating dtype."""
    rates = np.asarray(rates)
    _implemented("poisson_cpu", rates.dtype, _DIGITS)
    with Doubles(generator or default_generator, 2 * rates.size) as draw:
        values = []
        for rate in rates.astype(_F64).ravel().tolist():
            _require(rate >= 0, "invalid Poisson rate, expected rate to be non-negative")
            values.append(rejection.poisson(rate, draw))
    return narrow(np.array(values, _F64), rates.dtype).reshape(rates.shape)


def _gammas(alpha, generator, rounded=rejection.exact):
    with Doubles(generator, 4 * alpha.size) as draw:
        normals = Normals(generator, draw)
        flat = alpha.astype(_F64).ravel().tolist()
        values = [rejection.gamma(a, draw, normals, rounded) for a in flat]
    return np.array(values, _F64).reshape(alpha.shape)


def standard_gamma(alpha, generator=None):
    """A gamma number of scale 1 for each shape in alpha, never below the smallest normal float."""
    alpha = np.asarray(alpha)
    _implemented("gamma_cpu", alpha.dtype, _TWO_FLOATS)
    values = _gammas(alpha, generator or default_generator, _rounding(alpha.dtype))
    return np.maximum(narrow(values, alpha.dtype), np.finfo(alpha.dtype).tiny)


def _rounding(dtype):
    return rejection.exact if dtype == _F64 else rejection.single


def dirichlet(alpha, generator=None):
    """Points of the simplex, concentration alpha along the last dimension: (..., K) -> (..., K)."""
    alpha = np.asarray(alpha)
    _implemented("dirichlet", alpha.dtype, _TWO_FLOATS)
    gammas = _gammas(alpha, generator or default_generator)
    shares = narrow(gammas / gammas.sum(-1, keepdims=True), alpha.dtype)
    below_one = alpha.dtype.type(1.0 - 2.0 ** -_DIGITS[alpha.dtype.name])
    return np.clip(shares, np.finfo(alpha.dtype).tiny, below_one)


def binomial(count, prob, generator=None):
    """Binomial numbers, count and prob being arrays of one shape and one floating dtype."""
    count, prob = np.asarray(count), np.asarray(prob)
    for name, array in (("count", count), ("prob", prob)):
        _require(
            array.dtype.name in _DIGITS,
            f"binomial only supports floating-point dtypes for {name}, got: "
            f"{SCALAR_NAMES.get(array.dtype.name)}",
            ValueError,
        )
    _require(count.dtype == prob.dtype, "Found dtype mismatch between count and prob")
    _implemented("binomial_cpu", count.dtype, _TWO_FLOATS)
    with Doubles(generator or default_generator, 2 * count.size) as draw:
        pairs = zip(
            count.astype(_F64).ravel().tolist(), prob.astype(_F64).ravel().tolist(), strict=True
        )
        values = [rejection.binomial(n, p, draw) for n, p in pairs]
    return narrow(np.array(values, _F64), count.dtype).reshape(count.shape)


# --- multinomial ---


def multinomial(weights, num_samples, replacement=False, generator=None):
    """Indices in proportion to weights: (K,) -> (num_samples,), (N, K) -> (N, num_samples)."""
    generator = generator or default_generator
    weights = np.asarray(weights)
    _check_multinomial(weights, num_samples, replacement)
    rows = weights.reshape(-1, weights.shape[-1])
    if replacement and num_samples > 1:
        chosen = _with_replacement(rows, num_samples, generator)
    else:
        chosen = _without_replacement(rows, num_samples, generator)
    return chosen.reshape(*weights.shape[:-1], num_samples)


def _check_multinomial(weights, num_samples, replacement):
    _require(
        weights.dtype.name in _DIGITS,
        "multinomial only supports floating-point dtypes for input, got: "
        f"{SCALAR_NAMES.get(weights.dtype.name)}",
    )
    _require(0 < weights.ndim <= 2, "prob_dist must be 1 or 2 dim")
    _require(num_samples > 0, "cannot sample n_sample <= 0 samples")
    _require(
        replacement or num_samples <= weights.shape[-1],
        "cannot sample n_sample > prob_dist.size(-1) samples without replacement",
    )


def _without_replacement(rows, num_samples, generator):
    """The exponential race: the smallest of exponential / weight wins. One draw per weight."""
    wide = rows.astype(_F64)
    _require(
        bool(np.all(np.isfinite(wide) & (wide >= 0))),
        "probability tensor contains either `inf`, `nan` or element < 0",
    )
    _require(
        bool(np.all(wide.sum(-1) > 0)),
        "invalid multinomial distribution (sum of probabilities <= 0)",
    )
    race = exponential(rows.shape, 1.0, rows.dtype, generator)
    with np.errstate(divide="ignore", invalid="ignore"):
        speed = (rows.astype(_wide(rows)) / race.astype(_wide(rows))).astype(rows.dtype)
    if num_samples == 1:
        return np.argmax(speed, -1)[:, None].astype(np.int64)
    return np.argsort(-speed, axis=-1, kind="stable")[:, :num_samples].astype(np.int64)


def _wide(array):
    return _F64 if array.dtype == _F64 else _F32


def _with_replacement(rows, num_samples, generator):
    chosen = np.empty((len(rows), num_samples), np.int64)
    for row, out in zip(rows, chosen, strict=True):
        _require(
            bool(np.all(row >= 0)),
            "invalid multinomial distribution (encountering probability entry < 0)",
        )
        _require(
            bool(np.all(np.isfinite(row.astype(_F64)))),
            "invalid multinomial distribution (encountering probability entry = infinity or NaN)",
        )
        heights = np.cumsum(row.astype(_wide(row)))
        total = heights[-1]
        _require(bool(total > 0), "invalid multinomial distribution (sum of probabilities <= 0)")
        heights /= total
        heights[-1] = 1.0
        draws = doubles(generator.words(2 * num_samples))
        out[:] = np.searchsorted(heights.astype(_F64), draws, side="left")
    return chosen
