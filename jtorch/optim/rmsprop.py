"""RMSprop."""

from ..ops.registry import ops
from ._check import check_lr, check_not_negative, num
from .optimizer import Optimizer, is_low, zeros_like

__all__ = ["RMSprop"]


class RMSprop(Optimizer):
    """RMSprop (Hinton 2012); centered: Graves 2013."""

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
        check_lr(lr)
        check_not_negative(eps, "epsilon value")
        check_not_negative(momentum, "momentum value")
        check_not_negative(weight_decay, "weight_decay value")
        check_not_negative(alpha, "alpha value")
        defaults = {
            "lr": lr,
            "momentum": momentum,
            "alpha": alpha,
            "eps": eps,
            "centered": centered,
            "weight_decay": weight_decay,
            "capturable": capturable,
            "foreach": foreach,
            "maximize": maximize,
            "differentiable": differentiable,
        }
        super().__init__(params, defaults)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("momentum", 0)
            group.setdefault("centered", False)
            group.setdefault("foreach", None)
            group.setdefault("maximize", False)
            group.setdefault("differentiable", False)
            group.setdefault("capturable", False)

    def _init_state(self, group, param, state):
        state["step"] = 0.0
        state["square_avg"] = zeros_like(param)
        if group["momentum"] > 0:
            state["momentum_buffer"] = zeros_like(param)
        if group["centered"]:
            state["grad_avg"] = zeros_like(param)

    def _update(self, group, count, params, grads, states):
        use_momentum = group["momentum"] > 0
        centered = group["centered"]
        squares = [s["square_avg"] for s in states]
        means = [s["grad_avg"] for s in states] if centered else []
        buffers = [s["momentum_buffer"] for s in states] if use_momentum else []
        results = ops.optim_rmsprop(
            params,
            grads,
            squares,
            means,
            buffers,
            num(group["lr"]),
            num(group["alpha"]),
            num(group["eps"]),
            num(group["weight_decay"]),
            num(group["momentum"]),
            low=is_low(group["alpha"]),
            decay=group["weight_decay"] != 0,
            maximize=group["maximize"],
            centered=centered,
            use_momentum=use_momentum,
        )
        self._write(group, results, params, squares, means, buffers)
        self._count_step(states, count + 1)
