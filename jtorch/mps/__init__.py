"""`torch.mps`: no such devices under JAX."""


def is_available():
    """False."""
    return False


def device_count():
    """0."""
    return 0


def empty_cache():
    """Nothing to do."""


def synchronize(device=None):
    """Nothing to do."""


def manual_seed(seed):
    """No effect."""


manual_seed_all = manual_seed


def _absent(name, shown):
    def absent(*args, **kwargs):
        raise RuntimeError(f"Cannot execute {shown}() without MPS backend.")

    absent.__name__ = absent.__qualname__ = name
    absent.__doc__ = "Raises RuntimeError: there is no such device."
    return absent


current_allocated_memory = _absent("current_allocated_memory", "getCurrentAllocatedMemory")
driver_allocated_memory = _absent("driver_allocated_memory", "getDriverAllocatedMemory")
recommended_max_memory = _absent("recommended_max_memory", "getRecommendedMaxMemory")
get_rng_state = _absent("get_rng_state", "getDefaultGenerator")
set_rng_state = _absent("set_rng_state", "getDefaultGenerator")
