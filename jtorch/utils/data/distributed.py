"""The sampler that gives each of several processes its own share of a dataset."""

import math

from ... import distributed as dist
from ._draws import seeded
from .sampler import Sampler

__all__ = ["DistributedSampler"]


class DistributedSampler(Sampler):
    """The indices of one of `num_replicas` processes, equally many for each.

    With `shuffle` the order depends on `seed` and on the epoch set with `set_epoch`. Raises
    ValueError when `rank` is not in [0, num_replicas).
    """

    def __init__(
        self, dataset, num_replicas=None, rank=None, shuffle=True, seed=0, drop_last=False
    ):
        num_replicas = dist.get_world_size() if num_replicas is None else num_replicas
        rank = dist.get_rank() if rank is None else rank
        if not 0 <= rank < num_replicas:
            raise ValueError(
                f"Invalid rank {rank}, rank should be in the interval [0, {num_replicas - 1}]"
            )
        self.dataset = dataset
        self.num_replicas = num_replicas
        self.rank = rank
        self.epoch = 0
        self.drop_last = drop_last
        n = len(dataset)
        even = n // num_replicas if drop_last else math.ceil(n / num_replicas)
        self.num_samples = even
        self.total_size = even * num_replicas
        self.shuffle = shuffle
        self.seed = seed

    def __iter__(self):
        n = len(self.dataset)
        indices = seeded(self.seed + self.epoch).permutation(n) if self.shuffle else list(range(n))
        missing = self.total_size - len(indices)
        if missing > 0 and indices:
            indices += (indices * math.ceil(missing / len(indices)))[:missing]
        indices = indices[: self.total_size]
        if len(indices) != self.total_size:
            raise AssertionError(
                f"Number of indices ({len(indices)}) does not match total_size ({self.total_size})"
            )
        return iter(indices[self.rank : self.total_size : self.num_replicas])

    def __len__(self):
        return self.num_samples

    def set_epoch(self, epoch):
        """Choose the shuffle of an epoch; without it every epoch has the same order."""
        self.epoch = epoch
