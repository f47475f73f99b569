"""Values: immutable arrays that may not have been computed yet."""

# A node of a trace names its k-th Python number by the slot SCALARS - k, below those of inputs.
SCALARS = -(1 << 32)


class Value:
    """An array, computed (`array` is a NumPy or JAX array) or pending on a trace (`array` is None).

    trace, slot: where the value stands while it is pending.
    """

    __slots__ = ("aval", "array", "trace", "slot")

    def __init__(self, aval, array=None):
        self.aval = aval
        self.array = array
        self.trace = None

    def __repr__(self):
        return f"<value {self.aval}{' pending' if self.array is None else ''}>"


class _Meta:
    """Stands for the array of a value on the `meta` device, which has a shape and no data."""

    def __repr__(self):
        return "<no data>"


META = _Meta()
