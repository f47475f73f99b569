"""Recording: the pending nodes of a thread, and the points where they are executed.

A node is a tuple `(signature, slot, slot, ...)`. A slot names an operand: n >= 0 is the n-th value
made by the trace,
-1, -2, ... its inputs, and SCALARS - k its k-th Python number. A trace holds its values strongly;
at a flush a value
that nobody else refers to is an intermediate, which is not an output of what is executed.
"""

import operator
import threading

from . import device as devices
from . import execute, stats
from .config import settings
from .fast import compiled_form
from .signature import Aval, Signature, raise_if_bad
from .value import META, SCALARS, Epoch, Value

# One lock for all threads: a value pending on another thread is flushed there, and two locks could
# be taken crosswise.
_lock = threading.RLock()


class Trace:
    """The pending nodes of one thread on one device. limit: the number of values at which it is
    executed.
    """

    __slots__ = (
        "nodes",
        "values",
        "inputs",
        "scalars",
        "guards",
        "epoch",
        "bytes",
        "limit",
        "device",
    )

    def __init__(self, device):
        self.device = device
        self.reset()

    def reset(self):
        """Begin anew with nothing pending."""
        self.nodes = []
        self.values = []
        self.inputs = []
        self.scalars = []
        self.guards = []
        self.epoch = Epoch(self)
        self.bytes = 0
        self.limit = settings.max_nodes


class _State(threading.local):
    """What is particular to a thread."""

    def __init__(self):
        self.traces = {}
        self.trace = self.of(devices.cpu)
        self.direct = 0
        self.failed = []

    def of(self, device):
        """This thread's trace for a device."""
        found = self.traces.get(device)
        if found is None:
            found = self.traces[device] = Trace(device)
        return found


state = _State()


_new = object.__new__


def record(sig, operands):
    """Record a node; `operands` are Values and Python numbers in the order of `sig.avals`. Returns
    its Values.

    A single output is returned bare.
    """
    trace = state.trace
    if trace.device is not sig.device:
        return _record_elsewhere(sig, operands)
    with _lock:
        epoch = trace.epoch
        node = [sig]
        for v in operands:
            if v.__class__ is not Value:
                node.append(SCALARS - len(trace.scalars))
                trace.scalars.append(v)
            else:
                node.append(v.slot if v.epoch is epoch else _add_input(trace, epoch, v))
        trace.nodes.append(tuple(node))
        values = trace.values
        if sig.single:
            made = _new(Value)
            made.aval = sig.outs[0]
            made.array = made.passed = None
            made.epoch = epoch
            made.slot = slot = len(values)
            values.append(made)
        else:
            made = _add_outputs(trace, sig)
            slot = len(values)
    if slot >= trace.limit:
        _bound(trace)
    return made


def record_many(sig, values, numbers):
    """`record` for an operation of several results on a long list of Values, then numbers."""
    trace = state.trace
    if trace.device is not sig.device:
        return _record_elsewhere(sig, [*values, *numbers])
    with _lock:
        epoch, scalars = trace.epoch, trace.scalars
        for v in values:
            if v.epoch is not epoch:
                _add_input(trace, epoch, v)
        at = SCALARS - len(scalars)
        scalars += numbers
        trace.nodes.append((sig, *map(_slot, values), *range(at, at - len(numbers), -1)))
        made = _add_outputs(trace, sig)
    if len(trace.values) >= trace.limit:
        _bound(trace)
    return made


_slot = operator.attrgetter("slot")


def _record_elsewhere(sig, operands):
    """Record on another device than the last time, or do what is not recorded."""
    if state.direct:
        return _run_directly(sig, operands)
    if sig.device is devices.meta:
        made = [Value(o, META) for o in sig.outs]
        return made[0] if sig.single or (sig.guards and sig.n_outs == 1) else made[: sig.n_outs]
    state.trace = state.of(sig.device)
    return record(sig, [_moved(o, sig.device) for o in operands])


def checked(sig, operands):
    """A guarded signature, without its guards if they can be checked now: what they look at is on
    the host already.

    Raises the error of a guard that fails. Guards over pending values, or values on an accelerator,
    are left to be
    checked when a value is looked at.
    """
    if sig.device is not devices.cpu or state.direct:
        return sig
    positions, check = sig.guard_only
    if len(positions) == 1:
        v = operands[positions[0]]
        if v.__class__ is Value and v.passed is sig:
            return sig.unguarded
    arrays = []
    for i in positions:
        v = operands[i]
        if v.__class__ is not Value:
            arrays.append(execute.number(v, sig.avals[i]))
        elif v.array is None:
            return sig
        else:
            arrays.append(execute.np.asarray(v.array))
    if check is None:
        return sig
    for result, (exc, message) in zip(check(arrays), sig.guards):
        raise_if_bad(result, exc, message)
    if len(positions) == 1 and v.__class__ is Value:
        v.passed = sig
    return sig.unguarded


def _add_input(trace, epoch, v):
    if v.array is None:
        force(v)
    v.epoch = epoch
    v.slot = slot = -1 - len(trace.inputs)
    trace.inputs.append(v)
    trace.bytes += v.aval.nbytes
    if trace.bytes >= settings.max_bytes:
        trace.limit = 0
    return slot


def _add_outputs(trace, sig):
    values = trace.values
    epoch = trace.epoch
    slot = len(values)
    made = []
    for out in sig.outs:
        v = _new(Value)
        v.aval = out
        v.array = v.passed = None
        v.epoch = epoch
        v.slot = slot
        slot += 1
        made.append(v)
    values += made
    if not sig.guards:
        return made
    where = stats.user_location()
    n = sig.n_outs
    for v, (exc, message) in zip(made[n:], sig.guards):
        trace.guards.append((v, exc, message, where))
    return made[0] if n == 1 else made[:n]


def _moved(v, device):
    if v.__class__ is not Value or v.aval.device is device:
        return v
    return execute.transfer(v, force(v), device)


def _run_directly(sig, operands):
    """Inside a JAX transformation: compute at once on the arrays or tracers there are."""
    for v in operands:
        if v.__class__ is Value and v.array is None:
            force(v, "direct mode")
    arrays = [
        execute.as_jax(v) if v.__class__ is Value else execute.number(v, a)
        for v, a in zip(operands, sig.avals)
    ]
    outs = [Value(o, array) for o, array in zip(sig.outs, sig.fun(*arrays))]
    return outs[0] if sig.n_outs == 1 else outs[: sig.n_outs]


def _bound(trace):
    """Execute a trace that has grown too long.

    The cut is made before the last node that looks like the first, so that a loop which never looks
    at a value is cut
    at the same place of its body every time and repeats one trace rather than many.
    """
    with _lock:
        nodes = trace.nodes
        first = nodes[0][0]
        cut = len(nodes)
        for i in range(len(nodes) - 1, len(nodes) // 2, -1):
            if nodes[i][0] is first:
                cut = i
                break
        tail = _take_tail(trace, cut)
        flush(trace, "bound on pending work")
        for entry in tail:
            _record_again(trace, *entry)


def _take_tail(trace, cut):
    """Remove the nodes from `cut` on; returns them as (signature, operands, outputs, guards)."""
    kept = sum(len(node[0].outs) for node in trace.nodes[:cut])
    tail = []
    at = kept
    for sig, *slots in trace.nodes[cut:]:
        made = trace.values[at : at + len(sig.outs)]
        at += len(made)
        tail.append((sig, [_operand(trace, s) for s in slots], made))
    del trace.nodes[cut:], trace.values[kept:]
    trace.guards, rest = (
        [g for g in trace.guards if g[0].slot < kept],
        [g for g in trace.guards if g[0].slot >= kept],
    )
    return [(*entry, [g for g in rest if g[0] in entry[2]]) for entry in tail]


def _operand(trace, slot):
    if slot >= 0:
        return trace.values[slot]
    return trace.inputs[-1 - slot] if slot > SCALARS else trace.scalars[SCALARS - slot]


def _record_again(trace, sig, operands, made, guards=()):
    node = [sig]
    for v in operands:
        if v.__class__ is not Value:
            node.append(SCALARS - len(trace.scalars))
            trace.scalars.append(v)
        else:
            node.append(v.slot if v.epoch is trace.epoch else _add_input(trace, trace.epoch, v))
    trace.nodes.append(tuple(node))
    for v in made:
        v.epoch = trace.epoch
        v.slot = len(trace.values)
        trace.values.append(v)
    trace.guards.extend(guards)


def flush(trace, reason):
    """Execute everything pending on a trace."""
    with _lock:
        if not trace.nodes:
            return
        pending = (trace.nodes, trace.values, trace.inputs, trace.scalars, trace.guards)
        trace.reset()
        execute.run(trace.device, *pending, reason)


def force(v, reason="value"):
    """The array of a Value, computed now if it is pending. Raises the error of a failed guard."""
    array = v.array
    if array is None:
        if v.epoch is not None and v.epoch is v.epoch.owner.epoch:
            flush(v.epoch.owner, reason)
        array = v.array
        if array is None:
            raise RuntimeError(
                "this tensor was never computed, because an operation recorded before it failed"
            )
    execute.settle(array)
    if execute.unchecked:
        execute.check_guards()
    return array


def step_boundary(reason="step"):
    """A natural place to execute: the end of an optimizer step, the next batch of a loader."""
    for trace in state.traces.values():
        if trace.nodes:
            flush(trace, reason)


def synchronize():
    """Execute what is pending on this thread and wait until every result is there."""
    step_boundary("synchronize")
    execute.wait()
    if execute.unchecked:
        execute.check_guards()


# The current trace in direct mode: no signature is for its device, so recording takes the slow
# path.
_NOWHERE = Trace(None)


class direct_mode:
    """Inside, operations run at once on the arrays they are given, which may be JAX tracers."""

    def __enter__(self):
        state.direct += 1
        state.trace = _NOWHERE

    def __exit__(self, *exc):
        state.direct -= 1
        if not state.direct:
            state.trace = state.of(devices.cpu)


record = compiled_form(
    record,
    python_record=record,
    Value=Value,
    Trace=Trace,
    Signature=Signature,
    Aval=Aval,
    thread_state=state,
    settings=settings,
    first_scalar=SCALARS,
    record_elsewhere=_record_elsewhere,
    bound=_bound,
    add_outputs=_add_outputs,
    lock_acquire=_lock.acquire,
    lock_release=_lock.release,
)
record_many = compiled_form(record_many)
