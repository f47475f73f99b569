"""Sums, means and maxima over bags of embeddings."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .embedding import row_gradient
from .positions import read
from .registry import SAME, T, check, composite, from_host, guard, host, op, ops
from .safe import cast, select, widen
from .sparse import attach, saved

_MODES = ("sum", "mean", "max")


def _bag_of(offsets, count):
    """For each of `count` entries the number of its bag, from the places where bags start."""
    guard(jnp.any((offsets < 0) | (offsets > count)), RuntimeError, "offsets out of range")
    if offsets.shape[0]:
        guard(
            offsets[0] != 0,
            RuntimeError,
            "offsets[0] has to be 0, i.e., the first sequence starts at 0",
        )
    marks = jnp.zeros(count + 1, jnp.int64).at[offsets].add(jnp.asarray(1, jnp.int64), mode="drop")
    return jnp.cumsum(marks)[:count] - 1


@op(SAME, accepts="f", variants="p", grad_name="EmbeddingBagBackward0")
def embedding_bags(
    weight: T,
    indices: T,
    offsets: T,
    per_sample_weights: T | None = None,
    mode: str = "mean",
    padding_idx: int = -1,
    bags: int = 0,
):
    """Bags of rows of `weight` (V, D): `indices` (N), bags start at `offsets`. Shape (bags, D)."""
    count = weight.shape[0]
    index = cast(indices, jnp.int64)
    bad = jnp.any((index < 0) | (index >= count))
    guard(bad, RuntimeError, f"embedding_bag: an index is not in the valid range [0, {count})")
    rows = widen(read(weight, (index,)))
    if per_sample_weights is not None:
        rows = rows * widen(per_sample_weights)[:, None]
    bag = _bag_of(cast(offsets, jnp.int64), index.shape[0])
    used = jnp.broadcast_to((index != padding_idx)[:, None], rows.shape)
    sizes = jnp.zeros(bags, rows.dtype).at[bag].add(cast(used[:, 0], rows.dtype), mode="drop")
    if mode == "max":
        return cast(_bag_max(rows, used, bag, bags, sizes), weight.dtype)
    rows = select(used, rows, 0.0)
    total = jnp.zeros((bags, rows.shape[1]), rows.dtype).at[bag].add(rows, mode="drop")
    if mode == "mean":
        total = total / select(sizes == 0, 1.0, sizes)[:, None]
    return cast(total, weight.dtype)


def _bag_max(rows, used, bag, bags, sizes):
    """The first greatest entry of each bag and column; 0 for an empty bag."""
    low = select(used, rows, -jnp.inf)
    top = jnp.full((bags, rows.shape[1]), -jnp.inf, rows.dtype).at[bag].max(low, mode="drop")
    top = lax.stop_gradient(top)
    place = jnp.arange(rows.shape[0], dtype=jnp.int64)[:, None]
    place = select(low == read(top, (bag,)), jnp.broadcast_to(place, rows.shape), rows.shape[0])
    first = jnp.full(top.shape, rows.shape[0], jnp.int64).at[bag].min(place, mode="drop")
    picked = jnp.take_along_axis(rows, first, 0, mode="clip")
    return select(jnp.broadcast_to((sizes > 0)[:, None], picked.shape), picked, 0.0)


def _check_bag(input, weight, offsets, per_sample_weights, mode, include_last_offset):
    check(mode in _MODES, "mode has to be one of sum, mean or max", ValueError)
    check(
        per_sample_weights is None or tuple(per_sample_weights.shape) == tuple(input.shape),
        "embedding_bag: If per_sample_weights is not None, then it must have the same shape as the "
        "input",
        ValueError,
    )
    check(
        per_sample_weights is None or mode == "sum",
        "embedding_bag: per_sample_weights was not None. per_sample_weights is only supported for "
        f"mode='sum' (got mode='{mode}'). Please open a feature request on GitHub.",
        NotImplementedError,
    )
    check(
        input.ndim in (1, 2),
        f"input has to be 1D or 2D Tensor, but got Tensor of dimension {input.ndim}",
        ValueError,
    )
    if input.ndim == 2:
        check(
            offsets is None,
            "if input is 2D, then offsets has to be None, as input is treated is a mini-batch of "
            "fixed length sequences.",
            ValueError,
        )
        return
    check(offsets is not None, "offsets has to be a 1D Tensor but got None", ValueError)
    check(offsets.ndim == 1, "offsets has to be a 1D Tensor", ValueError)
    check(
        not include_last_offset or offsets.numel() > 0,
        "include_last_offset: number of offsets should be at least 1",
    )


@composite("F", name="embedding_bag")
def F_embedding_bag(
    input,
    weight,
    offsets=None,
    max_norm=None,
    norm_type=2,
    scale_grad_by_freq=False,
    mode="mean",
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """Sums, means or maxima over bags of rows of `weight` (V, D), shape (bags, D).

    `input` (B, N) is one bag per row; `input` (N) is cut into bags at `offsets`. Raises ValueError
    for arguments that do not go together, RuntimeError for a row out of range. With `sparse` the
    gradient of `weight` is a sparse COO tensor; mode "max" has none.
    """
    _check_bag(input, weight, offsets, per_sample_weights, mode, include_last_offset)
    check(
        not scale_grad_by_freq,
        "torch.nn.functional.embedding_bag: scale_grad_by_freq=True is not supported by jtorch; "
        "use embedding and a sum instead",
        NotImplementedError,
    )
    if input.ndim == 2:
        rows, width = input.shape
        offsets = ops.arange(0, rows * max(width, 1), max(width, 1), dtype=input.dtype)
        input = input.reshape(-1)
        bags = rows
        if per_sample_weights is not None:
            per_sample_weights = per_sample_weights.reshape(-1)
    else:
        bags = offsets.numel() - (1 if include_last_offset else 0)
    if max_norm is not None:
        fixed = ops.embedding_renorm(weight.detach(), input, float(max_norm), float(norm_type))
        weight.detach().copy_(fixed)
    if padding_idx is not None:
        count = weight.shape[0]
        check(-count <= padding_idx < count, "padding_idx must be within the number of embeddings")
        padding_idx = padding_idx % count
    settings = (mode, -1 if padding_idx is None else padding_idx, bags)
    if sparse:
        check(mode != "max", "max mode does not support sparse weights", ValueError)
        return _sparse_bags(weight, input, offsets, per_sample_weights, *settings)
    return ops.embedding_bags(weight, input, offsets, per_sample_weights, *settings)


def _sparse_bags(weight, indices, offsets, per_sample_weights, mode, padding_idx, bags):
    """Sums or means of bags, with a sparse gradient for `weight`."""
    settings = (mode, padding_idx, bags)
    out = ops.embedding_bags(weight.detach(), indices, offsets, per_sample_weights, *settings)
    aval = weight._aval
    given = (indices, offsets, per_sample_weights)
    indices, offsets, per_sample_weights = map(saved, given)

    def pull(g):
        bag = np.searchsorted(host(offsets), np.arange(indices.shape[0]), "right") - 1
        rows = g.index_select(0, from_host(bag, indices.device))
        if per_sample_weights is not None:
            rows = rows * per_sample_weights.unsqueeze(1)
        if mode == "mean":
            sizes = np.bincount(bag[host(indices) != padding_idx], minlength=bags)
            shares = from_host(1 / np.maximum(sizes, 1)[bag], indices.device).to(rows.dtype)
            rows = rows * shares.unsqueeze(1)
        return g, row_gradient(aval, indices, rows, padding_idx)

    return attach(out, "EmbeddingBagBackward0", (out, weight), pull, saves=given)


@composite("f")
def embedding_bag(
    weight,
    indices,
    offsets,
    scale_grad_by_freq=False,
    mode=0,
    sparse=False,
    per_sample_weights=None,
    include_last_offset=False,
    padding_idx=None,
):
    """`nn.functional.embedding_bag` in torch's older form, `mode` 0, 1, 2 for sum, mean, max.

    Returns the bags, the bag of each index, the number of indices in each bag that count, and the
    index that gave each maximum.
    """
    name = ("sum", "mean", "max")[mode]
    settings = (None, 2, scale_grad_by_freq, name, sparse, per_sample_weights, include_last_offset)
    out = ops.F_embedding_bag(indices, weight, offsets, *settings, padding_idx)
    positions = ops.arange(indices.shape[0], dtype=offsets.dtype, device=indices.device)
    bag = ops.searchsorted(offsets[1:].contiguous(), positions, right=True)
    counted = ops.ones_like(bag) if padding_idx is None else (indices != padding_idx).to(bag.dtype)
    size = bag.new_zeros(out.shape[0]).index_add(0, bag, counted)
    return out, bag, size, _greatest_index(weight, indices, bag, out) if mode == 2 else size[:0]


def _greatest_index(weight, indices, bag, out):
    """For each bag and column, the first index whose row has the maximum."""
    rows = weight.detach()[indices]
    matches = rows == out.detach()[bag]
    count = indices.shape[0]
    order = ops.arange(count, device=indices.device).unsqueeze(1)
    first = ops.where(matches, order, count)
    found = first.new_full(out.shape, count).scatter_reduce(
        0, bag.unsqueeze(1).expand_as(first), first, "amin"
    )
    known = found.clamp(max=max(count - 1, 0))
    return ops.where(found < count, indices[known], -1)
