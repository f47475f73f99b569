"""The cold tier's evaluator: a jaxpr becomes a list of NumPy calls.

`compile_numpy` inlines nested calls, drops dead equations, folds constants, settles everything
static, and assigns slots. What is left at run time is a flat loop over closures, each of which
reads slots, calls one NumPy function and writes a slot.

Broadcasts are lazy: an operand of an elementwise step keeps its size-1 axes (`_Val.shape`) and
NumPy stretches it in the ufunc itself; it is written out only where a step needs the whole array.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

import numpy as np
from jax.extend.core import Literal

from . import (  # noqa: F401  (the rule modules register themselves on import)
    interpret_rules_dot,
    interpret_rules_elementwise,
    interpret_rules_index,
    interpret_rules_linalg,
    interpret_rules_reduce,
    interpret_rules_shape,
    interpret_rules_window,
)
from .interpret_cost import cost, is_heavy
from .interpret_registry import ELEMENTWISE, RULES, Unsupported

__all__ = ["compile_numpy", "cost", "is_heavy"]

# A folded constant lives as long as its signature; bigger ones are recomputed at each call.
_FOLD_BYTES = 1 << 18
# From this size on a dead buffer is worth dropping at once and worth reusing as an `out=`.
_BIG_BYTES = 1 << 15

# Primitives that are the identity on values.
_IDENTITY = frozenset(
    """copy copy_p stop_gradient optimization_barrier sharding_constraint name device_put
    layout_constraint pbroadcast pvary reshard create_token tie""".split()
)
# Primitives that call one nested jaxpr with their own operands: the parameter holding it.
_CALLS = {
    "jit": "jaxpr",
    "pjit": "jaxpr",
    "closed_call": "call_jaxpr",
    "core_call": "call_jaxpr",
    "call": "call_jaxpr",
    "custom_jvp_call": "call_jaxpr",
    "custom_vjp_call": "call_jaxpr",
    "custom_vmap_call": "call",
    "remat2": "jaxpr",
    "remat_opt": "fwd_jaxpr",
    "checkpoint": "jaxpr",
    "composite": "jaxpr",
}


def compile_numpy(closed_jaxpr, check: bool = False) -> Callable | None:
    """A function from a sequence of arrays to the list of results, evaluated by NumPy on the host.

    Arrays come and go in the avals' dtypes and shapes; 0-dim results are arrays too. Results may be
    read-only views of inputs or constants: treat them as immutable. `check=True` verifies the shape
    and dtype of every intermediate (for tests). Returns None when some primitive has no rule.
    The function has an attribute `raw`: the same without the guard against floating-point warnings,
    for callers that already run under `np.errstate(all="ignore")`.
    """
    if closed_jaxpr.effects:
        return None
    try:
        with np.errstate(all="ignore"):
            raw = _compile(closed_jaxpr.jaxpr, closed_jaxpr.consts, check)
    except Unsupported:
        return None
    run = np.errstate(all="ignore")(raw)
    run.raw = raw
    return run


class _Val:
    """One value of the flattened program: its aval, the shape it really has, and its constant."""

    __slots__ = ("aval", "const", "full", "owned", "shape", "viewed")

    def __init__(self, aval, shape=None, const=None):
        self.aval = aval
        self.shape = aval.shape if shape is None else shape
        self.const = const
        self.full = None  # the broadcast form, once some step needed it
        self.owned = False  # a buffer that this program allocated and nothing else refers to
        self.viewed = False  # handed to a step that may keep a view of it

    @property
    def nbytes(self) -> int:
        size = self.aval.dtype.itemsize
        for extent in self.shape:
            size *= extent
        return size


class _Node:
    """An equation with its operands and results resolved to `_Val`s."""

    __slots__ = ("ins", "many", "name", "outs", "params")

    def __init__(self, primitive, params, ins, outs):
        self.name = primitive.name
        self.many = primitive.multiple_results
        self.params = params
        self.ins = ins
        self.outs = outs


class _Step:
    """A NumPy call: `function` of `ins` gives `outs`, as a tuple if `many`.

    `reuse` names the operand to overwrite.
    """

    __slots__ = ("function", "ins", "many", "outs", "reuse")

    def __init__(self, function, ins, outs, many=False):
        self.function = function
        self.ins = ins
        self.outs = outs
        self.many = many
        self.reuse = None


def _compile(jaxpr, consts, check: bool = False) -> Callable:
    """Compile an open jaxpr; raises `Unsupported`."""
    invals = [_Val(_host_aval(v.aval)) for v in jaxpr.invars]
    nodes: list[_Node] = []
    outvals = _flatten(jaxpr, consts, invals, nodes)
    builder = _Builder()
    outvals = builder.lower(_live(nodes, outvals), outvals)
    return _link(builder.steps, invals, outvals, check)


# --- flattening ----------------------------------------------------------------------------------


def _host_aval(aval):
    if isinstance(getattr(aval, "dtype", None), np.dtype):
        return aval
    raise Unsupported(str(aval))


def _constant(value, aval) -> _Val:
    return _Val(_host_aval(aval), None, np.asarray(value, aval.dtype))


def _flatten(jaxpr, consts, invals, nodes) -> list[_Val]:
    """Append the equations of `jaxpr` to `nodes`, nested calls inlined; returns its results."""
    env = dict(zip(jaxpr.invars, invals, strict=True))
    for var, value in zip(jaxpr.constvars, consts, strict=True):
        env[var] = _constant(value, var.aval)

    def read(atom):
        return _constant(atom.val, atom.aval) if isinstance(atom, Literal) else env[atom]

    for eqn in jaxpr.eqns:
        name = eqn.primitive.name
        ins = [read(atom) for atom in eqn.invars]
        nested = _nested(name, eqn.params)
        if nested is not None:
            inner, inner_consts, start = nested
            outs = _flatten(inner, inner_consts, ins[start:], nodes)
        elif name in _IDENTITY:
            outs = ins
        elif name == "convert_element_type" and ins[0].aval.dtype == eqn.outvars[0].aval.dtype:
            outs = ins
        else:
            outs = [_Val(_host_aval(var.aval)) for var in eqn.outvars]
            nodes.append(_Node(eqn.primitive, eqn.params, ins, outs))
        env.update(zip(eqn.outvars, outs, strict=True))
    return [read(atom) for atom in jaxpr.outvars]


def _nested(name, params):
    """(jaxpr, consts, first operand) when the equation merely calls a jaxpr, else None."""
    if name == "custom_linear_solve":
        # A solve differentiated implicitly: its value is what the solve function returns.
        lengths = params["const_lengths"]
        inner = params["jaxprs"].solve
        return _SolveCall(inner, lengths), inner.consts, 0
    key = _CALLS.get(name)
    if key is None:
        return None
    inner = params[key]
    if hasattr(inner, "consts"):
        return inner.jaxpr, inner.consts, 0
    return inner, (), 0


class _SolveCall:
    """The jaxpr of a linear solve's solver, taking all operands of the `custom_linear_solve`."""

    def __init__(self, closed, lengths):
        jaxpr = closed.jaxpr
        before = lengths.matvec + lengths.vecmat
        after = lengths.transpose_solve
        self.constvars = jaxpr.constvars
        self.eqns = jaxpr.eqns
        self.outvars = jaxpr.outvars
        solver, rest = jaxpr.invars[: lengths.solve], jaxpr.invars[lengths.solve :]
        self.invars = [object()] * before + list(solver) + [object()] * after + list(rest)


def _live(nodes, outvals) -> list[_Node]:
    """The nodes that some result depends on, in order."""
    needed = set(map(id, outvals))
    live = []
    for node in reversed(nodes):
        if any(id(out) in needed for out in node.outs):
            needed.update(map(id, node.ins))
            live.append(node)
    live.reverse()
    return live


# --- lowering ------------------------------------------------------------------------------------


class _Builder:
    """Turns nodes into steps, in order."""

    def __init__(self):
        self.steps: list[_Step] = []
        self.alias: dict[int, _Val] = {}  # results that are just another value

    def lower(self, nodes, outvals) -> list[_Val]:
        for node in nodes:
            node.ins = [self.resolve(v) for v in node.ins]
            self.node(node)
        return [self.whole(self.resolve(v)) for v in outvals]

    def resolve(self, val: _Val) -> _Val:
        return self.alias.get(id(val), val)

    def node(self, node: _Node) -> None:
        rule = ELEMENTWISE.get(node.name)
        if rule is not None:
            self.elementwise(rule, node)
            return
        lazy = _LAZY.get(node.name)
        if lazy is not None and lazy(self, node):
            return
        rule = RULES.get(node.name)
        if rule is None:
            raise Unsupported(node.name)
        ins = [self.whole(v) for v in node.ins]
        for val in ins:
            val.viewed = True
        function = rule([v.aval for v in ins], [v.aval for v in node.outs], node.params)
        self.emit(function, ins, node.outs, node.many)

    def elementwise(self, rule, node: _Node) -> None:
        out = node.outs[0]
        function = rule([v.aval for v in node.ins], [out.aval], node.params)
        out.shape = _broadcast([v.shape for v in node.ins], out.aval.shape)
        out.owned = True
        self.emit(function, node.ins, node.outs)

    def emit(self, function, ins, outs, many=False) -> None:
        """Add a step, or run it now when all its operands are constants and the result is small."""
        foldable = all(v.const is not None for v in ins)
        if foldable and sum(v.nbytes for v in outs) <= _FOLD_BYTES:
            results = function(*[v.const for v in ins])
            for val, result in zip(outs, results if many else (results,), strict=True):
                val.const = np.asarray(result)
            return
        self.steps.append(_Step(function, ins, outs, many))

    def view(self, function, node: _Node, shape) -> None:
        """A step whose result is a lazy view of its operand."""
        node.ins[0].viewed = True
        node.outs[0].shape = shape
        self.emit(function, node.ins, node.outs)

    def whole(self, val: _Val) -> _Val:
        """The value in its aval's full shape."""
        if val.shape == val.aval.shape:
            return val
        if val.full is None:
            val.viewed = True
            val.full = _Val(val.aval)
            self.emit(_expander(val.aval), [val], [val.full])
        return val.full


def _broadcast(shapes, full) -> tuple[int, ...]:
    """Shape of an elementwise result whose operands have these (lazy) shapes."""
    ndim = len(full)
    shapes = [s for s in shapes if s]
    if not shapes:
        return ()
    if len(shapes) == 1 or all(s == full for s in shapes):
        return shapes[0]
    return tuple([next((s[d] for s in shapes if s[d] != 1), 1) for d in range(ndim)])


def _expander(aval) -> Callable:
    """Stretch an array to the aval's shape: a copy while that is small, else a read-only view."""
    shape, dtype = aval.shape, aval.dtype
    if aval.size * dtype.itemsize > 1 << 14:
        return lambda a: np.broadcast_to(a, shape)
    empty = np.empty

    def expand(a):
        out = empty(shape, dtype)
        out[...] = a
        return out

    return expand


def _lazy_broadcast(builder: _Builder, node: _Node) -> bool:
    """`broadcast_in_dim` only inserts axes of extent 1: the stretching is left to the consumers."""
    if len(node.ins) != 1:
        return False
    val, out = node.ins[0], node.outs[0]
    ndim = len(out.aval.shape)
    if not val.shape:
        return _same_array(builder, node, ())
    shape = [1] * ndim
    index = [None] * ndim
    for axis, extent in zip(node.params["broadcast_dimensions"], val.shape, strict=True):
        shape[axis] = extent
        index[axis] = slice(None)
    if len(val.shape) == ndim:
        return _same_array(builder, node, tuple(shape))
    # Not `reshape`, which would copy an array that is not contiguous.
    while index[-1] == slice(None):
        index.pop()
    builder.view(_Index(tuple(index)), node, tuple(shape))
    return True


class _Index:
    """`a[index]` with a fixed basic index."""

    __slots__ = ("index",)

    def __init__(self, index):
        self.index = index

    def __call__(self, a):
        return a[self.index]


def _same_array(builder: _Builder, node: _Node, shape) -> bool:
    """The result is the operand itself under another aval (and so another lazy shape)."""
    val, out = node.ins[0], node.outs[0]
    if out.aval.shape == val.aval.shape and shape == val.shape:
        builder.alias[id(out)] = val
        return True
    out.shape = shape
    if val.const is not None:
        out.const = val.const
        return True
    val.viewed = True
    builder.steps.append(_Step(_identity, [val], [out]))
    return True


def _identity(a):
    return a


def _lazy_reshape(builder: _Builder, node: _Node) -> bool:
    """A constant splat stays a splat under any reshape."""
    if len(node.ins) != 1:
        return False
    val, out = node.ins[0], node.outs[0]
    if val.aval.shape == out.aval.shape and node.params.get("dimensions") is None:
        builder.alias[id(out)] = val
        return True
    return val.shape == () and _same_array(builder, node, ())


def _lazy_transpose(builder: _Builder, node: _Node) -> bool:
    val, out = node.ins[0], node.outs[0]
    permutation = tuple(int(d) for d in node.params["permutation"])
    if permutation == tuple(range(len(permutation))):
        builder.alias[id(out)] = val
        return True
    if not val.shape:
        return _same_array(builder, node, ())
    shape = tuple([val.shape[d] for d in permutation])
    builder.view(lambda a: a.transpose(permutation), node, shape)
    return True


def _lazy_reduce(builder: _Builder, node: _Node) -> bool:
    """A reduction over no axes is its operand."""
    if node.params["axes"]:
        return False
    builder.alias[id(node.outs[0])] = node.ins[0]
    return True


_LAZY = {
    "broadcast_in_dim": _lazy_broadcast,
    "reshape": _lazy_reshape,
    "squeeze": _lazy_reshape,
    "transpose": _lazy_transpose,
    "reduce_sum": _lazy_reduce,
    "reduce_max": _lazy_reduce,
    "reduce_min": _lazy_reduce,
    "reduce_prod": _lazy_reduce,
}


# --- control flow --------------------------------------------------------------------------------


def _compile_closed(closed) -> Callable:
    if closed.effects:
        raise Unsupported("effects")
    return _compile(closed.jaxpr, closed.consts)


def _while(ins, outs, p):
    test = _compile_closed(p["cond_jaxpr"])
    body = _compile_closed(p["body_jaxpr"])
    first, second = p["cond_nconsts"], p["cond_nconsts"] + p["body_nconsts"]

    def loop(*args):
        test_consts, body_consts = args[:first], args[first:second]
        carry = args[second:]
        while test([*test_consts, *carry])[0]:
            carry = body([*body_consts, *carry])
        return tuple(carry)

    def loop_batched(*args):
        test_consts, body_consts = args[:first], args[first:second]
        carry = args[second:]
        while (running := test([*test_consts, *carry])[0]).any():
            changed = body([*body_consts, *carry])
            carry = [_keep_stopped(running, *pair) for pair in zip(changed, carry, strict=True)]
        return tuple(carry)

    return loop_batched if p["cond_jaxpr"].out_avals[0].shape else loop


def _keep_stopped(running, changed, before):
    """Under `vmap` a loop goes on until all elements are done; those that are keep their state."""
    shape = running.shape + (1,) * (changed.ndim - running.ndim)
    return np.where(running.reshape(shape), changed, before)


def _cond(ins, outs, p):
    branches = [_compile_closed(branch) for branch in p["branches"]]
    last = len(branches) - 1

    def choose(which, *args):
        return tuple(branches[min(max(int(which), 0), last)](args))

    return choose


def _scan(ins, outs, p):
    body = _compile_closed(p["jaxpr"])
    # Told by the ranks, because versions of JAX name the counts differently: what runs along the
    # loop has one dimension more outside of the body than inside.
    carries = sum(o.ndim == b.ndim for o, b in zip(outs, p["jaxpr"].out_avals, strict=True))
    second = sum(i.ndim == b.ndim for i, b in zip(ins, p["jaxpr"].in_avals, strict=True))
    first, length = second - carries, p["length"]
    order = range(length - 1, -1, -1) if p["reverse"] else range(length)
    stacked = [(aval.shape, aval.dtype) for aval in outs[carries:]]

    def loop(*args):
        consts, carry, xs = args[:first], list(args[first:second]), args[second:]
        ys = [np.empty(shape, dtype) for shape, dtype in stacked]
        for i in order:
            results = body([*consts, *carry, *[x[i, ...] for x in xs]])
            carry = results[:carries]
            for y, result in zip(ys, results[carries:], strict=True):
                y[i] = result
        return (*carry, *ys)

    return loop


RULES["while"] = _while
RULES["cond"] = _cond
RULES["scan"] = _scan


# --- linking -------------------------------------------------------------------------------------


def _link(steps: list[_Step], invals, outvals, check: bool) -> Callable:
    """Assign slots and turn the steps into one run function."""
    last = _last_uses(steps, outvals)
    _plan_reuse(steps, last)
    slots, base, actions = _assign(steps, invals, outvals, last, check)
    finish = [_finisher(val, slots[id(val)]) for val in outvals]
    count = len(invals)

    def run(args):
        env = base.copy()
        env[:count] = args
        for action in actions:
            action(env)
        return [f(env) for f in finish]

    return run


def _last_uses(steps, outvals) -> dict[int, int]:
    """Index of the last step that reads each value; results are read after the last step."""
    last: dict[int, int] = {}
    for i, step in enumerate(steps):
        for val in step.ins:
            last[id(val)] = i
    for val in outvals:
        last[id(val)] = len(steps)
    return last


def _plan_reuse(steps, last) -> None:
    """Let a big elementwise step write into an operand of the same form that dies there."""
    for i, step in enumerate(steps):
        if not isinstance(step.function, np.ufunc) or step.outs[0].nbytes < _BIG_BYTES:
            continue
        out = step.outs[0]
        for val in step.ins:
            same = val.shape == out.shape and val.aval.dtype == out.aval.dtype
            if same and val.owned and not val.viewed and last[id(val)] == i:
                step.reuse = val
                break


def _assign(steps, invals, outvals, last, check):
    """Slots of all values, the initial frame, and one action per step.

    Slots of dead values are taken again by later results, which also frees their memory; big ones
    are dropped at once.
    """
    slots: dict[int, int] = {}
    base: list = [None] * len(invals)
    for i, val in enumerate(invals):
        slots[id(val)] = i
    for val in [v for step in steps for v in step.ins] + list(outvals):
        if val.const is not None and id(val) not in slots:
            slots[id(val)] = len(base)
            base.append(val.const)
    fixed = len(base)
    free: list[int] = []
    actions = []
    for i, step in enumerate(steps):
        ins = [slots[id(v)] for v in step.ins]
        reuse = None if step.reuse is None else slots[id(step.reuse)]
        dying = {id(v): v for v in step.ins if last[id(v)] == i and slots[id(v)] >= fixed}
        outs = []
        for val in step.outs:
            slots[id(val)] = free.pop() if free else len(base)
            if slots[id(val)] == len(base):
                base.append(None)
            outs.append(slots[id(val)])
        actions.append(_action(step, ins, outs, reuse))
        if check:
            actions.append(_checker(step, outs))
        for key, val in dying.items():
            free.append(slots[key])
            if val.nbytes >= _BIG_BYTES:
                actions.append(partial(_drop, slots[key]))
        free.extend(slots[id(v)] for v in step.outs if id(v) not in last)
    return slots, base, actions


def _drop(slot, env):
    env[slot] = None


def _action(step: _Step, ins, outs, reuse) -> Callable:
    """The closure that runs one step on a frame; one shape of closure per arity, for speed."""
    if reuse is not None:
        return _action_into(step.function, outs[0], reuse, ins)
    if step.many:
        return _action_many(step.function, ins, outs)
    make = {1: _action1, 2: _action2, 3: _action3}.get(len(ins), _action_any)
    return make(step.function, outs[0], *ins)


def _action1(f, o, a):
    def act(env):
        env[o] = f(env[a])

    return act


def _action2(f, o, a, b):
    def act(env):
        env[o] = f(env[a], env[b])

    return act


def _action3(f, o, a, b, c):
    def act(env):
        env[o] = f(env[a], env[b], env[c])

    return act


def _action_into(f, o, target, ins):
    def act(env):
        env[o] = f(*[env[i] for i in ins], out=env[target])

    return act


def _action_any(f, o, *ins):
    def act(env):
        env[o] = f(*[env[i] for i in ins])

    return act


def _action_many(f, ins, outs):
    def act(env):
        for slot, result in zip(outs, f(*[env[i] for i in ins]), strict=True):
            env[slot] = result

    return act


def _checker(step: _Step, outs) -> Callable:
    def act(env):
        for val, slot in zip(step.outs, outs, strict=True):
            got = env[slot]
            assert isinstance(got, np.ndarray | np.generic), (step.function, type(got))
            assert got.shape == val.shape, (step.function, got.shape, val.shape)
            assert got.dtype == val.aval.dtype, (step.function, got.dtype, val.aval.dtype)

    return act


def _finisher(val: _Val, slot: int) -> Callable:
    """Fetch a result: a 0-dim one as an array, and no small view that keeps a big buffer alive."""
    if not val.aval.shape:
        asarray = np.asarray
        return lambda env: asarray(env[slot])

    if val.owned or val.const is not None:
        return lambda env: env[slot]

    def fetch(env):
        out = env[slot]
        base = out.base
        if base is not None and getattr(base, "nbytes", 0) > 2 * out.nbytes:
            return out.copy()
        return out

    return fetch
