"""Muon."""

from .._engine.tensor import Tensor
from ..ops.registry import ops
from ._check import num
from .optimizer import Optimizer, is_low

__all__ = ["Muon"]


def _check(lr, momentum, weight_decay, adjust_lr_fn):
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    for label, value in (
        ("Learning rate", lr),
        ("momentum", momentum),
        ("weight decay", weight_decay),
    ):
        if not 0.0 <= value:
            raise ValueError(f"{label} should be >= 0 but is: {value}")
    if adjust_lr_fn not in (None, "original", "match_rms_adamw"):
        raise ValueError(f"Adjust learning rate function {adjust_lr_fn} is not supported")


class Muon(Optimizer):
    """SGD with momentum whose updates are made orthogonal matrices (Jordan et al. 2024).

    Only for matrices. adjust_lr_fn: "original" (Jordan's), or "match_rms_adamw" (Liu et al. 2025).
    """

    _settings = "lr weight_decay momentum nesterov ns_coefficients eps ns_steps adjust_lr_fn"
    _operation = "optim_muon"

    def __init__(
        self,
        params,
        lr=1e-3,
        weight_decay=0.1,
        momentum=0.95,
        nesterov=True,
        ns_coefficients=(3.4445, -4.7750, 2.0315),
        eps=1e-7,
        ns_steps=5,
        adjust_lr_fn=None,
    ):
        _check(lr, momentum, weight_decay, adjust_lr_fn)
        self._configure(params, locals())
        for p in (p for group in self.param_groups for p in group["params"]):
            if p.ndim != 2:
                raise ValueError(
                    "Muon only supports 2D parameters whereas we found a parameter with size: "
                    f"{p.size()}"
                )

    def _buffers(self, group):
        return ("momentum_buffer",)

    def _init_state(self, group, param, state):
        if param.is_complex():
            raise RuntimeError("Muon does not support complex parameters")
        state["momentum_buffer"] = ops.zeros_like(param.grad)

    def _arguments(self, group, count, params, states):
        if group["ns_steps"] >= 100:
            raise ValueError("Number of steps must be less than 100 for computational efficiency")
        if len(group["ns_coefficients"]) != 3:
            raise ValueError("Coefficients must be a tuple of exactly 3 values")
        numbers = [num(group[name]) for name in ("lr", "weight_decay", "momentum")]
        numbers += [num(value) for value in (*group["ns_coefficients"], group["eps"])]
        return numbers, {
            "low": is_low(group["momentum"]),
            "nesterov": group["nesterov"],
            "iterations": group["ns_steps"],
            "adjust": group["adjust_lr_fn"] or "original",
        }
