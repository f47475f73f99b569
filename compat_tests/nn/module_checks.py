"""One check is one entry of the module database, one dtype and one aspect."""

import copy
import inspect
import io
import pickle
import types

import torch

import jtorch
from compat_tests.nn import module_entries as entries
from compat_tests.opinfo.checks import Outcome
from compat_tests.opinfo.compare import brief, error_difference, nearer, stage_difference
from compat_tests.opinfo.evaluate import evaluate, tensors
from compat_tests.opinfo.translate import Missing, Translator

# What running a module shows, stage by stage.
STAGES = ("forward", "grad", "gradgrad")

_FORMATS = {4: ("contiguous_format", "channels_last"), 5: ("contiguous_format", "channels_last_3d")}
_DOUBLE = {
    torch.bfloat16: torch.float64,
    torch.float16: torch.float64,
    torch.float32: torch.float64,
    torch.complex64: torch.complex128,
}


class Side:
    """One sample in one library: how the module is made, and what it is called with."""

    def __init__(self, lib, cls, made_with, called_with, dtype, training):
        self.lib = lib
        self.cls = cls
        self.args, self.kwargs = made_with
        self.inputs, self.named_inputs = called_with
        self.dtype = dtype
        self.training = training

    def make(self, **extra):
        """The module as its constructor leaves it, from a fixed seed."""
        self.lib.manual_seed(0)
        return self.cls(*self.args, **{**self.kwargs, **extra})

    def module(self, state=None):
        """The module ready to be run: dtype, training mode and, if given, its state."""
        m = self.make().to(self.dtype)
        if self.is_lazy():
            with self.lib.no_grad():
                self.call(m)
        if state is not None:
            m.load_state_dict(state)
        return m.train(self.training)

    def call(self, m):
        """The module's result for the sample's inputs."""
        return m(*self.inputs, **self.named_inputs)

    def is_lazy(self):
        """True for modules that find their shapes at the first call."""
        return issubclass(self.cls, self.lib.nn.modules.lazy.LazyModuleMixin)

    def with_inputs(self, function):
        """The same side with `function` applied to every tensor it is called with."""

        def each(value):
            if isinstance(value, self.lib.Tensor):
                return function(value)
            if type(value) in (tuple, list):
                return type(value)(each(v) for v in value)
            return value

        inputs = each(self.inputs)
        named = {k: each(v) for k, v in self.named_inputs.items()}
        made_with = (self.args, self.kwargs)
        return Side(self.lib, self.cls, made_with, (inputs, named), self.dtype, self.training)


def _both_sides(info, sample, dtype, training):
    made, called = sample.constructor_input, sample.forward_input
    made = (made.args, made.kwargs)
    called = (called.args, called.kwargs) if called is not None else ((), {})
    theirs = Side(torch, info.module_cls, made, called, dtype, training)
    translate = Translator()
    ours = [translate(part) for part in (info.module_cls, made, called, dtype)]
    return theirs, Side(jtorch, *ours, training)


def _grown(t):
    """The same values with gaps between them."""
    if t.numel() < 2:
        return t
    spaced = t.detach().new_ones((*t.shape, 2))
    spaced[..., 1] = t.detach()
    return spaced[..., 1].requires_grad_(t.requires_grad)


# Where torch keeps the weights of a recurrent layer once more; here a property finds them.
_SECOND_REFERENCES = ("_flat_weights", "_flat_weight_refs")


# ------------------------------------------------------- programs, run in both libraries
def _plain_value(value):
    return isinstance(value, (bool, int, float, str, type(None))) or (
        type(value) in (tuple, list) and all(map(_plain_value, value))
    )


def _state(m):
    """Everything that a checkpoint sees of a module."""
    state = m.state_dict()
    shapes = [(k, str(t.dtype), tuple(t.shape)) for k, t in state.items()]
    return shapes, list(state._metadata.items()), [n for n, _ in m.named_parameters()]


def construct(side):
    """Text, state, initial values and attributes of the module as constructed."""
    m = side.make()
    text = repr(m)
    if side.is_lazy():
        side.call(m.to(side.dtype))
    plain = sorted((k, repr(v)) for k, v in vars(m).items() if _plain_value(v))
    names = [k for k in vars(m) if k not in _SECOND_REFERENCES]
    values = [t.detach().clone() for t in m.state_dict().values()]
    return text, repr(m), plain, sorted(names), *_state(m), values, m.training


def factory(side):
    """Construction with dtype= and device=, on the meta device, and out of it again."""
    seen = []
    if side.is_lazy():
        return seen
    parameters = inspect.signature(side.cls.__init__).parameters
    if "device" in parameters and "dtype" in parameters:
        m = side.make(dtype=side.lib.float64, device="cpu")
        seen += [*_state(m), list(m.state_dict().values())]
        seen += _state(side.make(dtype=side.lib.float16, device="meta"))
    with side.lib.device("meta"):
        m = side.make()
    seen += [[str(t.device) for t in m.state_dict().values()], repr(m)]
    m.to_empty(device="cpu")
    return [*seen, [str(t.device) for t in m.state_dict().values()], *_state(m)]


def convert(side):
    """Conversions of all parameters and buffers, and back."""
    seen = []
    m = side.module()
    first = list(m.parameters())
    for name in ("half", "bfloat16", "double", "float"):
        seen.append((getattr(m, name)() is m, _state(m)))
    m.to(side.lib.float64).to("cpu", side.dtype, non_blocking=True).cpu()
    seen.append([a is b for a, b in zip(first, m.parameters())])
    seen.append([p.requires_grad for p in m.requires_grad_(False).parameters()])
    seen.append([c.training for c in m.eval().modules()])
    return [*seen, list(m.state_dict().values()), [str(t.device) for t in m.to("meta").buffers()]]


def gradients(side, state):
    """zero_grad in both manners after a backward pass."""
    m = side.module(state)
    results = tensors(side.lib, side.call(m))
    total = sum(t.abs().sum() for t in results if t.requires_grad)
    if not isinstance(total, side.lib.Tensor):
        return [None]
    total.backward()
    seen = [[p.grad is not None, str(p.dtype)] for p in m.parameters()]
    m.zero_grad(set_to_none=False)
    seen.append([bool((p.grad == 0).all()) for p in m.parameters() if p.grad is not None])
    m.zero_grad()
    for t in tensors(side.lib, (side.inputs, side.named_inputs)):
        t.grad = None
    return [*seen, [p.grad is None for p in m.parameters()]]


def _stored(lib, m):
    file = io.BytesIO()
    lib.save(m, file)
    file.seek(0)
    return lib.load(file, weights_only=False)


def _is_function(value):
    return isinstance(value, (types.FunctionType, types.BuiltinFunctionType))


def copies(side, state):
    """Deep copies, pickles and reloaded states of a module do what it does."""
    m = side.module(state)
    others = [copy.deepcopy(m), _stored(side.lib, m), side.module(m.state_dict())]
    if not any(_is_function(v) for c in m.modules() for v in vars(c).values()):
        # Functions are pickled as names in torch, which is another library here.
        others.append(pickle.loads(pickle.dumps(m)))
    assigned = side.module()
    assigned.load_state_dict(m.state_dict(), assign=True)
    seen = [[p is q for p, q in zip(assigned.parameters(), m.state_dict().values())]]
    for other in (*others, assigned):
        side.lib.manual_seed(0)
        seen += [repr(other), *_state(other), side.call(other)]
        seen.append([p.requires_grad for p in other.parameters()])
    return seen


def formats(side, state):
    """Inputs and module in channels_last and not: results and the order of their memory."""
    dims = max((t.dim() for t in tensors(side.lib, (side.inputs, side.named_inputs))), default=0)
    seen = []
    for of_input in _FORMATS.get(dims, ()):
        for of_module in _FORMATS[dims]:
            chosen, wanted = getattr(side.lib, of_input), getattr(side.lib, of_module)
            placed = side.with_inputs(
                lambda t, chosen=chosen: (
                    t.detach().to(memory_format=chosen).requires_grad_(t.requires_grad)
                    if t.dim() == dims
                    else t
                )
            )
            m = side.module(state).to(memory_format=wanted)
            out = placed.call(m)
            seen += [out, [_orders(side.lib, t) for t in tensors(side.lib, out)]]
            seen.append([_orders(side.lib, t) for t in m.state_dict().values()])
    return seen


def _orders(lib, t):
    """The memory formats that a tensor is contiguous in."""
    names = _FORMATS.get(t.dim(), ("contiguous_format",))
    return [t.is_contiguous(memory_format=getattr(lib, n)) for n in names]


def inplace(side):
    """The form with inplace=True writes into its input and gives it back."""
    if "inplace" not in inspect.signature(side.cls.__init__).parameters:
        return []
    m = side.make(inplace=True).train(side.training)
    x = side.inputs[0].detach().clone().requires_grad_()
    before = x.clone()
    side.lib.manual_seed(0)
    out = m(before)
    out.sum().backward()
    return [out is before, before._version, out, x.grad]


def _wrong_keys(side, state):
    """load_state_dict with missing, unexpected and misshapen entries: results and messages."""
    m = side.module(state)
    seen = []
    for change in (_drop_first, _add_one, _reshape_first):
        other = change(m.state_dict())
        try:
            seen.append(repr(side.module().load_state_dict(other)))
        except RuntimeError as error:
            seen.append(str(error))
        try:
            seen.append(repr(side.module().load_state_dict(other, strict=False)))
        except RuntimeError as error:
            seen.append(str(error))
    return seen


def _drop_first(state):
    for name in list(state)[:1]:
        del state[name]
    return state


def _add_one(state):
    state["no.such.name"] = state["other"] = next(iter(state.values()), None)
    return state


def _reshape_first(state):
    for name in list(state)[:1]:
        state[name] = state[name].unsqueeze(0).expand(3, *state[name].shape)
    return state


# Aspects that are one program each; True: it needs the same state in both libraries.
PROGRAMS = {
    "construct": (construct, False),
    "factory": (factory, False),
    "convert": (convert, False),
    "zero_grad": (gradients, True),
    "copies": (copies, True),
    "memory_format": (formats, True),
    "inplace": (inplace, False),
    "load": (_wrong_keys, True),
}
ASPECTS = (*STAGES, "noncontiguous", *PROGRAMS, "errors")
QUICK = ("forward", "grad", "noncontiguous", *PROGRAMS, "errors")


# ------------------------------------------------------------------------------ the check
class Check:
    """All aspects of one entry with one dtype in one training mode."""

    def __init__(self, info, dtype, training, outcomes):
        self.info = info
        self.dtype = dtype
        self.training = training
        self.outcomes = outcomes

    def _count(self, aspect, difference):
        key = aspect, str(self.dtype).removeprefix("torch.")
        self.outcomes.setdefault(key, Outcome()).add(difference)

    def sample(self, sample, aspects):
        """Count every aspect of one sample."""
        try:
            theirs, ours = _both_sides(self.info, sample, self.dtype, self.training)
            state = theirs.module().state_dict()
            states = state, Translator()(state)
            ours.module(states[1])
        except (Missing, AttributeError, NotImplementedError, TypeError) as error:
            self._count("forward", f"not there: {brief(error)}")
            return
        order = 2 if "gradgrad" in aspects and self.info.supports_gradgrad else 1
        self._run(theirs, ours, states, order)
        if "noncontiguous" in aspects:
            theirs_too = theirs.with_inputs(_grown)
            translate = Translator()
            ours_too = copy.copy(ours)
            ours_too.inputs = translate(theirs_too.inputs)
            ours_too.named_inputs = translate(theirs_too.named_inputs)
            self._run(theirs_too, ours_too, states, 1, "noncontiguous")
        for aspect, (program, with_state) in PROGRAMS.items():
            if aspect in aspects:
                self._program(aspect, program, (theirs, ours), states, with_state)

    def _program(self, aspect, program, sides, states, with_state):
        found = [
            evaluate(s.lib, lambda s=s, d=d: program(s, d) if with_state else program(s), ())
            for s, d in zip(sides, states)
        ]
        self._compare(found, "forward", aspect, exact=False)

    def _run(self, theirs, ours, states, order, aspect=None):
        found = [_evaluated(s, d, order) for s, d in zip((theirs, ours), states)]
        stages = STAGES[: order + 1]
        exact = None
        if any(self._difference(found, s) for s in stages):
            exact = _exact(theirs, states[0], order)
        for stage in stages:
            self._compare(found, stage, aspect or stage, exact)

    def _difference(self, found, stage):
        a, b = (f.stages.get(stage) for f in found)
        return a is None or b is None or stage_difference(a, b, stage)

    def _compare(self, found, stage, aspect, exact):
        want, got = found
        if stage in want.stages and stage in got.stages:
            a, b = want.stages[stage], got.stages[stage]
            difference = stage_difference(a, b, stage)
            if difference and exact:
                difference = nearer(a, b, exact.stages.get(stage), difference)
            self._count(aspect, difference)
        elif want.stage == stage and want.error is not None:
            error = got.error if got.stage == stage else None
            if stage == "forward" or error is not None:
                self._count(aspect, error_difference(want.error, error))
        elif stage in want.stages:
            self._count(aspect, f"jtorch raises {brief(got.error)}" if got.error else "absent")

    def error(self, sample):
        """Count one erroneous sample: the same exception, in the constructor or the call."""
        try:
            sides = _both_sides(self.info, sample.module_error_input, self.dtype, self.training)
        except Missing as error:
            self._count("errors", f"not there: {brief(error)}")
            return
        want, got = (evaluate(s.lib, lambda s=s: s.call(s.make()), ()) for s in sides)
        assert want.error is not None, "the sample is no error in torch"
        difference = error_difference(want.error, got.error)
        if difference is None and str(want.error).split("\n")[0] != str(got.error).split("\n")[0]:
            difference = f"torch says {str(want.error)!r}, jtorch {str(got.error)!r}"
        self._count("errors", difference)


def _evaluated(side, state, order):
    m = side.module(state)

    def call():
        return side.call(m), list(m.buffers())

    arguments = (side.inputs, side.named_inputs, list(m.parameters()))
    return evaluate(side.lib, call, arguments, order)


def _exact(side, state, order):
    """torch's evaluation in double precision; None where it is that already."""
    wide = _DOUBLE.get(side.dtype)
    if wide is None:
        return None

    def widened(t):
        if t.dtype not in _DOUBLE:
            return t
        return t.detach().to(_DOUBLE[t.dtype]).requires_grad_(t.requires_grad)

    side = side.with_inputs(widened)
    m = side.module(state).to(wide)
    arguments = (side.inputs, side.named_inputs, list(m.parameters()))
    return evaluate(torch, lambda: (side.call(m), list(m.buffers())), arguments, order)


def run(info, dtypes, aspects, choose):
    """{(aspect, dtype name): Outcome}; `choose(samples)` gives (sample, its aspects) pairs."""
    found = {}
    for dtype in dtypes:
        for training in entries.modes(info):
            check = Check(info, dtype, training, found)
            for sample, wanted in choose(entries.samples(info, dtype, training), aspects):
                check.sample(sample, wanted)
            # A module as constructed has the default dtype.
            if "errors" in aspects and dtype == torch.float32:
                for sample in entries.error_samples(info, dtype, training):
                    check.error(sample)
    return found
