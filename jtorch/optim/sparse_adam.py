"""Adam for sparse gradients."""

from ..autograd import enable_grad, no_grad
from ..ops.registry import ops
from ..ops.sparse import parts, repacked
from ._check import check_settings, num
from .optimizer import Optimizer

__all__ = ["SparseAdam"]


def with_values(grad, values):
    """A sparse tensor with the indices of a gradient and other values."""
    return repacked(grad._aval, parts(grad), values)


class SparseAdam(Optimizer):
    """Adam (Kingma & Ba 2015) on the rows that have a gradient; those without keep their moments.

    Gradients must be sparse and parameters dense and real. ValueError or RuntimeError otherwise.
    """

    _operation = "optim_sparse_adam"

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
            for (count, _), rows in self._counted(group).items():
                self._update_all(group, count, rows)
        return loss

    def _counted(self, group):
        """(parameter, gradient, state) of those that have a gradient, by the number of the step
        and by device.
        """
        counted = {}
        for p in group["params"]:
            if p.grad is None:
                continue
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
            grad = parts(p.grad.coalesce())
            if grad.values.numel():
                key = float(state["step"]), p._aval.device
                counted.setdefault(key, []).append((p, grad, state))
        return counted

    def _update_all(self, group, count, rows):
        params, grads, states = zip(*rows, strict=True)
        moments = [[s[name] for s in states] for name in ("exp_avg", "exp_avg_sq")]
        beta1, beta2 = group["betas"]
        self._run(
            group,
            (params, *moments),
            params,
            [g.indices[0] for g in grads],
            [g.values for g in grads],
            *moments,
            num(group["lr"]),
            *(beta1, beta2, float(group["eps"]), 1 - beta1**count, 1 - beta2**count),
            maximize=group["maximize"],
        )
