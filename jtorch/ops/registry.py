"""Declaring operations.

The `def` line of a declaration is its schema: from it come the function, the method, the in-place
and `out=` forms,
argument normalisation, type promotion and documentation. See `docs/design/ops.md`.
"""

import functools

import jax
import numpy as np

from .._engine import autocast, call
from .._engine import device as devices
from .._engine.call import (
    LEGACY_NAMES,
    apply,
    cast_result,
    check_writable,
    forget_version,
    to_device,
    write,
)
from .._engine.signature import FINE, Operation, camel, guard
from .._engine.tensor import from_array
from . import promotion
from .autocast import RULES
from .promotion import BOOL, DEFAULT, FLOAT, LONG, SAME
from .roles import (
    TS,
    Dim,
    Dims,
    DType,
    NewDim,
    S,
    Size,
    T,
    Ts,
    parameters_of,
    sizes,
    static_value,
    to_tuple,
    wrap_dim,
    wrap_dims,
)
from .wrappers import ALIASES, DeviceAttrs, finish_outs, operation_wrapper

NAMESPACES = {
    "f": "torch",
    "m": "Tensor",
    "F": "nn.functional",
    "L": "linalg",
    "S": "special",
    "X": "fft",
    "W": "signal.windows",
}
# Where pickles look for functions that are not in `torch` itself.
_HOMES = "FLSXW"


public = {space: {} for space in NAMESPACES.values()}
entries = {}


class Ops:
    """Every operation under its registry key, for declarations that call others."""


ops = Ops()


class Entry:
    """One declaration, as tests and documentation see it."""

    __slots__ = (
        "key",
        "name",
        "variants",
        "kind",
        "accepts",
        "function",
        "operation",
        "doc",
        "aliases",
    )

    def __init__(self, key, name, variants, kind, accepts, function, operation, aliases):
        self.key = key
        self.name = name
        self.variants = variants
        self.kind = kind
        self.accepts = accepts
        self.function = function
        self.operation = operation
        self.doc = function.__doc__
        self.aliases = aliases

    @property
    def parameters(self):
        """The parameters of the declaration."""
        return parameters_of(self.function)


def check(condition, message, exc=RuntimeError):
    """Raise `exc` with the message (or what it returns) unless the condition holds."""
    if not condition:
        raise exc(message() if callable(message) else message)


def host(tensor):
    """The contents of a tensor as a NumPy array that must not be written to; executes what is
    pending.
    """
    return tensor._host("data-dependent shape")


def from_host(array, device=None):
    """A tensor over a NumPy array that nobody else writes to."""
    device = devices.resolve(device if device is not None else devices.default_device())
    t = from_array(np.asarray(array))
    if device is devices.cpu:
        return t
    if device is devices.meta:
        return apply(_no_data, (), DeviceAttrs((t.shape, t.dtype, device)))
    return to_device(t, device)


_no_data = Operation(
    "no_data", lambda attrs, avals: lambda: (jax.numpy.zeros(attrs[0], attrs[1].np),)
)


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
    layout=None,
    stores="",
):
    """Declare an operation: a pure function of JAX arrays and static attributes. See
    `docs/design/ops.md`.

    layout: a rule of `layouts.py` for the strides of the results, where they are not row-major.

    stores: parameters, with spaces between, that must fit into the dtype of the first when they are
    Python numbers.

    verify: called with the avals of the operands before they are promoted (None for absent ones),
    to refuse some.
    """

    def declare(fn):
        key = fn.__name__
        _validate(key, fn, kind, variants)
        shown = name or key
        made = _Maker(shown, fn, kind, accepts, broadcast, verify, stores)
        operation = Operation(
            shown,
            made,
            grad_name=grad_name or camel(shown.strip("_")) + "Backward0",
            saves_out=saves == "out",
            differentiable=grad,
            elementwise=kind in (DEFAULT, FLOAT, BOOL) and broadcast,
        )
        operation.layout = layout
        made.operation = operation
        operation.argument_name = _ArgumentName(made)
        if key in RULES:
            operation.autocast = RULES[key]
        # torch.return_types names the results of linalg functions with a prefix.
        prefix = "linalg_" if "L" in variants.split() else ""
        result = _result_class(prefix + shown, returns)
        tokens = variants.split()
        callables = {
            "f": operation_wrapper(shown, fn, made, result, out="o" in tokens, into="w" in tokens)
        }
        if "i" in tokens:
            callables["i"] = operation_wrapper(shown + "_", fn, made, result, in_place=True)
        _register(key, shown, variants, kind, accepts, fn, operation, alias, callables)
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
    """Declare an operation made of others: the function receives tensors and Python values as the
    user gave them.
    """

    def declare(fn):
        key = fn.__name__
        _validate(key, fn, SAME, variants)
        shown = name or key
        tokens = variants.split()
        callables = _composite_forms(shown, fn, tokens, RULES.get(key))
        _register(key, shown, variants, None, None, fn, None, alias, callables)
        return callables["f"]

    return declare


def _validate(key, fn, kind, variants):
    if key in entries:
        raise ValueError(f"operation {key!r} is declared twice")
    if not fn.__doc__:
        raise ValueError(f"operation {key!r} has no docstring")
    if kind not in promotion.KINDS:
        raise ValueError(f"operation {key!r}: unknown promotion kind {kind!r}")
    unknown = set(variants.split()) - set(NAMESPACES) - {"i", "o", "p", "w"}
    if unknown:
        raise ValueError(f"operation {key!r}: unknown variants {sorted(unknown)}")


def _register(key, shown, variants, kind, accepts, fn, operation, alias, callables):
    entries[key] = Entry(key, shown, variants, kind, accepts, fn, operation, alias)
    setattr(ops, key, callables["f"])
    if "i" in callables:
        setattr(ops, key + "_", callables["i"])
    tokens = variants.split()
    home = next((t for t in _HOMES if t in tokens), None)
    if home is not None and "f" not in tokens:
        for made in callables.values():
            made.__module__ = f"torch.{NAMESPACES[home]}"
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


class _ArgumentName:
    """Names a tensor argument by its position, for error messages."""

    def __init__(self, maker):
        self.maker = maker

    def __call__(self, position):
        names = [p.name for p in self.maker.operands]
        return names[min(position, len(names) - 1)] if names else "input"


# The operations that torch lets work on two Python numbers.
_OF_NUMBERS = {"add", "sub", "mul", "div", "true_divide", "floor_divide"}


class _Maker:
    """Makes the array function of a signature: checks arguments, promotes operands, normalises
    dimensions.
    """

    def __init__(self, name, fn, kind, accepts, broadcast, verify, stores):
        self.name = name
        self.fn = fn
        self.kind = kind
        self.accepts = accepts
        self.broadcast = broadcast
        self.verify = verify
        self.stores = stores.split()
        self.operation = None

    @functools.cached_property
    def parameters(self):
        """The parameters of the declaration; looked at when the operation is first used."""
        return parameters_of(self.fn)

    @functools.cached_property
    def operands(self):
        """Those that become arrays."""
        return [p for p in self.parameters if p.is_operand]

    @functools.cached_property
    def static(self):
        """Those that do not."""
        return [p for p in self.parameters if not p.is_operand]

    @functools.cached_property
    def listed(self):
        """True when one of them is a list of tensors."""
        return any(p.role is Ts for p in self.operands)

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
                [
                    avals[span][0].shape
                    for p, span in spans
                    if p.role in (T, TS) and avals[span][0] is not None
                ]
            )
        ndim = first.ndim if first is not None else 0
        static = {p.name: static_value(p, v, ndim, self.name) for p, v in zip(self.static, values)}
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
        if (
            avals
            and self.name not in _OF_NUMBERS
            and all(a is not None and a.scalar for a in avals)
        ):
            if any(p.role is TS for p, _ in spans):
                got = ", ".join(a.kind.__name__ for a in avals)
                raise TypeError(
                    f"{self.name}() received an invalid combination of arguments - got ({got})"
                )

    def _wrong(self, p, position, got):
        expected = "tuple of Tensors" if p.role is Ts else "Number" if p.role is S else "Tensor"
        return (
            f"{self.name}(): argument '{p.name}' (position {position + 1}) must be {expected}, "
            f"not {got}"
        )

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
            return (
                tuple(out)
                if kind == BOOL
                else tuple(promotion.narrow_result(jax.numpy.asarray(o), working) for o in out)
            )

        return call


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
        members.update(
            fields=names, __slots__=(), __module__="torch.return_types", n_fields=len(names)
        )
        return_types[name] = type(name, (ReturnType,), members)
    return return_types[name]


def _result_class(name, returns):
    return tuple if returns is None else return_type(name, returns)


def _composite_forms(name, fn, tokens, rule):
    code = fn.__code__
    names = code.co_varnames[: code.co_argcount + code.co_kwonlyargcount]
    renames = {ALIASES[n]: n for n in names if n in ALIASES}
    with_out = "o" in tokens and "out" not in names
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

    if rule is not None:
        plain = _casting(rule, plain)
    _dress(plain, name, fn)
    callables = {"f": plain}
    if "i" in tokens:

        def in_place(input, *args, **kwargs):
            check_writable(input)
            result = plain(input, *args, **kwargs)
            if result._aval.shape != input._aval.shape:
                raise RuntimeError(
                    f"output with shape {list(input.shape)} doesn't match the broadcast shape "
                    f"{list(result.shape)}"
                )
            forget_version(result._edge[0] if result._edge else None, input)
            write(input, cast_result(result, input._aval.dtype))
            return input

        _dress(in_place, name + "_", fn)
        callables["i"] = in_place
    return callables


def _casting(rule, fn):
    """A composite that autocast casts the arguments of, rather than those of its operations."""

    def casting(*args, **kwargs):
        if call.autocast is None:
            return fn(*args, **kwargs)
        return autocast.enter(rule, fn, args, kwargs)

    return casting


def _dress(wrapper, name, fn):
    if wrapper is not fn:
        wrapper.__wrapped__ = fn  # what inspect.signature() shows
    wrapper.__name__ = wrapper.__qualname__ = name
    wrapper.__doc__ = fn.__doc__
    wrapper.__module__ = "torch"
    if wrapper is not fn:
        wrapper.__wrapped__ = fn


__all__ = [
    "BOOL",
    "DEFAULT",
    "FINE",
    "FLOAT",
    "LEGACY_NAMES",
    "LONG",
    "SAME",
    "TS",
    "DType",
    "Dim",
    "Dims",
    "NewDim",
    "S",
    "Size",
    "T",
    "Ts",
    "check",
    "composite",
    "entries",
    "from_host",
    "guard",
    "host",
    "op",
    "ops",
    "public",
    "return_type",
    "rows",
    "sizes",
    "to_tuple",
    "wrap_dim",
    "wrap_dims",
]
