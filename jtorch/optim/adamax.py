"""Adamax."""

from ..ops.registry import ops
from ._check import check_betas, check_lr, check_not_negative, num
from .optimizer import Optimizer, is_low, zeros_like

__all__ = ["Adamax"]


class Adamax(Optimizer):
    """Adam with the infinity norm (Kingma and Ba 2014)."""

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
        check_lr(lr)
        check_not_negative(eps, "epsilon value")
        check_betas(betas)
        check_not_negative(weight_decay, "weight_decay value")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
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
        state["step"] = 0.0
        state["exp_avg"] = zeros_like(param)
        state["exp_inf"] = zeros_like(param)

    def _update(self, group, count, params, grads, states):
        beta1, beta2 = group["betas"]
        count += 1
        averages = [s["exp_avg"] for s in states]
        sizes = [s["exp_inf"] for s in states]
        results = ops.optim_adamax(
            params,
            grads,
            averages,
            sizes,
            num(group["lr"]),
            num(beta1),
            num(beta2),
            num(group["eps"]),
            num(group["weight_decay"]),
            1.0 - float(beta1) ** count,
            low=is_low(beta1),
            decay=group["weight_decay"] != 0,
            maximize=group["maximize"],
        )
        self._write(group, results, params, averages, sizes)
        self._count_step(states, count)
