"""Activation functions, softmax and the vector-wise normalisations of `torch.nn.functional`."""

import math
import warnings
from functools import partial

import jax
import jax.numpy as jnp
from jax import lax

from .registry import DEFAULT, FLOAT, SAME, Dim, DType, T, check, composite, op, ops
from .safe import cast, select, title, widen
from .spatial import expand

# --- softmax --------------------------------------------------------------------------


@partial(jax.custom_jvp, nondiff_argnums=(1, 2))
def softmax_of(x, dim, safe=False):
    """Softmax of a float array along `dim`; a row of -inf only gives NaN, or zeros if `safe`."""
    top = lax.stop_gradient(jnp.max(x, dim, keepdims=True))
    if safe:
        top = select(top == -math.inf, 0.0, top)
    e = lax.exp(x - top)
    total = jnp.sum(e, dim, keepdims=True)
    return e / (select(total == 0, 1.0, total) if safe else total)


@softmax_of.defjvp
def _softmax_jvp(dim, safe, primals, tangents):
    (x,) = primals
    (t,) = tangents
    y = softmax_of(x, dim, safe)
    yt = y * t
    return y, yt - y * jnp.sum(yt, dim, keepdims=True)


@partial(jax.custom_jvp, nondiff_argnums=(1,))
def log_softmax_of(x, dim):
    """Logarithm of the softmax of a float array along `dim`."""
    shifted = x - lax.stop_gradient(jnp.max(x, dim, keepdims=True))
    return shifted - lax.log(jnp.sum(lax.exp(shifted), dim, keepdims=True))


@log_softmax_of.defjvp
def _log_softmax_jvp(dim, primals, tangents):
    (x,) = primals
    (t,) = tangents
    y = log_softmax_of(x, dim)
    return y, t - jnp.sum(lax.exp(y) * t, dim, keepdims=True)


def _along(fn, input, dim, dtype, name):
    """`fn` along `dim` in at least float32, in torch's result dtype."""
    out = jnp.dtype(dtype or input.dtype)
    check(
        jnp.issubdtype(out, jnp.floating),
        f'"{name}_lastdim_kernel_impl" not implemented for {title(out)!r}',
        NotImplementedError,
    )
    x = widen(cast(input, out))
    if x.size == 0:
        return cast(x, out)
    if x.ndim == 0:
        return cast(lax.reshape(fn(lax.reshape(x, (1,)), 0), ()), out)
    return cast(fn(x, dim), out)


@op(SAME, variants="f m o", saves="out")
def softmax(input: T, dim: Dim, dtype: DType = None):
    """exp(x) / sum(exp(x)) along `dim`, computed in `dtype` when given. Same shape as `input`."""
    return _along(softmax_of, input, dim, dtype, "softmax")


@op(SAME, variants="f m o", saves="out")
def log_softmax(input: T, dim: Dim, dtype: DType = None):
    """log(softmax(x)) along `dim`, computed in one step. Same shape as `input`."""
    return _along(log_softmax_of, input, dim, dtype, "log_softmax")


def implicit_dim(name, ndim, stacklevel):
    """The dimension torch picks, with a warning, when none is given."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _legacy_dim(name, ndim, dim):
    return implicit_dim(name, ndim, 5) if dim is None else dim


@composite("F", name="softmax")
def F_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Softmax along `dim`; without it 0 for 0, 1 and 3 dimensions, else 1."""
    return ops.softmax(input, _legacy_dim("softmax", input.ndim, dim), dtype)


@composite("F", name="log_softmax")
def F_log_softmax(input, dim=None, _stacklevel=3, dtype=None):
    """Log-softmax along `dim`, with the same legacy choice of `dim` as `softmax`."""
    return ops.log_softmax(input, _legacy_dim("log_softmax", input.ndim, dim), dtype)


@composite("F", name="softmin")
def F_softmin(input, dim=None, _stacklevel=3, dtype=None):
    """Softmax of `-input` along `dim`."""
    return ops.softmax(-input, _legacy_dim("softmin", input.ndim, dim), dtype)


# --- smooth activations ---------------------------------------------------------------


@op(DEFAULT, accepts="f", variants="F o")
def gelu(input: T, approximate: str = "none"):
    """x * Phi(x), Phi the normal distribution function; `approximate="tanh"` for the fast formula.

    Raises RuntimeError for another `approximate`.
    """
    x = widen(input)
    if approximate == "tanh":
        inner = math.sqrt(2 / math.pi) * (x + 0.044715 * (x * x * x))
        return 0.5 * x * (1 + lax.tanh(inner))
    check(approximate == "none", "approximate argument must be either none or tanh.")
    return 0.5 * x * (1 + lax.erf(x * math.sqrt(0.5)))


@op(DEFAULT, accepts="fc", variants="p")
def silu(input: T):
    """x * sigmoid(x)."""
    x = widen(input)
    return x * lax.logistic(x)


def _softplus(x):
    # -|x| by comparison, so that the derivative at 0 is the right one-sided value.
    low = select(x < 0, x, -x)
    return select(x < 0, 0.0, x) + lax.log1p(lax.exp(low))


@op(DEFAULT, accepts="f", variants="p")
def mish(input: T):
    """x * tanh(softplus(x))."""
    x = widen(input)
    return x * lax.tanh(_softplus(x))


@op(DEFAULT, accepts="f", variants="F o")
def logsigmoid(input: T):
    """log(sigmoid(x)), without overflow."""
    x = widen(input)
    low = select(x < 0, x, -x)
    return select(x < 0, x, 0.0) - lax.log1p(lax.exp(low))


@op(DEFAULT, accepts="f", variants="F o")
def softplus(input: T, beta: float = 1, threshold: float = 20):
    """log(1 + exp(beta x)) / beta; x itself where beta x is above `threshold`."""
    x = widen(input)
    scaled = x * beta
    big = scaled > threshold
    return select(big, x, lax.log1p(lax.exp(select(big, 0.0, scaled))) / beta)


@op(FLOAT, accepts="buifc", variants="F")
def softsign(input: T):
    """x / (1 + |x|)."""
    return input / cast(1 + lax.abs(input), input.dtype)


@op(FLOAT, accepts="buifc", variants="F")
def tanhshrink(input: T):
    """x - tanh(x)."""
    return input - lax.tanh(input)


@op(DEFAULT, accepts="f", variants="F", broadcast=False)
def glu(input: T, dim: Dim = -1):
    """a * sigmoid(b), a and b the two halves of `input` along `dim`.

    Raises RuntimeError when the size along `dim` is odd.
    """
    check(input.ndim > 0, "glu does not support 0-dimensional tensors")
    size = input.shape[dim]
    check(size % 2 == 0, f"Halving dimension must be even, but dimension {dim} is size {size}")
    x = widen(input)
    a = lax.slice_in_dim(x, 0, size // 2, axis=dim)
    b = lax.slice_in_dim(x, size // 2, size, axis=dim)
    return a * lax.logistic(b)


# --- exponential units ----------------------------------------------------------------


def _elu(x, alpha, scale, input_scale):
    negative = x <= 0
    # The exponential only sees the values it is used for: no overflow, no 0 * inf in gradients.
    low = select(negative, x, 0.0)
    return select(negative, (alpha * scale) * lax.expm1(low * input_scale), x * scale)


@op(DEFAULT, accepts="f", variants="p", saves="out")
def elu(input: T, alpha: float = 1.0, scale: float = 1.0, input_scale: float = 1.0):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return _elu(widen(input), alpha, scale, input_scale)


@op(DEFAULT, accepts="f", variants="f", saves="out", grad_name="EluBackward0")
def selu(input: T):
    """Scaled ELU with the self-normalising constants."""
    return _elu(widen(input), 1.6732632423543772848170429916717, 1.0507009873554804934, 1.0)


@op(DEFAULT, accepts="f", variants="f", saves="out", grad_name="CeluBackward0")
def celu(input: T, alpha: float = 1.0):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1)). RuntimeError for alpha 0."""
    check(alpha != 0, "ZeroDivisionError: alpha cannot be 0 for CELU")
    return _elu(widen(input), alpha, 1.0, 1.0 / alpha)


# --- piecewise linear units -----------------------------------------------------------


@op(DEFAULT, accepts="f", variants="p", saves="out")
def leaky_relu(input: T, negative_slope: float = 0.01):
    """x where x > 0, else negative_slope * x (also the derivative at 0)."""
    x = widen(input)
    return select(x > 0, x, x * negative_slope)


@op(SAME, accepts="f", variants="f m F", grad_name="PreluKernelBackward0")
def prelu(input: T, weight: T):
    """x where x > 0, else weight * x; `weight` has 1 entry or one per channel (dimension 1).

    Raises RuntimeError when the number of weights does not fit.
    """
    check(
        input.dtype == weight.dtype,
        f"prelu: Type promoting not supported. Got {input.dtype} and {weight.dtype}",
    )
    if weight.ndim and weight.size != 1:
        check(input.ndim > 0, "Not allow zero-dim input tensor.")
        channels = input.shape[1] if input.ndim > 1 else 1
        check(
            weight.ndim == 1 and channels == weight.size,
            f"Mismatch of parameter numbers and input channel size. Found parameter numbers = "
            f"{weight.size} and channel size = {channels}.",
        )
    if weight.ndim:
        weight = expand(weight, max(input.ndim, 1), min(1, max(input.ndim - 1, 0)))
        weight = lax.reshape(weight, ()) if input.ndim == 0 else weight
    return select(input > 0, input, input * weight)


@op(DEFAULT, accepts="uif", variants="p")
def hardtanh(input: T, min_val: float = -1.0, max_val: float = 1.0):
    """x limited to [min_val, max_val]; the derivative is 0 at both bounds."""
    if jnp.issubdtype(input.dtype, jnp.integer):
        min_val, max_val = int(min_val), int(max_val)
    return select(input <= min_val, min_val, select(input >= max_val, max_val, input))


def _ramp(x):
    # relu6(x + 3) / 6 with derivative 0 at both corners, NaN staying NaN.
    line = x / 6 + 0.5
    flat = lax.stop_gradient(lax.clamp(lax.full_like(x, 0.0), line, lax.full_like(x, 1.0)))
    return select((x > -3) & (x < 3), line, flat)


@op(DEFAULT, accepts="f", variants="p")
def hardsigmoid(input: T):
    """0 below -3, 1 above 3, x / 6 + 1 / 2 between."""
    return _ramp(widen(input))


@op(DEFAULT, accepts="f", variants="p")
def hardswish(input: T):
    """0 below -3, x above 3, x * (x + 3) / 6 between."""
    x = widen(input)
    inside = (x > -3) & (x < 3)
    safe = select(inside, x, 0.0)
    # x * 0 as torch has it: -0 for finite numbers, NaN for -inf.
    outside = select(x <= -3, lax.stop_gradient(x * 0), x)
    return select(inside, safe * (safe + 3) / 6, outside)


@op(DEFAULT, accepts="f", variants="f m F o")
def hardshrink(input: T, lambd: float = 0.5):
    """0 where |x| <= lambd, else x."""
    return select((input >= -lambd) & (input <= lambd), 0.0, input)


@op(DEFAULT, accepts="f", variants="F o")
def softshrink(input: T, lambd: float = 0.5):
    """x moved towards 0 by lambd, 0 where |x| <= lambd. RuntimeError for a negative lambd."""
    check(lambd >= 0, f"lambda must be greater or equal to 0, but found to be {lambd}.")
    inside = (input >= -lambd) & (input <= lambd)
    return select(inside, 0.0, select(input > 0, input - lambd, input + lambd))


@op(DEFAULT, accepts="uif", variants="f o", saves="out")
def threshold(input: T, threshold: float, value: float):
    """x where x > threshold, else value."""
    return select(input <= threshold, value, input)


# --- functional forms with inplace= ---------------------------------------------------


def _into(function, input, inplace, *settings):
    """`function(input, *settings)`, written into `input` when `inplace`."""
    if not inplace:
        return function(input, *settings)
    # Where the gradient needs the input, it is that from before the write: torch saves a copy.
    source = input.clone() if input.requires_grad else input
    return input.copy_(function(source, *settings))


@composite("F", name="relu")
def F_relu(input, inplace=False):
    """max(x, 0); with `inplace` in the memory of `input`."""
    return input.relu_() if inplace else ops.relu(input)


@composite("F", name="relu6")
def F_relu6(input, inplace=False):
    """x limited to [0, 6]."""
    return _into(ops.hardtanh, input, inplace, 0.0, 6.0)


@composite("F", name="leaky_relu")
def F_leaky_relu(input, negative_slope=0.01, inplace=False):
    """x where x > 0, else negative_slope * x."""
    return _into(ops.leaky_relu, input, inplace, negative_slope)


@composite("F", name="elu")
def F_elu(input, alpha=1.0, inplace=False):
    """x where x > 0, else alpha * (exp(x) - 1)."""
    return _into(ops.elu, input, inplace, alpha)


@composite("F", name="selu")
def F_selu(input, inplace=False):
    """Scaled ELU with the self-normalising constants."""
    return _into(ops.selu, input, inplace)


@composite("F", name="celu")
def F_celu(input, alpha=1.0, inplace=False):
    """max(0, x) + min(0, alpha * (exp(x / alpha) - 1))."""
    return _into(ops.celu, input, inplace, alpha)


@composite("F", name="silu")
def F_silu(input, inplace=False):
    """x * sigmoid(x)."""
    return _into(ops.silu, input, inplace)


@composite("F", name="mish")
def F_mish(input, inplace=False):
    """x * tanh(softplus(x))."""
    return _into(ops.mish, input, inplace)


@composite("F", name="hardtanh")
def F_hardtanh(input, min_val=-1.0, max_val=1.0, inplace=False):
    """x limited to [min_val, max_val]. Raises ValueError when min_val exceeds max_val."""
    check(min_val <= max_val, "min_val cannot be greater than max_val", ValueError)
    return _into(ops.hardtanh, input, inplace, min_val, max_val)


@composite("F", name="hardsigmoid")
def F_hardsigmoid(input, inplace=False):
    """0 below -3, 1 above 3, x / 6 + 1 / 2 between."""
    return _into(ops.hardsigmoid, input, inplace)


@composite("F", name="hardswish")
def F_hardswish(input, inplace=False):
    """0 below -3, x above 3, x * (x + 3) / 6 between."""
    return _into(ops.hardswish, input, inplace)


@composite("F", name="threshold")
def F_threshold(input, threshold, value, inplace=False):
    """x where x > threshold, else value."""
    return _into(ops.threshold, input, inplace, threshold, value)


# The underscore functions that torch has beside the `inplace=` argument.


@composite("F", name="leaky_relu_")
def F_leaky_relu_(input, negative_slope=0.01):
    """`leaky_relu` in the memory of `input`."""
    return _into(ops.leaky_relu, input, True, negative_slope)


@composite("F", name="elu_")
def F_elu_(input, alpha=1.0, scale=1, input_scale=1):
    """`elu` in the memory of `input`; scaled, of the scaled input."""
    if scale == input_scale == 1:
        return _into(ops.elu, input, True, alpha)
    scaled = (input * input_scale).clamp(max=0).expm1() * (alpha * scale)
    return _into(ops.where, input > 0, False, input * scale, scaled)


@composite("F", name="hardtanh_")
def F_hardtanh_(input, min_val=-1.0, max_val=1.0):
    """`hardtanh` in the memory of `input`."""
    return _into(ops.hardtanh, input, True, min_val, max_val)


@composite("f F")
def selu_(input):
    """`selu` in the memory of `input`."""
    return _into(ops.selu, input, True)


@composite("f F")
def celu_(input, alpha=1.0):
    """`celu` in the memory of `input`."""
    return _into(ops.celu, input, True, alpha)


@composite("f F")
def threshold_(input, threshold, value):
    """`threshold` in the memory of `input`."""
    return _into(ops.threshold, input, True, threshold, value)


@composite("F", name="relu_")
def F_relu_(input):
    """`relu` in the memory of `input`."""
    return input.relu_()


@composite("S", name="softmax")
def special_softmax(input, dim, dtype=None):
    """torch.special's name for `softmax`."""
    return ops.softmax(input, dim, dtype)


@composite("S", name="log_softmax")
def special_log_softmax(input, dim, *, dtype=None):
    """torch.special's name for `log_softmax`."""
    return ops.log_softmax(input, dim, dtype)
