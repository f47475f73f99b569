"""Settings and vectors of operations with channels and spatial dimensions."""

from jax import lax


def expand(x, ndim, dim):
    """The vector `x` laid along dimension `dim` of an array with `ndim` dimensions."""
    shape = [1] * ndim
    shape[dim] = x.shape[0]
    return lax.reshape(x, tuple(shape))


def as_tuple(value, n, what, where):
    """`value` as a tuple of `n` ints: one int is repeated, a sequence must have 1 or `n`."""
    if isinstance(value, (tuple, list)):
        values = tuple(int(v) for v in value)
    else:
        values = (int(value),)
    if len(values) == 1:
        return values * n
    if len(values) != n:
        raise RuntimeError(
            f"expected {what} to be a single integer value or a list of {n} values to match the "
            f"{where} dimensions, but got {what}={list(values)}"
        )
    return values
