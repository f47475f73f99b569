"""Operations that jtorch does not have: they say so, and what to use instead."""

from .registry import composite

_QUANTISED = "use floating-point tensors"
_LIBRARY = "use the function of torch or torch.nn.functional without the prefix, which XLA compiles"
_STATISTICS = "use torch.nn.functional.batch_norm; statistics are shared by jax.sharding"
_SCRIPT = "programs are recorded as they run; use torch.compile or jtorch.to_jax"

FUNCTIONS = {
    "quantize_per_tensor": _QUANTISED,
    "quantize_per_channel": _QUANTISED,
    **dict.fromkeys(
        (
            "choose_qparams_optimized",
            "empty_quantized",
            "fake_quantize_per_channel_affine",
            "fake_quantize_per_tensor_affine",
            "fused_moving_avg_obs_fake_quant",
            "quantize_per_tensor_dynamic",
            "quantized_batch_norm",
            "quantized_gru",
            "quantized_gru_cell",
            "quantized_lstm",
            "quantized_lstm_cell",
            "quantized_max_pool1d",
            "quantized_max_pool2d",
            "quantized_max_pool3d",
            "quantized_rnn_relu_cell",
            "quantized_rnn_tanh_cell",
            "fbgemm_linear_fp16_weight",
            "fbgemm_linear_fp16_weight_fp32_activation",
            "fbgemm_linear_int8_weight",
            "fbgemm_linear_int8_weight_fp32_activation",
            "fbgemm_linear_quantize_weight",
            "fbgemm_pack_gemm_matrix_fp16",
            "fbgemm_pack_quantized_matrix",
            "_make_per_tensor_quantized_tensor",
            "_make_per_channel_quantized_tensor",
        ),
        _QUANTISED,
    ),
    **dict.fromkeys(
        (
            "cudnn_affine_grid_generator",
            "cudnn_batch_norm",
            "cudnn_convolution",
            "cudnn_convolution_add_relu",
            "cudnn_convolution_relu",
            "cudnn_convolution_transpose",
            "cudnn_grid_sampler",
            "miopen_batch_norm",
            "miopen_convolution",
            "miopen_convolution_add_relu",
            "miopen_convolution_relu",
            "miopen_convolution_transpose",
            "miopen_ctc_loss",
            "miopen_depthwise_convolution",
            "miopen_rnn",
            "mkldnn_adaptive_avg_pool2d",
            "mkldnn_convolution",
            "mkldnn_linear_backward_weights",
            "mkldnn_max_pool2d",
            "mkldnn_max_pool3d",
            "mkldnn_rnn_layer",
        ),
        _LIBRARY,
    ),
    **dict.fromkeys(
        (
            "batch_norm_backward_elemt",
            "batch_norm_backward_reduce",
            "batch_norm_elemt",
            "batch_norm_gather_stats",
            "batch_norm_gather_stats_with_counts",
            "batch_norm_stats",
            "batch_norm_update_stats",
        ),
        _STATISTICS,
    ),
    **dict.fromkeys(
        (
            "import_ir_module",
            "import_ir_module_from_buffer",
            "merge_type_from_type_comment",
            "parse_ir",
            "parse_schema",
            "parse_type_comment",
            "unify_type_list",
        ),
        _SCRIPT,
    ),
    "vmap": "use jax.vmap on jtorch.to_jax(fn)",
}
METHODS = {
    "ipu": "use Tensor.to with a device that JAX has",
    "mtia": "use Tensor.to with a device that JAX has",
    "to_mkldnn": "tensors are laid out by XLA",
    "to_padded_tensor": "pad with torch.nn.utils.rnn.pad_sequence",
}
BOTH = dict.fromkeys(
    (
        "dequantize",
        "int_repr",
        "q_per_channel_axis",
        "q_per_channel_scales",
        "q_per_channel_zero_points",
        "q_scale",
        "q_zero_point",
    ),
    _QUANTISED,
)
METHODS["qscheme"] = _QUANTISED


def _refuse(kind, name, advice, variants):
    def refused(*args, **kwargs):
        raise NotImplementedError(f"{kind}.{name} is not supported by jtorch; {advice}")

    refused.__name__ = f"unsupported_{name}"
    refused.__doc__ = f"Not supported: {advice}."
    composite(variants, name=name)(refused)


for _name, _advice in FUNCTIONS.items():
    _refuse("torch", _name, _advice, "f")
for _name, _advice in METHODS.items():
    _refuse("torch.Tensor", _name, _advice, "m")
for _name, _advice in BOTH.items():
    _refuse("torch.Tensor", _name, _advice, "f m")
