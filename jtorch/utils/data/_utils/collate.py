"""Making a batch of samples."""

import copy
from collections import abc

import numpy as np

from ...._engine.dtypes import float64
from ...._engine.tensor import Tensor
from ....ops.registry import from_host, ops

__all__ = ["collate", "default_collate", "default_collate_fn_map", "default_convert"]

default_collate_err_msg_format = (
    "default_collate: batch must contain tensors, numpy arrays, numbers, dicts or lists; found {}"
)
_NOT_NUMBERS = frozenset("SaUO")


def default_convert(data):
    """NumPy arrays and numbers inside nested containers as tensors; everything else as it is."""
    if isinstance(data, np.ndarray | np.generic):
        keep = isinstance(data, np.str_ | np.bytes_) or data.dtype.kind in _NOT_NUMBERS
        return data if keep else ops.as_tensor(data)
    if isinstance(data, abc.Mapping):
        return _like_mapping(data, {key: default_convert(data[key]) for key in data})
    if isinstance(data, tuple) and hasattr(data, "_fields"):
        return type(data)(*map(default_convert, data))
    if isinstance(data, tuple):
        return [default_convert(d) for d in data]
    if isinstance(data, abc.Sequence) and not isinstance(data, str | bytes):
        return _like_sequence(data, [default_convert(d) for d in data])
    return data


def _like_mapping(model, items):
    """A mapping of the model's class with `items`; a dict where the class cannot be made that
    way.
    """
    try:
        if isinstance(model, abc.MutableMapping):
            made = copy.copy(model)
            made.update(items)
            return made
        return type(model)(items)
    except TypeError:
        return items


def _like_sequence(model, items):
    """A sequence of the model's class with `items`; a list where the class cannot be made that
    way.
    """
    try:
        if isinstance(model, abc.MutableSequence):
            made = copy.copy(model)
            for i, item in enumerate(items):
                made[i] = item
            return made
        return type(model)(items)
    except TypeError:
        return items


def collate(batch, *, collate_fn_map=None):
    """Combine a list of samples into one batch.

    What happens to a leaf is looked up by its type in `collate_fn_map`; containers are rebuilt
    around the results.
    Raises TypeError for a leaf of another type, RuntimeError when sequences differ in length.
    """
    elem = batch[0]
    leaf = _leaf_function(elem, collate_fn_map or {})
    if leaf is not None:
        return leaf(batch, collate_fn_map=collate_fn_map)
    if isinstance(elem, abc.Mapping):
        items = {
            key: collate([d[key] for d in batch], collate_fn_map=collate_fn_map) for key in elem
        }
        return _like_mapping(elem, items)
    if not isinstance(elem, abc.Sequence):
        raise TypeError(default_collate_err_msg_format.format(type(elem)))
    named = isinstance(elem, tuple) and hasattr(elem, "_fields")
    if not named and any(len(sample) != len(elem) for sample in batch):
        raise RuntimeError("each element in list of batch should be of equal size")
    items = [collate(column, collate_fn_map=collate_fn_map) for column in zip(*batch)]
    if named:
        return type(elem)(*items)
    return items if isinstance(elem, tuple) else _like_sequence(elem, items)


def _leaf_function(elem, functions):
    exact = functions.get(type(elem))
    if exact is not None:
        return exact
    return next((fn for kind, fn in functions.items() if isinstance(elem, kind)), None)


def collate_tensor_fn(batch, *, collate_fn_map=None):
    """Stack tensors of equal shape."""
    return ops.stack(batch, 0)


def collate_numpy_array_fn(batch, *, collate_fn_map=None):
    """Stack NumPy arrays of equal shape into a tensor. Raises TypeError for strings and objects."""
    elem = batch[0]
    if elem.dtype.kind in _NOT_NUMBERS:
        raise TypeError(default_collate_err_msg_format.format(elem.dtype))
    if all(b.shape == elem.shape and b.dtype == elem.dtype for b in batch):
        return from_host(np.stack(batch))
    return collate([ops.as_tensor(b) for b in batch], collate_fn_map=collate_fn_map)


def collate_numpy_scalar_fn(batch, *, collate_fn_map=None):
    """A tensor of NumPy scalars."""
    return ops.as_tensor(batch)


def collate_float_fn(batch, *, collate_fn_map=None):
    """A float64 tensor of Python floats."""
    return ops.tensor(batch, dtype=float64)


def collate_int_fn(batch, *, collate_fn_map=None):
    """An int64 (or bool) tensor of Python integers."""
    return ops.tensor(batch)


def collate_str_fn(batch, *, collate_fn_map=None):
    """Strings stay a list."""
    return batch


default_collate_fn_map = {
    Tensor: collate_tensor_fn,
    np.ndarray: collate_numpy_array_fn,
    (np.bool_, np.number, np.object_): collate_numpy_scalar_fn,
    float: collate_float_fn,
    int: collate_int_fn,
    str: collate_str_fn,
    bytes: collate_str_fn,
}


def default_collate(batch):
    """Make a batch of a list of samples: tensors, arrays and numbers are stacked, containers
    rebuilt.

    Raises TypeError for samples of other types, RuntimeError when shapes or lengths differ.
    """
    return collate(batch, collate_fn_map=default_collate_fn_map)
