"""The random generator of torch's CPU: MT19937, with torch's seeding, state layout and raw draws.

NumPy's MT19937 has the same state and the same output words, so it does the drawing; this file
adds what torch keeps next to it (the seed, half-used normal pairs) and the byte layout.
"""

import operator
import secrets
import threading

import numpy as np

DEFAULT_SEED = 67280421310721
_N = 624  # words of MT19937 state

# The bytes of a CPU generator's state: a C struct from the time of Lua Torch, then two fields
# that came later. 5056 bytes in all, padding included.
_STATE = np.dtype(
    [
        ("seed", "<u8"),
        ("left", "<i4"),
        ("seeded", "<i4"),
        ("next", "<u8"),
        ("state", "<u8", _N),
        ("normal_x", "<f8"),
        ("normal_y", "<f8"),
        ("normal_rho", "<f8"),
        ("normal_is_valid", "<i4"),
        ("_pad", "<i4"),
        ("float_normal", "<f4"),
        ("float_normal_is_valid", "u1"),
        ("_pad2", "u1", 3),
    ]
)
_LEGACY_SIZE = 5048  # the struct without the later fields: old files carry it

_LOW32 = np.uint64(0xFFFFFFFF)
_HIGH21 = np.uint64(0x1FFFFF)
_SHIFT32 = np.uint64(32)
CHUNK = 1 << 15  # words drawn at a time: a chunk and its temporaries stay in the CPU's cache


def check_seed(seed):
    """Return an integer seed as torch stores it (64 bits unsigned; negative ones wrap around)."""
    seed = operator.index(seed)
    if not -(1 << 63) <= seed < 1 << 64:
        raise ValueError("Overflow when unpacking long long")
    return seed & 0xFFFFFFFFFFFFFFFF


class GeneratorCore:
    """A stream of random words from a seed; the same words as torch's CPU generator."""

    def __init__(self, seed=DEFAULT_SEED):
        self.lock = threading.RLock()
        self._bits = np.random.MT19937(0)
        self.words = self._bits.random_raw  # n -> uint64 array of n 32-bit words
        self.float_normal = None
        self.reseed(seed)

    def reseed(self, seed):
        """Start the stream of `seed` (any integer of 64 bits; MT19937 uses the low 32)."""
        with self.lock:
            self._seed = check_seed(seed)
            np.random.RandomState(self._bits).seed(self._seed & 0xFFFFFFFF)
            self.next_normal = None
            self.float_normal = None

    def fresh_seed(self):
        """Seed from the system's entropy and return that seed."""
        seed = secrets.randbits(63)
        self.reseed(seed)
        return seed

    def initial_seed(self):
        """The seed this stream was started from."""
        return self._seed

    # --- state ---

    def position(self):
        """A mark to come back to with `rewind`."""
        return self._bits.state

    def rewind(self, position, words):
        """Go to the place `words` words after a mark."""
        self._bits.state = position
        self.skip(words)

    def skip(self, words):
        """Drop words from the stream."""
        while words > 0:
            self.words(min(words, CHUNK))
            words -= CHUNK

    def state_bytes(self):
        """The whole state as torch lays it out: uint8 array of 5056 elements."""
        with self.lock:
            inner = self._bits.state["state"]
            state = np.zeros((), _STATE)
            state["seed"] = self._seed
            state["seeded"] = 1
            state["left"] = _N + 1 - inner["pos"]
            state["next"] = 0 if self._untouched(inner) else inner["pos"]
            state["state"] = inner["key"]
            if self.next_normal is not None:
                state["normal_y"] = self.next_normal
                state["normal_is_valid"] = 1
            if self.float_normal is not None:
                state["float_normal"] = self.float_normal
                state["float_normal_is_valid"] = 1
        return np.frombuffer(state.tobytes(), np.uint8).copy()

    def _untouched(self, inner):
        # torch's read position is 0, not 624, between seeding and the first draw.
        if inner["pos"] != _N:
            return False
        start = np.random.RandomState(self._seed & 0xFFFFFFFF).get_state()[1]
        return np.array_equal(start, inner["key"])

    def load_state_bytes(self, data):
        """Take over a state written by `state_bytes` or by torch."""
        raw = np.ascontiguousarray(data).tobytes()
        if len(raw) not in (_STATE.itemsize, _LEGACY_SIZE):
            raise RuntimeError(
                f"Expected a CPUGeneratorImplState of size {_STATE.itemsize} but found the "
                f"input RNG state size to be {len(raw)}"
            )
        legacy = len(raw) == _LEGACY_SIZE
        state = np.frombuffer(raw.ljust(_STATE.itemsize, b"\0"), _STATE)[0]
        left, place = int(state["left"]), int(state["next"])
        if not state["seeded"] or not 0 < left <= _N or place > _N:
            raise RuntimeError("Invalid mt19937 state")
        with self.lock:
            self._seed = int(state["seed"])
            inner = {"key": state["state"].astype(np.uint32), "pos": _N + 1 - left}
            self._bits.state = {"bit_generator": "MT19937", "state": inner}
            self.next_normal = _pending_normal(state, legacy)
            valid = bool(state["float_normal_is_valid"])
            self.float_normal = float(state["float_normal"]) if valid else None

    def copy_from(self, other):
        """Make this stream continue as `other` does."""
        self.load_state_bytes(other.state_bytes())


def _pending_normal(state, legacy):
    if not state["normal_is_valid"]:
        return None
    if not legacy:
        return float(state["normal_y"])
    # The old struct kept the angle and the radius of a pair instead of its second half.
    angle = 2.0 * np.pi * float(state["normal_x"])
    return float(state["normal_rho"]) * float(np.sin(angle))


def pairs53(words):
    """Join words two by two into 53-bit integers, first word high: (2n,) -> uint64 (n,)."""
    joined = words[0::2] & _HIGH21
    joined <<= _SHIFT32
    joined |= words[1::2]
    return joined


def pairs64(words):
    """Join words two by two into 64-bit integers, first word high: (2n,) -> uint64 (n,)."""
    return (words[0::2] << _SHIFT32) | words[1::2]


def doubles(words):
    """Uniform float64 in [0, 1) with 53 bits, from two words each: (2n,) -> (n,)."""
    return pairs53(words).view(np.int64) * 2.0**-53


def floats(words):
    """Uniform float32 in [0, 1) with 24 bits, from one word each: (n,) -> (n,)."""
    bits = words.astype(np.int32)  # wraps, the low 24 bits are what counts
    bits &= 0xFFFFFF
    result = bits.astype(np.float32)
    result *= np.float32(2.0**-24)
    return result


class Doubles:
    """Uniform doubles one at a time, for samplers that cannot know how many they need.

    A context manager: words are drawn in blocks, and on exit the generator stands right after
    the last word that was used.
    """

    def __init__(self, generator, expect):
        self._generator = generator
        self._block = max(16, min(expect, CHUNK // 2))

    def __enter__(self):
        self._generator.lock.acquire()
        self._mark = self._generator.position()
        self._values = []
        self._at = 0
        return self

    def __call__(self):
        if self._at == len(self._values):
            self._mark = self._generator.position()
            self._values = doubles(self._generator.words(2 * self._block)).tolist()
            self._at = 0
        value = self._values[self._at]
        self._at += 1
        return value

    def __exit__(self, *exc):
        self._generator.rewind(self._mark, 2 * self._at)
        self._generator.lock.release()


default_generator = GeneratorCore()
