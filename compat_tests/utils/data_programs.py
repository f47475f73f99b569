"""Small programs on `utils.data` that take the library as an argument, and what can be seen of
them.

As a script with the argument `torch` it prints what the real torch makes of the programs with
worker processes.
"""

import importlib
import json
import random
import sys
import warnings

import numpy as np


def plain(value):
    """A result without the library in it: tensors as (dtype, nested list), containers with their
    types.
    """
    if type(value).__name__ == "Tensor":
        return str(value.dtype), tuple(value.shape), value.tolist()
    if isinstance(value, dict):
        return type(value).__name__, {k: plain(v) for k, v in value.items()}
    if isinstance(value, list | tuple):
        return type(value).__name__, [plain(v) for v in value]
    return value


def outcome(lib, program):
    """What a program gives with one library: its result and warnings, or the class and text of its
    error.
    """
    lib.manual_seed(11)
    random.seed(11)
    np.random.seed(11)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(program(lib, lib.utils.data))
        except Exception as e:
            result = type(e).__name__, str(e)
    # Numbers drawn afterwards show that exactly as many were drawn before.
    after = (lib.rand(3).tolist(), random.random(), float(np.random.rand()))
    return result, sorted({str(w.message) for w in caught}), after


def numbers(lib, n=11):
    return lib.utils.data.TensorDataset(lib.arange(n * 3).view(n, 3).float(), lib.arange(n))


def labels(loader):
    return [batch[1] for batch in loader]


def squares(lib, n=7):
    class Squares(lib.utils.data.Dataset):
        def __len__(self):
            return n

        def __getitem__(self, i):
            return {
                "x": lib.tensor([i, i * i]),
                "y": float(i),
                "name": f"item{i}",
                "pair": (i, [np.float32(i)]),
            }

    return Squares()


def stream(lib, n=7, length=None):
    class Stream(lib.utils.data.IterableDataset):
        def __iter__(self):
            info = lib.utils.data.get_worker_info()
            first, step = (0, 1) if info is None else (info.id, info.num_workers)
            return iter(range(first, n, step))

        def __repr__(self):
            return "Stream()"

    if length is not None:
        Stream.__len__ = lambda self: length
    return Stream()


def noisy(lib, n=9):
    class Noisy(lib.utils.data.Dataset):
        def __len__(self):
            return n

        def __getitem__(self, i):
            return lib.rand(2), random.random(), np.random.rand()

    return Noisy()


def _two_passes(loader):
    return [list(loader), list(loader)]


def worker_info(lib, d):
    """What a worker_init_fn sees, and that each worker has a dataset of its own."""

    def init(number):
        info = d.get_worker_info()
        info.dataset.offset = 10 * info.id + number + info.num_workers + info.seed % 7

    class Shifted(d.Dataset):
        offset = 0

        def __len__(self):
            return 4

        def __getitem__(self, i):
            return self.offset + i

    assert d.get_worker_info() is None
    return list(d.DataLoader(Shifted(), num_workers=2, worker_init_fn=init))


WORKER_PROGRAMS = {
    "worker_info": worker_info,
    "workers": lambda lib, d: labels(d.DataLoader(numbers(lib), 3, shuffle=True, num_workers=2)),
    "workers' random numbers": lambda lib, d: list(d.DataLoader(noisy(lib), 2, num_workers=2)),
    "stream with workers": lambda lib, d: list(d.DataLoader(stream(lib, 11), 2, num_workers=2)),
    "stream with workers, uneven": lambda lib, d: list(
        d.DataLoader(stream(lib, 3), 1, num_workers=2)
    ),
    "two passes with workers": lambda lib, d: _two_passes(
        d.DataLoader(noisy(lib, 3), 1, num_workers=2)
    ),
    "persistent workers": lambda lib, d: _two_passes(
        d.DataLoader(noisy(lib, 3), 1, num_workers=2, persistent_workers=True)
    ),
}


if __name__ == "__main__":
    library = importlib.import_module(sys.argv[1])
    importlib.import_module(sys.argv[1] + ".utils.data")
    print(
        json.dumps({name: outcome(library, program) for name, program in WORKER_PROGRAMS.items()})
    )
