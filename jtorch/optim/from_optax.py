"""Any optax gradient transformation as a torch optimiser."""

import inspect

import jax
import jax.numpy as jnp

from .._engine.call import apply
from .._engine.interop import to_jax_array
from .._engine.signature import Operation
from .._engine.tensor import Tensor
from ..autograd import enable_grad, no_grad
from ..ops.registry import ops
from .optimizer import Optimizer

__all__ = ["from_optax"]


def from_optax(params, tx, lr=None):
    """An Optimizer over `params` that steps with the optax transformation `tx`.

    One step is one operation. Parameters given as (name, tensor) pairs form a dict for `tx`, by
    name, else they form a list. The state dict holds the leaves of optax's state, in the order of
    `jax.tree.leaves`.

    Learning rates belong to `tx`, and torch's schedulers have no effect, except for
    `optax.inject_hyperparams(...)` with a number as `learning_rate`, which follows the first
    group's "lr"; and with `lr` given, what `tx` makes is scaled by the negative "lr" of each group,
    as in `from_optax(params, optax.scale_by_adam(), lr=1e-3)`.

    Transformations that look at the loss (`optax.contrib.reduce_on_plateau`) get that of the
    closure given to `step`.
    """
    return _OptaxOptimizer(params, tx, lr)


def _is_key(leaf):
    return jnp.issubdtype(leaf.dtype, jax.dtypes.prng_key)


def _as_plain(leaf):
    """A leaf of optax's state as an array that a tensor can hold."""
    leaf = jnp.asarray(leaf)
    return jax.random.key_data(leaf) if _is_key(leaf) else leaf


def _as_before(plain, shape, key_kind):
    """The leaf that `_as_plain` made an array of; `key_kind` for a random key."""
    if key_kind is not None:
        return jax.random.wrap_key_data(plain, impl=key_kind)
    return plain.astype(shape.dtype)


def _takes_more(tx):
    """True for transformations whose `update` takes further arguments, such as the loss."""
    kinds = [p.kind for p in inspect.signature(tx.update).parameters.values()]
    return inspect.Parameter.VAR_KEYWORD in kinds


def _injected_rate(shapes):
    """The position, among the leaves of the state, of an injected number `learning_rate`."""
    for i, (path, _) in enumerate(jax.tree_util.tree_flatten_with_path(shapes)[0]):
        names = [getattr(key, "name", getattr(key, "key", None)) for key in path]
        if names[-2:] == ["hyperparams", "learning_rate"]:
            return i
    return None


class _OptaxOptimizer(Optimizer):
    def __init__(self, params, tx, lr):
        super().__init__(params, {"lr": 0.0 if lr is None else lr})
        self.tx = tx
        self._scaled = lr is not None
        self._start = Operation("optax_init", self._make_start, differentiable=False)
        self._advance = Operation("optax_step", self._make_step, differentiable=False)
        self._start.multi = self._advance.multi = True
        self._lay_out()
        if self._rate is not None and not self._scaled:
            for group in self.param_groups:
                group["lr"] = self._leaves()[self._rate].item()

    def _lay_out(self):
        """What the state looks like for these parameters."""
        every = self._every()
        shapes = [jax.ShapeDtypeStruct(tuple(p.shape), p.dtype.np) for p in every]
        with jax.numpy_dtype_promotion("standard"):
            state = jax.eval_shape(self._init, self._tree(shapes))
        self._n = len(every)
        self._shapes, self._structure = jax.tree.flatten(state)
        self._rate = _injected_rate(state)

    def _init(self, tree):
        state = self.tx.init(tree)
        leaves = [jnp.asarray(x) for x in jax.tree.leaves(state)]
        self._key_kinds = [jax.random.key_impl(x) if _is_key(x) else None for x in leaves]
        return state

    def _restored(self, arrays):
        """optax's state from what `_as_plain` made of its leaves."""
        rows = zip(arrays, self._shapes, self._key_kinds, strict=True)
        return jax.tree.unflatten(self._structure, [_as_before(*row) for row in rows])

    def add_param_group(self, param_group):
        """Add a dict with "params"; not after the first step, for optax's state is one tree."""
        if self.state:
            raise NotImplementedError(
                "torch.optim.Optimizer.add_param_group: an optax transformation has one state for "
                "all parameters; make a new optimizer with from_optax"
            )
        super().add_param_group(param_group)
        if hasattr(self, "tx"):
            self._lay_out()

    def _every(self):
        return [p for group in self.param_groups for p in group["params"]]

    def _tree(self, values):
        """Values for all parameters as optax sees them."""
        names = [n for group in self.param_groups for n in group.get("param_names", ())]
        return dict(zip(names, values, strict=True)) if names else list(values)

    def _in_order(self, tree):
        """The values of a tree that JAX made, whose dicts are sorted."""
        names = [n for group in self.param_groups for n in group.get("param_names", ())]
        return [tree[n] for n in names] if names else list(tree)

    def _make_start(self, attrs, avals):
        def start(*params):
            with jax.numpy_dtype_promotion("standard"):
                state = self.tx.init(self._tree(params))
            return tuple(_as_plain(x) for x in jax.tree.leaves(state))

        return start

    def _make_step(self, attrs, avals):
        n, many = self._n, len(self._shapes)

        sizes, has_loss = attrs

        def advance(*arrays):
            params, grads, leaves = arrays[:n], arrays[n : 2 * n], arrays[2 * n : 2 * n + many]
            leaves = list(leaves)
            rates = arrays[2 * n + many :][: len(sizes)]
            if self._rate is not None and not self._scaled:
                leaves[self._rate] = rates[0]
            extra = {"value": arrays[-1]} if has_loss else {}
            # optax counts on JAX's own promotion rules
            with jax.numpy_dtype_promotion("standard"):
                updates, state = self._updates(grads, self._restored(leaves), params, extra)
                return (
                    *self._apply(params, updates, rates, sizes),
                    *[_as_plain(x) for x in jax.tree.leaves(state)],
                )

        return advance

    def _updates(self, grads, state, params, extra):
        try:
            updates, state = self.tx.update(self._tree(grads), state, self._tree(params), **extra)
        except TypeError as error:
            raise NotImplementedError(
                f"jtorch.optim.from_optax: {error}; give a closure to `step` if it is `value`. "
                "Transformations that call the loss themselves, such as line searches, are not "
                "supported: use torch.optim.LBFGS"
            ) from error
        return self._in_order(updates), state

    def _apply(self, params, updates, rates, sizes):
        if self._scaled:
            each = [rate for rate, size in zip(rates, sizes, strict=True) for _ in range(size)]
            updates = [-rate * u for rate, u in zip(each, updates, strict=True)]
        return [(p + u).astype(p.dtype) for p, u in zip(params, updates, strict=True)]

    def _leaves(self):
        """The leaves of optax's state, made at the first call."""
        params = self._every()
        store = self.state[params[0]]
        if "optax" not in store:
            store["optax"] = list(apply(self._start, tuple(params), ()))
        return store["optax"]

    def optax_state(self):
        """optax's state as optax's own classes, with JAX arrays."""
        return self._restored([to_jax_array(leaf) for leaf in self._leaves()])

    def load_state_dict(self, state_dict):
        """Take over a `state_dict()`; optax's leaves keep their own dtypes."""
        state = {
            number: {k: [t.detach().clone() for t in v] for k, v in entry.items()}
            for number, entry in state_dict["state"].items()
        }
        super().load_state_dict({**state_dict, "state": {}})
        every = self._every()
        for number, entry in state.items():
            self.state[every[number]] = entry

    @no_grad()
    def step(self, closure=None):
        """Do one step with all parameters; a missing gradient counts as zero."""
        loss = None
        if closure is not None:
            with enable_grad():
                loss = closure()
        params = self._every()
        grads = [ops.zeros_like(p) if p.grad is None else p.grad for p in params]
        leaves = self._leaves()
        rates = [group["lr"] for group in self.param_groups]
        rates = [lr.reshape(()) if isinstance(lr, Tensor) else float(lr) for lr in rates]
        sizes = tuple(len(group["params"]) for group in self.param_groups)
        value = (loss.detach(),) if loss is not None and _takes_more(self.tx) else ()
        results = apply(
            self._advance, (*params, *grads, *leaves, *rates, *value), (sizes, bool(value))
        )
        for target, new in zip((*params, *leaves), results, strict=True):
            target._set_data(new)
        return loss
