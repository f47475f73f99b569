#!/usr/bin/env python3
"""Run torch's operator database in both libraries and write docs/compatibility.md.

    scripts/compatibility.py [--first N] [--dtypes quick|all] [--dry] [entry ...]

A star at the end of an entry stands for the rest of its name. With entries, or with --dry, nothing
is written: the misses that known_gaps.txt does not explain are printed, and the percentages.
"""

import argparse
import os
import pathlib
import sys
import time
import warnings

os.environ.setdefault("JTORCH_TIER", "cold")
os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
sys.path.insert(0, str(pathlib.Path(__file__).resolve().parent.parent))
warnings.simplefilter("ignore")

from compat_tests.opinfo import checks, entries, gaps, table  # noqa: E402 (the path comes first)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("entries", nargs="*")
    parser.add_argument("--first", type=int, help="only so many samples of each entry")
    parser.add_argument("--dtypes", choices=("quick", "all"), default="all")
    parser.add_argument("--dry", action="store_true", help="do not write the page")
    return parser.parse_args()


def chosen(patterns):
    """The entries that match any of the patterns; all of them without patterns."""
    if not patterns:
        return list(entries.ENTRIES)
    return [n for n in entries.ENTRIES if any(_matches(n, p) for p in patterns)]


def _matches(name, pattern):
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def report(name, outcomes):
    """Print what no line of known_gaps.txt explains."""
    for (variant, dtype), outcome in outcomes.items():
        if outcome.missed and not any(g.covers(variant, dtype) for g in gaps.of(name)):
            count = f"{outcome.missed}/{outcome.tried}"
            print(f"{name}:{variant}:{dtype}  [{count}] {outcome.reason}", flush=True)


def main():
    options = arguments()
    results = {}
    slowest = []
    dtypes = entries.quick_dtypes if options.dtypes == "quick" else entries.dtypes_of
    for name in chosen(options.entries):
        start = time.perf_counter()
        kinds = dtypes(entries.ENTRIES[name])
        results[name] = checks.run(name, kinds, checks.VARIANTS, options.first)
        slowest.append((time.perf_counter() - start, name))
        report(name, results[name])
    for variant, (passed, run) in table.totals(results).items():
        if run:
            print(f"{variant:10} {passed:6} of {run:6}  {100 * passed / run:.1f} %")
    slowest = ", ".join(f"{n} {s:.1f}" for s, n in sorted(slowest, reverse=True)[:15])
    print(f"slowest (s): {slowest}")
    if not (options.entries or options.dry):
        table.write(results, options.first)


if __name__ == "__main__":
    main()
