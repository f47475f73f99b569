"""Checkpoints of whole networks go from torch to jtorch and back: the same logits, the same losses
from there on.
"""

import io

import numpy as np
import pytest
import torch

import jtorch
from compat_tests.checkpoints.under import load, trainings, under
from jtorch._engine.config import settings

NAMES = list(trainings(torch))


@pytest.fixture(autouse=True)
def _node_by_node(monkeypatch):
    """Nothing is run often enough here to be worth compiling."""
    monkeypatch.setattr(settings, "tier", "cold")


def begin(lib, name, seed=0):
    lib.manual_seed(seed)
    return trainings(lib)[name]()


def moved(checkpoint, writer, reader):
    """What the other library reads from the file that one writes."""
    file = io.BytesIO()
    writer.save(checkpoint, file)
    file.seek(0)
    return reader.load(file)


def logits(run):
    return run.logits().numpy()


def losses(lib, run, steps, seed):
    lib.manual_seed(seed)
    return [run.step() for _ in range(steps)]


@pytest.mark.parametrize("name", NAMES)
def test_checkpoint_goes_both_ways(name):
    theirs = begin(torch, name)
    losses(torch, theirs, 2, seed=1)
    # The other run begins with weights of its own, but with the same batch.
    ours = begin(jtorch, name)
    for module in ours.modules():
        for p in module.parameters():
            p.data.add_(1.0)
    ours.resume(moved(theirs.checkpoint(), torch, jtorch))
    np.testing.assert_allclose(logits(ours), logits(theirs), rtol=1e-5, atol=1e-5)
    expected = losses(torch, theirs, 5, seed=2)
    np.testing.assert_allclose(losses(jtorch, ours, 5, seed=2), expected, rtol=1e-4)

    back = begin(torch, name)
    back.resume(moved(ours.checkpoint(), jtorch, torch))
    np.testing.assert_allclose(logits(back), logits(ours), rtol=1e-5, atol=1e-5)
    expected = losses(jtorch, ours, 3, seed=3)
    np.testing.assert_allclose(losses(torch, back, 3, seed=3), expected, rtol=1e-4)


def test_keys_and_shapes_of_the_real_sizes():
    def shapes(lib):
        real = load(lib, "training").REAL
        with lib.device("meta"):
            states = {name: make().state_dict() for name, make in real.items()}
        return {
            name: [(k, tuple(v.shape), str(v.dtype), str(v.device)) for k, v in state.items()]
            for name, state in states.items()
        }

    ours, theirs = shapes(jtorch), shapes(torch)
    for name, expected in theirs.items():
        assert ours[name] == expected, name


@pytest.mark.parametrize("name", NAMES)
def test_pickled_models_go_both_ways(name):
    """`torch.save(model)`: classes are found by name in the reader's program."""
    given = begin(torch, name)
    expected = logits(given)
    for reader, writer in ((jtorch, torch), (torch, jtorch)):
        file = io.BytesIO()
        with under(writer):
            writer.save(given.parts["model"], file)
        file.seek(0)
        read = begin(reader, name)
        with under(reader):
            read.parts["model"] = reader.load(file, weights_only=False)
        assert isinstance(read.parts["model"], reader.nn.Module)
        np.testing.assert_allclose(logits(read), expected, rtol=1e-5, atol=1e-5)
        given = read
