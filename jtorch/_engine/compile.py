"""The hot tier: a whole trace as one XLA executable."""

import time

import jax
import numpy as np
from jax._src.core import jaxprs_in_params
from jax.extend.core import jaxpr_as_fun

from . import stats
from .device import cpu, cpu_is_default, jax_device
from .donation import pair_buffers
from .value import SCALARS

# Rough costs in microseconds, for the decision when to compile. Only their proportions matter.
COLD_PER_EQUATION = 8.0
COLD_PER_NODE = 5.0
COLD_FLOPS_PER_US = 2e4
COLD_BYTES_PER_US = 2e3
COMPILE_BASE = 50_000.0
COMPILE_PER_EQUATION = 1_500.0


def estimate(nodes):
    """(microseconds of one cold run, microseconds of compiling), from static counts."""
    cold = 0.0
    equations = 0
    for sig, *_ in nodes:
        flops, moved = sig.cost
        n = len(sig.jaxpr.jaxpr.eqns)
        equations += n
        cold += (
            COLD_PER_NODE
            + COLD_PER_EQUATION * n
            + flops / COLD_FLOPS_PER_US
            + moved / COLD_BYTES_PER_US
        )
    return cold, COMPILE_BASE + COMPILE_PER_EQUATION * equations


class Executor:
    """One signature as an XLA executable of its own, compiled at the first call."""

    __slots__ = ("_call", "_sig")

    def __init__(self, sig):
        self._sig = sig
        self._call = None

    def __call__(self, arrays):
        if self._call is None:
            started = time.perf_counter()
            lowered = jax.jit(self._sig.fun).lower(*arrays)
            self._call = lowered.compile()
            stats.compile(1, time.perf_counter() - started)
        return self._call(*arrays)


class Executable:
    """A compiled trace.

    live, free: bit sets of the values that were wanted and of the inputs nobody else held when it
    was compiled.
    donated: the inputs, among the free ones, whose buffers it takes over.
    outputs: the value numbers of its results, in order. One more result follows them, to wait on.
    """

    __slots__ = ("live", "free", "donated", "outputs", "surplus", "_call", "_groups")

    def __init__(self, live, free, donated, outputs, call, groups):
        self.live = live
        self.free = free
        self.donated = donated
        self.outputs = outputs
        self.surplus = live.bit_count()
        self._call = call
        self._groups = groups

    def __call__(self, arrays, scalars):
        packs = [np.array([scalars[i] for i in where], kind) for kind, where in self._groups]
        return self._call(*arrays, *packs)


_PACKS = ((float, np.float64), (int, np.int64), (bool, np.bool_), (complex, np.complex128))


def _scalar_groups(kinds):
    """Python numbers travel packed, one vector for each class: [(NumPy type, positions)]."""
    groups = [(np_type, [i for i, k in enumerate(kinds) if k is kind]) for kind, np_type in _PACKS]
    return [(np_type, where) for np_type, where in groups if where]


def compile_program(program, live, dead):
    """Compile a trace for the given uses. `live`, `dead`: a byte for each value, each input."""
    started = time.perf_counter()
    n_inputs = len(dead)
    groups = _scalar_groups(program.kinds)
    in_avals = _input_avals(program, n_inputs)
    device = program.nodes[0][0].device
    pairs = pair_buffers(program, live, dead, in_avals, in_sequence=device is not cpu)
    donate = tuple(sorted(pairs))
    # XLA gives the donated buffers of a shape to the results of that shape in order.
    first = [pairs[i] for i in donate]
    paired = set(first)
    outputs = first + [i for i, used in enumerate(live) if used and i not in paired]
    fn = _builder(program, outputs, n_inputs, groups)
    structs = [a.struct for a in in_avals] + [
        jax.ShapeDtypeStruct((len(where),), np_type) for np_type, where in groups
    ]
    call = _compile(fn, structs, donate, device)
    live, free = int.from_bytes(live, "little"), int.from_bytes(dead, "little")
    executable = Executable(live, free, sum(1 << 8 * i for i in donate), outputs, call, groups)
    stats.compile(len(program.nodes), time.perf_counter() - started)
    return executable


def _compile(fn, structs, donate, device):
    if device is cpu and cpu_is_default():
        return jax.jit(fn, donate_argnums=donate, keep_unused=True).lower(*structs).compile()
    sharding = jax.sharding.SingleDeviceSharding(jax_device(device))
    return (
        jax.jit(
            fn,
            donate_argnums=donate,
            keep_unused=True,
            in_shardings=sharding,
            out_shardings=sharding,
        )
        .lower(*structs)
        .compile()
    )


def _input_avals(program, n_inputs):
    avals = [None] * n_inputs
    for sig, *slots in program.nodes:
        for s, a in zip(slots, sig.avals):
            if SCALARS < s < 0:
                avals[-1 - s] = a
    return avals


def _builder(program, outputs, n_inputs, groups):
    """The trace as a function of (inputs..., packs of numbers...)."""
    nodes, offsets = program.nodes, program.offsets
    shared = _shared_pullbacks(nodes, offsets)

    def fn(*args):
        numbers = _unpack(args[n_inputs:], groups)
        env = {}
        pulls = {}

        def look(s):
            if s >= 0:
                return env[s]
            return args[-1 - s] if s > SCALARS else numbers[SCALARS - s]

        for i, ((sig, *slots), at) in enumerate(zip(nodes, offsets)):
            operands = [look(s) for s in slots]
            outs = _evaluate(i, sig, operands, shared, pulls)
            env.update(enumerate(outs, at))
        return [*[env[i] for i in outputs], np.int32(0)]

    return fn


def _unpack(packs, groups):
    numbers = {}
    for pack, (_, where) in zip(packs, groups):
        for k, position in enumerate(where):
            numbers[position] = jax.lax.squeeze(jax.lax.slice_in_dim(pack, k, k + 1), (0,))
    return numbers


def _evaluate(i, sig, operands, shared, pulls):
    forward = shared.get(i)
    if forward is None:
        return jaxpr_as_fun(sig.jaxpr)(*operands)
    if sig.primal is None or forward.__class__ is not int:
        outs, pulls[i] = forward.linearize(operands)
        return outs
    pullback, given, positions = sig.primal
    return pullback.pull(pulls[forward], operands[len(positions) :], given)


def _shared_pullbacks(nodes, offsets):
    """Which forward and pullback nodes share their residuals.

    XLA merges what forward and backward compute twice, except loops; so an operation with a loop is
    linearized once.
    Returns {forward node: Pullback, pullback node: forward node}.
    """
    shared = {}
    for i, (sig, *slots) in enumerate(nodes):
        if sig.primal is not None:
            pullback, _, positions = sig.primal
            j = _matching_forward(nodes, i, pullback.sig, slots, positions)
            if j is not None and shared.get(j, pullback) is pullback:
                shared[i], shared[j] = j, pullback
    return shared


def _matching_forward(nodes, i, sig, slots, positions):
    if not _has_loop(sig.jaxpr.jaxpr):
        return None
    wanted = tuple(slots[: len(positions)])
    for j in range(i):
        if nodes[j][0] is sig and tuple(nodes[j][1 + p] for p in positions) == wanted:
            return j
    return None


def _has_loop(jaxpr):
    for eqn in jaxpr.eqns:
        if eqn.primitive.name in ("scan", "while"):
            return True
        for sub in jaxprs_in_params(eqn.params):
            if _has_loop(sub):
                return True
    return False
