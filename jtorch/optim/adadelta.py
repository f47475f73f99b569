"""Adadelta."""

from ._check import num
from .optimizer import Optimizer

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012)."""

    _settings = "lr rho eps weight_decay maximize capturable foreach differentiable"
    _operation = "optim_adadelta"

    def __init__(
        self,
        params,
        lr=1.0,
        rho=0.9,
        eps=1e-6,
        weight_decay=0,
        foreach=None,
        *,
        capturable=False,
        maximize=False,
        differentiable=False,
    ):
        self._configure(params, locals(), "lr rho eps weight_decay")

    def _buffers(self, group):
        return "square_avg", "acc_delta"

    def _arguments(self, group, count, params, states):
        operands = [num(group[name]) for name in ("lr", "rho", "eps", "weight_decay")]
        return operands, {"decay": group["weight_decay"] != 0}
