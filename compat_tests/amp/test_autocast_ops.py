"""Every entry of torch's operator database under autocast: the dtypes and values of its results.

By default one sample, with float32 under bfloat16, of those that have a rule and of every sixth
other; with --full more samples of all, float16 too, and inputs that are half precision already.
"""

import functools
import warnings

import pytest
import torch

import jtorch
from compat_tests.opinfo import entries, gaps, ties
from compat_tests.opinfo.checks import Pair
from compat_tests.opinfo.compare import brief, nearer, stage_difference
from compat_tests.opinfo.translate import Missing
from jtorch.ops.autocast import RULES

NAMES = [n for n, op in entries.ENTRIES.items() if torch.float32 in op.supported_dtypes("cpu")]
# A result in float32 may be made of products in bfloat16.
WIDER = (1.6e-2, 1e-2)
FULL = [
    (torch.float32, torch.bfloat16),
    (torch.float32, torch.float16),
    (torch.bfloat16, torch.float16),
]


# In torch some ways of cutting the product into pieces are a function of their own, which gives the
# input's dtype, and others are not; here there is one way, and the loss is float32.
DIFFERS = {
    ("nn.functional.linear_cross_entropy.chunked", torch.bfloat16),
    ("nn.functional.linear_cross_entropy.chunked_none", torch.bfloat16),
}


def _plain(key):
    """A registry key as the database might name it."""
    return key.removeprefix("F_").removeprefix("linalg_").removesuffix("_of")


RULED = {_plain(key) for key in RULES}
QUICK = [n for i, n in enumerate(NAMES) if i % 6 == 0 or RULED & set(n.split("."))]


def under(lib, dtype, function):
    """`function` inside of autocast."""

    @functools.wraps(function)
    def call(*args, **kwargs):
        with lib.autocast("cpu", dtype=getattr(lib, entries.dtype_name(dtype))):
            return function(*args, **kwargs)

    return call


def _stage(evaluation):
    return evaluation.stages["forward"]


def _difference(name, pair, function, ours, dtype):
    """What differs under autocast; None if nothing does, or torch itself refuses."""
    want = pair.run(torch, under(torch, dtype, function))
    if want.error is not None:
        return None
    got = pair.run(jtorch, under(jtorch, dtype, ours))
    if got.error is not None:
        return f"jtorch raises {brief(got.error)}"
    options = {
        "phase": name in entries.UP_TO_PHASE,
        # which of several equal elements is named is not defined
        "values": name not in entries.UNINITIALISED and name not in ties.ENTRIES,
        "wider": WIDER,
    }
    found = stage_difference(_stage(want), _stage(got), "forward", **options)
    if found is None:
        return None
    exact = pair.exact(function, 0, None).stages.get("forward")
    return nearer(_stage(want), _stage(got), exact, found)


def differences(name, source, dtype, count):
    """What differs for samples of dtype `source`, under autocast to `dtype`."""
    op = entries.ENTRIES[name]
    if any(gap.covers("forward", entries.dtype_name(source)) for gap in gaps.of(name)):
        return
    samples = entries.samples(op, source, False, count)
    for sample in samples[-1:] if count == 2 else samples:
        try:
            pair = Pair(sample)
            ours = pair.translate(op.op)
        except (Missing, AttributeError, NotImplementedError):
            # what is not there is a gap of the entry, autocast or not
            continue
        found = _difference(name, pair, op.op, ours, dtype)
        if found:
            yield f"{name} of {source} under {dtype}: {found}"


def assert_none(*arguments):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(differences(*arguments))
    assert not found, "\n".join(found)


@pytest.mark.parametrize("name", QUICK)
def test_entry(name):
    # the first sample of many entries is a scalar or empty, the second a typical one
    assert_none(name, torch.float32, torch.bfloat16, 2)


@pytest.mark.full
@pytest.mark.parametrize("source, dtype", FULL, ids=str)
@pytest.mark.parametrize("name", NAMES)
def test_entry_full(name, source, dtype):
    if (name, source) in DIFFERS:
        with pytest.raises(AssertionError, match="in torch"):
            assert_none(name, source, dtype, 8)
    elif source in entries.ENTRIES[name].supported_dtypes("cpu"):
        assert_none(name, source, dtype, 8)
