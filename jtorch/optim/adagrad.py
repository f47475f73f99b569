"""Adagrad."""

from ..ops.registry import ops
from ..ops.sparse import parts
from ._check import num
from ._state import ParamState
from .optimizer import Optimizer
from .sparse_adam import with_values

__all__ = ["Adagrad"]


class Adagrad(Optimizer):
    """Adagrad (Duchi et al. 2011)."""

    _settings = (
        "lr lr_decay eps weight_decay initial_accumulator_value foreach maximize differentiable "
        "fused"
    )
    _operation = "optim_adagrad"
    _takes_sparse = True

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
        self._configure(params, locals(), "lr lr_decay weight_decay initial_accumulator_value eps")
        # torch makes this optimiser's state at once
        for group in self.param_groups:
            for p in group["params"]:
                state = self.state[p] = ParamState()
                self._init_state(group, p, state)

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

    def _buffers(self, group):
        return ("sum",)

    def _arguments(self, group, count, params, states):
        operands = [num(group[name]) for name in ("lr", "eps", "weight_decay")]
        slowdown = 1 + (count - 1) * float(group["lr_decay"])
        return (*operands, slowdown), {"decay": group["weight_decay"] != 0}

    def _update_sparse(self, group, param, state):
        """The same on the elements that have a gradient."""
        if group["weight_decay"] != 0:
            raise RuntimeError("weight_decay option is not compatible with sparse gradients")
        count = state.number("step") + 1
        state.set_number("step", count)
        grad = (-param.grad if group["maximize"] else param.grad).coalesce()
        values = parts(grad).values
        state["sum"].add_(with_values(grad, values * values))
        root = parts(state["sum"].sparse_mask(grad)).values.sqrt() + group["eps"]
        rate = num(group["lr"]) / (1 + (count - 1) * float(group["lr_decay"]))
        param.add_(with_values(grad, values / root * -rate))
