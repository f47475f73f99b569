"""NumPy rules of reductions, cumulative operations, sorting and selection by rank."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from .interpret_registry import Unsupported, is_half, rule, through_float32
from .interpret_rules_elementwise import _total_order


def extreme(dtype: np.dtype, largest: bool):
    """The identity of a minimum (`largest`) or of a maximum over this dtype, as a scalar of it."""
    if dtype.kind == "b":
        return np.bool_(largest)
    if dtype.kind in "iu":
        info = np.iinfo(dtype)
        return dtype.type(info.max if largest else info.min)
    return dtype.type(np.inf if largest else -np.inf)


def _axes(p) -> int | tuple[int, ...]:
    axes = tuple(int(a) for a in p["axes"])
    return axes[0] if len(axes) == 1 else axes


def _is_empty(aval, p) -> bool:
    return any(aval.shape[a] == 0 for a in p["axes"])


@rule("reduce_sum")
def _reduce_sum(ins, outs, p):
    return _accumulate_reduce(np.add, ins[0].dtype, _axes(p))


@rule("reduce_prod")
def _reduce_prod(ins, outs, p):
    return _accumulate_reduce(np.multiply, ins[0].dtype, _axes(p))


def _accumulate_reduce(ufunc: np.ufunc, dtype: np.dtype, axes) -> Callable:
    reduce = ufunc.reduce
    if is_half(dtype):
        return through_float32(lambda a: reduce(a, axes), dtype)
    if dtype.kind in "iub":
        return lambda a: reduce(a, axes, dtype)
    return lambda a: reduce(a, axes)


def _extreme_rule(ufunc: np.ufunc, largest: bool) -> Callable:
    def reduce_extreme(ins, outs, p):
        dtype, axes = ins[0].dtype, _axes(p)
        reduce = ufunc.reduce
        if _is_empty(ins[0], p):
            initial = extreme(dtype, largest)
            return lambda a: reduce(a, axes, initial=initial)
        if is_half(dtype):
            return through_float32(lambda a: reduce(a, axes), dtype)
        return lambda a: reduce(a, axes)

    return reduce_extreme


rule("reduce_max")(_extreme_rule(np.maximum, False))
rule("reduce_min")(_extreme_rule(np.minimum, True))


def _bits_rule(ufunc: np.ufunc) -> Callable:
    def reduce_bits(ins, outs, p):
        axes, reduce = _axes(p), ufunc.reduce
        return lambda a: reduce(a, axes)

    return reduce_bits


rule("reduce_and")(_bits_rule(np.bitwise_and))
rule("reduce_or")(_bits_rule(np.bitwise_or))
rule("reduce_xor")(_bits_rule(np.bitwise_xor))


def _arg_rule(find: Callable) -> Callable:
    """First extreme element, or the first nan if there is one: NumPy and XLA agree."""

    def arg_extreme(ins, outs, p):
        (axis,) = p["axes"]
        axis, dtype = int(axis), outs[0].dtype
        if is_half(ins[0].dtype):
            return lambda a: find(a.astype(np.float32), axis).astype(dtype)
        return lambda a: find(a, axis).astype(dtype)

    return arg_extreme


rule("argmax")(_arg_rule(np.argmax))
rule("argmin")(_arg_rule(np.argmin))


# --- cumulative ----------------------------------------------------------------------------------


def _cumulative_rule(ufunc: np.ufunc) -> Callable:
    def cumulative(ins, outs, p):
        dtype, axis = outs[0].dtype, int(p["axis"])
        flip = (slice(None),) * axis + (slice(None, None, -1),)

        def forward(a):
            return ufunc.accumulate(a, axis, a.dtype)

        run = (lambda a: forward(a[flip])[flip]) if p["reverse"] else forward
        return through_float32(run, dtype) if is_half(dtype) else run

    return cumulative


rule("cumsum")(_cumulative_rule(np.add))
rule("cumprod")(_cumulative_rule(np.multiply))
rule("cummax")(_cumulative_rule(np.maximum))
rule("cummin")(_cumulative_rule(np.minimum))


@rule("cumlogsumexp")
def _cumlogsumexp(ins, outs, p):
    if outs[0].dtype.kind == "c":
        raise Unsupported("cumlogsumexp of complex numbers")
    return _cumulative_rule(np.logaddexp)(ins, outs, p)


# --- order ---------------------------------------------------------------------------------------


def _sort_key(a):
    """An array that NumPy orders as XLA orders `a`: nan last, -0.0 equal to 0.0."""
    return a.astype(np.float32) if is_half(a.dtype) else a


@rule("sort")
def _sort(ins, outs, p):
    axis, keys = int(p["dimension"]), int(p["num_keys"])
    if len(ins) == 1 and not is_half(ins[0].dtype):
        return lambda a: (np.sort(a, axis, kind="stable"),)

    def sort(*operands):
        if keys == 1:
            order = np.argsort(_sort_key(operands[0]), axis, kind="stable")
        else:
            order = np.lexsort([_sort_key(a) for a in reversed(operands[:keys])], axis)
        return tuple([np.take_along_axis(a, order, axis) for a in operands])

    return sort


@rule("top_k")
def _top_k(ins, outs, p):
    axis = int(p.get("axis", -1)) % len(ins[0].shape)
    k, index = int(p["k"]), outs[1].dtype
    extent = ins[0].shape[axis]
    dtype = ins[0].dtype
    # XLA ranks by the total order: nan first, 0.0 before -0.0.
    key = _total_order(dtype) if dtype.kind not in "biu" else (lambda a: a)
    flip = (slice(None),) * axis + (slice(None, None, -1),)
    first = (slice(None),) * axis + (slice(0, k),)

    def top_k(a):
        # Ascending and stable on the reversed array, then reversed: ties keep the lower index.
        order = np.argsort(key(np.ascontiguousarray(a[flip])), axis, kind="stable")
        order = extent - 1 - order[flip][first]
        return np.take_along_axis(a, order, axis), order.astype(index)

    return top_k
