"""Loss functions on class indices and probabilities, and on pairs of equal shapes."""

import math
import warnings

import jax
import jax.numpy as jnp
from jax import lax

from .activation import log_softmax_of
from .positions import guard_each
from .promotion import check_broadcast
from .registry import DEFAULT, FLOAT, SAME, TS, T, check, composite, guard, op, ops
from .safe import cast, magnitude, select, title, widen
from .spatial import expand

_REDUCTIONS = ("none", "mean", "sum")


def reduced(loss, reduction):
    """The losses of all elements, their mean or their sum."""
    check(reduction in _REDUCTIONS, f"{reduction} is not a valid value for reduction", ValueError)
    if reduction == "none":
        return loss
    return jnp.mean(loss) if reduction == "mean" else jnp.sum(loss)


def legacy(reduction, size_average, reduce):
    """The reduction meant by the arguments from before `reduction`, with torch's warning."""
    if size_average is None and reduce is None:
        return reduction
    average = True if size_average is None else size_average
    chosen = "none" if reduce is False else "mean" if average else "sum"
    warnings.warn(
        "size_average and reduce args will be deprecated, please use "
        f"reduction='{chosen}' instead.",
        stacklevel=3,
    )
    return chosen


# --- class indices --------------------------------------------------------------------


@jax.custom_jvp
def _pick(x, target):
    """x[n, target[n, ...], ...]: the entry along dimension 1. `target` lacks that dimension."""
    return lax.squeeze(jnp.take_along_axis(x, lax.expand_dims(target, (1,)), 1, mode="clip"), (1,))


@_pick.defjvp
def _pick_jvp(primals, tangents):
    # A comparison, not a gather: its transpose is elementwise, where a scatter is slow.
    x, target = primals
    hit = lax.broadcasted_iota(target.dtype, x.shape, 1) == lax.expand_dims(target, (1,))
    return _pick(x, target), jnp.sum(select(hit, tangents[0], 0.0), 1)


def _check_classes(input, target, weight):
    if input.ndim == 1:
        check(
            target.ndim <= 1 and target.size == 1,
            "0D or 1D target tensor expected, multi-target not supported",
        )
    else:
        expected = (input.shape[0], *input.shape[2:])
        check(
            input.shape[:1] == target.shape[:1],
            f"Expected input batch_size ({input.shape[0]}) to match target batch_size "
            f"({target.shape[0] if target.ndim else 0}).",
            ValueError,
        )
        check(
            target.shape == expected,
            f"Expected target size {list(expected)}, got {list(target.shape)}",
        )
    classes = input.shape[min(1, input.ndim - 1)]
    check(
        weight is None or weight.shape == (classes,),
        lambda: (
            f"weight tensor should be defined either for all {classes} classes or no classes but "
            f"got weight tensor of shape: {list(weight.shape)}"
        ),
    )
    check(
        target.dtype in (jnp.int64, jnp.uint8),
        f"expected target dtype to be Long or Byte, but got {title(target.dtype)}",
    )
    check(
        input.ndim <= 2 or target.dtype == jnp.int64,
        f"expected scalar type Long but found {title(target.dtype)}",
    )
    check(
        weight is None or weight.dtype == input.dtype,
        lambda: f"expected scalar type {title(input.dtype)} but found {title(weight.dtype)}",
    )


def _kept(target, classes, ignore_index):
    """Which targets count, and the targets with those that do not set to class 0."""
    target = cast(target, jnp.int64)
    kept = target != ignore_index
    bad = ((target < 0) | (target >= classes)) & kept
    guard_each(bad, target, IndexError, "Target {} is out of bounds.")
    return kept, select(kept, target, 0)


def _class_weights(weight, kept, safe, dtype):
    """What each target weighs: its class weight, 0 where it is ignored."""
    if weight is None:
        return cast(kept, dtype)
    rows = jnp.take(widen(weight), safe, mode="clip")
    return select(kept, rows, 0.0)


def _weighted(nll, weights, reduction):
    check(reduction in _REDUCTIONS, f"{reduction} is not a valid value for reduction", ValueError)
    # Not nll * weights: an ignored target must not turn an infinite nll into NaN.
    loss = select(weights == 0, 0.0, nll * weights)
    if reduction == "none":
        return loss
    total = jnp.sum(loss)
    return total / jnp.sum(weights) if reduction == "mean" else total


def _batched(x, target):
    """One sample without a batch dimension as a batch of one."""
    if x.ndim == 1:
        return lax.expand_dims(x, (0,)), lax.reshape(target, (1,))
    return x, target


def _unbatched(loss, input, target, reduction):
    return lax.reshape(loss, target.shape) if input.ndim == 1 and reduction == "none" else loss


@op(SAME, accepts="f", variants="p", grad_name="NllLossBackward0")
def nll_loss(
    input: T,
    target: T,
    weight: T | None,
    reduction: str = "mean",
    ignore_index: int = -100,
):
    """-input[n, target[n]] (times the class weight) for log-probabilities `input` (N, C, *)."""
    _check_classes(input, target, weight)
    x, classes = _batched(widen(input), target)
    kept, safe = _kept(classes, x.shape[1], ignore_index)
    weights = _class_weights(weight, kept, safe, x.dtype)
    loss = _weighted(-_pick(x, safe), weights, reduction)
    return cast(_unbatched(loss, input, target, reduction), input.dtype)


@composite("F", name="nll_loss")
def F_nll_loss(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
):
    """Negative log likelihood of the classes `target` (N, *) under log-probabilities (N, C, *).

    `weight` (C,) weighs the classes; the mean divides by the sum of the weights in use. Raises
    IndexError for a class out of range, ValueError for batches that differ.
    """
    reduction = legacy(reduction, size_average, reduce)
    return ops.nll_loss(input, target, weight, reduction, ignore_index)


@op(SAME, accepts="f", variants="p", grad_name="NllLossBackward0")
def cross_entropy_index(
    input: T,
    target: T,
    weight: T | None,
    reduction: str = "mean",
    ignore_index: int = -100,
    label_smoothing: float = 0.0,
):
    """Cross entropy of logits (N, C, *) against class indices (N, *)."""
    _check_classes(input, target, weight)
    x, classes = _batched(widen(input), target)
    count = x.shape[1]
    kept, safe = _kept(classes, count, ignore_index)
    weights = _class_weights(weight, kept, safe, x.dtype)
    log_p = log_softmax_of(x, 1)
    loss = _weighted(-_pick(log_p, safe), weights, reduction)
    if label_smoothing > 0:
        smooth = _smoothed(log_p, weight, kept, weights, reduction)
        loss = (1 - label_smoothing) * loss + smooth * (label_smoothing / count)
    return cast(_unbatched(loss, input, target, reduction), input.dtype)


def _smoothed(log_p, weight, kept, weights, reduction):
    """-sum of (weighted) log-probabilities over all classes, of the targets that count."""
    if weight is not None:
        log_p = log_p * expand(widen(weight), log_p.ndim, 1)
    loss = select(kept, -jnp.sum(log_p, 1), 0.0)
    if reduction == "none":
        return loss
    return jnp.sum(loss) / jnp.sum(weights) if reduction == "mean" else jnp.sum(loss)


@op(SAME, accepts="f", variants="p", grad_name="DivBackward1")
def cross_entropy_probabilities(
    input: T,
    target: T,
    weight: T | None,
    reduction: str = "mean",
    label_smoothing: float = 0.0,
):
    """Cross entropy of logits (N, C, *) against class probabilities of the same shape."""
    dim = min(1, input.ndim - 1)
    classes = input.shape[dim]
    check(
        weight is None or weight.shape == (classes,),
        "weight tensor should be defined either for all classes or no classes",
    )
    x = widen(input)
    p = cast(target, x.dtype)
    if label_smoothing > 0:
        p = p * (1 - label_smoothing) + label_smoothing / classes
    terms = log_softmax_of(x, dim) * p
    if weight is not None:
        terms = terms * expand(widen(weight), x.ndim, dim)
    check(reduction in _REDUCTIONS, f"{reduction} is not a valid value for reduction", ValueError)
    if reduction == "none":
        return cast(-jnp.sum(terms, dim), input.dtype)
    total = -jnp.sum(terms)
    rows = x.size // classes if classes else 0
    return cast(total / rows if reduction == "mean" else total, input.dtype)


@composite("F")
def cross_entropy(
    input,
    target,
    weight=None,
    size_average=None,
    ignore_index=-100,
    reduce=None,
    reduction="mean",
    label_smoothing=0.0,
):
    """Cross entropy between logits `input` (N, C, *) or (C) and `target`.

    `target` holds class indices (N, *), or probabilities in the shape of `input`. Raises IndexError
    for a class out of range (at the next look at a value), ValueError for batches that differ.
    """
    reduction = legacy(reduction, size_average, reduce)
    if not 0.0 <= label_smoothing <= 1.0:
        raise RuntimeError(f"label_smoothing must be between 0.0 and 1.0. Got: {label_smoothing}")
    if input.shape == target.shape:
        check(
            target.dtype.is_floating_point,
            "Expected floating point type for target with class probabilities, got "
            f"{title(target.dtype)}",
        )
        check(ignore_index < 0, "ignore_index is not supported for floating point target")
        return ops.cross_entropy_probabilities(input, target, weight, reduction, label_smoothing)
    return ops.cross_entropy_index(input, target, weight, reduction, ignore_index, label_smoothing)


# --- elementwise losses ---------------------------------------------------------------


def _same_size(name, input, target):
    if tuple(input.shape) != tuple(target.shape):
        warnings.warn(
            f"Using a target size ({target.shape}) that is different to the input size "
            f"({input.shape}). This will likely lead to incorrect results due to broadcasting. "
            "Please ensure they have the same size.",
            stacklevel=3,
        )


def _difference(input, target):
    check_broadcast((input.shape, target.shape))
    return widen(input) - widen(target)


@op(DEFAULT, variants="p", broadcast=False)
def mse_loss(input: T, target: T, reduction: str = "mean"):
    """(input - target)^2, reduced."""
    d = _difference(input, target)
    return reduced(d * d, reduction)


@op(DEFAULT, variants="p", grad_name="MeanBackward0", broadcast=False)
def l1_loss(input: T, target: T, reduction: str = "mean"):
    """|input - target|, reduced."""
    return reduced(magnitude(_difference(input, target)), reduction)


@op(DEFAULT, accepts="f", variants="p", broadcast=False)
def smooth_l1_loss(input: T, target: T, reduction: str = "mean", beta: float = 1.0):
    """d^2 / (2 beta) where |d| < beta, else |d| - beta / 2; d = input - target."""
    d = _difference(input, target)
    size = magnitude(d)
    if beta == 0:
        return reduced(size, reduction)
    return reduced(select(size < beta, 0.5 * d * d / beta, size - 0.5 * beta), reduction)


@op(DEFAULT, accepts="f", variants="p", broadcast=False)
def huber_loss(input: T, target: T, reduction: str = "mean", delta: float = 1.0):
    """d^2 / 2 where |d| <= delta, else delta * (|d| - delta / 2); d = input - target."""
    d = _difference(input, target)
    size = magnitude(d)
    loss = select(size <= delta, 0.5 * d * d, delta * (size - 0.5 * delta))
    return reduced(loss, reduction)


def _weighed(loss, weight, reduction):
    """An unreduced loss times element weights; the mean divides by the sum of the weights."""
    check(
        tuple(weight.shape) == tuple(loss.shape),
        "Weights and input must have the same size.",
        ValueError,
    )
    loss = loss * weight
    if reduction == "none":
        return loss
    return loss.sum() / weight.sum() if reduction == "mean" else loss.sum()


@composite("F", name="mse_loss")
def F_mse_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Squared difference of `input` and `target`, which broadcast with a warning."""
    _same_size("mse_loss", input, target)
    reduction = legacy(reduction, size_average, reduce)
    if weight is not None:
        return _weighed(ops.mse_loss(input, target, "none"), weight, reduction)
    return ops.mse_loss(input, target, reduction)


@composite("F", name="l1_loss")
def F_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", weight=None):
    """Absolute difference of `input` and `target`, which broadcast with a warning."""
    _same_size("l1_loss", input, target)
    reduction = legacy(reduction, size_average, reduce)
    if weight is not None:
        return _weighed(ops.l1_loss(input, target, "none"), weight, reduction)
    return ops.l1_loss(input, target, reduction)


@composite("F", name="smooth_l1_loss")
def F_smooth_l1_loss(input, target, size_average=None, reduce=None, reduction="mean", beta=1.0):
    """Squared below `beta`, absolute above. Raises RuntimeError for a negative beta."""
    _same_size("smooth_l1_loss", input, target)
    check(beta >= 0, "smooth_l1_loss does not support negative values for beta.")
    return ops.smooth_l1_loss(input, target, legacy(reduction, size_average, reduce), float(beta))


@composite("F", name="huber_loss")
def F_huber_loss(input, target, reduction="mean", delta=1.0, weight=None):
    """Squared up to `delta`, linear above. Raises RuntimeError unless delta is positive."""
    _same_size("huber_loss", input, target)
    check(delta > 0, "huber_loss does not support non-positive values for delta.")
    if weight is not None:
        return _weighed(ops.huber_loss(input, target, "none", float(delta)), weight, reduction)
    return ops.huber_loss(input, target, reduction, float(delta))


# --- binary cross entropy -------------------------------------------------------------


@op(SAME, accepts="f", variants="p")
def binary_cross_entropy(input: T, target: T, weight: T | None, reduction: str = "mean"):
    """-(t log x + (1 - t) log(1 - x)), each logarithm at least -100, for x in [0, 1]."""
    check(
        input.shape == target.shape,
        f"Using a target size (torch.Size({list(target.shape)})) that is different to the input "
        f"size (torch.Size({list(input.shape)})) is deprecated. Please ensure they have the same "
        "size.",
        ValueError,
    )
    check(
        input.dtype == target.dtype,
        f"Found dtype {title(target.dtype)} but expected {title(input.dtype)}",
    )
    x = widen(input)
    t = widen(target)
    guard(
        jnp.any((x < 0) | (x > 1)), RuntimeError, "all elements of input should be between 0 and 1"
    )
    loss = _binary_entropy(x, t)
    if weight is not None:
        loss = loss * widen(weight)
    return cast(reduced(loss, reduction), input.dtype)


@jax.custom_jvp
def _binary_entropy(x, t):
    low = lax.max(lax.log1p(-x), lax.full_like(x, -100.0))
    return (t - 1) * low - t * lax.max(lax.log(x), lax.full_like(x, -100.0))


@_binary_entropy.defjvp
def _binary_entropy_jvp(primals, tangents):
    # torch's derivative: the clamped logarithms do not stop it, the denominator is kept off 0.
    x, t = primals
    dx, dt = tangents
    y = _binary_entropy(x, t)
    slope = (x - t) / lax.max(x * (1 - x), lax.full_like(x, 1e-12))
    low = lax.max(lax.log1p(-x), lax.full_like(x, -100.0))
    high = lax.max(lax.log(x), lax.full_like(x, -100.0))
    return y, slope * dx + (low - high) * dt


@composite("F", name="binary_cross_entropy")
def F_binary_cross_entropy(
    input, target, weight=None, size_average=None, reduce=None, reduction="mean"
):
    """Cross entropy of probabilities `input` against `target` in [0, 1], of the same shape.

    Raises ValueError when the shapes differ, RuntimeError for an input outside [0, 1].
    """
    return ops.binary_cross_entropy(input, target, weight, legacy(reduction, size_average, reduce))


@op(SAME, accepts="f", variants="p")
def bce_with_logits(
    input: T,
    target: T,
    weight: T | None,
    pos_weight: T | None,
    reduction: str = "mean",
):
    """Binary cross entropy of sigmoid(input), without overflow."""
    check(
        input.shape == target.shape,
        f"Target size (torch.Size({list(target.shape)})) must be the same as input size "
        f"(torch.Size({list(input.shape)}))",
        ValueError,
    )
    x = widen(input)
    t = cast(target, x.dtype)
    # softplus(-x), with the derivative at 0 that the formula has there.
    low = select(x < 0, x, -x)
    rest = select(x < 0, -x, 0.0) + lax.log1p(lax.exp(low))
    factor = rest
    if pos_weight is not None:
        factor = (1 + (widen(pos_weight) - 1) * t) * rest
    loss = (1 - t) * x + factor
    if weight is not None:
        loss = loss * widen(weight)
    return cast(reduced(loss, reduction), input.dtype)


@composite("F", name="binary_cross_entropy_with_logits")
def F_binary_cross_entropy_with_logits(
    input,
    target,
    weight=None,
    size_average=None,
    reduce=None,
    reduction="mean",
    pos_weight=None,
):
    """Binary cross entropy of logits against `target`; `pos_weight` weighs the positive terms.

    Raises ValueError when the shapes differ.
    """
    reduction = legacy(reduction, size_average, reduce)
    return ops.bce_with_logits(input, target, weight, pos_weight, reduction)


_NUMBERED = _REDUCTIONS


def numbered(reduction):
    """The name of a reduction that torch's lower-level functions give as a number."""
    return _NUMBERED[reduction] if isinstance(reduction, int) else reduction


@composite("f")
def binary_cross_entropy_with_logits(input, target, weight=None, pos_weight=None, reduction=1):
    """Binary cross entropy of logits; `reduction` 0, 1, 2 for none, mean, sum."""
    return ops.bce_with_logits(input, target, weight, pos_weight, numbered(reduction))


# --- distributions --------------------------------------------------------------------


@op(DEFAULT, accepts="f", variants="p", broadcast=False)
def kl_divergence(input: T, target: T, log_target: bool = False):
    """target * (log target - input) for log-probabilities `input`, unreduced."""
    check_broadcast((input.shape, target.shape))
    x = widen(input)
    t = widen(target)
    if log_target:
        return lax.exp(t) * (t - x)
    zero = t == 0
    return select(zero, 0.0, t * lax.log(select(zero, 1.0, t))) - t * x


@composite("F", name="kl_div")
def F_kl_div(input, target, size_average=None, reduce=None, reduction="mean", log_target=False):
    """Kullback-Leibler divergence of log-probabilities `input` from `target`.

    "batchmean" divides the sum by the size of dimension 0, which is the definition; "mean" divides
    by the number of elements, with a warning.
    """
    if size_average is not None or reduce is not None:
        reduction = legacy(reduction, size_average, reduce)
    elif reduction == "mean":
        warnings.warn(
            "reduction: 'mean' divides the total loss by both the batch size and the support size."
            "'batchmean' divides only by the batch size, and aligns with the KL div math "
            "definition.'mean' will be changed to behave the same as 'batchmean' in the next major "
            "release.",
            stacklevel=2,
        )
    return _kl_reduced(ops.kl_divergence(input, target, log_target), input, reduction)


def _kl_reduced(loss, input, reduction):
    if reduction == "batchmean":
        return loss.sum() / input.shape[0] if input.ndim else loss.sum()
    check(reduction in _REDUCTIONS, f"{reduction} is not a valid value for reduction", ValueError)
    if reduction == "none":
        return loss
    return loss.mean() if reduction == "mean" else loss.sum()


@composite("f")
def kl_div(input, target, reduction=1, *, log_target=False):
    """Kullback-Leibler divergence; `reduction` 0, 1, 2 for none, mean, sum."""
    loss = ops.kl_divergence(input, target, log_target)
    return _kl_reduced(loss, input, numbered(reduction))


@op(FLOAT, accepts="uif", variants="p", broadcast=False)
def poisson_nll(
    input: T,
    target: T,
    log_input: bool = True,
    full: bool = False,
    eps: float = 1e-8,
    reduction: str = "mean",
):
    """exp(x) - t x, or x - t log(x + eps); `full` adds Stirling's term for targets above 1."""
    check_broadcast((input.shape, target.shape))
    x = widen(input)
    t = widen(target)
    loss = lax.exp(x) - t * x if log_input else x - t * lax.log(x + eps)
    if full:
        above = t > 1
        safe = select(above, t, 1.0)
        stirling = safe * lax.log(safe) - safe + 0.5 * lax.log(2 * math.pi * safe)
        loss = loss + select(above, stirling, 0.0)
    return reduced(loss, reduction)


@composite("F", name="poisson_nll_loss")
def F_poisson_nll_loss(
    input,
    target,
    log_input=True,
    full=False,
    size_average=None,
    eps=1e-8,
    reduce=None,
    reduction="mean",
):
    """Negative log likelihood of counts `target` under Poisson rates, given as logs by default."""
    reduction = legacy(reduction, size_average, reduce)
    check(reduction in _REDUCTIONS, f"{reduction} is not a valid value for reduction", ValueError)
    return ops.poisson_nll(input, target, log_input, full, eps, reduction)


@composite("f")
def poisson_nll_loss(input, target, log_input, full, eps, reduction):
    """Poisson negative log likelihood; `reduction` 0, 1, 2 for none, mean, sum."""
    return ops.poisson_nll(input, target, log_input, full, eps, numbered(reduction))


@op(DEFAULT, accepts="f", variants="p", broadcast=False)
def gaussian_nll(
    input: T,
    target: T,
    var: TS,
    full: bool = False,
    eps: float = 1e-6,
    reduction: str = "mean",
):
    """(log var + (input - target)^2 / var) / 2, var at least eps."""
    check_broadcast((input.shape, target.shape, var.shape))
    guard(jnp.any(var < 0), ValueError, "var has negative entry/entries")
    # torch clamps outside of autograd: the derivative passes.
    low = lax.stop_gradient(select(var < eps, eps - var, 0.0))
    v = var + low
    d = input - target
    loss = 0.5 * (lax.log(v) + d * d / v)
    if full:
        loss = loss + 0.5 * math.log(2 * math.pi)
    return reduced(loss, reduction)


@composite("F")
def gaussian_nll_loss(input, target, var, full=False, eps=1e-6, reduction="mean"):
    """Negative log likelihood of `target` under normal distributions: mean `input`, variance `var`.

    `var` has the shape of `input`, or that shape with one dimension of 1 or without the last one,
    or is a number. Raises ValueError for another shape or a negative variance.
    """
    check(reduction in _REDUCTIONS, f"{reduction} is not valid", ValueError)
    if isinstance(var, (int, float)):
        check(var >= 0, "var has negative entry/entries", ValueError)
        var = input * 0 + var
    elif tuple(var.shape) != tuple(input.shape):
        shape = tuple(input.shape)
        if shape[:-1] == tuple(var.shape):
            var = var.unsqueeze(-1)
        else:
            differing = [v for v, n in zip(var.shape, shape) if v != n]
            check(
                len(var.shape) == len(shape) and differing == [1],
                "var is of incorrect size",
                ValueError,
            )
    return ops.gaussian_nll(input, target, var, full, eps, reduction)


@composite("F")
def linear_cross_entropy(
    input,
    linear_weight,
    target,
    *,
    linear_bias=None,
    weight=None,
    reduction="mean",
    ignore_index=None,
    label_smoothing=0.0,
    options=None,
):
    """Cross entropy of the logits `linear(input, linear_weight, linear_bias)`.

    `input` (N, F) or (F), `linear_weight` (C, *, F), `linear_bias` (C, *), `target` (N, *) classes
    or (N, C, *) probabilities. `options` choose in torch how the product is cut into pieces; here
    XLA decides that. Raises RuntimeError for shapes that do not fit.
    """
    _check_projection(input, linear_weight, linear_bias)
    features = linear_weight.shape[:-1]
    rows = linear_weight.flatten(0, -2)
    bias = None if linear_bias is None else linear_bias.flatten()
    logits = ops.linear(input, rows, bias).reshape(*input.shape[:-1], *features)
    check(
        ignore_index is None or target.shape != logits.shape,
        "ignore_index cannot be specified when target contains probabilities",
    )
    return ops.cross_entropy(
        logits,
        target,
        weight,
        ignore_index=-100 if ignore_index is None else ignore_index,
        reduction=reduction,
        label_smoothing=label_smoothing,
    )


def _check_projection(input, linear_weight, linear_bias):
    width, features = input.shape[-1:], tuple(linear_weight.shape[:-1])
    check(
        input.ndim in (1, 2),
        f"expected input with dimensionality 1 or 2, got {input.ndim}",
    )
    check(
        linear_weight.ndim >= 2,
        f"expected linear_weight with dimensionality at least 2, got {linear_weight.ndim}",
    )
    check(
        width[0] == linear_weight.shape[-1],
        "expected equal input and linear_weight last dimensions (in_features), "
        f"got {width[0]} and {linear_weight.shape[-1]}, respectively",
    )
    check(
        linear_bias is None or tuple(linear_bias.shape) == features,
        lambda: f"expected linear_bias shape {features}, got {tuple(linear_bias.shape)}",
    )
    check(
        len(features) == 1 or input.ndim == 2,
        f"K-dimensional loss defined by linear_weight shape {tuple(linear_weight.shape)} requires "
        f"batched input, (N, {width[0]}), got unbatched input with shape {tuple(input.shape)}",
    )
