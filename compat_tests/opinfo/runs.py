"""Runs over many entries, whose outcomes are kept on disk, one file for each entry and tier.

A run that was interrupted goes on where it stopped, and runs over parts of the database add up.
"""

import gc
import json
import multiprocessing
import time
import warnings

from jtorch._engine.config import settings

from . import checks, entries

# What is run of each entry. Every trace of the hot tier is compiled whole, so that tier takes one
# typical sample of each dtype, in every form.
PLANS = {
    "cold": {"variants": checks.VARIANTS},
    "hot": {"variants": checks.VARIANTS, "typical": True},
}
# Executables are never given back by XLA, so a process does only so many entries.
_ENTRIES_PER_PROCESS = 25


class Result:
    """The outcomes of one entry in one tier, and the seconds they took."""

    def __init__(self, outcomes, seconds):
        self.outcomes = outcomes
        self.seconds = seconds


def run_entry(name, tier, first=None, quick=False):
    """The Result of one entry."""
    op = entries.ENTRIES[name]
    dtypes = entries.quick_dtypes(op) if quick else entries.dtypes_of(op)
    before, settings.tier = settings.tier, tier
    start = time.perf_counter()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            outcomes = checks.run(name, dtypes, first=first, **PLANS[tier])
    finally:
        settings.tier = before
    return Result(outcomes, time.perf_counter() - start)


class Store:
    """The folder in which results are kept."""

    def __init__(self, folder):
        self.folder = folder

    def _file(self, tier, name):
        return self.folder / tier / f"{name}.json"

    def has(self, tier, name):
        """True when the entry has been run."""
        return self._file(tier, name).exists()

    def save(self, tier, name, result):
        """Keep a result."""
        rows = [
            [*key, outcome.tried, outcome.missed, outcome.reason]
            for key, outcome in result.outcomes.items()
        ]
        file = self._file(tier, name)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = json.dumps({"seconds": round(result.seconds, 2), "outcomes": rows}, indent=0)
        # Whole or not at all, for whoever resumes after an interruption.
        part = file.with_suffix(".part")
        part.write_text(text)
        part.replace(file)

    def load(self, tier):
        """{entry: Result} of every entry that has been run."""
        files = [(n, self._file(tier, n)) for n in entries.ENTRIES]
        return {n: _result(json.loads(f.read_text())) for n, f in files if f.exists()}


def _result(kept):
    outcomes = {}
    for variant, dtype, tried, missed, reason in kept["outcomes"]:
        outcomes[variant, dtype] = checks.Outcome(tried, missed, reason)
    return Result(outcomes, kept["seconds"])


def _job(task):
    name, options = task
    return name, run_entry(name, **options)


def _collect_rarely():
    """Spare the collector the hundreds of thousands of objects of two libraries: a sixth of the
    time.
    """
    gc.freeze()
    gc.set_threshold(50_000, 20, 100)


def run_entries(names, jobs=None, **options):
    """Yield (name, Result) for each of the entries; in `jobs` processes, or here without."""
    tasks = [(name, options) for name in names]
    if jobs is None:
        yield from map(_job, tasks)
        return
    spawn = multiprocessing.get_context("spawn")
    with spawn.Pool(jobs, _collect_rarely, maxtasksperchild=_ENTRIES_PER_PROCESS) as pool:
        yield from pool.imap_unordered(_job, tasks)
