"""Programs about `torch.func` give in jtorch what they give in torch."""

from pathlib import Path

import pytest

import jtorch
import jtorch.func
from compat_tests.semantics.observe import compare, programs
from jtorch._engine.config import settings

PROGRAMS = programs(Path(__file__).parent)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, monkeypatch):
    """Node by node: nothing is run often enough here to be worth compiling."""
    monkeypatch.setattr(settings, "tier", "cold")
    found = compare(PROGRAMS[name], jtorch)
    assert not found, "\n".join(found)


def test_transformations_are_those_of_jax():
    with pytest.raises(NotImplementedError, match=r"torch\.func\.vmap .* jax\.vmap"):
        jtorch.func.vmap(jtorch.sin)
