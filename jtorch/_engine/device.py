"""Devices: torch's names over JAX's devices."""

import functools
import threading

import jax


class device:
    """A place where tensors live: `cpu`, `cuda` (a JAX GPU), `xla` (any JAX device) or `meta`
    (shapes only).
    """

    __slots__ = ("type", "index", "_hash", "_previous")
    __module__ = "torch"
    _interned = {}

    def __new__(cls, type="cpu", index=None):
        if isinstance(type, device):
            return type
        if isinstance(type, int):
            type, index = accelerator_type(), type
        key = (type, index)
        found = cls._interned.get(key)
        return found if found is not None else cls._make(*_parse(type, index))

    @classmethod
    def _make(cls, type, index):
        found = cls._interned.get((type, index))
        if found is None:
            found = object.__new__(cls)
            found.type, found.index = type, index
            found._hash = hash((type, index))
            cls._interned[type, index] = found
        return found

    def __repr__(self):
        at = "" if self.index is None else f", index={self.index}"
        return f"device(type='{self.type}'{at})"

    def __str__(self):
        return self.type if self.index is None else f"{self.type}:{self.index}"

    def __hash__(self):
        return self._hash

    def __eq__(self, other):
        return self is other

    def __reduce__(self):
        return (device, (self.type, self.index) if self.index is not None else (self.type,))

    def __copy__(self):
        return self

    def __deepcopy__(self, memo):
        return self

    def __enter__(self):
        _state.stack.append(self)
        return self

    def __exit__(self, *exc):
        _state.stack.pop()

    def __call__(self, fn):
        """Use the device as a decorator: tensors made in `fn` are made on it."""

        def wrapped(*args, **kwargs):
            with self:
                return fn(*args, **kwargs)

        return wrapped


_TYPES = (
    "cpu",
    "cuda",
    "xla",
    "meta",
    "mps",
    "xpu",
    "tpu",
    "mkldnn",
    "hpu",
    "mtia",
    "privateuseone",
)


def _parse(type, index):
    if not isinstance(type, str):
        raise TypeError(f"device(): argument 'type' must be str, not {type.__class__.__name__}")
    name, colon, number = type.partition(":")
    if colon:
        if index is not None:
            raise RuntimeError(
                "type (string) must not include an index because index was passed explicitly: "
                f"{type}"
            )
        if not number.isdigit():
            raise RuntimeError(f"Invalid device string: '{type}'")
        index = int(number)
    if name not in _TYPES:
        expected = ", ".join(_TYPES)
        raise RuntimeError(
            f"Expected one of {expected} device type at start of device string: {name}"
        )
    return name, index


# Functions whose argument is called `device`, as torch calls it, still have the class.
_device = device


class _State(threading.local):
    def __init__(self):
        self.stack = []


_state = _State()
_default = [None]
cpu = device("cpu")
meta = device("meta")


def default_device():
    """The device that new tensors are made on."""
    if _state.stack:
        return _state.stack[-1]
    return _default[0] or cpu


def set_default_device(device):
    """Set the device that new tensors are made on; None restores the CPU."""
    _default[0] = None if device is None else _device(device)


def platform_devices(type):
    """The JAX devices behind a torch device type; an empty list when there are none."""
    try:
        if type == "cpu":
            return jax.devices("cpu")
        if type == "cuda":
            return jax.devices("gpu")
        return jax.devices() if type == "xla" else jax.devices(type)
    except RuntimeError:
        return []


@functools.cache
def cpu_is_default():
    """True when JAX computes on the CPU unless told otherwise."""
    return jax.default_backend() == "cpu"


def accelerator_type():
    """The torch device type of the best JAX device: `cuda` on a GPU, `xla` elsewhere."""
    return "cuda" if jax.default_backend() == "gpu" else "xla"


_resolved = {}


def resolve(d):
    """The concrete device (with an index where torch shows one) for `d`, checked to exist."""
    found = _resolved.get(d)
    if found is None:
        found = _resolved[d] = _check(device(d))
    return found


def _check(d):
    if d.type in ("cpu", "meta"):
        return device(d.type)
    available = platform_devices(d.type)
    if not available:
        if d.type == "cuda":
            raise AssertionError("Torch not compiled with CUDA enabled")
        raise RuntimeError(f"no JAX device of type '{d.type}' is available on this machine")
    index = d.index or 0
    if index >= len(available):
        raise RuntimeError(
            f"{d.type.upper()} error: invalid device ordinal {index}, there are {len(available)} "
            "devices"
        )
    return device(d.type, index)


_jax_devices = {}


def jax_device(d):
    """The JAX device behind a resolved device."""
    found = _jax_devices.get(d)
    if found is None:
        found = _jax_devices[d] = platform_devices(d.type)[d.index or 0]
    return found


def of_jax(jd):
    """The torch device of a JAX device."""
    if jd.platform == "cpu" and jd.id == 0:
        return cpu
    type = "cuda" if jd.platform == "gpu" else "xla"
    return device(type, platform_devices(type).index(jd))
