"""Execution of traces: node by node while they are new (cold), as one XLA executable once they
repeat (hot).

A trace is identified by its structure: the tuple of its nodes. What its values are used for
afterwards (which ones are
still referred to, which input buffers nobody holds any more) selects one of the structure's
executables.
"""

import collections
import operator
import sys
import time

import jax
import numpy as np
from jax._src.array import ArrayImpl

from . import compile as compiler
from . import device as devices
from . import stats
from .config import settings
from .signature import aval, raise_if_bad
from .value import SCALARS, Value

_rc = sys.getrefcount
_array = operator.attrgetter("array")


def _baselines():
    """What `map(getrefcount, ...)` says of a Value that only its list holds, and of an array that
    only its Value and a list hold.
    """
    values = [Value(None, object())]
    arrays = list(map(_array, values))
    return next(map(_rc, values)), next(map(_rc, arrays))


_VALUE_ALONE, _ARRAY_ALONE = _baselines()
# Tables for `bytes.translate`, from reference counts to 1 or 0.
_HELD = bytes(n > _VALUE_ALONE for n in range(256))
_UNHELD = bytes(n == _VALUE_ALONE for n in range(256))
_FREE = bytes(n == _ARRAY_ALONE for n in range(256))


def _counts(objects):
    """A byte for each object: how many references there are to it, at most 255."""
    try:
        return bytes(map(_rc, objects))
    except ValueError:
        return bytes([min(n, 255) for n in map(_rc, objects)])


def _bits(flags):
    return int.from_bytes(flags, "little")


class Program:
    """A trace structure: how often it was seen, how it runs cold, and its executables."""

    __slots__ = (
        "nodes",
        "seen",
        "drops",
        "cold_cost",
        "compile_cost",
        "executables",
        "offsets",
        "variants",
        "kinds",
        "last",
    )

    def __init__(self, nodes):
        self.nodes = nodes
        self.seen = 0
        self.executables = []
        # The executable that ran last.
        self.last = None
        self.variants = collections.Counter()
        self.offsets, self.kinds, self.drops = _layout(nodes)
        self.cold_cost, self.compile_cost = compiler.estimate(nodes)


def _layout(nodes):
    """(number of values before each node, class of each Python number, slots to forget after each
    node).
    """
    offsets, kinds, last = [], [], {}
    made = 0
    for i, (sig, *slots) in enumerate(nodes):
        offsets.append(made)
        for s, a in zip(slots, sig.avals):
            if s <= SCALARS:
                kinds.append(a.kind)
            elif s >= 0:
                last[s] = i
        made += len(sig.outs)
    drops = [[] for _ in nodes]
    for s, i in last.items():
        drops[i].append(s)
    return offsets, kinds, drops


MAX_PROGRAMS = 4096
programs = {}

# Results of guards that nobody has looked at yet: (arrays, [(exception, message, where)]).
unchecked = []
# The last results, so that the host does not run arbitrarily far ahead of the device.
_in_flight = collections.deque()
MAX_IN_FLIGHT = 2


def run(device, nodes, values, inputs, scalars, guards, reason):
    """Execute a trace; results go into those of `values` that are referred to elsewhere."""
    key = tuple(nodes)
    program = programs.get(key)
    if program is None:
        program = programs[key] = Program(key)
        stats.trace_seen(len(key))
        if len(programs) > MAX_PROGRAMS:
            _forget_one()
    program.seen += 1
    nodes.clear()
    executable = None
    if settings.tier != "cold":
        arrays = list(map(_array, inputs))
        need = _bits(_counts(values).translate(_HELD))
        free = _bits(_counts(inputs).translate(_UNHELD))
        free &= _bits(_counts(arrays).translate(_FREE))
        executable = program.last
        if executable is None or executable.live != need or executable.free != free:
            executable = program.last = _choose(program, need, free, len(values), len(inputs))
    if executable is None:
        _run_cold(program, device, values, inputs, scalars)
    else:
        _run_hot(executable, device, values, inputs, arrays, scalars)
    # After the dispatch, which need not wait for it.
    where = stats.user_location()
    stats.flush(reason, where, len(key), "cold" if executable is None else "hot")
    if guards:
        unchecked.append(([v.array for v, *_ in guards], [rest for _, *rest in guards]))


def _forget_one():
    """Drop the oldest structure that was never compiled: endless new ones must not push out what
    repeats.
    """
    oldest = next((k for k, p in programs.items() if not p.executables), next(iter(programs)))
    del programs[oldest]


def _choose(program, need, free, n_values, n_inputs):
    """The executable for these uses, compiling one if the time has come; None for the cold tier.

    need, free: bit sets, a byte each, of the values wanted and of the inputs nobody else holds.
    """
    best = None
    for e in program.executables:
        if (
            not need & ~e.live
            and not e.donated & ~free
            and (best is None or e.surplus < best.surplus)
        ):
            best = e
    if best is not None and best.live == need and best.free == free:
        return best
    variant = (need, free)
    program.variants[variant] += 1
    if not _worth_compiling(program, program.variants[variant], best is not None):
        return best
    live, dead = need.to_bytes(n_values, "little"), free.to_bytes(n_inputs, "little")
    executable = compiler.compile_program(program, live, dead)
    program.executables.append(executable)
    return executable


def _worth_compiling(program, seen, have_other):
    """Ski rental, on counts and static estimates only: the same program takes the same decisions in
    every run.
    """
    if have_other:
        return seen == REPEATS_FOR_VARIANT
    if settings.tier == "hot":
        return True
    return (
        seen >= MIN_REPEATS and seen * program.cold_cost >= COMPILE_EAGERNESS * program.compile_cost
    )


MIN_REPEATS = 3
REPEATS_FOR_VARIANT = 8
# What repeats a few times mostly repeats for long, so compile well before the cold runs have cost a
# whole compile.
COMPILE_EAGERNESS = 0.1


def _run_cold(program, device, values, inputs, scalars):
    started = time.perf_counter()
    env = [None] * len(values)
    for (sig, *slots), at, drop in zip(program.nodes, program.offsets, program.drops):
        operands = [
            env[s]
            if s >= 0
            else inputs[-1 - s].array
            if s > SCALARS
            else _scalar_array(scalars[SCALARS - s], a)
            for s, a in zip(slots, sig.avals)
        ]
        runner = sig.runner
        if runner.__class__ is compiler.Executor:
            operands = [_on_device(a, device) for a in operands]
        else:
            operands = [a if a.__class__ is np.ndarray else np.asarray(a) for a in operands]
        outs = runner(operands)
        for i, array in enumerate(outs, at):
            env[i] = array
            values[i].array = array
        for s in drop:
            env[s] = None
            # held by the list and by the call alone
            if _rc(values[s]) == 2:
                values[s].array = None
    stats.spent("cold", time.perf_counter() - started)


def _scalar_array(number, a):
    return np.asarray(number, a.dtype.np)


def _run_hot(executable, device, values, inputs, arrays, scalars):
    started = time.perf_counter()
    if np.ndarray in map(type, arrays):
        for i, a in enumerate(arrays):
            if a.__class__ is np.ndarray:
                arrays[i] = _on_device(a, device, inputs[i])
    outs = executable(arrays, scalars)
    for i, array in zip(executable.outputs, outs):
        values[i].array = array
    _in_flight.append(outs[-1])
    if len(_in_flight) > MAX_IN_FLIGHT:
        _in_flight.popleft().block_until_ready()
    stats.spent("hot", time.perf_counter() - started)


SMALL = 1 << 12


def _on_device(array, device, value=None):
    """`array` as something the executables of `device` take; a large NumPy array is moved once and
    for all.
    """
    if array.__class__ is not np.ndarray:
        return array
    if device is devices.cpu and array.nbytes <= SMALL and devices.cpu_is_default():
        return array
    moved = jax.device_put(array, devices.jax_device(device))
    if value is not None:
        value.array = moved
    return moved


def transfer(v, array, device):
    """A Value with the contents of `v` on another device."""
    return Value(
        aval(v.aval.shape, v.aval.dtype, device), jax.device_put(array, devices.jax_device(device))
    )


def as_jax(v):
    """The array of a Value for JAX code: a JAX array or a tracer."""
    array = v.array
    return _on_device(array, v.aval.device) if array.__class__ is np.ndarray else array


def number(value, a):
    """A Python number as the array its aval says."""
    return np.asarray(value, a.dtype.np)


def check_guards():
    """Raise the first error among the guards of what has been executed."""
    pending, unchecked[:] = list(unchecked), []
    for arrays, errors in pending:
        for result, (exc, message, where) in zip(arrays, errors):
            raise_if_bad(result, exc, message, where)


def settle(array):
    """Wait until an array is computed, so that the time counts as execution."""
    if array.__class__ is ArrayImpl:
        started = time.perf_counter()
        array.block_until_ready()
        stats.spent("hot", time.perf_counter() - started)


def wait():
    """Wait until everything sent to the devices is done."""
    while _in_flight:
        _in_flight.popleft().block_until_ready()
