"""Values: immutable arrays that may not have been computed yet."""

# A node of a trace names its k-th Python number by the slot SCALARS - k, below those of inputs.
SCALARS = -(1 << 32)


class Epoch:
    """What a trace records between two flushes; `owner` is the trace."""

    __slots__ = ("owner",)

    def __init__(self, owner):
        self.owner = owner


class Value:
    """An array, computed (`array` is a NumPy or JAX array) or pending on a trace (`array` is None).

    epoch, slot: what the value was last recorded in, and where it stands there. passed: the guarded
    signature whose guards the array has passed last.
    """

    __slots__ = ("aval", "array", "epoch", "slot", "passed")

    def __init__(self, aval, array=None):
        self.aval = aval
        self.array = array
        self.epoch = self.passed = None

    def __repr__(self):
        return f"<value {self.aval}{' pending' if self.array is None else ''}>"


class _Meta:
    """Stands for the array of a value on the `meta` device, which has a shape and no data."""

    def __repr__(self):
        return "<no data>"


META = _Meta()
