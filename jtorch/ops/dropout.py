"""Functions of a network that draw random numbers as they run: dropout and its kin, rrelu."""

import math
import warnings

import jax.numpy as jnp
import numpy as np

from .._engine import random
from .._engine.call import check_writable, write
from .._engine.device import meta
from .random import core, in_memory_order
from .registry import DEFAULT, SAME, T, check, composite, from_host, host, op, ops

# ---- the pure ops -------------------------------------------------------------------------------


@op(DEFAULT, accepts="fc", variants="p", grad_name="MulBackward0")
def dropout_apply(input: T, mask: T, scale: float):
    """input * scale where the mask is set, input * 0 elsewhere. The mask broadcasts."""
    return input * (mask * np.asarray(scale, input.dtype))


@op(DEFAULT, accepts="f", variants="p", grad_name="AddBackward0")
def alpha_dropout_apply(input: T, mask: T, scale: float, kept: float, dropped: float):
    """input * scale + kept where the mask is set, input * 0 + dropped elsewhere."""
    scale, kept, dropped = (np.asarray(v, input.dtype) for v in (scale, kept, dropped))
    return input * (mask * scale) + jnp.where(mask != 0, kept, dropped)


@op(SAME, accepts="f", variants="p", grad_name="RreluWithNoiseBackward0")
def rrelu_apply(input: T, noise: T):
    """input * noise, the noise being 1 where the input is positive."""
    return input * noise


@op(SAME, accepts="f", variants="p", grad_name="RreluWithNoiseBackward0")
def rrelu_mean(input: T, slope: float):
    """The input where it is positive, input * slope elsewhere."""
    return jnp.where(input > 0, input, input * np.asarray(slope, input.dtype))


# ---- dropout ------------------------------------------------------------------------------------


def _check_probability(p):
    if p < 0.0 or p > 1.0:
        raise ValueError(f"dropout probability has to be between 0 and 1, but got {p}")


def _dropped(input, p, train, inplace=False, *, feature=False, alpha=False):
    check(0 <= p <= 1, lambda: f"dropout probability has to be between 0 and 1, but got {p:g}")
    if p == 0 or not train or input.numel() == 0:
        return input
    _check_dtype(input.dtype)
    if inplace:
        check_writable(input)
    result = _drop_all(input) if p == 1 else _drop(input, float(p), feature, alpha)
    if inplace:
        write(input, result)
        return input
    return result


def _check_dtype(dtype):
    name = random.SCALAR_NAMES.get(dtype.name, dtype.name)
    check(
        dtype.kind in "fc",
        f"result type Float can't be cast to the desired output type {name}",
    )
    if dtype.is_complex:
        raise NotImplementedError(f"\"bernoulli_scalar_cpu_\" not implemented for '{name}'")


def _drop_all(input):
    # The product keeps NaN and infinities in the input visible, as torch does.
    return ops.dropout_apply(input, from_host(np.zeros((), np.bool_), input.device), 0.0)


def _drop(input, p, feature, alpha):
    mask = _mask(input, 1.0 - p, feature)
    number = input.dtype.np.type
    wide = np.float64 if number is np.float64 else np.float32
    if not alpha:
        scale = number(wide(1.0) / wide(1.0 - p))
        return ops.dropout_apply(input, mask, float(scale))
    # Self-normalising dropout: dropped units go to -alpha', then mean and variance are restored.
    saturated = 1.7580993408473766
    a = 1.0 / math.sqrt((saturated * saturated * p + 1.0) * (1.0 - p))
    kept = number(saturated * a * p)
    dropped = number(wide(number(wide(-1.0) * wide(saturated * a))) + wide(saturated * a * p))
    return ops.alpha_dropout_apply(input, mask, float(number(a)), float(kept), float(dropped))


def _mask(input, keep, feature):
    """Which elements (or, with `feature`, which whole channels) are kept: drawn, on the device."""
    shape = tuple(input.shape)
    if feature:
        check(len(shape) >= 2, "Feature dropout requires at least 2 dimensions in the input")
        shape = shape[:2] + (1,) * (len(shape) - 2)
    if input.device is meta:
        return from_host(np.zeros(shape, np.bool_), meta)
    if feature:
        return from_host(random.dropout_mask(shape, keep), input.device)
    strides = input.stride()
    drawn = in_memory_order(shape, strides, lambda s, _: random.dropout_mask(s, keep))
    return from_host(drawn, input.device)


@composite("F")
def dropout(input, p=0.5, training=True, inplace=False):
    """Zero elements with probability p and scale the others by 1 / (1 - p), while training."""
    _check_probability(p)
    return _dropped(input, p, training, inplace)


@composite("F")
def alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Dropout that keeps mean and variance of inputs to SELU, while training."""
    _check_probability(p)
    return _dropped(input, p, training, inplace, alpha=True)


@composite("F")
def feature_alpha_dropout(input, p=0.5, training=False, inplace=False):
    """Alpha dropout of whole channels: (N, C, ...), while training."""
    _check_probability(p)
    return _dropped(input, p, training, inplace, feature=True, alpha=True)


@composite("F")
def dropout1d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, L) or (C, L)."""
    _check_probability(p)
    check(
        input.dim() in (2, 3),
        lambda: (
            f"dropout1d: Expected 2D or 3D input, but received a {input.dim()}D input. Note "
            "that dropout1d exists to provide channel-wise dropout on inputs with 1 spatial "
            "dimension, "
            "a channel dimension, and an optional batch dimension (i.e. 2D or 3D inputs)."
        ),
    )
    return _batched(input, 3, p, training, inplace)


@composite("F")
def dropout2d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, H, W). (N, C, L) is taken as such, with a warning."""
    _check_probability(p)
    if input.dim() not in (3, 4):
        _warn_rank(input.dim(), 2, "3D or 4D")
    if input.dim() == 3:
        warnings.warn(
            "dropout2d: Received a 3D input to dropout2d and assuming that channel-wise 1D dropout "
            "behavior is desired - input is interpreted as shape (N, C, L), where C is the channel "
            "dim. This behavior will change in a future release to interpret the input as one "
            "without a batch dimension, i.e. shape (C, H, W). To maintain the 1D channel-wise "
            "dropout behavior, please switch to using dropout1d instead.",
            stacklevel=2,
        )
    return _dropped(input, p, training, inplace, feature=True)


@composite("F")
def dropout3d(input, p=0.5, training=True, inplace=False):
    """Dropout of whole channels of (N, C, D, H, W) or (C, D, H, W)."""
    _check_probability(p)
    if input.dim() not in (4, 5):
        _warn_rank(input.dim(), 3, "4D or 5D")
    return _batched(input, 5, p, training, inplace)


def _warn_rank(got, spatial, expected):
    warnings.warn(
        f"dropout{spatial}d: Received a {got}-D input to dropout{spatial}d, which is deprecated "
        "and will result in an error in a future release. To retain the behavior and silence this "
        f"warning, please use dropout instead. Note that dropout{spatial}d exists to provide "
        f"channel-wise dropout on inputs with {spatial} spatial dimensions, a channel dimension, "
        f"and an optional batch dimension (i.e. {expected} inputs).",
        stacklevel=3,
    )


def _batched(input, rank, p, training, inplace):
    """Channel dropout, giving an input of another rank a batch of one while it is drawn."""
    if input.dim() == rank:
        return _dropped(input, p, training, inplace, feature=True)
    batch = input.unsqueeze(0)
    result = _dropped(batch, p, training, inplace, feature=True)
    return input if inplace else result.squeeze(0)


# ---- the same under torch's own names, with its argument names ----------------------------------


@composite("f", name="dropout")
def torch_dropout(input, p, train):
    """Zero elements with probability p and scale the others by 1 / (1 - p), when `train`."""
    return _dropped(input, p, train)


@composite("f", name="dropout_")
def torch_dropout_in_place(input, p, train):
    """`torch.dropout` in place."""
    return _dropped(input, p, train, True)


@composite("f", name="alpha_dropout")
def torch_alpha_dropout(input, p, train):
    """Alpha dropout when `train`."""
    return _dropped(input, p, train, alpha=True)


@composite("f", name="alpha_dropout_")
def torch_alpha_dropout_in_place(input, p, train):
    """`torch.alpha_dropout` in place."""
    return _dropped(input, p, train, True, alpha=True)


@composite("f")
def feature_dropout(input, p, train):
    """Dropout of whole channels of (N, C, ...) when `train`."""
    return _dropped(input, p, train, feature=True)


@composite("f", name="feature_dropout_")
def feature_dropout_in_place(input, p, train):
    """`torch.feature_dropout` in place."""
    return _dropped(input, p, train, True, feature=True)


@composite("f", name="feature_alpha_dropout")
def torch_feature_alpha_dropout(input, p, train):
    """Alpha dropout of whole channels when `train`."""
    return _dropped(input, p, train, feature=True, alpha=True)


@composite("f", name="feature_alpha_dropout_")
def torch_feature_alpha_dropout_in_place(input, p, train):
    """`torch.feature_alpha_dropout` in place."""
    return _dropped(input, p, train, True, feature=True, alpha=True)


# ---- others -------------------------------------------------------------------------------------


def _rrelu(input, lower, upper, training, inplace, generator=None):
    check(lower <= upper, "Lower bound should be less than or equal to the upper bound")
    if not input.dtype.is_floating_point:
        name = random.SCALAR_NAMES.get(input.dtype.name, input.dtype.name)
        raise NotImplementedError(f"\"rrelu_with_noise_out_cpu\" not implemented for '{name}'")
    if inplace:
        check_writable(input)
    if training:
        noise = _slopes(host(input), lower, upper, core(generator, "rrelu"))
        result = ops.rrelu_apply(input, from_host(noise, input.device))
    else:
        result = ops.rrelu_mean(input, (lower + upper) / 2)
    if inplace:
        write(input, result)
        return input
    return result


def _slopes(values, lower, upper, stream):
    """1 for positive inputs and NaN, a uniform slope for the others, which alone use up draws."""
    noise = np.ones(values.shape, values.dtype)
    negative = values <= 0
    drawn = random.uniform(int(negative.sum()), 0, 1, np.float64, stream)
    noise[negative] = random.narrow(drawn * (upper - lower) + lower, values.dtype)
    return noise


@composite("F")
def rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, inplace=False):
    """Leaky ReLU whose slope is drawn per element while training, and its mean otherwise."""
    return _rrelu(input, lower, upper, training, inplace)


@composite("f", name="rrelu")
def torch_rrelu(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """Leaky ReLU whose slope is drawn per element when training, and its mean otherwise."""
    return _rrelu(input, lower, upper, training, False, generator)


@composite("f F", name="rrelu_")
def rrelu_in_place(input, lower=1.0 / 8, upper=1.0 / 3, training=False, generator=None):
    """`rrelu` in place."""
    return _rrelu(input, lower, upper, training, True, generator)


@composite("F")
def gumbel_softmax(logits, tau=1, hard=False, eps=1e-10, dim=-1):
    """A sample of the relaxed categorical distribution of `logits`; one-hot forward when `hard`."""
    if eps != 1e-10:
        warnings.warn("`eps` parameter is deprecated and has no effect.", stacklevel=2)
    drawn = random.exponential(tuple(logits.shape), 1.0, logits.dtype.np)
    gumbels = (logits - from_host(drawn, logits.device).log()) / tau
    soft = ops.softmax(gumbels, dim)
    if not hard:
        return soft
    index = ops.argmax(soft, dim, True)
    zeros = ops.zeros_like(logits)
    return zeros.scatter_(dim, index, 1.0) - soft.detach() + soft
