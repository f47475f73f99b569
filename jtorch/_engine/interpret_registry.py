"""Where the NumPy rules of the cold tier are registered.

A rule is called once, at compile time, as `rule(ins, outs, params)`: the avals going in and out and
the equation's parameters. It returns the function that is called with arrays at run time. Whatever
is static (axes, dtypes, permutations) is settled in the rule, so that a step costs one call.

Two tables:

* `ELEMENTWISE`: the function broadcasts its operands as NumPy does and never looks at shapes, so
  the compiler may hand it operands that are not yet broadcast to their aval's shape. It returns a
  new buffer (or a NumPy scalar when all operands are 0-dim), never a view.
* `RULES`: the function gets operands of exactly their aval's shape, and returns one array, or a
  tuple for a primitive with several results. It may return a view.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np


class Unsupported(Exception):
    """No NumPy rule covers this primitive with these parameters: XLA has to run it."""


ELEMENTWISE: dict[str, Callable] = {}
RULES: dict[str, Callable] = {}

_HALF = frozenset(("float16", "bfloat16"))


def elementwise(*names: str) -> Callable:
    """Register the decorated rule in `ELEMENTWISE` under each name."""

    def register(rule: Callable) -> Callable:
        for name in names:
            ELEMENTWISE[name] = rule
        return rule

    return register


def rule(*names: str) -> Callable:
    """Register the decorated rule in `RULES` under each name."""

    def register(function: Callable) -> Callable:
        for name in names:
            RULES[name] = function
        return function

    return register


def is_half(dtype: np.dtype) -> bool:
    """True for the 16-bit floats, whose sums and products accumulate in float32."""
    return dtype.name in _HALF


def through_float32(function: Callable, dtype: np.dtype) -> Callable:
    """`function` of one array, computed in float32 and rounded once to a 16-bit `dtype`."""

    def widened(a):
        return function(a.astype(np.float32)).astype(dtype)

    return widened
