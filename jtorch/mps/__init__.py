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
