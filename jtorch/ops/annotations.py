"""What torch shows of operations and their declarations do not say.

The names of autograd nodes, which scripts see in printed tensors (`grad_fn=<AddmmBackward0>`) and
which may depend on what the operation was given; and the memory layout of results.
"""

from .._engine.signature import Operation


def _shrinks(sig):
    return sig.outs[0].ndim != 0 or sig.avals[0].ndim == 0


def _reduction(name):
    """torch has two overloads: of all elements, and along dimensions."""
    return lambda sig: f"{name}Backward{1 if _shrinks(sig) and sig.avals[0].ndim else 0}"


def _clamp(sig):
    return "ClampBackward1" if all(a.scalar for a in sig.avals[1:]) else "ClampBackward0"


def _pow(sig):
    base, exponent = sig.avals
    return "PowBackward0" if exponent.scalar else "PowBackward1" if base.ndim else "PowBackward2"


_PRODUCTS = {
    (1, 1): "DotBackward0",
    (2, 1): "MvBackward0",
    (1, 2): "SqueezeBackward4",
    (2, 2): "MmBackward0",
}


def _matmul(sig):
    return _PRODUCTS.get(tuple(a.ndim for a in sig.avals), "UnsafeViewBackward0")


def _linear(sig):
    ndim = sig.avals[0].ndim
    if len(sig.avals) > 2:
        return "AddmmBackward0" if ndim == 2 else "ViewBackward0"
    return {1: "SqueezeBackward4", 2: "MmBackward0"}.get(ndim, "UnsafeViewBackward0")


NAMES = {
    "sum": _reduction("Sum"),
    "mean": _reduction("Mean"),
    "prod": _reduction("Prod"),
    "clamp": _clamp,
    "pow_general": _pow,
    "matmul": _matmul,
    "linear": _linear,
    "einsum_of": "ViewBackward0",
    "layer_norm": "NativeLayerNormBackward0",
    "square": "PowBackward0",
    "l1_loss": "MeanBackward0",
    "relu6": "HardtanhBackward0",
    "softmin": "SoftmaxBackward0",
    "constant_pad": "ConstantPadNdBackward0",
    "max_pool1d": "SqueezeBackward1",
    "selu": "EluBackward0",
    "rsub": lambda sig: f"RsubBackward{int(sig.avals[1].scalar)}",
    "logsigmoid": "LogSigmoidBackward0",
    "bce_with_logits": "BinaryCrossEntropyWithLogitsBackward0",
    "diag": "DiagEmbedBackward0",
    "conj_physical": "ConjBackward0",
    "adaptive_avg_pool2d": "AdaptiveAvgPool2DBackward0",
    "max_pool2d": "MaxPool2DWithIndicesBackward0",
    "outer": "MulBackward0",
}


# Operations that promote nothing, but whose results lie in memory as their operands do.
ELEMENTWISE = frozenset(
    (
        "abs",
        "angle",
        "bitwise_not",
        "ceil",
        "complex",
        "conj_physical",
        "flip",
        "floor",
        "huber_loss",
        "frac",
        "isclose",
        "isfinite",
        "isinf",
        "isnan",
        "isneginf",
        "isposinf",
        "l1_loss",
        "lerp",
        "local_response_norm",
        "logical_not",
        "mse_loss",
        "poisson_nll",
        "nan_to_num",
        "neg",
        "normalize_by",
        "positive",
        "pow_fixed",
        "relu",
        "rms_norm",
        "round",
        "sgn",
        "sign",
        "signbit",
        "smooth_l1_loss",
        "square",
        "trunc",
        "where_select",
    )
)


def _first(flags, aval):
    return flags[:1] == [True]


def _image(flags, aval):
    return aval.ndim == 4 and _first(flags, aval)


_ONE_DNN = ("float32", "bfloat16", "float16", "complex64")


def _convolved(flags, aval):
    # Volumes of double precision are row-major: torch has another library for them.
    return any(flags) and (aval.ndim == 4 or aval.dtype.name in _ONE_DNN)


def _all(flags, aval):
    return all(flags)


# Operations whose results have the channels of images and volumes last when the first operand has
# (some: of images only), or any (a convolution's weight counts too), or all.
CHANNELS_LAST = {
    _first: (
        "batch_norm_eval",
        "batch_norm_train",
        "channel_shuffle",
        "constant_pad_nd",
        "glu",
        "group_norm",
        "max_pool2d",
        "max_pool3d",
        "max_pool_indices",
        "pad_border",
        "pixel_shuffle",
        "pixel_unshuffle",
        "prelu",
        "resample",
        "roll",
    ),
    _image: ("adaptive_avg_pool2d", "adaptive_max_pool", "avg_pool2d", "lp_pool", "max_unpool"),
    _convolved: ("conv2d", "conv3d", "conv_transpose2d", "conv_transpose3d", "convolution"),
    _all: ("cat",),
}
_RULES = {name: rule for rule, names in CHANNELS_LAST.items() for name in names}
# Operations on several tensors whose results are row-major all the same.
NOT_ELEMENTWISE = frozenset(("cat", "stack"))


def annotate():
    """Complete what the operations say about themselves."""
    for operation in Operation.everything:
        operation.grad_name = NAMES.get(operation.name, operation.grad_name)
        if operation.name in ELEMENTWISE:
            operation.elementwise = True
        elif operation.name in NOT_ELEMENTWISE:
            operation.elementwise = False
        operation.channels_last = _RULES.get(operation.name)
