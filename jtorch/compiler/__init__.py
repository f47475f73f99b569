"""`torch.compile` and `torch.compiler`.

Whatever a program repeats is compiled whole by XLA anyway, so `compile` has nothing left to do: it
returns its argument,
which runs with the same results.
"""

import functools

from ..nn.modules.module import Module


def compile(
    model=None,
    *,
    fullgraph=False,
    dynamic=None,
    backend="inductor",
    mode=None,
    options=None,
    name=None,
    disable=False,
    recompile_limit=None,
    isolate_recompiles=False,
    shapes_spec=None,
):
    """The function or module as it is; without one, a decorator that returns its function."""
    if model is None:
        return lambda fn: fn
    if not callable(model):
        raise AssertionError(
            "Unexpected argument type: torch.compile expects a callable or a module"
        )
    if isinstance(model, Module):
        return model

    @functools.wraps(model)
    def compiled(*args, **kwargs):
        return model(*args, **kwargs)

    compiled._torchdynamo_orig_callable = model
    return compiled


def disable(fn=None, recursive=True, *, reason=None):
    """The function as it is; without one, a decorator that returns its function."""
    return fn if fn is not None else lambda f: f


def allow_in_graph(fn):
    """The function as it is."""
    return fn


assume_constant_result = substitute_in_graph = allow_in_graph


def is_compiling():
    """False: user code always runs as Python."""
    return False


is_dynamo_compiling = is_exporting = is_compiling


def reset():
    """Nothing to forget."""


def cudagraph_mark_step_begin():
    """No effect: steps need no marks."""


def set_stance(stance="default", **kwargs):
    """No effect."""


def list_backends(exclude_tags=()):
    """The one way there is."""
    return ["xla"]
