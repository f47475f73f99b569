"""Checks that libraries borrow from `torch.nn.functional` under private names."""

import math
import warnings

from .._engine.tensor import Tensor
from ..ops.activation import implicit_dim
from ..ops.attention import as_float_mask

_get_softmax_dim = implicit_dim


def _none_or_dtype(input):
    """The dtype of a tensor, or None. Raises RuntimeError for something else."""
    if input is None:
        return None
    if not isinstance(input, Tensor):
        raise RuntimeError("input to _none_or_dtype() must be None or torch.Tensor")
    return input.dtype


def _canonical_mask(mask, mask_name, other_type, other_name, target_type, check_other=True):
    """A mask as one to be added: True becomes -inf. Warns when it and another one differ in dtype.

    Raises AssertionError for a mask that is neither boolean nor floating.
    """
    if mask is None:
        return None
    added = as_float_mask(mask, target_type, mask_name)
    if check_other and other_type not in (None, mask.dtype):
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=2,
        )
    return added


def _verify_batch_size(size):
    """Raise ValueError when a batch norm in training would see one value per channel."""
    if math.prod((size[0], *size[2:])) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )
