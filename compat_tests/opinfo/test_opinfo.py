"""Every entry of torch's operator database, run in both libraries.

By default each entry runs once, on one sample, with float32 and one other dtype, forward and
backward. With --full: every sample, dtype and form in the cold tier, and one sample of each dtype
in every form in the hot one. scripts/compatibility.py runs the same in several processes and
writes docs/compatibility.md.
"""

import warnings

import pytest

from compat_tests.opinfo import checks, entries, gaps, runs
from jtorch._engine.config import settings

# What programs call most, compiled as whole traces.
HOT = """
cat sum mean view_as stack unsqueeze squeeze permute transpose reshape expand matmul bmm
nn.functional.linear nn.functional.relu nn.functional.gelu nn.functional.silu softmax log_softmax
nn.functional.cross_entropy nn.functional.mse_loss nn.functional.layer_norm nn.functional.conv2d
nn.functional.batch_norm nn.functional.dropout nn.functional.embedding nn.functional.max_pool2d
nn.functional.scaled_dot_product_attention nn.functional.interpolate.bilinear
nn.functional.pad.constant where gather scatter index_select __getitem__ index_put cumsum topk sort
max.reduction_with_dim exp sqrt pow clamp norm einsum tril masked_fill
""".split()


@pytest.fixture
def tier():
    """Sets the tier for one test; called with "cold" or "hot"."""
    before = settings.tier

    def choose(name):
        settings.tier = name

    yield choose
    settings.tier = before


def _run(*arguments, **options):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return checks.run(*arguments, **options)


def _stale(name, found, full):
    """The lines of known_gaps.txt that explain nothing any more."""
    struck = []
    for gap in gaps.of(name):
        outcomes = gaps.covered(gap, found)
        if not outcomes or any(o.missed for o in outcomes):
            continue
        if not full:
            # The sample that was run may not be the one that differs.
            dtypes = entries.dtypes_of(entries.ENTRIES[name])
            dtypes = [d for d in dtypes if gap.dtype in (None, entries.dtype_name(d))]
            variants = checks.VARIANTS if gap.variant is None else (gap.variant,)
            outcomes = gaps.covered(gap, _run(name, dtypes, variants))
        if not any(o.missed for o in outcomes):
            struck.append(gap.key)
    return struck


def _judge(name, found, full=False):
    unknown = gaps.unknown(name, found)
    assert not unknown, "\n".join(["jtorch differs:", *unknown])
    stale = _stale(name, found, full)
    assert not stale, f"these pass now, strike them from known_gaps.txt: {', '.join(stale)}"


@pytest.mark.parametrize("name", entries.ENTRIES)
def test_entry(name, tier):
    tier("cold")
    op = entries.ENTRIES[name]
    _judge(name, _run(name, entries.quick_dtypes(op), checks.QUICK, typical=True))


@pytest.mark.parametrize("name", HOT)
def test_entry_compiled(name, tier):
    tier("hot")
    found = _run(name, entries.quick_dtypes(entries.ENTRIES[name])[:1], checks.QUICK, typical=True)
    assert not gaps.unknown(name, found), "\n".join(gaps.unknown(name, found))


@pytest.mark.full
@pytest.mark.parametrize("name", entries.ENTRIES)
def test_entry_full(name):
    _judge(name, runs.run_entry(name, "cold").outcomes, full=True)


@pytest.mark.full
@pytest.mark.parametrize("name", entries.ENTRIES)
def test_entry_full_compiled(name):
    unknown = gaps.unknown(name, runs.run_entry(name, "hot").outcomes)
    assert not unknown, "\n".join(unknown)


def test_every_known_gap_names_an_entry_and_a_variant():
    for entry, lines in gaps.by_entry().items():
        assert entry in entries.ENTRIES
        for gap in lines:
            assert gap.variant in (None, *checks.VARIANTS), gap.key
