"""The axes of a JAX mesh over which a function is being mapped (`jax.shard_map`, `jax.vmap` with a
named axis).
"""

import jax
from jax import lax


def mapped_axes(names=None):
    """(axis names, how many devices they span together) of what is being mapped here.

    names: an axis or a tuple of them; None for all axes of the mesh that `jax.shard_map` maps
    over. Outside any map there are none, and the size is 1. Raises ValueError for an axis that is
    not mapped here while others are.
    """
    mapped = tuple(sorted(jax.sharding.get_abstract_mesh().manual_axes))
    if names is None:
        return mapped, _size(mapped)
    names = (names,) if isinstance(names, str) else tuple(names)
    try:
        return names, _size(names)
    except NameError:
        if mapped:
            raise ValueError(
                f"the process group {names} is not among the mesh axes {mapped} mapped over here"
            ) from None
        return (), 1


def _size(names):
    return lax.axis_size(names) if names else 1
