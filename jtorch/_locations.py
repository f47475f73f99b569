"""Where loaded tensors go: the names of devices in files, and what `map_location` makes of them."""

from . import _stored
from ._engine import device as devices
from ._engine import dtypes

# (priority, tagger, deserializer) of each kind of device, asked in this order.
_package_registry = []


def register_package(priority, tagger, deserializer):
    """Teach `save` and `load` the memory of another device.

    priority: lower ones are asked first. tagger(storage): the name of its location, or None.
    deserializer(storage, location): the storage there, or None.
    """
    _package_registry.append((priority, tagger, deserializer))
    _package_registry.sort()


def location_tag(storage):
    """The name under which a storage's device is saved."""
    for _, tagger, _ in _package_registry:
        location = tagger(storage)
        if location:
            return location
    return str(storage.device)


def default_restore_location(storage, location):
    """The storage on the device called `location`. Raises RuntimeError when there is no such device
    here.
    """
    for _, _, deserializer in _package_registry:
        result = deserializer(storage, location)
        if result is not None:
            return result
    try:
        device = devices.device(location)
    except RuntimeError:
        raise RuntimeError(
            "don't know how to restore data location of torch.storage.UntypedStorage (tagged "
            f"with {location})"
        ) from None
    if device.type not in ("cpu", "meta"):
        _check_available(device)
    return _moved(storage, device)


def _moved(storage, device):
    if isinstance(storage, _stored.LoadedStorage):
        return storage.on(device)
    return storage.to(device=device)


def _check_available(device):
    available = len(devices.platform_devices(device.type))
    kind = device.type.upper()
    if not available:
        raise RuntimeError(
            f"Attempting to deserialize object on a {kind} device but "
            f"torch.{device.type}.is_available() is False. If you "
            "are running on a CPU-only machine, please use torch.load with "
            "map_location=torch.device('cpu') to map your "
            "storages to the CPU."
        )
    if (device.index or 0) >= available:
        raise RuntimeError(
            f"Attempting to deserialize object on {kind} device {device.index} but "
            f"torch.{device.type}.device_count() is "
            f"{available}. Please use torch.load with map_location to map your storages to an "
            "existing device."
        )


class Restorer:
    """Puts loaded storages where `map_location` says."""

    def __init__(self, map_location):
        allowed = map_location is None or isinstance(map_location, str | devices.device | dict)
        if not allowed and not callable(map_location):
            raise TypeError(
                "map_location must be a device, str, dict or callable, but got "
                f"{type(map_location).__name__}"
            )
        self._map = map_location

    def __call__(self, storage, location):
        target = self._map
        if isinstance(target, dict):
            return default_restore_location(storage, str(target.get(location, location)))
        if isinstance(target, str | devices.device):
            return default_restore_location(storage, str(target))
        if target is None:
            return default_restore_location(storage, location)
        # The function sees bytes, as PyTorch's do.
        moved = target(storage.typed(dtypes.uint8), location)
        if moved is None:
            return default_restore_location(storage, location)
        if not hasattr(moved, "device"):
            raise TypeError(
                "map_location must return a storage or None, but it returned a "
                f"{type(moved).__name__}"
            )
        return storage.on(devices.device(moved.device))
