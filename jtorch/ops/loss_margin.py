"""Losses with a margin: hinge, ranking, cosine, triplet and multi-class forms."""

import jax.numpy as jnp
from jax import lax

from .._engine import dtypes
from .distance import distance
from .loss import legacy, numbered, reduced
from .promotion import check_broadcast
from .registry import DEFAULT, SAME, T, check, composite, guard, op, ops
from .safe import cast, select, widen
from .spatial import expand


def _at_least_zero(x):
    """max(x, 0) with torch's derivative of clamp_min: 1 at 0."""
    return select(x >= 0, x, 0.0)


@op(DEFAULT, accepts="f", variants="p", broadcast=False)
def hinge_embedding(input: T, target: T, margin: float = 1.0, reduction: str = "mean"):
    """x where the target is 1, max(0, margin - x) where it is -1."""
    x = widen(input)
    shape = check_broadcast((x.shape, target.shape))
    x = jnp.broadcast_to(x, shape)
    t = jnp.broadcast_to(target, shape)
    far = select(t == 1, 0.0, _at_least_zero(margin - x))
    return reduced(far + select(t == -1, 0.0, x), reduction)


@composite("F", name="hinge_embedding_loss")
def F_hinge_embedding_loss(
    input, target, margin=1.0, size_average=None, reduce=None, reduction="mean"
):
    """x for targets 1, max(0, margin - x) for targets -1."""
    reduction = legacy(reduction, size_average, reduce)
    return ops.hinge_embedding(input, target, float(margin), reduction)


@composite("f")
def hinge_embedding_loss(input, target, margin=1.0, reduction=1):
    """Hinge embedding loss; `reduction` 0, 1, 2 for none, mean, sum."""
    return ops.hinge_embedding(input, target, float(margin), numbered(reduction))


@op(DEFAULT, accepts="uif", variants="p", broadcast=False)
def margin_ranking(input1: T, input2: T, target: T, margin: float = 0.0, reduction: str = "mean"):
    """max(0, -target * (input1 - input2) + margin)."""
    check_broadcast((input1.shape, input2.shape, target.shape))
    loss = -widen(target) * (widen(input1) - widen(input2))
    if not jnp.issubdtype(loss.dtype, jnp.inexact):
        loss = loss.astype(dtypes.get_default_dtype().np)
    loss = loss + margin
    return reduced(_at_least_zero(loss), reduction)


@composite("F", name="margin_ranking_loss")
def F_margin_ranking_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """max(0, -target * (input1 - input2) + margin): target 1 wants input1 to rank higher."""
    reduction = legacy(reduction, size_average, reduce)
    check(
        input1.ndim == input2.ndim == target.ndim,
        "margin_ranking_loss : All input tensors should have same dimension but got sizes: input1: "
        f"{input1.shape}, input2: {input2.shape}, target: {target.shape} ",
    )
    return ops.margin_ranking(input1, input2, target, float(margin), reduction)


@composite("f")
def margin_ranking_loss(input1, input2, target, margin=0.0, reduction=1):
    """Margin ranking loss; `reduction` 0, 1, 2 for none, mean, sum."""
    return ops.margin_ranking(input1, input2, target, float(margin), numbered(reduction))


def _floating(*kinds):
    """The common type, the default one when that is not a floating-point type."""
    common = dtypes.result_type([dtypes.from_np(k) for k in kinds], [], [])
    return common.np if common.is_floating_point else dtypes.get_default_dtype().np


@op(SAME, accepts="buif", variants="p")
def cosine_embedding(input1: T, input2: T, target: T, margin: float = 0.0, reduction: str = "mean"):
    """1 - cos where the target is 1, max(0, cos - margin) where it is -1."""
    check(
        target.ndim in (0, 1),
        f"0D or 1D target tensor expected, multi-target not supported, got {target.ndim}D",
    )
    check(
        input1.ndim == target.ndim + 1 and input2.ndim == target.ndim + 1,
        f"{target.ndim}D target tensor expects {target.ndim + 1}D input tensors, but found inputs "
        f"with sizes {list(input1.shape)} and {list(input2.shape)}.",
    )
    kind = _floating(input1.dtype, input2.dtype)
    a = widen(cast(input1, kind))
    b = widen(cast(input2, kind))
    product = jnp.sum(a * b, -1)
    norms = (jnp.sum(a * a, -1) + 1e-12) * (jnp.sum(b * b, -1) + 1e-12)
    cos = product / lax.sqrt(norms)
    target = cast(target, jnp.int64) if target.dtype == jnp.bool_ else target
    near = select(target == 1, 1 - cos, 0.0)
    far = select(target == -1, _at_least_zero(cos - margin), 0.0)
    return cast(reduced(near + far, reduction), kind)


@composite("F", name="cosine_embedding_loss")
def F_cosine_embedding_loss(
    input1, input2, target, margin=0, size_average=None, reduce=None, reduction="mean"
):
    """1 - cos for targets 1, max(0, cos - margin) for targets -1. Inputs (N, D) or (D)."""
    reduction = legacy(reduction, size_average, reduce)
    return ops.cosine_embedding(input1, input2, target, float(margin), reduction)


@composite("f")
def cosine_embedding_loss(input1, input2, target, margin=0.0, reduction=1):
    """Cosine embedding loss; `reduction` 0, 1, 2 for none, mean, sum."""
    return ops.cosine_embedding(input1, input2, target, float(margin), numbered(reduction))


@op(DEFAULT, accepts="uifc", variants="p", broadcast=False)
def triplet_margin(
    anchor: T,
    positive: T,
    negative: T,
    margin: float = 1.0,
    p: float = 2.0,
    eps: float = 1e-6,
    swap: bool = False,
    reduction: str = "mean",
):
    """max(0, |anchor - positive| - |anchor - negative| + margin) with p-norms over the last dim."""
    check_broadcast((anchor.shape, positive.shape, negative.shape))
    near = distance(anchor, positive, p, eps)
    far = distance(anchor, negative, p, eps)
    if swap:
        other = distance(positive, negative, p, eps)
        far = lax.min(far, other)
    return reduced(_at_least_zero(near - far + margin), reduction)


@composite("F", name="triplet_margin_loss")
def F_triplet_margin_loss(
    anchor,
    positive,
    negative,
    margin=1.0,
    p=2,
    eps=1e-6,
    swap=False,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """max(0, d(anchor, positive) - d(anchor, negative) + margin), d the p-norm distance.

    With `swap` the nearer of anchor and positive counts for the negative.
    """
    reduction = legacy(reduction, size_average, reduce)
    return _triplet(anchor, positive, negative, margin, p, eps, swap, reduction)


def _triplet(anchor, positive, negative, margin, p, eps, swap, reduction):
    check(
        anchor.ndim == positive.ndim == negative.ndim,
        "The anchor, positive, and negative tensors are expected to have the same number of "
        f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
        f"{negative.ndim}D inputs",
    )
    check(margin > 0, f"margin must be greater than 0, got {margin}", ValueError)
    settings = (float(margin), float(p), eps, swap, reduction)
    return ops.triplet_margin(anchor, positive, negative, *settings)


@composite("f")
def triplet_margin_loss(
    anchor, positive, negative, margin=1.0, p=2.0, eps=1e-6, swap=False, reduction=1
):
    """Triplet margin loss; `reduction` 0, 1, 2 for none, mean, sum."""
    return _triplet(anchor, positive, negative, margin, p, eps, swap, numbered(reduction))


@composite("F")
def triplet_margin_with_distance_loss(
    anchor,
    positive,
    negative,
    *,
    distance_function=None,
    margin=1.0,
    swap=False,
    reduction="mean",
):
    """Triplet loss with a distance of one's own, by default `pairwise_distance`.

    Raises ValueError for a reduction that is not known or a margin that is not positive.
    """
    check(
        reduction in ("mean", "sum", "none"),
        f"{reduction} is not a valid value for reduction",
        ValueError,
    )
    check(margin > 0, f"margin must be greater than 0, got {margin}", ValueError)
    distance = distance_function or ops.pairwise_distance
    check(
        anchor.ndim == positive.ndim == negative.ndim,
        "The anchor, positive, and negative tensors are expected to have the same number of "
        f"dimensions, but got: anchor {anchor.ndim}D, positive {positive.ndim}D, and negative "
        f"{negative.ndim}D inputs",
    )
    near = distance(anchor, positive)
    far = distance(anchor, negative)
    if swap:
        far = ops.minimum(far, distance(positive, negative))
    loss = ops.clamp_min(margin + near - far, 0)
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


# --- multi-class forms ----------------------------------------------------------------


def _rows(input):
    """The input with a batch dimension."""
    check(
        input.ndim <= 2 and 0 not in input.shape[-1:],
        "Expected non-empty vector or matrix with optional 0-dim batch size, but got: "
        f"{list(input.shape)}",
    )
    return input if input.ndim == 2 else lax.reshape(input, (1, input.size))


@op(SAME, accepts="f", variants="p", grad_name="MultiMarginLossBackward0")
def multi_margin(
    input: T,
    target: T,
    weight: T | None,
    p: int = 1,
    margin: float = 1.0,
    reduction: str = "mean",
):
    """Mean over the wrong classes of max(0, margin - x[target] + x[class])^p, weighted."""
    x = _rows(widen(input))
    check(
        target.size == x.shape[0] and target.ndim <= 1,
        "multi_margin_loss: target tensor should be 1-D with size equal to the number of input "
        f"samples (batch size). Expected target size [{x.shape[0]}], but got "
        f"{list(target.shape)}. Input has shape {list(input.shape)}.",
    )
    count = x.shape[1]
    check(
        weight is None or weight.shape == (count,),
        lambda: f"inconsistent weight size, expected {count} but got {list(weight.shape)}",
    )
    t = lax.reshape(cast(target, jnp.int64), (x.shape[0],))
    guard(jnp.any((t < 0) | (t >= count)), RuntimeError, "target out of range")
    own = lax.broadcasted_iota(jnp.int64, x.shape, 1) == expand(t, 2, 0)
    right = jnp.sum(select(own, x, 0.0), 1, keepdims=True)
    gap = margin - right + x
    terms = select((gap > 0) & ~own, gap, 0.0)
    terms = terms if p == 1 else terms * terms
    if weight is not None:
        terms = terms * expand(jnp.take(widen(weight), t, mode="clip"), 2, 0)
    loss = jnp.sum(terms, 1) / count
    loss = loss[0] if input.ndim == 1 and target.ndim == 0 else loss
    return cast(reduced(loss, reduction), input.dtype)


@composite("F")
def multi_margin_loss(
    input,
    target,
    p=1,
    margin=1.0,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
):
    """Multi-class margin loss of scores (N, C) or (C) against class indices (N) or ().

    Raises ValueError unless p is 1 or 2 and `weight` a vector.
    """
    reduction = legacy(reduction, size_average, reduce)
    check(p in (1, 2), "only p == 1 and p == 2 supported", ValueError)
    check(weight is None or weight.ndim == 1, "weight must be one-dimensional", ValueError)
    return ops.multi_margin(input, target, weight, int(p), float(margin), reduction)


@op(SAME, accepts="f", variants="p", grad_name="MultilabelMarginLossBackward0")
def multilabel_margin(input: T, target: T, reduction: str = "mean"):
    """Sum over label and non-label pairs of max(0, 1 - x[label] + x[other]) / C."""
    check(
        target.shape == input.shape,
        f"inconsistent target size: {list(target.shape)} for input of size: {list(input.shape)}",
    )
    x = _rows(widen(input))
    t = lax.reshape(cast(target, jnp.int64), x.shape)
    count = x.shape[1]
    guard(jnp.any((t < -1) | (t >= count)), RuntimeError, "target out of range")
    # The labels of a row end at its first negative entry.
    used = jnp.cumsum(cast(t < 0, jnp.int32), 1) == 0
    pairs = (x.shape[0], count, count)
    classes = lax.broadcasted_iota(jnp.int64, pairs, 2)
    hit = (classes == lax.expand_dims(t, (2,))) & jnp.broadcast_to(used[:, :, None], pairs)
    is_label = jnp.broadcast_to(jnp.any(hit, 1)[:, None, :], pairs)
    spread = jnp.broadcast_to(x[:, None, :], pairs)
    label = jnp.sum(select(hit, spread, 0.0), 2, keepdims=True)
    gap = 1 - label + spread
    counted = jnp.broadcast_to(used[:, :, None], pairs) & ~is_label & (gap > 0)
    loss = jnp.sum(select(counted, gap, 0.0), (1, 2)) / count
    loss = loss[0] if input.ndim <= 1 else loss
    return cast(reduced(loss, reduction), input.dtype)


@composite("F")
def multilabel_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """Margin loss for several labels: `target` (N, C) or (C) lists class indices, ended by -1."""
    return ops.multilabel_margin(input, target, legacy(reduction, size_average, reduce))


def _log_sigmoid(x):
    low = select(x < 0, x, -x)
    return select(x < 0, x, 0.0) - lax.log1p(lax.exp(low))


@op(DEFAULT, accepts="f", variants="p", broadcast=False)
def multilabel_soft_margin(input: T, target: T, weight: T | None, reduction: str = "mean"):
    """Mean over the classes of the binary cross entropies of logits."""
    check_broadcast((input.shape, target.shape))
    x = widen(input)
    t = widen(target)
    loss = -(t * _log_sigmoid(x) + (1 - t) * _log_sigmoid(-x))
    if weight is not None:
        loss = loss * widen(weight)
    return reduced(jnp.sum(loss, -1) / x.shape[-1], reduction)


@composite("F")
def multilabel_soft_margin_loss(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Binary cross entropy of logits (N, C), averaged over the classes."""
    reduction = legacy(reduction, size_average, reduce)
    return ops.multilabel_soft_margin(input, target, weight, reduction)


@op(DEFAULT, accepts="f", variants="p", broadcast=False)
def soft_margin(input: T, target: T, reduction: str = "mean"):
    """log(1 + exp(-target * input))."""
    check_broadcast((input.shape, target.shape))
    # As -log(sigmoid), whose derivatives stay finite for large arguments.
    return reduced(-_log_sigmoid(widen(target) * widen(input)), reduction)


@composite("F")
def soft_margin_loss(input, target, size_average=None, reduce=None, reduction="mean"):
    """log(1 + exp(-target * input)) for targets 1 and -1."""
    return ops.soft_margin(input, target, legacy(reduction, size_average, reduce))
