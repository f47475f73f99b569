"""The name of a type as torch's error messages give it."""

from ..._engine.tensor import Tensor


def typename(obj):
    """Dotted name of `obj`'s type (or of `obj` itself when it is a class or function)."""
    if isinstance(obj, Tensor):
        return obj.type()
    target = obj if hasattr(obj, "__qualname__") else type(obj)
    module = getattr(target, "__module__", None) or ""
    name = getattr(target, "__qualname__", "")
    if module in ("", "builtins", "__builtin__"):
        return name
    if module.partition(".")[0] == "jtorch":
        module = "torch" + module[len("jtorch") :]
    return f"{module}.{name}"
