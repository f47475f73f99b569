"""NumPy rules of the primitives that only move data."""

from __future__ import annotations

import numpy as np

from .interpret_registry import Unsupported, rule


@rule("reshape")
def _reshape(ins, outs, p):
    shape = outs[0].shape
    if p.get("dimensions") is not None:
        order = tuple(int(d) for d in p["dimensions"])
        return lambda a: a.transpose(order).reshape(shape)
    return lambda a: a.reshape(shape)


@rule("squeeze")
def _squeeze(ins, outs, p):
    shape = outs[0].shape
    if not shape:
        return lambda a: a.reshape(())
    dropped = {int(d) for d in p["dimensions"]}
    index = tuple([0 if d in dropped else slice(None) for d in range(len(ins[0].shape))])
    return lambda a: a[index]


@rule("broadcast_in_dim")
def _broadcast_in_dim(ins, outs, p):
    # Reached only with dynamic shapes as further operands; the static form is lazy.
    raise Unsupported("broadcast_in_dim to a dynamic shape")


@rule("concatenate")
def _concatenate(ins, outs, p):
    axis, concatenate = int(p["dimension"]), np.concatenate
    return lambda *arrays: concatenate(arrays, axis)


@rule("stack")
def _stack(ins, outs, p):
    axis, stack = int(p["axis"]), np.stack
    return lambda *arrays: stack(arrays, axis)


@rule("unstack")
def _unstack(ins, outs, p):
    before = (slice(None),) * int(p["axis"])
    indices = [(*before, i, ...) for i in range(len(outs))]
    return lambda a: tuple([a[index] for index in indices])


@rule("tile")
def _tile(ins, outs, p):
    reps = tuple(int(r) for r in p["reps"])
    return lambda a: np.tile(a, reps)


@rule("split")
def _split(ins, outs, p):
    before = (slice(None),) * int(p["axis"])
    ends = np.cumsum([int(n) for n in p["sizes"]]).tolist()
    starts = [0, *ends[:-1]]
    indices = [(*before, slice(i, j)) for i, j in zip(starts, ends, strict=True)]
    return lambda a: tuple([a[index] for index in indices])


@rule("slice")
def _slice(ins, outs, p):
    starts, limits = p["start_indices"], p["limit_indices"]
    strides = p["strides"] or (1,) * len(starts)
    index = tuple(
        [slice(int(i), int(j), int(s)) for i, j, s in zip(starts, limits, strides, strict=True)]
    )
    return lambda a: a[index]


@rule("rev")
def _rev(ins, outs, p):
    flipped = {int(d) for d in p["dimensions"]}
    axes = range(len(ins[0].shape))
    index = tuple([slice(None, None, -1 if d in flipped else None) for d in axes])
    return lambda a: a[index]


@rule("iota")
def _iota(ins, outs, p):
    if ins:
        raise Unsupported("iota of a dynamic shape")
    shape, dtype, axis = outs[0].shape, outs[0].dtype, int(p["dimension"])
    column = tuple([-1 if d == axis else 1 for d in range(len(shape))])
    extent = shape[axis]

    def iota():
        counted = np.arange(extent).astype(dtype).reshape(column)
        return np.broadcast_to(counted, shape)

    return iota


@rule("empty", "empty2")
def _empty(ins, outs, p):
    shape, dtype = outs[0].shape, outs[0].dtype
    return lambda: np.zeros(shape, dtype)


def place(extent: int, out_extent: int, low: int, step: int) -> tuple[slice, slice]:
    """(source, target) slices along one axis that is padded and dilated.

    Element k goes to position low + k * step, where that lies in [0, out_extent).
    """
    first = max(0, -(low // step))
    last = min(extent, (out_extent - 1 - low) // step + 1)
    if last <= first:
        return slice(0, 0), slice(0, 0)
    start = low + first * step
    return slice(first, last), slice(start, start + (last - first - 1) * step + 1, step)


@rule("pad")
def _pad(ins, outs, p):
    shape, dtype = outs[0].shape, outs[0].dtype
    pairs = [
        place(extent, out, int(low), int(interior) + 1)
        for extent, out, (low, _, interior) in zip(
            ins[0].shape, shape, p["padding_config"], strict=True
        )
    ]
    source = tuple([s for s, _ in pairs])
    target = tuple([t for _, t in pairs])

    def pad(a, value):
        out = np.empty(shape, dtype)
        out[...] = value
        out[target] = a[source]
        return out

    return pad


@rule("dynamic_slice")
def _dynamic_slice(ins, outs, p):
    sizes = [int(n) for n in p["slice_sizes"]]
    bounds = [(size, extent - size) for size, extent in zip(sizes, ins[0].shape, strict=True)]

    def dynamic_slice(a, *starts):
        index = []
        for (size, limit), start in zip(bounds, starts, strict=True):
            start = min(max(int(start), 0), limit)
            index.append(slice(start, start + size))
        return a[tuple(index)]

    return dynamic_slice


@rule("dynamic_update_slice")
def _dynamic_update_slice(ins, outs, p):
    sizes = ins[1].shape
    bounds = [(size, extent - size) for size, extent in zip(sizes, ins[0].shape, strict=True)]

    def dynamic_update_slice(a, update, *starts):
        index = []
        for (size, limit), start in zip(bounds, starts, strict=True):
            start = min(max(int(start), 0), limit)
            index.append(slice(start, start + size))
        out = a.copy()
        out[tuple(index)] = update
        return out

    return dynamic_update_slice
