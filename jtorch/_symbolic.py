"""Symbolic numbers and assertions: shapes are always plain ints here."""

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


sym_max, sym_min = max, min


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
