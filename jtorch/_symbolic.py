"""Symbolic numbers and assertions: shapes are always plain ints here."""

import math

from ._engine.tensor import Tensor


class SymInt:
    """A symbolic integer; jtorch makes none."""


class SymFloat:
    """A symbolic float; jtorch makes none."""


class SymBool:
    """A symbolic truth value; jtorch makes none."""


def sym_int(a):
    """The number as an int."""
    return int(a)


def sym_float(a):
    """The number as a float."""
    return float(a)


def sym_not(a):
    """The logical negation."""
    return not a


def sym_ite(b, t, f):
    """`t` if `b`, else `f`."""
    return t if b else f


def sym_sum(args):
    """The sum of numbers."""
    return sum(args)


def sym_sqrt(a):
    """The square root of a number."""
    return math.sqrt(a)


def sym_fresh_size(expr):
    """The number."""
    return int(expr)


def sym_max(a, b):
    """The greater of two numbers."""
    return max(a, b)


def sym_min(a, b):
    """The lesser of two numbers."""
    return min(a, b)


def _check_with(error_type, cond, message):
    """Raise an exception with `message()` unless the condition holds."""
    if not cond:
        raise error_type("Expected cond to be True" if message is None else message())


def _check_tensor_all(cond, message=None):
    """Raise RuntimeError with `message()` unless every element of a tensor is true."""
    _check_tensor_all_with(RuntimeError, cond, message)


def _check_tensor_all_with(error_type, cond, message=None):
    """Raise an exception with `message()` unless every element of a tensor is true."""
    if not isinstance(cond, Tensor):
        raise TypeError(f"cond must be a tensor, but got {type(cond)}")
    _check_with(error_type, bool(cond.all()), message)


def _check(cond, message=None):
    """Raise RuntimeError with `message()` unless the condition holds."""
    if not cond:
        raise RuntimeError("Expected cond to be True" if message is None else message())


def _check_is_size(i, message=None, *, max=None):
    """Raise RuntimeError unless the number can be a size."""
    _check(i >= 0, message)


def _check_value(cond, message=None):
    """Raise ValueError with `message()` unless the condition holds."""
    if not cond:
        raise ValueError("Expected cond to be True" if message is None else message())


def _check_index(cond, message=None):
    """Raise IndexError with `message()` unless the condition holds."""
    if not cond:
        raise IndexError("Expected cond to be True" if message is None else message())


def _assert(condition, message):
    """An assertion on a truth value or a one-element tensor."""
    assert bool(condition) if isinstance(condition, Tensor) else condition, message
