"""From values of torch to the same values of jtorch: tensors, types, functions, nested."""

import contextlib
import dis
import functools
import types
from collections import OrderedDict

import ml_dtypes
import numpy as np
import torch

import jtorch

# Where a function of torch is looked for, the public name first.
NAMESPACES = (
    "",
    "nn.functional",
    "linalg",
    "fft",
    "special",
    "signal.windows",
    "masked",
    "sparse",
    "nn",
    "Tensor",
    "_C._nn",
)

# What only guards torch's own generator: the runner seeds both libraries before every call.
_REPLACED = {"freeze_rng_state": contextlib.nullcontext}


_BY_ROW, _BY_COLUMN = ("crow_indices", "col_indices"), ("ccol_indices", "row_indices")
_COMPRESSED = {
    torch.sparse_csr: _BY_ROW,
    torch.sparse_bsr: _BY_ROW,
    torch.sparse_csc: _BY_COLUMN,
    torch.sparse_bsc: _BY_COLUMN,
}


class Missing(Exception):
    """jtorch has no counterpart of what a torch program names."""


def reach(root, path):
    """The object at a dotted path below `root`, or None."""
    for part in filter(None, path.split(".")):
        root = getattr(root, part, None)
        if root is None:
            return None
    return root


@functools.cache
def _names():
    """The dotted path of every function and class of torch, by identity."""
    found = {}
    for space in NAMESPACES:
        owner = reach(torch, space)
        for name in sorted(dir(owner), key=lambda n: n.startswith("_")):
            value = getattr(owner, name, None)
            if callable(value):
                found.setdefault(id(value), f"{space}.{name}".lstrip("."))
    return found


def _path(value):
    if isinstance(value, (torch._ops.OpOverload, torch._ops.OpOverloadPacket)):
        return f"ops.{value}"
    return _names().get(id(value))


def counterpart(value):
    """The jtorch object of the same public name as a torch function or class; Missing if none."""
    path = _path(value)
    if path is None and isinstance(value, type) and _is_foreign(value):
        path = f"{value.__module__}.{value.__qualname__}".removeprefix("torch.")
    if path is None:
        raise Missing(f"{getattr(value, '__name__', value)} has no public name")
    found = reach(jtorch, path)
    if found is None:
        raise Missing(f"torch.{path} is missing")
    return found


def _flat_array(t):
    """A tensor's elements, dense, as NumPy holds them."""
    t = t.detach().resolve_conj().resolve_neg().contiguous()
    name = str(t.dtype).removeprefix("torch.")
    if name == "bfloat16" or name.startswith("float8"):
        bits = t.view(torch.int16 if t.itemsize == 2 else torch.uint8)
        return bits.numpy().view(getattr(ml_dtypes, name)).copy()
    return t.numpy().copy()


def _has_memory(t):
    """False for tensors whose storage was shrunk under them, as some erroneous inputs are."""
    span = sum((n - 1) * s for n, s in zip(t.shape, t.stride())) + t.storage_offset() + 1
    return t.numel() == 0 or span * t.itemsize <= t.untyped_storage().nbytes()


def _storage_array(t):
    """All the memory that a tensor is a part of, as one row."""
    row = t.detach().as_strided((t.untyped_storage().nbytes() // t.itemsize,), (1,), 0)
    return _flat_array(row)


def _global_names(code):
    names = {i.argval for i in dis.get_instructions(code) if i.opname == "LOAD_GLOBAL"}
    for const in code.co_consts:
        if isinstance(const, types.CodeType):
            names |= _global_names(const)
    return names


def _is_foreign(value):
    """True for functions that belong to torch or its tests."""
    return (getattr(value, "__module__", None) or "").split(".")[0] == "torch"


def _is_entry(value):
    """True for the entries of torch's test databases, which its sample functions refer to."""
    return type(value).__module__.startswith("torch.testing")


class Translator:
    """Translates values of one program. The same torch object always gives the same object."""

    def __init__(self):
        self._seen = {}

    def __call__(self, value):
        """The jtorch value; raises Missing where there is no counterpart."""
        kept = self._seen.get(id(value))
        if kept is None:
            # The original is kept alive, so that its id stays its own.
            kept = self._seen[id(value)] = (self._translate(value), value)
        return kept[0]

    def _translate(self, value):
        for kind, method in self._KINDS:
            if isinstance(value, kind):
                return method(self, value)
        if (
            callable(value)
            and not _is_entry(value)
            and (_path(value) is not None or _is_foreign(value))
        ):
            return counterpart(value)
        return value

    def _tensor(self, t):
        if t.layout != torch.strided:
            return self._sparse(t)
        if t.is_meta:
            return jtorch.empty(tuple(t.shape), dtype=self._named(t.dtype), device="meta")
        if t.dim() > 64 or not _has_memory(t):
            raise Missing("a tensor that NumPy cannot hold")
        with jtorch.no_grad():
            if (t.is_contiguous() and t.untyped_storage().nbytes() == t.nbytes) or t.numel() == 0:
                made = jtorch.tensor(_flat_array(t))
            else:
                row = jtorch.tensor(_storage_array(t))
                made = row.as_strided(tuple(t.shape), t.stride(), t.storage_offset()).detach()
        if isinstance(t, torch.nn.Parameter):
            return jtorch.nn.Parameter(made, t.requires_grad)
        return made.requires_grad_() if t.requires_grad else made

    def _sparse(self, t):
        bare = t.detach()
        size = tuple(t.shape)
        if t.layout == torch.sparse_coo:
            parts = self._tensor(bare._indices()), self._tensor(bare._values())
            made = jtorch.sparse_coo_tensor(*parts, size, is_coalesced=t.is_coalesced())
        elif t.layout in _COMPRESSED:
            parts = [getattr(bare, name)() for name in (*_COMPRESSED[t.layout], "values")]
            layout = self._named(t.layout)
            parts = [self._tensor(p) for p in parts]
            made = jtorch.sparse_compressed_tensor(*parts, size, layout=layout)
        else:
            raise Missing(f"layout {t.layout}")
        return made.requires_grad_() if t.requires_grad else made

    def _named(self, value):
        name = str(value).removeprefix("torch.")
        found = getattr(jtorch, name, None)
        if found is None:
            raise Missing(f"torch.{name} is missing")
        return found

    def _function(self, fn):
        if id(fn) in _names():
            return counterpart(fn)
        if fn.__name__ in _REPLACED:
            return _REPLACED[fn.__name__]
        if not _is_foreign(fn):
            return fn
        return self._rebuild(fn)

    def _rebuild(self, fn):
        """A Python function of torch's tests, with jtorch wherever it names torch."""
        space = fn.__globals__
        named = {n: self(space[n]) for n in _global_names(fn.__code__) if n in space}
        named["__builtins__"] = space["__builtins__"]
        cells = tuple(types.CellType(self(c.cell_contents)) for c in fn.__closure__ or ())
        defaults = None if fn.__defaults__ is None else self(fn.__defaults__)
        made = types.FunctionType(fn.__code__, named, fn.__name__, defaults, cells)
        made.__kwdefaults__ = None if fn.__kwdefaults__ is None else self(fn.__kwdefaults__)
        return made

    def _module(self, module):
        found = jtorch if module is torch else None
        if module.__name__.startswith("torch."):
            found = reach(jtorch, module.__name__.removeprefix("torch."))
            if found is None:
                raise Missing(f"{module.__name__} is missing")
        return module if found is None else found

    def _generator(self, generator):
        made = jtorch.Generator()
        made.set_state(jtorch.tensor(generator.get_state().numpy()))
        return made

    def _instance(self, module):
        """A module of the same class with the same attributes."""
        kind = counterpart(type(module))
        made = kind.__new__(kind)
        made.__dict__.update(self(vars(module)))
        return made

    def _dict(self, value):
        made = OrderedDict() if isinstance(value, OrderedDict) else {}
        made.update((k, self(x)) for k, x in value.items())
        return made

    def _sequence(self, value):
        if type(value) in (tuple, list):
            return type(value)(self(v) for v in value)
        return type(value)(*(self(v) for v in value)) if hasattr(value, "_fields") else value

    _KINDS = (
        (torch.Tensor, _tensor),
        ((torch.dtype, torch.layout, torch.memory_format), _named),
        (torch.Size, lambda self, v: jtorch.Size(v)),
        (torch.device, lambda self, v: jtorch.device(str(v))),
        (torch.Generator, _generator),
        (torch.nn.Module, _instance),
        (types.ModuleType, _module),
        (types.FunctionType, _function),
        (
            functools.partial,
            lambda self, v: functools.partial(self(v.func), *self(v.args), **self(v.keywords)),
        ),
        (slice, lambda self, v: slice(self(v.start), self(v.stop), self(v.step))),
        ((tuple, list), _sequence),
        (dict, _dict),
        (np.ndarray, lambda self, v: v.copy()),
    )
