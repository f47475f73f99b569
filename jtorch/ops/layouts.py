"""The order in memory of results that torch's libraries (LAPACK, FFT) do not leave row-major.

A rule is called with the arguments, the attributes and the shapes of the results, and gives for
each result the order of its dimensions, the fastest first, or None for row-major. Only strides come
of it: the numbers are where they are.
"""

from .._engine.storage import same_order_strides
from .._engine.tensor import set_strides


def _by_columns(n):
    return (n - 2, n - 1, *range(n - 3, -1, -1)) if n >= 2 else None


def columns(*which):
    """Results that hold matrices column by column, as LAPACK has them; `which`, counted from 0."""

    def rule(args, attrs, shapes):
        return [_by_columns(len(s)) if i in which else None for i, s in enumerate(shapes)]

    return rule


def solution(args, attrs, shapes):
    """The solution of a system, column by column; a system from the right, whose first attribute
    `left` is False, is solved by transposing.
    """
    return columns(0)(args, attrs, shapes) if attrs[0] else [None] * len(shapes)


def as_columns(t):
    """Lay out a new tensor column by column."""
    order = _by_columns(t.ndim)
    return t if order is None else set_strides(t, same_order_strides(tuple(t.shape), order))
