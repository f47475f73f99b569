"""Stochastic gradient descent."""

from ..ops.registry import ops
from ._check import num
from .optimizer import Optimizer

__all__ = ["SGD"]


class SGD(Optimizer):
    """p <- p - lr (g + weight_decay p), with momentum as an option (Sutskever et al. 2013)."""

    _settings = "lr momentum dampening weight_decay nesterov maximize foreach differentiable fused"
    _operation = "optim_sgd"

    def __init__(
        self,
        params,
        lr=1e-3,
        momentum=0,
        dampening=0,
        weight_decay=0,
        nesterov=False,
        *,
        maximize=False,
        foreach=None,
        differentiable=False,
        fused=None,
    ):
        self._configure(params, locals(), "lr momentum weight_decay")
        if nesterov and (momentum <= 0 or dampening != 0):
            raise ValueError("Nesterov momentum requires a momentum and zero dampening")

    def _batches(self, group):
        """Without momentum there is no state at all; the first step with it makes the buffers."""
        params = []
        for p in group["params"]:
            if p.grad is None:
                continue
            if p.grad.is_sparse:
                self._update_sparse(group, p, self.state[p])
            else:
                params.append(p)
        if group["momentum"] == 0:
            return [(1, params)] if params else []
        old = [p for p in params if self.state[p].get("momentum_buffer") is not None]
        if len(old) == len(params):
            return [(1, params)] if params else []
        done = {id(p) for p in old}
        new = [p for p in params if id(p) not in done]
        return [(1, old), (0, new)] if old else [(0, new)]

    def _update_sparse(self, group, param, state):
        """The same with a sparse gradient; its buffer is sparse too."""
        grad = -param.grad if group["maximize"] else param.grad
        if group["weight_decay"] != 0:
            grad = grad.add(param, alpha=group["weight_decay"])
        if group["momentum"] != 0:
            buffer = state.get("momentum_buffer")
            if buffer is None:
                buffer = grad.detach().clone()
            else:
                buffer.mul_(group["momentum"]).add_(grad, alpha=1 - group["dampening"])
            state["momentum_buffer"] = buffer
            grad = grad.add(buffer, alpha=group["momentum"]) if group["nesterov"] else buffer
        param.add_(grad * -num(group["lr"]))

    def _update(self, group, count, params, grads, states):
        use_momentum = group["momentum"] != 0
        buffers = []
        if use_momentum and count:
            buffers = [state["momentum_buffer"] for state in states]
        first = use_momentum and not count
        made = [ops.empty_like(p) for p in params] if first else buffers
        self._run(
            group,
            (params, made),
            params,
            grads,
            buffers,
            num(group["lr"]),
            num(group["weight_decay"]),
            num(group["momentum"]),
            num(group["dampening"]),
            decay=group["weight_decay"] != 0,
            maximize=group["maximize"],
            nesterov=group["nesterov"],
            use_momentum=use_momentum,
            first=not count,
        )
        if first:
            for p, buffer in zip(params, made, strict=True):
                self.state[p]["momentum_buffer"] = buffer
