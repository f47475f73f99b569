"""Adamax."""

from ._check import num
from .optimizer import Optimizer, is_low

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma and Ba 2014)."""

    _settings = "lr betas eps weight_decay foreach maximize differentiable capturable"
    _operation = "optim_adamax"

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        self._configure(params, locals(), "lr eps betas weight_decay")

    def _buffers(self, group):
        return "exp_avg", "exp_inf"

    def _arguments(self, group, count, params, states):
        beta1, beta2 = (float(b) for b in group["betas"])
        lr, eps, decay = (num(group[name]) for name in ("lr", "eps", "weight_decay"))
        operands = lr, beta1, beta2, eps, decay, 1.0 - beta1**count
        return operands, {"low": is_low(beta1), "decay": group["weight_decay"] != 0}
