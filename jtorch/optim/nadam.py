"""NAdam."""

import numpy as np

from .._engine.dtypes import float32
from ..ops.registry import ops
from ._check import check_betas, check_lr, check_not_negative, num
from ._state import number_dtype
from .optimizer import Optimizer, is_low, zeros_like

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016)."""

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        check_lr(lr)
        check_not_negative(eps, "epsilon value")
        check_betas(betas)
        check_not_negative(weight_decay, "weight_decay value")
        check_not_negative(momentum_decay, "momentum_decay value")
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "momentum_decay": momentum_decay,
            "decoupled_weight_decay": decoupled_weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)

    def _init_state(self, group, param, state):
        state["step"] = 0.0
        state["mu_product"] = 1.0
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _update(self, group, count, params, grads, states):
        beta1, beta2 = (float(b) for b in group["betas"])
        count += 1
        decay = group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (count * decay)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((count + 1) * decay)))
        product = states[0].number("mu_product") * mu
        if number_dtype() is float32:
            # torch keeps the product as a float32 tensor
            product = float(np.float32(states[0].number("mu_product")) * np.float32(mu))
        averages = [s["exp_avg"] for s in states]
        squares = [s["exp_avg_sq"] for s in states]
        results = ops.optim_nadam(
            params,
            grads,
            averages,
            squares,
            num(group["lr"]),
            beta1,
            beta2,
            num(group["eps"]),
            num(group["weight_decay"]),
            1.0 - beta2**count,
            (1.0 - mu) / (1.0 - product),
            mu_next / (1.0 - product * mu_next),
            low=is_low(beta1),
            decay=group["weight_decay"] != 0,
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
        )
        self._write(group, results, params, averages, squares)
        self._count_step(states, count)
        for state in states:
            state.set_number("mu_product", product)
