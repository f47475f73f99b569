"""What the number of declared operations costs: recording, and the import.

    python benchmarks/registered.py

Microseconds to record `x + 1.0` with the operations there are and with ten thousand more; then the
processor seconds of `import jtorch` and of `import jax.numpy`, each in a new process, the least of
several.
"""

import resource
import subprocess
import sys

from record import CALLS, cases, microseconds
from sides import use_jtorch

ROUNDS = 5


def recording():
    """Microseconds per call, before and after ten thousand operations are declared."""
    use_jtorch()
    import torch

    from jtorch._engine.signature import Operation

    _, x, run = next(cases(torch))
    before = len(Operation.everything), microseconds(torch, run, x)
    for i in range(10_000):
        Operation(f"another_{i}", None)
    return before, (len(Operation.everything), microseconds(torch, run, x))


def _spent():
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    return used.ru_utime + used.ru_stime


def importing(module):
    """The least processor seconds of a process that imports a module."""
    seconds = []
    for _ in range(ROUNDS):
        before = _spent()
        subprocess.run([sys.executable, "-c", f"import {module}"], check=True)
        seconds.append(_spent() - before)
    return min(seconds)


def main():
    for count, cost in recording():
        print(f"{count:6} operations: {cost:.2f} us to record one of {CALLS}")
    ours, theirs = importing("jtorch"), importing("jax.numpy")
    print(f"import: jtorch {ours:.2f} s, jax.numpy {theirs:.2f} s, {ours / theirs:.2f} times")


if __name__ == "__main__":
    main()
