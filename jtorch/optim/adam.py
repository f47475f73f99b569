"""Adam and AdamW."""

from .._engine.tensor import Tensor
from ..ops.registry import ops
from ._check import check_betas, check_fused, check_lr, check_not_negative, num
from .optimizer import Optimizer, is_low, zeros_like

__all__ = ["Adam", "AdamW"]


def _check_beta_kinds(betas):
    if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
        raise ValueError("betas must be either both floats or both Tensors")
    for i in (0, 1):
        if isinstance(betas[i], Tensor) and betas[i].numel() != 1:
            raise ValueError(f"Tensor betas[{i}] must be 1-element")


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014); amsgrad: Reddi et al. 2018."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        amsgrad=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
        fused=None,
        decoupled_weight_decay=False,
    ):
        check_lr(lr, foreach, capturable)
        check_not_negative(eps, "epsilon value")
        check_betas(betas)
        check_not_negative(weight_decay, "weight_decay value")
        _check_beta_kinds(betas)
        defaults = {
            "lr": lr,
            "betas": tuple(b.item() if isinstance(b, Tensor) else b for b in betas),
            "eps": eps,
            "weight_decay": weight_decay,
            "amsgrad": amsgrad,
            "maximize": maximize,
            "foreach": foreach,
            "capturable": capturable,
            "differentiable": differentiable,
            "fused": fused,
            "decoupled_weight_decay": decoupled_weight_decay,
        }
        super().__init__(params, defaults)
        check_fused(fused, foreach, differentiable)

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group.setdefault("amsgrad", False)
            group.setdefault("maximize", False)
            group.setdefault("foreach", None)
            group.setdefault("capturable", False)
            group.setdefault("differentiable", False)
            group.setdefault("decoupled_weight_decay", False)
            group.setdefault("fused", None)

    def _init_state(self, group, param, state):
        state["step"] = 0.0
        state["exp_avg"] = zeros_like(param)
        state["exp_avg_sq"] = zeros_like(param)
        if group["amsgrad"]:
            state["max_exp_avg_sq"] = zeros_like(param)

    def _update(self, group, count, params, grads, states):
        beta1, beta2 = group["betas"]
        amsgrad = group["amsgrad"]
        count += 1
        lists = [params, [s["exp_avg"] for s in states], [s["exp_avg_sq"] for s in states]]
        largest = [s["max_exp_avg_sq"] for s in states] if amsgrad else []
        results = ops.optim_adam(
            params,
            grads,
            lists[1],
            lists[2],
            largest,
            num(group["lr"]),
            num(beta1),
            num(beta2),
            num(group["eps"]),
            num(group["weight_decay"]),
            1.0 - beta1**count,
            1.0 - beta2**count,
            low=is_low(beta1),
            decay=group["weight_decay"] != 0,
            decoupled=group["decoupled_weight_decay"],
            maximize=group["maximize"],
            amsgrad=amsgrad,
        )
        self._write(group, results, *lists, largest)
        self._count_step(states, count)


class AdamW(Adam):
    """Adam with weight decay of the parameters themselves (Loshchilov and Hutter 2017)."""

    def __init__(
        self,
        params,
        lr=1e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=1e-2,
        amsgrad=False,
        *,
        maximize=False,
        foreach=None,
        capturable=False,
        differentiable=False,
        fused=None,
    ):
        super().__init__(
            params,
            lr,
            betas,
            eps,
            weight_decay,
            amsgrad,
            foreach=foreach,
            maximize=maximize,
            capturable=capturable,
            differentiable=differentiable,
            fused=fused,
            decoupled_weight_decay=True,
        )

    def __setstate__(self, state):
        super().__setstate__(state)
        for group in self.param_groups:
            group["decoupled_weight_decay"] = True
