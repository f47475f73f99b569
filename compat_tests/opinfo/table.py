"""docs/compatibility.md: what of torch's operator database jtorch does as torch does."""

import pathlib

import torch

from . import checks, gaps

FILE = pathlib.Path(__file__).resolve().parents[2] / "docs" / "compatibility.md"

HEAD = """# Compatibility with PyTorch

Written by `scripts/compatibility.py`; do not edit. Every entry of PyTorch {version}'s own operator
database (`torch.testing._internal.common_methods_invocations.op_db`) is run in PyTorch and in
jtorch on the database's own samples, and values, dtypes, shapes, `requires_grad` and the classes of
exceptions are compared. A check is one entry with one dtype in one column; it passes when every
sample does{limit}.

* *layout*: results are contiguous, and share memory with the input, where PyTorch's are and do.
* *errors*: the database's wrong inputs raise the same class of exception.

"""


def totals(results):
    """{variant: (passed, run)} over all checks."""
    found = {v: [0, 0] for v in checks.VARIANTS}
    for outcomes in results.values():
        for (variant, _), outcome in outcomes.items():
            found[variant][0] += outcome.missed == 0
            found[variant][1] += 1
    return {v: tuple(pair) for v, pair in found.items()}


def _summary(results):
    yield "| | checks | passed | |"
    yield "|---|---|---|---|"
    for variant, (passed, run) in totals(results).items():
        if run:
            yield f"| {variant} | {run} | {passed} | {100 * passed / run:.1f} % |"
    yield ""


def _cell(outcomes, variant):
    mine = [o for (v, _), o in outcomes.items() if v == variant]
    passed = sum(o.missed == 0 for o in mine)
    if not mine:
        return ""
    return "yes" if passed == len(mine) else f"{passed}/{len(mine)}"


def _grid(results):
    yield "## Entries"
    yield ""
    yield "A fraction counts the dtypes that pass."
    yield ""
    yield f"| entry | {' | '.join(checks.VARIANTS)} |"
    yield "|---" * (1 + len(checks.VARIANTS)) + "|"
    for name, outcomes in sorted(results.items()):
        cells = [_cell(outcomes, v) for v in checks.VARIANTS]
        yield f"| {name} | {' | '.join(cells)} |"
    yield ""


def grouped(outcomes):
    """[(variant, dtypes, first reason)] of an entry's misses."""
    found = {}
    for (variant, dtype), outcome in outcomes.items():
        if outcome.missed:
            found.setdefault(variant, []).append((dtype, outcome.reason))
    return [(v, [d for d, _ in pairs], pairs[0][1]) for v, pairs in found.items()]


def _escaped(text):
    return text.replace("|", "\\|").replace("<", "&lt;")


def _misses(results):
    yield "## Misses"
    yield ""
    for name, outcomes in sorted(results.items()):
        known = "; ".join(dict.fromkeys(g.reason for g in gaps.of(name)))
        for variant, dtypes, reason in grouped(outcomes):
            shown = f" ({', '.join(dtypes)})" if any(dtypes) else ""
            yield f"* **{name}**, {variant}{shown}: {_escaped(reason)}"
        if known and grouped(outcomes):
            yield f"  Known: {_escaped(known)}"


def render(results, version, first=None):
    """The page as text."""
    limit = f" (here: of the first {first} samples)" if first else ""
    lines = [HEAD.format(version=version, limit=limit), *_summary(results)]
    return "\n".join([*lines, *_grid(results), *_misses(results)]) + "\n"


def write(results, first=None):
    """Write the page."""
    FILE.write_text(render(results, torch.__version__.partition("+")[0], first))
