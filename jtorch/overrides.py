"""`torch.overrides`: questions about tensor-like objects. jtorch's functions do not hand their
calls over to `__torch_function__` of subclasses, so that there is nothing to override.
"""

import contextlib

from ._engine.tensor import Tensor
from .nn.parameter import Parameter

__all__ = [
    "DisableTorchFunction",
    "DisableTorchFunctionSubclass",
    "handle_torch_function",
    "has_torch_function",
    "is_tensor_like",
    "is_tensor_method_or_property",
]


def _overrides(value):
    """True when a value's class has a `__torch_function__` of its own."""
    if type(value) in (Tensor, Parameter):
        return False
    return getattr(type(value), "__torch_function__", None) not in (
        None,
        _disabled_torch_function_impl,
    )


def has_torch_function(relevant_args):
    """True when one of the arguments has a `__torch_function__`."""
    return any(_overrides(a) for a in relevant_args)


def has_torch_function_unary(tensor):
    """`has_torch_function` of one argument."""
    return _overrides(tensor)


def has_torch_function_variadic(*args):
    """`has_torch_function` of arguments one by one."""
    return has_torch_function(args)


def handle_torch_function(public_api, relevant_args, *args, **kwargs):
    """What the first `__torch_function__` among the arguments makes of a call.

    Raises TypeError when all of them return NotImplemented.
    """
    given = [a for a in relevant_args if _overrides(a)]
    kinds = tuple(dict.fromkeys(type(a) for a in given))
    # A subclass is asked before its bases, others from left to right.
    for value in sorted(given, key=lambda v: -len(type(v).__mro__)):
        result = type(value).__torch_function__(public_api, kinds, args, kwargs)
        if result is not NotImplemented:
            return result
    name = f"{public_api.__module__}.{public_api.__name__}"
    raise TypeError(
        f"no implementation found for '{name}' on types that implement __torch_function__: "
        f"{list(kinds)}"
    )


def is_tensor_like(inp):
    """True for tensors and for objects with a `__torch_function__`."""
    return isinstance(inp, Tensor) or hasattr(type(inp), "__torch_function__")


def is_tensor_method_or_property(func):
    """True for methods and properties of Tensor."""
    return func in vars(Tensor).values() or getattr(func, "__name__", "") == "__get__"


def _disabled_torch_function_impl(func, types, args=(), kwargs=None):
    """The `__torch_function__` of a class that wants none: the call itself."""
    return func(*args, **(kwargs or {}))


class DisableTorchFunctionSubclass(contextlib.ContextDecorator):
    """Inside, subclasses of Tensor are not asked. They never are in jtorch."""

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        return None


class DisableTorchFunction(DisableTorchFunctionSubclass):
    """The older name of `DisableTorchFunctionSubclass`."""


class TorchFunctionMode:
    """Not supported: entering one raises NotImplementedError."""

    def __torch_function__(self, func, types, args=(), kwargs=None):
        raise NotImplementedError

    def __enter__(self):
        raise NotImplementedError(
            "torch.overrides.TorchFunctionMode is not supported by jtorch; wrap the functions that "
            "the program calls"
        )

    def __exit__(self, *exc):
        return None
