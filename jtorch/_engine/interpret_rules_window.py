"""NumPy rules of windowed reductions (pooling) and of reductions by a general function."""

from __future__ import annotations

from collections.abc import Callable
from itertools import product
from math import prod

import numpy as np

from .interpret_registry import Unsupported, is_half, rule, through_float32
from .interpret_rules_dot import windows
from .interpret_rules_reduce import extreme
from .interpret_rules_shape import place

# Up to this many elements per window, one strided pass per element beats reducing a window view.
_PASSES = 64

_MONOIDS = {
    "add": np.add,
    "add_any": np.add,
    "mul": np.multiply,
    "max": np.maximum,
    "min": np.minimum,
    "and": np.bitwise_and,
    "or": np.bitwise_or,
    "xor": np.bitwise_xor,
}


class _Frame:
    """An array padded and dilated for windowing, and the slices that windows take from it."""

    def __init__(self, shape, out_shape, p):
        self.shape = shape
        self.out_shape = out_shape
        n = len(shape)
        self.kernel = tuple(int(k) for k in p["window_dimensions"])
        self.strides = tuple(int(s) for s in p["window_strides"])
        self.dilation = tuple(int(d) for d in p.get("window_dilation", (1,) * n))
        base = tuple(int(d) for d in p.get("base_dilation", (1,) * n))
        self.padded = []
        pairs = []
        for extent, step, (low, high) in zip(shape, base, p["padding"], strict=True):
            self.padded.append(((extent - 1) * step + 1 if extent else 0) + low + high)
            pairs.append(place(extent, self.padded[-1], int(low), step))
        self.source = tuple([s for s, _ in pairs])
        self.target = tuple([t for _, t in pairs])
        self.plain = all(t == slice(0, n, 1) for t, n in zip(self.target, self.padded, strict=True))

    def pad(self, a, value):
        if self.plain:
            return a
        wide = np.full(self.padded, value, a.dtype)
        wide[self.target] = a[self.source]
        return wide

    def offsets(self) -> list[tuple[slice, ...]]:
        """For each element of the window, in row-major order, where all windows find it."""
        parts = []
        for k, stride, dilation, extent in zip(
            self.kernel, self.strides, self.dilation, self.out_shape, strict=True
        ):
            span = (extent - 1) * stride + 1 if extent else 0
            parts.append([slice(i * dilation, i * dilation + span, stride) for i in range(k)])
        return list(product(*parts))


def _windowed(frame: _Frame, ufunc: np.ufunc, dtype: np.dtype) -> Callable:
    """Reduce every window of (array, padding value) with a ufunc."""
    if prod(frame.kernel) > _PASSES:
        axes = tuple(range(len(frame.shape), 2 * len(frame.shape)))

        def reduce_view(a, value):
            view = windows(frame.pad(a, value), 0, frame.kernel, frame.strides, frame.dilation)
            return ufunc.reduce(view, axes, dtype)

        return reduce_view
    first, *others = frame.offsets()

    def reduce_passes(a, value):
        a = frame.pad(a, value)
        out = a[first].copy()
        for part in others:
            ufunc(out, a[part], out=out)
        return out

    return reduce_passes


def _window_rule(ufunc: np.ufunc, identity: Callable) -> Callable:
    def reduce_window(ins, outs, p):
        dtype = ins[0].dtype
        frame = _Frame(ins[0].shape, outs[0].shape, p)
        work = np.dtype(np.float32) if is_half(dtype) else dtype
        reduce, value = _windowed(frame, ufunc, work), identity(work)
        if is_half(dtype):
            return through_float32(lambda a: reduce(a, value), dtype)
        return lambda a: reduce(a, value)

    return reduce_window


rule("reduce_window_sum")(_window_rule(np.add, lambda dtype: dtype.type(0)))
rule("reduce_window_max")(_window_rule(np.maximum, lambda dtype: extreme(dtype, False)))
rule("reduce_window_min")(_window_rule(np.minimum, lambda dtype: extreme(dtype, True)))


def _monoid(jaxpr) -> np.ufunc:
    """The ufunc that a two-argument reduction jaxpr computes."""
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    if len(inner.eqns) == 1 and len(inner.invars) == 2:
        eqn = inner.eqns[0]
        known = eqn.primitive.name in _MONOIDS and set(eqn.invars) == set(inner.invars)
        if known and inner.outvars[0] is eqn.outvars[0]:
            return _MONOIDS[eqn.primitive.name]
    raise Unsupported("reduction by a general function")


@rule("reduce")
def _reduce(ins, outs, p):
    if len(ins) != 2:
        raise Unsupported("reduction of several operands")
    ufunc, dtype = _monoid(p["jaxpr"]), ins[0].dtype
    axes = tuple(int(d) for d in p["dimensions"])
    work = np.dtype(np.float32) if is_half(dtype) else dtype

    def reduce(a, initial):
        total = ufunc.reduce(a.astype(work, copy=False), axes, work, initial=initial.astype(work))
        return (total.astype(dtype),)

    return reduce


@rule("reduce_window")
def _reduce_window(ins, outs, p):
    if len(ins) != 2:
        raise Unsupported("windowed reduction of several operands")
    ufunc, dtype = _monoid(p["jaxpr"]), ins[0].dtype
    work = np.dtype(np.float32) if is_half(dtype) else dtype
    reduce = _windowed(_Frame(ins[0].shape, outs[0].shape, p), ufunc, work)

    def reduce_window(a, initial):
        a, initial = a.astype(work, copy=False), initial.astype(work)
        return (ufunc(reduce(a, initial), initial).astype(dtype, copy=False),)

    return reduce_window


# --- selection -----------------------------------------------------------------------------------


def _chooser(frame: _Frame, better: Callable) -> Callable:
    """For each window the number of its selected element, as XLA selects.

    The first element inside the array is selected; a later one replaces it unless `better(selected,
    later)` holds. So ties keep the earlier element and a nan is always replaced.
    """
    parts = frame.offsets()
    inside = np.zeros(frame.padded, np.bool_)
    inside[frame.target] = True
    masks = [inside[part] for part in parts]

    def choose(a):
        selected = a[parts[0]].copy()
        chosen = np.zeros(selected.shape, np.int32)
        started = masks[0].copy()
        for number, (part, mask) in enumerate(zip(parts[1:], masks[1:], strict=True), 1):
            later = a[part]
            take = mask & (~started | ~better(selected, later))
            np.copyto(selected, later, where=take)
            chosen[take] = number
            started |= mask
        return chosen

    return choose


def _better(p) -> Callable:
    name = getattr(p["select_prim"], "name", "")
    if name not in ("ge", "le"):
        raise Unsupported("selection by a general function")
    return np.greater_equal if name == "ge" else np.less_equal


@rule("select_and_scatter_add")
def _select_and_scatter_add(ins, outs, p):
    dtype = outs[0].dtype
    work = np.dtype(np.float32) if is_half(dtype) else dtype
    frame = _Frame(ins[1].shape, ins[0].shape, p)
    choose, parts = _chooser(frame, _better(p)), frame.offsets()

    def scatter(source, a):
        chosen = choose(frame.pad(a.astype(work, copy=False), 0))
        source = source.astype(work, copy=False)
        out = np.zeros(frame.padded, work)
        for number, part in enumerate(parts):
            out[part] += np.where(chosen == number, source, work.type(0))
        return out[frame.target].astype(dtype, copy=False)

    return scatter


@rule("select_and_gather_add")
def _select_and_gather_add(ins, outs, p):
    if any(d != 1 for d in p["base_dilation"]):
        raise Unsupported("select_and_gather_add with base dilation")
    dtype = outs[0].dtype
    frame = _Frame(ins[1].shape, outs[0].shape, p)
    choose, parts = _chooser(frame, _better(p)), frame.offsets()

    def gather(tangents, a):
        chosen = choose(frame.pad(a, 0))
        tangents = frame.pad(tangents, 0)
        out = np.zeros(chosen.shape, dtype)
        for number, part in enumerate(parts):
            np.copyto(out, tangents[part], where=chosen == number)
        return out

    return gather
