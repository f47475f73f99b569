"""Known differences, one line each in compat_tests/known_gaps.txt:

    opinfo:<entry>[:<variant>[:<dtype>]]  reason

A line is strict: when nothing it covers is missed any more, the suite fails until it is struck.
"""

import functools
import pathlib

FILE = pathlib.Path(__file__).resolve().parent.parent / "known_gaps.txt"
PREFIX = "opinfo:"


class Gap:
    """One line: what it covers, and why it is not mended."""

    def __init__(self, line):
        self.key, _, reason = line.partition(" ")
        self.reason = reason.strip()
        parts = [*self.key.removeprefix(PREFIX).split(":"), None, None]
        self.entry, self.variant, self.dtype = parts[:3]
        if not self.reason:
            raise ValueError(f"known_gaps.txt: {self.key} has no reason")

    def covers(self, variant, dtype):
        """True when a missed check of the gap's entry is this gap."""
        return self.variant in (None, variant) and self.dtype in (None, dtype)


@functools.cache
def by_entry():
    """{entry: [Gap, ...]} of all lines that are about the operator database."""
    found = {}
    lines = FILE.read_text().splitlines() if FILE.exists() else []
    for line in lines:
        if line.startswith(PREFIX):
            gap = Gap(line)
            found.setdefault(gap.entry, []).append(gap)
    return found


def of(entry):
    """The gaps known of an entry."""
    return by_entry().get(entry, [])
