"""Adam."""

from .._engine.tensor import Tensor
from ._check import num
from .optimizer import Optimizer, is_low

__all__ = ["Adam"]


def _check_tensor(name, value, foreach):
    if not isinstance(value, Tensor):
        return
    if foreach:
        raise ValueError(
            f"{name} as a Tensor is not supported for capturable=False and foreach=True"
        )
    if value.numel() != 1:
        raise ValueError(f"Tensor {name} must be 1-element")


class Adam(Optimizer):
    """Adam (Kingma and Ba 2014); amsgrad: Reddi et al. 2018."""

    _settings = (
        "lr betas eps weight_decay amsgrad maximize foreach capturable differentiable fused "
        "decoupled_weight_decay"
    )
    _operation = "optim_adam"

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
        for name, value in (("lr", lr), ("betas[0]", betas[0]), ("betas[1]", betas[1])):
            _check_tensor(name, value, foreach and not capturable)
        betas = tuple(b.squeeze() if isinstance(b, Tensor) else b for b in betas)
        self._configure(params, locals(), "lr eps betas weight_decay")
        if isinstance(betas[0], Tensor) != isinstance(betas[1], Tensor):
            raise ValueError("betas must be either both floats or both Tensors")

    def _buffers(self, group):
        return "exp_avg", "exp_avg_sq", "max_exp_avg_sq" if group["amsgrad"] else None

    def _arguments(self, group, count, params, states):
        beta1, beta2 = group["betas"]
        weight_decay = group["weight_decay"]
        operands = (
            num(group["lr"]),
            num(beta1),
            num(beta2),
            num(group["eps"]),
            num(weight_decay),
            1.0 - beta1**count,
            1.0 - beta2**count,
        )
        attributes = {
            "low": is_low(beta1),
            "decay": weight_decay != 0,
            "decoupled": group["decoupled_weight_decay"],
            "amsgrad": group["amsgrad"],
        }
        return operands, attributes
