"""Names, signatures and attributes of torch.nn, found by looking at torch, not from lists."""

import importlib
import inspect
import io
import pkgutil
import warnings
from typing import TypeVar

import pytest
import torch

import jtorch
from compat_tests.nn.module_entries import ENTRIES, samples
from compat_tests.opinfo.translate import Translator

# Kernels of torch behind linear_cross_entropy and SyncBatchNorm, which no program names.
_INTERNAL = {"linear_cross_entropy", "_functions"}

MODULES = [
    "nn",
    "nn.common_types",
    "nn.functional",
    "nn.grad",
    "nn.init",
    "nn.parameter",
    *(
        f"nn.modules.{m.name}"
        for m in pkgutil.iter_modules(torch.nn.modules.__path__)
        if m.name not in _INTERNAL
    ),
]
# What is no part of the interface of a module: what it imports for itself, and internal switches.
_FOREIGN = ("assert_int_or_pair", "boolean_dispatch")
# Where torch keeps the weights of a recurrent layer once more; here a property finds them.
_SECOND_REFERENCES = {"_flat_weights", "_flat_weight_refs"}


def _pair(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module(f"torch.{name}"), importlib.import_module(f"jtorch.{name}")


def _own(module):
    """The public names that a module of torch defines or lists, its own submodules too."""
    listed = set(getattr(module, "__all__", ()))
    for name, value in vars(module).items():
        home = value.__name__ if inspect.ismodule(value) else getattr(value, "__module__", None)
        if isinstance(value, TypeVar) and name == "T":
            # A name for annotations, from before there were others.
            continue
        inside = home == module.__name__ or (
            inspect.ismodule(value) and home == f"{module.__name__}.{name}"
        )
        if inside and not name.startswith("_") and name not in _FOREIGN:
            listed.add(name)
    return listed


CLASSES = sorted(
    name
    for name, value in vars(torch.nn).items()
    if inspect.isclass(value) and issubclass(value, torch.nn.Module)
)
FUNCTIONS = [
    f"{space}.{name}"
    for space in ("nn.functional", "nn.init", "nn.grad")
    for name, value in sorted(vars(_pair(space)[0]).items())
    if inspect.isfunction(value) and value.__module__ == f"torch.{space}" and name[0] != "_"
    if name not in _FOREIGN
]


def _default(value):
    if value is inspect.Parameter.empty:
        return value
    return value.__name__ if callable(value) else repr(value).replace("jtorch", "torch")


def _parameters(function):
    found = inspect.signature(function).parameters.values()
    return [(p.name, p.kind, _default(p.default)) for p in found]


@pytest.mark.parametrize("name", MODULES)
def test_every_public_name_is_there(name):
    theirs, ours = _pair(name)
    assert sorted(n for n in _own(theirs) if not hasattr(ours, n)) == []


@pytest.mark.parametrize("name", FUNCTIONS)
def test_functions_take_the_same_arguments(name):
    space, _, attribute = name.rpartition(".")
    theirs, ours = (getattr(lib, attribute) for lib in _pair(space))
    assert ours.__doc__
    assert callable(ours)
    want = _parameters(theirs)
    # torch chooses by `return_indices` between two functions, and shows the signature of neither.
    if [p[0] for p in want] != ["args", "kwargs"]:
        assert _parameters(ours) == want


@pytest.mark.parametrize("name", CLASSES)
def test_methods_take_the_same_arguments(name):
    theirs, ours = getattr(torch.nn, name), getattr(jtorch.nn, name)
    assert ours.__doc__
    assert getattr(ours, "__constants__", None) == getattr(theirs, "__constants__", None)
    assert ours.__module__ == f"j{theirs.__module__}"
    for attribute in ("__init__", "__call__", *filter(lambda n: n[0] != "_", dir(theirs))):
        value = getattr(theirs, attribute)
        assert hasattr(ours, attribute), attribute
        if inspect.isfunction(value) and attribute != "__call__":
            assert _parameters(getattr(ours, attribute)) == _parameters(value), attribute


def _arguments(name):
    """Arguments of a constructor: those of the database, or a 4 for every one that is required."""
    if name in ENTRIES:
        made = samples(ENTRIES[name], torch.float32, True)[0].constructor_input
        return made.args, made.kwargs
    return _REQUIRED.get(name) or ((4,) * _required(getattr(torch.nn, name)), {})


def _required(cls):
    found = list(inspect.signature(cls.__init__).parameters.values())[1:]
    return sum(p.default is p.empty and p.kind is p.POSITIONAL_OR_KEYWORD for p in found)


# Constructors that 4s are no arguments of.
_REQUIRED = {
    "AdaptiveLogSoftmaxWithLoss": ((8, 10, [4, 6]), {}),
    "DataParallel": ((torch.nn.Linear(2, 2),), {}),
    "RNNBase": (("LSTM", 3, 4), {}),
    "TransformerDecoder": ((torch.nn.TransformerDecoderLayer(4, 2, 8), 2), {}),
    "Unflatten": ((1, (2, 2)), {}),
}


def _attributes(module):
    """Attributes and, of those that are plain values, what they are."""
    found = vars(module)
    plain = (bool, int, float, str, tuple, list, type(None))
    names = sorted(set(found) - _SECOND_REFERENCES)
    values = {n: found[n] for n in names if isinstance(found[n], plain)}
    return names, {n: repr(v) for n, v in values.items()}


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSES)
def test_attributes_of_an_instance(name):
    args, kwargs = _arguments(name)
    translate = Translator()
    theirs = getattr(torch.nn, name)(*args, **kwargs)
    ours = getattr(jtorch.nn, name)(*translate(args), **translate(kwargs))
    want, got = _attributes(theirs), _attributes(ours)
    assert got[0] == want[0]
    assert got[1] == want[1]
    assert repr(ours) == repr(theirs)
    assert list(ours.state_dict()) == list(theirs.state_dict())


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", CLASSES)
def test_whole_modules_go_from_library_to_library(name):
    """torch.save writes a module with its class and attributes, not only its state."""
    args, kwargs = _arguments(name)
    translate = Translator()
    made = {
        torch: getattr(torch.nn, name)(*args, **kwargs),
        jtorch: getattr(jtorch.nn, name)(*translate(args), **translate(kwargs)),
    }
    for writer, reader in ((torch, jtorch), (jtorch, torch)):
        file = io.BytesIO()
        writer.save(made[writer], file)
        file.seek(0)
        read = reader.load(file, weights_only=False)
        assert type(read) is type(made[reader])
        assert repr(read) == repr(made[reader])
        assert set(vars(made[reader])) - _SECOND_REFERENCES <= set(vars(read))
        for theirs, ours in zip(made[writer].parameters(), read.parameters(), strict=True):
            lazy = writer.nn.parameter.is_lazy(theirs)
            assert reader.nn.parameter.is_lazy(ours) == lazy
            assert lazy or theirs.tolist() == ours.tolist()
