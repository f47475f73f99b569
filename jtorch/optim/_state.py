"""The state an optimiser keeps for one parameter.

torch keeps step counts (and a few other numbers) as 0-dim tensors. Here they are Python numbers,
so that a step knows them without waiting for results, and become tensors when somebody looks.
"""

import weakref

import numpy as np

from .._engine.dtypes import float32, float64, get_default_dtype
from .._engine.tensor import Tensor
from ..autograd import no_grad
from ..ops.registry import ops

NUMBERS = frozenset(("step", "eta", "mu", "mu_product"))


def number_dtype():
    """The dtype of the 0-dim tensors that stand for numbers."""
    return float64 if get_default_dtype() is float64 else float32


def rounded(value):
    """A number as such a tensor would hold it."""
    return float(np.float32(value)) if number_dtype() is float32 else value


# How many entries of states were set, removed or shown as tensors so far, but for the step counts
# that optimizers keep. While it stays, what was found in a state is still there.
changes = [0]


class ParamState(dict):
    """A dict whose entries named in NUMBERS are kept as numbers until they are looked at."""

    __slots__ = ("_numbers", "_shown")

    def __init__(self, entries=()):
        super().__init__()
        # name -> float; a name in _shown has a tensor in the dict: (tensor, its version)
        self._numbers = {}
        self._shown = {}
        for key, value in dict(entries).items():
            self[key] = value

    def number(self, key):
        """The number at `key`."""
        shown = self._shown.get(key)
        if shown is not None and shown[0]._version != shown[1]:
            # somebody wrote into the tensor
            self._numbers[key] = float(shown[0])
            self._shown[key] = (shown[0], shown[0]._version)
        return self._numbers[key]

    def set_number(self, key, value):
        """Set the number at `key`; a tensor that somebody still holds follows."""
        changes[0] += 1
        self._numbers[key] = value
        if self._shown and key in self._shown:
            held = weakref.ref(self._shown.pop(key)[0])
            super().__setitem__(key, None)
            tensor = held()
            if tensor is not None:
                with no_grad():
                    tensor.fill_(value)
                self._show(key, tensor)

    def _show(self, key, tensor):
        changes[0] += 1
        super().__setitem__(key, tensor)
        self._shown[key] = (tensor, tensor._version)

    def __setitem__(self, key, value):
        changes[0] += 1
        if key in NUMBERS:
            self._shown.pop(key, None)
            self._numbers[key] = float(value)
            if isinstance(value, Tensor):
                self._show(key, value)
                return
            value = None
        super().__setitem__(key, value)

    def __getitem__(self, key):
        value = super().__getitem__(key)
        if value is None and key in self._numbers:
            value = ops.tensor(self._numbers[key], dtype=number_dtype())
            self._show(key, value)
        return value

    def __delitem__(self, key):
        changes[0] += 1
        super().__delitem__(key)
        self._numbers.pop(key, None)
        self._shown.pop(key, None)

    def __iter__(self):
        # an own __iter__ makes dict(state) go through __getitem__
        return super().__iter__()

    def export(self):
        """A plain dict in torch's layout; its number tensors are copies."""
        dtype = number_dtype()
        return {
            k: ops.tensor(self.number(k), dtype=dtype) if k in self._numbers else v
            for k, v in dict.items(self)
        }

    def get(self, key, default=None):
        """The value at `key`, or `default`."""
        return self[key] if key in self else default

    def items(self):
        """(key, value) pairs."""
        return [(k, self[k]) for k in self]

    def values(self):
        """The values."""
        return [self[k] for k in self]

    def pop(self, key, *default):
        """Remove `key` and return its value."""
        if key not in self and default:
            return default[0]
        value = self[key]
        del self[key]
        return value

    def popitem(self):
        """Remove the last entry and return it."""
        key = next(reversed(self))
        return key, self.pop(key)

    def clear(self):
        """Remove all entries."""
        for key in list(self):
            del self[key]

    def update(self, *others, **entries):
        """Set the given entries."""
        for key, value in dict(*others, **entries).items():
            self[key] = value

    def __ior__(self, other):
        self.update(other)
        return self

    def setdefault(self, key, default=None):
        """The value at `key`, which is set to `default` if there is none."""
        if key not in self:
            self[key] = default
        return self[key]

    def copy(self):
        """A plain dict with the same entries."""
        return dict(self.items())

    def __repr__(self):
        return repr(self.copy())

    def __reduce__(self):
        # a plain dict, which torch can read; the next step makes it a ParamState again
        return dict, (self.export(),)

    def __deepcopy__(self, memo):
        return ParamState({k: _copy_value(v) for k, v in self.export().items()})


def _copy_value(value):
    return value.detach().clone() if isinstance(value, Tensor) else value
