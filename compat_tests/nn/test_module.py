"""Module, its containers and hooks, Parameter, and nn.utils: programs run in both libraries."""

import copy
import gc
import pickle
import timeit
import warnings
import weakref
from collections import OrderedDict

import pytest
import torch

import jtorch

LIBS = (torch, jtorch)


def plain(lib, value):
    """`value` with tensors as nested lists and modules as text, comparable between libraries."""
    if isinstance(value, lib.Tensor):
        return [str(value.dtype), value.detach().numpy().tolist()]
    if isinstance(value, lib.nn.Module):
        return repr(value)
    if isinstance(value, dict):
        return {k: plain(lib, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [plain(lib, v) for v in value]
    if isinstance(value, type):
        return value.__name__
    return value


def outcome(program, lib):
    lib.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = plain(lib, program(lib))
        except Exception as error:
            result = [type(error).__name__, str(error)]
    return result, [w.category.__name__ for w in caught]


def assert_equal(got, want):
    """Equal, numbers up to rounding."""
    assert type(got) is type(want), (got, want)
    if isinstance(want, dict):
        assert list(got) == list(want)
        got, want = list(got.values()), list(want.values())
    if isinstance(want, list):
        assert len(got) == len(want), (got, want)
        for g, w in zip(got, want, strict=True):
            assert_equal(g, w)
    elif isinstance(want, float):
        assert got == pytest.approx(want, rel=2e-5, abs=2e-6)
    else:
        assert got == want


PROGRAMS = []


def program(fn):
    PROGRAMS.append(fn)
    return fn


def net(lib):
    nn = lib.nn

    class Net(nn.Module):
        def __init__(self):
            super().__init__()
            self.first = nn.Linear(3, 4)
            self.norm = nn.BatchNorm1d(4)
            self.rest = nn.Sequential(nn.ReLU(), nn.Linear(4, 2))
            self.scale = nn.Parameter(lib.ones(2))
            self.register_buffer("seen", lib.zeros(1))
            self.register_buffer("hidden", lib.zeros(1), persistent=False)
            self.tied = self.first
            self.nothing = None

        def forward(self, x):
            return self.rest(self.norm(self.first(x))) * self.scale

    return Net()


@program
def text_and_names(lib):
    m = net(lib)
    return (
        m,
        list(m.state_dict()),
        list(m.state_dict(prefix="a.")._metadata.items()),
        [n for n, _ in m.named_parameters()],
        [n for n, _ in m.named_parameters(remove_duplicate=False)],
        [n for n, _ in m.named_parameters(recurse=False, prefix="p")],
        [n for n, _ in m.named_buffers()],
        [n for n, _ in m.named_modules()],
        [n for n, _ in m.named_modules(remove_duplicate=False)],
        [n for n, _ in m.named_children()],
        len(list(m.children())),
        [d for d in dir(m) if d in ("first", "scale", "seen", "forward", "training")],
    )


@program
def training_flags(lib):
    m = net(lib)
    m.eval()
    flags = [c.training for c in m.modules()]
    m.rest.train()
    return flags, [c.training for c in m.modules()], m.train("yes")


@program
def conversions(lib):
    m = net(lib).double()
    kinds = [p.dtype for p in m.parameters()] + [b.dtype for b in m.buffers()]
    same = m.first.weight
    m.to(lib.float16)
    m.bfloat16()
    m.float()
    return [str(k) for k in kinds], m.first.weight is same, m.to(lib.int32)


@program
def conversion_keeps_gradients(lib):
    m = lib.nn.Linear(2, 2)
    m(lib.ones(1, 2)).sum().backward()
    m.double()
    return m.weight.grad, m.weight.requires_grad, m.weight.is_leaf


@program
def parameters_and_attributes(lib):
    m = lib.nn.Module()
    m.a = lib.nn.Parameter(lib.ones(2))
    m.b = 3
    m.b = lib.nn.Parameter(lib.zeros(1))
    m.c = lib.nn.Linear(1, 1)
    m.c = None
    m.register_parameter("d", None)
    m.e = lib.nn.Buffer(lib.ones(1), persistent=False)
    m.f = lib.nn.Buffer(lib.ones(1))
    del m.a
    return list(m._parameters), list(m._buffers), list(m._modules), list(m.state_dict())


ERRORS = [
    "m.a",
    "setattr(m, 'w', lib.ones(2))",
    "setattr(m, 'sub', 3)",
    "setattr(m, 'buf', 'x')",
    "m.register_buffer('x.y', lib.ones(1))",
    "m.register_buffer('', lib.ones(1))",
    "m.register_buffer('training', lib.ones(1))",
    "m.register_buffer(3, lib.ones(1))",
    "m.register_buffer('b', 3)",
    "m.register_parameter('x.y', None)",
    "m.register_parameter('', None)",
    "m.register_parameter('sub', None)",
    "m.register_parameter('p', lib.ones(2))",
    "m.register_parameter('p', nn.Parameter(lib.ones(2)) * 2)",
    "m.add_module('a.b', nn.ReLU())",
    "m.add_module('', nn.ReLU())",
    "m.add_module('training', nn.ReLU())",
    "m.add_module('x', 3)",
    "m.add_module(3, nn.ReLU())",
    "m.get_submodule('sub.x')",
    "m.get_submodule('w')",
    "m.get_parameter('sub.none')",
    "m.get_parameter('sub')",
    "m.get_buffer('w')",
    "m.get_buffer('sub.x')",
    "m.set_submodule('', nn.ReLU())",
    "m.set_submodule('sub', 3)",
    "m.set_submodule('zzz', nn.ReLU(), strict=True)",
    "m(3)",
    "nn.Module(3)",
    "nn.Module(a=3)",
    "m.load_state_dict(3)",
    "m.load_state_dict({})",
    "m.load_state_dict({'w': lib.ones(3), 'buf': lib.ones(1), 'more': 1, 'sub.weight': 2})",
    "m.load_state_dict({'w': lib.ones(3), 'x.y': lib.ones(1)}, strict=False)",
    "nn.Parameter(lib.tensor([1, 2]))",
    "nn.Sequential(3)",
    "nn.Sequential()[0]",
    "nn.Sequential(nn.ReLU()).insert(5, nn.ReLU())",
    "nn.Sequential(nn.ReLU()) + 3",
    "nn.Sequential(nn.ReLU()) * 0",
    "nn.Sequential(nn.ReLU()) * 'a'",
    "nn.ModuleList([nn.ReLU()])[3]",
    "nn.ModuleList([nn.ReLU()]).extend(3)",
    "nn.ModuleList([nn.ReLU()])(3)",
    "nn.ModuleDict({'a': 3})",
    "nn.ModuleDict(3)",
    "nn.ModuleDict([(1, 2, 3)])",
    "nn.ParameterDict({1: lib.ones(2)})",
    "nn.ParameterDict({'a': lib.ones(2)})(3)",
    "nn.ParameterList([lib.ones(2)])()",
    "nn.ParameterList(3)",
    "nn.LazyLinear(3).weight.shape",
    "nn.init.kaiming_normal_(lib.ones(3))",
    "nn.init.eye_(lib.ones(3))",
    "nn.init.dirac_(lib.ones(3, 3))",
    "nn.init.orthogonal_(lib.ones(3))",
    "nn.init.sparse_(lib.ones(3), 0.5)",
    "nn.init.calculate_gain('swish')",
    "nn.init.kaiming_normal_(lib.ones(3, 3), mode='fan')",
    "nn.utils.rnn.pack_padded_sequence(lib.ones(3, 2, 1), [2, 3])",
    "nn.utils.rnn.pad_packed_sequence(nn.utils.rnn.pack_sequence([lib.ones(3)]), total_length=2)",
    "nn.utils.parametrize.register_parametrization(m, 'no', nn.ReLU())",
    "nn.utils.remove_weight_norm(m)",
]


@pytest.mark.parametrize("source", ERRORS)
def test_errors(source):
    """The same exception class and, where it is short, the same message."""

    def run(lib):
        m = lib.nn.Module()
        m.w = lib.nn.Parameter(lib.ones(2))
        m.sub = lib.nn.Linear(2, 2)
        m.register_buffer("buf", lib.ones(1))
        return eval(source, {"lib": lib, "nn": lib.nn, "m": m})

    want, got = outcome(run, torch), outcome(run, jtorch)
    assert got[0][0] == want[0][0]
    message = want[0][1] if isinstance(want[0], list) and len(want[0]) == 2 else None
    if isinstance(message, str) and "github.com" not in message:
        assert got[0][1].replace("jtorch", "torch") == message


@program
def state_round_trip(lib):
    a, b = net(lib), net(lib)
    keys = b.load_state_dict(a.state_dict())
    same = all(bool((p == q).all()) for p, q in zip(a.parameters(), b.parameters()))
    kept = a.state_dict(keep_vars=True)["scale"] is a.scale
    shared = a.state_dict()["scale"].data_ptr() == a.scale.data_ptr()
    part = b.load_state_dict({"scale": lib.zeros(2), "other": 1}, strict=False)
    return repr(keys), same, kept, shared, sorted(part.missing_keys), part.unexpected_keys, b.scale


@program
def assign(lib):
    m = lib.nn.Linear(2, 2)
    given = {"weight": lib.zeros(2, 2), "bias": lib.zeros(2)}
    m.load_state_dict(given, assign=True)
    return m.weight, type(m.weight), m.weight.data_ptr() == given["weight"].data_ptr()


@program
def extra_state(lib):
    class Counter(lib.nn.Module):
        def __init__(self):
            super().__init__()
            self.count = 0

        def get_extra_state(self):
            return {"count": self.count}

        def set_extra_state(self, state):
            self.count = state["count"]

    a, b = Counter(), Counter()
    a.count = 5
    b.load_state_dict(a.state_dict())
    return b.count, dict(a.state_dict()), b.load_state_dict({})


@program
def state_hooks(lib):
    m = lib.nn.Sequential(lib.nn.Linear(1, 1))
    log = []
    m.register_state_dict_pre_hook(lambda mod, prefix, keep: log.append(("pre", prefix, keep)))
    m[0].register_state_dict_post_hook(lambda mod, sd, p, meta: log.append((p, sorted(sd))))
    m._register_state_dict_hook(lambda mod, sd, p, meta: OrderedDict(sd, extra=1))
    m.register_load_state_dict_pre_hook(lambda mod, sd, *rest: sd.pop("extra"))
    m.register_load_state_dict_post_hook(lambda mod, keys: keys.missing_keys.clear())
    state = m.state_dict()
    del state["0.bias"]
    return log, sorted(state), repr(m.load_state_dict(state)), "extra" in state


@program
def forward_hooks(lib):
    m = lib.nn.Linear(2, 2)
    log = []
    m.register_forward_pre_hook(lambda mod, args: log.append(("pre", args)))
    m.register_forward_pre_hook(lambda mod, args: (args[0] * 2,), prepend=True)
    m.register_forward_pre_hook(lambda mod, args, kw: (args, kw), with_kwargs=True)
    m.register_forward_hook(lambda mod, args, out: out + 1)
    m.register_forward_hook(lambda mod, args, kw, out: log.append((kw, out)), with_kwargs=True)
    handle = m.register_forward_hook(lambda mod, args, out: log.append("gone"))
    handle.remove()
    handle.remove()
    with m.register_forward_hook(lambda mod, args, out: log.append("inside")):
        m(lib.ones(1, 2))
    out = m(lib.ones(1, 2))
    return log, out


@program
def always_call(lib):
    log = []

    class Fails(lib.nn.Module):
        def forward(self, x):
            raise ValueError("no")

    m = Fails()
    m.register_forward_hook(lambda *a: log.append("always"), always_call=True)
    m.register_forward_hook(lambda *a: log.append("never"))
    try:
        m(1)
    except ValueError:
        log.append("raised")
    return log


@program
def backward_hooks(lib):
    m = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.Tanh())
    log = []
    m[0].register_full_backward_hook(lambda mod, gi, go: log.append(("full", gi, go)))
    m[1].register_full_backward_hook(lambda mod, gi, go: (gi[0] * 2,))
    m[1].register_full_backward_pre_hook(lambda mod, go: (go[0] * 3,))
    x = lib.tensor([[1.0, 2.0]], requires_grad=True)
    m(x).sum().backward()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        m(lib.ones(1, 2)).sum().backward()
    return log, x.grad, m[0].weight.grad


@program
def regular_backward_hook(lib):
    m = lib.nn.Tanh()
    log = []
    m.register_backward_hook(lambda mod, gi, go: log.append((gi, go)))
    x = lib.tensor([1.0, 2.0], requires_grad=True)
    m(x).sum().backward()
    return log, x.grad


@program
def mixed_backward_hooks(lib):
    m = lib.nn.Tanh()
    m.register_full_backward_hook(lambda *a: None)
    m.register_backward_hook(lambda *a: None)


@program
def global_hooks(lib):
    module = lib.nn.modules.module
    log = []
    handles = [
        module.register_module_forward_pre_hook(lambda m, a: log.append("pre")),
        module.register_module_forward_hook(lambda m, a, o: log.append("post")),
        module.register_module_parameter_registration_hook(lambda m, n, p: log.append(n)),
        module.register_module_module_registration_hook(lambda m, n, p: log.append(n)),
        module.register_module_buffer_registration_hook(lambda m, n, p: log.append(n)),
    ]
    m = lib.nn.Sequential(lib.nn.BatchNorm1d(2))
    m(lib.ones(3, 2))
    for h in handles:
        h.remove()
    m(lib.ones(3, 2))
    return log


@program
def zero_grad(lib):
    m = lib.nn.Linear(2, 1)
    m(lib.ones(1, 2)).sum().backward()
    m.zero_grad(set_to_none=False)
    zero = m.weight.grad
    m.zero_grad()
    m.requires_grad_(False)
    return zero, m.weight.grad, m.bias.requires_grad


@program
def apply_and_access(lib):
    m = net(lib)
    names = []
    m.apply(lambda x: names.append(type(x).__name__))
    m.set_submodule("rest.0", lib.nn.Tanh())
    return names, m.get_submodule("rest.0"), m.get_parameter("rest.1.bias"), m.get_buffer("seen")


@program
def sequential(lib):
    nn = lib.nn
    s = nn.Sequential(OrderedDict(a=nn.Linear(1, 1), b=nn.ReLU(), c=nn.Tanh()))
    s[-1] = nn.Sigmoid()
    head = s[:2]
    del s[0]
    t = nn.Sequential(nn.ReLU(), nn.Tanh())
    t.append(nn.ELU()).insert(0, nn.SELU()).extend([nn.Mish()])
    t += nn.Sequential(nn.GELU())
    popped = t.pop(1)
    t *= 2
    return s, head, t, popped, len(t), t + s, 2 * nn.Sequential(nn.ReLU()), list(iter(s))


@program
def lists_and_dicts(lib):
    nn = lib.nn
    ml = nn.ModuleList([nn.ReLU(), nn.Tanh()])
    ml.append(nn.ELU()).extend(nn.ModuleList([nn.SELU()]))
    ml.insert(1, nn.Mish())
    del ml[0]
    ml += [nn.GELU()]
    md = nn.ModuleDict([("a", nn.ReLU())])
    md["b"] = nn.Tanh()
    md.update({"c": nn.ELU(), "a": nn.Mish()})
    popped = md.pop("b")
    pd = nn.ParameterDict({"x": lib.ones(1)})
    pd.update([("y", lib.zeros(1))])
    pd.setdefault("z", lib.ones(2))
    copied = pd | nn.ParameterDict({"w": lib.ones(1)})
    pl = nn.ParameterList([lib.ones(1)])
    pl += [lib.zeros(2), 5]
    more = ml + nn.ModuleList([nn.ReLU()])
    return (
        ml, ml[1:], ml.pop(-1), more, md, popped, list(md), "a" in md, pd, copied, pd.popitem()[0],
        pl, pl[1:], list(pl.state_dict()), list(reversed(pd)), pd.get("q"), list(pd.keys()),
    )  # fmt: skip


@program
def parameter(lib):
    p = lib.nn.Parameter(lib.arange(3.0))
    base = lib.zeros(2)
    q = lib.nn.Parameter(base, requires_grad=False)
    base += 1
    c = copy.deepcopy(p)
    r = pickle.loads(pickle.dumps(q)) if lib is torch else copy.deepcopy(q)
    return (
        repr(p), str(q), q, type(p + 1), type(p.data), type(c), c.requires_grad, c, c is p,
        p.is_leaf, isinstance(p, lib.nn.Parameter), isinstance(base, lib.nn.Parameter), r,
        lib.nn.Parameter().shape == (0,), type(p.detach()), type(p.clone()),
    )  # fmt: skip


@program
def buffers(lib):
    b = lib.nn.Buffer(lib.ones(2), persistent=False)
    return isinstance(b, lib.nn.Buffer), isinstance(lib.ones(2), lib.nn.Buffer), b.persistent


@program
def deepcopy_module(lib):
    m = net(lib)
    c = copy.deepcopy(m)
    c.first.weight.data.zero_()
    return m.first.weight, c.tied is c.first, c.first.weight


@program
def lazy(lib):
    m = lib.nn.Sequential(lib.nn.LazyLinear(3), lib.nn.LazyBatchNorm1d())
    before = repr(m), [repr(p) for p in m.parameters()][:2]
    m(lib.ones(4, 2))
    return before, m, m[0].weight.shape == (3, 2), type(m[0])


@program
def lazy_load(lib):
    m = lib.nn.LazyLinear(3)
    m.load_state_dict(lib.nn.Linear(2, 3).state_dict())
    return m.weight, m(lib.ones(1, 2))


@program
def initialisers(lib):
    init = lib.nn.init
    t = lib.empty
    return (
        init.uniform_(t(3, 3)), init.normal_(t(3, 3)), init.trunc_normal_(t(4, 5)),
        init.trunc_normal_(t(4, 5), 0.0, 1.0, 1.5, 2.0), init.constant_(t(2), 3.0),
        init.xavier_uniform_(t(3, 4)), init.xavier_normal_(t(3, 4), 2.0),
        init.kaiming_uniform_(t(3, 4, 2)), init.kaiming_normal_(t(3, 4), mode="fan_out"),
        init.orthogonal_(t(3, 5)).abs(), init.orthogonal_(t(5, 3), 2.0).abs(),
        init.sparse_(t(5, 4), 0.4), init.eye_(t(2, 3)), init.dirac_(t(4, 2, 3), 2),
        init.ones_(t(2)), init.zeros_(t(2)), init.calculate_gain("leaky_relu", 0.2),
        init.calculate_gain("tanh"), init.xavier_uniform(t(2, 2)),
    )  # fmt: skip


@program
def packed_sequences(lib):
    rnn = lib.nn.utils.rnn
    seqs = [lib.arange(float(n)).reshape(n, 1) for n in (2, 4, 3)]
    packed = rnn.pack_sequence(seqs, enforce_sorted=False)
    padded, lengths = rnn.pad_packed_sequence(packed, batch_first=True, padding_value=-1.0)
    lstm = lib.nn.LSTM(1, 2, num_layers=2, bidirectional=True)
    out, (h, c) = lstm(packed)
    gru = lib.nn.GRU(1, 2)
    out2, h2 = gru(packed, lib.ones(1, 3, 2))
    loss = out.data.sum() + h.sum() + h2.sum()
    loss.backward()
    return (
        list(packed), padded, lengths, list(out), h, c, out2.data, h2, lstm.weight_ih_l0.grad,
        rnn.pad_sequence(seqs), rnn.pad_sequence(seqs, True, 7.0, "left"),
        rnn.unpad_sequence(padded, lengths, True), rnn.unpack_sequence(packed),
        list(rnn.pack_padded_sequence(lib.ones(2, 3, 1), [2, 1, 1])), packed.to(lib.float64).data,
        rnn.pad_packed_sequence(packed, total_length=5)[0],
    )  # fmt: skip


@program
def clipping(lib):
    utils = lib.nn.utils
    m = lib.nn.Linear(3, 2)
    results = []
    for p in (2.0, 1.0, float("inf"), 3.0):
        m.zero_grad()
        (m(lib.ones(1, 3)) ** 2).sum().backward()
        results.append(utils.clip_grad_norm_(m.parameters(), 0.5, norm_type=p))
        results.append(m.weight.grad)
    utils.clip_grad_value_(m.parameters(), 0.05)
    results += [m.weight.grad, utils.get_total_norm([lib.ones(2), lib.ones(3, 3)])]
    results.append(utils.clip_grad_norm_([], 1.0))
    m.weight.grad.fill_(float("inf"))
    return results, utils.clip_grad_norm_(m.parameters(), 1.0, error_if_nonfinite=True)


@program
def vectors(lib):
    m = lib.nn.Linear(2, 2)
    v = lib.nn.utils.parameters_to_vector(m.parameters())
    lib.nn.utils.vector_to_parameters(v * 2, m.parameters())
    return v, m.weight


@program
def weight_normalisation(lib):
    m = lib.nn.utils.parametrizations.weight_norm(lib.nn.Linear(3, 2))
    out = m(lib.ones(1, 3))
    out.sum().backward()
    old = lib.nn.utils.weight_norm(lib.nn.Linear(3, 2), dim=None)
    old_out = old(lib.ones(1, 3))
    lib.nn.utils.remove_weight_norm(old)
    return (
        m, list(m.state_dict()), out, m.parametrizations.weight.original0.grad,
        old_out, list(old.state_dict()), old(lib.ones(1, 3)),
    )  # fmt: skip


@program
def spectral_normalisation(lib):
    m = lib.nn.utils.parametrizations.spectral_norm(lib.nn.Linear(3, 2))
    out = m(lib.ones(1, 3))
    old = lib.nn.utils.spectral_norm(lib.nn.Linear(3, 2))
    old_out = old(lib.ones(1, 3))
    old_out.sum().backward()
    return list(m.state_dict()), out, list(old.state_dict()), old_out, old.weight_orig.grad


@program
def parametrizations(lib):
    P = lib.nn.utils.parametrize

    class Symmetric(lib.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).transpose(-1, -2)

        def right_inverse(self, x):
            return x.triu()

    m = lib.nn.Linear(3, 3)
    P.register_parametrization(m, "weight", Symmetric())
    w = m.weight
    m.weight = lib.ones(3, 3)
    with P.cached():
        same = m.weight is m.weight
    names, kind = list(m.state_dict()), type(m).__name__
    values = m.weight, P.is_parametrized(m), P.is_parametrized(m, "bias")
    P.remove_parametrizations(m, "weight")
    return w, same, names, kind, values, type(m).__name__, m.weight, isinstance(w, lib.Tensor)


@pytest.mark.parametrize("run", PROGRAMS, ids=[p.__name__ for p in PROGRAMS])
def test_program(run):
    """One program gives the same in both libraries."""
    want, got = outcome(run, torch), outcome(run, jtorch)
    assert_equal(got[0], want[0])
    assert got[1] == want[1], "the warnings differ"


def test_metaclass():
    """Module has no metaclass, so that it mixes with any other class."""
    assert type(jtorch.nn.Module) is type


def test_call_is_cheap():
    """A module without hooks costs little more than its forward."""

    class Nothing(jtorch.nn.Module):
        def forward(self, x):
            return x

    m = Nothing()
    direct = min(timeit.repeat(lambda: m.forward(1), number=20000, repeat=5)) / 20000
    call = min(timeit.repeat(lambda: m(1), number=20000, repeat=5)) / 20000
    assert call - direct < 1e-6


def test_no_cycles():
    """A module and what its forward made go away by reference counting alone."""
    gc.collect()
    gc.disable()
    try:
        m = jtorch.nn.Sequential(jtorch.nn.Linear(2, 2), jtorch.nn.ReLU())
        m(jtorch.ones(1, 2)).sum().backward()
        ref = weakref.ref(m[0].weight)
        del m
        assert ref() is None
    finally:
        gc.enable()
