"""Averaged stochastic gradient descent."""

from ._check import num
from ._state import rounded
from .optimizer import Optimizer

__all__ = ["ASGD"]


class ASGD(Optimizer):
    """SGD that also keeps the average of the iterates (Polyak and Juditsky 1992)."""

    _settings = "lr lambd alpha t0 weight_decay foreach maximize differentiable capturable"
    _operation = "optim_asgd"
    _captured = "params, mus, etas, and state_steps"

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
        self._configure(params, locals(), "lr weight_decay")

    def _buffers(self, group):
        return ("ax",)

    def _init_state(self, group, param, state):
        state["step"] = 0.0
        state["eta"] = rounded(float(group["lr"]))
        state["mu"] = 1.0
        super()._init_state(group, param, state)

    def _arguments(self, group, count, params, states):
        eta, mu = (states[0].number(name) for name in ("eta", "mu"))
        operands = num(group["weight_decay"]), num(group["lambd"]), eta, mu
        lr = float(group["lr"])
        for state in states:
            state.set_number(
                "eta", rounded(lr / ((1 + group["lambd"] * lr * count) ** group["alpha"]))
            )
            state.set_number("mu", rounded(1 / max(1, count - group["t0"])))
        return operands, {"decay": group["weight_decay"] != 0, "averaging": mu != 1}
