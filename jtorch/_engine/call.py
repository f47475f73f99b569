"""From tensors to recorded nodes and back: the one way every operation is called."""

import operator
import warnings
import weakref

import jax.numpy as jnp
import numpy as np

from . import device as devices
from . import dtypes, tape, trace
from .fast import compiled_form
from .layouts import SparseOperand, strided_layout
from .signature import PYTHON_NUMBERS, Operation, Pullback, aval
from .storage import (
    CHANNELS_LAST,
    Runtime,
    View,
    elementwise_strides,
    is_channels_last,
    overlaps,
    same_order_strides,
)
from .tape import LEGACY_NAMES, TapeNode
from .tensor import (
    MADE_WITHOUT_GRAD,
    Meta,
    Tensor,
    _fresh_edge,
    _replace,
    make_view,
    set_strides,
    value_of,
    wrap,
)
from .value import META, Value

mode = tape.mode
_record = trace.record

# Classes whose instances are used as they are; other subclasses of Tensor take the slow path.
_plain = {Tensor}


def register_plain(cls):
    """Let instances of a Tensor subclass be operands without any dispatch of their own."""
    _plain.add(cls)
    return cls


def is_plain(values):
    """True when all of `values` are tensors that are used as they are."""
    return _plain.issuperset(map(type, values))


# Set by what implements `__torch_function__` and autocast; None while nobody uses them. What casts
# operands has an attribute `suspended`, which calls a function without casts.
override = None
autocast = None

# Calls an operation's sparse form, (operation, arguments, attributes) -> result; set by the layer
# that declares those.
of_sparse = None


def _other_operand(op, a, operands, key):
    """Append what a NumPy scalar, a Tensor subclass or the like stands for; the tensor itself when
    it is one.
    """
    a = _coerce(op, a, len(key) - 1)
    number = PYTHON_NUMBERS.get(a.__class__)
    if number is None:
        return a
    operands.append(a)
    key.append(number)
    return None


def _coerce(op, a, position):
    """What a foreign argument stands for: a NumPy scalar, a Tensor subclass, something with
    `__index__`.
    """
    if isinstance(a, Tensor):
        a._check_usable(op)
        return a
    if isinstance(a, (np.generic, np.ndarray)) and a.ndim == 0:
        return a.item()
    for number in (bool, int, float, complex):
        if isinstance(a, number):
            return number(a)
    raise TypeError(
        f"{op.name}(): argument '{op.argument_name(position)}' (position {position + 1}) must be "
        "Tensor, "
        f"not {type(a).__name__}"
    )


def compute(op, args, attrs):
    """Record `op`, on the tape too if gradients are wanted.

    Returns (Value or list of Values, TapeNode or None, whether an operand is a view or has a layout
    of its own).
    """
    if autocast is not None:
        args = autocast(op, args, attrs)
    operands = []
    key = [attrs]
    edges = []
    mask = 0
    strided = False
    recording = mode.enabled
    for a in args:
        c = a.__class__
        if c not in _plain:
            number = PYTHON_NUMBERS.get(c)
            if number is not None:
                operands.append(a)
                key.append(number)
                edges.append(None)
                continue
            if a is None:
                key.append(None)
                continue
            a = _other_operand(op, a, operands, key)
            if a is None:
                edges.append(None)
                continue
        view = a._view
        if view is None:
            v = a._st.value
            if v is None:
                v = a._st.read()
        else:
            strided = True
            v = value_of(a)
            if view.base is not None:
                _fresh_edge(a)
        aval = v.aval
        if a._rg and recording and aval.differentiable:
            mask |= 1 << len(operands)
            edges.append(a._edge or tape.leaf_edge(a, a._meta or a._autograd_meta()))
        else:
            edges.append(None)
        operands.append(v)
        key.append(aval)
    key = tuple(key)
    sig = op.sigs.get(key)
    if sig is None:
        _check_numbers(operands)
        sig = op.signature(key)
    if sig.guards:
        sig = trace.checked(sig, operands)
    if not (mask and sig.differentiable):
        return _record(sig, operands), None, strided
    pullback = sig.vjps.get(mask) or sig.vjp(mask)
    versions = _versions(pullback.watched, args) if pullback.watched and not op.saves_out else None
    made = _record(sig, operands)
    return made, TapeNode(pullback, operands, tuple(edges), versions), strided


_contents = operator.attrgetter("_st.value")
_storage = operator.attrgetter("_st")
_alias = operator.attrgetter("alias")
_counter = operator.attrgetter("_vc")
_view = operator.attrgetter("_view")
_aval = operator.attrgetter("aval")


def assign(op, args, attrs, targets):
    """Call an operation outside autograd; its results become the contents of `targets`, tensors of
    their shapes and dtypes.

    args: tensors followed by numbers. For operations over long lists of tensors.
    """
    made = _compute_plain(op, args, attrs)
    if made is None:
        with tape.recording(False):
            made = compute(op, args, attrs)[0]
        made = [made] if made.__class__ is Value else made
    storages = list(map(_storage, targets))
    if any(map(_view, targets)) or any(map(_alias, storages)):
        for t, v in zip(targets, made, strict=True):
            _replace(t, v)
        return
    for st, v in zip(storages, made, strict=True):
        st.version += 1
        st.value = v
    for counter in map(_counter, targets):
        counter[0] += 1


def _compute_plain(op, args, attrs):
    """The Values of an operation of several results, without gradients; None for what needs the
    general way.
    """
    n = len(args)
    while n and args[n - 1].__class__ in PYTHON_NUMBERS:
        n -= 1
    tensors, numbers = args[:n], args[n:]
    if autocast is not None or not is_plain(tensors) or any(map(_view, tensors)):
        return None
    values = list(map(_contents, tensors))
    if None in values:
        return None
    key = (attrs, *map(_aval, values), *map(PYTHON_NUMBERS.get, map(type, numbers)))
    sig = op.sigs.get(key) or op.signature(key)
    if sig.guards or sig.single:
        return None
    return trace.record_many(sig, values, numbers)


def _check_numbers(operands):
    for a in operands:
        if a.__class__ is int and not -(1 << 63) <= a < 1 << 63:
            raise RuntimeError("Overflow when unpacking long long")


def _versions(used, args):
    """(version cell, version, position) of the tensors among the used operands."""
    if type(None) in map(type, args):
        args = [a for a in args if a is not None]
    return [(a._vc, a._vc[0], i) for i in used if isinstance(a := args[i], Tensor)]


def version_of(t):
    """What the tape keeps of a tensor to notice that it was modified."""
    cell = t._vc
    edge = t._edge
    if edge is not None:
        # the node itself will hold this: a strong reference would be a cycle
        edge = (weakref.proxy(edge[0]), edge[1])
    return cell, cell[0], t._aval, edge


def _result_version(t):
    """(version cell, version, position) of a node's own result."""
    return t._vc, t._vc[0], -1 - t._edge[1]


def apply(op, args, attrs):
    """Call an operation on tensors and numbers: a tensor, or a list of them when it has several
    results.
    """
    if override is not None:
        handled = override(op, args, attrs)
        if handled is not NotImplemented:
            return handled
    try:
        made, node, strided = compute(op, args, attrs)
    except SparseOperand:
        if autocast is None:
            return of_sparse(op, args, attrs)
        return autocast.suspended(of_sparse, op, autocast(op, args, attrs), attrs)
    if made.__class__ is Value:
        if node is None:
            t = wrap(made)
        else:
            t = wrap(made, (node, 0))
            if op.saves_out:
                node.versions = [_result_version(t)]
        if op.layout is not None:
            _lay_out(op, args, attrs, [t])
        elif strided:
            _follow(op, t, args)
        return [t] if op.multi else t
    if node is None:
        results = [wrap(m) for m in made]
    else:
        results = [
            wrap(m, (node, i) if m.aval.differentiable else None) for i, m in enumerate(made)
        ]
    if op.layout is not None:
        _lay_out(op, args, attrs, results)
    elif strided and op.channels_last:
        for t in results:
            _follow(op, t, args)
    return results


def _follow(op, t, args):
    """Give the result `t` of operands of which one has a layout of its own torch's layout."""
    if op.elementwise:
        _restride(t, args)
        return
    order = CHANNELS_LAST.get(t._aval.ndim) if op.channels_last else None
    if order is None:
        return
    shapes = [a for a in args if isinstance(a, Tensor) and a._aval.ndim == len(order)]
    flags = [is_channels_last(a._aval.shape, a.stride()) for a in shapes]
    if op.channels_last(flags, t._aval):
        set_strides(t, same_order_strides(t._aval.shape, order))


def apply_uncast(op, args, attrs):
    """`apply` to operands as they are, whatever autocast says."""
    if autocast is None:
        return apply(op, args, attrs)
    return autocast.suspended(apply, op, args, attrs)


def _restride(t, args):
    operands = [(a._aval.shape, a.stride()) for a in args if isinstance(a, Tensor) and a._aval.ndim]
    if operands and t._aval.ndim >= max(len(shape) for shape, _ in operands):
        set_strides(t, elementwise_strides(t._aval.shape, operands))


def _lay_out(op, args, attrs, results):
    """Give results the strides that the operation declares for them."""
    for t, order in zip(results, op.layout(args, attrs, [t._aval.shape for t in results])):
        if order is not None:
            set_strides(t, same_order_strides(t._aval.shape, order))


def apply_view(view_op, t, attrs, label=None):
    """Call a view operation: a tensor that shares the memory of `t`. `label` names its autograd
    node.
    """
    if not isinstance(t, Tensor):
        raise TypeError(
            f"{view_op.operation.name}(): argument 'input' (position 1) must be Tensor, not "
            f"{type(t).__name__}"
        )
    try:
        if attrs.__class__ is Runtime:
            made, node, _ = compute(view_op.operation, (t, *attrs.numbers), attrs.static)
        else:
            made, node, _ = compute(view_op.operation, (t,), attrs)
    except SparseOperand:
        return of_sparse(view_op.operation, (t,), attrs)
    if node is None:
        return make_view(t, view_op, attrs, made, None)
    node.label = label
    return make_view(t, view_op, attrs, made, (node, 0))


_to_dtype = Operation(
    "to_copy",
    lambda attrs, avals: lambda a: (convert(a, attrs.dtype.np),),
    grad_name="ToCopyBackward0",
)


def convert(array, np_dtype):
    """An array of another element type, as torch converts: complex to real drops the imaginary
    part.
    """
    if array.dtype.kind == "c" and np_dtype.kind != "c":
        if np_dtype.kind == "b":
            return array != 0
        array = array.real
    return array.astype(np_dtype)


class CastTo:
    """The attribute of a conversion."""

    __slots__ = ("dtype",)
    _made = {}

    def __init__(self, dtype):
        self.dtype = dtype

    @classmethod
    def of(cls, dtype):
        """The interned attribute for a dtype."""
        found = cls._made.get(dtype)
        if found is None:
            found = cls._made[dtype] = cls(dtype)
        return found


def cast(t, dtype):
    """A tensor of another dtype; `t` itself when it has it already."""
    return t if t._aval.dtype is dtype else apply(_to_dtype, (t,), CastTo.of(dtype))


_to_dtype.elementwise = True

_expand_copy = Operation(
    "copy",
    lambda attrs, avals: lambda a: (_expanded(a, attrs),),
    grad_name="torch::autograd::CopyBackwards",
)


# Over a destination that requires grad, which goes on requiring it though its old contents get no
# gradient.
_copy_over = Operation(
    "copy",
    lambda attrs, avals: lambda old, a: (_expanded(a, attrs),),
    grad_name="torch::autograd::CopyBackwards",
)


def _expanded(a, attrs):
    shape, dtype = attrs
    try:
        return np_broadcast(convert(a, dtype.np), shape)
    except ValueError:
        raise RuntimeError(_not_expandable(a.shape, shape)) from None


def _not_expandable(own, target):
    if len(own) > len(target):
        return (
            f"expand: the number of sizes of {list(own)} must not be greater than that of the "
            f"destination, {list(target)}"
        )
    lead = len(target) - len(own)
    at = next(d for d, s in enumerate(own) if s not in (1, target[d + lead])) + lead
    return (
        f"The expanded size of the tensor ({target[at]}) must match the existing size "
        f"({own[at - lead]}) at non-singleton "
        f"dimension {at}.  Target sizes: {list(target)}.  Tensor sizes: {list(own)}"
    )


def np_broadcast(a, shape):
    """`jnp.broadcast_to` that refuses, as torch's copy_ does, a source with more dimensions unless
    they are 1.
    """
    extra = a.ndim - len(shape)
    if extra > 0 and all(s == 1 for s in a.shape[:extra]):
        a = a.reshape(a.shape[extra:])
    return jnp.broadcast_to(a, shape)


def check_writable(t, uniform=False):
    """Raise torch's error when `t` may not be written to in place; `uniform`: every element gets
    the same value.
    """
    view = t._view
    if mode.enabled:
        if t.requires_grad:
            if t._meta is not None and t._meta.refusal is not None:
                raise RuntimeError(t._meta.refusal)
            if t._edge is None:
                if view is not None and view.base is not None and view.base._edge is not None:
                    raise RuntimeError(MADE_WITHOUT_GRAD)
                raise RuntimeError(
                    "a leaf Variable that requires grad is being used in an in-place operation."
                )
        if view is not None and view.base is not None and view.base._rg and view.base._edge is None:
            raise RuntimeError(
                "a view of a leaf Variable that requires grad is being used in an in-place "
                "operation."
            )
    if view is not None and view.chain and not uniform and overlaps(t._aval.shape, view.strides):
        raise RuntimeError(
            "unsupported operation: more than one element of the written-to tensor refers to a "
            "single memory location. "
            "Please clone() the tensor before performing the operation."
        )


def inplace(op, t, args, attrs):
    """Compute `op` and write its result into `t` (which is among `args`). Returns `t`."""
    if not isinstance(t, Tensor):
        raise TypeError(
            f"{op.name}_(): argument 'input' (position 1) must be Tensor, not {type(t).__name__}"
        )
    check_writable(t, op.name == "zero")
    try:
        if autocast is None:
            made, node, _ = compute(op, args, attrs)
        else:
            made, node, _ = autocast.suspended(compute, op, args, attrs)
    except SparseOperand:
        return _overwrite(t, of_sparse(op, args, attrs))
    forget_version(node, t)
    if made.__class__ is not Value:
        raise NotImplementedError(
            f"torch.{op.name}_: an in-place form with several results is not supported by jtorch"
        )
    if t._aval.dtype.is_complex and made.aval.dtype.is_floating_point:
        raise RuntimeError(f"In-place {op.name} is not supported for complex tensors.")
    _overwrite(t, wrap(made, None if node is None else (node, 0)))
    if node is not None and op.saves_out:
        node.versions = [_result_version(t)]
    return t


def _overwrite(t, result):
    """Write the result of an in-place operation into `t`. Returns `t`."""
    if result._aval.shape != t._aval.shape:
        raise RuntimeError(
            f"output with shape {list(t.shape)} doesn't match the broadcast shape "
            f"{list(result.shape)}"
        )
    if result._aval.layout is not t._aval.layout:
        raise RuntimeError(
            f"a result of layout {result.layout} cannot be written into a tensor of layout "
            f"{t.layout}"
        )
    write(t, cast_result(result, t._aval.dtype))
    return t


def forget_version(node, t):
    """Let `t` be overwritten by the operation that made `node`: what it saved of `t` is the old,
    immutable Value.

    torch's in-place forms keep a copy of the operand they overwrite for the same end.
    """
    versions = getattr(node, "versions", None)
    if versions and node.pullback.watched[0] == 0 and versions[0][0] is t._vc:
        # Only the operand that is overwritten: of `t` as a further operand nothing is kept, in
        # torch either.
        node.versions = versions[1:]


def cast_result(result, dtype):
    """`result` in the dtype of what it is written into, if torch allows the conversion."""
    have = result._aval.dtype
    if have is dtype:
        return result
    if not dtypes.can_cast(have, dtype):
        names = [LEGACY_NAMES.get(d.name, d.name) for d in (have, dtype)]
        raise RuntimeError(
            f"result type {names[0]} can't be cast to the desired output type {names[1]}"
        )
    return cast(result, dtype)


def write(t, result):
    """Make `result` (same shape and dtype) the contents of `t`, history included."""
    _replace(t, value_of(result), result._edge if mode.enabled else None)


def copy_(t, source):
    """`t.copy_(source)`: the source is broadcast and converted."""
    check_writable(t)
    if source._aval.device is not t._aval.device:
        source = to_device(source, t._aval.device)
    aval = t._aval
    if t._rg and mode.enabled:
        source = apply(_copy_over, (t, source), (aval.shape, aval.dtype))
    elif source._aval is not aval or source._rg:
        source = apply(_expand_copy, (source,), (aval.shape, aval.dtype))
    write(t, source)
    return t


# Names the move of a sparse tensor; that of a dense one is not recorded.
_to_device = Operation("to_device", None)


class Transfer(tape.Node):
    """The autograd node of a copy to another device."""

    __slots__ = ("source_device", "outs")
    n_outs = 1

    def __init__(self, t, out_aval):
        super().__init__((t._gradient_edge(),))
        self.source_device = t._aval.device
        self.outs = (out_aval,)

    def name(self):
        return "ToCopyBackward0"

    def free(self):
        """Nothing is saved."""

    def run_tensors(self, grads, create_graph):
        """The gradient, on the device the tensor came from."""
        return [None if grads[0] is None else to_device(grads[0], self.source_device)]


def _moved(value, device):
    if device is devices.meta:
        return Value(aval(value.aval.shape, value.aval.dtype, device), META)
    array = trace.force(value, "copy to another device")
    if array is META:
        raise NotImplementedError("Cannot copy out of meta tensor; no data!")
    return trace.execute.transfer(value, array, device)


def to_device(t, device):
    """The tensor on another device; `t` itself when it is there already."""
    if t._aval.device is device:
        return t
    if t._aval.layout is not strided_layout:
        return of_sparse(_to_device, (t,), device)
    moved = wrap(_moved(value_of(t), device))
    if t.requires_grad and mode.enabled:
        node = Transfer(t, moved._aval)
        moved._edge, moved._rg = (node, 0), True
    return moved


def finish_out(result, out, name):
    """Write a result into the tensor given as `out=`, resized if need be. Returns `out`."""
    if not isinstance(out, Tensor):
        raise TypeError(f"{name}(): argument 'out' must be Tensor, not {type(out).__name__}")
    if mode.enabled and (result._rg or out._rg):
        raise RuntimeError(
            f"{name}(): functions with out=... arguments don't support automatic differentiation, "
            "but one of the "
            "arguments requires grad."
        )
    if out._aval.device is not result._aval.device:
        raise RuntimeError(
            f"Expected out tensor to be on {result._aval.device}, but got {out._aval.device} "
            "instead"
        )
    result = cast_result(result, out._aval.dtype)
    if out._aval.shape != result._aval.shape:
        resize_out(out, result)
        return out
    check_writable(out)
    write(out, result)
    return out


def resize_out(out, result):
    """Give `out` the shape and contents of `result`."""
    if out._aval.numel:
        warnings.warn(
            "An output with one or more elements was resized since it had shape "
            f"{list(out.shape)}, which does not match "
            f"the required output shape {list(result.shape)}. This behavior is deprecated, and in "
            "a future PyTorch release "
            "outputs will not be resized unless they have zero elements. You can explicitly reuse "
            "an out tensor t by "
            "resizing it, inplace, to zero elements with t.resize_(0).",
            UserWarning,
            stacklevel=4,
        )
    out._st, out._view, out._aval = result._st, result._view, result._aval
    out._vc[0] += 1


apply = compiled_form(
    apply,
    python_apply=apply,
    python_compute=compute,
    python_assign=assign,
    TapeNode=TapeNode,
    Operation=Operation,
    Pullback=Pullback,
    View=View,
    Meta=Meta,
    plain_classes=_plain,
    call_globals=globals(),
    mode=mode,
    sequence=tape._sequence,
    number_float=PYTHON_NUMBERS[float],
    number_int=PYTHON_NUMBERS[int],
    number_bool=PYTHON_NUMBERS[bool],
    number_complex=PYTHON_NUMBERS[complex],
    checked=trace.checked,
    value_of=value_of,
    fresh_edge=_fresh_edge,
    lay_out=_lay_out,
    follow=_follow,
)
compute = compiled_form(compute)
assign = compiled_form(assign)
