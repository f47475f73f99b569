"""Nested inputs cut into parts for several devices, and nested results put together again."""

import warnings

from ..._engine.device import device as Device
from ..._engine.tensor import Tensor
from ...ops.registry import ops

__all__ = ["gather", "scatter", "scatter_kwargs"]


def is_namedtuple(obj):
    """True for instances of named tuples."""
    return isinstance(obj, tuple) and hasattr(obj, "_asdict") and hasattr(obj, "_fields")


def scatter(inputs, target_gpus, dim=0):
    """Parts of nested `inputs`, one for each device: tensors are cut along `dim`, other things go
    to all.

    Gradients flow back. There may be fewer parts than devices.
    """
    targets = [Device(target) for target in target_gpus]
    return _scatter(inputs, targets, dim)


def _scatter(obj, targets, dim):
    if isinstance(obj, Tensor):
        parts = ops.chunk(obj, len(targets), dim)
        return tuple(part.to(target) for part, target in zip(parts, targets, strict=False))
    if is_namedtuple(obj):
        return [type(obj)(*part) for part in _scatter_all(obj, targets, dim)]
    if isinstance(obj, tuple) and obj:
        return list(_scatter_all(obj, targets, dim))
    if isinstance(obj, list) and obj:
        return [list(part) for part in _scatter_all(obj, targets, dim)]
    if isinstance(obj, dict) and obj:
        return [type(obj)(part) for part in _scatter_all(obj.items(), targets, dim)]
    return [obj for _ in targets]


def _scatter_all(items, targets, dim):
    # As many parts as the item with the fewest has.
    return zip(*(_scatter(item, targets, dim) for item in items), strict=False)


def scatter_kwargs(inputs, kwargs, target_gpus, dim=0):
    """Parts of positional and of keyword arguments; equally many of both."""
    inputs = scatter(inputs, target_gpus, dim) if inputs else []
    kwargs = scatter(kwargs, target_gpus, dim) if kwargs else []
    n = max(len(inputs), len(kwargs))
    inputs = [*inputs, *[()] * (n - len(inputs))]
    kwargs = [*kwargs, *[{} for _ in range(n - len(kwargs))]]
    return tuple(inputs), tuple(kwargs)


def gather(outputs, target_device, dim=0):
    """Nested results of several devices joined along `dim` on one device (-1: the CPU)."""
    target = Device("cpu") if target_device == -1 else Device(target_device)
    return _gather(list(outputs), target, dim)


def _gather(outputs, target, dim):
    first = outputs[0]
    if isinstance(first, Tensor):
        return _joined(outputs, target, dim)
    if first is None:
        return None
    if isinstance(first, dict):
        if any(len(out) != len(first) for out in outputs):
            raise ValueError("All dicts must have the same number of keys")
        return type(first)((k, _gather([out[k] for out in outputs], target, dim)) for k in first)
    parts = (_gather(list(part), target, dim) for part in zip(*outputs, strict=False))
    return type(first)(*parts) if is_namedtuple(first) else type(first)(parts)


def _joined(tensors, target, dim):
    moved = [t.to(target) for t in tensors]
    if dim == 0 and all(t.dim() == 0 for t in moved):
        warnings.warn(
            "Was asked to gather along dimension 0, but all input tensors were scalars; will "
            "instead unsqueeze and return a vector.",
            stacklevel=4,
        )
        return ops.stack(moved)
    return ops.cat(moved, dim)
