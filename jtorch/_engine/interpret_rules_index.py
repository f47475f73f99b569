"""NumPy rules of gather and scatter, for all dimension numbers and modes.

Both address the operand in the same way: some operand axes are "advanced" (they have a start index,
or pair off with a batch axis of the indices), the others are taken whole or from 0. With the
advanced axes moved to the front, one NumPy fancy index with arrays of shape (batch..., window...)
reads or writes everything, in the layout (batch..., window of advanced axes..., other axes...).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from jax.lax import GatherScatterMode

from .interpret_registry import Unsupported, is_half, rule


class _Address:
    """The static part of a gather's or a scatter's indexing.

    `sizes` is the extent of the window along each operand axis; `window_axes` the operand axes that
    the window keeps; `window_positions` where those stand in the result (gather) or the updates
    (scatter).
    """

    def __init__(self, operand, indices, sizes, index_map, batching, window_axes, positions):
        self.shape = operand.shape
        self.batch = indices.shape[:-1]
        self.sizes = [int(n) for n in sizes]
        self.index_map = [int(d) for d in index_map]
        self.limits = np.array([self.shape[d] - self.sizes[d] for d in self.index_map], np.intp)
        batching = [(int(d), int(j)) for d, j in zip(*batching, strict=True)]
        self.advanced = sorted(self.index_map + [d for d, _ in batching])
        self.others = [d for d in range(len(self.shape)) if d not in self.advanced]
        self.order = self.advanced + self.others
        self.moved = self.order != sorted(self.order)
        # Advanced axes of which more than one element is taken get an axis of their own.
        self.wide = [d for d in self.advanced if self.sizes[d] > 1]
        self.rest = tuple([slice(0, self.sizes[d]) for d in self.others])
        self.whole_rest = all(self.sizes[d] == self.shape[d] for d in self.others)
        self.static = {}
        for d, j in batching:
            self.static[d] = self._along(self.batch[j], j)
        self.offsets = {}
        for place, d in enumerate(self.wide):
            self.offsets[d] = self._along(self.sizes[d], len(self.batch) + place)
        self._layout([int(d) for d in window_axes], [int(d) for d in positions])

    def _along(self, extent: int, axis: int) -> np.ndarray:
        shape = [1] * (len(self.batch) + len(self.wide))
        shape[axis] = extent
        return np.arange(extent, dtype=np.intp).reshape(shape)

    def _layout(self, window_axes, positions) -> None:
        """Where the axes of the canonical layout stand in the result, and its size-1 axes."""
        position = dict(zip(window_axes, positions, strict=True))
        total = len(self.batch) + len(window_axes)
        self.batch_axes = [d for d in range(total) if d not in positions]
        places = list(self.batch_axes)
        places += [position[d] for d in self.wide]
        places += [position[d] for d in self.others]
        self.places = places
        # The permutation from the canonical layout to the result's order, size-1 axes left out.
        self.to_result = tuple(int(i) for i in np.argsort(places))
        self.identity = list(self.to_result) == list(range(len(places)))

    def valid(self, starts) -> np.ndarray:
        """Which windows lie wholly inside, over the batch."""
        return ((starts >= 0) & (starts <= self.limits)).all(-1)

    def clamp(self, starts) -> np.ndarray:
        return np.minimum(np.maximum(starts, 0), self.limits)

    def index(self, starts) -> list[np.ndarray]:
        """Index arrays of the advanced axes, broadcastable to (batch..., wide...)."""
        tail = (1,) * len(self.wide)
        arrays = []
        for d in self.advanced:
            if d in self.static:
                array = self.static[d]
            else:
                start = starts[..., self.index_map.index(d)]
                array = start.reshape(start.shape + tail)
                if d in self.offsets:
                    array = array + self.offsets[d]
            arrays.append(array)
        return arrays


# --- gather --------------------------------------------------------------------------------------


@rule("gather")
def _gather(ins, outs, p):
    operand, indices = ins
    dims, mode = p["dimension_numbers"], p["mode"]
    if mode == GatherScatterMode.ONE_HOT:
        raise Unsupported("gather in one-hot mode")
    dropped = {int(d) for d in (*dims.collapsed_slice_dims, *dims.operand_batching_dims)}
    address = _Address(
        operand,
        indices,
        p["slice_sizes"],
        dims.start_index_map,
        (dims.operand_batching_dims, dims.start_indices_batching_dims),
        [d for d in range(len(operand.shape)) if d not in dropped],
        dims.offset_dims,
    )
    read = _reader(address, outs[0].shape)
    if mode != GatherScatterMode.FILL_OR_DROP:
        return lambda a, i: read(a, address.clamp(_as_index(i)))
    fill = _fill_value(operand.dtype, p["fill_value"])
    return _filling(address, read, outs[0], fill)


def _as_index(indices) -> np.ndarray:
    if indices.dtype == np.uint64:
        indices = np.minimum(indices, np.uint64(np.iinfo(np.int64).max))
    return indices.astype(np.intp, copy=False)


def _fill_value(dtype: np.dtype, value) -> np.ndarray:
    """What a gather out of bounds gives: nan, the most negative integer, or all bits set."""
    if value is None:
        if dtype.kind == "i":
            value = np.iinfo(dtype).min
        elif dtype.kind == "u":
            value = np.iinfo(dtype).max
        else:
            value = True if dtype.kind == "b" else np.nan
    return np.asarray(value).astype(dtype)


def _filling(address: _Address, read: Callable, out, fill) -> Callable:
    shape, dtype = out.shape, out.dtype
    axes = set(address.batch_axes)
    mask_shape = tuple([shape[d] if d in axes else 1 for d in range(len(shape))])
    # No position at all is in bounds: there is nothing to clamp to.
    hopeless = bool((address.limits < 0).any())

    def gather(a, indices):
        if hopeless:
            return np.full(shape, fill, dtype)
        starts = _as_index(indices)
        good = address.valid(starts)
        if good.all():
            return read(a, starts)
        return np.where(good.reshape(mask_shape), read(a, address.clamp(starts)), fill)

    return gather


def _reader(address: _Address, shape) -> Callable:
    """The function reading all windows at starts that are in bounds."""
    if not address.batch and not address.static:
        return _read_one(address, shape)
    if len(address.advanced) == 1 and not address.wide and not address.static:
        return _read_rows(address, shape)

    def read(a, starts):
        if address.moved:
            a = a.transpose(address.order)
        found = a[(*address.index(starts), *address.rest)]
        if not address.identity:
            found = found.transpose(address.to_result)
        return found.reshape(shape)

    return read


def _read_one(address: _Address, shape) -> Callable:
    """A single window is a slice."""
    sizes, index_map = address.sizes, address.index_map

    def read(a, starts):
        index = [slice(0, n) for n in sizes]
        for d, start in zip(index_map, starts.tolist(), strict=True):
            index[d] = slice(start, start + sizes[d])
        return a[tuple(index)].reshape(shape)

    return read


def _read_rows(address: _Address, shape) -> Callable:
    """Single elements along one axis (embedding look-ups): `take`."""
    axis = address.advanced[0]
    others = address.others
    rest = [slice(None)] * len(address.shape)
    for d, part in zip(others, address.rest, strict=True):
        rest[d] = part
    rest = tuple(rest)
    # `take` puts the batch in the axis' place.
    batch = len(address.batch)
    before = sum(d < axis for d in others)
    places = address.places[batch:]
    order = places[:before] + address.places[:batch] + places[before:]
    to_result = tuple(int(i) for i in np.argsort(order))
    identity = list(to_result) == list(range(len(order)))

    def read(a, starts):
        if not address.whole_rest:
            a = a[rest]
        found = a.take(starts[..., 0], axis)
        if not identity:
            found = found.transpose(to_result)
        return found.reshape(shape)

    return read


# --- scatter -------------------------------------------------------------------------------------


def _scatter_address(ins, p) -> _Address:
    operand, indices, updates = ins
    dims = p["dimension_numbers"]
    dropped = {int(d) for d in (*dims.inserted_window_dims, *dims.operand_batching_dims)}
    window_axes = [d for d in range(len(operand.shape)) if d not in dropped]
    sizes = [1] * len(operand.shape)
    for d, position in zip(window_axes, dims.update_window_dims, strict=True):
        sizes[d] = updates.shape[position]
    return _Address(
        operand,
        indices,
        sizes,
        dims.scatter_dims_to_operand_dims,
        (dims.operand_batching_dims, dims.scatter_indices_batching_dims),
        window_axes,
        dims.update_window_dims,
    )


def _scatter_rule(combine: Callable) -> Callable:
    """A scatter from `combine(work, index, updates, unique)`, which changes `work` in place."""

    def scatter(ins, outs, p):
        if not _plain_update(p.get("update_jaxpr"), combine):
            raise Unsupported("scatter with a function of its own")
        address = _scatter_address(ins, p)
        dtype, size = outs[0].dtype, ins[2].size
        if size == 0 or (address.limits < 0).any():
            return lambda a, indices, updates: a
        clip = p["mode"] == GatherScatterMode.CLIP
        unique = p["unique_indices"] or (not address.batch and not address.static)
        canonical = _canonical_updates(address, ins[2].shape)
        accumulate = np.dtype(np.float32) if is_half(dtype) and combine is not _set else dtype

        def run(a, indices, updates):
            starts = _as_index(indices)
            updates = canonical(updates).astype(accumulate, copy=False)
            out = a.astype(accumulate)
            work = out.transpose(address.order) if address.moved else out
            starts, index, updates = _in_bounds(address, starts, updates, clip)
            combine(work, (*index, *address.rest), updates, unique)
            return out.astype(dtype, copy=False)

        return run

    return scatter


def _plain_update(jaxpr, combine) -> bool:
    """Whether a scatter's update function is the one its name says (`scatter_apply` has others)."""
    if combine is not _set or jaxpr is None:
        return True
    inner = getattr(jaxpr, "jaxpr", jaxpr)
    return not inner.eqns and inner.outvars[0] is inner.invars[1]


def _canonical_updates(address: _Address, shape) -> Callable:
    """Bring updates to (batch..., wide..., others...), size-1 window axes dropped."""
    kept = [d for d in range(len(shape)) if d in address.places]
    squeezed = tuple([shape[d] for d in kept])
    order = [kept.index(d) for d in address.places]
    if squeezed == tuple(shape) and order == sorted(order):
        return lambda updates: updates
    return lambda updates: updates.reshape(squeezed).transpose(order)


def _in_bounds(address: _Address, starts, updates, clip: bool):
    """Clamp, or drop the updates whose window is not wholly inside."""
    if clip:
        starts = address.clamp(starts)
        return starts, address.index(starts), updates
    good = address.valid(starts)
    index = address.index(starts)
    if good.all():
        return starts, index, updates
    full = address.batch + tuple([address.sizes[d] for d in address.wide])
    return starts, [np.broadcast_to(i, full)[good] for i in index], updates[good]


def _set(work, index, updates, unique):
    work[index] = updates


def _add(work, index, updates, unique):
    if unique:
        work[index] += updates
        return
    _add_repeated(work, index, updates)


def _add_repeated(work, index, updates) -> None:
    """`np.add.at`, by sorting when rows are added: several times faster than element by element."""
    arrays = [i for i in index if isinstance(i, np.ndarray)]
    rest = index[len(arrays) :]
    if not arrays:
        work[index] += updates
        return
    lead = np.broadcast_shapes(*[i.shape for i in arrays])
    row = updates.shape[len(lead) :]
    if not lead or not row or updates.size < 512:
        np.add.at(work, index, updates)
        return
    flat = np.ravel_multi_index(
        [np.broadcast_to(i, lead).reshape(-1) for i in arrays], work.shape[: len(arrays)]
    )
    if not flat.size:
        return
    order = np.argsort(flat, kind="stable")
    sorted_rows = flat[order]
    first = np.flatnonzero(np.r_[True, sorted_rows[1:] != sorted_rows[:-1]])
    rows = updates.reshape((-1, *row))
    sums = np.add.reduceat(rows[order], first, 0, rows.dtype)
    where = np.unravel_index(sorted_rows[first], work.shape[: len(arrays)])
    work[(*where, *rest)] += sums


def _by_ufunc(ufunc: np.ufunc) -> Callable:
    def combine(work, index, updates, unique):
        ufunc.at(work, index, updates)

    return combine


rule("scatter")(_scatter_rule(_set))
rule("scatter-add")(_scatter_rule(_add))
rule("scatter-sub")(_scatter_rule(_by_ufunc(np.subtract)))
rule("scatter-mul")(_scatter_rule(_by_ufunc(np.multiply)))
rule("scatter-min")(_scatter_rule(_by_ufunc(np.minimum)))
rule("scatter-max")(_scatter_rule(_by_ufunc(np.maximum)))
