"""Every program gives in jtorch what it gives in torch, down to strides, flags and errors.

A program is a public function of a `programs_*` module that takes the library and returns values or
raises.
"""

import pathlib

import pytest

import jtorch
from compat_tests.semantics.observe import compare, programs
from jtorch._engine.config import settings

HERE = pathlib.Path(__file__).parent
GAPS = HERE.parent / "known_gaps.txt"


def _gaps():
    lines = GAPS.read_text().splitlines() if GAPS.exists() else []
    listed = [line.split(None, 1) for line in lines if line.startswith("semantics:")]
    return {key.removeprefix("semantics:"): reason for key, reason in listed}


PROGRAMS = programs(HERE)
KNOWN = _gaps()


def _cases(names):
    # Strict: a listed program that starts to pass fails the suite until its line is struck.
    return [
        pytest.param(n, marks=pytest.mark.xfail(reason=KNOWN[n], strict=True)) if n in KNOWN else n
        for n in names
    ]


@pytest.mark.parametrize("name", _cases(PROGRAMS))
def test_program(name, monkeypatch):
    """Node by node, without whole traces being compiled."""
    monkeypatch.setattr(settings, "tier", "cold")
    found = compare(PROGRAMS[name], jtorch)
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", _cases(sorted(PROGRAMS)[::12]))
def test_program_compiled(name, monkeypatch):
    """A sample, with every trace compiled whole."""
    monkeypatch.setattr(settings, "tier", "hot")
    found = compare(PROGRAMS[name], jtorch)
    assert not found, "\n".join(found)


def test_known_gaps_name_programs():
    """No line of the list of gaps outlives its program."""
    assert set(KNOWN) <= set(PROGRAMS)
