"""The account of what was recorded, executed and compiled, by the user's lines that caused it.

The engine calls `flush`, `compile`, `trace_seen` and `spent`; each costs about a microsecond.
`report` turns the account into the table of `--explain`, `snapshot` into a dict.
"""

import atexit
import collections
import os
import sys
import sysconfig
import time

from .config import settings

try:
    import resource
except ImportError:  # not on Windows
    resource = None

_STEPS = ("step", "optimizer")  # reasons that mark the natural end of a training step
_PACKAGE = os.path.dirname(os.path.dirname(os.path.abspath(__file__))) + os.sep
# Folders of libraries that stand between jtorch and the user's line.
_BETWEEN = tuple(
    os.sep + name + os.sep for name in ("jax", "jaxlib", "numpy", "optax", "ml_dtypes")
)
_STDLIB = tuple(
    p + os.sep for p in {sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")} if p
)


class _Account:
    """Everything counted since the start or the last `reset`."""

    def __init__(self):
        self.started = time.perf_counter()
        self.flushes = 0
        self.reasons = collections.Counter()
        self.tiers = collections.Counter()
        # (reason, where) -> [flushes, nodes, flushes that met a new trace, cold flushes]
        self.lines = {}
        self.traces = 0
        self.largest = 0
        self.new_trace = False
        self.compiles = []  # (nodes, seconds, whole trace?, where)
        self.unsettled = []  # (begin, seconds) of compiles that a running bucket may contain
        self.seconds = collections.defaultdict(float)
        self.steps = 0
        self.in_step = collections.Counter()  # lines that forced a value since the last step
        self.splits = {}  # where -> [steps it split, flushes in them]


_account = _Account()


def reset():
    """Begin the account anew."""
    global _account
    _account = _Account()


def trace_seen(n_nodes):
    """A trace of a structure that was not seen before."""
    _account.traces += 1
    _account.largest = max(_account.largest, n_nodes)
    _account.new_trace = True


def flush(reason, where, n_nodes, tier):
    """A trace of `n_nodes` was executed in `tier` ("cold" or "hot") because of `reason` at the
    user's line `where`.
    """
    a = _account
    a.flushes += 1
    a.reasons[reason] += 1
    a.tiers[tier] += 1
    row = a.lines.get((reason, where))
    if row is None:
        row = a.lines[reason, where] = [0, 0, 0, 0]
    row[0] += 1
    row[1] += n_nodes
    row[2] += a.new_trace
    row[3] += tier == "cold"
    a.new_trace = False
    if reason in _STEPS:
        a.steps += 1
        if a.in_step:
            _end_step(a)
    elif where is not None:
        a.in_step[where] += 1


def _end_step(a):
    for where, count in a.in_step.items():
        row = a.splits.setdefault(where, [0, 0])
        row[0] += 1
        row[1] += count
    a.in_step.clear()


def compile(n_nodes, seconds, whole=None):
    """XLA compiled `n_nodes` nodes in `seconds`; `whole`: a whole trace rather than a single
    operation.
    """
    whole = n_nodes > 1 if whole is None else whole
    a = _account
    a.compiles.append((n_nodes, seconds, whole, user_location()))
    a.unsettled.append((time.perf_counter() - seconds, seconds))
    a.seconds["compile"] += seconds


def spent(bucket, seconds):
    """`seconds` that end now were spent on `bucket` ("cold", "hot"); compiles inside them are not
    counted twice.
    """
    a = _account
    if a.unsettled:
        begin = time.perf_counter() - seconds
        seconds -= sum(s for at, s in a.unsettled if at >= begin)
        a.unsettled.clear()
    a.seconds[bucket] += seconds


# ---- the user's line ----

_names = {}


def _shown_name(filename):
    """How a file is shown to the user; None for files that are not the user's."""
    if filename.startswith("<"):
        mine = not filename.startswith(("<jtorch", "<frozen", "<attrs", "<__array_function__"))
        return filename if mine else None
    path = os.path.abspath(filename)
    if path.startswith(_PACKAGE) or any(part in path for part in _BETWEEN):
        return None
    if path.startswith(_STDLIB) and "-packages" not in path:
        return None
    inside = os.path.relpath(path) if path.startswith(os.getcwd() + os.sep) else None
    return inside or os.path.basename(path)


def is_internal(filename):
    """True for the files of jtorch, of JAX and of the standard library, which tracebacks need not
    show.
    """
    name = _names.get(filename, "")
    if name == "":
        name = _names[filename] = _shown_name(filename)
    return name is None


def user_location():
    """The user's line that is running now, as "file.py:41"; None when no frame is the user's."""
    frame = sys._getframe(1)
    while frame is not None:
        filename = frame.f_code.co_filename
        name = _names.get(filename, "")
        if name == "" and not is_internal(filename):
            name = _names[filename]
        if name:
            return f"{name}:{frame.f_lineno}"
        frame = frame.f_back
    return None


# ---- what is made of it ----


def peak_memory():
    """The largest resident size of this process so far, in bytes; 0 where the system does not
    tell.
    """
    if resource is None:
        return 0
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak if sys.platform == "darwin" else peak * 1024


def snapshot():
    """The account as a dict.

    flushes: traces executed; cuts: the same by reason; lines: the same by (reason, line); traces:
    different structures; hits: flushes that met a known structure; compiles: all XLA compiles;
    executables: those of whole traces; nodes_compiled: their nodes, one number each; tiers:
    flushes by tier; seconds: by bucket; steps; peak_memory: bytes.
    """
    a = _account
    whole = [n for n, _, is_whole, _ in a.compiles if is_whole]
    return {
        "flushes": a.flushes,
        "cuts": dict(a.reasons),
        "lines": {key: row[0] for key, row in a.lines.items()},
        "traces": a.traces,
        "hits": a.flushes - a.traces,
        "compiles": len(a.compiles),
        "executables": len(whole),
        "nodes_compiled": whole,
        "tiers": dict(a.tiers),
        "seconds": dict(a.seconds),
        "steps": a.steps,
        "peak_memory": peak_memory(),
    }


def report():
    """The account as text: totals, time, flushes by line, compiles, and advice."""
    parts = [_totals(), _time_table()]
    if _account.lines:
        parts.append(_line_table())
    if _account.compiles:
        parts.append(_compile_table())
    parts.extend(advice())
    return "\n\n".join(parts)


def _totals():
    s = snapshot()
    single = s["compiles"] - s["executables"]
    return "\n".join(
        [
            "jtorch: what was recorded, executed and compiled",
            f"  traces executed      {s['flushes']:>8}   of {s['traces']} different structures, "
            f"the largest of {_account.largest} nodes",
            f"  cache hits           {s['hits']:>8}   traces of a structure seen before",
            f"  compiles             {s['compiles']:>8}   {s['executables']} of whole traces, "
            f"{single} of single operations",
            f"  hot / cold           {s['tiers'].get('hot', 0):>8} / {s['tiers'].get('cold', 0)}"
            "   as one executable / node by node",
            f"  peak memory          {s['peak_memory'] / 2**20:>8.0f} MiB",
        ]
    )


_MEANINGS = {
    "compile": "XLA compiling",
    "cold": "running traces node by node",
    "hot": "running compiled traces and waiting for their results",
}


def _time_table():
    total = time.perf_counter() - _account.started
    rows = [(name, _account.seconds.get(name, 0.0), text) for name, text in _MEANINGS.items()]
    rows.insert(0, ("recording", total - sum(r[1] for r in rows), "recording, and your own Python"))
    lines = [
        f"  {name:<10} {seconds:>9.2f} s {100 * seconds / total:>4.0f} %   {text}"
        for name, seconds, text in rows
    ]
    return "\n".join([f"time: {total:.2f} s", *lines])


SHOWN = 12


def _line_table():
    rows = sorted(_account.lines.items(), key=lambda item: (-item[1][0], str(item[0])))
    lines = [
        "flushes by the line that caused them",
        "   times  nodes each     cold   line and reason",
    ]
    for (reason, where), (times, nodes, _, cold) in rows[:SHOWN]:
        lines.append(
            f"  {times:>6}  {nodes / times:>10.0f}   {cold:>6}   {where or '(no line)'}  {reason}"
        )
    return "\n".join(lines + _more(len(rows)))


def _compile_table():
    rows = sorted(_account.compiles, key=lambda c: -c[1])
    lines = ["compiles, slowest first", "  seconds   nodes   at"]
    for n, seconds, _, where in rows[:SHOWN]:
        lines.append(f"  {seconds:>7.2f}  {n:>6}   {where or '(no line)'}")
    return "\n".join(lines + _more(len(rows)))


def _more(n):
    return [f"  ... and {n - SHOWN} more"] if n > SHOWN else []


def advice():
    """Sentences on what could be faster, from the account so far."""
    return [f"advice: {text}" for text in (*_split_advice(), *_shape_advice(), *_compile_advice())]


def _split_advice():
    a = _account
    for where, (steps, flushes) in sorted(a.splits.items(), key=lambda item: -item[1][1]):
        if steps < 3 or steps < a.steps / 4:
            continue
        per_step = flushes / steps
        pieces = "in two" if per_step < 1.5 else f"into {per_step + 1:.0f} pieces"
        yield (
            f"a value looked at (`.item()`, print, `if`) at {where} splits the step {pieces}, "
            f"{steps} times so far: what is "
            "recorded before it runs apart from what comes after. Look at values after "
            "`optimizer.step()`, where they cost "
            "nothing, or only every so many steps."
        )


def _shape_advice():
    for (_, where), (times, _, new, _) in sorted(_account.lines.items(), key=str):
        if times >= 20 and new > 0.8 * times:
            yield (
                f"{new} of the {times} traces that end at {where or '(no line)'} were never seen "
                "before, so they ran node by "
                "node. If shapes change at every iteration, padding them to a few sizes lets the "
                "traces repeat and be compiled."
            )


def _compile_advice():
    a = _account
    total = time.perf_counter() - a.started
    seconds = a.seconds.get("compile", 0.0)
    if seconds > 5 and seconds > total / 3:
        kept = f"it is kept in {settings.cache_dir}, where the next run finds it."
        if not settings.cache_dir:
            kept = "set JTORCH_CACHE_DIR to a folder, and the next run will find it there."
        yield f"{seconds:.0f} s of {total:.0f} s went into compiling; {kept}"


def _print_report():
    print("\n" + report(), file=sys.stderr)


def report_at_exit():
    """Print the report to standard error when the process ends; asking twice prints it once."""
    atexit.unregister(_print_report)
    atexit.register(_print_report)


if settings.log == "trace":
    report_at_exit()
