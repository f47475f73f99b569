"""`torch.masked`: reductions and normalisations that leave elements out.

`mask` is a boolean tensor that broadcasts to `input`; where it is False an element is left out, as
if it were the neutral element of the operation. Without `mask` everything counts.
"""

import math

from .._engine import dtypes
from .._engine.tensor import Tensor
from ..ops import ops

__all__ = [
    "amax", "amin", "argmax", "argmin", "cumprod", "cumsum", "log_softmax", "logaddexp",
    "logsumexp", "mean", "median", "norm", "normalize", "prod", "softmax", "softmin", "std", "sum",
    "var",
]  # fmt: skip


def _mask_for(input, mask):
    """`mask` in the shape of `input`. IndexError for one of more dimensions."""
    if mask.ndim > input.ndim:
        raise IndexError(
            "_input_mask expected broadcastable mask (got mask dimensionality higher than of the "
            "input)"
        )
    mask = mask if mask.dtype is dtypes.bool else mask.bool()
    return mask if mask.shape == input.shape else ops.expand(mask, input.shape)


def _filled(input, mask, neutral):
    """`input` with the neutral element at the places left out."""
    if not isinstance(input, Tensor):
        raise TypeError(f"input must be a Tensor, got {type(input).__name__}")
    if mask is None:
        return input
    return ops.where(_mask_for(input, mask), input, neutral)


def _extreme(input, sign):
    """The least (sign -1) or greatest value of the input's dtype."""
    if input.dtype.kind in "fc":
        return sign * math.inf
    if input.dtype.kind == "b":
        return sign > 0
    bits = 8 * input.dtype.itemsize
    if input.dtype.kind == "u":
        return 2**bits - 1 if sign > 0 else 0
    return 2 ** (bits - 1) - 1 if sign > 0 else -(2 ** (bits - 1))


def _scalar(input, value):
    """`value` as a tensor of the input's dtype, so that filling in does not promote."""
    return ops.full((), value, dtype=input.dtype, device=input.device)


def _dims(input, dim):
    """`dim` as a sorted tuple; None and () are all dimensions."""
    n = max(input.ndim, 1)
    if dim is None or dim == ():
        return tuple(range(input.ndim))
    given = (dim,) if isinstance(dim, int) else tuple(dim)
    for i, d in enumerate(given):
        if d in given[:i]:
            raise RuntimeError(f"dim={d} appears multiple times in the list of dims")
        if not -n <= d < n:
            raise IndexError(
                f"Dimension out of range (expected to be in range of [{-n}, {n - 1}], but got {d})"
            )
    return tuple(sorted(d % n for d in given))


def _summed_dtype(input, dtype):
    return dtypes.int64 if dtype is None and input.dtype.kind in "bui" else dtype or input.dtype


def sum(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The sum over `dim` of what `mask` leaves in; 0 where that is nothing."""
    dtype = _summed_dtype(input, dtype)
    kept = _filled(input, mask, _scalar(input, 0))
    return ops.sum(kept, _dims(input, dim), bool(keepdim), dtype=dtype)


def prod(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The product over `dim` of what `mask` leaves in; 1 where that is nothing."""
    result = _filled(input, mask, _scalar(input, 1))
    for d in reversed(_dims(input, dim)):
        result = ops.prod(result, d, bool(keepdim))
    # without a dtype, that of `prod`, which autocast makes float32
    return result if dtype is None else result.to(dtype)


def cumsum(input, dim, *, dtype=None, mask=None):
    """Running sums along `dim`; what is left out adds 0."""
    (dim,) = _dims(input, dim)
    return ops.cumsum(_filled(input, mask, _scalar(input, 0)), dim, dtype=dtype or input.dtype)


def cumprod(input, dim, *, dtype=None, mask=None):
    """Running products along `dim`; what is left out multiplies by 1."""
    (dim,) = _dims(input, dim)
    return ops.cumprod(_filled(input, mask, _scalar(input, 1)), dim, dtype=dtype or input.dtype)


def amax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The maximum over `dim`; the least value of the dtype where nothing is left in."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, -1)))
    return ops.amax(kept, _dims(input, dim), bool(keepdim)).to(dtype or input.dtype)


def amin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The minimum over `dim`; the greatest value of the dtype where nothing is left in."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, 1)))
    return ops.amin(kept, _dims(input, dim), bool(keepdim)).to(dtype or input.dtype)


def argmax(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The position of the maximum, in the input's dtype unless `dtype` says otherwise."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, -1)))
    return ops.argmax(kept, dim, bool(keepdim)).to(dtype or input.dtype)


def argmin(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The position of the minimum, in the input's dtype unless `dtype` says otherwise."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, 1)))
    return ops.argmin(kept, dim, bool(keepdim)).to(dtype or input.dtype)


def _count(input, dim, keepdim, mask):
    return sum(_input_mask(input, mask=mask), dim, keepdim=keepdim)


def mean(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The mean over `dim` of what `mask` leaves in; NaN where that is nothing.

    ValueError for a dtype that is neither floating-point nor complex.
    """
    source = "Input" if dtype is None else "Optional"
    dtype = dtype or input.dtype
    if dtype.kind not in "fc":
        raise ValueError(
            f"mean(): Could not infer output dtype. {source} dtype must be either a floating "
            f"point or complex dtype. Got: {dtype}"
        )
    total = sum(input, dim, keepdim=keepdim, dtype=dtype, mask=mask)
    return total / _count(input, dim, keepdim, mask)


def median(input, dim=-1, *, keepdim=False, dtype=None, mask=None):
    """The lower median along `dim` of what `mask` leaves in; NaN where that is nothing.

    ValueError when that happens to integers.
    """
    floating = input.dtype.is_floating_point
    values = input if floating else input.to(dtypes.float32)
    kept = _filled(values, mask, _scalar(values, math.nan))
    result = ops.nanmedian(kept, _dims(input, dim)[0], keepdim)[0]
    if floating:
        return result
    if ops.isnan(result).any():
        raise ValueError(
            "masked median expects no fully masked out rows if dtype is not floating point"
        )
    return result.to(dtype or input.dtype)


def logsumexp(input, dim=None, *, keepdim=False, dtype=None, mask=None):
    """log(sum(exp(input))) over `dim` of what `mask` leaves in."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, -1)))
    return ops.logsumexp(kept, _dims(input, dim), keepdim).to(dtype or input.dtype)


def logaddexp(input, other, *, dtype=None, input_mask=None, other_mask=None):
    """log(exp(input) + exp(other)), of either what its mask leaves in."""
    a = _filled(input, input_mask, _scalar(input, _extreme(input, -1)))
    b = _filled(other, other_mask, _scalar(other, _extreme(other, -1)))
    return ops.logaddexp(a, b).to(dtype or input.dtype)


def norm(input, ord=2.0, dim=None, *, keepdim=False, dtype=None, mask=None):
    """The vector norm of order `ord` over `dim` of what `mask` leaves in."""
    neutral = math.inf if ord == -math.inf else 0
    kept = _filled(input, mask, _scalar(input, neutral))
    dims = _dims(input, dim)
    return ops.vector_norm(kept, ord, dims, bool(keepdim), dtype=dtype or input.dtype)


def _spread(input, dim, unbiased, correction, keepdim, dtype, mask):
    """The variance over `dim` of what `mask` leaves in."""
    if unbiased is not None and correction is not None:
        raise AssertionError("Only one of unbiased and correction may be given")
    if correction is None:
        correction = 0.0 if unbiased is False else 1.0
    dtype = dtype or (input.dtype if input.dtype.kind in "fc" else dtypes.float32)
    # An integer `dtype` is only what the result is cast to.
    compute = dtype if dtype.kind in "fc" else dtypes.float32
    centre = sum(input, dim, keepdim=True, dtype=dtype, mask=mask) / _count(input, dim, True, mask)
    gap = input - centre
    total = sum(gap * gap.conj(), dim, keepdim=keepdim, dtype=compute, mask=mask)
    count = _count(input, dim, keepdim, mask)
    if correction:
        real = dtypes.float64 if compute in (dtypes.complex128, dtypes.float64) else compute
        real = dtypes.float32 if compute is dtypes.complex64 else real
        count = ops.clamp_min(count.to(real) - correction, 0)
    return (total / count).to(dtype)


def var(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The variance over `dim` of what `mask` leaves in, over the count less `correction` (1)."""
    return _spread(input, dim, unbiased, correction, keepdim, dtype, mask)


def std(input, dim=None, unbiased=None, *, correction=None, keepdim=False, dtype=None, mask=None):
    """The standard deviation over `dim` of what `mask` leaves in."""
    return ops.sqrt(_spread(input, dim, unbiased, correction, keepdim, dtype, mask))


def softmax(input, dim, *, dtype=None, mask=None):
    """Softmax along `dim`; what is left out gets 0."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, -1)))
    return ops.softmax(kept, _dims(input, dim)[0], dtype=dtype or input.dtype)


def log_softmax(input, dim, *, dtype=None, mask=None):
    """Logarithm of softmax along `dim`; what is left out gets -inf."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, -1)))
    return ops.log_softmax(kept, _dims(input, dim)[0], dtype=dtype or input.dtype)


def softmin(input, dim, *, dtype=None, mask=None):
    """Softmax of the negated input along `dim`; what is left out gets 0."""
    kept = _filled(input, mask, _scalar(input, _extreme(input, 1)))
    return ops.softmax(-kept, _dims(input, dim)[0], dtype=dtype or input.dtype)


def normalize(input, ord, dim, *, eps=1e-12, dtype=None, mask=None):
    """`input` divided by its norm along `dim`, which is at least `eps`; what is left out gets 0."""
    length = norm(input, ord, dim, keepdim=True, dtype=dtype, mask=mask)
    kept = _filled(input, mask, _scalar(input, 0))
    return kept / ops.maximum(length, _scalar(length, eps))


_KEEP_SHAPE = {"softmax", "log_softmax", "softmin", "normalize", "cumsum", "cumprod"}


def _input_mask(input, *args, mask=None, **kwargs):
    """The mask of an operation's input, in its shape."""
    if mask is None:
        return ops.ones(input.shape, dtype=dtypes.bool, device=input.device)
    return _mask_for(input, mask)


def _output_mask(op, input, *args, **kwargs):
    """Which results of a masked operation something went into."""
    present = _input_mask(input, *args, **kwargs)
    if op.__name__ in _KEEP_SHAPE:
        return present
    if op is norm:
        args = args[1:]
    dim = args[0] if args else kwargs.get("dim", -1 if op is median else None)
    for d in reversed(_dims(input, dim)):
        present = ops.any(present, d, bool(kwargs.get("keepdim", False)))
    return present
