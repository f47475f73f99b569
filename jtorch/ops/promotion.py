"""Type promotion of an operation's operands, decided once for each signature."""

from .._engine import dtypes
from .._engine.call import LEGACY_NAMES, convert

SAME, DEFAULT, FLOAT, BOOL, LONG = "same", "default", "float", "bool", "long"
KINDS = (SAME, DEFAULT, FLOAT, BOOL, LONG)


def common_dtype(avals):
    """torch's result type of operands given by their avals (None for absent ones)."""
    present = [a for a in avals if a is not None]
    tensors = [a for a in present if not a.scalar]
    dimensioned = [a.dtype for a in tensors if a.ndim]
    zero_dim = [a.dtype for a in tensors if not a.ndim]
    numbers = [dtypes.of_python(a.kind) for a in present if a.scalar]
    return dtypes.result_type(dimensioned, zero_dim, numbers)


def working_dtype(kind, avals):
    """The dtype that operands are converted to under a promotion kind; None for SAME."""
    if kind == SAME:
        return None
    common = common_dtype(avals)
    if common is None:
        return None
    if kind == FLOAT and common.category < dtypes.FLOAT:
        return dtypes.get_default_dtype()
    if kind == LONG and common.category < dtypes.FLOAT:
        return dtypes.int64
    return common


def check_accepted(name, accepts, dtype):
    """Raise torch's error when an operation has no implementation for a dtype."""
    if dtype is not None and dtype.kind not in accepts:
        shown = LEGACY_NAMES.get(dtype.name, dtype.name)
        raise NotImplementedError(f"\"{name}\" not implemented for '{shown}'")


def check_broadcast(shapes):
    """The broadcast shape. Raises torch's error when two shapes do not go together."""
    if not shapes:
        return ()
    result = shapes[0]
    for shape in shapes[1:]:
        if shape != result:
            result = _broadcast_two(result, shape)
    return result


def _broadcast_two(a, b):
    n = max(len(a), len(b))
    a_full = (1,) * (n - len(a)) + a
    b_full = (1,) * (n - len(b)) + b
    for d, (x, y) in enumerate(zip(a_full, b_full)):
        if x != y and x != 1 and y != 1:
            raise RuntimeError(
                f"The size of tensor a ({x}) must match the size of tensor b ({y}) at "
                f"non-singleton dimension {d}"
            )
    return tuple(y if x == 1 else x for x, y in zip(a_full, b_full))


def narrow_result(out, working):
    """A result that came out wider than the working type, in the working type."""
    if working is None or out.dtype == working.np or out.dtype.itemsize <= working.itemsize:
        return out
    # Integers that came out wider are positions or counts, and mean to be.
    if working.kind not in "fc":
        return out
    # NumPy's own kind letter does not count bfloat16 among the floating-point types.
    same = dtypes.from_np(out.dtype).kind == working.kind
    return out.astype(working.np) if same else out


__all__ = ["BOOL", "DEFAULT", "FLOAT", "KINDS", "LONG", "SAME", "convert"]
