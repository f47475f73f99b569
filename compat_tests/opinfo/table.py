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
sample does.

* *layout*: results are contiguous, and share memory with the input, where PyTorch's are and do.
* Of several equal elements PyTorch leaves open which one a sort, `topk`, `kthvalue` or `mode`
  names: the elements named are compared, not their positions.
* *errors*: the database's wrong inputs raise the same class of exception.

"""

TIERS = {
    "cold": "Cold tier: every operation by itself, every sample",
    "hot": "Hot tier: every trace compiled whole, one typical sample of each dtype",
}


def totals(outcomes):
    """{variant: (passed, run)} over all checks; `outcomes` are those of many entries."""
    found = {v: [0, 0] for v in checks.VARIANTS}
    for of_entry in outcomes:
        for (variant, _), outcome in of_entry.items():
            found[variant][0] += outcome.missed == 0
            found[variant][1] += 1
    return {v: tuple(pair) for v, pair in found.items()}


def _duration(results):
    minutes = sum(r.seconds for r in results.values()) / 60
    return f"{len(results)} entries in {minutes:.0f} minutes of one process."


def _summary(tier, results):
    yield f"## {TIERS[tier]}"
    yield ""
    yield _duration(results)
    yield ""
    yield "| | checks | passed | |"
    yield "|---|---|---|---|"
    for variant, (passed, run) in totals(r.outcomes for r in results.values()).items():
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
    yield "In the cold tier. A fraction counts the dtypes that pass."
    yield ""
    yield f"| entry | {' | '.join(checks.VARIANTS)} |"
    yield "|---" * (1 + len(checks.VARIANTS)) + "|"
    for name, result in sorted(results.items()):
        cells = [_cell(result.outcomes, v) for v in checks.VARIANTS]
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


def _misses(tier, results):
    yield f"## Misses, {tier} tier"
    yield ""
    for name, result in sorted(results.items()):
        known = "; ".join(dict.fromkeys(g.reason for g in gaps.of(name)))
        missed = grouped(result.outcomes)
        for variant, dtypes, reason in missed:
            shown = f" ({', '.join(dtypes)})" if any(dtypes) else ""
            yield f"* **{name}**, {variant}{shown}: {_escaped(reason)}"
        if known and missed:
            yield f"  Known: {_escaped(known)}"
    yield ""


def render(results, version):
    """The page as text; `results` are {tier: {entry: Result}}."""
    lines = [HEAD.format(version=version)]
    for tier, found in results.items():
        lines += _summary(tier, found)
    lines += _grid(results["cold"])
    for tier, found in results.items():
        lines += _misses(tier, found)
    return "\n".join(lines).rstrip() + "\n"


def write(results):
    """Write the page."""
    FILE.write_text(render(results, torch.__version__.partition("+")[0]))
