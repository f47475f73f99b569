"""The tape: what was recorded with gradients, and the walk back through it.

Every differentiable node leaves a `TapeNode`; walking back records pullback nodes into the same
trace, so that backward
is as lazy as forward and can be differentiated again.
"""

import itertools
import threading
import weakref
from heapq import heappop, heappush

from . import signature as signatures
from . import trace
from .fast import compiled_form
from .layouts import SparseAval, SparseOperand
from .signature import Operation
from .value import META

_sequence = itertools.count()


class _Mode(threading.local):
    """Whether gradients are recorded on this thread."""

    def __init__(self):
        self.enabled = True
        self.inference = False
        self.anomaly = False


mode = _Mode()


class recording:
    """Inside, gradients are recorded or not."""

    __slots__ = ("enabled", "before")

    def __init__(self, enabled):
        self.enabled = enabled

    def __enter__(self):
        self.before = mode.enabled
        mode.enabled = self.enabled

    def __exit__(self, *exc):
        mode.enabled = self.before


class Node:
    """A function in the autograd graph, as `tensor.grad_fn` shows it.

    edges: for each input, `(node, output number)` or None where no gradient is wanted.
    """

    __slots__ = ("edges", "seq", "hooks", "pre_hooks", "retained", "_metadata", "__weakref__")

    def __init__(self, edges):
        self.edges = edges
        self.seq = next(_sequence)
        self.hooks = self.pre_hooks = self.retained = self._metadata = None

    def name(self):
        """The node's full name."""
        return type(self).__name__

    @property
    def next_functions(self):
        """The nodes that the gradient flows on to, with the number of the output each feeds."""
        return tuple((None, 0) if e is None else (shown(e[0]), e[1]) for e in self.edges)

    @property
    def metadata(self):
        """A dict for the user's own notes."""
        if self._metadata is None:
            self._metadata = {}
        return self._metadata

    @property
    def _sequence_nr(self):
        return self.seq

    def __repr__(self):
        return f"<{short_name(self)} object at {hex(id(self))}>"

    def register_hook(self, hook):
        """Call `hook(grad_inputs, grad_outputs)` after this node; it may return new grad_inputs."""
        self.hooks = self.hooks or {}
        return HookHandle(self.hooks, hook)

    def register_prehook(self, hook):
        """Call `hook(grad_outputs)` before this node; it may return other grad_outputs."""
        self.pre_hooks = self.pre_hooks or {}
        return HookHandle(self.pre_hooks, hook)


def short_name(node):
    """A node's name without its namespace, as torch prints it."""
    return node.name().rpartition("::")[2]


_classes = {}


def shown(node):
    """The node as users see it: of a class that bears its name, so that `type(t.grad_fn).__name__`
    says it.
    """
    if node.__class__ is TapeNode:
        name = short_name(node)
        cls = _classes.get(name)
        if cls is None:
            cls = _classes[name] = type(name, (TapeNode,), {"__slots__": ()})
        node.__class__ = cls
    return node


class HookHandle:
    """Removes a hook, by `remove()` or at the end of a `with` block."""

    __slots__ = ("_hooks", "id", "__weakref__")
    _ids = itertools.count()

    def __init__(self, hooks, hook):
        self._hooks = hooks
        self.id = next(HookHandle._ids)
        hooks[self.id] = hook

    def remove(self):
        """Take the hook away; doing so twice is harmless."""
        self._hooks.pop(self.id, None)

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.remove()


FREED = object()

LEGACY_NAMES = {
    "float32": "Float",
    "float64": "Double",
    "float16": "Half",
    "bfloat16": "BFloat16",
    "int64": "Long",
    "int32": "Int",
    "int16": "Short",
    "int8": "Char",
    "uint8": "Byte",
    "bool": "Bool",
    "complex64": "ComplexFloat",
    "complex128": "ComplexDouble",
}


def _modified(version, expected, aval, edge):
    shown = f"[torch.{LEGACY_NAMES.get(aval.dtype.name, 'Float')}Tensor {list(aval.shape)}]"
    if edge is not None:
        shown += f", which is output {edge[1]} of {edge[0].name()}"
    return (
        "one of the variables needed for gradient computation has been modified by an inplace "
        f"operation: {shown}, is at "
        f"version {version}; expected version {expected} instead. Hint: enable anomaly detection "
        "to find the operation that "
        "failed to compute its gradient, with torch.autograd.set_detect_anomaly(True)."
    )


def check_versions(versions):
    """Raise torch's error when one of the tensors was modified since."""
    for cell, version, aval, edge in versions:
        if cell[0] != version:
            raise RuntimeError(_modified(cell[0], version, aval, edge))


SECOND_BACKWARD = (
    "Trying to backward through the graph a second time (or directly access saved tensors after "
    "they have already been "
    "freed). Saved intermediate values of the graph are freed when you call .backward() or "
    "autograd.grad(). Specify "
    "retain_graph=True if you need to backward through the graph a second time or if you need to "
    "access saved tensors "
    "after calling backward."
)


class TapeNode(Node):
    """The node of a recorded operation.

    saved: the operands its gradient needs. versions: (version cell, version, position) of the
    tensors that
    torch would save.
    """

    __slots__ = ("pullback", "saved", "versions", "label")

    def __init__(self, pullback, operands, edges, versions=None, label=None):
        self.edges = edges
        self.seq = next(_sequence)
        self.hooks = self.pre_hooks = self.retained = self._metadata = None
        self.pullback = pullback
        self.saved = pullback.pick(operands)
        self.versions = versions
        self.label = label

    def name(self):
        if self.label is not None:
            return self.label
        name = self.pullback.sig.op.grad_name
        # Some of torch's nodes are named after the arguments too.
        return name(self.pullback.sig) if callable(name) else name

    @property
    def n_outs(self):
        """How many outputs the operation has."""
        return self.pullback.sig.n_outs

    @property
    def outs(self):
        """The avals of the outputs."""
        return self.pullback.sig.outs

    def check(self):
        """Raise when what the gradient needs was freed, or modified in place since."""
        if self.saved is FREED:
            raise RuntimeError(SECOND_BACKWARD)
        if self.versions:
            for cell, version, position in self.versions:
                if cell[0] != version:
                    raise RuntimeError(_modified(cell[0], version, *self._saved_tensor(position)))

    def _saved_tensor(self, position):
        """(aval, edge or None) of an operand, or of the result -1 - position."""
        sig = self.pullback.sig
        if position < 0:
            return sig.outs[-1 - position], (self, -1 - position)
        edge = self.edges[position]
        return sig.avals[position], None if edge and isinstance(edge[0], AccumulateGrad) else edge

    def free(self):
        """Let go of what was saved."""
        if self.saved:
            self.saved = FREED

    def run(self, grads, walk):
        """Gradients of the inputs, aligned with `edges`, given those of the outputs (None where
        there is none).
        """
        self.check()
        pullback = self.pullback
        given = tuple([i for i, g in enumerate(grads) if g is not None])
        sig = pullback.signature(given)
        made = walk.record(sig, self, [grads[i] for i in given])
        result = [None] * len(self.edges)
        for i, g in zip(pullback.wanted, made):
            result[i] = g
        return result


class AccumulateGrad(Node):
    """The end of the graph at a leaf: adds what arrives to the leaf's `.grad`."""

    __slots__ = ("variable",)
    n_outs = 1

    def __init__(self, variable):
        self.edges = ()
        self.seq = next(_sequence)
        self.hooks = self.pre_hooks = self.retained = self._metadata = None
        self.variable = variable

    @property
    def outs(self):
        """The aval of the leaf."""
        return (self.variable._aval,)

    def name(self):
        return "torch::autograd::AccumulateGrad"


class Dual:
    """A gradient that is itself on the tape: a Value and its edge."""

    __slots__ = ("value", "edge")

    def __init__(self, value, edge):
        self.value = value
        self.edge = edge


_add = Operation("add", lambda attrs, avals: lambda a, b: (a + b,))
_zeros = Operation(
    "zeros", lambda attrs, avals: lambda: (signatures.jax.numpy.zeros(attrs.shape, attrs.dtype.np),)
)
_ones = Operation(
    "ones", lambda attrs, avals: lambda: (signatures.jax.numpy.ones(attrs.shape, attrs.dtype.np),)
)


def zeros(aval):
    """A Value of zeros."""
    return trace.record(_zeros.signature((aval,)), ())


def ones(aval):
    """A Value of ones."""
    return trace.record(_ones.signature((aval,)), ())


def record_differentiable(sig, operands, edges, versions=None, label=None):
    """Record a node and put it on the tape: (made, TapeNode). `edges` has an entry for every
    operand.
    """
    mask = 0
    for i, e in enumerate(edges):
        if e is not None:
            mask |= 1 << i
    pullback = sig.vjps.get(mask) or sig.vjp(mask)
    made = trace.record(sig, operands)
    return made, TapeNode(pullback, operands, edges, versions, label)


# The sum of two gradients of which one is sparse, (value, edge, value, edge) -> (value, edge); set
# by the layer that declares sparse tensors.
sparse_sum = None


class _PlainWalk:
    """Backward without a graph of its own: gradients are Values."""

    create_graph = False

    def record(self, sig, node, cotangents):
        made = trace.record(sig, (*node.saved, *cotangents))
        return (made,) if sig.single else made

    def add(self, a, b):
        try:
            return trace.record(_add.signature(((), a.aval, b.aval)), (a, b))
        except SparseOperand:
            return sparse_sum(a, None, b, None)[0]

    def value(self, g):
        return g


class _GraphWalk:
    """Backward that is recorded on the tape: gradients are Duals."""

    create_graph = True

    def record(self, sig, node, cotangents):
        positions = sig.primal[2]
        operands = (*node.saved, *[c.value for c in cotangents])
        edges = [node.edges[i] for i in positions] + [c.edge for c in cotangents]
        return self._recorded(sig, operands, edges)

    def _recorded(self, sig, operands, edges):
        if not any(e is not None for e in edges):
            made = trace.record(sig, operands)
            return [Dual(m, None) for m in ((made,) if sig.single else made)]
        made, node = record_differentiable(sig, operands, tuple(edges))
        return [Dual(m, (node, i)) for i, m in enumerate((made,) if sig.single else made)]

    def add(self, a, b):
        try:
            sig = _add.signature(((), a.value.aval, b.value.aval))
        except SparseOperand:
            return Dual(*sparse_sum(a.value, a.edge, b.value, b.edge))
        return self._recorded(sig, (a.value, b.value), (a.edge, b.edge))[0]

    def value(self, g):
        return g.value


def walk_back(
    roots, grads, *, wrap, unwrap, keep_graph, create_graph, targets=None, accumulate=None
):
    """Send gradients back through the graph.

    roots: edges to start from; grads: their gradients, as tensors. wrap/unwrap turn a Value and
    edge into a tensor and
    a tensor into (Value, edge). targets: edges whose gradients are returned; when given, nothing is
    accumulated and
    only nodes on a path to them run. accumulate(variable, tensor) stores a leaf's gradient.
    """
    if targets is None and not create_graph and not mode.anomaly:
        return walk_plain(_PlainWalk(), roots, grads, wrap, unwrap, keep_graph, accumulate)
    walk = _GraphWalk() if create_graph else _PlainWalk()
    buffers = {}
    order = _ordered(roots)
    needed = None if targets is None else _needed(order, {t[0] for t in targets if t is not None})
    captured = {}
    wanted = {} if targets is None else {t: True for t in targets if t is not None}
    for edge, g in zip(roots, grads):
        value, e = unwrap(g)
        _send(buffers, edge, Dual(value, e) if create_graph else value, walk)
    for node in order:
        incoming = buffers.pop(node, None)
        if incoming is None or (needed is not None and node not in needed):
            continue
        incoming = _before(node, incoming, walk, wrap, unwrap)
        for nr, g in enumerate(incoming):
            if (node, nr) in wanted:
                captured[node, nr] = g
        if node.__class__ is AccumulateGrad:
            if accumulate is not None and incoming[0] is not None:
                accumulate(node.variable, _tensor(incoming[0], walk, wrap))
                if node.hooks:
                    _after(node, incoming, (), walk, wrap, unwrap)
            continue
        if needed is not None and not any(e is not None and e[0] in needed for e in node.edges):
            continue
        outgoing = _step(node, incoming, walk, wrap, unwrap)
        if mode.anomaly:
            _refuse_nan(node, outgoing, walk)
        if not keep_graph:
            node.free()
        for edge, g in zip(node.edges, outgoing):
            if edge is not None and g is not None:
                _send(buffers, edge, g, walk)
    if targets is not None:
        return [
            None if t not in captured or captured[t] is None else _tensor(captured[t], walk, wrap)
            for t in targets
        ]
    return None


def walk_plain(walk, roots, grads, wrap, unwrap, keep_graph, accumulate):
    """`walk_back` to all leaves, without a graph of its own.

    A node is numbered after everything it uses, so the highest number among those that have
    gradients has all of its gradients. Leaves are served last, in the order they were reached.
    """
    buffers = {}
    waiting = []
    leaves = []
    for (node, nr), g in zip(roots, grads):
        if node not in buffers:
            _await(node, waiting, leaves)
        _send(buffers, (node, nr), unwrap(g)[0], walk)
    while waiting:
        node = heappop(waiting)[1]
        incoming = buffers.pop(node)
        if node.pre_hooks or node.retained:
            incoming = _before(node, incoming, walk, wrap, unwrap)
        if node.__class__ is TapeNode and not node.hooks and None not in incoming:
            node.check()
            pullback = node.pullback
            sig = pullback.complete or pullback.signature(tuple(range(len(incoming))))
            made = trace.record(sig, (*node.saved, *incoming))
            edges = node.edges
            edges = [edges[i] for i in pullback.wanted]
            outgoing = (made,) if sig.single else made
        else:
            edges = node.edges
            outgoing = _step(node, incoming, walk, wrap, unwrap)
        if not keep_graph:
            node.free()
        for edge, g in zip(edges, outgoing):
            if edge is None or g is None:
                continue
            target, nr = edge
            slots = buffers.get(target)
            if slots is None:
                _await(target, waiting, leaves)
                n = target.n_outs
                slots = buffers[target] = [None] * n if n != 1 else [g]
                if n == 1:
                    continue
            slots[nr] = g if slots[nr] is None else walk.add(slots[nr], g)
    for node in leaves:
        incoming = buffers.pop(node)
        if node.pre_hooks or node.retained:
            incoming = _before(node, incoming, walk, wrap, unwrap)
        if accumulate is not None and incoming[0] is not None:
            accumulate(node.variable, wrap(incoming[0], None))
            if node.hooks:
                _after(node, incoming, (), walk, wrap, unwrap)


def _await(node, waiting, leaves):
    if node.__class__ is AccumulateGrad:
        leaves.append(node)
    else:
        heappush(waiting, (-node.seq, node))


def _step(node, incoming, walk, wrap, unwrap):
    if isinstance(node, TapeNode):
        outgoing = node.run(incoming, walk)
    else:
        tensors = [None if g is None else _tensor(g, walk, wrap) for g in incoming]
        outgoing = [
            _gradient(_fitted(t, edge), walk, unwrap)
            for t, edge in zip(node.run_tensors(tensors, walk.create_graph), node.edges)
        ]
    if node.hooks:
        outgoing = _after(node, incoming, outgoing, walk, wrap, unwrap)
    return outgoing


def _refuse_nan(node, outgoing, walk):
    """Raise torch's error of anomaly mode when a node gave NaN."""
    for i, g in enumerate(outgoing):
        if g is None:
            continue
        value = walk.value(g)
        if (array := trace.force(value, "anomaly detection")) is not META and bool(
            (array != array).any()
        ):
            raise RuntimeError(
                f"Function '{short_name(node)}' returned nan values in its {i}th output."
            )


def _tensor(g, walk, wrap):
    return wrap(g.value, g.edge) if walk.create_graph else wrap(g, None)


def _fitted(tensor, edge):
    """A gradient as the node at `edge` takes it: a recorded operation takes dense ones only."""
    if tensor is None or edge is None or tensor._aval.__class__ is not SparseAval:
        return tensor
    return tensor.to_dense() if isinstance(edge[0], TapeNode) else tensor


def _gradient(tensor, walk, unwrap):
    if tensor is None:
        return None
    value, edge = unwrap(tensor)
    return Dual(value, edge) if walk.create_graph else value


def _send(buffers, edge, g, walk):
    node, nr = edge
    slots = buffers.get(node)
    if slots is None:
        slots = buffers[node] = [None] * node.n_outs
    slots[nr] = g if slots[nr] is None else walk.add(slots[nr], g)


def _before(node, incoming, walk, wrap, unwrap):
    """Run the hooks on a node's incoming gradients: tensor hooks, then `retain_grad`."""
    if node.pre_hooks:
        for nr_or_id, hook in list(node.pre_hooks.items()):
            incoming = _run_pre_hook(nr_or_id, hook, incoming, walk, wrap, unwrap)
    if node.retained:
        for nr, keep in node.retained.items():
            if incoming[nr] is not None:
                keep(_tensor(incoming[nr], walk, wrap))
    return incoming


class TensorHook:
    """A hook on one output of a node."""

    __slots__ = ("nr", "fn")

    def __init__(self, nr, fn):
        self.nr = nr
        self.fn = fn


def _run_pre_hook(_, hook, incoming, walk, wrap, unwrap):
    if isinstance(hook, TensorHook):
        g = incoming[hook.nr]
        if g is None:
            return incoming
        before = _tensor(g, walk, wrap)
        changed = hook.fn(before)
        if changed is not None:
            check_replacement(hook.fn, before, changed)
            incoming = list(incoming)
            incoming[hook.nr] = _gradient(changed, walk, unwrap)
        return incoming
    changed = hook(tuple(None if g is None else _tensor(g, walk, wrap) for g in incoming))
    if changed is None:
        return incoming
    changed = changed if isinstance(changed, tuple) else (changed,)
    return [_gradient(t, walk, unwrap) for t in changed]


def check_replacement(hook, before, after):
    """Raise torch's error when what a hook returned cannot stand in for the gradient `before`."""
    if not hasattr(after, "_aval"):
        raise TypeError(f"expected Variable, but hook returned '{type(after).__name__}'")
    name = getattr(hook, "__name__", type(hook).__name__)
    for what, have, want in (
        ("type", after._aval.dtype, before._aval.dtype),
        ("size", after._aval.shape, before._aval.shape),
    ):
        if have != want:
            raise RuntimeError(f"hook '{name}' has changed the {what} of value")


def _after(node, incoming, outgoing, walk, wrap, unwrap):
    before = tuple(None if g is None else _tensor(g, walk, wrap) for g in incoming)
    for hook in list(node.hooks.values()):
        after = tuple(None if g is None else _tensor(g, walk, wrap) for g in outgoing)
        changed = hook(after, before)
        if changed is not None:
            changed = changed if isinstance(changed, tuple) else (changed,)
            outgoing = [_gradient(t, walk, unwrap) for t in changed]
    return outgoing


def _ordered(roots):
    """Every node reachable from the roots, users before what they use; leaves last."""
    seen = set()
    stack = [edge[0] for edge in roots]
    found = []
    leaves = []
    while stack:
        node = stack.pop()
        if node in seen:
            continue
        seen.add(node)
        if node.__class__ is AccumulateGrad:
            leaves.append(node)
            continue
        found.append(node)
        for e in node.edges:
            if e is not None and e[0] not in seen:
                stack.append(e[0])
    found.sort(key=_seq, reverse=True)
    return found + leaves


def _seq(node):
    return node.seq


def _needed(order, targets):
    """The nodes from which a target can be reached, targets included."""
    needed = set(targets)
    for node in reversed(order):
        if node not in needed and any(e is not None and e[0] in needed for e in node.edges):
            needed.add(node)
    return needed


def leaf_edge(meta_owner, meta):
    """The edge of a leaf tensor; its AccumulateGrad lives as long as a graph refers to it."""
    ref = meta.accumulate
    node = None if ref is None else ref()
    if node is None:
        node = AccumulateGrad(meta_owner)
        meta.accumulate = weakref.ref(node)
    return (node, 0)


walk_plain = compiled_form(
    walk_plain,
    AccumulateGrad=AccumulateGrad,
    freed=FREED,
    before=_before,
    after=_after,
    step=_step,
)
