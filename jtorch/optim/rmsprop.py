"""RMSprop."""

from ._check import num
from .optimizer import Optimizer, is_low

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop (Hinton 2012); centered: Graves 2013."""

    _settings = (
        "lr momentum alpha eps centered weight_decay capturable foreach maximize differentiable"
    )
    _operation = "optim_rmsprop"

    def __init__(
        self,
        params,
        lr=1e-2,
        alpha=0.99,
        eps=1e-8,
        weight_decay=0,
        momentum=0,
        centered=False,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        self._configure(params, locals(), "lr eps momentum weight_decay alpha")

    def _buffers(self, group):
        return (
            "square_avg",
            "momentum_buffer" if group["momentum"] > 0 else None,
            "grad_avg" if group["centered"] else None,
        )

    def _arguments(self, group, count, params, states):
        operands = [num(group[n]) for n in ("lr", "alpha", "eps", "weight_decay", "momentum")]
        return operands, {
            "low": is_low(group["alpha"]),
            "decay": group["weight_decay"] != 0,
            "centered": group["centered"],
            "use_momentum": group["momentum"] > 0,
        }
