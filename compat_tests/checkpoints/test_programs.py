"""Programs about state and files give in jtorch what they give in torch."""

from pathlib import Path

import pytest

import jtorch
from compat_tests.semantics.observe import compare, programs
from jtorch._engine.config import settings

PROGRAMS = programs(Path(__file__).parent)


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, monkeypatch):
    monkeypatch.setattr(settings, "tier", "cold")
    found = compare(PROGRAMS[name], jtorch)
    assert not found, "\n".join(found)
