"""Every entry of torch's module database, run in both libraries.

By default an entry is run on two of its samples in every training mode, with float32. With --full:
on all samples, with all dtypes and second gradients, and compiled.
"""

import warnings

import pytest

from compat_tests.nn import module_checks as checks
from compat_tests.nn import module_entries as entries
from compat_tests.opinfo import gaps
from jtorch._engine.config import settings

DATABASE = "module"
# How many samples of an entry are run in full on what does not depend on the inputs much.
FEW = 6

# What models are made of, compiled as whole traces.
HOT = """
Linear Conv2d BatchNorm2d LayerNorm Embedding MultiheadAttention GRU CrossEntropyLoss
MultiLabelMarginLoss
""".split()


@pytest.fixture
def tier():
    """Sets the tier for one test; called with "cold" or "hot"."""
    before = settings.tier

    def choose(name):
        settings.tier = name

    yield choose
    settings.tier = before


def _two(samples, aspects):
    """The first sample with all aspects, the last one only run."""
    yield samples[0], aspects
    if len(samples) > 1:
        yield samples[-1], ("forward", "grad")


def _all(samples, aspects):
    """Every sample; those after the first few are only run."""
    for i, sample in enumerate(samples):
        yield sample, aspects if i < FEW else checks.STAGES


def _run(name, dtypes, aspects, choose):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return checks.run(entries.ENTRIES[name], dtypes, aspects, choose)


def _full(name):
    return _run(name, entries.dtypes_of(entries.ENTRIES[name]), checks.ASPECTS, _all)


def _stale(name, found):
    return [
        gap.key
        for gap in gaps.of(name, DATABASE)
        if not any(o.missed for o in gaps.covered(gap, found))
    ]


def _judge(name, found, full):
    unknown = gaps.unknown(name, found, DATABASE)
    assert not unknown, "\n".join(["jtorch differs:", *unknown])
    stale = _stale(name, found)
    if stale and not full:
        # The sample that was run may not be the one that differs.
        stale = _stale(name, _full(name))
    assert not stale, f"these pass now, strike them from known_gaps.txt: {', '.join(stale)}"


@pytest.mark.parametrize("name", entries.ENTRIES)
def test_module(name, tier):
    tier("cold")
    dtypes = entries.dtypes_of(entries.ENTRIES[name])[:1]
    _judge(name, _run(name, dtypes, checks.QUICK, _two), full=False)


@pytest.mark.parametrize("name", HOT)
def test_module_compiled(name, tier):
    tier("hot")
    dtypes = entries.dtypes_of(entries.ENTRIES[name])[:1]
    found = _run(name, dtypes, ("forward", "grad"), lambda samples, a: [(samples[0], a)])
    assert not gaps.unknown(name, found, DATABASE), gaps.unknown(name, found, DATABASE)


@pytest.mark.full
@pytest.mark.parametrize("name", entries.ENTRIES)
def test_module_full(name, tier):
    tier("cold")
    _judge(name, _full(name), full=True)


@pytest.mark.full
@pytest.mark.parametrize("name", entries.ENTRIES)
def test_module_full_compiled(name, tier):
    tier("hot")
    found = _run(name, entries.dtypes_of(entries.ENTRIES[name])[:1], checks.QUICK, _two)
    assert not gaps.unknown(name, found, DATABASE), gaps.unknown(name, found, DATABASE)


def test_every_known_gap_names_an_entry_and_an_aspect():
    for entry, lines in gaps.by_entry(DATABASE).items():
        assert entry in entries.ENTRIES
        for gap in lines:
            assert gap.variant in (None, *checks.ASPECTS), gap.key
