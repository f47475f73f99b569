"""Programs about `torch.nn.utils` give in jtorch what they give in torch."""

import importlib
import inspect
import operator
from pathlib import Path

import pytest

import jtorch
from compat_tests.semantics.observe import compare, programs
from jtorch._engine.config import settings

PROGRAMS = programs(Path(__file__).parent)
SUBMODULES = (
    "clip_grad convert_parameters fusion init memory_format parametrizations parametrize prune rnn "
    "spectral_norm stateless weight_norm"
).split()


@pytest.mark.parametrize("name", PROGRAMS)
def test_program(name, monkeypatch):
    """Node by node: nothing is run often enough here to be worth compiling."""
    monkeypatch.setattr(settings, "tier", "cold")
    found = compare(PROGRAMS[name], jtorch)
    assert not found, "\n".join(found)


def parameters(function):
    try:
        signature = inspect.signature(function)
    except ValueError:
        return None
    return [(p.name, p.kind, p.default) for p in signature.parameters.values()]


def public_callables(module):
    """{name: callable} of a module's own functions, classes and their methods."""
    found = {}
    for name, value in vars(module).items():
        if name.startswith("_") or getattr(value, "__module__", None) != module.__name__:
            continue
        if inspect.isclass(value) or inspect.isfunction(value):
            found[name] = value
        if inspect.isclass(value):
            methods = {k: getattr(value, k) for k in vars(value) if not k.startswith("_")}
            found |= {f"{name}.{k}": m for k, m in methods.items() if callable(m)}
    return found


@pytest.mark.parametrize("name", SUBMODULES)
def test_names_and_signatures(name):
    theirs, ours = (
        importlib.import_module(f"{lib}.nn.utils.{name}") for lib in ("torch", "jtorch")
    )
    expected = public_callables(theirs)
    assert expected
    for path, value in expected.items():
        assert parameters(operator.attrgetter(path)(ours)) == parameters(value), path
