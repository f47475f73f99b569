"""Checks that libraries borrow from `torch.nn.functional` under private names."""

import math
import warnings

from .._engine.tensor import Tensor
from ..ops.registry import ops


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
    floating = mask.dtype.is_floating_point
    if not floating and mask.dtype.kind != "b":
        raise AssertionError(f"only bool and floating types of {mask_name} are supported")
    if check_other and other_type not in (None, mask.dtype):
        warnings.warn(
            f"Support for mismatched {mask_name} and {other_name} is deprecated. "
            "Use same type for both instead.",
            stacklevel=2,
        )
    return (
        mask if floating else ops.zeros_like(mask, dtype=target_type).masked_fill_(mask, -math.inf)
    )


def _get_softmax_dim(name, ndim, stacklevel):
    """The dimension of a softmax that was given none, with a warning."""
    warnings.warn(
        f"Implicit dimension choice for {name} has been deprecated. Change the call to include "
        "dim=X as an argument.",
        stacklevel=stacklevel,
    )
    return 0 if ndim in (0, 1, 3) else 1


def _verify_batch_size(size):
    """Raise ValueError when a batch norm in training would see one value per channel."""
    if math.prod((size[0], *size[2:])) == 1:
        raise ValueError(
            f"Expected more than 1 value per channel when training, got input size {size}"
        )
