"""RAdam."""

from ..ops.registry import ops
from ._check import check_betas, check_lr, check_not_negative, num
from .optimizer import Optimizer, is_low, zeros_like

__all__ = ["RAdam"]


class RAdam(Optimizer):
    """Rectified Adam (Liu et al. 2019)."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
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
        defaults = {
            "lr": lr,
            "betas": betas,
            "eps": eps,
            "weight_decay": weight_decay,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "decoupled_weight_decay": decoupled_weight_decay,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("capturable", False)

    def _init_state(self, group, param, state):
        state["step"] = 0.0
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)

    def _update(self, group, count, params, grads, states):
        beta1, beta2 = (float(b) for b in group["betas"])
        count += 1
        correction2 = 1.0 - beta2**count
        # length of the approximated simple moving average, and its limit
        rho_limit = 2 / (1 - beta2) - 1
        rho = rho_limit - 2 * count * beta2**count / correction2
        rectification = 1.0
        if rho > 5.0:
            rectification = (
                (rho - 4) * (rho - 2) * rho_limit / ((rho_limit - 4) * (rho_limit - 2) * rho)
            ) ** 0.5
        averages = [s["exp_avg"] for s in states]
        squares = [s["exp_avg_sq"] for s in states]
        results = ops.optim_radam(
            params,
            grads,
            averages,
            squares,
            num(group["lr"]),
            beta1,
            beta2,
            num(group["eps"]),
            num(group["weight_decay"]),
            1.0 - beta1**count,
            correction2,
            rectification,
            low=is_low(beta1),
            decay=group["weight_decay"] != 0,
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
            rectify=rho > 5.0,
        )
        self._write(group, results, params, averages, squares)
        self._count_step(states, count)
