"""The random numbers that samplers and loaders draw, from torch's CPU stream, without recording
anything.
"""

import numpy as np

from ..._engine import random
from ..._engine.generator import GeneratorCore
from ...ops.random import core


def fresh_seed(generator=None):
    """What `torch.empty((), dtype=torch.int64).random_(generator=generator).item()` gives."""
    return int(random.random((), np.int64, core(generator, "random_")))


class Draws:
    """Integers from a user's generator, or from a stream of its own with a seed drawn from the
    default one.
    """

    def __init__(self, generator, own=False):
        self._stream = GeneratorCore(fresh_seed()) if own and generator is None else core(generator)

    def permutation(self, n):
        """0 ... n - 1 in random order, as a list."""
        return random.randperm(n, np.int64, self._stream).tolist()

    def integers(self, high, count):
        """`count` integers in [0, high), as a list."""
        return random.randint((count,), 0, high, np.int64, self._stream).tolist()

    def multinomial(self, weights, count, replacement):
        """`count` indices in proportion to `weights`, as a list."""
        return random.multinomial(weights, count, replacement, self._stream).tolist()


def seeded(seed):
    """Draws from a fresh stream of the given seed."""
    draws = Draws.__new__(Draws)
    draws._stream = GeneratorCore(seed)
    return draws
