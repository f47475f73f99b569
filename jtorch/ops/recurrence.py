"""The loops over time of LSTM, GRU and plain RNN layers, each with its own derivative.

The derivative of a loop is again a loop that is linear in the tangents. The part that comes from
the recurrent weights is one matrix product over all steps outside of it, so that the backward pass
does not add up a gradient of the weights step by step. All arrays are time first: (T, B, ...).

A `mask` (T, B, 1), or None, says which steps count for which sequence; at the others the state
stays as it is.
"""

from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from .safe import select


def _times(h, w):
    """h (..., H) times the transpose of w (G, H)."""
    return lax.dot_general(h, w, (((h.ndim - 1,), (1,)), ((), ())))


def _keep(mask, new, old):
    if mask is None:
        return new
    return lax.select(jnp.broadcast_to(mask, new.shape), new, old)


def _previous(initial, states, reverse):
    """For each step the state before it, for a loop in either direction."""
    first = lax.expand_dims(initial, (0,))
    if reverse:
        return lax.concatenate([states[1:], first], 0)
    return lax.concatenate([first, states[:-1]], 0)


def _gates(z, count):
    """`z` cut into `count` equal parts along the last dimension."""
    size = z.shape[-1] // count
    return [lax.slice_in_dim(z, k * size, (k + 1) * size, axis=z.ndim - 1) for k in range(count)]


# --- LSTM -----------------------------------------------------------------------------


def lstm_step(z, c):
    zi, zf, zg, zo = _gates(z, 4)
    i, f, g, o = lax.logistic(zi), lax.logistic(zf), lax.tanh(zg), lax.logistic(zo)
    cell = f * c + i * g
    return o * lax.tanh(cell), cell, (i, f, g, o)


def _lstm_loop(x, w, h0, c0, mask, reverse, keep):
    """States after each step; with `keep` also the gates, for the derivative."""

    def step(carry, at):
        h, c = carry
        z, m = at
        out, cell, gates = lstm_step(z + _times(h, w), c)
        out, cell = _keep(m, out, h), _keep(m, cell, c)
        return (out, cell), (out, cell, *gates) if keep else out

    return lax.scan(step, (h0, c0), (x, mask), reverse=reverse)


@partial(jax.custom_jvp, nondiff_argnums=(5,))
def lstm(x, w, h0, c0, mask, reverse):
    """`x` (T, B, 4H) holds the input's share of the gates i, f, g, o; `w` (4H, H) is recurrent.

    Returns the states h (T, B, H) after each step and the last h and c (B, H).
    """
    (h, c), states = _lstm_loop(x, w, h0, c0, mask, reverse, False)
    return states, h, c


@lstm.defjvp
def _lstm_jvp(reverse, primals, tangents):
    x, w, h0, c0, mask = primals
    dx, dw, dh0, dc0, _ = tangents
    last, (hs, cs, i, f, g, o) = _lstm_loop(x, w, h0, c0, mask, reverse, True)
    before = _previous(c0, cs, reverse)
    bent = lax.tanh(cs)
    slopes = (g * i * (1 - i), before * f * (1 - f), i * (1 - g * g), bent * o * (1 - o))
    out = o * (1 - bent * bent)
    dx = dx + _times(_previous(h0, hs, reverse), dw)

    def step(carry, at):
        h, c = carry
        z, (si, sf, sg, so), forget, so_c, m = at
        zi, zf, zg, zo = _gates(z + _times(h, w), 4)
        cell = forget * c + si * zi + sf * zf + sg * zg
        state = so * zo + so_c * cell
        state, cell = _keep(m, state, h), _keep(m, cell, c)
        return (state, cell), state

    (dh, dc), dhs = lax.scan(step, (dh0, dc0), (dx, slopes, f, out, mask), reverse=reverse)
    return (hs, *last), (dhs, dh, dc)


def lstm_projected(x, w, w_out, h0, c0, mask, reverse):
    """An LSTM whose state is projected by `w_out` (P, H): h is (B, P), `w` is (4H, P)."""

    def step(carry, at):
        h, c = carry
        z, m = at
        out, cell, _ = lstm_step(z + _times(h, w), c)
        out, cell = _keep(m, _times(out, w_out), h), _keep(m, cell, c)
        return (out, cell), out

    (h, c), states = lax.scan(step, (h0, c0), (x, mask), reverse=reverse)
    return states, h, c


# --- GRU ------------------------------------------------------------------------------


def gru_step(x, hidden, h):
    """One step from the input's and the state's shares of the gates r, z, n: (new h, gates)."""
    xr, xz, xn = _gates(x, 3)
    hr, hz, hn = _gates(hidden, 3)
    r, z = lax.logistic(xr + hr), lax.logistic(xz + hz)
    n = lax.tanh(xn + r * hn)
    return n + z * (h - n), (r, z, n, hn)


def _gru_loop(x, w, b, h0, mask, reverse, keep):
    def step(h, at):
        z, m = at
        hidden = _times(h, w)
        new, gates = gru_step(z, hidden if b is None else hidden + b, h)
        new = _keep(m, new, h)
        return new, (new, *gates) if keep else new

    return lax.scan(step, h0, (x, mask), reverse=reverse)


@partial(jax.custom_jvp, nondiff_argnums=(5,))
def gru(x, w, b, h0, mask, reverse):
    """`x` (T, B, 3H) holds the input's share of the gates r, z, n; `w` (3H, H) and `b` recurrent.

    Returns the states h (T, B, H) after each step and the last one.
    """
    h, states = _gru_loop(x, w, b, h0, mask, reverse, False)
    return states, h


@gru.defjvp
def _gru_jvp(reverse, primals, tangents):
    x, w, b, h0, mask = primals
    dx, dw, db, dh0, _ = tangents
    last, (hs, r, z, n, hn) = _gru_loop(x, w, b, h0, mask, reverse, True)
    before = _previous(h0, hs, reverse)
    sr = hn * r * (1 - r)
    sz = (before - n) * z * (1 - z)
    sn = (1 - z) * (1 - n * n)
    dp = _times(before, dw)
    dp = dp if b is None else dp + db

    def step(dh, at):
        dxt, dpt, (ar, az, an), reset, update, m = at
        xr, xz, xn = _gates(dxt, 3)
        hr, hz, hn = _gates(dpt + _times(dh, w), 3)
        new = an * (xn + reset * hn + ar * (xr + hr)) + az * (xz + hz) + update * dh
        new = _keep(m, new, dh)
        return new, new

    dh, dhs = lax.scan(step, dh0, (dx, dp, (sr, sz, sn), r, z, mask), reverse=reverse)
    return (hs, last), (dhs, dh)


# --- plain RNN ------------------------------------------------------------------------


def bend(z, mode):
    """The nonlinearity of a plain RNN."""
    return lax.tanh(z) if mode == "rnn_tanh" else select(z > 0, z, 0.0)


def _rnn_loop(x, w, h0, mask, mode, reverse):
    def step(h, at):
        z, m = at
        new = _keep(m, bend(z + _times(h, w), mode), h)
        return new, new

    return lax.scan(step, h0, (x, mask), reverse=reverse)


@partial(jax.custom_jvp, nondiff_argnums=(4, 5))
def rnn(x, w, h0, mask, mode, reverse):
    """`x` (T, B, H) holds the input's share; `w` (H, H) is recurrent.

    Returns the states h (T, B, H) after each step and the last one.
    """
    h, states = _rnn_loop(x, w, h0, mask, mode, reverse)
    return states, h


@rnn.defjvp
def _rnn_jvp(mode, reverse, primals, tangents):
    x, w, h0, mask = primals
    dx, dw, dh0, _ = tangents
    last, hs = _rnn_loop(x, w, h0, mask, mode, reverse)
    slope = 1 - hs * hs if mode == "rnn_tanh" else (hs > 0).astype(hs.dtype)
    dx = dx + _times(_previous(h0, hs, reverse), dw)

    def step(dh, at):
        z, s, m = at
        new = _keep(m, s * (z + _times(dh, w)), dh)
        return new, new

    dh, dhs = lax.scan(step, dh0, (dx, slope, mask), reverse=reverse)
    return (hs, last), (dhs, dh)
