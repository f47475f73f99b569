"""Avals, operations and signatures: what an operation does to arrays of given shapes and types.

A `Signature` is an operation applied to input avals with static attributes. It is made once,
interned, and owns the
`ClosedJaxpr` that gives the output avals, that the cold tier evaluates and that the hot tier
compiles.
"""

import operator
import threading

import jax
import numpy as np
from jax._src import linear_util
from jax._src.core import ShapedArray
from jax._src.interpreters.partial_eval import dce_jaxpr, trace_to_jaxpr_dynamic
from jax.extend.core import ClosedJaxpr, jaxpr_as_fun

from . import device as devices
from . import dtypes, interpret
from .compile import Executor
from .layouts import SparseAval, SparseOperand, strided_layout
from .size import Size


class Aval:
    """Shape, dtype and device of an array. Interned: compare with `is`."""

    __slots__ = (
        "shape",
        "dtype",
        "device",
        "ndim",
        "numel",
        "nbytes",
        "size",
        "struct",
        "differentiable",
        "strides",
    )
    scalar = False
    layout = strided_layout
    _interned = {}

    def __init__(self, shape, dtype, device):
        self.shape = shape
        self.dtype = dtype
        self.device = device
        self.ndim = len(shape)
        self.size = Size(shape)
        self.numel = self.size.numel()
        self.nbytes = self.numel * dtype.itemsize
        self.struct = jax.ShapeDtypeStruct(shape, dtype.np)
        self.differentiable = dtype.category >= dtypes.FLOAT
        self.strides = contiguous_strides(shape)

    def __repr__(self):
        return f"{self.dtype.name}[{','.join(map(str, self.shape))}]@{self.device}"


def contiguous_strides(shape):
    """Row-major strides, in elements; as in torch a size of 0 counts as 1."""
    strides = []
    step = 1
    for s in reversed(shape):
        strides.append(step)
        step *= max(s, 1)
    return tuple(reversed(strides))


def aval(shape, dtype, device=devices.cpu):
    """The interned aval of a shape, dtype and device."""
    key = (shape, dtype, device)
    found = Aval._interned.get(key)
    if found is None:
        found = Aval._interned[key] = Aval(tuple(int(s) for s in shape), dtype, device)
    return found


class ScalarAval:
    """A Python number given to an operation: an input at run time, typed by its Python class."""

    __slots__ = ("kind", "dtype", "struct")
    scalar = True
    differentiable = False
    shape = ()
    ndim = 0
    numel = 1
    nbytes = 8

    def __init__(self, kind, dtype):
        self.kind = kind
        self.dtype = dtype
        self.struct = jax.ShapeDtypeStruct((), dtype.np)

    def __repr__(self):
        return f"number({self.kind.__name__})"


PYTHON_NUMBERS = {
    float: ScalarAval(float, dtypes.float64),
    int: ScalarAval(int, dtypes.int64),
    bool: ScalarAval(bool, dtypes.bool),
    complex: ScalarAval(complex, dtypes.complex128),
}


class Operation:
    """Something that can be recorded.

    `make(attrs, avals)` checks the arguments, raising torch's errors, and returns a function from
    arrays to a tuple of
    arrays; `avals` may hold None for absent optional inputs.
    """

    __slots__ = (
        "name",
        "make",
        "sigs",
        "grad_name",
        "saves_out",
        "differentiable",
        "elementwise",
        "channels_last",
        "multi",
        "layout",
        "__dict__",
    )
    everything = []
    # what autocast does to the operands
    autocast = None

    def __init__(
        self, name, make, *, grad_name=None, saves_out=False, differentiable=True, elementwise=False
    ):
        self.name = name
        self.make = make
        self.sigs = {}
        self.grad_name = grad_name or camel(name) + "Backward0"
        self.saves_out = saves_out
        self.differentiable = differentiable
        self.elementwise = elementwise
        self.channels_last = None
        self.multi = False
        self.layout = None
        Operation.everything.append(self)

    def signature(self, key):
        """The signature for `key`, a tuple of the attributes followed by input avals (None where
        absent).
        """
        sig = self.sigs.get(key)
        if sig is None:
            sig = self.sigs[key] = _from_function(self, key)
        return sig

    def argument_name(self, position):
        """The name of a tensor argument, for error messages."""
        return "input" if position == 0 else "other"

    def __repr__(self):
        return f"<operation {self.name}>"


def camel(name):
    """torch's way from an operator name to its autograd node: log_softmax -> LogSoftmax."""
    return "".join(part[:1].upper() + part[1:] for part in name.split("_"))


def forget_signatures():
    """Drop every cached signature: a global that they depend on (the default dtype) has changed."""
    for operation in Operation.everything:
        operation.sigs.clear()


class _Guards(threading.local):
    def __init__(self):
        self.collected = None


_guards = _Guards()


# What an integer guard gives when nothing is wrong.
FINE = np.iinfo(np.int64).min


def guard(flag, exc, message):
    """Declare, inside an operation, a check of its data.

    flag: a boolean scalar that must be false, or an int64 scalar that must be `FINE` and otherwise
    stands in the message at `{}`. The error is raised when the operation is recorded if what the
    flag depends on is on the host by then, else when a value is next looked at.
    """
    if _guards.collected is not None:
        _guards.collected.append((flag, exc, message))


def raise_if_bad(result, exc, message, where=None):
    """Raise the error of a guard if its computed `result` says so; `where` is the line that
    recorded it.
    """
    result = np.asarray(result)
    if result.dtype == np.bool_:
        if not result:
            return
    elif result == FINE:
        return
    else:
        message = message.format(result)
    raise exc(f"{message} (recorded at {where})" if where else message)


class Signature:
    """An operation on given avals. Calls are flat: arrays in, a list of arrays out.

    n_outs: how many outputs the operation has; the results of its guards follow them in `outs`.
    """

    __slots__ = (
        "op",
        "avals",
        "outs",
        "guards",
        "n_outs",
        "jaxpr",
        "device",
        "single",
        "differentiable",
        "vjps",
        "primal",
        "_runner",
        "_cost",
        "_fun",
        "_unguarded",
        "_guard_only",
        "__weakref__",
    )

    def __init__(self, op, avals, jaxpr, n_outs, guards, device, primal=None):
        self.op = op
        self.avals = avals
        self.jaxpr = jaxpr
        self.device = device
        self.guards = guards
        self.outs = tuple(aval(a.shape, dtypes.from_np(a.dtype), device) for a in jaxpr.out_avals)
        self.single = len(self.outs) == 1
        self.differentiable = op.differentiable and any(
            o.differentiable for o in self.outs[:n_outs]
        )
        self.vjps = {}
        self.primal = primal
        self.n_outs = n_outs
        self._runner = self._cost = self._fun = self._unguarded = self._guard_only = None

    @property
    def fun(self):
        """The computation as a function of JAX arrays (or tracers)."""
        if self._fun is None:
            self._fun = jaxpr_as_fun(self.jaxpr)
        return self._fun

    @property
    def cost(self):
        """Static estimate (flops, bytes)."""
        if self._cost is None:
            self._cost = interpret.cost(self.jaxpr)
        return self._cost

    @property
    def runner(self):
        """Runs the signature by itself: by NumPy where that is fast, else by an XLA executable of
        its own.
        """
        if self._runner is None:
            self._runner = self._make_runner()
        return self._runner

    def _make_runner(self):
        if self.device is devices.cpu and not interpret.is_heavy(self.jaxpr):
            run = interpret.compile_numpy(self.jaxpr)
            if run is not None:
                return run
        return Executor(self)

    @property
    def unguarded(self):
        """The same computation without its guards."""
        return self._unguarded or self._without_guards()

    def _without_guards(self):
        n = self.n_outs
        pruned, _ = dce_jaxpr(self.jaxpr.jaxpr, [i < n for i in range(len(self.outs))], True)
        closed = ClosedJaxpr(pruned, self.jaxpr.consts)
        made = Signature(self.op, self.avals, closed, n, (), self.device, self.primal)
        self._unguarded = made
        return made

    @property
    def guard_only(self):
        """(positions of the inputs the guards look at, NumPy function of them or None): the guards
        alone.
        """
        return self._guard_only or self._guards_alone()

    def _guards_alone(self):
        n = self.n_outs
        pruned, used = dce_jaxpr(self.jaxpr.jaxpr, [i >= n for i in range(len(self.outs))])
        positions = tuple(i for i, u in enumerate(used) if u)
        check = interpret.compile_numpy(ClosedJaxpr(pruned, self.jaxpr.consts))
        self._guard_only = positions, check
        return self._guard_only

    def vjp(self, mask):
        """The pullback with respect to the inputs whose bit is set in `mask`, made once."""
        found = self.vjps.get(mask)
        if found is None:
            found = self.vjps[mask] = Pullback(self, mask)
        return found

    def __repr__(self):
        return f"<{self.op.name}({', '.join(map(repr, self.avals))})>"


def _common_device(op, avals, attrs_device):
    found = attrs_device
    for a in avals:
        if a is None or a.scalar:
            continue
        if found is None or (
            found is not a.device and found.type == "cpu" and all_zero_dim(avals, found)
        ):
            found = a.device
        elif a.device is not found and not (a.device is devices.cpu and a.ndim == 0):
            raise RuntimeError(
                "Expected all tensors to be on the same device, but found at least two devices, "
                f"{found} and {a.device}! (when checking arguments of {op.name})"
            )
    return found or devices.cpu


def all_zero_dim(avals, device):
    """True when every input on `device` is a 0-dim tensor, which may join any device."""
    return all(a is None or a.scalar or a.device is not device or a.ndim == 0 for a in avals)


def _from_function(op, key):
    attrs, *avals = key
    for a in avals:
        if a.__class__ is SparseAval:
            raise SparseOperand(op.name, a)
    device = _common_device(op, avals, getattr(attrs, "device", None))
    fn = op.make(attrs, avals)
    present = tuple(a for a in avals if a is not None)
    guards = []

    def flat(*arrays):
        outer, _guards.collected = _guards.collected, []
        try:
            given = iter(arrays)
            outs = fn(*[None if a is None else next(given) for a in avals])
            collected = _guards.collected
        finally:
            _guards.collected = outer
        guards.extend((exc, message) for _, exc, message in collected)
        return (*outs, *[flag for flag, _, _ in collected])

    jaxpr = trace(flat, [a.struct for a in present])
    return Signature(op, present, jaxpr, len(jaxpr.out_avals) - len(guards), tuple(guards), device)


def trace(fn, structs):
    """The closed jaxpr of `fn`; JAX's own complaints about shapes and types become torch's
    exception classes.
    """
    try:
        return _make_jaxpr(fn, structs)
    except (TypeError, ValueError) as error:
        if type(error).__module__.startswith("jax") or _raised_by_jax(error):
            raise RuntimeError(str(error).partition("\n")[0]) from None
        raise


_NO_MESH = jax.sharding.AbstractMesh((), ())


def _make_jaxpr(fn, structs):
    """`jax.make_jaxpr` for flat arguments, at half its cost: no trees, no cache keyed on the
    function.
    """
    debug = linear_util.DebugInfo("jtorch", "an operation", None, None)
    wrapped = linear_util.wrap_init(lambda *arrays: list(fn(*arrays)), debug_info=debug)
    # Under a shard_map, JAX would write that mesh into the jaxpr, which serves elsewhere too.
    with jax.sharding.use_abstract_mesh(_NO_MESH):
        jaxpr, _, consts = trace_to_jaxpr_dynamic(
            wrapped, [ShapedArray(s.shape, s.dtype) for s in structs]
        )
    return ClosedJaxpr(jaxpr, consts)


def _raised_by_jax(error):
    tb = error.__traceback__
    while tb.tb_next is not None:
        tb = tb.tb_next
    return "/jax/" in tb.tb_frame.f_code.co_filename


class _PullbackOperation(Operation):
    """The gradient of an operation, itself an operation."""

    def __init__(self, of):
        super().__init__(of.name + "_backward", None, grad_name=of.grad_name)


_pullback_ops = {}


class Pullback:
    """How gradients flow back through a signature.

    used: positions of the inputs that the gradient needs (saved by the tape).
    watched: those of them that are tensors, whose modification in place would be an error.
    pick: a function that takes them out of a list, as a tuple.
    wanted: positions of the inputs that get a gradient, in the order of the results.
    complete: the signature for cotangents of all outputs; None when some output can have none.
    """

    __slots__ = ("sig", "mask", "wanted", "used", "watched", "complete", "pick", "_by_cotangents")

    def __init__(self, sig, mask):
        self.sig = sig
        self.mask = mask
        self.wanted = tuple(i for i in range(len(sig.avals)) if mask >> i & 1)
        self._by_cotangents = {}
        self.complete = None
        every = self._all_cotangents()
        made, self.used = self._trace(every)
        if len(every) == sig.n_outs:
            self.complete = made
        self.pick = _picker(self.used)
        self.watched = tuple(i for i in self.used if not sig.avals[i].scalar)

    def _all_cotangents(self):
        return tuple(i for i in range(self.sig.n_outs) if self.sig.outs[i].differentiable)

    def signature(self, given):
        """The signature of the pullback for cotangents of the outputs `given`: (used inputs...,
        cotangents...).
        """
        found = self._by_cotangents.get(given)
        if found is None:
            found = self._by_cotangents[given] = self._trace(given)[0]
        return found

    def apply(self, primals, cotangents, given, fun=None):
        """Gradients of the wanted inputs at `primals`. Complex numbers follow torch: conjugate of
        JAX's.
        """
        pull = self.linearize(primals, fun)[1]
        return self.pull(pull, cotangents, given)

    def linearize(self, primals, fun=None):
        """(outputs, pullback function) at `primals`, by `jax.vjp`."""
        fun = fun or self.sig.fun

        def of_wanted(*wanted):
            full = list(primals)
            for i, w in zip(self.wanted, wanted):
                full[i] = w
            return fun(*full)

        return jax.vjp(of_wanted, *[primals[i] for i in self.wanted])

    def pull(self, pull, cotangents, given):
        """Feed the given cotangents to a pullback function; the other outputs get zeros."""
        outs = self.sig.jaxpr.out_avals
        full = [_zero_cotangent(o) for o in outs]
        for i, ct in zip(given, cotangents):
            full[i] = jax.numpy.conj(ct) if outs[i].dtype.kind == "c" else ct
        grads = pull(full)
        return [jax.numpy.conj(g) if g.dtype.kind == "c" else g for g in grads]

    def _trace(self, given):
        sig = self.sig
        n = len(sig.avals)
        structs = [a.struct for a in sig.avals] + [sig.outs[i].struct for i in given]
        jaxpr = trace(lambda *args: self.apply(args[:n], args[n:], given), structs)
        pruned, used = dce_jaxpr(
            jaxpr.jaxpr, [True] * len(jaxpr.out_avals), [False] * n + [True] * len(given)
        )
        positions = tuple(i for i in range(n) if used[i])
        first = next(iter(self._by_cotangents.values()), None)
        if first is not None and positions != self.used:
            # One save set serves every combination of cotangents.
            keep = [i in self.used for i in range(n)] + [True] * len(given)
            pruned, _ = dce_jaxpr(jaxpr.jaxpr, [True] * len(jaxpr.out_avals), keep)
            positions = self.used
        avals = tuple(sig.avals[i] for i in positions) + tuple(sig.outs[i] for i in given)
        op = _pullback_ops.get(sig.op)
        if op is None:
            op = _pullback_ops[sig.op] = _PullbackOperation(sig.op)
        closed = ClosedJaxpr(pruned, jaxpr.consts)
        made = Signature(
            op, avals, closed, len(self.wanted), (), sig.device, (self, given, positions)
        )
        self._by_cotangents[given] = made
        return made, positions


def _picker(positions):
    """A function from a list to the tuple of its elements at `positions`."""
    if len(positions) > 1:
        return operator.itemgetter(*positions)
    return lambda values: tuple([values[i] for i in positions])


def _zero_cotangent(out):
    if jax.dtypes.issubdtype(out.dtype, np.inexact):
        return jax.numpy.zeros(out.shape, out.dtype)
    return np.zeros(out.shape, jax.dtypes.float0)
