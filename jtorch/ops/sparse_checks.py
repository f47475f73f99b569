"""Checks of the indices that sparse tensors are made of."""

import functools

import numpy as np

from .registry import check, host
from .sparse import BY_ROW, INDEX_NAMES


class check_sparse_tensor_invariants:
    """Whether sparse tensors are checked when they are made: a context manager and a decorator.

    By itself a constructor looks at shapes only; indices are looked at when this is enabled, or
    with `check_invariants=True`.
    """

    _enabled = False

    @staticmethod
    def is_enabled():
        """True when indices are checked."""
        return check_sparse_tensor_invariants._enabled

    @staticmethod
    def enable():
        """Check indices from now on."""
        check_sparse_tensor_invariants._enabled = True

    @staticmethod
    def disable():
        """Check shapes only from now on."""
        check_sparse_tensor_invariants._enabled = False

    def __init__(self, enable=True):
        self.state = enable
        self.saved_state = None

    def __enter__(self):
        if self.saved_state is not None:
            raise RuntimeError(
                "This context manager instance is already activated. Use a different context "
                "manager instance for context nesting."
            )
        self.saved_state = self.is_enabled()
        check_sparse_tensor_invariants._enabled = self.state

    def __exit__(self, type, value, traceback):
        check_sparse_tensor_invariants._enabled = self.saved_state
        self.saved_state = None

    def __call__(self, function):
        @functools.wraps(function)
        def wrapper(*args, **kwargs):
            with type(self)(self.state):
                return function(*args, **kwargs)

        return wrapper


def invariants_wanted(check_invariants):
    """What was said of checking, or whether it is enabled."""
    enabled = check_sparse_tensor_invariants.is_enabled()
    return enabled if check_invariants is None else check_invariants


def check_coo(indices, shape):
    """Raise RuntimeError for coordinates outside the shape."""
    array = host(indices)
    for d, row in enumerate(array if array.size else ()):
        check(row.min() >= 0, f"found negative index {row.min()} for dim {d}")
        check(
            row.max() < shape[d],
            f"size is inconsistent with indices: for dim {d}, size is {shape[d]} but found index "
            f"{row.max()}",
        )


def check_compressed(layout, compressed, plain, count, width):
    """Raise RuntimeError for indices that do not make `count` sorted lines of `width` places."""
    names = INDEX_NAMES[layout in BY_ROW]
    bounds, inner = host(compressed), host(plain)
    nnz = inner.shape[-1]
    steps = np.diff(bounds)
    for fits, what in (
        ((bounds[..., 0] == 0).all(), f"{names[0]}[..., 0] == 0"),
        ((bounds[..., -1] == nnz).all(), f"{names[0]}[..., -1] == nnz"),
        (
            ((steps >= 0) & (steps <= width)).all(),
            f"0 <= {names[0]}[..., 1:] - {names[0]}[..., :-1] <= {names[2]}",
        ),
        (((inner >= 0) & (inner < width)).all(), f"0 <= {names[1]} < {names[2]}"),
    ):
        check(fits, f"`{what}` is not satisfied.")
    same = np.diff(inner) <= 0
    ends = np.zeros(inner.shape, bool)
    np.put_along_axis(ends, np.minimum(bounds[..., 1:], nnz) - 1, True, -1)
    check(
        not (same & ~ends[..., :-1]).any(),
        f"`{names[1]}[..., {names[0]}[..., i - 1]:{names[0]}[..., i]] for all i = 1, ..., {count} "
        "are sorted and distinct along the last dimension values` is not satisfied.",
    )
