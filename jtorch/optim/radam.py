"""RAdam."""

from ._check import num
from .optimizer import Optimizer, is_low

__all__ = ["RAdam"]


class RAdam(Optimizer):
    """Rectified Adam (Liu et al. 2019)."""

    _settings = (
        "lr betas eps weight_decay maximize foreach capturable decoupled_weight_decay "
        "differentiable"
    )
    _operation = "optim_radam"

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
        self._configure(params, locals(), "lr eps betas weight_decay")

    def _buffers(self, group):
        return "exp_avg", "exp_avg_sq"

    def _arguments(self, group, count, params, states):
        beta1, beta2 = (float(b) for b in group["betas"])
        lr, eps, decay = (num(group[name]) for name in ("lr", "eps", "weight_decay"))
        correction1, correction2 = 1.0 - beta1**count, 1.0 - beta2**count
        # length of the approximated simple moving average, and its limit
        limit = 2 / (1 - beta2) - 1
        length = limit - 2 * count * beta2**count / correction2
        rectification = 1.0
        if length > 5.0:
            rectification = (
                (length - 4) * (length - 2) * limit / ((limit - 4) * (limit - 2) * length)
            ) ** 0.5
        operands = lr, beta1, beta2, eps, decay, correction1, correction2, rectification
        return operands, {
            "low": is_low(beta1),
            "decay": group["weight_decay"] != 0,
            "decoupled": group["decoupled_weight_decay"],
            "rectify": length > 5.0,
        }
