"""`torch._foreach_*`: an operation on each tensor of a list, in all its forms from one table."""

from .._engine.tensor import Tensor
from .registry import check, composite, ops
from .roles import tensors

UNARY = (
    "abs acos asin atan ceil cos cosh erf erfc exp expm1 floor frac lgamma log log10 log1p log2 "
    "neg reciprocal round rsqrt sigmoid sign sin sinh sqrt tan tanh trunc"
).split()

BINARY = "add sub mul div clamp_max clamp_min maximum minimum pow".split()
# Those that take one tensor of no dimension for all.
SINGLE = ("add", "mul", "div")
TERNARY = ("addcdiv", "addcmul")


def _checked(name, input):
    if not isinstance(input, (list, tuple)):
        raise TypeError(
            f"_foreach_{name}() received an invalid combination of arguments - got "
            f"({type(input).__name__})"
        )
    tensors(input, f"_foreach_{name}")
    check(len(input) > 0, "Tensor list must have at least one tensor.")
    return input


def _as_many(input, others):
    check(
        len(input) == len(others),
        f"Tensor lists must have the same number of tensors, got {len(input)} and {len(others)}",
    )
    return others


def _each(name, input, other, single=False):
    """`other` for each tensor: a list of tensors or of numbers, a number, a tensor of no
    dimension.
    """
    if isinstance(other, (list, tuple)):
        if any(isinstance(o, Tensor) for o in other):
            return _as_many(input, tensors(other, f"_foreach_{name}"))
        check(
            len(other) == len(input),
            "Tensor list must have same number of elements as scalar list.",
        )
        return other
    if isinstance(other, Tensor):
        if not single and other.ndim:
            raise TypeError(
                f"_foreach_{name}() received an invalid combination of arguments - got (list, "
                "Tensor)"
            )
        check(
            other.ndim == 0 and other.numel() == 1,
            f"scalar tensor expected to be 0 dim but it has {other.ndim} dimensions and "
            f"{other.numel()} elements.",
        )
        other = other if single else other.item()
    return [other] * len(input)


def _given(name, **alternatives):
    """The one argument that was given, under whichever name its overload has for it."""
    found = [v for v in alternatives.values() if v is not None]
    if len(found) != 1:
        raise TypeError(f"_foreach_{name}() received an invalid combination of arguments")
    return found[0]


def _forms(name, function):
    """Declare `_foreach_<name>` and the form that writes into its tensors.

    function: the list of new tensors, or, called with in_place=True, nothing.
    """

    def made(self, *args, **kwargs):
        return tuple(function(self, *args, in_place=False, **kwargs))

    def in_place(self, *args, **kwargs):
        function(self, *args, in_place=True, **kwargs)
        return self

    for form, suffix in ((made, ""), (in_place, "_")):
        form.__name__ = f"_foreach_{name}{suffix}"
        form.__doc__ = f"`{name}{suffix}` of each tensor of a list."
        composite("f")(form)


def _method(name, in_place):
    return getattr(Tensor, name + "_" * in_place)


def _declare_unary(name):
    def unary(input, *, in_place):
        return [_method(name, in_place)(t) for t in _checked(name, input)]

    _forms(name, unary)


def _declare_binary(name, single):
    # maximum and minimum take no numbers and have no form in place; clamping does the same.
    of_numbers = {"maximum": "clamp_min", "minimum": "clamp_max"}.get(name, name)

    def binary(
        input,
        given=None,
        *,
        in_place,
        other=None,
        scalar=None,
        scalars=None,
        exponent=None,
        alpha=None,
    ):
        keywords = {} if alpha is None else {"alpha": alpha}
        other = _given(name, a=given, b=other, c=scalar, d=scalars, e=exponent)
        if name == "pow" and not isinstance(input, (list, tuple)):
            return [ops.pow(input, e) for e in _checked(name, other)]
        pairs = zip(_checked(name, input), _each(name, input, other, single))
        if in_place:
            return [_method(of_numbers, True)(t, o, **keywords) for t, o in pairs]
        forms = (getattr(ops, of_numbers), getattr(ops, name))
        return [forms[isinstance(o, Tensor)](t, o, **keywords) for t, o in pairs]

    _forms(name, binary)


def _declare_ternary(name):
    def ternary(input, tensor1, tensor2, given=None, *, in_place, value=None, scalars=None):
        _as_many(_checked(name, input), tensor1)
        _as_many(input, tensor2)
        value = next((v for v in (given, value, scalars) if v is not None), 1)
        if isinstance(value, Tensor):
            value = value.tolist()
        values = _each(name, input, value)
        method = _method(name, in_place)
        return [
            method(t, a, b, value=v)
            for t, a, b, v in zip(input, tensor1, tensor2, values, strict=True)
        ]

    _forms(name, ternary)


def _lerp(input, tensors1, given=None, *, in_place, weight=None, weights=None):
    _as_many(_checked("lerp", input), tensors1)
    values = _each("lerp", input, _given("lerp", a=given, b=weight, c=weights))
    method = _method("lerp", in_place)
    return [method(t, end, w) for t, end, w in zip(input, tensors1, values, strict=True)]


for _name in UNARY:
    _declare_unary(_name)
for _name in BINARY:
    _declare_binary(_name, _name in SINGLE)
for _name in TERNARY:
    _declare_ternary(_name)
_forms("lerp", _lerp)

# --- those with one form --------------------------------------------------------------


@composite("f")
def _foreach_clone(self, *, memory_format=None):
    """A copy of each tensor of a list."""
    keywords = {} if memory_format is None else {"memory_format": memory_format}
    return tuple(t.clone(**keywords) for t in _checked("clone", self))


@composite("f")
def _foreach_zero_(self):
    """Fill each tensor of a list with zeros."""
    for t in _checked("zero_", self):
        t.zero_()
    return self


@composite("f")
def _foreach_copy_(self, src, non_blocking=False):
    """Copy the tensors of one list into those of another."""
    for t, source in zip(_checked("copy_", self), _as_many(self, src), strict=True):
        t.copy_(source)
    return self


@composite("f")
def _foreach_norm(self, ord=2, dtype=None):
    """The vector norm of each tensor of a list."""
    infinite = float(ord) == float("inf")
    check(
        not infinite or all(t.numel() for t in _checked("norm", self)),
        "_foreach_norm cannot compute the infinity norm on an empty tensor because the operation "
        "does not have an identity",
    )
    return tuple(ops.vector_norm(t, ord, dtype=dtype) for t in _checked("norm", self))


@composite("f")
def _foreach_powsum(self, ord=2, dtype=None):
    """The sum of the powers of the absolute values of each tensor of a list."""
    given = [t if dtype is None else t.to(dtype) for t in _checked("powsum", self)]
    return tuple(t.abs().pow(ord).sum() for t in given)


@composite("f")
def _foreach_max(self):
    """The greatest element of each tensor of a list."""
    check(
        all(t.numel() for t in _checked("max", self)),
        "_foreach_max cannot compute the maximum of an empty tensor; max over zero elements is "
        "undefined.",
    )
    return tuple(t.max() for t in self)


@composite("f")
def _foreach_mm(self, mat2):
    """The products of the matrices of two lists."""
    return tuple(ops.mm(a, b) for a, b in zip(_checked("mm", self), _as_many(self, mat2)))
