"""Roles of parameters in a declaration, and the normal forms of their arguments."""

import inspect
import operator
import types
import typing

import numpy as np

from .._engine import dtypes
from .._engine.call import is_plain
from .._engine.tensor import Tensor


class Role:
    """What a parameter is, beyond its Python type."""

    def __init__(self, name):
        self.name = name

    def __or__(self, other):
        return Optional(self)

    def __repr__(self):
        return self.name


class Optional:
    """A role whose argument may be None."""

    def __init__(self, role):
        self.role = role

    def __or__(self, other):
        return self


T, Ts, S, TS = Role("Tensor"), Role("Tensors"), Role("Number"), Role("Tensor or Number")
Dim, Dims, NewDim, Size, DType = (
    Role("dim"),
    Role("dims"),
    Role("new dim"),
    Role("size"),
    Role("dtype"),
)
OPERANDS = (T, Ts, S, TS)


class _Missing:
    def __repr__(self):
        return "<required>"


MISSING = _Missing()


class Parameter:
    """A parameter of a declaration: its role, whether it may be None, and how it is passed."""

    __slots__ = ("name", "role", "optional", "default", "keyword_only", "varargs")

    def __init__(self, p, varargs):
        annotation = p.annotation
        if isinstance(annotation, (types.UnionType, typing._UnionGenericAlias)):
            annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        self.optional = isinstance(annotation, Optional)
        self.role = (
            annotation.role
            if self.optional
            else annotation
            if isinstance(annotation, Role)
            else None
        )
        self.name = p.name
        self.default = MISSING if p.default is p.empty else p.default
        self.keyword_only = p.kind is p.KEYWORD_ONLY
        self.varargs = varargs

    @property
    def is_operand(self):
        """True when the argument becomes an array."""
        return self.role in OPERANDS


def parameters_of(fn):
    """The parameters of a declaration."""
    given = list(inspect.signature(fn).parameters.values())
    positional = [p for p in given if p.kind is not p.KEYWORD_ONLY]
    last = positional[-1].name if positional else None
    return [Parameter(p, p.annotation is Size and p.name == last) for p in given]


def static_value(p, value, ndim, name):
    """A static argument as the operation receives it."""
    if p.role is DType:
        return None if value is None else value.np
    if value is None:
        return None
    if p.role is Dim:
        return wrap_dim(value, ndim)
    if p.role is NewDim:
        return wrap_dim(value, ndim + 1)
    if p.role is Dims:
        return wrap_dims(value, ndim)
    return value


def wrap_dim(dim, ndim):
    """A dimension as a non-negative number. Raises torch's IndexError when it is out of range."""
    try:
        dim = operator.index(dim)
    except TypeError:
        raise TypeError(f"dim must be an int, not {type(dim).__name__}") from None
    low, high = (-ndim, ndim - 1) if ndim else (-1, 0)
    if not low <= dim <= high:
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
        )
    return dim % ndim if ndim else 0


def wrap_dims(dims, ndim):
    """Dimensions as a tuple of non-negative numbers. Raises when one is out of range or appears
    twice.
    """
    wrapped = tuple(
        wrap_dim(d, ndim) for d in (dims if isinstance(dims, (tuple, list)) else (dims,))
    )
    if len(set(wrapped)) != len(wrapped):
        repeated = next(d for d in wrapped if wrapped.count(d) > 1)
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    return wrapped


def to_tuple(value):
    """A list, Size or tuple of ints (or 0-dim tensors) as a hashable tuple; else as it is."""
    if value.__class__ is tuple:
        return value if all(v.__class__ is int for v in value) else tuple(map(_hashable, value))
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    return _hashable(value)


# Classes of static arguments that are taken as they are.
SIMPLE = frozenset((int, float, bool, str, type(None)))


def _hashable(value):
    if value.__class__ in SIMPLE:
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    if isinstance(value, (Tensor, np.generic)):
        return value.item()
    return value


def sizes(args):
    """Varargs sizes: `f(2, 3)` and `f((2, 3))` alike."""
    if (
        len(args) == 1
        and not isinstance(args[0], int)
        and not (isinstance(args[0], Tensor) or hasattr(args[0], "__index__"))
    ):
        args = args[0]
    return tuple([a if a.__class__ is int else _size(a) for a in args])


def _size(a):
    try:
        return operator.index(a)
    except TypeError:
        raise TypeError(f"sizes must be ints, but got {type(a).__name__}") from None


def tensors(value, name):
    """The elements of a Ts argument. Raises TypeError unless it is a list or tuple of tensors."""
    if not isinstance(value, (list, tuple)):
        raise TypeError(
            f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not "
            f"{type(value).__name__}"
        )
    if is_plain(value):
        return value
    for i, v in enumerate(value):
        if not isinstance(v, Tensor):
            raise TypeError(
                f"expected Tensor as element {i} in argument 0, but got {type(v).__name__}"
            )
    return value


def to_dtype(value):
    """A dtype argument; Python types stand for torch's. Raises TypeError for anything else."""
    if value is None or isinstance(value, dtypes.dtype):
        return value
    if value in (int, float, bool, complex):
        return {
            int: dtypes.int64,
            float: dtypes.get_default_dtype(),
            bool: dtypes.bool,
            complex: dtypes.default_complex(),
        }[value]
    raise TypeError(f"dtype must be a torch.dtype, not {type(value).__name__}")
