"""Resilient backpropagation."""

from ..ops.registry import ops
from ._check import num
from .optimizer import Optimizer

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Steps whose sizes grow and shrink with the agreement of gradient signs."""

    _settings = "lr etas step_sizes foreach maximize differentiable capturable"
    _operation = "optim_rprop"

    def __init__(
        self,
        params,
        lr=1e-2,
        etas=(0.5, 1.2),
        step_sizes=(1e-6, 50),
        *,
        capturable=False,
        foreach=None,
        maximize=False,
        differentiable=False,
    ):
        self._configure(params, locals(), "lr etas")

    def _buffers(self, group):
        return "prev", "step_size"

    def _init_state(self, group, param, state):
        super()._init_state(group, param, state)
        lr = float(group["lr"])
        fill = complex(lr, lr) if param.is_complex() else lr
        state["step_size"] = ops.full_like(param.grad, fill)

    def _arguments(self, group, count, params, states):
        return [num(value) for value in (*group["etas"], *group["step_sizes"])], {}
