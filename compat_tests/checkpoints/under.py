"""Source files that say `import torch`, imported once under torch and once under jtorch."""

import contextlib
import importlib
import sys
from pathlib import Path

import jtorch

HERE = Path(__file__).parent
SOURCES = ("models_vision", "models_text", "models_generative", "training")
_kept = {}


@contextlib.contextmanager
def under(lib):
    """In the block `import torch`, the model files and what pickles name are those of `lib`.

    The files are imported once for each library and kept.
    """
    swapped = [n for n in sys.modules if n.split(".")[0] == "torch" or n in SOURCES]
    before = {n: sys.modules.pop(n) for n in swapped}
    path = list(sys.path)
    if lib is jtorch:
        ours = {n: m for n, m in sys.modules.items() if n.split(".")[0] == "jtorch"}
        sys.modules.update({n[1:]: m for n, m in ours.items()})
    else:
        sys.modules.update({n: m for n, m in before.items() if n not in SOURCES})
    sys.modules.update(_kept.setdefault(lib.__name__, {}))
    sys.path.insert(0, str(HERE))
    try:
        yield
    finally:
        sys.path[:] = path
        _kept[lib.__name__] = {n: sys.modules[n] for n in SOURCES if n in sys.modules}
        for name in [n for n in sys.modules if n.split(".")[0] == "torch" or n in SOURCES]:
            del sys.modules[name]
        sys.modules.update(before)


def load(lib, name):
    """The source file `name` as it is under a library."""
    with under(lib):
        return importlib.import_module(name)


def trainings(lib):
    """The training runs under a library: {name: function}."""
    return {run.__name__: run for run in load(lib, "training").RUNS}
