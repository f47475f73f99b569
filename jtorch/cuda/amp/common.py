"""Whether there is a GPU to use mixed precision on."""

from ..._engine import device as devices

__all__ = ["amp_definitely_not_available"]


def amp_definitely_not_available():
    """True when JAX has no GPU."""
    return not devices.platform_devices("cuda")
