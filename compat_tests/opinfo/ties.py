"""Results that say where an element is, of which PyTorch leaves open which of several equal ones.

Its sort is stable only with stable=True, and what it does otherwise depends on the processor. So
the elements are compared that the positions name, and the gradients that equal elements get
together; no position may be named twice.
"""

import numpy as np

from .evaluate import plain

# The entry, and which of the arguments after the input is the dimension.
ENTRIES = {"argsort": 0, "kthvalue": 1, "mode": 0, "msort": 0, "sort": 0, "topk": 1}
_DEFAULT = {"msort": 0}


class Ties:
    """Rewrites what a sample gave so that only what PyTorch promises is left to compare."""

    def __init__(self, name, sample):
        place = ENTRIES[name]
        dim = sample.kwargs.get("dim", _DEFAULT.get(name, -1))
        self.name = name
        self.dim = sample.args[place] if len(sample.args) > place else dim
        self.array = plain(sample.input)

    def __call__(self, results, stage):
        """The results of a stage, positions replaced by what they name, gradients joined."""
        if self.array.ndim == 0 or stage == "gradgrad":
            return results
        if stage == "grad":
            return [r if r is None else self._joined(r) for r in results]
        if self.name == "msort":
            return results
        return [*results[:-1], self._named(results[-1])]

    def _named(self, seen):
        at = seen.array
        if at.ndim < self.array.ndim:
            at = np.expand_dims(at, self.dim)
        once = np.diff(np.sort(at, self.dim), axis=self.dim).all()
        return seen.replaced(np.take_along_axis(self.array, at, self.dim)) if once else seen

    def _joined(self, seen):
        gradients = np.moveaxis(seen.array, self.dim, -1).copy()
        keys = np.moveaxis(self.array, self.dim, -1)
        for lane in np.ndindex(keys.shape[:-1]):
            _, group = np.unique(keys[lane], return_inverse=True)
            together = np.bincount(group, gradients[lane].astype(float))
            gradients[lane] = together[group]
        return seen.replaced(np.moveaxis(gradients, -1, self.dim))
