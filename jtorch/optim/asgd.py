"""Averaged stochastic gradient descent."""

import numpy as np

from .._engine.dtypes import float32
from ..ops.registry import ops
from ._check import check_lr, check_not_negative, num
from ._state import number_dtype
from .optimizer import Optimizer, zeros_like

__all__ = ["ASGD"]


def _rounded(value):
    """torch keeps these numbers in float32 tensors."""
    return float(np.float32(value)) if number_dtype() is float32 else value


class ASGD(Optimizer):
    """SGD that also keeps the average of the iterates (Polyak and Juditsky 1992)."""

    def __init__(
        self,
        params,
        lr=1e-2,
        lambd=1e-4,
        alpha=0.75,
        t0=1e6,
        weight_decay=0,
        foreach=None,
        maximize=False,
        differentiable=False,
        capturable=False,
    ):
        check_lr(lr)
        check_not_negative(weight_decay, "weight_decay value")
        defaults = {
            "lr": lr,
            "lambd": lambd,
            "alpha": alpha,
            "t0": t0,
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
        state["eta"] = _rounded(float(group["lr"]))
        state["mu"] = 1.0
        state["ax"] = zeros_like(param)

    def _update(self, group, count, params, grads, states):
        eta = states[0].number("eta")
        mu = states[0].number("mu")
        averages = [s["ax"] for s in states]
        results = ops.optim_asgd(
            params,
            grads,
            averages,
            num(group["weight_decay"]),
            num(group["lambd"]),
            eta,
            mu,
            decay=group["weight_decay"] != 0,
            maximize=group["maximize"],
            averaging=mu != 1,
        )
        self._write(group, results, params, averages)
        count += 1
        lr = float(group["lr"])
        eta = _rounded(lr / ((1 + group["lambd"] * lr * count) ** group["alpha"]))
        mu = _rounded(1 / max(1, count - group["t0"]))
        self._count_step(states, count)
        for state in states:
            state.set_number("eta", eta)
            state.set_number("mu", mu)
