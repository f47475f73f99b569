"""Storages and views: mutable memory made of immutable values.

A `Storage` holds the current Value of a piece of memory. Tensors that alias share a storage; a view
is a chain of view
operations from the storage's base value. Reading a view replays its chain when the storage has
changed; writing through
it puts the new contents back into the base.
"""

import itertools
import sys
import weakref

import numpy as np

from .signature import PYTHON_NUMBERS
from .value import Value


class Storage:
    """Memory that tensors share.

    value: its current contents, None while NumPy shares the memory (then `alias` has them).
    layout: None when the elements lie in row-major order, else the permutation of dimensions that
    makes them so.
    """

    __slots__ = ("value", "aval", "version", "alias", "layout", "_address", "__weakref__")
    _addresses = itertools.count(1 << 20)

    def __init__(self, value, layout=None):
        self.value = value
        self.aval = value.aval
        self.version = 0
        self.alias = None
        self.layout = layout
        self._address = 0

    @property
    def address(self):
        """A number that identifies the memory, as a pointer would; aligned to 64 bytes."""
        if not self._address:
            if self.aval.numel == 0:
                return 0
            # Room for the whole storage, so that no two storages' addresses overlap.
            blocks = self.aval.nbytes // 64 + 1
            self._address = next(Storage._addresses) * 64
            Storage._addresses = itertools.count(self._address // 64 + blocks)
        return self._address

    def put(self, value):
        """Replace the contents."""
        self.version += 1
        if self.alias is not None and self.alias.alive():
            self.alias.write(value)
            return
        self.alias = None
        self.value = value

    def read(self):
        """The contents while NumPy shares the memory: a snapshot, or the memory itself once nobody
        else holds it.
        """
        alias = self.alias
        if alias.alive():
            return Value(self.aval, alias.array.copy())
        self.value = Value(self.aval, alias.array)
        self.alias = None
        return self.value


class _Owner:
    """What NumPy arrays handed out refer to as their base: when it dies, the memory is the
    storage's alone.
    """

    __slots__ = ("array", "__weakref__")

    def __init__(self, array):
        self.array = array

    @property
    def __array_interface__(self):
        return self.array.__array_interface__


class Alias:
    """NumPy memory that a storage shares; `array` has the storage's base shape.

    `force` turns a Value into an array; it comes from the layer above.
    """

    __slots__ = ("array", "_owner", "_force")

    def __init__(self, array, force, lent):
        self.array = array
        self._force = force
        self._owner = None if lent else weakref.ref(_Owner(array))

    def alive(self):
        """True while somebody besides the storage can see the memory."""
        if self._owner is not None:
            return self._owner() is not None
        return (
            self.array.base is not None
            or sys.getrefcount(self.array) > 2
            or not self.array.flags.owndata
        )

    def write(self, value):
        """Make the memory hold the value."""
        self.array[...] = np.asarray(self._force(value))

    def hand_out(self):
        """An array over the memory that keeps the alias alive while it, or a view of it, lives."""
        if self._owner is None:
            return self.array
        owner = self._owner()
        if owner is None:
            owner = _Owner(self.array)
            self._owner = weakref.ref(owner)
        if self.array.dtype.kind == "V" or self.array.size == 0:
            # Extension types (bfloat16) are not in the array interface's vocabulary.
            return self.array
        return np.asarray(owner)


def strided(array, shape, strides, offset):
    """The elements of `array`'s memory at the given element strides and offset, without a copy."""
    item = array.itemsize
    flat = (
        np.lib.stride_tricks.as_strided(array, (offset + 1,), (item,))
        if array.size
        else array.reshape(-1)
    )
    steps = tuple(s * item for s in strides)
    return np.lib.stride_tricks.as_strided(flat[offset:], shape, steps)


class Runtime:
    """View attributes of which some integers are inputs at run time, so that a loop over them stays
    one signature.

    static: the part that shapes the computation. numbers: the inputs. spec: what both say together.
    """

    __slots__ = ("static", "numbers", "spec")

    def __init__(self, static, numbers, spec):
        self.static = static
        self.numbers = numbers
        self.spec = spec


def split_runtime(attrs):
    """(static attributes, numbers, their avals) of a view's attributes."""
    if attrs.__class__ is Runtime:
        return attrs.static, attrs.numbers, (PYTHON_NUMBERS[int],) * len(attrs.numbers)
    return attrs, (), ()


class ViewOp:
    """A view operation: how it reads, how a write goes back, and what it does to strides.

    operation: the recorded operation (base) -> view. put: the operation (base, view) -> new base.
    geometry(shape, strides, offset, attrs, aval of the result) -> (strides, offset) of the result.
    """

    __slots__ = ("operation", "put", "geometry")

    def __init__(self, operation, put, geometry):
        self.operation = operation
        self.put = put
        self.geometry = geometry


class View:
    """What makes a tensor something else than the whole of a contiguous storage.

    chain: ((ViewOp, attributes), ...) from the storage's base value. base: the tensor that autograd
    sees the view as
    being of. value, seen: the contents and the storage version they belong to. base_edge: the
    base's edge then.
    """

    __slots__ = ("chain", "base", "value", "seen", "base_edge", "strides", "offset")

    def __init__(self, chain, base, value, seen, base_edge, strides, offset):
        self.chain = chain
        self.base = base
        self.value = value
        self.seen = seen
        self.base_edge = base_edge
        self.strides = strides
        self.offset = offset


def overlaps(shape, strides):
    """True when two indices may refer to one element (an expanded tensor, or unfolded windows)."""
    spans = sorted((st, s) for s, st in zip(shape, strides) if s > 1)
    reach = 0
    for stride, size in spans:
        if stride <= reach:
            return True
        reach += stride * (size - 1)
    return False


def is_dense(shape, strides):
    """True when the strides cover a block of memory without holes or overlaps."""
    expected = 1
    for stride, size in sorted((st, s) for s, st in zip(shape, strides) if s != 1):
        if stride != expected:
            return False
        expected *= size
    return True


def same_order_strides(shape, order):
    """Dense strides in which dimensions vary fastest in the given order (fastest first)."""
    strides = [0] * len(shape)
    step = 1
    for d in order:
        strides[d] = step
        step *= max(shape[d], 1)
    return tuple(strides)


# Dimensions of images and volumes, fastest first, when channels come last.
CHANNELS_LAST = {4: (1, 3, 2, 0), 5: (1, 4, 3, 2, 0)}


def is_channels_last(shape, strides):
    """torch's guess whether a tensor of images or volumes is meant to have its channels last."""
    order = CHANNELS_LAST.get(len(shape))
    if order is None or strides[1] == 0 or 0 in shape:
        return False
    least = 0
    for d in order:
        if strides[d] < least or (d == 0 and least == strides[1]):
            return False
        least = strides[d] * max(shape[d], 1)
    return True


def elementwise_strides(shape, operands):
    """torch's choice of strides for the result of an elementwise operation.

    operands: (shape, strides) of the tensor operands. Dimensions are ordered by the operands'
    strides, the first
    operand that tells two dimensions apart decides.
    """
    n = len(shape)
    padded = [_broadcast_strides(shape, s, st) for s, st in operands]
    first = padded[0]
    if all(p == first for p in padded) and is_dense(shape, first):
        dense = same_order_strides(shape, range(n - 1, -1, -1))
        # Strides of dimensions of size 1 say nothing: what is contiguous without them gets the
        # usual ones.
        return dense if all(s == 1 or a == b for s, a, b in zip(shape, first, dense)) else first
    order = list(range(n - 1, -1, -1))
    for i in range(1, n):
        at = i
        for j in range(i - 1, -1, -1):
            comparison = _faster(padded, shape, order[j], order[at])
            if comparison > 0:
                order[j], order[at] = order[at], order[j]
                at = j
            elif comparison < 0:
                break
    return same_order_strides(shape, order)


def _broadcast_strides(shape, own_shape, strides):
    pad = len(shape) - len(own_shape)
    return (0,) * pad + tuple(
        0 if own == 1 and full != 1 else st
        for own, full, st in zip(own_shape, shape[pad:], strides)
    )


def _faster(padded, shape, a, b):
    """1 when dimension `a` should vary slower than `b`, -1 when faster, 0 when nothing tells."""
    for strides in padded:
        if strides[a] == 0 or strides[b] == 0:
            continue
        if strides[a] < strides[b]:
            return -1
        if strides[a] > strides[b]:
            return 1
        if shape[a] > shape[b]:
            return 1
    return 0
