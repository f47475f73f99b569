"""Reductions of runs of rows, `torch.segment_reduce`."""

import jax
import jax.numpy as jnp

from .registry import SAME, T, check, composite, guard, op, ops

# The value of an empty segment, and what a reduction starts from.
_NEUTRAL = {"max": -jnp.inf, "min": jnp.inf, "sum": 0.0, "mean": 0.0, "prod": 1.0}


@op(SAME, accepts="f", variants="p", grad_name="SegmentReduceBackward0")
def segment_reduce_by(
    data: T, offsets: T, reduce: str, axis: int, unsafe: bool, initial: float | None = None
):
    """`data` (*batch, N, ...) reduced over runs that end where the next begins, `offsets`
    (*batch, S + 1): shape (*batch, S, ...).
    """
    count = offsets.shape[axis] - 1
    batch = data.shape[:axis]
    lengths = jnp.diff(offsets, axis=axis)
    if not unsafe:
        guard(jnp.any(lengths < 0), RuntimeError, "lengths contains negative value!")
        whole = jnp.any(lengths.sum(axis).astype(jnp.int64) != data.shape[axis])
        guard(whole, RuntimeError, "Expected all rows of lengths along axis to sum to data.size()")
    rows = data.reshape(-1, *data.shape[axis:])
    bounds = offsets.reshape(-1, count + 1)
    start = _NEUTRAL[reduce] if initial is None else initial
    reduced = jax.vmap(lambda x, at: _reduce(x, at, count, reduce, start))(rows, bounds)
    out = reduced.reshape(*batch, *reduced.shape[1:])
    if reduce != "mean":
        return out
    lengths = lengths.reshape(*lengths.shape, *(1,) * (data.ndim - axis - 1))
    mean = out / jnp.maximum(lengths, 1).astype(out.dtype)
    return mean if initial is not None else jnp.where(lengths == 0, jnp.nan, mean)


def _reduce(rows, bounds, count, reduce, start):
    """The reductions of one batch: (N, ...) and (S + 1,) to (S, ...)."""
    positions = jnp.arange(rows.shape[0])
    segment = jnp.searchsorted(bounds[1:], positions.astype(bounds.dtype), side="right")
    member = segment == jnp.arange(count, dtype=segment.dtype)[:, None]
    member = member.reshape(*member.shape, *(1,) * (rows.ndim - 1))
    start = jnp.asarray(start, rows.dtype)
    neutral = jnp.asarray(_NEUTRAL[reduce], rows.dtype)
    chosen = jnp.where(member, rows, neutral)
    if reduce == "max":
        return jnp.maximum(chosen.max(1, initial=-jnp.inf), start)
    if reduce == "min":
        return jnp.minimum(chosen.min(1, initial=jnp.inf), start)
    if reduce == "prod":
        return chosen.prod(1) * start
    return jax.ops.segment_sum(rows, segment, count, indices_are_sorted=True) + start


@composite("f o")
def segment_reduce(
    data, reduce, *, lengths=None, indices=None, offsets=None, axis=0, unsafe=False, initial=None
):
    """Reduce runs of `data` along `axis`, "sum", "mean", "max", "min" or "prod"; the runs are given
    by their lengths, or by where they begin and the last one ends.

    Raises RuntimeError, unless `unsafe`, when they do not cover `data`.
    """
    check(data.numel() >= 0 and data.ndim > 0, "segment_reduce(): data must have a dimension")
    check(axis >= 0 or axis == -1, "Currently only dim=0 or axis >= 0 is supported")
    check(
        lengths is not None or offsets is not None,
        "segment_reduce(): Either lengths or offsets must be defined.",
    )
    check(
        indices is None,
        "torch.segment_reduce: indices= is not supported by jtorch; use index_select before",
        NotImplementedError,
    )
    check(reduce in _NEUTRAL, f"segment_reduce(): unsupported reduction {reduce}")
    given = lengths if offsets is None else offsets
    axis = axis % given.ndim
    check(
        given.ndim <= data.ndim and axis == given.ndim - 1,
        "segment_reduce(): Expected axis to be the last dimension of lengths or offsets.",
    )
    if offsets is None:
        offsets = ops.constant_pad_nd(given.cumsum(-1), (1, 0))
    return ops.segment_reduce_by(data, offsets, reduce, axis, unsafe, initial)
