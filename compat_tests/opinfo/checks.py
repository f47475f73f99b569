"""One check is one entry, one dtype and one aspect: every sample must agree."""

import torch

import jtorch

from . import entries, ties
from .compare import (
    brief,
    error_difference,
    layout_difference,
    nearer,
    overrides,
    stage_difference,
)
from .evaluate import Seen, evaluate
from .translate import Missing, Translator

# The aspects, as tables and known_gaps.txt name them.
VARIANTS = (
    "forward",
    "layout",
    "grad",
    "gradgrad",
    "method",
    "operator",
    "inplace",
    "out",
    "alias",
    "errors",
)
QUICK = ("forward", "grad")

_DOUBLE = {
    torch.bfloat16: torch.float64,
    torch.float16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


class Outcome:
    """How many samples of a check were tried and missed, and why the first one was."""

    def __init__(self, tried=0, missed=0, reason=None):
        self.tried = tried
        self.missed = missed
        self.reason = reason

    def add(self, difference):
        """Count one sample; `difference` is None when it agrees."""
        self.tried += 1
        if difference is not None:
            self.missed += 1
            self.reason = self.reason or " ".join(difference.split())[:200]


def _copied_tensor(t):
    if t.layout != torch.strided or t.is_meta:
        return t
    return t.detach().clone(memory_format=torch.preserve_format)


def _copied(value):
    """A torch sample with tensors of its own, for calls that write into them."""
    if isinstance(value, torch.Tensor):
        return _copied_tensor(value)
    if type(value) in (tuple, list):
        return type(value)(_copied(v) for v in value)
    if isinstance(value, dict):
        return {k: _copied(v) for k, v in value.items()}
    return value


def _doubled(value):
    """A torch sample in double precision."""
    if isinstance(value, torch.dtype):
        return _DOUBLE.get(value, value)
    if isinstance(value, torch.Tensor) and value.dtype in _DOUBLE:
        wide = value.detach().to(_DOUBLE[value.dtype])
        return wide.requires_grad_(value.requires_grad)
    if type(value) in (tuple, list):
        return type(value)(_doubled(v) for v in value)
    if isinstance(value, dict):
        return {k: _doubled(v) for k, v in value.items()}
    return value


class Pair:
    """One sample in both libraries."""

    def __init__(self, sample, fresh=False):
        parts = (sample.input, sample.args, sample.kwargs)
        self.theirs = _copied(parts) if fresh else parts
        self.translate = Translator()
        self.ours = self.translate(self.theirs)

    def exact(self, function, order, finish):
        """torch's evaluation of the sample in double precision."""
        value, args, kwargs = wide = _doubled(self.theirs)
        return evaluate(torch, lambda: function(value, *args, **kwargs), wide, order, finish)

    def run(self, lib, function, order=0, finish=None, extra=None):
        """The evaluation of function(input, *args, **kwargs) in one library."""
        value, args, kwargs = self.theirs if lib is torch else self.ours
        kwargs = {**kwargs, **(extra or {})}

        def call():
            return function(value, *args, **kwargs)

        return evaluate(lib, call, (value, args, kwargs), order, finish)


def _missing(difference):
    return f"not there: {difference}"


class Check:
    """All aspects of one entry with one dtype."""

    def __init__(self, name, dtype, first=None, typical=False):
        self.name = name
        self.op = entries.ENTRIES[name]
        self.dtype = dtype
        self.first = 2 if typical else first
        self.typical = typical
        self.outcomes = {}
        wider = overrides(self.op, dtype) if dtype is not None else (0.0, 0.0)
        self.options = {
            "wider": wider,
            "phase": name in entries.UP_TO_PHASE,
            "values": name not in entries.UNINITIALISED,
        }

    def _count(self, variant, difference):
        self.outcomes.setdefault(variant, Outcome()).add(difference)

    def _samples(self, requires_grad=False):
        found = entries.samples(self.op, self.dtype, requires_grad, self.first)
        # The first sample of many entries is a scalar or empty, the second a typical one.
        return found[-1:] if self.typical else found

    def run(self, variants):
        """The outcomes by variant, of those of `variants` that the entry has."""
        order = entries.differentiable(self.op, self.dtype)
        order = min(order, 2 if "gradgrad" in variants else 1 if "grad" in variants else 0)
        for sample in self._samples(requires_grad=order > 0):
            self._forward(sample, order, variants)
        plain = [v for v in ("method", "operator", "inplace", "out", "alias") if v in variants]
        if plain:
            for sample in self._samples():
                for variant in plain:
                    getattr(self, f"_{variant}")(sample)
        return self.outcomes

    def _shown(self, sample, stage, *results):
        """The results as they are compared."""
        if self.name not in ties.ENTRIES or not isinstance(sample.input, torch.Tensor):
            return results
        rewrite = ties.Ties(self.name, sample)
        return [rewrite(r, stage) for r in results]

    def _compare(self, sample, want, got, stages, exact, layout=False):
        """Count every stage that torch reached; `exact()` evaluates in double precision."""
        for stage in stages:
            if stage in want.stages and stage in got.stages:
                a, b = self._shown(sample, stage, want.stages[stage], got.stages[stage])
                difference = stage_difference(a, b, stage, **self.options)
                if difference and self.dtype in _DOUBLE and not self.options["phase"]:
                    difference = nearer(a, b, exact().stages.get(stage), difference)
                self._count(stage, difference)
            elif want.stage == stage and want.error is not None:
                error = got.error if got.stage == stage else None
                # To have a gradient where torch has none harms nobody.
                if stage == "forward" or error is not None:
                    self._count(stage, error_difference(want.error, error))
            elif stage in want.stages:
                self._count(stage, f"jtorch raises {brief(got.error)}" if got.error else "absent")
        if layout and "forward" in want.stages and "forward" in got.stages:
            self._count("layout", layout_difference(want.stages["forward"], got.stages["forward"]))

    def _forward(self, sample, order, variants):
        stages = [s for s in ("forward", "grad", "gradgrad")[: order + 1] if s in variants]
        try:
            pair = Pair(sample)
            ours = pair.translate(self.op.op)
            wrapper = self.op.gradcheck_wrapper
            wrapped = order and wrapper.__name__ != "<lambda>"
            finish = sample.output_process_fn_grad
            finishes = (finish, pair.translate(finish))
            wrappers = (wrapper, pair.translate(wrapper)) if wrapped else None
        except (Missing, AttributeError, NotImplementedError) as error:
            for stage in stages:
                self._count(stage, _missing(error))
            return
        functions = (self.op.op, ours)
        if wrapped:
            self._both(sample, pair, functions, 0, None, ["forward"], "layout" in variants)
            functions = [
                lambda *a, f=f, w=w, **k: w(f, *a, **k) for f, w in zip(functions, wrappers)
            ]
            self._both(sample, pair, functions, order, finishes, stages[1:], False)
        else:
            self._both(sample, pair, functions, order, finishes, stages, "layout" in variants)

    def _both(self, sample, pair, functions, order, finishes, stages, layout):
        finishes = finishes or (None, None)
        want = pair.run(torch, functions[0], order, finishes[0])
        got = pair.run(jtorch, functions[1], order, finishes[1])
        self._compare(
            sample,
            want,
            got,
            stages,
            lambda: pair.exact(functions[0], order, finishes[0]),
            layout,
        )

    def _variant(self, variant, sample, theirs, extras=None):
        """A call of another form of the entry, on fresh inputs, against torch's same form."""
        if theirs is None:
            return None
        try:
            pair = Pair(sample, fresh=True)
            ours = pair.translate(theirs)
        except (Missing, AttributeError, NotImplementedError) as error:
            self._count(variant, _missing(error))
            return None
        extras = extras or (None, None)
        want = pair.run(torch, theirs, extra=extras[0])
        got = pair.run(jtorch, ours, extra=extras[1])
        difference = None
        if isinstance(want.error, NotImplementedError) and got.error is None:
            return None
        if want.error is not None:
            difference = error_difference(want.error, got.error)
        elif got.error is not None:
            difference = f"jtorch raises {brief(got.error)}"
        else:
            a, b = self._shown(sample, "forward", want.stages["forward"], got.stages["forward"])
            difference = stage_difference(a, b, "forward", **self.options)
            if difference and self.dtype in _DOUBLE:
                exact = Pair(sample).exact(theirs, 0, None)
                difference = nearer(a, b, exact.stages.get("forward"), difference)
            if difference is None and variant == "inplace":
                difference = layout_difference(a, b)
        self._count(variant, difference)
        return want

    def _method(self, sample):
        if isinstance(sample.input, torch.Tensor):
            self._variant("method", sample, self.op.method_variant)

    def _operator(self, sample):
        if not sample.kwargs:
            self._variant("operator", sample, self.op.operator_variant)

    def _inplace(self, sample):
        if isinstance(sample.input, torch.Tensor):
            self._variant("inplace", sample, self.op.inplace_variant)
            if not sample.kwargs:
                self._variant("inplace", sample, self.op.inplace_operator_variant)

    def _alias(self, sample):
        for alias in self.op.aliases:
            self._variant("alias", sample, alias.op)

    def _out(self, sample):
        if not self.op.supports_out:
            return
        pair = Pair.__new__(Pair)
        pair.theirs = _copied((sample.input, sample.args, sample.kwargs))
        shaped = pair.run(torch, self.op.op)
        if shaped.error is not None or "forward" not in shaped.stages:
            return
        results = shaped.stages["forward"]
        if not all(isinstance(r, Seen) for r in results):
            return
        kinds = [getattr(torch, r.dtype.removeprefix("torch.")) for r in results]
        theirs = [torch.empty(0, dtype=k) for k in kinds]
        ours = [jtorch.empty(0, dtype=getattr(jtorch, entries.dtype_name(k))) for k in kinds]
        if len(kinds) == 1:
            extras = ({"out": theirs[0]}, {"out": ours[0]})
        else:
            extras = ({"out": tuple(theirs)}, {"out": tuple(ours)})
        want = self._variant("out", sample, self.op.op, extras)
        if want is not None and want.error is None and not _filled(theirs, ours):
            self._count("out", "the tensor given as out= was not filled")


def _filled(theirs, ours):
    return all(tuple(a.shape) == tuple(b.shape) for a, b in zip(theirs, ours))


def run_errors(name):
    """The outcome of an entry's erroneous inputs: the exception's class must be torch's."""
    op = entries.ENTRIES[name]
    found = Outcome()
    for sample in entries.error_samples(op):
        try:
            pair = Pair(sample)
            ours = pair.translate(op.op)
        except (Missing, AttributeError, NotImplementedError) as error:
            found.add(_missing(error))
            continue
        want = pair.run(torch, op.op)
        if want.error is not None:
            found.add(error_difference(want.error, pair.run(jtorch, ours).error))
    return found


def run(name, dtypes, variants, first=None, typical=False):
    """{(variant, dtype name): Outcome} of one entry; errors have no dtype.

    `first` is how many of the samples take part, by default all; `typical` asks for just one.
    """
    found = {}
    for dtype in dtypes:
        outcomes = Check(name, dtype, first, typical).run(variants)
        for variant, outcome in outcomes.items():
            found[variant, entries.dtype_name(dtype)] = outcome
    if "errors" in variants:
        outcome = run_errors(name)
        if outcome.tried:
            found["errors", ""] = outcome
    return found
