"""The sparse samples of torch's operator database, forward, in every layout an entry supports."""

import warnings

import pytest
import torch

import jtorch
from compat_tests.opinfo import entries
from compat_tests.opinfo.compare import error_difference, stage_difference
from compat_tests.opinfo.evaluate import evaluate
from compat_tests.opinfo.translate import Missing, Translator

LAYOUTS = {
    "coo": torch.sparse_coo,
    "csr": torch.sparse_csr,
    "csc": torch.sparse_csc,
    "bsr": torch.sparse_bsr,
    "bsc": torch.sparse_bsc,
}
# The entries with sparse samples of their own and no random values, and the layouts they have them
# in. The reductions of torch.masked are left out: in jtorch they take dense tensors only.
NAMES = {"mul": LAYOUTS, "zeros_like": ("csr", "csc", "bsr", "bsc"), "sum": ("coo", "csr")}
CASES = [
    pytest.param(name, layout, id=f"{name}-{layout}")
    for name, layouts in NAMES.items()
    for layout in layouts
]
# How many samples of an entry are looked at.
FIRST = 8


def _samples(op, layout, dtype):
    """Samples spread over all that the entry has."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = list(op.sample_inputs_sparse(LAYOUTS[layout], "cpu", dtype))
    return found[:: max(len(found) // FIRST, 1)]


def difference(op, sample):
    """Why a sample does not give the same in jtorch; None when it does."""
    translate = Translator()
    theirs = (sample.input, sample.args, sample.kwargs)
    try:
        ours, function = translate(theirs), translate(op.op)
    except (Missing, AttributeError) as error:
        return f"not there: {error}"

    def run(lib, f, arguments):
        value, args, kwargs = arguments
        return evaluate(lib, lambda: f(value, *args, **kwargs), arguments)

    want, got = run(torch, op.op, theirs), run(jtorch, function, ours)
    if want.error is not None:
        # What torch leaves out in one layout jtorch may have.
        left_out = isinstance(want.error, (NotImplementedError, RuntimeError)) and not got.error
        return None if left_out else error_difference(want.error, got.error)
    if got.error is not None:
        return f"jtorch raises {got.error!r}"
    return stage_difference(want.stages["forward"], got.stages["forward"], "forward")


@pytest.mark.parametrize("name, layout", CASES)
def test_sample(name, layout):
    op = entries.ENTRIES[name]
    found = [difference(op, s) for s in _samples(op, layout, torch.float32)]
    assert found
    assert not any(found), [f for f in found if f][:3]
