"""Calls made up from PyTorch's own operator schemas: every overload, all arguments by position, all
by name, the same in both libraries.
"""

import contextlib
import io
import warnings

import numpy as np
import torch

# Tensors that most operations find something acceptable among; the first set that PyTorch takes is
# used for an overload.
_WORLDS = {
    "matrix": lambda d: d.uniform(0.1, 0.9, (3, 3)).astype(np.float32),
    "row": lambda d: d.uniform(0.1, 0.9, (3,)).astype(np.float32),
    "positions": lambda d: d.integers(0, 3, (3,)),
    "flags": lambda d: d.uniform(size=(3, 3)) > 0.5,
    "number": lambda d: np.float32(0.5),
    "batch": lambda d: d.uniform(0.1, 0.9, (2, 3, 3)).astype(np.float32),
    "images": lambda d: d.uniform(0.1, 0.9, (1, 4, 4, 4)).astype(np.float32),
    "volumes": lambda d: d.uniform(0.1, 0.9, (1, 2, 4, 4, 4)).astype(np.float32),
    "complex": lambda d: d.uniform(0.1, 0.9, (3, 3)) + 1j * d.uniform(size=(3, 3)),
}
# Arguments that hold positions or flags, whatever the others are.
_POSITIONS = {"index", "indices", "target", "targets", "ind", "offsets"}
# LAPACK reads out of bounds by pivots that are none.
_PIVOTS = {"pivots", "LU_pivots"}
_FLAGS = {"mask"}
_NUMBERS = {
    "dim": 0,
    "dim0": 0,
    "dim1": 1,
    "dim2": 1,
    "k": 1,
    "n": 1,
    "p": 2,
    "source": 0,
    "destination": 1,
    "steps": 3,
    "num_samples": 2,
    "size": 2,
    "step": 1,
    "groups": 1,
    "num_classes": 5,
    "upscale_factor": 2,
    "downscale_factor": 2,
    "window_length": 4,
    "n_fft": 2,
    "end": 3,
    "length": 1,
    "high": 5,
    "low": 1,
    "split_size": 1,
    "sections": 3,
    "chunks": 2,
    "exponent": 2,
}
_TEXTS = {
    "reduce": "sum",
    "indexing": "ij",
    "rounding_mode": "floor",
    "mode": "reduced",
    "norm": "ortho",
    "UPLO": "L",
    "driver": None,
    "approximate": "none",
    "equation": "ij,jk->ik",
    "pad_mode": "reflect",
    "side": "left",
    "padding": "valid",
    "ord": "fro",
    "interpolation": "linear",
    "keepdim": False,
}


class Call:
    """One overload and one way of passing its arguments: {position or name: value}."""

    def __init__(self, args, kwargs):
        self.args = args
        self.kwargs = kwargs

    def made_for(self, lib):
        """The arguments as values of a library."""
        return [_value(lib, a) for a in self.args], {
            k: _value(lib, v) for k, v in self.kwargs.items()
        }


def _value(lib, value):
    if isinstance(value, (np.ndarray, np.generic)):
        return lib.tensor(np.array(value))
    if isinstance(value, list):
        return [_value(lib, v) for v in value]
    if isinstance(value, torch.dtype):
        return getattr(lib, str(value).removeprefix("torch."))
    if isinstance(value, torch.layout):
        return lib.strided
    if isinstance(value, torch.device):
        return lib.device("cpu")
    if isinstance(value, torch.memory_format):
        return lib.contiguous_format
    return value


def argument(arg, world, draw):
    """A value for an argument of a schema; KeyError for types that programs have no values of."""
    kind, name = str(arg.type), arg.name
    if arg.has_default_value() and kind not in ("Tensor",):
        if arg.default_value is not None or kind.startswith("Optional"):
            return arg.default_value
    if name == "filename":
        raise KeyError(name)
    return _of_type(kind.removeprefix("Optional[").rstrip("]"), kind, name, world, draw)


def _tensor(name, world, draw):
    if name in _POSITIONS:
        return _WORLDS["positions"](draw)
    if name in _PIVOTS:
        return np.array([1, 2, 3], np.int32)
    if name in _FLAGS:
        return _WORLDS["flags"](draw)
    return _WORLDS[world](draw)


def _of_type(inner, kind, name, world, draw):
    if "List[Tensor]" in kind or "List[Optional[Tensor]]" in kind:
        if name == "indices":
            return [np.array([0, 1])]
        return [_WORLDS[world](draw) for _ in range(2)]
    if kind in ("Tensor", "Optional[Tensor]"):
        return _tensor(name, world, draw)
    if "List[int]" in kind or "List[SymInt]" in kind:
        return [_NUMBERS.get(name, 1)]
    if "List[float]" in kind:
        return [1.0]
    if "List[" in kind:
        return [1]
    simple = {
        "int": _NUMBERS.get(name, 1),
        "SymInt": _NUMBERS.get(name, 1),
        "number": _NUMBERS.get(name, 1),
        "Scalar": _NUMBERS.get(name, 1),
        "float": float(_NUMBERS.get(name, 0.5)),
        "bool": False,
        "str": _TEXTS.get(name, "none"),
        "ScalarType": torch.float32,
        "Device": torch.device("cpu"),
        "Layout": torch.strided,
        "MemoryFormat": torch.contiguous_format,
        "Generator": None,
    }
    return simple[inner]


def _call(schema, world, style, method):
    """A call with all arguments of a schema, or None where one has a type without values here."""
    draw = np.random.default_rng(len(schema.name) + len(schema.arguments))
    args, kwargs = [], {}
    for arg in schema.arguments:
        try:
            value = argument(arg, world, draw)
        except KeyError:
            return None
        own = arg.name == "self"
        if (own and method) or not (arg.kwarg_only or style == "named"):
            args.append(value)
        elif not (arg.kwarg_only and arg.has_default_value() and value is None):
            kwargs["input" if own else arg.name] = value
    return Call(args, kwargs)


def _leaves(value):
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in _leaves(v)]
    return [value]


def outcome(lib, function, call):
    """None when a call works and its results can be looked at, else the exception."""
    with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        try:
            args, kwargs = call.made_for(lib)
            for value in _leaves(function(*args, **kwargs)):
                if isinstance(value, lib.Tensor):
                    value.detach().cpu().resolve_conj().tolist()
        except Exception as error:
            return error
    return None


def _accepted(function, schema, style, method):
    """(call, exception or None): the first call that PyTorch takes, or at least understands."""
    understood = None
    for world in _WORLDS:
        call = _call(schema, world, style, method)
        if call is None:
            return None
        error = outcome(torch, function, call)
        if error is None:
            return call, None
        if understood is None and not isinstance(error, TypeError):
            understood = call, error
    return understood


def rejection(theirs, ours, schema, method, lib):
    """The exception that a call of an overload raises here and not in PyTorch; None if none does.

    Where PyTorch raises for the values, only a TypeError counts.
    """
    for style in ("positional", "named"):
        found = _accepted(theirs, schema, style, method)
        if found is None:
            continue
        call, their_error = found
        error = outcome(lib, ours, call)
        if error is not None and (their_error is None or isinstance(error, TypeError)):
            return error
    return None
