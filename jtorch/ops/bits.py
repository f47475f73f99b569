"""Elementwise functions of integers: bits, shifts, common divisors."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .registry import DEFAULT, SAME, TS, T, op
from .safe import select


@op(DEFAULT, accepts="bui", variants="f m i o")
def bitwise_and(input: TS, other: TS):
    """Bitwise and of integers, logical and of booleans. Shapes broadcast."""
    return input & other


@op(DEFAULT, accepts="bui", variants="f m i o")
def bitwise_or(input: TS, other: TS):
    """Bitwise or of integers, logical or of booleans. Shapes broadcast."""
    return input | other


@op(DEFAULT, accepts="bui", variants="f m i o")
def bitwise_xor(input: TS, other: TS):
    """Bitwise exclusive or of integers, logical of booleans. Shapes broadcast."""
    return input ^ other


@op(SAME, accepts="bui", variants="f m i o")
def bitwise_not(input: T):
    """Bitwise complement of integers, logical not of booleans."""
    return lax.bitwise_not(input)


def _too_far(amount, bits):
    return (amount < 0) | (amount >= bits)


@op(DEFAULT, accepts="ui", variants="f m i o")
def bitwise_left_shift(input: TS, other: TS):
    """input shifted left by other bits; 0 when other is negative or not below the width."""
    input, other = jnp.broadcast_arrays(input, other)
    bits = input.dtype.itemsize * 8
    return select(_too_far(other, bits), 0, lax.shift_left(input, other))


@op(DEFAULT, accepts="ui", variants="f m i o")
def bitwise_right_shift(input: TS, other: TS):
    """input shifted right by other bits, keeping the sign; beyond the width only the sign stays."""
    input, other = jnp.broadcast_arrays(input, other)
    bits = input.dtype.itemsize * 8
    unsigned = jnp.issubdtype(input.dtype, jnp.unsignedinteger)
    shift = lax.shift_right_logical if unsigned else lax.shift_right_arithmetic
    rest = jnp.zeros_like(input) if unsigned else shift(input, lax.full_like(input, bits - 1))
    return select(_too_far(other, bits), rest, shift(input, other))


def _magnitudes(a, b):
    a, b = jnp.broadcast_arrays(a, b)
    return (a, b) if np.issubdtype(a.dtype, np.unsignedinteger) else (lax.abs(a), lax.abs(b))


def _gcd(a, b):
    # Euclid; a pair (x, 0) is finished.
    def step(pair):
        x, y = pair
        done = y == 0
        return select(done, x, y), select(done, 0, lax.rem(x, select(done, 1, y)))

    return lax.while_loop(lambda pair: jnp.any(pair[1] != 0), step, (a, b))[0]


@op(DEFAULT, accepts="ui", variants="f m i o")
def gcd(input: T, other: T):
    """Greatest common divisor, not negative; gcd(0, 0) is 0. Shapes broadcast."""
    return _gcd(*_magnitudes(input, other))


@op(DEFAULT, accepts="ui", variants="f m i o")
def lcm(input: T, other: T):
    """Least common multiple, not negative; 0 when either is 0. Shapes broadcast."""
    a, b = _magnitudes(input, other)
    divisor = _gcd(a, b)
    return lax.div(a, select(divisor == 0, 1, divisor)) * b
