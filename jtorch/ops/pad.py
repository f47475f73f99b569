"""Padding of the last dimensions by a constant or by the array's own values."""

import numpy as np
from jax import lax

from .registry import SAME, S, T, check, composite, op, ops

_MODES = ("constant", "reflect", "replicate", "circular")


def _pairs(pad):
    """((low, high), ...) from the last dimension backwards."""
    return [(pad[k], pad[k + 1]) for k in range(0, len(pad), 2)]


@op(SAME, variants="f", stores="value")
def constant_pad_nd(input: T, pad, value: S = 0):
    """`input` with `pad` = (low, high of the last dimension, of the one before, ...) more entries.

    Negative numbers cut off. RuntimeError for an odd number of paddings or too many of them.
    """
    pad = pad if isinstance(pad, tuple) else (pad,)
    check(
        len(pad) % 2 == 0,
        f"Length of pad must be even but instead it equals {len(pad)}",
    )
    check(
        len(pad) // 2 <= input.ndim,
        "Length of pad should be no more than twice the number of dimensions of the input. Pad "
        f"length is {len(pad)} while the input has {input.ndim} dimensions.",
    )
    edges = [(0, 0, 0)] * input.ndim
    for back, (low, high) in enumerate(_pairs(pad), 1):
        size = input.shape[-back] + low + high
        check(
            size >= 0,
            f"The input size {input.shape[-back]}, plus negative padding {low} and {high} resulted "
            "in a negative output size, which is invalid. Check dimension "
            f"{input.ndim - back} of your input.",
        )
        edges[-back] = (low, high, 0)
    return lax.pad(input, lax.convert_element_type(value, input.dtype), edges)


def _cut(x, dim, low, high):
    """`x` without the entries that negative paddings take away."""
    if low >= 0 and high >= 0:
        return x
    return lax.slice_in_dim(x, max(-low, 0), x.shape[dim] - max(-high, 0), axis=dim)


def _part(x, dim, start, stop):
    return lax.slice_in_dim(x, start, stop, axis=dim)


def _reflected(x, dim, low, high):
    size = x.shape[dim]
    pieces = [x]
    if low > 0:
        pieces.insert(0, lax.rev(_part(x, dim, 1, low + 1), (dim,)))
    if high > 0:
        pieces.append(lax.rev(_part(x, dim, size - 1 - high, size - 1), (dim,)))
    return pieces


def _replicated(x, dim, low, high):
    def edge(at, count):
        shape = list(x.shape)
        shape[dim] = count
        line = _part(x, dim, at, at + 1)
        return lax.broadcast_in_dim(lax.squeeze(line, (dim,)), shape, _others(x.ndim, dim))

    pieces = [x]
    if low > 0:
        pieces.insert(0, edge(0, low))
    if high > 0:
        pieces.append(edge(x.shape[dim] - 1, high))
    return pieces


def _others(ndim, dim):
    return tuple(d for d in range(ndim) if d != dim)


def _wrapped(x, dim, low, high):
    size = x.shape[dim]
    pieces = [x]
    if low > 0:
        pieces.insert(0, _part(x, dim, size - low, size))
    if high > 0:
        pieces.append(_part(x, dim, 0, high))
    return pieces


_PIECES = {"reflect": _reflected, "replicate": _replicated, "circular": _wrapped}


def _check_border(mode, size, low, high, dim, shape):
    if mode == "reflect":
        check(
            low < size and high < size,
            "Argument #4: Padding size should be less than the corresponding input dimension, but "
            f"got: padding ({low}, {high}) at dimension {dim} of input {list(shape)}",
        )
    if mode == "circular":
        check(
            low <= size and high <= size,
            "Padding value causes wrapping around more than once.",
        )
        check(
            low + high + size >= 0,
            "Negative padding value is resulting in an empty dimension",
        )


@op(SAME, accepts="bfcui", variants="p")
def pad_border(input: T, pad: tuple, mode: str):
    """`input` padded by its own values: mode "reflect", "replicate" or "circular"."""
    n = len(pad) // 2
    check(
        input.ndim in (n + 1, n + 2) and n <= 3 and len(pad) % 2 == 0,
        f"Only 2D, 3D, 4D, 5D padding with non-constant padding are supported for now, got "
        f"{len(pad)} paddings for {input.ndim}D",
        NotImplementedError,
    )
    x = input
    for back, (low, high) in enumerate(_pairs(pad), 1):
        dim = x.ndim - back
        _check_border(mode, x.shape[dim], low, high, dim, input.shape)
        if mode == "circular":
            x = _cut(x, dim, low, high)
            pieces = _wrapped(x, dim, low, high)
        else:
            pieces = _PIECES[mode](x, dim, low, high)
        x = pieces[0] if len(pieces) == 1 else lax.concatenate(pieces, dim)
        x = x if mode == "circular" else _cut(x, dim, low, high)
    return x


@composite("F")
def pad(input, pad, mode="constant", value=None):
    """`input` with more entries at the ends of its last dimensions; `pad` starts with the last.

    Modes "constant" (any dimensions; negative paddings cut off), "reflect", "replicate" and
    "circular" (the last one to three of N, C, *). Raises NotImplementedError for other modes,
    RuntimeError for a `value` outside of constant mode.
    """
    pad = tuple(int(p) for p in np.ravel(pad))
    check(mode in _MODES, f"Unrecognised padding mode {mode}", NotImplementedError)
    if mode == "constant":
        return ops.constant_pad_nd(input, pad, 0 if value is None else value)
    check(
        value is None or value == 0,
        f'Padding mode "{mode}" doesn\'t take in value argument',
    )
    # Only a circular result is row-major whatever the input is.
    return ops.pad_border(input.contiguous() if mode == "circular" else input, pad, mode)
