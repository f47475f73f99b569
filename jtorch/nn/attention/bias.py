"""`torch.nn.attention.bias`: causal masks for queries and keys of different numbers."""

from ...ops.causal_bias import CausalBias, CausalVariant

__all__ = ["CausalBias", "CausalVariant", "causal_lower_right", "causal_upper_left"]


def causal_upper_left(*size):
    """A causal mask (queries, keys) whose diagonal starts in the upper left corner."""
    if len(size) != 2:
        raise AssertionError("causal_upper_left only supports 2D tensors")
    return CausalBias(CausalVariant.UPPER_LEFT, *size)


def causal_lower_right(*size):
    """A causal mask (queries, keys) whose diagonal ends in the lower right corner."""
    if len(size) != 2:
        raise AssertionError("causal_lower_right only supports 2D tensors")
    return CausalBias(CausalVariant.LOWER_RIGHT, *size)
