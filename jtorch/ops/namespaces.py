"""`torch.ops`: the operations under the names of PyTorch's dispatcher, `torch.ops.aten.add.Tensor`.

A packet is whatever the declarations call by that name; `aten.txt` says which names and overloads
PyTorch has, so that asking for one is answered as PyTorch answers.
"""

import functools
import inspect
import pathlib
import types

from .._engine.tensor import Tensor
from .registry import ops, public

# Where a packet is looked for: the prefix of its name, and the namespace that has the rest of it.
_PLACES = (
    ("", "torch"),
    ("", "Tensor"),
    ("", "nn.functional"),
    ("linalg_", "linalg"),
    ("fft_", "fft"),
    ("special_", "special"),
)
_REDUCTIONS = ("none", "mean", "sum")
_LEGACY = ("size_average", "reduce")


@functools.cache
def overload_names():
    """{packet: names of its overloads} of all that PyTorch has in `aten`."""
    text = (pathlib.Path(__file__).parent / "aten.txt").read_text()
    return {name: tuple(rest) for name, *rest in map(str.split, text.splitlines())}


def find(name):
    """The function behind `torch.ops.aten.<name>`, or None."""
    for prefix, space in _PLACES:
        found = public[space].get(name[len(prefix) :]) if name.startswith(prefix) else None
        if found is not None:
            return _of_numbered_reduction(found) if space == "nn.functional" else found
    found = getattr(ops, name, None) or getattr(Tensor, name, None)
    if found is not None:
        return found if callable(found) else None
    return _functional(name) or _in_place(name)


def _functional(name):
    """What `x.<name>_()` would make of `x`, as a new tensor."""
    change = getattr(Tensor, name + "_", None)
    return change and (lambda self, *args, **kwargs: change(self.clone(), *args, **kwargs))


def _in_place(name):
    """A function of nn.functional that has an `inplace` argument, given it."""
    function = public["nn.functional"].get(name[:-1]) if name.endswith("_") else None
    if function is None or "inplace" not in inspect.signature(function).parameters:
        return None
    return functools.partial(function, inplace=True)


def _of_numbered_reduction(function):
    """A loss as the dispatcher calls it: without legacy arguments, the reduction as a number."""
    names = list(inspect.signature(function).parameters)
    if "reduction" not in names:
        return function
    names = [n for n in names if n not in _LEGACY]

    def call(*args, **kwargs):
        kwargs.update(zip(names, args))
        given = kwargs.get("reduction")
        if given.__class__ is int:
            kwargs["reduction"] = _REDUCTIONS[given]
        return function(**kwargs)

    return call


class OpOverload:
    """One overload of a packet, `torch.ops.aten.add.Tensor`. Calling it calls the operation."""

    __module__ = "torch._ops"

    def __init__(self, packet, overload):
        self.overloadpacket = packet
        self._overloadname = overload
        self._opname = packet.__name__
        self.namespace = packet.namespace
        self.__name__ = f"{packet.__name__}.{overload}"
        self.__qualname__ = self.__name__

    def __call__(self, /, *args, **kwargs):
        return self.overloadpacket(*args, **kwargs)

    def name(self):
        """The dispatcher's name, `aten::add.Tensor`."""
        suffix = "" if self._overloadname == "default" else "." + self._overloadname
        return self.overloadpacket._qualified_op_name + suffix

    def __hash__(self):
        return id(self)

    def __repr__(self):
        packet = self.overloadpacket
        return f"<OpOverload(op='{packet}', overload='{self._overloadname}')>"

    def __str__(self):
        return f"{self.overloadpacket}.{self._overloadname}"


class OpOverloadPacket:
    """The overloads of one name, `torch.ops.aten.add`. Calling it lets the operation choose."""

    __module__ = "torch._ops"

    def __init__(self, namespace, name, function, overloads=("default",)):
        self.namespace = namespace
        self.__name__ = self.__qualname__ = name
        self._qualified_op_name = f"{namespace}::{name}"
        self._function = function
        self._overloads = overloads

    def __call__(self, /, *args, **kwargs):
        # The dispatcher calls the first argument "self", Python's functions "input".
        if "self" in kwargs:
            args = (kwargs.pop("self"), *args)
        try:
            return self._function(*args, **kwargs)
        except TypeError as error:
            raise RuntimeError(
                "Overloaded torch operator invoked from Python failed to match any schema:\n"
                f"{self._qualified_op_name}() {error}"
            ) from error

    def overloads(self):
        """The names of the overloads."""
        return list(self._overloads)

    def __getattr__(self, name):
        if name.startswith("__") or name not in self._overloads:
            raise AttributeError(
                f"The underlying op of '{self}' has no overload name '{name}'"
                if not name.startswith("__")
                else f"'OpOverloadPacket' object has no attribute '{name}'"
            )
        made = self.__dict__[name] = OpOverload(self, name)
        return made

    def __iter__(self):
        return iter(self._overloads)

    def __dir__(self):
        return [*super().__dir__(), *self._overloads]

    def __repr__(self):
        return f"<OpOverloadPacket(op='{self}')>"

    def __str__(self):
        return f"{self.namespace}.{self.__name__}"


class _OpNamespace(types.ModuleType):
    """`torch.ops.<name>`: packets, made when they are asked for."""

    def __init__(self, name):
        super().__init__(f"torch.ops.{name}")
        self.name = name

    def __getattr__(self, name):
        function = overloads = None
        if self.name == "aten" and not name.startswith("__"):
            overloads = overload_names().get(name)
            function = None if overloads is None else find(name)
        if function is None:
            raise AttributeError(f"'_OpNamespace' '{self.name}' object has no attribute '{name}'")
        made = self.__dict__[name] = OpOverloadPacket(self.name, name, function, overloads)
        return made

    def __dir__(self):
        found = overload_names() if self.name == "aten" else ()
        return [*super().__dir__(), *(n for n in found if find(n) is not None)]


@functools.cache
def namespace(name):
    """`torch.ops.<name>`, one object for each name. As in PyTorch every name has one."""
    return _OpNamespace(name)


def load_library(path):
    """Raises OSError, as PyTorch does: operators compiled for it need its own binary interface."""
    raise OSError(f"Could not load this library: {path} (jtorch runs no operators in C++)")
