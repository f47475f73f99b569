"""Functions of nn.functional under the names and with the arguments of PyTorch's dispatcher:
resizing, padding, folding, pooling.
"""

from .._engine import dtypes
from .registry import check, composite, ops

# --- resizing -------------------------------------------------------------------------


def _declare(name, mode, aligned, antialias=False):
    """A resizing operation: (input, output size, [align_corners], scales), the scales one by one
    or in a list.
    """

    def resize(input, output_size, *args, **kwargs):
        args = list(args)
        align = False
        if aligned:
            align = args.pop(0) if args else kwargs["align_corners"]
        names = ("scale_factors", "scales", "scales_d", "scales_h", "scales_w")
        given = [*args, *(kwargs[k] for k in names if k in kwargs)]
        if given and isinstance(given[0], (list, tuple)):
            given = list(given[0])
        scales = given if any(s is not None for s in given) else None
        if output_size is None:
            check(scales is not None, "Must specify exactly one of output_size and scale_factors")
            output_size = [int(n * s) for n, s in zip(input.shape[2:], scales)]
        factors = None if scales is None else tuple(s and 1 / s for s in scales)
        return ops.resample(input, tuple(output_size), mode, align, factors, antialias)

    resize.__name__ = name
    resize.__doc__ = f"`interpolate` in mode {mode!r}, to an output size."
    composite("p")(resize)


_declare("upsample_linear1d", "linear", True)
_declare("upsample_bilinear2d", "bilinear", True)
_declare("upsample_bicubic2d", "bicubic", True)
_declare("upsample_trilinear3d", "trilinear", True)
_declare("_upsample_bilinear2d_aa", "bilinear", True, True)
_declare("_upsample_bicubic2d_aa", "bicubic", True, True)
for _n in (1, 2, 3):
    _declare(f"upsample_nearest{_n}d", "nearest", False)
    _declare(f"_upsample_nearest_exact{_n}d", "nearest-exact", False)

# --- padding --------------------------------------------------------------------------


def _declare_padding(name, mode, n):
    def pad(input, padding):
        check(len(padding) == 2 * n, f"padding size is expected to be {2 * n}")
        return ops.pad(input, tuple(padding), mode)

    pad.__name__ = f"{name}_pad{n}d"
    pad.__doc__ = f"`pad` in mode {mode!r} of the last {n} dimensions."
    composite("p")(pad)


for _n in (1, 2, 3):
    _declare_padding("reflection", "reflect", _n)
    _declare_padding("replication", "replicate", _n)

# --- folding and pooling --------------------------------------------------------------


@composite("p")
def im2col(input, kernel_size, dilation, padding, stride):
    """`unfold` of nn.functional."""
    return ops.unfold(input, kernel_size, dilation, padding, stride)


@composite("p")
def col2im(input, output_size, kernel_size, dilation, padding, stride):
    """`fold` of nn.functional."""
    return ops.fold(input, output_size, kernel_size, dilation, padding, stride)


@composite("f")
def _adaptive_avg_pool2d(input, output_size):
    """`adaptive_avg_pool2d`."""
    return ops.adaptive_avg_pool2d(input, output_size)


@composite("f")
def _adaptive_avg_pool3d(input, output_size):
    """`adaptive_avg_pool3d`."""
    return ops.adaptive_avg_pool3d(input, output_size)


@composite("p")
def log_sigmoid_forward(input):
    """`logsigmoid`, and an empty buffer."""
    return ops.logsigmoid(input), input.new_empty(0)


@composite("f")
def _convolution(
    input,
    weight,
    bias,
    stride,
    padding,
    dilation,
    transposed,
    output_padding,
    groups,
    benchmark=False,
    deterministic=False,
    cudnn_enabled=True,
    allow_tf32=True,
):
    """`convolution`; the flags that choose an implementation have no effect."""
    return ops.convolution(
        input, weight, bias, stride, padding, dilation, transposed, output_padding, groups
    )


# --- attention ------------------------------------------------------------------------


@composite("f")
def _scaled_dot_product_attention_math(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    dropout_mask=None,
    *,
    scale=None,
    enable_gqa=False,
):
    """`scaled_dot_product_attention`, and the weights."""
    weights = ops.attention_weights(query, key, attn_mask, is_causal, scale, enable_gqa)
    used = weights
    if dropout_mask is not None:
        used = weights * dropout_mask.to(weights.dtype) / (1 - dropout_p)
    elif dropout_p > 0:
        used = ops.dropout(weights, dropout_p, True)
    return ops.attention_values(used, value, enable_gqa), weights


@composite("f")
def _scaled_dot_product_flash_attention_for_cpu(
    query, key, value, dropout_p=0.0, is_causal=False, *, attn_mask=None, scale=None
):
    """`scaled_dot_product_attention` without dropout, and the logarithms of the weights' sums."""
    check(
        dropout_p == 0.0, "scaled_dot_product_attention_flash_attention: dropout is not supported"
    )
    out = ops.attend(query, key, value, attn_mask, is_causal, scale)
    scores = query.matmul(key.mT) * (query.shape[-1] ** -0.5 if scale is None else scale)
    if is_causal:
        later = ops.ones(scores.shape[-2:], dtype=dtypes.bool, device=scores.device).triu(1)
        scores = scores.masked_fill(later, float("-inf"))
    elif attn_mask is not None and attn_mask.dtype is dtypes.bool:
        scores = scores.masked_fill(attn_mask.logical_not(), float("-inf"))
    elif attn_mask is not None:
        scores = scores + attn_mask
    return out, scores.float().logsumexp(-1)


@composite("f")
def _fused_sdp_choice(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    *,
    scale=None,
    enable_gqa=False,
):
    """0, which stands for attention computed step by step: XLA fuses it by itself."""
    return 0
