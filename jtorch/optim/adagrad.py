"""Adagrad."""

from ..ops.registry import ops
from ._check import check_fused, check_lr, check_not_negative, num
from ._state import ParamState
from .optimizer import Optimizer

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011)."""

    def __init__(
        self,
        params,
        lr=1e-2,
        lr_decay=0,
        weight_decay=0,
        initial_accumulator_value=0,
        eps=1e-10,
        foreach=None,
        *,
        maximize=False,
        differentiable=False,
        fused=None,
    ):
        check_lr(lr)
        check_not_negative(lr_decay, "lr_decay value")
        check_not_negative(weight_decay, "weight_decay value")
        check_not_negative(initial_accumulator_value, "initial_accumulator_value value")
        check_not_negative(eps, "epsilon value")
        defaults = {
            "lr": lr,
            "lr_decay": lr_decay,
            "eps": eps,
            "weight_decay": weight_decay,
            "initial_accumulator_value": initial_accumulator_value,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
            "fused": fused,
        }
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)
        # torch makes this optimiser's state at once
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p] = ParamState()
                self._init_state(group, p, state)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("fused", None)

    def share_memory(self):
        """Put the sums into shared memory."""
        for group in self.param_groups:
            for p in group["params"]:
                self.state[p]["sum"].share_memory_()

    def _init_state(self, group, param, state):
        value = group["initial_accumulator_value"]
        state["step"] = 0.0
        fill = complex(value, value) if param.is_complex() else value
        state["sum"] = ops.full_like(param.detach(), fill)

    def _update(self, group, count, params, grads, states):
        count += 1
        sums = [s["sum"] for s in states]
        results = ops.optim_adagrad(
            params,
            grads,
            sums,
            num(group["lr"]),
            num(group["eps"]),
            num(group["weight_decay"]),
            1 + (count - 1) * float(group["lr_decay"]),
            decay=group["weight_decay"] != 0,
            maximize=group["maximize"],
        )
        self._write(group, results, params, sums)
        self._count_step(states, count)
