"""`make_tensor`: random tensors of any type, for tests."""

import math

from .._engine import dtypes
from ..ops.registry import ops
from ..types_info import finfo


def _bounds(dtype):
    """The bounds where none are given."""
    if dtype is dtypes.bool:
        return 0, 2
    if dtype is dtypes.uint8:
        return 0, 10
    return (-9, 10) if dtype.kind in "ui" else (-9, 9)


def make_tensor(
    *shape,
    dtype,
    device,
    low=None,
    high=None,
    requires_grad=False,
    noncontiguous=False,
    exclude_zero=False,
    memory_format=None,
):
    """A tensor of numbers from [low, high), by default around zero and small.

    With `noncontiguous` it is a view of every second element; with `exclude_zero` zeros are
    replaced by the smallest positive number (1 for integers). Raises ValueError for bounds the
    wrong way round.
    """
    if len(shape) == 1 and isinstance(shape[0], (list, tuple)):
        shape = tuple(shape[0])
    if noncontiguous and memory_format is not None:
        raise ValueError(
            f"The parameters `noncontiguous` and `memory_format` are mutually exclusive, but got "
            f"noncontiguous={noncontiguous!r} and memory_format={memory_format!r}"
        )
    least, most = _bounds(dtype)
    low, high = least if low is None else low, most if high is None else high
    if low > high or (low == high and dtype.kind not in "fc"):
        raise ValueError(f"`low` must be less than `high`, but got {low} >= {high}")
    spread = noncontiguous and math.prod(shape) > 1
    drawn = (*shape[:-1], 2 * shape[-1]) if spread else shape
    made = _drawn(drawn, dtype, device, low, high)
    if spread:
        made = made[..., 1::2]
    elif memory_format is not None:
        made = made.clone(memory_format=memory_format)
    if exclude_zero:
        tiny = 1 if dtype.kind in "bui" else finfo(dtype.to_real()).tiny
        made.masked_fill_(made == 0, tiny)
    return made.requires_grad_() if requires_grad else made


def _drawn(shape, dtype, device, low, high):
    if dtype.kind in "bui":
        low, high = math.ceil(low), math.ceil(high)
        return ops.randint(low, high, shape, dtype=dtype, device=device)
    if dtype.kind == "c":
        parts = ops.empty(*shape, 2, dtype=dtype.to_real(), device=device)
        return ops.view_as_complex(parts.uniform_(low, high))
    return ops.empty(*shape, dtype=dtype, device=device).uniform_(low, high)
