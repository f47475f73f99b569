"""Adafactor."""

from .._engine.tensor import Tensor
from ..ops.registry import ops
from ..types_info import finfo
from ._check import num
from .optimizer import Optimizer

__all__ = ["Adafactor"]


def _check(settings):
    lr, eps = settings["lr"], settings["eps"]
    if isinstance(lr, Tensor) and lr.numel() != 1:
        raise ValueError("Tensor lr must be 1-element")
    for label, value, bound, valid in (
        ("Learning rate", lr, ">= 0", 0.0 <= lr),
        ("beta2_decay", settings["beta2_decay"], "<= 0", settings["beta2_decay"] <= 0.0),
        ("epsilon1", eps[0], ">= 0", eps[0] is None or 0.0 <= eps[0]),
        ("epsilon2", eps[1], ">= 0", 0.0 <= eps[1]),
        ("Clipping threshold d", settings["d"], ">= 1", 1.0 <= settings["d"]),
        ("weight_decay", settings["weight_decay"], ">= 0", 0.0 <= settings["weight_decay"]),
    ):
        if not valid:
            raise ValueError(f"{label} should be {bound} but is: {value}")


class Adafactor(Optimizer):
    """Adam without momentum, the variance of a matrix kept as two factors (Shazeer and Stern
    2018). `lr` bounds the relative step; eps[0] is by default that of the dtype.
    """

    _settings = "lr beta2_decay eps d weight_decay foreach maximize"
    _operation = "optim_adafactor"

    def __init__(
        self,
        params,
        lr=1e-2,
        beta2_decay=-0.8,
        eps=(None, 1e-3),
        d=1.0,
        weight_decay=0.0,
        *,
        foreach=None,
        maximize=False,
    ):
        _check(locals())
        self._configure(params, locals())

    def _buffers(self, group):
        return "row_var", "col_var", "variance"

    def _init_state(self, group, param, state):
        if param.is_complex():
            raise RuntimeError("Adafactor does not support complex parameters")
        state["step"] = 0.0
        grad = param.grad.detach()
        if grad.ndim > 1:
            state["row_var"] = ops.zeros_like(grad[..., :1])
            state["col_var"] = ops.zeros_like(grad[..., :1, :])
        else:
            state["variance"] = ops.zeros_like(grad)

    def _arguments(self, group, count, params, states):
        eps1, eps2 = group["eps"]
        if eps1 is None:
            # torch takes that of a group's first parameter for all
            eps1 = finfo(params[0].dtype).eps
        weight = count ** group["beta2_decay"]
        operands = (
            num(group["lr"]),
            *(weight, 1 / count**0.5, eps1, float(eps2), float(group["d"])),
            num(group["weight_decay"]),
        )
        # torch's lerp changes its form at one half
        return operands, {"low": weight < 0.5, "decay": group["weight_decay"] != 0}
