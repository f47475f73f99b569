"""The public callables of operations, compiled from their declarations at the first call."""

import linecache
import types
import warnings

from .._engine import device as devices
from .._engine.call import apply, apply_uncast, finish_out, inplace
from .._engine.signature import PYTHON_NUMBERS
from .._engine.tensor import Tensor
from .limits import check_fits, check_fits_promoted
from .promotion import SAME
from .roles import (
    MISSING,
    SIMPLE,
    TS,
    Dim,
    Dims,
    DType,
    S,
    T,
    Ts,
    sizes,
    tensors,
    to_dtype,
    to_tuple,
)


class DeviceAttrs(tuple):
    """Static attributes whose last element is the device of the result."""

    __slots__ = ()

    @property
    def device(self):
        """Where the result goes."""
        return self[-1]


ALIASES = {"dim": "axis", "keepdim": "keepdims"}


def _stub(*args, **kwargs):
    return _first_call(args, kwargs)  # noqa: F821  (a global of every function made from this code)


def lazy_function(name, doc, build):
    """A function that is compiled at its first call, when its code becomes what
    `build(environment)` gives.

    Hundreds of operations are declared at import and few are called, so that nothing is compiled
    until then.
    """
    environment = dict(_BASE)

    def first_call(args, kwargs):
        made = build(environment)
        function.__defaults__, function.__kwdefaults__ = made.__defaults__, made.__kwdefaults__
        function.__code__ = made.__code__
        return function(*args, **kwargs)

    environment["_first_call"] = first_call
    function = types.FunctionType(_stub.__code__, environment, name)
    function.__doc__, function.__module__, function.__qualname__ = doc, "torch", name
    return function


def operation_wrapper(name, fn, maker, result, *, out=False, into=False, in_place=False):
    """The public callable of an operation, or its in-place form.

    into: whether it takes a function of (operation, operands, attributes) that is called instead.
    """

    def build(environment):
        source = _source(name, maker, environment, out, into, in_place)
        # An operation that promotes gives a number a type that holds it, within its category.
        environment["_check_fits"] = check_fits if maker.kind is SAME else check_fits_promoted
        environment.update(OP=maker.operation, RESULT=result, NAME=name)
        filename = f"<jtorch operation {name}>"
        linecache.cache[filename] = (len(source), None, source.splitlines(True), filename)
        exec(compile(source, filename, "exec"), environment)
        return environment.pop(name)

    function = lazy_function(name, fn.__doc__, build)
    function.__wrapped__ = fn  # what inspect.signature() shows
    return function


def _source(name, maker, environment, out, into, in_place):
    parameters = maker.parameters
    head, body = _header(parameters, environment, out and not in_place)
    for stored in maker.stores:
        body.append(
            f"if {stored}.__class__ in _PYTHON: _check_fits({stored}, {parameters[0].name})"
        )
    if into:
        head.append("into=None")
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
        if out:
            # autocast leaves alone what is written into a given tensor
            body.append("if out is not None:")
            body.append(f"    result = _apply_uncast(OP, ({operands}), {attrs})")
            body.append("    if result.__class__ is list: result = RESULT(result)")
            body.append("    return _finish_outs(result, out, NAME)")
        if into:
            body.append("if into is not None:")
            body.append(f"    return into(OP, ({operands}), {attrs})")
        body.append(f"result = _apply(OP, ({operands}), {attrs})")
        body.append("if result.__class__ is list: result = RESULT(result)")
        body.append("return result")
    return f"def {name}({', '.join(head)}):\n" + "".join(f"    {line}\n" for line in body)


def _old_order(name, given, count, defaults):
    """The arguments of an operation that was given numbers by position among its tensors, as
    `x.add_(0.1, y)` has it: the tensors, then the numbers.

    given: all positional arguments; count: how many tensors there should be; defaults: of numbers.
    """
    tensors = [a for a in given if isinstance(a, Tensor)]
    numbers = [a for a in given if not isinstance(a, Tensor)]
    if len(tensors) == count:
        warnings.warn(
            f"This overload of {name} is deprecated: numbers among the tensors; pass them by name",
            UserWarning,
            stacklevel=3,
        )
    # A number may stand for the last tensor: add(x, 2, 3).
    operands = [*tensors, *numbers[: count - len(tensors)]]
    numbers = numbers[count - len(tensors) :]
    if len(operands) != count or len(numbers) > len(defaults):
        raise TypeError(
            f"{name}() received an invalid combination of arguments - got "
            f"({', '.join(type(a).__name__ for a in given)})"
        )
    return (*operands, *numbers, *defaults[len(numbers) :])


_NUMBERS = ("alpha", "beta", "value")


def _numbers_of(parameters):
    """The parameters that older programs give by position, before or among the tensors."""
    positional = [p for p in parameters if not p.keyword_only]
    named = [p for p in parameters if p.keyword_only]
    if all(p.role in (T, TS) for p in positional) and all(p.name in _NUMBERS for p in named):
        return [p for p in named if p.role is S]
    return []


def _header(parameters, environment, out):
    head, body, late = [], [], []
    star = False
    numbers = _numbers_of(parameters)
    if numbers:
        tensors = [p.name for p in parameters if not p.keyword_only]
        names = [p.name for p in numbers]
        body.append(
            f"if _numbers: {', '.join((*tensors, *names))} = _old_order(NAME, "
            f"({', '.join(tensors)}, *_numbers), {len(tensors)}, ({', '.join(names)},))"
        )
    required_gone = False
    for p in parameters:
        if p.keyword_only and not star:
            head.append("*_numbers" if numbers else "*")
            star = True
        if p.varargs:
            head.append(f"*{p.name}_args")
            late.append(f"{p.name}=MISSING")
            body.append(
                f"{p.name} = _sizes({p.name}_args) if {p.name} is MISSING else _sizes(({p.name},))"
            )
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
                f'if {p.name} is MISSING: raise TypeError(NAME + "() missing 1 required '
                f"positional argument: '{p.name}'\")"
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
            attributes.append(f"{p.name} if {p.name}.__class__ in _SIMPLE else _to_tuple({p.name})")
    if counts:
        attributes.insert(0, f"({', '.join(counts)},)")
    return "".join(o + ", " for o in operands), "".join(a + ", " for a in attributes)


def finish_outs(result, out, name):
    """Write results into `out=`, one tensor or as many as there are results."""
    if not isinstance(result, tuple):
        return finish_out(result, out, name)
    if not isinstance(out, (tuple, list)) or len(out) != len(result):
        raise TypeError(
            f"{name}(): argument 'out' must be tuple of {len(result)} Tensors, not "
            f"{type(out).__name__}"
        )
    return type(result)([finish_out(r, o, name) for r, o in zip(result, out)])


# Underscored, so that no parameter can shadow them.
_BASE = {
    "_apply": apply,
    "_apply_uncast": apply_uncast,
    "_finish_outs": finish_outs,
    "_inplace": inplace,
    "_old_order": _old_order,
    "MISSING": MISSING,
    "_SIMPLE": SIMPLE,
    "_to_tuple": to_tuple,
    "_sizes": sizes,
    "_tensors": tensors,
    "_to_dtype": to_dtype,
    "_PYTHON": PYTHON_NUMBERS,
    "_resolve": devices.resolve,
    "_default_device": devices.default_device,
    "DeviceAttrs": DeviceAttrs,
}
