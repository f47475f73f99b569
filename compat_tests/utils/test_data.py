"""Datasets, samplers and the DataLoader: the same program on both libraries gives the same batches
and errors.
"""

import collections
import json
from pathlib import Path

import numpy as np
import pytest
import torch
import torch.utils.data

import jtorch
import jtorch.utils.data
from compat_tests.processes import output_of, run
from compat_tests.utils import data_programs
from compat_tests.utils.data_programs import (
    WORKER_PROGRAMS,
    labels,
    numbers,
    outcome,
    squares,
    stream,
)
from jtorch._engine import stats


def check(program):
    theirs, ours = outcome(torch, program), outcome(jtorch, program)
    assert ours == theirs


# ---- batches ----

LOADERS = {
    "plain": lambda lib, d: list(d.DataLoader(numbers(lib), batch_size=4)),
    "default": lambda lib, d: list(d.DataLoader(numbers(lib, 3))),
    "shuffled": lambda lib, d: list(d.DataLoader(numbers(lib), batch_size=4, shuffle=True)),
    "drop_last": lambda lib, d: list(
        d.DataLoader(numbers(lib), batch_size=4, shuffle=True, drop_last=True)
    ),
    "two epochs": lambda lib, d: [
        labels(loader) for loader in [d.DataLoader(numbers(lib), 5, True)] * 2
    ],
    "generator": lambda lib, d: labels(
        d.DataLoader(numbers(lib), 3, shuffle=True, generator=lib.Generator().manual_seed(5))
    ),
    "not batched": lambda lib, d: list(d.DataLoader(numbers(lib, 4), batch_size=None)),
    "not batched, shuffled": lambda lib, d: list(
        d.DataLoader(squares(lib), batch_size=None, shuffle=True)
    ),
    "items of all kinds": lambda lib, d: list(d.DataLoader(squares(lib), batch_size=3)),
    "collate_fn": lambda lib, d: list(d.DataLoader(numbers(lib), 4, collate_fn=lambda b: len(b))),
    "batch_sampler": lambda lib, d: labels(
        d.DataLoader(numbers(lib), batch_sampler=[[1, 2], [3], [-1, 0]])
    ),
    "sampler": lambda lib, d: labels(d.DataLoader(numbers(lib), 2, sampler=[5, 4, -3])),
    "a list": lambda lib, d: list(d.DataLoader([1.5, 2.5, 3.5], 2)),
    "a list of arrays": lambda lib, d: list(
        d.DataLoader([np.ones(2, np.int16) * i for i in range(3)], 2)
    ),
    "a list of strings": lambda lib, d: list(d.DataLoader(["a", "b", "c"], 2)),
    "stream": lambda lib, d: list(d.DataLoader(stream(lib), batch_size=3)),
    "stream, drop_last": lambda lib, d: list(
        d.DataLoader(stream(lib), batch_size=3, drop_last=True)
    ),
    "stream, not batched": lambda lib, d: list(d.DataLoader(stream(lib), batch_size=None)),
    "subset": lambda lib, d: labels(
        d.DataLoader(d.Subset(numbers(lib), [3, 1, 4, 1, 5]), 2, shuffle=True)
    ),
    "split": lambda lib, d: [
        labels(d.DataLoader(s, 2)) for s in d.random_split(numbers(lib), [4, 7])
    ],
    "concat": lambda lib, d: labels(d.DataLoader(numbers(lib, 3) + numbers(lib, 4), 2)),
    "stack": lambda lib, d: list(d.DataLoader(d.StackDataset(numbers(lib, 4), [9, 8, 7, 6]), 3)),
    "stack by name": lambda lib, d: list(
        d.DataLoader(d.StackDataset(a=[1, 2, 3], b=numbers(lib, 3)), 2)
    ),
    "chain": lambda lib, d: list(d.DataLoader(stream(lib, 2) + stream(lib, 3), 2)),
    "pinned": lambda lib, d: list(d.DataLoader(numbers(lib, 2), pin_memory=True)),
    "left early": lambda lib, d: next(iter(d.DataLoader(numbers(lib), 4, shuffle=True))),
    "lengths": lambda lib, d: [
        len(d.DataLoader(numbers(lib), 4)),
        len(d.DataLoader(numbers(lib), 4, drop_last=True)),
        len(d.DataLoader(numbers(lib), batch_size=None)),
        len(d.DataLoader(stream(lib, 7, 7), 3)),
        len(numbers(lib) + numbers(lib)),
    ],
    "too long a stream": lambda lib, d: [
        len(loader) and len(list(loader)) for loader in [d.DataLoader(stream(lib, 7, 4))]
    ],
}


@pytest.mark.parametrize("name", LOADERS)
def test_batches(name):
    check(LOADERS[name])


def test_workers():
    # The real torch forks here, which a process that runs JAX must not do.
    theirs = output_of(run(Path(data_programs.__file__), "torch"))
    ours = {name: outcome(jtorch, program) for name, program in WORKER_PROGRAMS.items()}
    assert json.loads(json.dumps(ours)) == json.loads(theirs)


def test_default_collate_and_convert():
    Point = collections.namedtuple("Point", "x y")
    batches = [
        [0, 1, 2],
        [True, False],
        [0.5, 1],
        [(1, 2), (3, 4)],
        [[1, 2], [3, 4]],
        [{"a": 1, "b": [2.0]}, {"a": 3, "b": [4.0]}],
        [Point(0, 1.0), Point(2, 3.0)],
        [np.float64(1.0), np.float64(2.0)],
        [np.arange(2), np.arange(2)],
        [b"x", b"y"],
        [collections.OrderedDict(a=1), collections.OrderedDict(a=2)],
        [range(2), range(2)],
        [np.array(["a"]), np.array(["b"])],
        [np.arange(2), np.arange(3)],
        [object(), object()],
        [None, None],
        [(1, 2), (3,)],
        [],
    ]
    for batch in batches:
        check(lambda lib, d, batch=batch: d.default_collate(list(batch)))
    for data in (
        1,
        np.ones(2),
        np.float32(2),
        "s",
        (np.ones(1), 3),
        [np.array(["a"])],
        {"k": np.ones(1)},
        Point(np.ones(1), 2),
    ):
        check(lambda lib, d, data=data: d.default_convert(data))


# ---- samplers and splits ----

SAMPLERS = {
    "sequential": lambda lib, d: list(d.SequentialSampler(range(4))),
    "random": lambda lib, d: list(d.RandomSampler(range(40))),
    "random, fewer": lambda lib, d: list(d.RandomSampler(range(40), num_samples=7)),
    "random, more": lambda lib, d: list(d.RandomSampler(range(5), num_samples=13)),
    "random, replaced": lambda lib, d: list(
        d.RandomSampler(range(9), replacement=True, num_samples=70)
    ),
    "random, generator": lambda lib, d: list(
        d.RandomSampler(range(9), generator=lib.Generator().manual_seed(3))
    ),
    "subset": lambda lib, d: list(d.SubsetRandomSampler([3, 1, 4, 1, 5, 9])),
    "weighted": lambda lib, d: list(d.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 12)),
    "weighted, not replaced": lambda lib, d: list(
        d.WeightedRandomSampler([0.1, 0.9, 0.4, 0.7], 3, replacement=False)
    ),
    "batch": lambda lib, d: list(d.BatchSampler(d.SequentialSampler(range(7)), 3, False)),
    "batch, drop_last": lambda lib, d: list(d.BatchSampler(range(7), 3, True)),
    "distributed": lambda lib, d: [
        list(
            d.DistributedSampler(range(11), num_replicas=3, rank=r, shuffle=s, seed=2, drop_last=l)
        )
        for r in range(3)
        for s in (True, False)
        for l in (True, False)
    ],
    "split by lengths": lambda lib, d: [s.indices for s in d.random_split(range(10), [3, 7])],
    "split by fractions": lambda lib, d: [
        s.indices for s in d.random_split(range(10), [0.33, 0.33, 0.34])
    ],
    "split, generator": lambda lib, d: [
        s.indices
        for s in d.random_split(range(10), [5, 5], generator=lib.Generator().manual_seed(42))
    ],
    "split, an empty part": lambda lib, d: [
        s.indices for s in d.random_split(range(2), [0.9, 0.1])
    ],
}


@pytest.mark.parametrize("name", SAMPLERS)
def test_samplers(name):
    check(SAMPLERS[name])


def test_distributed_epochs():
    def program(lib, d):
        sampler = d.DistributedSampler(range(10), num_replicas=2, rank=1)
        first = list(sampler)
        sampler.set_epoch(1)
        return first, list(sampler), len(sampler)

    check(program)


# ---- errors ----

ERRORS = {
    "sizes": lambda lib, d: d.TensorDataset(lib.ones(2), lib.ones(3)),
    "stack sizes": lambda lib, d: d.StackDataset([1], [1, 2]),
    "stack nothing": lambda lib, d: d.StackDataset(),
    "concat nothing": lambda lib, d: d.ConcatDataset([]),
    "concat stream": lambda lib, d: d.ConcatDataset([stream(lib)]),
    "concat index": lambda lib, d: d.ConcatDataset([[1, 2]])[-3],
    "chain": lambda lib, d: list(d.ChainDataset([[1]])),
    "no getitem": lambda lib, d: d.Dataset()[0],
    "split sum": lambda lib, d: d.random_split(range(5), [1, 2]),
    "split fraction": lambda lib, d: d.random_split(range(5), [1.5, -0.5]),
    "random samples": lambda lib, d: d.RandomSampler(range(5), num_samples=0),
    "random of nothing": lambda lib, d: d.DataLoader([], shuffle=True),
    "random replacement": lambda lib, d: d.RandomSampler(range(5), replacement=1),
    "weights": lambda lib, d: d.WeightedRandomSampler([[1.0, 2.0]], 2),
    "weighted samples": lambda lib, d: d.WeightedRandomSampler([1.0], True),
    "batch size": lambda lib, d: d.DataLoader([1], batch_size=0),
    "batch drop_last": lambda lib, d: d.BatchSampler([1], 1, 2),
    "rank": lambda lib, d: d.DistributedSampler([1], num_replicas=2, rank=2),
    "workers": lambda lib, d: d.DataLoader([1], num_workers=-1),
    "timeout": lambda lib, d: d.DataLoader([1], timeout=-1),
    "prefetch": lambda lib, d: d.DataLoader([1], prefetch_factor=2),
    "persistent": lambda lib, d: d.DataLoader([1], persistent_workers=True),
    "context": lambda lib, d: d.DataLoader([1], multiprocessing_context="spawn"),
    "context name": lambda lib, d: d.DataLoader([1], num_workers=1, multiprocessing_context="no"),
    "sampler and shuffle": lambda lib, d: d.DataLoader([1], sampler=[0], shuffle=True),
    "batch_sampler and more": lambda lib, d: d.DataLoader([1], batch_sampler=[[0]], batch_size=2),
    "drop_last without batches": lambda lib, d: d.DataLoader([1], batch_size=None, drop_last=True),
    "shuffled stream": lambda lib, d: d.DataLoader(stream(lib), shuffle=True),
    "sampled stream": lambda lib, d: d.DataLoader(stream(lib), sampler=[1]),
    "batch sampled stream": lambda lib, d: d.DataLoader(stream(lib), batch_sampler=[[1]]),
    "set later": lambda lib, d: setattr(d.DataLoader([1]), "batch_size", 3),
    "index": lambda lib, d: list(d.DataLoader([1, 2], sampler=[5])),
    "unequal shapes": lambda lib, d: list(d.DataLoader([lib.ones(1), lib.ones(2)], 2)),
    "no length": lambda lib, d: len(d.DataLoader(stream(lib))),
    "subset without getitems": lambda lib, d: type("S", (d.Subset,), {"__getitem__": len})(
        [1], [0]
    ).__getitems__([0]),
}


@pytest.mark.parametrize("name", ERRORS)
def test_errors(name):
    theirs, ours = outcome(torch, ERRORS[name]), outcome(jtorch, ERRORS[name])
    assert isinstance(theirs[0], tuple) and theirs[0][0].endswith("Error")
    assert ours == theirs


def test_an_index_out_of_range_raises_as_indexing_does():
    for lib in (torch, jtorch):
        loader = lib.utils.data.DataLoader(numbers(lib), sampler=[3, 99], batch_size=2)
        with pytest.raises(
            IndexError, match="index 99 is out of bounds for dimension 0 with size 11"
        ):
            list(loader)


# ---- speed and aliasing ----


def test_a_tensor_dataset_is_batched_without_recording_anything():
    loader = jtorch.utils.data.DataLoader(numbers(jtorch), batch_size=4, shuffle=True)
    list(loader)  # computes the dataset itself
    before = stats.snapshot()["flushes"]
    assert len(list(loader)) == 3
    assert stats.snapshot()["flushes"] == before


def test_batches_do_not_alias_the_dataset():
    for lib in (torch, jtorch):
        data = numbers(lib)
        batch, _ = next(iter(lib.utils.data.DataLoader(data, batch_size=4)))
        batch.zero_()
        assert data.tensors[0][1].tolist() == [3.0, 4.0, 5.0]


def test_a_changed_dataset_gives_changed_batches():
    for lib in (torch, jtorch):
        data = numbers(lib)
        loader = iter(lib.utils.data.DataLoader(data, batch_size=2))
        next(loader)
        data.tensors[1].mul_(10)
        assert next(loader)[1].tolist() == [20, 30]


def test_gradients_flow_into_a_dataset_that_wants_them():
    for lib in (torch, jtorch):
        x = lib.ones(3, 2, requires_grad=True)
        (rows,) = next(
            iter(
                lib.utils.data.DataLoader(
                    lib.utils.data.TensorDataset(x), sampler=[2, 0, 2], batch_size=3
                )
            )
        )
        rows.sum().backward()
        assert x.grad.tolist() == [[1.0, 1.0], [0.0, 0.0], [2.0, 2.0]]
