"""NAdam."""

from ._check import num
from ._state import rounded
from .optimizer import Optimizer, is_low

__all__ = ["NAdam"]


class NAdam(Optimizer):
    """Adam with Nesterov momentum (Dozat 2016)."""

    _settings = (
        "lr betas eps weight_decay momentum_decay decoupled_weight_decay maximize foreach "
        "capturable differentiable"
    )
    _operation = "optim_nadam"
    _captured = "params, mu_products and state_steps"

    def __init__(
        self,
        params,
        lr=2e-3,
        betas=(0.9, 0.999),
        eps=1e-8,
        weight_decay=0,
        momentum_decay=4e-3,
        decoupled_weight_decay=False,
        *,
        foreach=None,
        maximize=False,
        capturable=False,
        differentiable=False,
    ):
        self._configure(params, locals(), "lr eps betas weight_decay momentum_decay")

    def _buffers(self, group):
        return "exp_avg", "exp_avg_sq"

    def _init_state(self, group, param, state):
        state["step"] = 0.0
        state["mu_product"] = 1.0
        super()._init_state(group, param, state)

    def _arguments(self, group, count, params, states):
        beta1, beta2 = (float(b) for b in group["betas"])
        lr, eps, decay = (num(group[name]) for name in ("lr", "eps", "weight_decay"))
        slowing = group["momentum_decay"]
        mu = beta1 * (1.0 - 0.5 * (0.96 ** (count * slowing)))
        mu_next = beta1 * (1.0 - 0.5 * (0.96 ** ((count + 1) * slowing)))
        # torch keeps the product, and multiplies it, in the dtype of its numbers
        product = rounded(rounded(states[0].number("mu_product")) * rounded(mu))
        for state in states:
            state.set_number("mu_product", product)
        operands = (
            *(lr, beta1, beta2, eps, decay, 1.0 - beta2**count),
            (1.0 - mu) / (1.0 - product),
            mu_next / (1.0 - product * mu_next),
        )
        return operands, {
            "low": is_low(beta1),
            "decay": group["weight_decay"] != 0,
            "decoupled": group["decoupled_weight_decay"],
        }
