"""Any optax gradient transformation as a torch optimiser."""

import jax
import jax.numpy as jnp

from .._engine.call import apply
from .._engine.signature import Operation
from ..autograd import enable_grad, no_grad
from ..ops.registry import ops
from .optimizer import Optimizer

__all__ = ["from_optax"]


def from_optax(params, tx):
    """An Optimizer over `params` that steps with the optax transformation `tx`.

    One step is one operation. The state dict holds the leaves of optax's state, in the order of
    `jax.tree.leaves`; learning rates belong to `tx`, so torch's schedulers have no effect.
    """
    return _OptaxOptimizer(params, tx)


def _apply_updates(params, updates):
    return [(p + u).astype(p.dtype) for p, u in zip(params, updates, strict=True)]


class _OptaxOptimizer(Optimizer):
    def __init__(self, params, tx):
        super().__init__(params, {"lr": 0.0})
        self.tx = tx
        every = self._every()
        shapes = [jax.ShapeDtypeStruct(tuple(p.shape), p.dtype.np) for p in every]
        self._structure = jax.tree.structure(jax.eval_shape(tx.init, shapes))
        self._n = len(every)
        self._start = Operation("optax_init", self._make_start, differentiable=False)
        self._advance = Operation("optax_step", self._make_step, differentiable=False)
        self._start.multi = self._advance.multi = True

    def _every(self):
        return [p for group in self.param_groups for p in group["params"]]

    def _make_start(self, attrs, avals):
        def start(*params):
            with jax.numpy_dtype_promotion("standard"):
                state = self.tx.init(list(params))
            return tuple(jnp.asarray(x) for x in jax.tree.leaves(state))

        return start

    def _make_step(self, attrs, avals):
        n = self._n

        def advance(*arrays):
            params, grads, leaves = arrays[:n], arrays[n : 2 * n], arrays[2 * n :]
            state = jax.tree.unflatten(self._structure, leaves)
            # optax counts on JAX's own promotion rules
            with jax.numpy_dtype_promotion("standard"):
                updates, state = self.tx.update(list(grads), state, list(params))
            return (*_apply_updates(params, updates), *jax.tree.leaves(state))

        return advance

    @no_grad()
    def step(self, closure=None):
        """Do one step with all parameters; a missing gradient counts as zero."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        params = self._every()
        grads = [ops.zeros_like(p) if p.grad is None else p.grad for p in params]
        store = self.state[params[0]]
        if "optax" not in store:
            store["optax"] = list(apply(self._start, tuple(params), ()))
        leaves = store["optax"]
        results = apply(self._advance, (*params, *grads, *leaves), ())
        for target, new in zip((*params, *leaves), results, strict=True):
            target._set_data(new)
        return loss
