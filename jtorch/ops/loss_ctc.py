"""Connectionist temporal classification."""

import math

import jax.numpy as jnp
import numpy as np
from jax import lax

from .loss import numbered
from .registry import SAME, T, check, composite, from_host, host, op, ops
from .safe import cast, select, widen


def _add_logs(*terms):
    """log of the sum of exponentials; all -inf gives -inf with gradient 0."""
    top = terms[0]
    for term in terms[1:]:
        top = lax.max(top, term)
    top = lax.stop_gradient(select(top == -math.inf, 0.0, top))
    total = sum(lax.exp(term - top) for term in terms)
    zero = total == 0
    return select(zero, -math.inf, lax.log(select(zero, 1.0, total)) + top)


def _extended(targets, blank):
    """Labels (N, S) with blanks around each: (N, 2S + 1)."""
    n, s = targets.shape
    gaps = jnp.full((n, s, 1), blank, targets.dtype)
    pairs = lax.concatenate([gaps, targets[:, :, None]], 2).reshape(n, 2 * s)
    return lax.concatenate(
        [pairs, gaps[:, :1, 0] if s else jnp.full((n, 1), blank, targets.dtype)], 1
    )


def _step(alpha, at, may_skip, emit_from):
    """One frame of the forward recursion over the states (N, 2S + 1)."""
    log_p, active = at
    emit = jnp.take_along_axis(log_p, emit_from, 1, mode="clip")
    n = alpha.shape[0]
    never = jnp.full((n, 2), -math.inf, alpha.dtype)
    padded = lax.concatenate([never, alpha], 1)
    one = padded[:, 1:-1]
    two = select(may_skip, padded[:, :-2], -math.inf)
    new = _add_logs(alpha, one, two) + emit
    return select(jnp.broadcast_to(active[:, None], new.shape), new, alpha)


@op(SAME, accepts="f", variants="p", grad_name="CtcLossBackward0")
def ctc_losses(
    log_probs: T,
    targets: T,
    input_lengths: T,
    target_lengths: T,
    blank: int = 0,
    zero_infinity: bool = False,
):
    """-log p(targets) of each sequence: `log_probs` (T, N, C), `targets` (N, S), lengths (N)."""
    x = widen(log_probs)
    states = _extended(targets, blank)
    count = states.shape[1]
    before = jnp.roll(states, 2, 1)
    may_skip = (states != blank) & (states != before) & (jnp.arange(count) >= 2)
    first = jnp.take_along_axis(x[0], states, 1, mode="clip")
    alpha = select(jnp.broadcast_to(jnp.arange(count) < 2, first.shape), first, -math.inf)
    active = jnp.arange(1, x.shape[0])[:, None] < input_lengths[None, :]
    alpha, _ = lax.scan(
        lambda a, at: (_step(a, at, may_skip, states), None), alpha, (x[1:], active)
    )
    last = 2 * target_lengths[:, None]
    end = jnp.take_along_axis(alpha, last, 1, mode="clip")[:, 0]
    label = jnp.take_along_axis(alpha, lax.max(last - 1, jnp.zeros_like(last)), 1, mode="clip")[
        :, 0
    ]
    label = select(target_lengths > 0, label, -math.inf)
    loss = -_add_logs(end, label) + _softmax_term(x, input_lengths)
    if zero_infinity:
        loss = select(loss == math.inf, 0.0, loss)
    return cast(loss, log_probs.dtype)


def _softmax_term(x, input_lengths):
    """Zero, with the derivative that torch's formula has because it expects normalised input."""
    within = jnp.arange(x.shape[0])[:, None] < input_lengths[None, :]
    total = jnp.sum(select(within, jnp.sum(lax.exp(x), 2), 0.0), 0)
    return total - lax.stop_gradient(total)


def _lengths(value, batch, name):
    values = host(value) if hasattr(value, "dtype") else np.asarray(value)
    check(
        values.shape == (batch,),
        f"{name} must be of size batch_size",
    )
    return values.astype(np.int64)


def _rows_of_labels(targets, lengths, batch):
    """The labels as an (N, S) tensor, from that form or from one long vector."""
    if targets.ndim == 2:
        return targets.long()
    width = int(lengths.max(initial=0))
    starts = np.concatenate([[0], np.cumsum(lengths)[:-1]])
    table = np.minimum(starts[:, None] + np.arange(width), max(targets.numel() - 1, 0))
    if not targets.numel():
        return from_host(np.zeros((batch, width), np.int64))
    return targets.long()[from_host(table)]


def _ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity):
    check(
        log_probs.dtype.is_floating_point,
        f"\"ctc_loss_cpu\" not implemented for '{log_probs.dtype.name}'",
    )
    batched = log_probs.ndim == 3
    x = log_probs if batched else log_probs.unsqueeze(1)
    steps, batch, classes = x.shape
    check(0 <= blank < classes, "blank must be in label range")
    if not batched:
        targets = targets.reshape(-1)
        input_lengths = (
            host(input_lengths).reshape(1)
            if hasattr(input_lengths, "dtype")
            else np.reshape(input_lengths, 1)
        )
        target_lengths = (
            host(target_lengths).reshape(1)
            if hasattr(target_lengths, "dtype")
            else np.reshape(target_lengths, 1)
        )
    frames = _lengths(input_lengths, batch, "input_lengths")
    labels = _lengths(target_lengths, batch, "target_lengths")
    check((frames >= 0).all(), "Expected input_lengths to have values of at least 0")
    check((labels >= 0).all(), "Expected target_lengths to have values of at least 0")
    check(
        (frames <= steps).all(),
        f"Expected input_lengths to have value at most {steps}, but got value "
        f"{frames.max(initial=0)}",
    )
    rows = _rows_of_labels(targets, labels, batch)
    loss = ops.ctc_losses(x, rows, from_host(frames), from_host(labels), blank, zero_infinity)
    if reduction == "sum":
        return loss.sum()
    if reduction == "mean":
        divisor = np.maximum(labels, 1).astype(np.float64)
        return (loss / from_host(divisor).to(loss.dtype)).mean()
    return loss if batched else loss.squeeze(0)


@composite("F", name="ctc_loss")
def F_ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction="mean",
    zero_infinity=False,
):
    """CTC loss of log-probabilities (T, N, C) or (T, C) for `targets` (N, S) or one long vector.

    The mean divides each loss by its target's length first. Raises RuntimeError for lengths that do
    not fit.
    """
    return _ctc(log_probs, targets, input_lengths, target_lengths, blank, reduction, zero_infinity)


@composite("f")
def ctc_loss(
    log_probs,
    targets,
    input_lengths,
    target_lengths,
    blank=0,
    reduction=1,
    zero_infinity=False,
):
    """CTC loss; `reduction` 0, 1, 2 for none, mean, sum."""
    arguments = (log_probs, targets, input_lengths, target_lengths, blank)
    return _ctc(*arguments, numbered(reduction), zero_infinity)
