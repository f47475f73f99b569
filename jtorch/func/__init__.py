"""`torch.func`: modules as functions of their parameters.

The transformations are JAX's own: apply them to `jtorch.to_jax(fn)`.
"""

from collections.abc import Sequence

from ..nn.modules.batchnorm import _BatchNorm
from ..nn.utils.stateless import _functional_call
from ..ops.registry import ops

__all__ = [
    "functional_call",
    "functionalize",
    "grad",
    "grad_and_value",
    "hessian",
    "jacfwd",
    "jacrev",
    "jvp",
    "linearize",
    "rearrange",
    "replace_all_batch_norm_modules_",
    "stack_module_state",
    "vjp",
    "vmap",
]


def functional_call(
    module, parameter_and_buffer_dicts, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """Call `module` with tensors by dotted name, from a dict or several, in the place of its own.

    tie_weights: what is tied in the module stays tied. strict: all names must be given, and no
    others. Raises ValueError for a name in two dicts, RuntimeError for what `strict` refuses.
    """
    return _functional_call(
        module,
        _merged(parameter_and_buffer_dicts),
        args,
        kwargs,
        tie_weights=tie_weights,
        strict=strict,
    )


def _merged(dicts):
    if isinstance(dicts, dict):
        return dicts
    if not isinstance(dicts, Sequence):
        raise ValueError(
            "Expected parameter_and_buffer_dicts to be a dict, or a list/tuple of dicts, but got "
            f"{type(dicts)}"
        )
    if not all(isinstance(d, dict) for d in dicts):
        raise ValueError("Expected all elements of parameter_and_buffer_dicts to be dictionaries")
    merged = {}
    for d in dicts:
        repeated = [key for key in d if key in merged]
        if repeated:
            raise ValueError(
                f"{repeated} appeared in multiple dictionaries; behavior of functional call is "
                "ambiguous"
            )
        merged.update(d)
    return merged


def stack_module_state(models):
    """The parameters and the buffers of equal models, stacked along a new first dimension: two
    dicts.

    Raises RuntimeError for models of different classes or modes.
    """
    if len(models) == 0:
        raise RuntimeError("stack_module_state: Expected at least one model, got 0.")
    if any(model.training != models[0].training for model in models):
        raise RuntimeError(
            "stack_module_state: Expected all models to have the same training/eval mode."
        )
    if any(type(model) is not type(models[0]) for model in models):
        raise RuntimeError("stack_module_state: Expected all models to be of the same class.")
    parameters = [dict(model.named_parameters()) for model in models]
    buffers = [dict(model.named_buffers()) for model in models]
    return _stacked(parameters), _stacked(buffers)


def _stacked(states):
    return {name: _stacked_leaf([s[name] for s in states], name) for name in states[0]}


def _stacked_leaf(tensors, name):
    wanted = tensors[0].requires_grad
    if any(t.requires_grad != wanted for t in tensors):
        raise RuntimeError(f"Expected {name} from each model to have the same .requires_grad")
    return ops.stack(tensors).detach().requires_grad_(wanted)


def replace_all_batch_norm_modules_(root):
    """Make every batch norm in `root` use the statistics of its batch, without running ones.

    In place; returns `root`.
    """
    for module in root.modules():
        if isinstance(module, _BatchNorm) and module.track_running_stats:
            module.running_mean = module.running_var = module.num_batches_tracked = None
            module.track_running_stats = False
    return root


def _unsupported(name, instead):
    def function(*args, **kwargs):
        raise NotImplementedError(f"torch.func.{name} is not supported by jtorch; use {instead}")

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Not supported: raises NotImplementedError. Use {instead}."
    return function


vmap = _unsupported("vmap", "jax.vmap on jtorch.to_jax(fn)")
grad = _unsupported("grad", "jax.grad on jtorch.to_jax(fn)")
grad_and_value = _unsupported("grad_and_value", "jax.value_and_grad on jtorch.to_jax(fn)")
vjp = _unsupported("vjp", "jax.vjp on jtorch.to_jax(fn)")
jvp = _unsupported("jvp", "jax.jvp on jtorch.to_jax(fn)")
linearize = _unsupported("linearize", "jax.linearize on jtorch.to_jax(fn)")
jacrev = _unsupported("jacrev", "jax.jacrev on jtorch.to_jax(fn)")
jacfwd = _unsupported("jacfwd", "jax.jacfwd on jtorch.to_jax(fn)")
hessian = _unsupported("hessian", "jax.hessian on jtorch.to_jax(fn)")
rearrange = _unsupported("rearrange", "Tensor.permute and Tensor.reshape")
functionalize = _unsupported("functionalize", "jax.jit on jtorch.to_jax(fn)")
