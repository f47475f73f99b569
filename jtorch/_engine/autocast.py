"""Autocast: the state of a thread, and how operands are cast before an operation is recorded.

Nothing of this is called while autocast is off: `call.autocast` is None until a thread turns it on.
"""

import threading

from . import call, tape, trace
from .dtypes import bfloat16, float16, float32, float64
from .tensor import Tensor

# What an operation wants of its floating-point operands: the autocast dtype, float32, or the widest
# of theirs. RESULT: computed in float32, and the result cast. A function of operands and attributes
# says which of these it is.
LOWER, FULL, WIDEST, RESULT = "lower", "full", "widest", "result"

_DEFAULTS = {
    "cpu": bfloat16,
    "cuda": float16,
    "hpu": bfloat16,
    "ipu": float16,
    "maia": bfloat16,
    "mps": float16,
    "mtia": float16,
    "privateuseone": float16,
    "tpu": bfloat16,
    "xla": bfloat16,
    "xpu": float16,
}


class _State(threading.local):
    """What is particular to a thread. active: the device types for which autocast is on."""

    def __init__(self):
        self.dtypes = dict(_DEFAULTS)
        self.active = {}
        self.cache_enabled = True
        self.nesting = 0
        self.cache = {}


state = _State()
_lock = threading.Lock()
_threads = [0]


def available(kind):
    """True for a device type that autocast knows."""
    return kind in _DEFAULTS


def lower_dtype(kind):
    """The dtype for a device type. Raises RuntimeError for types without autocast."""
    found = state.dtypes.get(kind)
    if found is None:
        raise RuntimeError("unsupported scalarType")
    return found


def enable(kind, on):
    """Turn autocast on or off, for a device type, on this thread."""
    was = bool(state.active)
    if on:
        state.active[kind] = True
    else:
        state.active.pop(kind, None)
    now = bool(state.active)
    if was is not now:
        with _lock:
            _threads[0] += 1 if now else -1
            call.autocast = cast_operands if _threads[0] else None


def leave():
    """Leave one level of nesting; leaving the outermost one forgets the cast weights. Returns the
    level.
    """
    state.nesting -= 1
    if state.nesting == 0:
        state.cache.clear()
    return state.nesting


def cast_operands(op, args, attrs):
    """The operands of `op` in the dtypes that it shall have."""
    rule = op.autocast
    active = state.active
    if callable(rule):
        rule = rule(args, attrs)
    if rule is None or not active:
        return args
    if rule is WIDEST:
        widest = _widest(args, active)
        return tuple([_cast(a, widest, active) for a in args]) if widest else args
    target = float32 if rule is FULL else None
    return tuple([_cast(a, target, active) for a in args])


def enter(rule, fn, args, kwargs):
    """Call a function made of operations with cast arguments, and without autocast inside."""
    active = state.active
    target = None if rule is LOWER else float32
    args = [_cast_deep(a, target, active) for a in args]
    kwargs = {k: _cast_deep(v, target, active) for k, v in kwargs.items()}
    result = suspended(fn, *args, **kwargs)
    return _cast(result, None, active) if rule is RESULT else result


def suspended(fn, *args, **kwargs):
    """`fn(*args, **kwargs)` without autocast on this thread."""
    before, state.active = state.active, {}
    try:
        return fn(*args, **kwargs)
    finally:
        state.active = before


cast_operands.suspended = suspended


def _eligible(a, active):
    if not isinstance(a, Tensor):
        return False
    aval = a._aval
    return aval.dtype.is_floating_point and aval.dtype is not float64 and aval.device.type in active


def _cast(a, target, active):
    if not _eligible(a, active):
        return a
    aval = a._aval
    if target is not None:
        return call.cast(a, target)
    lower = state.dtypes[aval.device.type]
    if aval.dtype is lower:
        return a
    if _is_weight(a):
        return _cached(a, lower)
    return call.cast(a, lower)


def _cast_deep(a, target, active):
    if isinstance(a, (list, tuple)) and type(a) in (list, tuple):
        return type(a)(_cast_deep(x, target, active) for x in a)
    return _cast(a, target, active)


def _widest(args, active):
    """float32 if one operand has it, else their own; None when nothing is to be done."""
    found = {a._aval.dtype for a in args if _eligible(a, active)}
    if len(found) < 2:
        return None
    if float32 not in found:
        raise RuntimeError("Unexpected floating ScalarType in at::autocast::prioritize")
    return float32


def _is_weight(a):
    return (
        a._rg
        and a._edge is None
        and a._aval.dtype is float32
        and state.cache_enabled
        and (a._view is None or a._view.base is None)
        and not trace.state.direct
    )


def _cached(a, lower):
    """A weight is cast once: its uses share the node on the tape, and so the sum of gradients."""
    key = (id(a), lower, tape.mode.enabled)
    found = state.cache.get(key)
    if found is None:
        # the weight itself is held too, so that its id stays its own
        found = state.cache[key] = (a, call.cast(a, lower))
    return found[1]
