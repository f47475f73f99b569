"""Adadelta."""

from ..ops.registry import ops
from ._check import check_lr, check_not_negative, num
from .optimizer import Optimizer, zeros_like

__all__ = ["Adadelta"]


class Adadelta(Optimizer):
    """Adadelta (Zeiler 2012)."""

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
        check_lr(lr)
        if not 0.0 <= rho <= 1.0:
            raise ValueError(f"Invalid rho value: {rho}")
        check_not_negative(eps, "epsilon value")
        check_not_negative(weight_decay, "weight_decay value")
        defaults = {
            "lr": lr,
            "rho": rho,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "capturable": capturable,
            "foreach": foreach,
            "differentiable": differentiable,
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
        state["step"] = 0.0
        state["square_avg"] = zeros_like(param)
        state["acc_delta"] = zeros_like(param)

    def _update(self, group, count, params, grads, states):
        squares = [s["square_avg"] for s in states]
        deltas = [s["acc_delta"] for s in states]
        results = ops.optim_adadelta(
            params,
            grads,
            squares,
            deltas,
            num(group["lr"]),
            num(group["rho"]),
            num(group["eps"]),
            num(group["weight_decay"]),
            decay=group["weight_decay"] != 0,
            maximize=group["maximize"],
        )
        self._write(group, results, params, squares, deltas)
        self._count_step(states, count + 1)
