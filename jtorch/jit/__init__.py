"""`torch.jit`: decorators that leave code as it is. Code runs as Python, and XLA compiles what it
repeats.
"""

import builtins
import typing

from ..futures import fork as fork
from ..futures import wait as wait
from ..nn.modules.module import Module


def script(obj, optimize=None, _frames_up=0, _rcb=None, example_inputs=None):
    """The function, class or module as it is."""
    return obj


def trace(func, example_inputs=None, **kwargs):
    """The function or module as it is: it runs as Python, for inputs of any shape."""
    return func


def script_if_tracing(fn):
    """The function as it is."""
    return fn


def _overload(fn):
    return fn


def ignore(drop=False, **kwargs):
    """The function as it is; also usable with arguments."""
    return drop if callable(drop) else lambda fn: fn


def unused(fn):
    """The function as it is."""
    return fn


export = interface = _overload_method = _script_if_tracing = unused


def is_scripting():
    """False."""
    return False


def is_tracing():
    """False."""
    return False


def isinstance(obj, target_type):
    """Python's isinstance, for the containers of `typing` too."""
    origin = typing.get_origin(target_type)
    return builtins.isinstance(obj, origin or target_type)


def annotate(the_type, the_value):
    """The value."""
    return the_value


class _Final:
    """`Final[T]` is `typing.Final[T]`."""

    def __getitem__(self, item):
        return typing.Final[item]


Final = _Final()


class Attribute(typing.NamedTuple):
    value: typing.Any
    type: typing.Any


class ScriptModule(Module):
    """A module; `torch.jit.script` returns modules as they are."""


class ScriptFunction:
    """Scripted functions are ordinary functions; nothing is an instance of this class."""


RecursiveScriptModule = ScriptModule


def save(m, f, _extra_files=None):
    """Not supported."""
    raise NotImplementedError(
        "torch.jit.save is not supported by jtorch; use torch.save(module.state_dict(), file)"
    )


def load(f, map_location=None, _extra_files=None, _restore_shapes=False):
    """Not supported."""
    raise NotImplementedError(
        "torch.jit.load is not supported by jtorch; save a state_dict and load it with torch.load"
    )


def freeze(mod, preserved_attrs=None, optimize_numerics=True):
    """The module as it is."""
    return mod


def optimize_for_inference(mod, other_methods=None):
    """The module as it is."""
    return mod


def enable_onednn_fusion(enabled):
    """No effect."""
