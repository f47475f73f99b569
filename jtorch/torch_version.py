"""`torch.__version__` as libraries compare it: with strings, and with tuples of numbers."""

import re

from ._settings import version as _release

__all__ = ["TorchVersion"]

_FORM = re.compile(r"v?(\d+(?:\.\d+)*)(?:[-_.]?(a|alpha|b|beta|c|rc|dev|post)[-_.]?(\d*))?.*", re.I)
# Before the release come its development and preliminary versions, after it a further one.
_STAGES = {"dev": -4, "a": -3, "alpha": -3, "b": -2, "beta": -2, "c": -1, "rc": -1, "post": 1}


def _key(value):
    """What versions are ordered by. Raises ValueError for what is no version."""
    text = ".".join(map(str, value)) if isinstance(value, (tuple, list)) else str(value)
    found = _FORM.fullmatch(text)
    if found is None:
        raise ValueError(f"Invalid version: {text!r}")
    release, stage, number = found.groups()
    numbers = [int(n) for n in release.split(".")]
    while len(numbers) > 1 and numbers[-1] == 0:
        numbers.pop()
    return tuple(numbers), _STAGES[stage.lower()] if stage else 0, int(number or 0)


class TorchVersion(str):
    """A version that compares with strings and tuples: `TorchVersion("2.10.0") > (2, 9)`."""

    __slots__ = ()
    __hash__ = str.__hash__

    def _compared(self, other, compare):
        try:
            return compare(_key(self), _key(other))
        except ValueError:
            return compare(str(self), str(other))

    def __lt__(self, other):
        return self._compared(other, lambda a, b: a < b)

    def __le__(self, other):
        return self._compared(other, lambda a, b: a <= b)

    def __gt__(self, other):
        return self._compared(other, lambda a, b: a > b)

    def __ge__(self, other):
        return self._compared(other, lambda a, b: a >= b)

    def __eq__(self, other):
        return self._compared(other, lambda a, b: a == b)

    def __ne__(self, other):
        return not self == other


__version__ = TorchVersion(_release.__version__)
