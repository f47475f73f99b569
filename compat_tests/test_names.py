"""Every public name of PyTorch's namespaces of functions is there, and takes PyTorch's arguments.

What is not is listed in known_gaps.txt, strictly: `names:<name>  reason` for a missing name,
`schema:<name>.<overload>  reason` for an overload that is not accepted, `arguments:<name>  reason`
for a function whose arguments differ.
"""

import inspect
import pathlib
import types

import pytest
import torch

import jtorch
from compat_tests import schemas

GAPS = pathlib.Path(__file__).parent / "known_gaps.txt"
SPACES = ("", "Tensor", "nn.functional", "functional", "linalg", "fft", "special", "signal.windows")
# The classes in which TorchScript's compiler, its files and its C++ objects are written.
_BINDINGS = ("pybind11_type", "_LegacyStorageMeta")


def listed(prefix):
    """{key: reason} of the lines of known_gaps.txt that begin with a prefix."""
    lines = [line.split(None, 1) for line in GAPS.read_text().splitlines()]
    found = {pair[0]: pair[-1] for pair in lines if pair[0].startswith(prefix)}
    assert all(key != reason for key, reason in found.items()), "a gap without a reason"
    return {key.removeprefix(prefix): reason for key, reason in found.items()}


def both_spaces(space):
    theirs, ours = torch, jtorch
    for part in filter(None, space.split(".")):
        theirs, ours = getattr(theirs, part), getattr(ours, part)
    return theirs, ours


def _is_theirs(value):
    """False for what a module of PyTorch imports from elsewhere, and for the compiler's classes."""
    if type(value).__name__ in _BINDINGS or isinstance(value, types.ModuleType):
        return False
    kinds = (torch.dtype, torch.layout, torch.memory_format)
    return callable(value) or isinstance(value, kinds)


def _is_imported(value):
    """True for what stands in a namespace but belongs to another module."""
    module = getattr(value, "__module__", None) or "torch"
    return not module.startswith("torch") or module == "torch._jit_internal"


def names(space):
    """The public names of a namespace that programs can call, or pass as a type or format."""
    theirs, _ = both_spaces(space)
    for name in dir(theirs):
        value = getattr(theirs, name)
        elsewhere = space and (value is torch.Tensor or hasattr(torch.overrides, name))
        if not name.startswith("_") and _is_theirs(value) and not _is_imported(value):
            if not elsewhere:
                yield name


def test_every_public_name_is_there():
    missing = set()
    for space in SPACES:
        _, ours = both_spaces(space)
        path = ".".join(filter(None, ("torch", space)))
        missing |= {f"{path}.{n}" for n in names(space) if not hasattr(ours, n)}
    known = set(listed("names:"))
    assert not missing - known, sorted(missing - known)
    assert not known - missing, f"there now, strike from known_gaps.txt: {sorted(known - missing)}"


def test_names_are_callable_where_torchs_are():
    for space in SPACES:
        theirs, ours = both_spaces(space)
        for name in names(space):
            if callable(getattr(theirs, name)) and hasattr(ours, name):
                assert callable(getattr(ours, name)), f"{space}.{name}"


def test_types_are_as_torchs():
    """Sizes, kinds and relatives of every dtype."""

    def seen(dtype, question):
        try:
            answer = getattr(dtype, question)
            return str(answer() if callable(answer) else answer)
        except RuntimeError:
            return "RuntimeError"

    questions = "itemsize is_floating_point is_complex is_signed to_real to_complex".split()
    for name in dir(torch):
        theirs = getattr(torch, name)
        # There are no tensors of complex32, whose size is that of what stands for it.
        if isinstance(theirs, torch.dtype) and theirs is not torch.complex32:
            for question in questions:
                assert seen(theirs, question) == seen(getattr(jtorch, name), question), name


# --- arguments ------------------------------------------------------------------------

# Functions written in C++, whose arguments a schema of `aten` tells.
_COMPILED = ("builtin_function_or_method", "method_descriptor")
_PREFIXES = {"linalg": "linalg_", "fft": "fft_", "special": "special_"}


def _overloads(space, name):
    packet = getattr(torch.ops.aten, _PREFIXES.get(space, "") + name, None)
    if packet is None:
        return
    for overload in packet.overloads():
        schema = getattr(packet, overload)._schema
        if "Tensor" in str(schema) or overload == "default":
            yield overload, schema


def _is_refused(error):
    """True when jtorch says by name that it does not have a function."""
    return isinstance(error, NotImplementedError) and "not supported by jtorch" in str(error)


def _rejected(space, outputs):
    """{name.overload: message} of the overloads of a namespace that jtorch does not take."""
    theirs, ours = both_spaces(space)
    found = {}
    for name in dir(theirs):
        function = getattr(theirs, name)
        counterpart = getattr(ours, name, None)
        if name.startswith("_") or type(function).__name__ not in _COMPILED or not counterpart:
            continue
        for overload, schema in _overloads(space, name):
            if ("out" in overload) is outputs:
                method = space == "Tensor"
                error = schemas.rejection(function, counterpart, schema, method, jtorch)
                if error is not None and not _is_refused(error):
                    path = ".".join(filter(None, ("torch", space, name, overload)))
                    found[path] = f"{path}: {type(error).__name__} {str(error)[:100]}"
    return found


def _judge(space, outputs):
    found = _rejected(space, outputs)
    listed_here = listed("schema:")
    unknown = [text for path, text in found.items() if path not in listed_here]
    assert not unknown, "\n".join(unknown)
    path = ".".join(filter(None, ("torch", space, "")))
    mine = {k for k in listed_here if k.startswith(path) and k.count(".") == path.count(".") + 1}
    stale = {k for k in mine if ("out" in k.rpartition(".")[2]) is outputs} - set(found)
    assert not stale, f"accepted now, strike from known_gaps.txt: {stale}"


@pytest.mark.parametrize("space", ["", "Tensor", "nn.functional", *_PREFIXES])
def test_every_overload_is_accepted(space):
    _judge(space, outputs=False)


@pytest.mark.parametrize("space", ["", "nn.functional", *_PREFIXES])
def test_every_overload_with_out_is_accepted(space):
    _judge(space, outputs=True)


# The first argument is called "input" by torch's functions and "self" by its methods.
_FIRST = ("self", "input", "A", "tensor")


def _arguments(function):
    """[(name, default)] of the arguments after the first, without `out`."""
    given = list(inspect.signature(function).parameters.values())
    if given and given[0].name in _FIRST:
        given = given[1:]
    return [(p.name, p.default) for p in given if p.name != "out"]


def _written_in_python(space):
    theirs, ours = both_spaces(space)
    for name, function in vars(theirs).items():
        if isinstance(function, types.FunctionType) and not name.startswith("_"):
            counterpart = getattr(ours, name, None)
            if counterpart is not None and not _is_imported(function):
                yield name, function, counterpart


def _is_open(function):
    return any(p.kind in (p.VAR_POSITIONAL, p.VAR_KEYWORD) for p in _parameters(function))


def _differs(theirs, ours):
    # A function that takes anything is one that says what to use instead, in either library.
    if _is_open(theirs) or _is_open(ours):
        return None
    want, got = _arguments(theirs), _arguments(ours)
    if [n for n, _ in want] != [n for n, _ in got][: len(want)]:
        return f"{[n for n, _ in want]} in torch, {[n for n, _ in got]} here"
    for (name, default), (_, own) in zip(want, got):
        if repr(default) != repr(own) and name != "backend":
            return f"{name}={default!r} in torch, {own!r} here"
    return None


def _parameters(function):
    return inspect.signature(function).parameters.values()


@pytest.mark.parametrize("space", [s for s in SPACES if s != "Tensor"] + ["nn.init"])
def test_functions_written_in_python_have_torchs_arguments(space):
    known = listed("arguments:")
    wrong = []
    for name, theirs, ours in _written_in_python(space):
        path = ".".join(filter(None, ("torch", space, name)))
        difference = _differs(theirs, ours)
        if (difference is not None) is not (path in known):
            wrong.append(f"{path}: {difference or 'equal now, strike from known_gaps.txt'}")
    assert not wrong, "\n".join(wrong)
