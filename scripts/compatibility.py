#!/usr/bin/env python3
"""Run torch's operator database in both libraries and write docs/compatibility.md.

    scripts/compatibility.py [options] [entry ...]

A star at the end of an entry stands for the rest of its name. With entries the misses that
known_gaps.txt does not explain are printed, and the percentages. Without, all entries are run in
both tiers and the page is written; results are kept in build/compatibility, entry by entry, so
that an interrupted run goes on where it stopped (remove the folder to start anew). With --results,
runs over parts of the database and over tiers add up in that folder, and --page writes the page of
what is there.
"""

import argparse
import os
import pathlib
import sys
import time
import warnings

os.environ.setdefault("JAX_NUMPY_DTYPE_PROMOTION", "strict")
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))
warnings.simplefilter("ignore")

from compat_tests.opinfo import entries, gaps, runs, table  # noqa: E402 (the path comes first)


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    add = parser.add_argument
    add("entries", nargs="*")
    add("--tier", choices=tuple(runs.PLANS), help="one tier only")
    add("--first", type=int, help="only so many samples of each entry (cold tier)")
    add("--quick", action="store_true", help="float32 and one other dtype only")
    add("--jobs", type=int, help="so many processes; without, everything runs in this one")
    add("--results", type=pathlib.Path, help="the folder in which results are kept")
    add("--page", action="store_true", help="run nothing, write the page of what is kept")
    return parser.parse_args()


def chosen(patterns):
    """The entries that match the patterns, in their order; all of them without patterns."""
    found = [n for p in patterns or ("*",) for n in entries.ENTRIES if _matches(n, p)]
    return list(dict.fromkeys(found))


def _matches(name, pattern):
    return name.startswith(pattern[:-1]) if pattern.endswith("*") else name == pattern


def report(name, outcomes):
    """Print what no line of known_gaps.txt explains."""
    for (variant, dtype), outcome in outcomes.items():
        if outcome.missed and not any(g.covers(variant, dtype) for g in gaps.of(name)):
            count = f"{outcome.missed}/{outcome.tried}"
            print(f"{name}:{variant}:{dtype}  [{count}] {outcome.reason}", flush=True)


def run(tier, names, options, store):
    """{entry: Result} of the entries that the store does not have."""
    left = [n for n in names if not (store and store.has(tier, n))]
    results = {}
    settings = {"tier": tier, "first": options.first, "quick": options.quick}
    for name, result in runs.run_entries(left, options.jobs, **settings):
        results[name] = result
        if store:
            store.save(tier, name, result)
        report(name, result.outcomes)
    return results


def summarize(tier, results, wall):
    """Print the percentages, and where the time went."""
    for variant, (passed, count) in table.totals(r.outcomes for r in results.values()).items():
        if count:
            print(f"{tier} {variant:10} {passed:6} of {count:6}  {100 * passed / count:.1f} %")
    slowest = sorted(results, key=lambda n: -results[n].seconds)[:15]
    print(f"{len(results)} entries in {wall:.0f} s; slowest (s):", end=" ")
    print(", ".join(f"{n} {results[n].seconds:.1f}" for n in slowest), flush=True)


def main():
    options = arguments()
    folder = options.results
    if folder is None and not options.entries:
        folder = ROOT / "build" / "compatibility"
    store = runs.Store(folder) if folder else None
    if not options.page:
        for tier in (options.tier,) if options.tier else runs.PLANS:
            start = time.perf_counter()
            results = run(tier, chosen(options.entries), options, store)
            summarize(tier, results, time.perf_counter() - start)
    if options.page or not (options.entries or options.tier or options.results):
        table.write({tier: store.load(tier) for tier in runs.PLANS})


if __name__ == "__main__":
    main()
