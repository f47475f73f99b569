"""Programs of one process give in jtorch what they give in torch."""

import inspect
from pathlib import Path

import pytest
import torch

import jtorch
from compat_tests.semantics.observe import compare, programs
from jtorch._engine.config import settings

PROGRAMS = programs(Path(__file__).parent)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, monkeypatch):
    """Node by node: nothing is run often enough here to be worth compiling."""
    monkeypatch.setattr(settings, "tier", "cold")
    found = compare(PROGRAMS[name], jtorch)
    assert not found, "\n".join(found)


def test_signatures():
    for name in jtorch.distributed.__all__:
        ours, theirs = getattr(jtorch.distributed, name), getattr(torch.distributed, name)
        if inspect.isfunction(ours) and inspect.isfunction(theirs):
            assert list(inspect.signature(ours).parameters) == list(
                inspect.signature(theirs).parameters
            ), name


def test_libraries_are_not_sent_to_what_is_for_several_processes():
    assert torch.distributed.is_available()
    assert not jtorch.distributed.is_available()


def test_several_processes_are_refused():
    with pytest.raises(NotImplementedError, match=r"torch\.distributed\.init_process_group"):
        jtorch.distributed.init_process_group(
            "gloo", init_method="tcp://127.0.0.1:1", rank=0, world_size=2
        )
    assert not jtorch.distributed.is_initialized()
