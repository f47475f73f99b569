"""Several modules, each on its own input."""

from ..._engine.tensor import Tensor

__all__ = ["get_a_var", "parallel_apply"]


def get_a_var(obj):
    """Some tensor in nested lists, tuples and dicts; None when there is none."""
    if isinstance(obj, Tensor):
        return obj
    if isinstance(obj, dict):
        obj = obj.items()
    elif not isinstance(obj, (list, tuple)):
        return None
    for item in obj:
        found = get_a_var(item)
        if found is not None:
            return found
    return None


def parallel_apply(modules, inputs, kwargs_tup=None, devices=None):
    """The results of `modules[i](*inputs[i], **kwargs_tup[i])`.

    The calls are made one after the other; on accelerators the devices work at the same time.
    """
    count = len(modules)
    if len(inputs) != count:
        raise AssertionError(
            f"The number of modules {count} is not equal to the number of inputs {len(inputs)}"
        )
    kwargs_tup = ({},) * count if kwargs_tup is None else kwargs_tup
    for what, given in (("kwargs_tup", kwargs_tup), ("devices", devices)):
        if given is not None and len(given) != count:
            raise AssertionError(f"Modules and {what} must have the same length")
    return [
        module(*(args if isinstance(args, (list, tuple)) else (args,)), **(kwargs or {}))
        for module, args, kwargs in zip(modules, inputs, kwargs_tup, strict=True)
    ]
