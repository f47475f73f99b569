"""`torch.finfo` and `torch.iinfo`: the limits of number types."""

import ml_dtypes
import numpy as np

from ._engine import dtypes


class finfo:
    """The limits of a floating-point (or complex) type; the default type when none is given."""

    __module__ = "torch"

    def __init__(self, type=None):
        type = dtypes.get_default_dtype() if type is None else type
        if not isinstance(type, dtypes.dtype):
            raise TypeError(
                "finfo(): argument 'type' (position 1) must be torch.dtype, not "
                f"{type.__class__.__name__}"
            )
        if type.category < dtypes.FLOAT:
            raise TypeError(
                "torch.finfo() requires a floating point input type. Use torch.iinfo to handle "
                f"'{type}'"
            )
        real = type.to_real()
        info = ml_dtypes.finfo(real.np)
        self.bits = real.itemsize * 8
        self.eps = float(info.eps)
        self.max = float(info.max)
        self.min = float(info.min)
        self.tiny = self.smallest_normal = float(info.smallest_normal)
        self.resolution = (
            float(10.0 ** -np.floor(-np.log10(self.eps)))
            if real.itemsize > 1
            else float(info.resolution)
        )
        self.dtype = real.name

    def __repr__(self):
        return (
            f"finfo(resolution={self.resolution:g}, min={self.min:g}, max={self.max:g}, "
            f"eps={self.eps:g}, "
            f"smallest_normal={self.smallest_normal:g}, tiny={self.tiny:g}, dtype={self.dtype})"
        )

    def __eq__(self, other):
        return isinstance(other, finfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)


class iinfo:
    """The limits of an integer type."""

    __module__ = "torch"

    def __init__(self, type):
        if not isinstance(type, dtypes.dtype):
            raise TypeError(
                "iinfo(): argument 'type' (position 1) must be torch.dtype, not "
                f"{type.__class__.__name__}"
            )
        if type.category >= dtypes.FLOAT:
            raise TypeError(
                f"torch.iinfo() requires an integer input type. Use torch.finfo to handle '{type}'"
            )
        if type.category == dtypes.BOOL:
            raise RuntimeError("\"iinfo\" not implemented for 'Bool'")
        info = np.iinfo(type.np)
        self.bits, self.min, self.max, self.dtype = (
            info.bits,
            int(info.min),
            int(info.max),
            type.name,
        )

    def __repr__(self):
        return f"iinfo(min={self.min}, max={self.max}, dtype={self.dtype})"

    def __eq__(self, other):
        return isinstance(other, iinfo) and self.dtype == other.dtype

    def __hash__(self):
        return hash(self.dtype)
