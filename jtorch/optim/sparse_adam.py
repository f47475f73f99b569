"""Adam for sparse gradients."""

import math

from ..autograd import enable_grad, no_grad
from ..ops.registry import ops
from ..ops.sparse import parts, repacked
from ._check import check_settings
from .optimizer import Optimizer

__all__ = ["SparseAdam"]


def with_values(grad, values):
    """A sparse tensor with the indices of a gradient and other values."""
    return repacked(grad._aval, parts(grad), values)


class SparseAdam(Optimizer):
    """Adam (Kingma & Ba 2015) on the rows that have a gradient; those without keep their moments.

    Gradients must be sparse and parameters dense and real. ValueError or RuntimeError otherwise.
    """

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        defaults = {"lr": lr, "betas": betas, "eps": eps, "maximize": maximize}
        check_settings(defaults, ("lr",))
        # Unlike in the other optimisers zero is refused.
        if not lr > 0.0:
            raise ValueError(f"Invalid learning rate: {lr}")
        if not eps > 0.0:
            raise ValueError(f"Invalid epsilon value: {eps}")
        check_settings(defaults, ("betas",))
        super().__init__(params, defaults)
        self._refuse(lambda p: p.is_sparse, "Sparse", "requires dense parameter tensors")
        self._refuse(lambda p: p.is_complex(), "Complex", "does not support complex parameters")

    def _refuse(self, unfit, kind, why):
        found = [
            [i, j]
            for i, group in enumerate(self.param_groups)
            for j, p in enumerate(group["params"])
            if unfit(p)
        ]
        if found:
            raise ValueError(f"{kind} params at indices {found}: SparseAdam {why}")

    @no_grad()
    def step(self, closure=None):
        """Do one optimisation step; `closure` recomputes the loss, which is returned."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        for group in self.param_groups:
            for p in group["params"]:
                if p.grad is not None:
                    self._step_one(group, p)
        return loss

    def _step_one(self, group, p):
        if not p.grad.is_sparse:
            raise RuntimeError(
                "SparseAdam does not support dense gradients, please consider Adam instead"
            )
        state = self.state[p]
        if not state:
            state["step"] = 0
            state["exp_avg"] = ops.zeros_like(p)
            state["exp_avg_sq"] = ops.zeros_like(p)
        state["step"] += 1
        grad = (-p.grad if group["maximize"] else p.grad).coalesce()
        values = parts(grad).values
        if not values.numel():
            return
        beta1, beta2 = group["betas"]
        mean = _moved(state["exp_avg"], grad, values, beta1)
        square = _moved(state["exp_avg_sq"], grad, values * values, beta2)
        corrections = [1 - b ** state["step"] for b in (beta1, beta2)]
        rate = float(group["lr"]) * math.sqrt(corrections[1]) / corrections[0]
        p.add_(with_values(grad, mean / (square.sqrt() + group["eps"]) * -rate))


def _moved(moment, grad, target, beta):
    """Move a moment towards `target` where there is a gradient. Returns its new values there."""
    old = parts(moment.sparse_mask(grad)).values
    change = (target - old) * (1 - beta)
    moment.add_(with_values(grad, change))
    return old + change
