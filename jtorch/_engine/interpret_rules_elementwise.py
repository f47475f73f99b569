"""NumPy rules of the elementwise primitives, with XLA's semantics where NumPy's differ."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np

from . import interpret_special as special
from .interpret_registry import Unsupported, elementwise, is_half, rule, through_float32

# Primitives that are one NumPy ufunc for every dtype JAX lets through.
_UFUNCS = {
    "abs": np.absolute,
    "acos": np.arccos,
    "acosh": np.arccosh,
    "add": np.add,
    "add_any": np.add,
    "and": np.bitwise_and,
    "asin": np.arcsin,
    "asinh": np.arcsinh,
    "atan": np.arctan,
    "atan2": np.arctan2,
    "atanh": np.arctanh,
    "cbrt": np.cbrt,
    "ceil": np.ceil,
    "conj": np.conjugate,
    "cos": np.cos,
    "cosh": np.cosh,
    "eq": np.equal,
    "exp": np.exp,
    "exp2": np.exp2,
    "expm1": np.expm1,
    "floor": np.floor,
    "ge": np.greater_equal,
    "gt": np.greater,
    "is_finite": np.isfinite,
    "le": np.less_equal,
    "log": np.log,
    "log1p": np.log1p,
    "lt": np.less,
    "max": np.maximum,
    "min": np.minimum,
    "mul": np.multiply,
    "ne": np.not_equal,
    "neg": np.negative,
    "nextafter": np.nextafter,
    "not": np.invert,
    "or": np.bitwise_or,
    "shift_left": np.left_shift,
    "sin": np.sin,
    "sinh": np.sinh,
    "sqrt": np.sqrt,
    "square": np.square,
    "sub": np.subtract,
    "tan": np.tan,
    "tanh": np.tanh,
    "xor": np.bitwise_xor,
}


def _ufunc_rule(ufunc):
    return lambda ins, outs, p: ufunc


for _name, _ufunc in _UFUNCS.items():
    elementwise(_name)(_ufunc_rule(_ufunc))


def _as_unsigned(dtype: np.dtype) -> np.dtype:
    return np.dtype(f"u{dtype.itemsize}")


def _one(dtype) -> np.ndarray:
    return np.ones((), dtype)


# --- arithmetic ----------------------------------------------------------------------------------


@elementwise("div")
def _div(ins, outs, p):
    dtype = outs[0].dtype
    if dtype.kind == "u":
        return partial(_divide_unsigned, np.iinfo(dtype).max)
    return _divide_signed if dtype.kind == "i" else np.divide


def _divide_unsigned(by_zero, a, b):
    """a // b, all bits set where b is 0."""
    quotient = np.floor_divide(a, b)
    zero = b == 0
    return np.where(zero, np.asarray(by_zero, quotient.dtype), quotient) if zero.any() else quotient


def _divide_signed(a, b):
    """a / b rounded towards zero, -1 where b is 0."""
    quotient = np.floor_divide(a, b)
    # Inexact with opposite signs: floor went one too far.
    inexact = np.multiply(quotient, b) != a
    quotient = np.add(quotient, inexact & ((a < 0) != (b < 0)), dtype=quotient.dtype)
    zero = b == 0
    return np.where(zero, np.asarray(-1, quotient.dtype), quotient) if zero.any() else quotient


@elementwise("rem")
def _rem(ins, outs, p):
    return np.fmod if outs[0].dtype.kind not in "iu" else _remainder_int


def _remainder_int(a, b):
    """The remainder with the dividend's sign, the dividend where b is 0."""
    result = np.fmod(a, b)
    zero = b == 0
    return np.where(zero, a, result) if zero.any() else result


@elementwise("sign")
def _sign(ins, outs, p):
    if outs[0].dtype.kind == "f" or is_half(outs[0].dtype):
        # np.sign drops the sign of -0.0.
        return lambda a: np.where(a == 0, a, np.sign(a))
    return np.sign


@elementwise("pow")
def _pow(ins, outs, p):
    dtype = outs[0].dtype
    if ins[1].dtype == dtype:
        return np.power
    return lambda a, b: np.power(a, b.astype(dtype))


@elementwise("one_minus_square")
def _one_minus_square(ins, outs, p):
    """1 - x**2, which JAX from 0.11 on has as a primitive of its own."""
    one = ins[0].dtype.type(1)
    return lambda a: one - a * a


@elementwise("integer_pow")
def _integer_pow(ins, outs, p):
    exponent = int(p["y"])
    if exponent == 2:
        return np.square
    if exponent == 1:
        return np.positive
    if exponent == 0:
        dtype = outs[0].dtype
        return lambda a: np.ones(np.shape(a), dtype)
    if exponent < 0:
        one = _one(outs[0].dtype)
        return lambda a: np.divide(one, _power(a, -exponent))
    return lambda a: _power(a, exponent)


def _power(a, exponent: int):
    """a ** exponent by squaring, for exponent >= 1."""
    result = None
    while True:
        if exponent & 1:
            result = a if result is None else np.multiply(result, a)
        exponent >>= 1
        if not exponent:
            return result
        a = np.multiply(a, a)


@elementwise("rsqrt")
def _rsqrt(ins, outs, p):
    one = _one(outs[0].dtype)
    if is_half(outs[0].dtype):
        one = np.ones((), np.float32)
        return through_float32(lambda a: np.divide(one, np.sqrt(a)), outs[0].dtype)

    def rsqrt(a):
        root = np.sqrt(a)
        return np.divide(one, root, root) if root.ndim else np.divide(one, root)

    return rsqrt


@elementwise("logistic")
def _logistic(ins, outs, p):
    dtype = outs[0].dtype
    if is_half(dtype):
        return through_float32(partial(_sigmoid, _one(np.float32)), dtype)
    return partial(_sigmoid, _one(dtype))


def _sigmoid(one, a):
    if not np.ndim(a):
        return np.divide(one, np.add(one, np.exp(np.negative(a))))
    out = np.negative(a)
    np.exp(out, out)
    np.add(out, one, out)
    return np.divide(one, out, out)


@elementwise("round")
def _round(ins, outs, p):
    if int(p["rounding_method"]) == 1:
        return np.rint
    return _round_away


def _round_away(a):
    """Round to nearest, halves away from zero."""
    whole = np.trunc(a)
    step = np.copysign((np.absolute(a - whole) >= 0.5).astype(whole.dtype), a)
    # An infinity minus itself is nan, and nan >= 0.5 is false: it stays an infinity.
    return whole + step


@elementwise("clamp")
def _clamp(ins, outs, p):
    minimum, maximum = np.minimum, np.maximum
    return lambda low, a, high: minimum(maximum(low, a), high)


@elementwise("select_n")
def _select_n(ins, outs, p):
    where = np.where
    if len(ins) == 2:
        return lambda which, only: np.broadcast_to(
            only, np.broadcast_shapes(np.shape(which), np.shape(only))
        ).copy()
    if ins[0].dtype == np.bool_ and len(ins) == 3:
        return lambda which, no, yes: where(which, yes, no)
    return _select_many


def _select_many(which, *cases):
    result = cases[0]
    for i, case in enumerate(cases[1:], 1):
        result = np.where(which == i, case, result)
    return result


# --- bits ----------------------------------------------------------------------------------------


@elementwise("shift_right_arithmetic")
def _shift_right_arithmetic(ins, outs, p):
    dtype = outs[0].dtype
    if dtype.kind == "i":
        return np.right_shift
    signed = np.dtype(f"i{dtype.itemsize}")  # XLA extends the top bit of unsigned numbers too
    return lambda a, b: np.right_shift(a.view(signed), b.view(signed)).view(dtype)


@elementwise("shift_right_logical")
def _shift_right_logical(ins, outs, p):
    dtype = outs[0].dtype
    if dtype.kind == "u":
        return np.right_shift
    unsigned = _as_unsigned(dtype)

    def shift(a, b):
        return np.right_shift(a.view(unsigned), b.view(unsigned)).view(dtype)

    return shift


@elementwise("population_count")
def _population_count(ins, outs, p):
    dtype, unsigned = outs[0].dtype, _as_unsigned(ins[0].dtype)
    return lambda a: np.bitwise_count(a.view(unsigned)).astype(dtype)


@elementwise("clz")
def _clz(ins, outs, p):
    dtype = outs[0].dtype
    bits, unsigned = dtype.itemsize * 8, _as_unsigned(dtype)

    def clz(a):
        rest = np.asarray(a).view(unsigned).copy()
        shift = 1
        while shift < bits:  # spread the highest set bit to all lower places
            rest |= rest >> unsigned.type(shift)
            shift *= 2
        return (bits - np.bitwise_count(rest)).astype(dtype)

    return clz


@elementwise("mulhi")
def _mulhi(ins, outs, p):
    dtype = outs[0].dtype
    if dtype.itemsize > 4:
        raise Unsupported("mulhi of 64-bit integers")
    bits = dtype.itemsize * 8
    wide = np.dtype(f"{dtype.kind}8")
    return lambda a, b: ((a.astype(wide) * b.astype(wide)) >> bits).astype(dtype)


def _total_order(dtype: np.dtype) -> Callable:
    """Map floats to integers of the same order: -nan < -inf < ... < -0.0 < 0.0 < ... < nan."""
    integer = np.dtype(f"i{dtype.itemsize}")
    places = dtype.itemsize * 8 - 1
    low_bits = integer.type(np.iinfo(integer).max)

    def key(a):
        bits = a.view(integer)
        return bits ^ ((bits >> places) & low_bits)

    return key


def _total(ufunc):
    def total_rule(ins, outs, p):
        dtype = ins[0].dtype
        if dtype.kind in "biu":
            return ufunc
        if dtype.kind == "c":
            raise Unsupported("total order of complex numbers")
        key = _total_order(dtype)
        return lambda a, b: ufunc(key(a), key(b))

    return total_rule


elementwise("eq_to")(_total(np.equal))
elementwise("le_to")(_total(np.less_equal))
elementwise("lt_to")(_total(np.less))


# --- complex -------------------------------------------------------------------------------------


@elementwise("complex")
def _complex(ins, outs, p):
    dtype = outs[0].dtype

    def join(real, imag):
        out = np.empty(np.broadcast_shapes(real.shape, imag.shape), dtype)
        out.real = real
        out.imag = imag
        return out

    return join


@elementwise("real")
def _real(ins, outs, p):
    return lambda a: a.real.copy()


@elementwise("imag")
def _imag(ins, outs, p):
    return lambda a: a.imag.copy()


# --- conversions ---------------------------------------------------------------------------------


@elementwise("convert_element_type")
def _convert(ins, outs, p):
    source, target = ins[0].dtype, outs[0].dtype
    if source.kind == "c" and target.kind not in "cb":
        part = _convert_real(source.type(0).real.dtype, target)
        return lambda a: part(a.real)
    return _convert_real(source, target)


def _convert_real(source: np.dtype, target: np.dtype) -> Callable:
    if target.kind in "iu" and (source.kind == "f" or source.kind == "V"):
        return _float_to_int(source, target)
    return lambda a: a.astype(target)


def _float_to_int(source: np.dtype, target: np.dtype) -> Callable:
    """Truncate towards zero; out of range goes to the nearest end, nan to 0."""
    info = np.iinfo(target)
    most, least, zero = (target.type(n) for n in (info.max, info.min, 0))
    widen = source.itemsize < 4
    wide = np.dtype(np.float32) if widen else source
    # Both powers of two (or -1): exact in every float type from float32 on.
    above = wide.type(2.0 ** (target.itemsize * 8 - (target.kind == "i")))
    below = wide.type(-1.0 if target.kind == "u" else info.min)
    inside = np.greater if target.kind == "u" else np.greater_equal

    def convert(a):
        if widen:
            a = a.astype(np.float32)
        good = inside(a, below) & (a < above)
        out = a.astype(target)
        if good.all():
            return out
        fixed = np.where(a >= above, most, np.where(a < 0, least, zero))
        return np.where(good, out, fixed)

    return convert


@elementwise("reduce_precision")
def _reduce_precision(ins, outs, p):
    dtype = outs[0].dtype
    bits = (p["exponent_bits"], p["mantissa_bits"])
    known = {(8, 7): "bfloat16", (5, 10): "float16", (8, 23): "float32", (11, 52): "float64"}
    if bits not in known or dtype.kind == "c":
        raise Unsupported(f"reduce_precision to {bits}")
    through = _BFLOAT16 if known[bits] == "bfloat16" else np.dtype(known[bits])
    if through.itemsize >= dtype.itemsize and through != _BFLOAT16:
        return np.positive
    return lambda a: a.astype(through).astype(dtype)


@rule("bitcast_convert_type")
def _bitcast(ins, outs, p):
    source, target, shape = ins[0].dtype, outs[0].dtype, outs[0].shape
    if source.itemsize == target.itemsize:
        return lambda a: a.view(target)
    if source.kind == "b" or target.kind == "b":
        raise Unsupported("bitcast of bool")

    def reinterpret(a):
        # frombuffer: `view` would need an axis to widen or narrow, and 0-dim arrays have none.
        return np.frombuffer(np.ascontiguousarray(a).tobytes(), target).reshape(shape)

    return reinterpret


_BFLOAT16 = special.BFLOAT16


# --- special functions ---------------------------------------------------------------------------


def _special(function):
    def special_rule(ins, outs, p):
        dtype = outs[0].dtype
        if dtype.kind == "c":
            raise Unsupported(function.__name__)
        return through_float32(function, dtype) if is_half(dtype) else function

    return special_rule


elementwise("erf")(_special(special.erf))
elementwise("erfc")(_special(special.erfc))
elementwise("erf_inv")(_special(special.erf_inv))
elementwise("lgamma")(_special(special.lgamma))
elementwise("digamma")(_special(special.digamma))
