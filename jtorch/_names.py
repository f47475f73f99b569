"""The names that pickles use for things: PyTorch's, whatever jtorch's own module is called."""

import importlib
import pickle
import sys
import types

from . import _stored, _utils
from ._engine import device as devices
from ._engine import dtypes, formats
from ._engine.layouts import LAYOUTS
from ._engine.size import Size
from ._engine.tensor import Tensor
from .ops.registry import public


class StorageType:
    """A storage class as a file names it, `torch.FloatStorage`."""

    __slots__ = ("dtype", "name")

    def __init__(self, name, dtype):
        self.name = name
        self.dtype = dtype

    def __repr__(self):
        return f"<class 'torch.{self.name}'>"


# torch.storage.UntypedStorage: bytes, whose element type stands elsewhere.
UNTYPED = StorageType("UntypedStorage", dtypes.uint8)
STORAGE_TYPES = {name: StorageType(name, d) for name, d in _stored.STORAGE_NAMES.items()}


def get_layout(name):
    """The layout called `name`, such as "torch.strided"."""
    return LAYOUTS[name.removeprefix("torch.")]


# What PyTorch keeps in another place than jtorch: (module, name) -> object.
MOVED = {
    ("torch", "Size"): Size,
    ("torch", "Tensor"): Tensor,
    ("torch", "device"): devices.device,
    ("torch._tensor", "_rebuild_from_type_v2"): _utils._rebuild_from_type_v2,
    ("torch.serialization", "_get_layout"): get_layout,
    ("torch.storage", "UntypedStorage"): UNTYPED,
    ("torch", "UntypedStorage"): UNTYPED,
}
MOVED.update({("torch", name): kind for name, kind in STORAGE_TYPES.items()})
MOVED.update({("torch", d.name): d for d in dtypes.NAMES.values()})
MOVED.update({("torch._utils", f.__name__): f for f in _utils.PARAMETER_FUNCTIONS})
MOVED.update(
    {
        ("torch", str(f).removeprefix("torch.")): f
        for f in vars(formats).values()
        if isinstance(f, formats.memory_format)
    }
)
_NAME_OF = {}
for _key, _object in MOVED.items():
    _NAME_OF.setdefault(id(_object), _key)

_OURS, _THEIRS = "jtorch", "torch"
# Files, or single names of a file, that jtorch has and PyTorch has not: where its own are.
_PLACES = {
    "torch.distributed._collectives": "torch.distributed.distributed_c10d",
    "torch.distributed._groups": "torch.distributed.distributed_c10d",
    "torch.nn.modules._hooks": "torch.nn.modules.module",
    "torch.nn.modules._removable": "torch.utils.hooks",
    "torch.nn.modules._state": "torch.nn.modules.module",
    "torch.nn.modules.attention": "torch.nn.modules.activation",
    "torch.optim._schedule": "torch.optim.lr_scheduler",
    "torch.optim._schedule_cycles": "torch.optim.lr_scheduler",
    ("torch.optim.adam", "AdamW"): "torch.optim.adamw",
}
_C = "torch._C"
# Modules of functions written in C: the namespace that has them, and what their names begin with.
_C_SPACES = {
    "torch._C._nn": ("nn.functional", ""),
    "torch._C._linalg": ("linalg", "linalg_"),
    "torch._C._fft": ("fft", "fft_"),
    "torch._C._special": ("special", "special_"),
}


def _renamed(module, old, new):
    return new + module[len(old) :] if module == old or module.startswith(old + ".") else None


def torch_name(thing, name=None):
    """(module, qualified name) under which PyTorch knows one of jtorch's globals; None for other
    people's things.
    """
    found = _NAME_OF.get(id(thing))
    if found is not None:
        return found
    name = name or getattr(thing, "__qualname__", None) or getattr(thing, "__name__", None)
    module = getattr(thing, "__module__", None)
    if name is None or not isinstance(module, str):
        return None
    theirs = _renamed(module, _OURS, _THEIRS)
    if theirs is None:
        # Operations name the module of torch that they belong to.
        ours = _renamed(module, _THEIRS, _OURS)
        return (module, name) if _lookup(sys.modules.get(ours), name) is thing else None
    if _lookup(sys.modules.get(module), name) is not thing:
        raise pickle.PicklingError(f"Can't pickle {thing!r}: it's not found as {theirs}.{name}")
    return _PLACES.get((theirs, name)) or _PLACES.get(theirs) or theirs, name


def _lookup(holder, name):
    for part in name.split("."):
        holder = getattr(holder, part, None)
    return holder


def _in_c(module, name):
    """What PyTorch's own pickles of its functions written in C mean."""
    if (module, name) == (_C, "_VariableFunctionsClass"):
        return types.SimpleNamespace(**public[_THEIRS])
    space, prefix = _C_SPACES.get(module, (None, ""))
    return None if space is None else public[space].get(name.removeprefix(prefix))


def from_torch_name(module, name):
    """The object a pickle means by `module name` when the module is PyTorch's or jtorch's; None for
    others.

    Raises AttributeError or ModuleNotFoundError, naming torch, when jtorch has no such thing.
    """
    module = _renamed(module, _OURS, _THEIRS) or module
    found = MOVED.get((module, name)) or _in_c(module, name)
    if found is not None:
        return found
    ours = _renamed(module, _THEIRS, _OURS)
    if ours is None:
        return None
    try:
        holder = importlib.import_module(ours)
    except ModuleNotFoundError as e:
        raise ModuleNotFoundError(f"No module named {module!r}", name=module) from e
    for part in name.split("."):
        if not hasattr(holder, part):
            raise AttributeError(f"Can't get attribute {name!r} on <module {module!r}>")
        holder = getattr(holder, part)
    return holder
