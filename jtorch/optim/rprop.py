"""Resilient backpropagation."""

from ..ops.registry import ops
from ._check import check_lr, num
from .optimizer import Optimizer, zeros_like

__all__ = ["Rprop"]


class Rprop(Optimizer):
    """Steps whose sizes grow and shrink with the agreement of gradient signs."""

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
        check_lr(lr)
        if not 0.0 < etas[0] < 1.0 < etas[1]:
            raise ValueError(f"Invalid eta values: {etas[0]}, {etas[1]}")
        defaults = {
            "lr": lr,
            "etas": etas,
            "step_sizes": step_sizes,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "capturable": capturable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("capturable", False)

    def _init_state(self, group, param, state):
        lr = float(group["lr"])
        state["step"] = 0.0
        state["prev"] = zeros_like(param)
        fill = complex(lr, lr) if param.is_complex() else lr
        state["step_size"] = ops.full_like(param.grad, fill)

    def _update(self, group, count, params, grads, states):
        prevs = [s["prev"] for s in states]
        sizes = [s["step_size"] for s in states]
        results = ops.optim_rprop(
            params,
            grads,
            prevs,
            sizes,
            *(num(eta) for eta in group["etas"]),
            *(num(size) for size in group["step_sizes"]),
            maximize=group["maximize"],
        )
        self._write(group, results, params, prevs, sizes)
        self._count_step(states, count + 1)
