"""NumPy rules of dot products and convolutions, through BLAS."""

from __future__ import annotations

from collections.abc import Callable
from math import prod

import numpy as np

from .interpret_blas import on_one_thread
from .interpret_registry import is_half, rule
from .interpret_rules_shape import place


def product_dtype(left: np.dtype, right: np.dtype, out: np.dtype) -> np.dtype:
    """The dtype in which products of these operands are formed and summed."""
    if is_half(out) or out.name.startswith("float8"):
        return np.dtype(np.float32)
    if is_half(left) or is_half(right):
        return np.result_type(np.float32, out)
    return out


def blasable(a: np.ndarray) -> np.ndarray:
    """The array, copied if its last two axes are strided in a way that BLAS cannot take.

    NumPy falls back to its own, far slower, loops there (broadcast and reversed arrays).
    """
    item = a.itemsize
    row, column = a.strides[-2:]
    if (column == item and row >= a.shape[-1] * item) or (
        row == item and column >= a.shape[-2] * item
    ):
        return a
    return np.ascontiguousarray(a)


def cast_to(dtype: np.dtype, source: np.dtype) -> Callable:
    if dtype == source:
        return lambda a: a
    return lambda a: a.astype(dtype)


@rule("dot_general")
def _dot_general(ins, outs, p):
    (left_contract, right_contract), (left_batch, right_batch) = p["dimension_numbers"]
    left, right, out = ins[0], ins[1], outs[0]
    acc = product_dtype(left.dtype, right.dtype, out.dtype)
    left_form = _matrix_form(left, left_batch, left_contract, free_first=True)
    right_form = _matrix_form(right, right_batch, right_contract, free_first=False)
    cast_left = cast_to(acc, left.dtype)
    cast_right = cast_to(acc, right.dtype)
    shape, dtype = out.shape, out.dtype
    depth = prod([left.shape[d] for d in left_contract])
    matmul = on_one_thread(np.matmul, 2.0 * prod(shape) * depth)
    rows = _free_size(left, left_batch, left_contract)
    columns = _free_size(right, right_batch, right_contract)
    if shape[len(left_batch) :] == (rows, columns) and acc == dtype:
        # The product has the result's shape already.
        return lambda a, b: matmul(left_form(cast_left(a)), right_form(cast_right(b)))

    def dot(a, b):
        product = matmul(left_form(cast_left(a)), right_form(cast_right(b)))
        return product.reshape(shape).astype(dtype, copy=False)

    return dot


def _free_size(aval, batch, contract) -> int:
    used = {*batch, *contract}
    return prod([n for d, n in enumerate(aval.shape) if d not in used])


def _matrix_form(aval, batch, contract, free_first: bool) -> Callable:
    """Bring an operand to (batch..., free, contract), or (batch..., contract, free) for the right.

    Free axes are merged into one, contracted ones too, by views where strides allow.
    """
    batch = [int(d) for d in batch]
    contract = [int(d) for d in contract]
    used = {*batch, *contract}
    free = [d for d in range(len(aval.shape)) if d not in used]
    order = batch + free + contract if free_first else batch + contract + free
    free_size = prod([aval.shape[d] for d in free])
    contract_size = prod([aval.shape[d] for d in contract])
    tail = (free_size, contract_size) if free_first else (contract_size, free_size)
    shape = tuple([aval.shape[d] for d in batch]) + tail
    moved = order != list(range(len(order)))
    reshaped = tuple([aval.shape[d] for d in order]) != shape
    if not moved and not reshaped:
        return blasable
    if not moved:
        return lambda a: blasable(a.reshape(shape))
    if not reshaped:
        return lambda a: blasable(a.transpose(order))
    return lambda a: blasable(a.transpose(order).reshape(shape))


# --- convolution ---------------------------------------------------------------------------------


@rule("conv_general_dilated")
def _conv(ins, outs, p):
    """im2col: windows as a strided view, then one matrix product per group."""
    spec = p["dimension_numbers"]
    left, right, out = ins[0], ins[1], outs[0]
    acc = product_dtype(left.dtype, right.dtype, out.dtype)
    groups, batch_groups = p["feature_group_count"], p["batch_group_count"]
    to_left, to_right = tuple(spec.lhs_spec), tuple(spec.rhs_spec)
    batch, _features = (left.shape[d] for d in to_left[:2])
    out_features, group_features = (right.shape[d] for d in to_right[:2])
    kernel = tuple([right.shape[d] for d in to_right[2:]])
    window = _Window(left, to_left, kernel, p)
    from_out = tuple(int(i) for i in np.argsort(spec.out_spec))
    positions = tuple([out.shape[d] for d in spec.out_spec[2:]])
    n = len(kernel)
    depth = group_features * prod(kernel)
    dtype, shape = out.dtype, out.shape
    parts = max(groups, batch_groups)
    matmul = on_one_thread(np.matmul, 2.0 * prod(out.shape) * depth)
    kept = batch // batch_groups

    def conv(a, b):
        if 0 in shape or depth == 0 or 0 in a.shape:
            return np.zeros(shape, dtype)
        patches = window(a.astype(acc, copy=False).transpose(to_left))
        # (batch, features, positions..., kernel...) -> (groups, kept * positions, depth)
        if batch_groups > 1:
            patches = patches.reshape((batch_groups, kept, *patches.shape[1:]))
        else:
            patches = patches.reshape((batch, groups, group_features, *patches.shape[2:]))
            patches = np.moveaxis(patches, 1, 0)
        axes = (0, 1, *range(3, 3 + n), 2, *range(3 + n, 3 + 2 * n))
        matrix = patches.transpose(axes).reshape(parts, -1, depth)
        weights = b.astype(acc, copy=False).transpose(to_right)
        weights = weights.reshape(parts, out_features // parts, depth).transpose(0, 2, 1)
        product = matmul(matrix, weights)
        product = product.reshape((parts, kept, *positions, out_features // parts))
        product = product.transpose(1, 0, 2 + n, *range(2, 2 + n))
        product = product.reshape((kept, out_features, *positions))
        return np.ascontiguousarray(product.transpose(from_out)).astype(dtype, copy=False)

    return conv


class _Window:
    """All windows of a padded, dilated array as a view: (batch, features, positions, kernel)."""

    def __init__(self, aval, to_left, kernel, p):
        extents = [aval.shape[d] for d in to_left[2:]]
        self.kernel = kernel
        self.strides = p["window_strides"]
        self.dilation = p["rhs_dilation"]
        self.padded = []
        pairs = []
        for extent, dilation, (low, high) in zip(
            extents, p["lhs_dilation"], p["padding"], strict=True
        ):
            spread = (extent - 1) * dilation + 1 if extent else 0
            self.padded.append(spread + low + high)
            pairs.append(place(extent, self.padded[-1], int(low), dilation))
        self.source = (slice(None), slice(None), *[s for s, _ in pairs])
        self.target = (slice(None), slice(None), *[t for _, t in pairs])
        self.plain = self.padded == extents and all(d == 1 for d in p["lhs_dilation"])
        self.plain = self.plain and all(low == 0 for low, _ in p["padding"])

    def __call__(self, a):
        if not self.plain:
            wide = np.zeros((*a.shape[:2], *self.padded), a.dtype)
            wide[self.target] = a[self.source]
            a = wide
        return windows(a, 2, self.kernel, self.strides, self.dilation)


def windows(a, skip: int, kernel, strides, dilation) -> np.ndarray:
    """Read-only view (leading axes, positions..., kernel...) of the windows over the last axes."""
    positions = []
    steps = []
    for extent, k, stride, d in zip(a.shape[skip:], kernel, strides, dilation, strict=True):
        positions.append(max((extent - (k - 1) * d - 1) // stride + 1, 0))
    for byte_step, stride in zip(a.strides[skip:], strides, strict=True):
        steps.append(byte_step * stride)
    inner = [byte_step * d for byte_step, d in zip(a.strides[skip:], dilation, strict=True)]
    shape = (*a.shape[:skip], *positions, *kernel)
    byte_steps = (*a.strides[:skip], *steps, *inner)
    return np.lib.stride_tricks.as_strided(a, shape, byte_steps, writeable=False)
