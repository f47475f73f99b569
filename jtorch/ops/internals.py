"""What PyTorch's dispatcher has below its public functions and libraries call: softmax with
explicit precision, slices, batch normalisation in one call, checks, sizes.
"""

from .._engine import dtypes
from .registry import SAME, T, check, composite, guard, op, ops, wrap_dim

# --- softmax --------------------------------------------------------------------------


def _result_type(half_to_float):
    return dtypes.float32 if half_to_float else None


@composite("f o")
def _softmax(input, dim, half_to_float):
    """softmax; with `half_to_float` of float16 computed and returned as float32."""
    return ops.softmax(input, dim, _result_type(half_to_float))


@composite("f o")
def _log_softmax(input, dim, half_to_float):
    """log_softmax; with `half_to_float` of float16 computed and returned as float32."""
    return ops.log_softmax(input, dim, _result_type(half_to_float))


@composite("f")
def _safe_softmax(input, dim, dtype=None):
    """softmax that is 0 in rows of -inf only."""
    masked = input.eq(float("-inf")).all(dim, keepdim=True)
    return ops.softmax(input.masked_fill(masked, 0), dim, dtype).masked_fill(masked, 0.0)


@composite("f o")
def _softmax_backward_data(grad_output, output, dim, input_dtype):
    """The gradient of softmax, from its result."""
    product = grad_output * output
    return (product - output * product.sum(dim, keepdim=True)).to(input_dtype)


@composite("f o")
def _log_softmax_backward_data(grad_output, output, dim, input_dtype):
    """The gradient of log_softmax, from its result."""
    return (grad_output - output.exp() * grad_output.sum(dim, keepdim=True)).to(input_dtype)


@composite("f")
def _masked_softmax(input, mask, dim=None, mask_type=None):
    """softmax over the elements where a boolean mask is not set; 0 elsewhere."""
    dim = input.ndim - 1 if dim is None else dim
    return _safe_softmax(input.masked_fill(mask, float("-inf")), dim)


# --- slices and copies ----------------------------------------------------------------


@composite("p", name="slice")
def slice_along(input, dim=0, start=None, end=None, step=1):
    """The view `input[..., start:end:step, ...]` along `dim`."""
    check(input.ndim > 0, "slice() cannot be applied to a 0-dim tensor.")
    check(step > 0, "slice step must be positive")
    before = (slice(None),) * wrap_dim(dim, input.ndim)
    return input[(*before, slice(start, end, step))]


ops.slice = slice_along


@composite("f o")
def slice_copy(input, dim=0, start=None, end=None, step=1):
    """A copy of a slice along `dim`."""
    return slice_along(input, dim, start, end, step).clone()


@composite("f m")
def slice_inverse(input, src, dim=0, start=None, end=None, step=1):
    """The tensor that `src` is a slice of: the memory of `src` in the geometry of `input`."""
    return src.as_strided(input.size(), input.stride(), input.storage_offset())


@composite("p")
def alias(input):
    """The tensor again, as a view."""
    return input.view_as(input)


ops.lift_fresh = ops.alias


@composite("p")
def _unsafe_view(input, size):
    """The elements in another shape."""
    return input.reshape(size)


@composite("p")
def _to_copy(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=None,
    non_blocking=False,
    memory_format=None,
):
    """A copy of another dtype or on another device."""
    keywords = {} if memory_format is None else {"memory_format": memory_format}
    return input.to(device or input.device, dtype or input.dtype, copy=True, **keywords)


@composite("p")
def _local_scalar_dense(input):
    """The single element as a Python number."""
    return input.item()


@composite("f o")
def _stack(tensors, dim=0):
    """`stack` of tensors of equal shape."""
    return ops.stack(tensors, dim)


@composite("f o")
def _chunk_cat(tensors, dim, num_chunks):
    """Each tensor cut into `num_chunks` along `dim`, the first padded with zeros, and laid side by
    side: shape (..., num_chunks, total), dimensions after `dim` flattened.
    """
    check(len(tensors) > 0, "_chunk_cat expects a non-empty input tensor list")
    check(num_chunks >= 1, "_chunk_cat expects positive num_chunks")
    check(
        all(t.dtype is tensors[0].dtype for t in tensors),
        "_chunk_cat expects all input tensors with the same dtype",
    )
    check(all(t.numel() > 0 for t in tensors), "_chunk_cat expects non-empty tensor")
    dim = wrap_dim(dim, tensors[0].ndim)
    lead = tensors[0].shape[:dim]
    check(
        all(t.ndim > dim and t.shape[:dim] == lead for t in tensors),
        "_chunk_cat expects same sizes of 0,...,dim-1 dimensions",
    )
    rows = []
    for t in tensors:
        missing = -t.shape[dim] % num_chunks
        padded = ops.constant_pad_nd(t, (0, 0) * (t.ndim - dim - 1) + (0, missing))
        rows.append(padded.reshape(*lead, num_chunks, -1))
    return ops.cat(rows, dim + 1)


# --- indexing without checks ----------------------------------------------------------


@composite("f")
def _unsafe_index(input, indices):
    """Indexing by tensors."""
    return input[_positions(indices)]


@composite("f")
def _unsafe_index_put(input, indices, values, accumulate=False):
    """`index_put`."""
    return ops.index_put(input, tuple(indices), values, accumulate)


def _positions(indices):
    return tuple(slice(None) if i is None else i for i in indices)


def _inside(mask, indices):
    """The indices where the mask is set, 0 elsewhere."""
    return tuple(None if i is None else ops.where(mask, i, 0).to(i.dtype) for i in indices)


@composite("f")
def _unsafe_masked_index(input, mask, indices, fill):
    """Indexing by tensors where the mask is set, `fill` elsewhere."""
    return input[_positions(_inside(mask, indices))].masked_fill(ops.logical_not(mask), fill)


@composite("f")
def _unsafe_masked_index_put_accumulate(input, mask, indices, values):
    """`input` with the values added at the indices where the mask is set."""
    values = values.masked_fill(ops.logical_not(mask), 0)
    return ops.index_put(input, _inside(mask, indices), values, True)


# --- normalisation and dropout --------------------------------------------------------


@composite("f o")
def _native_batch_norm_legit(input, weight, bias, *args):
    """`batch_norm` with the statistics used: (…, running_mean, running_var, training, momentum,
    eps), or (…, training, momentum, eps) without running statistics.
    """
    running = args[:2] if len(args) == 5 else (None, None)
    return ops.native_batch_norm(input, weight, bias, *running, *args[-3:])


@composite("f o")
def _native_batch_norm_legit_no_training(
    input, weight, bias, running_mean, running_var, momentum, eps
):
    """`batch_norm` by running statistics, in the form of `native_batch_norm`."""
    return ops.native_batch_norm(
        input, weight, bias, running_mean, running_var, False, momentum, eps
    )


@composite("p")
def _batch_norm_with_update(input, weight, bias, running_mean, running_var, momentum, eps):
    """`batch_norm` in training, which updates the running statistics: the result, the statistics
    used, and an empty reserve.
    """
    made = ops.native_batch_norm(
        input, weight, bias, running_mean, running_var, True, momentum, eps
    )
    return (*made, ops.empty(0, dtype=dtypes.uint8, device=input.device))


@composite("f")
def native_norm(input, p=2, dim=(), keepdim=False, dtype=None):
    """`norm`."""
    return ops.norm(input, p, tuple(dim) or None, keepdim, dtype=dtype)


@composite("f")
def norm_except_dim(v, pow=2, dim=0):
    """The norm over all dimensions but `dim`, which keep size 1; with dim=-1 of the whole."""
    if dim == -1:
        return ops.norm(v, pow)
    kept = wrap_dim(dim, v.ndim)
    shape = [n if d == kept else 1 for d, n in enumerate(v.shape)]
    return ops.norm(v.transpose(0, kept).reshape(v.shape[kept], -1), pow, 1).reshape(shape)


@composite("f")
def _weight_norm(v, g, dim=0):
    """`v` scaled so that its norm over all dimensions but `dim` is `g`."""
    return v * (g / ops.norm_except_dim(v, 2, dim))


@composite("f")
def _weight_norm_interface(v, g, dim=0):
    """`_weight_norm`, and the norm of `v`."""
    norm = ops.norm_except_dim(v, 2, dim)
    return v * (g / norm), norm


@composite("f o")
def native_dropout(input, p, train):
    """Dropout, and the mask of what was kept; `train` may be None, which means True."""
    if train is False or input.numel() == 0:
        return input.clone(), ops.ones_like(input, dtype=dtypes.bool)
    mask = ops.bernoulli(ops.full_like(input, 1 - p, dtype=dtypes.float64)).to(dtypes.bool)
    return input * mask * (0.0 if p == 1 else 1 / (1 - p)), mask


@composite("p")
def native_dropout_backward(grad_output, mask, scale):
    """The gradient of dropout."""
    return grad_output * (mask.to(grad_output.dtype) * scale)


@composite("p")
def max_pool2d_with_indices_backward(
    grad_output, input, kernel_size, stride, padding, dilation, ceil_mode, indices
):
    """The gradient of max_pool2d: each plane's gradients added at the positions of the maxima."""
    planes = ops.zeros_like(input).flatten(-2)
    added = planes.scatter_add(-1, indices.flatten(-2), grad_output.flatten(-2))
    # In the memory format of the input; with a gradient with respect to it, which is zero.
    nowhere = ops.zeros_like(input, dtype=dtypes.bool)
    return ops.where(nowhere, input, added.reshape(input.shape))


@composite("p")
def threshold_backward(grad_output, input, threshold):
    """The gradient of relu and threshold."""
    return ops.where(input <= threshold, 0.0, grad_output).to(grad_output.dtype)


@composite("p")
def sigmoid_backward(grad_output, output):
    """The gradient of sigmoid, from its result."""
    return grad_output * (output * (1 - output)).conj()


@composite("p")
def tanh_backward(grad_output, output):
    """The gradient of tanh, from its result."""
    return grad_output * (1 - output * output).conj()


@composite("p")
def embedding_dense_backward(
    grad_output, indices, num_weights, padding_idx=-1, scale_grad_by_freq=False
):
    """The gradient of the weight of an embedding."""
    rows = grad_output.reshape(-1, grad_output.shape[-1])
    at = indices.reshape(-1)
    kept = at != padding_idx
    if scale_grad_by_freq:
        rows = rows / ops.bincount(at, minlength=num_weights)[at].unsqueeze(1)
    rows = rows * kept.unsqueeze(1)
    return rows.new_zeros(num_weights, rows.shape[1]).index_add(0, at, rows)


# --- questions and checks -------------------------------------------------------------


@composite("f m")
def _is_all_true(input):
    """True, as a tensor, when every element of a boolean tensor is."""
    check(input.dtype is dtypes.bool, "_is_all_true: expected a boolean tensor")
    return input.all()


@composite("f m")
def _is_any_true(input):
    """True, as a tensor, when an element of a boolean tensor is."""
    check(input.dtype is dtypes.bool, "_is_any_true: expected a boolean tensor")
    return input.any()


@composite("f")
def _shape_as_tensor(input):
    """The shape as a tensor of int64."""
    return ops.tensor(list(input.shape), dtype=dtypes.int64)


@op(SAME, variants="p", grad=False)
def asserted(input: T, message: str):
    """The tensor; raises RuntimeError, when a value is looked at, if its element is zero."""
    check(input.size == 1, "Boolean value of Tensor with more than one value is ambiguous")
    guard(~input.reshape(()).astype(bool), RuntimeError, message)
    return input


@composite("f")
def _assert_async(input, assert_msg="Expected Tensor with single nonzero value, but got zero"):
    """Raise RuntimeError if the single element is zero, at the latest when a value is looked at."""
    ops.asserted(input, assert_msg)


@composite("f")
def _assert_scalar(input, assert_msg):
    """Raise RuntimeError if a number is zero."""
    check(bool(input), assert_msg)


@composite("f")
def _assert_tensor_metadata(a, size=None, stride=None, dtype=None, *, device=None, layout=None):
    """Raise RuntimeError unless the tensor has the given shape, strides, dtype and device."""
    wanted = (("sizes", size, tuple(a.shape)), ("strides", stride, a.stride()))
    for name, given, have in wanted:
        check(given is None or tuple(given) == have, f"Tensor {name} mismatch!")
    check(dtype is None or dtype is a.dtype, "Tensor dtype mismatch!")


@composite("f")
def sym_constrain_range(size, *, min=None, max=None):
    """Raise RuntimeError unless min <= size <= max."""
    low, high = -(1 << 63) if min is None else min, (1 << 63) - 1 if max is None else max
    check(low <= size <= high, f"Invalid value range for {size} between [{low}, {high}].")


@composite("f")
def sym_constrain_range_for_size(size, *, min=None, max=None):
    """Raise RuntimeError unless the size is not negative and min <= size <= max."""
    sym_constrain_range(size, min=0 if min is None else min, max=max)


@composite("p")
def sym_size(input, dim=None):
    """The shape, or the size of one dimension."""
    return input.size() if dim is None else input.size(dim)


@composite("p")
def sym_stride(input, dim=None):
    """The strides, or the stride of one dimension."""
    return input.stride() if dim is None else input.stride(dim)


ops.sym_numel = ops.numel = lambda input: input.numel()
ops.sym_storage_offset = lambda input: input.storage_offset()
