"""Fetching the samples of a batch from a dataset."""

import numpy as np

from ...._engine.device import cpu
from ...._engine.tensor import Tensor
from ....ops.registry import from_host, host, ops
from ..dataset import Subset, TensorDataset
from .collate import collate_tensor_fn, default_collate, default_collate_fn_map

__all__ = ["IterableFetcher", "MapFetcher"]


class MapFetcher:
    """Batches of a dataset with items by index."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.dataset = dataset
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn

    def fetch(self, index):
        """The batch of the indices in the list `index`, or the sample at `index` without
        batching.
        """
        dataset = self.dataset
        if not self.auto_collation:
            return self.collate_fn(dataset[index])
        batch = self._rows(index)
        if batch is not None:
            return batch
        several = getattr(dataset, "__getitems__", None)
        samples = several(index) if several else [dataset[i] for i in index]
        return self.collate_fn(samples)

    def _rows(self, index):
        """The batch of a TensorDataset (or a subset of one), one row selection for each tensor.

        What comes out is what stacking the samples one by one would give; None when that is not
        certain.
        """
        dataset = self.dataset
        if self.collate_fn is not default_collate:
            return None
        while type(dataset) is Subset and type(dataset.indices) is list:
            index = [dataset.indices[i] for i in index]
            dataset = dataset.dataset
        if (
            type(dataset) is not TensorDataset
            or default_collate_fn_map.get(Tensor) is not collate_tensor_fn
        ):
            return None
        n = len(dataset)
        if not index or not all(type(i) is int and -n <= i < n for i in index):
            return None
        if not all(type(t) is Tensor and t.ndim for t in dataset.tensors):
            return None
        rows = np.array([i % n for i in index], np.int64)
        return [_select(t, rows) for t in dataset.tensors]


def _select(tensor, rows):
    # On the CPU the rows are copied here and now, so that the step that uses them starts from
    # finished inputs.
    if tensor.device is cpu and not tensor.requires_grad:
        return from_host(host(tensor)[rows])
    return ops.index_select(tensor, 0, from_host(rows, tensor.device))


class IterableFetcher:
    """Batches of a stream of samples."""

    def __init__(self, dataset, auto_collation, collate_fn, drop_last):
        self.auto_collation = auto_collation
        self.collate_fn = collate_fn
        self.drop_last = drop_last
        self.samples = iter(dataset)
        self.ended = False

    def fetch(self, index):
        """The next `len(index)` samples as a batch, or the next sample without batching.

        Raises StopIteration when there are none left.
        """
        if self.ended:
            raise StopIteration
        if not self.auto_collation:
            return self.collate_fn(next(self.samples))
        samples = []
        for _ in index:
            try:
                samples.append(next(self.samples))
            except StopIteration:
                self.ended = True
                break
        if not samples or (self.drop_last and len(samples) < len(index)):
            raise StopIteration
        return self.collate_fn(samples)
