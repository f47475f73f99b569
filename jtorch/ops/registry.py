"""Declaring operations.

The `def` line of a declaration is its schema: from it come the function, the method, the in-place and `out=` forms,
argument normalisation, type promotion and documentation. See `docs/design/ops.md`.
"""

import inspect
import linecache
import operator
import types
import typing

import jax
import numpy as np

from .._engine import device as devices
from .._engine import dtypes, trace
from .._engine.call import (
    LEGACY_NAMES,
    apply,
    cast_result,
    check_writable,
    finish_out,
    forget_version,
    inplace,
    write,
)
from .._engine.signature import Operation, camel, guard
from .._engine.tensor import Tensor, from_array, value_of
from . import promotion
from .promotion import BOOL, DEFAULT, FLOAT, LONG, SAME

jax.config.update("jax_numpy_dtype_promotion", "strict")


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
Dim, Dims, NewDim, Size, DType = Role("dim"), Role("dims"), Role("new dim"), Role("size"), Role("dtype")
OPERANDS = (T, Ts, S, TS)

NAMESPACES = {
    "f": "torch", "m": "Tensor", "F": "nn.functional", "L": "linalg", "S": "special", "X": "fft", "W": "signal.windows",
}  # fmt: skip


class _Missing:
    def __repr__(self):
        return "<required>"


MISSING = _Missing()
public = {space: {} for space in NAMESPACES.values()}
entries = {}


class Ops:
    """Every operation under its registry key, for declarations that call others."""


ops = Ops()


class Entry:
    """One declaration, as tests and documentation see it."""

    __slots__ = ("key", "name", "variants", "kind", "accepts", "function", "operation", "doc", "parameters", "aliases")

    def __init__(self, key, name, variants, kind, accepts, function, operation, parameters, aliases):
        self.key = key
        self.name = name
        self.variants = variants
        self.kind = kind
        self.accepts = accepts
        self.function = function
        self.operation = operation
        self.doc = function.__doc__
        self.parameters = parameters
        self.aliases = aliases


def check(condition, message, exc=RuntimeError):
    """Raise `exc` with the message (or what it returns, when callable) unless the condition holds."""
    if not condition:
        raise exc(message() if callable(message) else message)


def host(tensor):
    """The contents of a tensor as a NumPy array that must not be written to; executes what is pending."""
    return tensor._host("data-dependent shape")


def from_host(array, device=None):
    """A tensor over a NumPy array that nobody else writes to."""
    device = devices.resolve(device if device is not None else devices.default_device())
    t = from_array(np.asarray(array))
    if device is devices.cpu:
        return t
    if device is devices.meta:
        return apply(_no_data, (), promotion_attrs((t.shape, t.dtype, device)))
    return trace_transfer(t, device)


def trace_transfer(t, device):
    """A host tensor on another device."""
    value = value_of(t)
    from .._engine.tensor import wrap

    return wrap(trace.execute.transfer(value, value.array, device))


class DeviceAttrs(tuple):
    """Static attributes whose last element is the device of the result."""

    __slots__ = ()

    @property
    def device(self):
        """Where the result goes."""
        return self[-1]


promotion_attrs = DeviceAttrs
_no_data = Operation("no_data", lambda attrs, avals: lambda: (jax.numpy.zeros(attrs[0], attrs[1].np),))


def op(
    kind=SAME,
    accepts="buifc",
    variants="f m",
    *,
    name=None,
    alias=(),
    returns=None,
    grad=True,
    saves=None,
    grad_name=None,
    broadcast=True,
    verify=None,
):
    """Declare an operation: a pure function of JAX arrays and static attributes. See `docs/design/ops.md`.

    verify: called with the avals of the operands before they are promoted (None for absent ones), to refuse some.
    """

    def declare(fn):
        key = fn.__name__
        _validate(key, fn, kind, variants)
        parameters = _parameters(fn)
        shown = name or key
        made = _Maker(shown, fn, kind, accepts, parameters, broadcast)
        made.verify = verify
        operation = Operation(
            shown,
            made,
            grad_name=grad_name or camel(shown.strip("_")) + "Backward0",
            saves_out=saves == "out",
            differentiable=grad,
            elementwise=kind in (DEFAULT, FLOAT, BOOL) and broadcast,
        )
        made.operation = operation
        operation.argument_name = _ArgumentName(parameters)
        result = _result_class(shown, returns)
        callables = _compile(shown, fn, parameters, operation, variants.split(), result)
        _register(key, shown, variants, kind, accepts, fn, operation, parameters, alias, callables)
        return callables["f"]

    return declare


def rows(kind, accepts, variants, *, doc=None, **functions):
    """Declare unary operations in bulk: name=function of one array."""
    for name, function in functions.items():
        declared = _unary(name, function, (doc or {}).get(name))
        keywords = {"saves": "out"} if getattr(function, "saves_out", False) else {}
        op(kind, accepts, variants, **keywords)(declared)


def _unary(name, function, text):
    def declared(input: T):
        return function(input)

    declared.__name__ = declared.__qualname__ = name
    declared.__doc__ = text or f"The {name.replace('_', ' ')} of each element."
    return declared


def composite(variants="f m", *, name=None, alias=()):
    """Declare an operation made of others: the function receives tensors and Python values as the user gave them."""

    def declare(fn):
        key = fn.__name__
        _validate(key, fn, SAME, variants)
        shown = name or key
        tokens = variants.split()
        parameters = list(inspect.signature(fn).parameters.values())
        callables = _composite_forms(shown, fn, parameters, tokens)
        _register(key, shown, variants, None, None, fn, None, parameters, alias, callables)
        return callables["f"]

    return declare


def _validate(key, fn, kind, variants):
    if key in entries:
        raise ValueError(f"operation {key!r} is declared twice")
    if not fn.__doc__:
        raise ValueError(f"operation {key!r} has no docstring")
    if kind not in promotion.KINDS:
        raise ValueError(f"operation {key!r}: unknown promotion kind {kind!r}")
    unknown = set(variants.split()) - set(NAMESPACES) - {"i", "o", "p"}
    if unknown:
        raise ValueError(f"operation {key!r}: unknown variants {sorted(unknown)}")


def _register(key, shown, variants, kind, accepts, fn, operation, parameters, alias, callables):
    entries[key] = Entry(key, shown, variants, kind, accepts, fn, operation, parameters, alias)
    setattr(ops, key, callables["f"])
    if "i" in callables:
        setattr(ops, key + "_", callables["i"])
    tokens = variants.split()
    for public_name in (shown, *alias):
        for token in tokens:
            if token in NAMESPACES:
                _publish(NAMESPACES[token], public_name, callables["f"])
        if "i" in tokens:
            _publish("Tensor", public_name + "_", callables["i"])
            if "f" in tokens:
                _publish("torch", public_name + "_", callables["i"])


def _publish(space, name, function):
    if public[space].setdefault(name, function) is not function:
        raise ValueError(f"{space}.{name} is declared twice")


class Parameter:
    """A parameter of a declaration: its role, whether it may be None, and how it is passed."""

    __slots__ = ("name", "role", "optional", "default", "keyword_only", "varargs")

    def __init__(self, p, varargs):
        annotation = p.annotation
        if isinstance(annotation, (types.UnionType, typing._UnionGenericAlias)):
            annotation = next(a for a in typing.get_args(annotation) if a is not type(None))
        self.optional = isinstance(annotation, Optional)
        self.role = annotation.role if self.optional else annotation if isinstance(annotation, Role) else None
        self.name = p.name
        self.default = MISSING if p.default is p.empty else p.default
        self.keyword_only = p.kind is p.KEYWORD_ONLY
        self.varargs = varargs

    @property
    def is_operand(self):
        """True when the argument becomes an array."""
        return self.role in OPERANDS


def _parameters(fn):
    given = list(inspect.signature(fn).parameters.values())
    positional = [p for p in given if p.kind is not p.KEYWORD_ONLY]
    last = positional[-1].name if positional else None
    return [Parameter(p, p.annotation is Size and p.name == last) for p in given]


class _ArgumentName:
    """Names a tensor argument by its position, for error messages."""

    def __init__(self, parameters):
        self.names = [p.name for p in parameters if p.is_operand]

    def __call__(self, position):
        return self.names[min(position, len(self.names) - 1)] if self.names else "input"


class _Maker:
    """Makes the array function of a signature: checks arguments, promotes operands, normalises dimensions."""

    def __init__(self, name, fn, kind, accepts, parameters, broadcast):
        self.name = name
        self.fn = fn
        self.kind = kind
        self.accepts = accepts
        self.parameters = parameters
        self.operands = [p for p in parameters if p.is_operand]
        self.static = [p for p in parameters if not p.is_operand]
        self.listed = any(p.role is Ts for p in self.operands)
        self.broadcast = broadcast
        self.verify = None
        self.operation = None

    def __call__(self, attrs, avals):
        counts = list(attrs[0]) if self.listed else []
        values = attrs[1:] if self.listed else attrs
        spans = self._spans(counts)
        self._check_operands(spans, avals)
        if self.verify is not None:
            self.verify(avals)
        promoted = [a for p, span in spans if p.role is not S for a in avals[span]]
        working = promotion.working_dtype(self.kind, promoted)
        first = next((a for a in avals if a is not None and not a.scalar), None)
        accepted = working if working is not None else first.dtype if first is not None else None
        promotion.check_accepted(self.name, self.accepts, accepted)
        if self.broadcast and self.kind in (DEFAULT, FLOAT, BOOL):
            promotion.check_broadcast(
                [avals[span][0].shape for p, span in spans if p.role in (T, TS) and avals[span][0] is not None]
            )
        ndim = first.ndim if first is not None else 0
        static = {p.name: _static(p, v, ndim, self.name) for p, v in zip(self.static, values)}
        return self._bind(spans, static, working)

    def _spans(self, counts):
        spans = []
        at = 0
        counts = iter(counts)
        for p in self.operands:
            n = next(counts) if p.role is Ts else 1
            spans.append((p, slice(at, at + max(n, 0)) if n >= 0 else None))
            at += max(n, 0)
        return [(p, s) for p, s in spans if s is not None]

    def _check_operands(self, spans, avals):
        for position, (p, span) in enumerate(spans):
            for a in avals[span]:
                if a is None:
                    if not p.optional:
                        raise TypeError(self._wrong(p, position, "NoneType"))
                elif a.scalar and p.role in (T, Ts):
                    raise TypeError(self._wrong(p, position, a.kind.__name__))

    def _wrong(self, p, position, got):
        expected = "tuple of Tensors" if p.role is Ts else "Number" if p.role is S else "Tensor"
        return f"{self.name}(): argument '{p.name}' (position {position + 1}) must be {expected}, not {got}"

    def _bind(self, spans, static, working):
        kind = self.kind
        multi = self.operation
        fn = self.fn

        def call(*arrays):
            if working is not None:
                arrays = [None if a is None else promotion.convert(a, working.np) for a in arrays]
            bound = dict(static)
            for p, span in spans:
                bound[p.name] = list(arrays[span]) if p.role is Ts else arrays[span][0]
            out = fn(**bound)
            if isinstance(out, (tuple, list)):
                multi.multi = True
            else:
                out = (out,)
            return tuple(out) if kind == BOOL else tuple(promotion.narrow_result(jax.numpy.asarray(o), working) for o in out)

        return call


def _static(p, value, ndim, name):
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
        raise IndexError(f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})")
    return dim % ndim if ndim else 0


def wrap_dims(dims, ndim):
    """Dimensions as a tuple of non-negative numbers. Raises when one is out of range or appears twice."""
    wrapped = tuple(wrap_dim(d, ndim) for d in (dims if isinstance(dims, (tuple, list)) else (dims,)))
    if len(set(wrapped)) != len(wrapped):
        repeated = next(d for d in wrapped if wrapped.count(d) > 1)
        raise RuntimeError(f"dim {repeated} appears multiple times in the list of dims")
    return wrapped


# ---- call wrappers ----


def to_tuple(value):
    """A list, Size or tuple of ints (or 0-dim tensors) as a hashable tuple; anything else as it is."""
    if value.__class__ is tuple:
        return value if all(v.__class__ is int for v in value) else tuple(map(_hashable, value))
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    return _hashable(value)


def _hashable(value):
    if value.__class__ in (int, float, bool, str) or value is None:
        return value
    if isinstance(value, (list, tuple)):
        return tuple(map(_hashable, value))
    if isinstance(value, (Tensor, np.generic)):
        return value.item()
    return value


def sizes(args):
    """Varargs sizes: `f(2, 3)` and `f((2, 3))` alike."""
    if len(args) == 1 and not isinstance(args[0], int) and not (isinstance(args[0], Tensor) or hasattr(args[0], "__index__")):
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
        raise TypeError(f"{name}(): argument 'tensors' (position 1) must be tuple of Tensors, not {type(value).__name__}")
    for i, v in enumerate(value):
        if not isinstance(v, Tensor):
            raise TypeError(f"expected Tensor as element {i} in argument 0, but got {type(v).__name__}")
    return value


def number_or_none(value):
    """A number argument: NumPy scalars become Python's."""
    return value.item() if isinstance(value, np.generic) else value


def to_dtype(value):
    """A dtype argument; Python types stand for torch's. Raises TypeError for anything else."""
    if value is None or value.__class__ is dtypes.dtype:
        return value
    if value in (int, float, bool, complex):
        return {int: dtypes.int64, float: dtypes.get_default_dtype(), bool: dtypes.bool, complex: dtypes.default_complex()}[value]
    raise TypeError(f"dtype must be a torch.dtype, not {type(value).__name__}")


ALIASES = {"dim": "axis", "keepdim": "keepdims"}
_BASE = {
    # Underscored, so that no parameter can shadow them.
    "_apply": apply, "_inplace": inplace, "MISSING": MISSING, "_to_tuple": to_tuple, "_sizes": sizes, "_tensors": tensors,
    "_to_dtype": to_dtype, "_resolve": devices.resolve, "_default_device": devices.default_device,
    "DeviceAttrs": DeviceAttrs,
}  # fmt: skip


def _compile(name, fn, parameters, operation, tokens, result):
    """The callables of a declaration: "f" the function and method, "i" the in-place form."""
    callables = {"f": _define(name, fn, parameters, operation, result, out="o" in tokens, in_place=False)}
    if "i" in tokens:
        callables["i"] = _define(name + "_", fn, parameters, operation, result, out=False, in_place=True)
    return callables


def _define(name, fn, parameters, operation, result, *, out, in_place):
    environment = dict(_BASE, OP=operation, RESULT=result, NAME=name)
    head, body = _header(parameters, environment, out and not in_place)
    creation = not any(p.is_operand and p.role is not S for p in parameters)
    if creation:
        head.append("_device=None")
    operands, attributes = _expressions(parameters)
    attrs = f"({attributes})"
    if creation:
        attrs = f"DeviceAttrs(({attributes}_resolve(_device or _default_device()),))"
    if in_place:
        body.append(f"return _inplace(OP, {parameters[0].name}, ({operands}), {attrs})")
    else:
        body.append(f"result = _apply(OP, ({operands}), {attrs})")
        body.append("if result.__class__ is list: result = RESULT(result)")
        if out:
            body.append("if out is not None: return OUT(result, out, NAME)")
            environment["OUT"] = finish_outs
        body.append("return result")
    source = f"def {name}({', '.join(head)}):\n" + "".join(f"    {line}\n" for line in body)
    filename = f"<jtorch operation {name}>"
    linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
    exec(compile(source, filename, "exec"), environment)
    made = environment[name]
    made.__doc__ = fn.__doc__
    made.__module__ = "torch"
    made.__qualname__ = name
    return made


def _header(parameters, environment, out):
    head, body, late = [], [], []
    star = False
    required_gone = False
    for p in parameters:
        if p.keyword_only and not star:
            head.append("*")
            star = True
        if p.varargs:
            head.append(f"*{p.name}_args")
            late.append(f"{p.name}=MISSING")
            body.append(f"{p.name} = _sizes({p.name}_args) if {p.name} is MISSING else _sizes(({p.name},))")
            star = True
            continue
        default = p.default
        aliased = ALIASES.get(p.name) if p.role in (Dim, Dims, None) else None
        if default is MISSING and (aliased or required_gone) and not p.keyword_only:
            required_gone = True
            head.append(f"{p.name}=MISSING")
        elif default is MISSING:
            head.append(p.name)
        else:
            required_gone = True
            environment[f"_d_{p.name}"] = default
            head.append(f"{p.name}=_d_{p.name}")
        if aliased:
            late.append(f"{aliased}=MISSING")
            body.append(f"if {aliased} is not MISSING: {p.name} = {aliased}")
        if default is MISSING and aliased:
            body.append(
                f"if {p.name} is MISSING: raise TypeError(NAME + \"() missing 1 required positional argument: '{p.name}'\")"
            )
    if out:
        late.append("out=None")
    if late:
        head.extend(late if star else ["*", *late])
    return head, body


def _expressions(parameters):
    operands, attributes, counts = [], [], []
    for p in parameters:
        if p.role is Ts:
            if p.optional:
                operands.append(f"*({p.name} or ())")
                counts.append(f"len({p.name} or ())")
            else:
                operands.append(f"*_tensors({p.name}, NAME)")
                counts.append(f"len({p.name})")
        elif p.is_operand:
            operands.append(p.name)
        elif p.role is DType:
            attributes.append(f"{p.name} if {p.name} is None else _to_dtype({p.name})")
        elif p.varargs or p.default.__class__ in (bool, str):
            attributes.append(p.name)
        else:
            attributes.append(f"{p.name} if {p.name}.__class__ is int or {p.name} is None else _to_tuple({p.name})")
    if counts:
        attributes.insert(0, f"({', '.join(counts)},)")
    return "".join(o + ", " for o in operands), "".join(a + ", " for a in attributes)


def finish_outs(result, out, name):
    """Write results into `out=`, one tensor or as many as there are results."""
    if not isinstance(result, tuple):
        return finish_out(result, out, name)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(f"{name}(): argument 'out' must be tuple of {len(result)} Tensors, not {type(out).__name__}")
    return type(result)([finish_out(r, o, name) for r, o in zip(result, out)])


class ReturnType(tuple):
    """Several results with names, as in `torch.return_types`."""

    __slots__ = ()
    fields = ()

    def __repr__(self):
        shown = ",\n".join(f"{f}={v!r}" for f, v in zip(self.fields, self))
        return f"torch.return_types.{type(self).__name__}(\n{shown})"


def _nth(i):
    return property(lambda self: self[i])


return_types = {}


def return_type(name, fields):
    """The `torch.return_types` class of an operation, made once."""
    if name not in return_types:
        names = tuple(fields.split())
        members = {f: _nth(i) for i, f in enumerate(names)}
        members.update(fields=names, __slots__=(), __module__="torch.return_types", n_fields=len(names))
        return_types[name] = type(name, (ReturnType,), members)
    return return_types[name]


def _result_class(name, returns):
    return tuple if returns is None else return_type(name, returns)


def _composite_forms(name, fn, parameters, tokens):
    renames = {ALIASES[p.name]: p.name for p in parameters if p.name in ALIASES}
    own_out = any(p.name == "out" for p in parameters)
    with_out = "o" in tokens and not own_out
    plain = fn
    if renames or with_out:

        def plain(*args, **kwargs):
            if kwargs:
                for alias, real in renames.items():
                    if alias in kwargs:
                        kwargs[real] = kwargs.pop(alias)
                if with_out and "out" in kwargs:
                    out = kwargs.pop("out")
                    result = fn(*args, **kwargs)
                    return result if out is None else finish_outs(result, out, name)
            return fn(*args, **kwargs)

    _dress(plain, name, fn)
    callables = {"f": plain}
    if "i" in tokens:

        def in_place(input, *args, **kwargs):
            check_writable(input)
            result = plain(input, *args, **kwargs)
            if result._aval.shape != input._aval.shape:
                raise RuntimeError(
                    f"output with shape {list(input.shape)} doesn't match the broadcast shape {list(result.shape)}"
                )
            forget_version(result._edge[0] if result._edge else None, input)
            write(input, cast_result(result, input._aval.dtype))
            return input

        _dress(in_place, name + "_", fn)
        callables["i"] = in_place
    return callables


def _dress(wrapper, name, fn):
    wrapper.__name__ = wrapper.__qualname__ = name
    wrapper.__doc__ = fn.__doc__
    wrapper.__module__ = "torch"


__all__ = [
    "BOOL", "DEFAULT", "DType", "Dim", "Dims", "FLOAT", "LEGACY_NAMES", "LONG", "NewDim", "S", "SAME", "Size", "T", "TS",
    "Ts", "check", "composite", "entries", "from_host", "guard", "host", "op", "ops", "public", "return_type", "rows",
    "wrap_dim", "wrap_dims",
]  # fmt: skip
