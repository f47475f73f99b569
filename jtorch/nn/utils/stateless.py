"""Calling a module with other parameters than its own."""

import contextlib
import warnings

from ..._engine.tensor import Tensor
from ..modules.module import Module

__all__ = ["functional_call"]


def _tied_names(module, given):
    """`given` with the values of tied members put at all their names."""
    names = {}
    for name, member in _members(module):
        names.setdefault(id(member), []).append(name)
    tied = dict(given)
    for group in names.values():
        values = [given[name] for name in group if name in given]
        if any(value is not values[0] for value in values[1:]):
            raise ValueError(
                f"functional_call got multiple values for keys {sorted(group)}, which are tied. "
                "Consider using tie_weights=False"
            )
        if values:
            tied.update(dict.fromkeys(group, values[0]))
    return tied


def _members(module):
    yield from module.named_parameters(remove_duplicate=False)
    yield from module.named_buffers(remove_duplicate=False)


def _find(module, name):
    """(the dict that holds the member at a dotted name, its key). Raises KeyError."""
    path, _, key = name.rpartition(".")
    owner = module.get_submodule(path)
    for members in (owner._parameters, owner._buffers):
        if key in members:
            return members, key
    raise KeyError(name)


@contextlib.contextmanager
def _reparametrize_module(module, parameters_and_buffers, tie_weights=False, strict=False):
    """In the block, `module` has the given tensors in the place of its own."""
    given = parameters_and_buffers
    if tie_weights:
        given = _tied_names(module, given)
    if strict:
        _check_keys(module, given)
    saved = []
    try:
        for name, value in given.items():
            try:
                members, key = _find(module, name)
            except (KeyError, AttributeError):
                continue
            saved.append((members, key, members[key]))
            members[key] = value
        yield
    finally:
        for members, key, old in reversed(saved):
            members[key] = old


def _check_keys(module, given):
    own = {name for name, _ in _members(module)}
    unexpected = sorted(set(given) - own)
    missing = sorted(own - set(given))
    lines = []
    if unexpected:
        lines.append("Unexpected key(s): " + ", ".join(map(repr, unexpected)) + ".")
    if missing:
        lines.append("Missing key(s): " + ", ".join(map(repr, missing)) + ".")
    if lines:
        raise RuntimeError(
            f"Error(s) in reparametrizing for {module._get_name()}:\n\t" + "\n\t".join(lines)
        )


def functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """Old home of `torch.func.functional_call`."""
    warnings.warn(
        "This API is deprecated as of PyTorch 2.0 and will be removed in a future version of "
        "PyTorch. Please use torch.func.functional_call instead which is a drop-in replacement "
        "for this API.",
        FutureWarning,
        stacklevel=2,
    )
    return _functional_call(
        module, parameters_and_buffers, args, kwargs, tie_weights=tie_weights, strict=strict
    )


def _functional_call(
    module, parameters_and_buffers, args=None, kwargs=None, *, tie_weights=True, strict=False
):
    """Call `module` with tensors by dotted name in the place of its own."""
    if not isinstance(module, Module):
        raise TypeError(f"Expected module to be an nn.Module, but got {type(module)}")
    args = () if args is None else args
    args = args if isinstance(args, tuple) else (args,)
    values = dict(parameters_and_buffers)
    for value in values.values():
        if not isinstance(value, Tensor):
            raise TypeError(f"{value} is not an instance of torch.Tensor")
    with _reparametrize_module(module, values, tie_weights, strict):
        return module(*args, **(kwargs or {}))
