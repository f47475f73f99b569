"""Padding layers."""

from .. import functional as F
from .module import Module
from .utils import _ntuple, _pair, _quadruple

__all__ = [
    "CircularPad1d",
    "CircularPad2d",
    "CircularPad3d",
    "ConstantPad1d",
    "ConstantPad2d",
    "ConstantPad3d",
    "ReflectionPad1d",
    "ReflectionPad2d",
    "ReflectionPad3d",
    "ReplicationPad1d",
    "ReplicationPad2d",
    "ReplicationPad3d",
    "ZeroPad1d",
    "ZeroPad2d",
    "ZeroPad3d",
]

_sextuple = _ntuple(6)


class _PadNd(Module):
    """`padding` as `F.pad` takes it: (left, right, top, bottom, front, back)."""

    _mode = None
    _tuple = staticmethod(_pair)

    def __init__(self, padding):
        super().__init__()
        self.padding = self._tuple(padding)

    def forward(self, input):
        """Enlarges the trailing dimensions."""
        return F.pad(input, self.padding, self._mode)

    def extra_repr(self):
        return f"{self.padding}"


class _CircularPadNd(_PadNd):
    __constants__ = ["padding"]
    _mode = "circular"
    _dims = (2, 3)

    def _check_input_dim(self, input):
        if input.dim() not in self._dims:
            low, high = self._dims
            raise ValueError(f"expected {low}D or {high}D input (got {input.dim()}D input)")

    def forward(self, input):
        """Enlarges the trailing dimensions."""
        self._check_input_dim(input)
        return super().forward(input)


class CircularPad1d(_CircularPadNd):
    """Continues (N, C, L) periodically."""


class CircularPad2d(_CircularPadNd):
    """Continues (N, C, H, W) periodically."""

    _tuple = staticmethod(_quadruple)
    _dims = (3, 4)


class CircularPad3d(_CircularPadNd):
    """Continues (N, C, D, H, W) periodically."""

    _tuple = staticmethod(_sextuple)
    _dims = (4, 5)


class _ConstantPadNd(Module):
    __constants__ = ["padding", "value"]
    _tuple = staticmethod(_pair)

    def __init__(self, padding, value):
        super().__init__()
        self.value = value
        self.padding = self._tuple(padding)

    def forward(self, input):
        """Enlarges the trailing dimensions."""
        return F.pad(input, self.padding, "constant", self.value)

    def extra_repr(self):
        return f"padding={self.padding}, value={self.value}"


class ConstantPad1d(_ConstantPadNd):
    """Surrounds (N, C, L) with a constant."""


class ConstantPad2d(_ConstantPadNd):
    """Surrounds (N, C, H, W) with a constant."""

    _tuple = staticmethod(_quadruple)


class ConstantPad3d(_ConstantPadNd):
    """Surrounds (N, C, D, H, W) with a constant."""

    _tuple = staticmethod(_sextuple)


class _ReflectionPadNd(_PadNd):
    __constants__ = ["padding"]
    _mode = "reflect"


class ReflectionPad1d(_ReflectionPadNd):
    """Mirrors (N, C, L) at its ends, without repeating the end."""


class ReflectionPad2d(_ReflectionPadNd):
    """Mirrors (N, C, H, W) at its edges, without repeating the edge."""

    _tuple = staticmethod(_quadruple)


class ReflectionPad3d(_ReflectionPadNd):
    """Mirrors (N, C, D, H, W) at its faces, without repeating the face."""

    _tuple = staticmethod(_sextuple)


class _ReplicationPadNd(_PadNd):
    __constants__ = ["padding"]
    _mode = "replicate"


class ReplicationPad1d(_ReplicationPadNd):
    """Repeats the ends of (N, C, L)."""


class ReplicationPad2d(_ReplicationPadNd):
    """Repeats the edges of (N, C, H, W)."""

    _tuple = staticmethod(_quadruple)


class ReplicationPad3d(_ReplicationPadNd):
    """Repeats the faces of (N, C, D, H, W)."""

    _tuple = staticmethod(_sextuple)


class ZeroPad1d(ConstantPad1d):
    """Surrounds (N, C, L) with zeros."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad2d(ConstantPad2d):
    """Surrounds (N, C, H, W) with zeros."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"


class ZeroPad3d(ConstantPad3d):
    """Surrounds (N, C, D, H, W) with zeros."""

    def __init__(self, padding):
        super().__init__(padding, 0.0)

    def extra_repr(self):
        return f"{self.padding}"
