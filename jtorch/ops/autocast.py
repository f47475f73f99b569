"""What autocast does to which operation, by registry key: torch's lists for the CPU.

torch has other lists for CUDA; here every device follows those for the CPU.
"""

from .._engine.autocast import FULL, LOWER, RESULT, WIDEST

_LOWER = """
_convolution addbmm addmm attention_values attention_weights baddbmm bmm conv1d conv2d conv3d
conv_tbc conv_transpose1d conv_transpose2d conv_transpose3d convolution cov_of linear lstm
masked_product matmul mm prelu rnn_relu rnn_relu_cell rnn_tanh rnn_tanh_cell
scaled_dot_product_attention sparse_addmm vecdot
"""

_FULL = """
F_adaptive_max_pool3d F_binary_cross_entropy_with_logits F_cosine_embedding_loss F_ctc_loss
F_hinge_embedding_loss F_kl_div F_margin_ranking_loss F_poisson_nll_loss F_triplet_margin_loss
adaptive_avg_pool3d avg_pool3d binary_cross_entropy binary_cross_entropy_with_logits cdist cholesky
cholesky_ex cholesky_inverse cholesky_solve cond cosine_embedding_loss cross_entropy ctc_loss
eigvals eigvalsh fft2 fft_fft fftn fractional_max_pool2d fractional_max_pool3d geqrf grid_sample
grid_sampler hfft hinge_embedding_loss householder_product huber_loss ifft ifft2 ifftn ihfft inv
inv_ex inverse irfft irfft2 irfftn kl_div l1_loss linalg_cholesky linalg_eig linalg_eigh linalg_qr
linalg_svd lstsq lu lu_solve margin_ranking_loss matrix_rank max_pool3d max_unpool1d max_unpool2d
max_unpool3d mse_loss multi_margin_loss multilabel_margin_loss nanquantile nll_loss ormqr pinverse
poisson_nll_loss polar prod qr quantile rfft rfft2 rfftn smooth_l1_loss soft_margin_loss solve stft
svd svdvals tensorinv tensorsolve trace triangular_solve triplet_margin_loss view_as_complex
"""


def _einsum(args, attrs):
    """The last pair of operands decides: a sum over common labels is a matrix product."""
    terms, output = attrs[-1].split("->")
    *before, last = terms.split(",")
    common = set("".join(before)) & set(last)
    return LOWER if common - set(output) else None


def _tensordot(args, attrs):
    """Where one number comes out, torch takes a `dot`."""
    for t, summed in zip(args, attrs, strict=True):
        if any(size > 1 for d, size in enumerate(t.shape) if d not in summed):
            return LOWER
    return None


def _inner(args, attrs):
    """Two vectors make a `dot`, a number a product: neither is cast."""
    ranks = [a.ndim for a in args]
    return LOWER if min(ranks) > 0 and max(ranks) > 1 else None


def _matrix_power(args, attrs):
    """The first power is no product."""
    return LOWER if attrs[0] > 1 else None


def _pad_border(args, attrs):
    """All of torch's reflection and replication paddings are cast but `reflection_pad3d`."""
    pad, mode = attrs
    return None if mode == "circular" or (mode == "reflect" and len(pad) == 6) else FULL


RULES = {
    **dict.fromkeys(_LOWER.split(), LOWER),
    **dict.fromkeys(_FULL.split(), FULL),
    **dict.fromkeys(("cat", "index_copy", "stack"), WIDEST),
    "einsum_many": _einsum,
    "einsum_of": _einsum,
    "inner": _inner,
    "matrix_power_of": _matrix_power,
    "pad_border": _pad_border,
    "pinv": RESULT,
    "tensordot_of": _tensordot,
}
