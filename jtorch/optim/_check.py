"""Checks of settings that optimisers share, with torch's words."""

from .._engine.tensor import Tensor


def num(value):
    """A setting as an operation takes it: a Python float, or a 0-dim tensor."""
    if not isinstance(value, Tensor):
        return float(value)
    return value.reshape(()) if value.ndim else value


def check_settings(settings, names):
    """Check those settings whose names are given, in that order. Raises ValueError."""
    for name in names:
        _CHECKS[name](settings[name], settings)


def _check_lr(lr, settings):
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    _check_not_negative(lr, "learning rate")


def _check_not_negative(value, label):
    # NaN is refused as well
    if not 0.0 <= value:
        raise ValueError(f"Invalid {label}: {value}")


def _not_negative(label):
    return lambda value, settings: _check_not_negative(value, label)


def _check_betas(betas, settings):
    for i in (0, 1):
        if not 0.0 <= betas[i] < 1.0:
            raise ValueError(f"Invalid beta parameter at index {i}: {betas[i]}")


def _check_rho(rho, settings):
    if not 0.0 <= rho <= 1.0:
        raise ValueError(f"Invalid rho value: {rho}")


def _check_etas(etas, settings):
    if not 0.0 < etas[0] < 1.0 < etas[1]:
        raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")


_CHECKS = {
    "lr": _check_lr,
    "eps": _not_negative("epsilon value"),
    "betas": _check_betas,
    "rho": _check_rho,
    "etas": _check_etas,
    **{
        name: _not_negative(f"{name} value")
        for name in (
            "alpha",
            "initial_accumulator_value",
            "lr_decay",
            "momentum",
            "momentum_decay",
            "weight_decay",
        )
    },
}


def check_fused(settings):
    """Raise RuntimeError for combinations that torch refuses. Fusing itself is XLA's business."""
    if not settings.get("fused"):
        return
    if settings["differentiable"]:
        raise RuntimeError("`fused` does not support `differentiable`")
    if settings["foreach"]:
        raise RuntimeError("`fused` and `foreach` cannot be `True` together.")
