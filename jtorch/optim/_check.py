"""Checks of settings that optimisers share, with torch's words."""

from .._engine.tensor import Tensor


def num(value):
    """A setting as an operation takes it: a Python float, or a tensor as it is."""
    return value if isinstance(value, Tensor) else float(value)


def check_lr(lr, foreach=False, capturable=False):
    """Raise ValueError unless `lr` is a number >= 0, or a tensor of one element."""
    if isinstance(lr, Tensor):
        if foreach and not capturable:
            raise ValueError(
                "lr as a Tensor is not supported for capturable=False and foreach=True"
            )
        if lr.numel() != 1:
            raise ValueError("Tensor lr must be 1-element")
    check_not_negative(lr, "learning rate")


def check_not_negative(value, label):
    """Raise ValueError unless value >= 0 (NaN is refused as well)."""
    if not 0.0 <= value:
        raise ValueError(f"Invalid {label}: {value}")


def check_betas(betas):
    """Raise ValueError unless both lie in [0, 1)."""
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def check_fused(fused, foreach, differentiable):
    """Raise RuntimeError for combinations that torch refuses. Fusing itself is XLA's business."""
    if not fused:
        return
    if differentiable:
        raise RuntimeError("`fused` does not support `differentiable`")
    if foreach:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
