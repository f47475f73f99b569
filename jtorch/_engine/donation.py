"""Which dead inputs of a trace give their buffers to which results."""

from jax.extend.core import Literal

from .value import SCALARS


def pair_buffers(program, live, dead, in_avals, in_sequence):
    """Which wanted value takes over which dead input's buffer: {input: value}.

    Pairs are an input and a result of one node, such as a parameter and what the optimizer makes of
    it: that result can be written where the input was.

    in_sequence: whether the device computes one thing after the other. Where it does not (the CPU),
    XLA copies an input that something might still have to read while it is overwritten, such as a
    weight that other gradients need; so that stays as it is, which takes no more memory than the
    copy.
    """
    order = None if in_sequence else _Order(program)
    pairs = {}
    for (sig, *slots), at in zip(program.nodes, program.offsets):
        free = [-1 - s for s in slots if SCALARS < s < 0 and dead[-1 - s] and -1 - s not in pairs]
        for value, out in enumerate(sig.outs, at):
            if not live[value]:
                continue
            for i in free:
                if in_avals[i] is out and (order is None or order.read_before(i, value)):
                    pairs[i] = value
                    free.remove(i)
                    break
    return pairs


class _Order:
    """Which equations that read inputs of a trace come before which values, whatever the schedule.

    Sets of such equations are bit sets.
    """

    def __init__(self, program):
        # For each slot, those it depends on, the one that makes it included.
        self._behind = {}
        # For each input, the equations that read it.
        self._readers = {}
        self._count = 0
        for (sig, *slots), at in zip(program.nodes, program.offsets):
            self._add(sig.jaxpr.jaxpr, slots, at)

    def read_before(self, i, value):
        """True when everything that reads the input `i` is needed for `value`."""
        return not self._readers.get(-1 - i, 0) & ~self._behind.get(value, 0)

    def _add(self, jaxpr, slots, at):
        names = dict(zip(jaxpr.invars, slots))
        behind = {v: self._behind.get(s, 0) for v, s in names.items()}
        for eqn in jaxpr.eqns:
            operands = [v for v in eqn.invars if v.__class__ is not Literal]
            inputs = [names[v] for v in operands if SCALARS < names.get(v, 0) < 0]
            before = 0
            for v in operands:
                before |= behind.get(v, 0)
            if inputs:
                own = 1 << self._count
                self._count += 1
                before |= own
                for slot in inputs:
                    self._readers[slot] = self._readers.get(slot, 0) | own
            behind.update(dict.fromkeys(eqn.outvars, before))
        for value, v in enumerate(jaxpr.outvars, at):
            if v.__class__ is not Literal:
                self._behind[value] = behind.get(v, 0)
