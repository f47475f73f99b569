"""Known differences, one line each in compat_tests/known_gaps.txt:

    opinfo:<entry>[:<variant>[:<dtype>]]  reason
    module:<entry>[:<aspect>[:<dtype>]]  reason

A line is strict: when nothing it covers is missed any more, the suite fails until it is struck.
"""

import functools
import pathlib

FILE = pathlib.Path(__file__).resolve().parent.parent / "known_gaps.txt"


class Gap:
    """One line: what it covers, and why it is not mended."""

    def __init__(self, line):
        self.key, _, reason = line.partition(" ")
        self.reason = reason.strip()
        parts = [*self.key.split(":"), None, None]
        self.database, self.entry, self.variant, self.dtype = parts[:4]
        if not self.reason:
            raise ValueError(f"known_gaps.txt: {self.key} has no reason")

    def covers(self, variant, dtype):
        """True when a missed check of the gap's entry is this gap."""
        return self.variant in (None, variant) and self.dtype in (None, dtype)


@functools.cache
def by_entry(database="opinfo"):
    """{entry: [Gap, ...]} of all lines that are about one database."""
    found = {}
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    for line in lines:
        if line.startswith(f"{database}:"):
            gap = Gap(line)
            found.setdefault(gap.entry, []).append(gap)
    return found


def of(entry, database="opinfo"):
    """The gaps known of an entry."""
    return by_entry(database).get(entry, [])


def unknown(entry, found, database="opinfo"):
    """The misses among {(variant, dtype): outcome} that no line explains."""
    return [
        f"{entry}:{variant}:{dtype}  {outcome.reason}"
        for (variant, dtype), outcome in found.items()
        if outcome.missed and not any(g.covers(variant, dtype) for g in of(entry, database))
    ]


def covered(gap, found):
    """The outcomes that a line is about."""
    return [outcome for key, outcome in found.items() if gap.covers(*key)]
