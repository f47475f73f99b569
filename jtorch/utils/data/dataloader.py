"""The DataLoader: batches of a dataset, in the order a sampler says."""

import copy
import itertools
import multiprocessing
import os
import random
import warnings
from collections import deque
from typing import Generic, TypeVar

import numpy as np

from ..._engine import device as devices
from ..._engine import random as engine_random
from ..._engine import trace
from ._draws import fresh_seed
from ._utils.collate import default_collate, default_convert
from ._utils.fetch import IterableFetcher, MapFetcher
from ._utils.worker import WorkerInfo, current, get_worker_info
from .dataset import IterableDataset
from .sampler import BatchSampler, RandomSampler, Sampler, SequentialSampler

T_co = TypeVar("T_co", covariant=True)

__all__ = ["DataLoader", "default_collate", "default_convert", "get_worker_info"]


class _DatasetKind:
    """How samples come out of a dataset."""

    Map = 0
    Iterable = 1

    @staticmethod
    def create_fetcher(kind, dataset, auto_collation, collate_fn, drop_last):
        """What fetches batches from a dataset of this kind."""
        fetcher = MapFetcher if kind == _DatasetKind.Map else IterableFetcher
        return fetcher(dataset, auto_collation, collate_fn, drop_last)


class _InfiniteConstantSampler(Sampler):
    """None for ever: an iterable dataset has no indices."""

    def __iter__(self):
        return itertools.repeat(None)


_FIXED = frozenset(
    ("batch_size", "batch_sampler", "sampler", "drop_last", "dataset", "persistent_workers")
)  # fmt: skip


class DataLoader(Generic[T_co]):
    """An iterable over the batches of a dataset.

    Map-style datasets are indexed in the order of `sampler` (by default 0, 1, ... or, with
    `shuffle`, at random); iterable ones are read. `batch_size=None` turns batching off.
    `collate_fn` makes a batch of a list of samples.

    With `num_workers` > 0 the samples, their order and every worker's random numbers are those of
    torch's worker processes, but all workers take turns in this process; each has a shallow copy
    of the dataset.

    Raises ValueError for options that contradict each other.
    """

    __initialized = False
    _iterator = None

    def __init__(
        self,
        dataset,
        batch_size=1,
        shuffle=None,
        sampler=None,
        batch_sampler=None,
        num_workers=0,
        collate_fn=None,
        pin_memory=False,
        drop_last=False,
        timeout=0,
        worker_init_fn=None,
        multiprocessing_context=None,
        generator=None,
        *,
        prefetch_factor=None,
        persistent_workers=False,
        pin_memory_device="",
        in_order=True,
    ):
        _check_workers(num_workers, timeout, prefetch_factor, persistent_workers)
        self.dataset = dataset
        self.num_workers = num_workers
        self.prefetch_factor = 2 if num_workers > 0 and prefetch_factor is None else prefetch_factor
        self.pin_memory = pin_memory
        self.pin_memory_device = pin_memory_device
        self.timeout = timeout
        self.worker_init_fn = worker_init_fn
        self.multiprocessing_context = multiprocessing_context
        self.in_order = in_order
        self.generator = generator
        self.persistent_workers = persistent_workers

        iterable = isinstance(dataset, IterableDataset)
        self._dataset_kind = _DatasetKind.Iterable if iterable else _DatasetKind.Map
        if iterable:
            _check_iterable(shuffle, sampler, batch_sampler)
        _check_sampling(batch_size, shuffle, sampler, batch_sampler, drop_last)
        if batch_sampler is not None:
            batch_size = None
        if sampler is None:
            sampler = self._default_sampler(shuffle)
        if batch_size is not None and batch_sampler is None:
            batch_sampler = BatchSampler(sampler, batch_size, drop_last)
        self.batch_size = batch_size
        self.drop_last = drop_last
        self.sampler = sampler
        self.batch_sampler = batch_sampler
        self.collate_fn = collate_fn or (
            default_collate if self._auto_collation else default_convert
        )
        self._IterableDataset_len_called = None
        self.__initialized = True
        self.check_worker_number_rationality()

    def _default_sampler(self, shuffle):
        if self._dataset_kind == _DatasetKind.Iterable:
            return _InfiniteConstantSampler()
        if shuffle:
            return RandomSampler(self.dataset, generator=self.generator)
        return SequentialSampler(self.dataset)

    def __setattr__(self, attr, val):
        if self.__initialized and attr in _FIXED:
            raise ValueError(
                f"{attr} attribute should not be set after {self.__class__.__name__} is initialized"
            )
        super().__setattr__(attr, val)

    @property
    def multiprocessing_context(self):
        """How worker processes would be started."""
        return self.__multiprocessing_context

    @multiprocessing_context.setter
    def multiprocessing_context(self, context):
        self.__multiprocessing_context = _checked_context(context, self.num_workers)

    @property
    def _auto_collation(self):
        return self.batch_sampler is not None

    @property
    def _index_sampler(self):
        return self.batch_sampler if self._auto_collation else self.sampler

    def _get_iterator(self):
        if self.num_workers == 0:
            return _SingleProcessDataLoaderIter(self)
        self.check_worker_number_rationality()
        return _MultiProcessingDataLoaderIter(self)

    def __iter__(self):
        if not self.persistent_workers or self.num_workers == 0:
            return self._get_iterator()
        if self._iterator is None:
            self._iterator = self._get_iterator()
        else:
            self._iterator._reset(self)
        return self._iterator

    def __len__(self):
        if self._dataset_kind == _DatasetKind.Map:
            return len(self._index_sampler)
        n = self._IterableDataset_len_called = len(self.dataset)
        if self.batch_size is None:
            return n
        return n // self.batch_size if self.drop_last else -(-n // self.batch_size)

    def check_worker_number_rationality(self):
        """Warn when more workers are asked for than the machine has processors."""
        if not self.num_workers:
            return
        checked = hasattr(os, "sched_getaffinity")
        available = len(os.sched_getaffinity(0)) if checked else os.cpu_count()
        if available is not None and self.num_workers <= available:
            return
        note = "" if checked else " (`cpuset` is not taken into account)"
        suggestion = (
            f"Our suggested max number of worker in current system is {available}{note}, which is "
            "smaller than what this DataLoader is going to create."
        )
        if available is None:
            suggestion = (
                "DataLoader is not able to compute a suggested max number of worker in current "
                "system."
            )
        warnings.warn(
            f"This DataLoader will create {self.num_workers} worker processes in total. "
            f"{suggestion} Please be aware that "
            "excessive worker creation might get DataLoader running slow or even freeze, lower "
            "the worker number to avoid "
            "potential slowness/freeze if necessary.",
            stacklevel=3,
        )


def _check_workers(num_workers, timeout, prefetch_factor, persistent_workers):
    if num_workers < 0:
        raise ValueError(
            "num_workers option should be non-negative; use num_workers=0 to disable "
            "multiprocessing."
        )
    if timeout < 0:
        raise ValueError("timeout option should be non-negative")
    if num_workers == 0 and prefetch_factor is not None:
        raise ValueError(
            "prefetch_factor option could only be specified in multiprocessing."
            "let num_workers > 0 to enable multiprocessing, otherwise set prefetch_factor to None."
        )
    if prefetch_factor is not None and prefetch_factor < 0:
        raise ValueError("prefetch_factor option should be non-negative")
    if persistent_workers and num_workers == 0:
        raise ValueError("persistent_workers option needs num_workers > 0")


def _check_iterable(shuffle, sampler, batch_sampler):
    if shuffle not in (False, None):
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified shuffle option, but got "
            f"shuffle={shuffle}"
        )
    if sampler is not None:
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified sampler option, but got "
            f"sampler={sampler}"
        )
    if batch_sampler is not None:
        raise ValueError(
            "DataLoader with IterableDataset: expected unspecified batch_sampler option, but got "
            f"batch_sampler={batch_sampler}"
        )


def _check_sampling(batch_size, shuffle, sampler, batch_sampler, drop_last):
    if sampler is not None and shuffle:
        raise ValueError("sampler option is mutually exclusive with shuffle")
    if batch_sampler is not None:
        if batch_size != 1 or shuffle or sampler is not None or drop_last:
            raise ValueError(
                "batch_sampler option is mutually exclusive with batch_size, shuffle, sampler, "
                "and drop_last"
            )
    elif batch_size is None and drop_last:
        raise ValueError(
            "batch_size=None option disables auto-batching and is mutually exclusive with drop_last"
        )


def _checked_context(context, num_workers):
    if context is None:
        return None
    if num_workers == 0:
        raise ValueError(
            "multiprocessing_context can only be used with multi-process loading (num_workers > "
            "0), but got "
            f"num_workers={num_workers}"
        )
    if isinstance(context, str):
        valid = multiprocessing.get_all_start_methods()
        if context not in valid:
            raise ValueError(
                "multiprocessing_context option should specify a valid start method in "
                f"{valid!r}, but got "
                f"multiprocessing_context={context!r}"
            )
        context = multiprocessing.get_context(context)
    if not isinstance(context, multiprocessing.context.BaseContext):
        raise TypeError(
            "multiprocessing_context option should be a valid context object or a string "
            "specifying the start method, "
            f"but got multiprocessing_context={context}"
        )
    return context


class _BaseDataLoaderIter:
    """One pass over a loader's batches."""

    def __init__(self, loader):
        self._loader = loader
        self._dataset = loader.dataset
        self._dataset_kind = loader._dataset_kind
        self._IterableDataset_len_called = loader._IterableDataset_len_called
        self._auto_collation = loader._auto_collation
        self._drop_last = loader.drop_last
        self._index_sampler = loader._index_sampler
        self._num_workers = loader.num_workers
        self._collate_fn = loader.collate_fn
        if loader.pin_memory:
            _warn_about_pinning(loader.pin_memory_device)
        self._sampler_iter = iter(self._index_sampler)
        self._base_seed = fresh_seed(loader.generator)
        self._num_yielded = 0

    def __iter__(self):
        return self

    def _reset(self, loader):
        self._sampler_iter = iter(self._index_sampler)
        self._num_yielded = 0
        self._IterableDataset_len_called = loader._IterableDataset_len_called

    def _create_fetcher(self, dataset):
        return _DatasetKind.create_fetcher(
            self._dataset_kind, dataset, self._auto_collation, self._collate_fn, self._drop_last
        )

    def _next_data(self):
        raise NotImplementedError

    def __next__(self):
        # What is pending belongs to the step before. What making the batch records is executed
        # apart from the step that uses it: it has another trace each time (other indices), and
        # would make the step's trace another one too.
        trace.step_boundary()
        data = self._next_data()
        trace.step_boundary("batch")
        self._num_yielded += 1
        expected = self._IterableDataset_len_called
        if (
            self._dataset_kind == _DatasetKind.Iterable
            and expected is not None
            and self._num_yielded > expected
        ):
            self._warn_about_length(expected)
        return data

    def _warn_about_length(self, expected):
        text = (
            f"Length of IterableDataset {self._dataset} was reported to be {expected}"
            f"(when accessing len(dataloader)), but {self._num_yielded} samples have been fetched. "
        )
        if self._num_workers > 0:
            text += (
                "For multiprocessing data-loading, this could be caused by not properly "
                "configuring the IterableDataset "
                "replica at each worker. Please see "
                "https://pytorch.org/docs/stable/data.html#torch.utils.data.IterableDataset for "
                "examples."
            )
        warnings.warn(text, stacklevel=3)

    def __len__(self):
        return len(self._index_sampler)

    def __getstate__(self):
        raise NotImplementedError("{} cannot be pickled", self.__class__.__name__)


def _warn_about_pinning(device):
    if device:
        warnings.warn(
            "pin_memory_device is deprecated, the current accelerator will be used as the device,"
            f"ignore pin_memory_device='{device}'.",
            stacklevel=5,
        )
    if not devices.platform_devices("cuda"):
        warnings.warn(
            "'pin_memory' argument is set as true but no accelerator is found, then device pinned "
            "memory won't be used.",
            stacklevel=5,
        )


class _SingleProcessDataLoaderIter(_BaseDataLoaderIter):
    """Batches made when asked for."""

    def __init__(self, loader):
        super().__init__(loader)
        if loader.timeout != 0:
            raise AssertionError("_SingleProcessDataLoaderIter requires timeout == 0")
        self._fetcher = self._create_fetcher(self._dataset)

    def _next_data(self):
        return self._fetcher.fetch(next(self._sampler_iter))


class _MultiProcessingDataLoaderIter(_BaseDataLoaderIter):
    """Batches made by several workers in turn, each with random streams of its own."""

    def __init__(self, loader):
        super().__init__(loader)
        self._workers = [_Worker(self, loader, i) for i in range(loader.num_workers)]
        self._restart()

    def _reset(self, loader):
        super()._reset(loader)
        for worker in self._workers:
            worker.restart(self)
        self._restart()

    def _restart(self):
        self._turns = deque(self._workers)
        # Indices are drawn ahead, as for real workers: the sampler's random numbers come out of the
        # same stream at the same moments.
        self._ahead = deque(itertools.islice(self._sampler_iter, self._ahead_of_time()))

    def _ahead_of_time(self):
        return self._loader.prefetch_factor * self._num_workers

    def _next_data(self):
        while self._turns and self._ahead:
            index = self._ahead.popleft()
            self._ahead.extend(itertools.islice(self._sampler_iter, 1))
            worker = self._turns.popleft()
            try:
                data = worker.fetch(index)
            except StopIteration:
                if self._dataset_kind == _DatasetKind.Iterable:
                    continue  # this worker's stream is exhausted, the others go on
                raise
            self._turns.append(worker)
            return data
        raise StopIteration


class _Worker:
    """A worker's dataset, fetcher and random streams."""

    def __init__(self, iterator, loader, number):
        seed = iterator._base_seed + number
        self._dataset = copy.copy(loader.dataset)
        self._info = WorkerInfo(
            id=number, num_workers=loader.num_workers, seed=seed, dataset=self._dataset
        )
        self._streams = _streams_of(iterator._base_seed, number)
        with self:
            if loader.worker_init_fn is not None:
                loader.worker_init_fn(number)
            self._fetcher = iterator._create_fetcher(self._dataset)

    def restart(self, iterator):
        """Begin another pass over the same dataset."""
        with self:
            self._fetcher = iterator._create_fetcher(self._dataset)

    def fetch(self, index):
        """The batch at `index`, made with this worker's random streams."""
        with self:
            return self._fetcher.fetch(index)

    def __enter__(self):
        self._outside = _exchange(self._streams)
        self._outer, current.info = current.info, self._info
        return self

    def __exit__(self, *exc):
        current.info = self._outer
        self._streams = _exchange(self._outside)


def _streams_of(base_seed, number):
    """The states of the three generators at a worker's start, seeded as torch seeds them."""
    entropy = [number, base_seed & 0xFFFFFFFF, base_seed >> 32, 0]
    legacy = np.random.RandomState(np.random.SeedSequence(entropy).generate_state(4))
    return (
        engine_random.GeneratorCore(base_seed + number).state_bytes(),
        random.Random(base_seed + number).getstate(),
        legacy.get_state(),
    )


def _exchange(streams):
    """Put the given states into the process's generators; returns the ones that were there."""
    torch_stream = engine_random.default_generator
    before = (torch_stream.state_bytes(), random.getstate(), np.random.get_state())
    torch_stream.load_state_bytes(streams[0])
    random.setstate(streams[1])
    np.random.set_state(streams[2])
    return before
