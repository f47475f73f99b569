"""`torch.random`: seeds, generators and their states, in torch's byte layout."""

import contextlib

from ._engine import device as devices
from ._engine import dtypes
from ._engine import random as engine
from ._engine.generator import GeneratorCore
from .ops.registry import from_host, host

__all__ = [
    "Generator",
    "default_generator",
    "fork_rng",
    "get_rng_state",
    "initial_seed",
    "manual_seed",
    "seed",
    "set_rng_state",
]


class Generator:
    """A source of random numbers with a seed and a state of its own.

    Numbers are drawn on the host whatever the device, in the order of PyTorch's CPU generator.
    """

    def __init__(self, device="cpu"):
        self._device = devices.resolve(devices.device(device))
        self._core = GeneratorCore()

    @property
    def device(self):
        """The device the generator was made for."""
        return self._device

    def manual_seed(self, seed):
        """Start the stream of `seed`, any integer of 64 bits. Returns the generator."""
        if not hasattr(seed, "__index__"):
            raise RuntimeError(f"manual_seed expected a long, but got {type(seed).__name__}")
        self._core.reseed(seed)
        return self

    def seed(self):
        """Seed from the system's entropy. Returns the seed."""
        return self._core.fresh_seed()

    def initial_seed(self):
        """The seed that the stream was started from."""
        return self._core.initial_seed()

    def get_state(self):
        """The state as a uint8 tensor of 5056 elements, as PyTorch lays it out."""
        return from_host(self._core.state_bytes(), devices.cpu)

    def set_state(self, new_state):
        """Take over a state from `get_state`, PyTorch's own included. Returns the generator."""
        self._core.load_state_bytes(_state_array(new_state))
        return self

    def clone_state(self):
        """A generator that continues from here on its own."""
        clone = type(self)(self._device)
        clone._core.copy_from(self._core)
        return clone

    graphsafe_get_state = clone_state

    def graphsafe_set_state(self, state):
        """Continue as another generator does. Returns the generator."""
        self._core.copy_from(state._core)
        return self

    def get_offset(self):
        """CPU streams have no offset. Raises RuntimeError."""
        raise RuntimeError("CPU Generator does not use offset")

    def set_offset(self, offset):
        """CPU streams have no offset. Raises RuntimeError."""
        raise RuntimeError("CPU Generator does not use offset")

    def __reduce__(self):
        return (_rebuild, (str(self._device), self._core.state_bytes()))


def _rebuild(device, state):
    generator = Generator(device)
    generator._core.load_state_bytes(state)
    return generator


def _state_array(state):
    if not hasattr(state, "dtype") or not hasattr(state, "device"):
        raise TypeError(f"expected a torch.ByteTensor, but got {type(state).__name__}")
    if state.dtype is not dtypes.uint8 or state.device is not devices.cpu:
        raise TypeError("RNG state must be a torch.ByteTensor")
    return host(state)


def _default():
    generator = Generator()
    generator._core = engine.default_generator
    return generator


default_generator = _default()


def manual_seed(seed):
    """Seed the default generator. Returns it."""
    return default_generator.manual_seed(int(seed))


def seed():
    """Seed the default generator from the system's entropy. Returns the seed."""
    return default_generator.seed()


def initial_seed():
    """The seed that the default generator was started from."""
    return default_generator.initial_seed()


def get_rng_state():
    """The state of the default generator as a uint8 tensor."""
    return default_generator.get_state()


def set_rng_state(new_state):
    """Take over a state from `get_rng_state`, PyTorch's own included."""
    default_generator.set_state(new_state)


@contextlib.contextmanager
def fork_rng(
    devices=None, enabled=True, _caller="fork_rng", _devices_kw="devices", device_type="cuda"
):
    """Run the body of a `with` statement and put the default generator's state back after it.

    All devices draw from the one generator, so the other arguments make no difference.
    """
    if not enabled:
        yield
        return
    state = engine.default_generator.state_bytes()
    try:
        yield
    finally:
        engine.default_generator.load_state_bytes(state)
