"""Recurrent networks: whole stacks of LSTM, GRU and RNN layers, and single cells."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._engine import random
from . import recurrence
from .registry import SAME, T, Ts, check, composite, from_host, host, op, ops
from .safe import cast, select, widen

_GATES = {"lstm": 4, "gru": 3, "rnn_tanh": 1, "rnn_relu": 1}

# --- layers ---------------------------------------------------------------------------


def _direction(mode, x, weights, h0, c0, mask, reverse):
    """One direction of one layer: (states, last h, last c or None)."""
    w_ih, w_hh, b_ih, b_hh, w_hr = weights
    check(
        x.shape[-1] == w_ih.shape[1],
        f"input.size(-1) must be equal to input_size. Expected {w_ih.shape[1]}, got {x.shape[-1]}",
    )
    share = lax.dot_general(x, w_ih, (((2,), (1,)), ((), ())))
    if mode == "gru":
        share = share if b_ih is None else share + b_ih
        states, h = recurrence.gru(share, w_hh, b_hh, h0, mask, reverse)
        return states, h, None
    if b_ih is not None:
        share = share + (b_ih + b_hh)
    if mode != "lstm":
        states, h = recurrence.rnn(share, w_hh, h0, mask, mode, reverse)
        return states, h, None
    if w_hr is not None:
        return recurrence.lstm_projected(share, w_hh, w_hr, h0, c0, mask, reverse)
    return recurrence.lstm(share, w_hh, h0, c0, mask, reverse)


def _grouped(weights, has_biases, projected):
    """The list of parameters as (w_ih, w_hh, b_ih, b_hh, w_hr) for each layer and direction."""
    step = (4 if has_biases else 2) + projected
    groups = []
    for at in range(0, len(weights), step):
        part = list(weights[at : at + step])
        w_hr = part.pop() if projected else None
        biases = part[2:] if has_biases else [None, None]
        groups.append((*part[:2], *biases, w_hr))
    return groups


@op(SAME, accepts="f", variants="p", grad_name="AddmmBackward0")
def recurrent_layers(
    input: T,
    hx: T,
    cx: T | None,
    mask: T | None,
    weights: Ts,
    dropouts: Ts,
    mode: str,
    num_layers: int,
    has_biases: bool,
    bidirectional: bool,
):
    """A stack of recurrent layers over `input` (T, B, F): (output, last h[, last c]).

    `hx` and `cx` are (layers * directions, B, H). `dropouts` are the scaled masks between layers.
    """
    x = widen(input)
    directions = 2 if bidirectional else 1
    groups = _grouped([widen(w) for w in weights], has_biases, _is_projected(mode, hx, cx))
    check(
        len(groups) == num_layers * directions,
        f"{mode}: expected {num_layers * directions} sets of weights, got {len(groups)}",
    )
    h_last, c_last = [], []
    for layer in range(num_layers):
        outs = []
        for d in range(directions):
            k = layer * directions + d
            c0 = None if cx is None else widen(cx[k])
            states, h, c = _direction(mode, x, groups[k], widen(hx[k]), c0, mask, d == 1)
            outs.append(states)
            h_last.append(h)
            c_last.append(c)
        x = outs[0] if directions == 1 else lax.concatenate(outs, 2)
        if dropouts and layer < num_layers - 1:
            x = x * widen(dropouts[layer])
    results = (x, jnp.stack(h_last), *([jnp.stack(c_last)] if mode == "lstm" else []))
    return tuple(cast(r, input.dtype) for r in results)


def _is_projected(mode, hx, cx):
    return mode == "lstm" and hx.shape[-1] != cx.shape[-1]


# --- packed sequences -----------------------------------------------------------------


@op(SAME, variants="p")
def unpack_steps(data: T, index: T):
    """Packed rows (total, F) laid out as (T, B, F) by their positions `index` (T, B)."""
    return jnp.take(data, index, axis=0, mode="clip")


@op(SAME, variants="p")
def pack_steps(steps: T, index: T):
    """The rows `index` (total) of (T, B, F), steps and batch counted as one: (total, F)."""
    flat = lax.reshape(steps, (steps.shape[0] * steps.shape[1], *steps.shape[2:]))
    return jnp.take(flat, index, axis=0, mode="clip")


class _Packing:
    """How the rows of a packed sequence lie in a (T, B) grid."""

    def __init__(self, batch_sizes):
        sizes = np.asarray(host(batch_sizes))
        starts = np.concatenate([[0], np.cumsum(sizes)[:-1]])
        column = np.arange(sizes[0])
        real = column < sizes[:, None]
        table = np.where(real, starts[:, None] + column, 0)
        self.batch = int(sizes[0])
        self.table = from_host(table)
        self.rows = from_host(np.flatnonzero(real))
        # Where all sequences are equally long nothing has to be masked.
        self.mask = None if real.all() else from_host(real[:, :, None])


def _dropout_masks(count, p, shape, dtype):
    """Scaled dropout masks: 0 with probability p, else 1 / (1 - p); drawn as torch draws them."""
    masks = []
    for _ in range(count):
        kept = random.dropout_mask(shape, 1 - p)
        scale = 0.0 if p == 1 else 1 / (1 - p)
        masks.append((from_host(kept).to(dtype)) * scale)
    return masks


# --- the functions --------------------------------------------------------------------


def _run(mode, input, hx, cx, settings, packing=None):
    """`settings`: (params, has_biases, num_layers, dropout, train, bidirectional, batch_first)."""
    params, has_biases, num_layers, dropout, train, bidirectional, batch_first = settings
    _check_state(
        mode, input, hx, cx, num_layers * (2 if bidirectional else 1), packing, batch_first
    )
    x = input
    if packing is not None:
        x = ops.unpack_steps(input, packing.table)
    elif batch_first:
        x = input.transpose(0, 1)
    masks = []
    if train and dropout > 0 and num_layers > 1:
        width = hx.shape[-1] * (2 if bidirectional else 1)
        rows = tuple(input.shape[:1]) if packing is not None else tuple(x.shape[:2])
        masks = _dropout_masks(num_layers - 1, dropout, (*rows, width), x.dtype)
    if masks and packing is not None:
        masks = [ops.unpack_steps(m, packing.table) for m in masks]
    mask = None if packing is None else packing.mask
    arguments = (x, hx, cx, mask, list(params), masks, mode)
    out, *last = ops.recurrent_layers(*arguments, num_layers, bool(has_biases), bool(bidirectional))
    if packing is not None:
        out = ops.pack_steps(out, packing.rows)
    elif batch_first:
        out = out.transpose(0, 1)
    return (out, *last)


def _check_state(mode, input, hx, cx, layers, packing, batch_first):
    if packing is not None:
        batch = packing.batch
    else:
        check(
            input.ndim == 3,
            f"{mode}: expected a 3-D input (time, batch, features), got {input.ndim}-D",
        )
        batch = input.shape[0 if batch_first else 1]
    for name, state in (("hidden[0]" if cx is not None else "hidden", hx), ("hidden[1]", cx)):
        if state is not None:
            expected = (layers, batch, state.shape[-1])
            check(
                tuple(state.shape) == expected,
                f"Expected {name} size {expected}, got {list(state.shape)}",
            )


def _bind(names, args, kwargs):
    """Positional and keyword arguments of a function with two overloads as one tuple."""
    given = dict(zip(names, args, strict=False), **kwargs)
    missing = [n for n in names if n not in given]
    check(not missing, f"missing required arguments: {', '.join(missing)}", TypeError)
    check(
        len(given) == len(names) and len(args) <= len(names),
        f"expected the arguments {', '.join(names)}",
        TypeError,
    )
    return tuple(given[n] for n in names)


_TAIL = ("params", "has_biases", "num_layers", "dropout", "train", "bidirectional")
_PADDED = ("input", "hx", *_TAIL, "batch_first")
_PACKED = ("data", "batch_sizes", "hx", *_TAIL)


def _dispatch(mode, args, kwargs):
    packed = "data" in kwargs or "batch_sizes" in kwargs
    if not packed and len(args) > 3:
        packed = isinstance(args[3], (tuple, list))
    if packed:
        data, batch_sizes, hx, *settings = _bind(_PACKED, args, kwargs)
        packing = _Packing(batch_sizes)
        return _run(mode, data, *_states(mode, hx), (*settings, False), packing)
    input, hx, *settings = _bind(_PADDED, args, kwargs)
    return _run(mode, input, *_states(mode, hx), tuple(settings))


def _states(mode, hx):
    if mode != "lstm":
        return hx, None
    check(len(hx) == 2, "lstm expects two hidden states")
    return tuple(hx)


@composite("f")
def lstm(*args, **kwargs):
    """A stack of LSTM layers: (output, h_n, c_n).

    lstm(input, (h0, c0), params, has_biases, num_layers, dropout, train, bidirectional,
    batch_first), or with packed data lstm(data, batch_sizes, (h0, c0), params, has_biases,
    num_layers, dropout, train, bidirectional). `input` (T, B, F), states
    (layers * directions, B, H), `params` w_ih, w_hh, b_ih, b_hh of each layer and direction.
    """
    return _dispatch("lstm", args, kwargs)


@composite("f")
def gru(*args, **kwargs):
    """A stack of GRU layers: (output, h_n). Arguments as those of `lstm`, with one state."""
    return _dispatch("gru", args, kwargs)


@composite("f")
def rnn_tanh(*args, **kwargs):
    """A stack of RNN layers with tanh: (output, h_n). Arguments as those of `gru`."""
    return _dispatch("rnn_tanh", args, kwargs)


@composite("f")
def rnn_relu(*args, **kwargs):
    """A stack of RNN layers with relu: (output, h_n). Arguments as those of `gru`."""
    return _dispatch("rnn_relu", args, kwargs)


# --- cells ----------------------------------------------------------------------------


def _check_cell(input, w_ih, w_hh, gates, *states):
    check(
        input.shape[-1] == w_ih.shape[1],
        f"input has inconsistent input_size: got {input.shape[-1]} expected {w_ih.shape[1]}",
    )
    for i, hx in enumerate(states):
        check(
            input.shape[0] == hx.shape[0],
            f"Input batch size {input.shape[0]} doesn't match hidden{i} batch size {hx.shape[0]}",
        )
        check(
            hx.shape[1] == w_hh.shape[1],
            f"hidden{i} has inconsistent hidden_size: got {hx.shape[1]}, expected {w_hh.shape[1]}",
        )
    check(
        w_ih.shape[0] == gates * w_hh.shape[1],
        f"expected weights for {gates} gates, got {w_ih.shape[0]} rows",
    )


def _affine(x, w, b):
    y = lax.dot_general(x, w, (((x.ndim - 1,), (1,)), ((), ())))
    return y if b is None else y + b


@op(SAME, accepts="f", variants="p", grad_name="MulBackward0")
def lstm_cell_step(
    input: T,
    h: T,
    c: T,
    w_ih: T,
    w_hh: T,
    b_ih: T | None = None,
    b_hh: T | None = None,
):
    """One step of an LSTM: (new h, new c)."""
    _check_cell(input, w_ih, w_hh, 4, h, c)
    z = _affine(input, w_ih, b_ih) + _affine(h, w_hh, b_hh)
    out, cell, _ = recurrence.lstm_step(z, c)
    return out, cell


@composite("f")
def lstm_cell(input, hx, w_ih, w_hh, b_ih=None, b_hh=None):
    """One step of an LSTM: (new h, new c). `input` (B, F), `hx` = (h, c), each (B, H)."""
    check(len(hx) == 2, "lstm_cell expects two hidden states")
    return ops.lstm_cell_step(input, hx[0], hx[1], w_ih, w_hh, b_ih, b_hh)


@op(SAME, accepts="f", variants="f", grad_name="AddBackward0")
def gru_cell(
    input: T,
    hx: T,
    w_ih: T,
    w_hh: T,
    b_ih: T | None = None,
    b_hh: T | None = None,
):
    """One step of a GRU: the new state. `input` (B, F), `hx` (B, H)."""
    _check_cell(input, w_ih, w_hh, 3, hx)
    return recurrence.gru_step(_affine(input, w_ih, b_ih), _affine(hx, w_hh, b_hh), hx)[0]


@op(SAME, accepts="f", variants="f", grad_name="TanhBackward0")
def rnn_tanh_cell(
    input: T,
    hx: T,
    w_ih: T,
    w_hh: T,
    b_ih: T | None = None,
    b_hh: T | None = None,
):
    """One step of an RNN with tanh: the new state. `input` (B, F), `hx` (B, H)."""
    _check_cell(input, w_ih, w_hh, 1, hx)
    return lax.tanh(_affine(input, w_ih, b_ih) + _affine(hx, w_hh, b_hh))


@op(SAME, accepts="f", variants="f", grad_name="ReluBackward0")
def rnn_relu_cell(
    input: T,
    hx: T,
    w_ih: T,
    w_hh: T,
    b_ih: T | None = None,
    b_hh: T | None = None,
):
    """One step of an RNN with relu: the new state. `input` (B, F), `hx` (B, H)."""
    _check_cell(input, w_ih, w_hh, 1, hx)
    z = _affine(input, w_ih, b_ih) + _affine(hx, w_hh, b_hh)
    return select(z > 0, z, 0.0)
