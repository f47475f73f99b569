"""Operations under `jax.vmap`: the batched call gives what calls one by one give.

By default a fair part of the operator database, each entry on one sample; with --full all of it.
"""

import warnings

import jax
import numpy as np
import pytest
import torch

import jtorch
from compat_tests.opinfo import entries, gaps
from compat_tests.opinfo.evaluate import plain
from compat_tests.opinfo.translate import Missing, Translator
from jtorch._engine.config import settings

SHARE = 8
SCALES_AND_SHIFTS = ((1.0, 0.0), (0.5, 0.1), (0.25, 0.2))

# The entries that could be compared: some samples are not functions of one array.
compared = set()


@pytest.fixture(autouse=True)
def _cold(monkeypatch):
    monkeypatch.setattr(settings, "tier", "cold")


def _sample(op):
    """The last of the first samples whose input is a tensor of floats; None if there is none."""
    if torch.float32 not in entries.dtypes_of(op):
        return None
    found = [
        s
        for s in entries.samples(op, torch.float32, False, 3)
        if isinstance(s.input, torch.Tensor)
        and s.input.layout == torch.strided
        and s.input.dtype == torch.float32
        and s.input.numel() > 1
    ]
    return found[-1] if found else None


def _batchable():
    """The entries that a function of one array can be made of."""
    return [n for n, op in entries.ENTRIES.items() if n not in entries.UNINITIALISED]


def _one_by_one(call, inputs):
    """The stacked results of calls on each input; None where a call gives no single tensor of the
    same shape every time.
    """
    results = [call(t) for t in inputs]
    if not all(isinstance(r, jtorch.Tensor) and r.layout is jtorch.strided for r in results):
        return None
    arrays = [plain(r) for r in results]
    return np.stack(arrays) if len({a.shape for a in arrays}) == 1 else None


def _difference(name):
    """Why the batched call is not the same; None when it is, or when there is nothing to batch."""
    op = entries.ENTRIES[name]
    sample = _sample(op)
    if sample is None:
        return None
    try:
        translate = Translator()
        function, x = translate(op.op), translate(sample.input).detach()
        args, kwargs = translate(sample.args), translate(sample.kwargs)
    except (Missing, AttributeError, NotImplementedError):
        return None
    call = lambda t: function(t, *args, **kwargs)  # noqa: E731
    inputs = [
        (x * scale + shift).detach() for scale, shift in ((1.0, 0.0), (0.5, 0.1), (0.25, 0.2))
    ]
    try:
        want = _one_by_one(call, inputs)
    except (RuntimeError, TypeError, ValueError, NotImplementedError):
        # The sample is one of an error, or other inputs are not valid for it.
        return None
    if want is None:
        return None
    compared.add(name)
    try:
        batched = jax.vmap(jtorch.to_jax(call))(np.stack([plain(t) for t in inputs]))
    except Exception as error:
        return f"{type(error).__name__}: {error}".partition("\n")[0]
    got = np.asarray(batched)
    if got.shape != want.shape:
        return f"shape {got.shape} instead of {want.shape}"
    if np.allclose(got, want, rtol=1e-4, atol=1e-4, equal_nan=True):
        return None
    return f"{got.ravel()[:4]} instead of {want.ravel()[:4]}"


def _judge(name):
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        difference = _difference(name)
    known = gaps.of(name, "vmap")
    assert difference is None or known, difference
    assert difference is not None or not known, f"strike {known[0].key} from known_gaps.txt"


@pytest.mark.parametrize("name", _batchable()[::SHARE])
def test_entry_batched(name):
    _judge(name)


def test_most_entries_are_compared():
    """What the test before has looked at; guards against comparing nothing."""
    assert len(compared) > 0.6 * len(_batchable()[::SHARE])


@pytest.mark.full
@pytest.mark.parametrize("name", [n for i, n in enumerate(_batchable()) if i % SHARE])
def test_entry_batched_full(name):
    _judge(name)


def test_every_known_gap_names_an_entry():
    assert gaps.by_entry("vmap").keys() <= set(_batchable())
