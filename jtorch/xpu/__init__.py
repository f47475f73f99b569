"""`torch.xpu`: no such devices under JAX."""


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


def is_bf16_supported(including_emulation=True):
    """False."""
    return False


def memory_allocated(device=None):
    """0."""
    return 0


max_memory_allocated = memory_reserved = max_memory_reserved = memory_allocated


def reset_peak_memory_stats(device=None):
    """Nothing to do."""


def memory_stats(device=None):
    """Nothing: an empty dict."""
    return {}


def get_rng_state_all():
    """[]."""
    return []


def set_rng_state_all(new_states):
    """Nothing to do."""


def _absent(name):
    def absent(*args, **kwargs):
        raise AssertionError("Torch not compiled with XPU enabled")

    absent.__name__ = absent.__qualname__ = name
    absent.__doc__ = "Raises AssertionError: there is no such device."
    return absent


current_device = _absent("current_device")
current_stream = _absent("current_stream")
get_device_capability = _absent("get_device_capability")
get_device_name = _absent("get_device_name")
get_device_properties = _absent("get_device_properties")
get_rng_state = _absent("get_rng_state")
mem_get_info = _absent("mem_get_info")
set_device = _absent("set_device")
