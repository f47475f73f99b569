"""Rules of modules, line by line in both libraries: what is refused, and in which words."""

import collections
import copy
import pickle
import re
import warnings

import pytest
import torch

import jtorch


def _plain(lib, value):
    if isinstance(value, lib.Tensor):
        return [str(value.dtype), str(value.device), tuple(value.shape), *_numbers(value)]
    if isinstance(value, dict):
        return {k: _plain(lib, v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [_plain(lib, v) for v in value]
    return repr(value)


def _numbers(t):
    return () if t.is_meta else ((t.detach().double() * 1e4).round().tolist(),)


def _scrubbed(value):
    """Text without what may differ: the library's name, addresses, where a check was recorded."""
    text = str(value).replace("jtorch", "torch")
    return re.sub(r"0x[0-9a-f]+| \(recorded at .*?\)|-0\.0", "", text)


def _tried(lib, call):
    """The result of a call, or its exception, as text."""
    lib.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            return _scrubbed(_plain(lib, call()))
        except Exception as error:
            return _scrubbed(f"{type(error).__name__}: {error}")


def _space(lib, setup):
    space = {"torch": lib, "nn": lib.nn, "copy": copy, "pickle": pickle}
    exec(setup, {**space, "collections": collections}, space)
    return {**space, "collections": collections}


# {name: (statements that make what the lines speak of, lines)}; later lines see what earlier did.
SCENARIOS = {}
SCENARIOS["attributes"] = (
    """
class M(nn.Module):
    def __init__(self):
        super().__init__()
        self.p = nn.Parameter(torch.ones(2))
        self.register_buffer("b", torch.ones(1))
        self.m = nn.Linear(1, 1)
m = M()
""",
    """
setattr(m, "p", torch.ones(2))
setattr(m, "p", 3)
setattr(m, "b", 3)
setattr(m, "b", "x")
setattr(m, "m", 3)
setattr(m, "m", torch.ones(1))
setattr(m, "p", None)
setattr(m, "b", None)
setattr(m, "m", None)
setattr(m, "p", nn.Linear(1, 1))
setattr(m, "b", nn.Parameter(torch.ones(1)))
setattr(m, "m", nn.Parameter(torch.ones(1)))
m.register_parameter("a.b", None)
m.register_parameter("", None)
m.register_parameter(3, None)
m.register_parameter("q", torch.ones(1))
m.register_parameter("forward", None)
m.register_parameter("q", nn.Parameter(torch.ones(1)) * 2)
m.register_buffer("a.b", None)
m.register_buffer("", None)
m.register_buffer(3, None)
m.register_buffer("q", 3)
m.register_buffer("training", None)
m.add_module("a.b", None)
m.add_module("", None)
m.add_module(3, None)
m.add_module("q", 3)
m.add_module("training", nn.Linear(1, 1))
m.nope
delattr(m, "nope")
m.train(3)
m.to(torch.int32)
m.to(1, 2, 3, 4, 5)
m(1)
m.get_submodule("x.y")
m.get_submodule("p")
m.get_parameter("zz")
m.get_parameter("training")
m.get_buffer("p")
m.get_buffer("zz")
m.set_submodule("", nn.Linear(1, 1))
m.set_submodule("x.y", nn.Linear(1, 1))
m.set_submodule("x", 3)
m.set_submodule("q3", nn.Linear(1, 1), strict=True)
m.set_submodule("training", nn.Linear(1, 1))
m.load_state_dict(3)
m.get_extra_state()
m.set_extra_state(1)
nn.Module(1)
nn.Module(a=1)
m.type(torch.float64)
m.requires_grad_(3)
m.register_module("zz", None)
m.state_dict(1, 2, 3, 4)
m.named_parameters(foo=1)
m.apply(3)
m.half().float()
m.zero_grad(3)
m.to_empty()
m.bogus()
""",
)
SCENARIOS["sequential"] = (
    """
s = nn.Sequential(nn.Linear(1, 1), nn.ReLU())
""",
    """
s[5]
s[-1]
s[0:1]
s.pop(0)
s.append(nn.Tanh())
s.insert(0, nn.Sigmoid())
s.extend([nn.Tanh()])
s + nn.Sequential(nn.ELU())
s * 2
s + 3
s * 0
s.append(3)
s.insert(99, nn.Tanh())
s.insert(0, 3)
s.__delitem__(0)
s.__delitem__(slice(0, 2))
s.__setitem__(0, nn.Tanh())
len(s)
list(s)
nn.Sequential(3)
nn.Sequential(collections.OrderedDict(a=nn.Tanh()))
s.extend(3)
"a" in dir(s)
s.pop(9)
s.__iadd__(nn.Sequential(nn.ReLU()))
s.__imul__(2)
2 * s
""",
)
SCENARIOS["module_list"] = (
    """
l = nn.ModuleList([nn.Tanh(), nn.ReLU()])
""",
    """
l[9]
l[-1]
l["a"]
l[0:2]
l.append(3)
l.extend(3)
l.insert(0, nn.ELU())
l.pop()
l.pop(0)
l + [nn.Tanh()]
l.__iadd__([nn.ELU()])
l.__setitem__(0, nn.ELU())
l.__delitem__(0)
l(1)
len(l)
nn.ModuleList([nn.Linear(1, 1) for _ in range(3)] + [nn.Tanh()])
nn.ModuleList(3)
nn.Tanh() in l
l.forward
l.__setitem__(99, nn.ELU())
""",
)
SCENARIOS["module_dict"] = (
    """
d = nn.ModuleDict({"a": nn.Tanh()})
""",
    """
d["z"]
d.update({"b": nn.ReLU()})
d.update([("c", nn.ReLU())])
d.update(3)
d.update([3])
d.update([(1, 2, 3)])
d.pop("a")
d.pop("zz")
list(d.items())
d.__setitem__("x.y", nn.ReLU())
d.__setitem__(3, nn.ReLU())
d.__setitem__("q", 3)
"b" in d
d.clear()
len(d)
d(1)
d.__setitem__("keys", nn.ReLU())
d.__setitem__("pop", nn.ReLU())
""",
)
SCENARIOS["parameter_list"] = (
    """
p = nn.ParameterList([torch.ones(2), nn.Parameter(torch.ones(1)), "x", 3])
""",
    """
p
p[0]
p[9]
p[-1]
p.append(torch.ones(1))
p.extend([torch.ones(1)])
p.extend(3)
p[0:2]
len(p)
p.__setitem__(0, torch.zeros(1))
list(p.parameters())
p + [torch.ones(1)]
p(1)
nn.ParameterList(3)
list(p.state_dict())
p.pop()
""",
)
SCENARIOS["parameter_dict"] = (
    """
q = nn.ParameterDict({"a": torch.ones(2), "b": nn.Parameter(torch.ones(1)), "c": "x"})
""",
    """
q
q["z"]
q.setdefault("d", torch.ones(1))
q.setdefault("e")
q.get("zz", 3)
q.popitem()
q.pop("a")
q.pop("zz")
q.update({"n": torch.ones(1)})
q | nn.ParameterDict({"r": torch.ones(1)})
q.__ior__({"s": torch.ones(1)})
nn.ParameterDict({"o": torch.ones(1)}) | q
q.copy()
q.fromkeys(["u", "v"], torch.ones(1))
list(reversed(q))
list(q.items())
q(1)
q.clear()
len(q)
q.popitem()
""",
)
SCENARIOS["lazy"] = (
    """
m = nn.LazyLinear(3)
""",
    """
m
m.weight.shape
m.weight + 1
1.0 * m.weight
m.weight @ torch.ones(2)
m.weight.double().dtype
nn.LazyBatchNorm1d().half().double()(torch.ones(2, 3).double()).dtype
[str(b.device) for b in nn.LazyBatchNorm1d().to("meta").buffers()]
m.has_uninitialized_params()
nn.parameter.is_lazy(m.weight)
copy.deepcopy(m)
pickle.loads(pickle.dumps(m))
m.load_state_dict(nn.Linear(2, 3).state_dict())
m
m(torch.ones(1, 2)).shape
type(m)
nn.LazyLinear(3).load_state_dict(nn.LazyLinear(3).state_dict())
nn.Linear(2, 3).load_state_dict(nn.LazyLinear(3).state_dict())
nn.LazyConv2d(3, 3)(torch.ones(2, 2))
nn.LazyConv2d(3, 3)(torch.ones(1, 2, 5, 5)).shape
nn.LazyBatchNorm2d()(torch.ones(1, 2, 5, 5)).shape
nn.LazyBatchNorm2d()
nn.LazyConvTranspose1d(3, 2)
nn.LazyInstanceNorm1d()
nn.LazyLinear(3).double().weight.dtype
nn.LazyLinear(3).zero_grad()
nn.LazyLinear(3).apply(lambda x: None)
nn.LazyLinear(4).cpu()
nn.LazyBatchNorm1d(track_running_stats=False)(torch.ones(2, 3)).shape
len(m._forward_pre_hooks)
nn.Sequential(nn.LazyLinear(2), nn.LazyBatchNorm1d())(torch.ones(2, 3)).shape
""",
)
SCENARIOS["parameters"] = (
    """
p = nn.Parameter(torch.ones(2))
""",
    """
p
nn.Parameter(3)
nn.Parameter(torch.ones(1, dtype=torch.int64))
nn.Parameter(torch.ones(1, dtype=torch.int64), requires_grad=False)
nn.Parameter()
p.data
p * 2
type(p * 2).__name__
type(p.detach()).__name__
type(p.data).__name__
type(copy.deepcopy(p)).__name__
nn.Parameter(p) is p
isinstance(torch.ones(1), nn.Parameter)
nn.Buffer(torch.ones(1))
type(nn.Buffer(torch.ones(1))).__name__
isinstance(nn.Buffer(torch.ones(1)), nn.Buffer)
nn.Buffer(torch.ones(1), persistent=False).persistent
type(p.clone()).__name__
type(p.to(torch.float64)).__name__
p.is_leaf
nn.Parameter(p * 2).is_leaf
[n for n in p.__dict__]
type(p[0]).__name__
type(torch.nn.Parameter(torch.ones(2)).requires_grad_(False)).__name__
pickle.loads(pickle.dumps(p))
hash(p) == id(p)
""",
)
SCENARIOS["recurrent"] = (
    """

""",
    """
nn.LSTM(2, 3, dropout=2)
nn.LSTM(2, 3, dropout=0.5)
nn.LSTM(2, 3, proj_size=5)
nn.RNN(2, 3, nonlinearity="x")
nn.GRU(2, 3, proj_size=1)
nn.RNNBase("X", 2, 3)
nn.LSTM(2, 3)(torch.ones(2, 3)).__len__()
nn.LSTM(2, 3)(torch.ones(2, 3, 4))
nn.LSTM(2, 3)(torch.ones(1, 2, 3, 2))
nn.LSTM(2, 3)(torch.ones(2, 3, 2), (torch.ones(1, 1, 3), torch.ones(1, 3, 3)))
nn.GRU(2, 3)(torch.ones(2, 3, 2), torch.ones(1, 1, 3))
nn.GRU(2, 3)(torch.ones(2, 3, 2).double())
nn.LSTM(2, 3, 2, bidirectional=True, proj_size=1, batch_first=True).all_weights.__len__()
nn.LSTM(2, 3, 2, bidirectional=True, proj_size=1, batch_first=True)
[n for n, _ in nn.LSTM(2, 3, 2, bidirectional=True, proj_size=1).named_parameters()]
nn.LSTM(2, 3)._flat_weights_names
nn.LSTM(2, 3).flatten_parameters()
nn.LSTMCell(2, 3)(torch.ones(1, 2), (torch.ones(1, 3),))
nn.RNNCell(2, 3, nonlinearity="x")(torch.ones(1, 2))
nn.LSTM(2, 3)(nn.utils.rnn.pack_sequence([torch.ones(3, 2), torch.ones(1, 2)]))[0].batch_sizes
nn.GRU(2, 3)(nn.utils.rnn.pack_padded_sequence(torch.ones(3, 2, 2), [1, 3], False, False))[1].shape
nn.LSTM(2, 3, 1, True, False, 0.0, True).bidirectional
nn.RNN(2, 3, 1, "relu").mode
nn.LSTM(input_size=2, hidden_size=3)
nn.LSTM(2, 3, num_layers=0)
nn.LSTM(2, 3, bias=1)
""",
)
SCENARIOS["constructors"] = (
    """

""",
    """
nn.Conv2d(3, 4, 3, groups=2)
nn.Conv2d(4, 3, 3, groups=2)
nn.Conv2d(1, 1, 3, padding="same", stride=2)
nn.Conv2d(1, 1, 3, groups=0)
nn.ConvTranspose2d(1, 1, 3, padding_mode="reflect")
nn.Dropout(2)
nn.Dropout(-1)
nn.Embedding(3, 2, padding_idx=5)
nn.Embedding(3, 2, padding_idx=-1).padding_idx
nn.Embedding.from_pretrained(torch.ones(3))
nn.Embedding(3, 2, _weight=torch.ones(2, 2))
nn.EmbeddingBag(3, 2, mode="x")
nn.EmbeddingBag(3, 2, mode="max", scale_grad_by_freq=True)
nn.PixelShuffle(2)(torch.ones(1, 3, 2, 2))
nn.Hardtanh(1, 0)
nn.Softplus()(1)
nn.MaxPool2d(2)(1)
nn.AdaptiveLogSoftmaxWithLoss(4, 10, [12])
nn.AdaptiveLogSoftmaxWithLoss(4, 10, [4, 2])
nn.AdaptiveLogSoftmaxWithLoss(4, 10, [])
nn.LocalResponseNorm(0)(torch.ones(1, 2, 3))
nn.CosineSimilarity()(torch.ones(2, 3), torch.ones(3, 3))
nn.Flatten(5)(torch.ones(2, 2))
nn.Unflatten(1, (2, 3))(torch.ones(2, 5))
nn.Unflatten(1, "x")
nn.Unflatten("a", 3)
nn.Upsample(scale_factor=2, size=3)(torch.ones(1, 1, 2, 2))
nn.BatchNorm1d(2)(torch.ones(2, 2, 2, 2))
nn.BatchNorm2d(2)(torch.ones(2, 2))
nn.BatchNorm1d(2)(torch.ones(1, 2))
nn.BatchNorm1d(2)(torch.ones(2, 3))
nn.InstanceNorm2d(2)(torch.ones(2))
nn.InstanceNorm1d(3)(torch.ones(1, 2, 4))
nn.LayerNorm(3)(torch.ones(2))
nn.Linear(2, 3)(torch.ones(3))
nn.Linear(2, 3)(torch.ones(2, 2).double())
nn.Linear(2, 3)("a")
nn.Bilinear(2, 3, 1)(torch.ones(1, 2), torch.ones(1, 2))
nn.TripletMarginLoss(margin=-1)
nn.TripletMarginWithDistanceLoss(margin=-1)
nn.MultiMarginLoss(p=3)
nn.MultiMarginLoss(weight=torch.ones(2, 2))
nn.GaussianNLLLoss()(torch.ones(1), torch.ones(1), -torch.ones(1))
nn.SmoothL1Loss(beta=-1)(torch.ones(1), torch.ones(1))
nn.PReLU(3)(torch.ones(1, 2))
nn.GLU()(torch.ones(3))
nn.ChannelShuffle(3)(torch.ones(1, 4, 2, 2))
nn.Fold(4, 2)(torch.ones(1, 3, 9))
nn.Unfold(5)(torch.ones(1, 1, 3, 3))
nn.Softmax(5)(torch.ones(2))
nn.Softmax2d()(torch.ones(2))
nn.Softmax()(torch.ones(2, 2))
nn.MSELoss(size_average=False)
nn.MSELoss(reduce=False)
nn.MSELoss(reduction="x")(torch.ones(1), torch.ones(1))
nn.MSELoss()(torch.ones(2), torch.ones(2, 1))
nn.BCELoss()(torch.ones(2) * 2, torch.ones(2))
nn.BCELoss()(torch.ones(2), torch.ones(3))
nn.RReLU(1, 0)(torch.ones(1))
nn.Identity(1, a=2)(3)
nn.ZeroPad2d("a")
nn.ReflectionPad1d(5)(torch.ones(1, 1, 2))
nn.ZeroPad2d(1.5)
nn.FractionalMaxPool2d(2, output_ratio=2.0)
nn.FractionalMaxPool2d(2, output_size=2, output_ratio=0.5)
nn.LPPool2d(2, 2).stride
nn.Threshold(1)
nn.GroupNorm(2, 3)
""",
)

SCENARIOS["gradients of convolutions"] = (
    """
x = torch.arange(50.0).reshape(1, 2, 5, 5).sin()
w = torch.arange(54.0).reshape(3, 2, 3, 3).cos().requires_grad_()
g = torch.arange(27.0).reshape(1, 3, 3, 3).sin()
""",
    """
nn.grad.conv2d_input(x.shape, w, g)
nn.grad.conv2d_weight(x, w.shape, g)
nn.grad.conv2d_input(x.shape, w, g).requires_grad
nn.grad.conv2d_weight(x, w.shape, g).requires_grad
nn.grad.conv2d_input((1, 2, 5, 5), w, torch.ones(1, 3, 2, 2), stride=2)
nn.grad.conv2d_input((1, 2, 5, 5), w, torch.ones(1, 3, 5, 5), padding=1)
nn.grad.conv2d_weight(x, (4, 1, 3, 3), torch.ones(1, 4, 3, 3), groups=2)
nn.grad.conv1d_input((1, 2, 5), w[0], torch.ones(1, 2, 3), 1, 0, 1, 1)
nn.grad.conv1d_weight(x[0], (3, 5, 2), torch.ones(2, 3, 4))
nn.grad.conv3d_input((1, 1, 3, 3, 3), torch.ones(1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2))
nn.grad.conv3d_weight(torch.ones(1, 1, 3, 3, 3), (1, 1, 2, 2, 2), torch.ones(1, 1, 2, 2, 2))
""",
)
SCENARIOS["less used"] = (
    """
F = nn.functional
f = nn.quantized.FloatFunctional()
x = torch.ones(2)
""",
    """
f
f.add(x, x)
f.mul(x, x)
f.add_scalar(x, 2)
f.mul_scalar(x, 3)
f.cat([x, x])
f.add_relu(x, -3 * x)
f.matmul(x, x)
f(x)
nn.LinearCrossEntropyOptions()
nn.LinearCrossEntropyOptions(chunking_method="x")
nn.LinearCrossEntropyOptions(chunking_method="aspect_ratio:0")
nn.LinearCrossEntropyOptions(batch_chunk_size=0)
nn.LinearCrossEntropyOptions(acc_policy="z")
nn.LinearCrossEntropyOptions(acc_dtype=torch.int32)
nn.LinearCrossEntropyLoss(3, 4, out_features=(2,))(torch.ones(4, 3), torch.zeros(4, 2).long())
F.linear_cross_entropy(torch.ones(4, 3), torch.ones(3), torch.zeros(4).long())
F.linear_cross_entropy(torch.ones(3), torch.ones(5, 2, 3), torch.zeros(2).long())
F.linear_cross_entropy(torch.ones(4, 3), torch.ones(5, 3), torch.ones(4, 5) / 5, ignore_index=1)
F._canonical_mask(torch.ones(2).bool(), "a", torch.float32, "b", torch.float32)
F._canonical_mask(torch.ones(2).long(), "a", None, "b", torch.float32)
F._none_or_dtype(3)
F._none_or_dtype(x)
F._get_softmax_dim("softmax", 3, 3)
F._verify_batch_size((1, 3, 1))
torch.empty(2, device="meta").to("cpu")
torch.empty(2, device="meta").numpy()
torch.ones(2).to("meta")
torch.ones(2).copy_(torch.empty(2, device="meta"))
torch.empty(2, device="meta").copy_(torch.ones(2))
torch.ones(1, 4, 3, 3).to(memory_format=torch.channels_last).relu().stride()
""",
)


@pytest.mark.parametrize("name", SCENARIOS)
def test_every_line_gives_the_same(name):
    setup, lines = SCENARIOS[name]
    theirs, ours = _space(torch, setup), _space(jtorch, setup)
    for line in lines.strip().split("\n"):
        want = _tried(torch, lambda line=line: eval(line, theirs))
        got = _tried(jtorch, lambda line=line: eval(line, ours))
        assert got == want, line


CHANGES = {
    "nothing": "None",
    "missing": "s.pop('a.weight')",
    "missing and unexpected": (
        "s.pop('a.weight'), s.pop('c.0.bias'), "
        "s.update({'zz': torch.ones(1), 'a.q': torch.ones(1), 'c.0.q.r': torch.ones(1)})"
    ),
    "sizes": "s.update({'a.weight': torch.ones(3, 3), 'b.running_mean': torch.ones(4)})",
    "no tensor": "s.update({'a.weight': 3})",
    "one element": "s.update({'b.num_batches_tracked': torch.ones(1)})",
    "two elements": "s.update({'b.num_batches_tracked': torch.ones(2)})",
    "double": "s.update({'a.weight': torch.ones(3, 2, dtype=torch.float64)})",
    "meta": "s.update({'a.weight': torch.ones(3, 2, device='meta')})",
    "integers": "s.update({'a.bias': torch.ones(3, dtype=torch.int64)})",
    "empty": "s.clear()",
}


@pytest.mark.parametrize("options", [{}, {"strict": False}, {"assign": True}], ids=str)
@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES)
def test_load_state_dict(change, options):
    def program(lib):
        nn = lib.nn
        m = nn.Sequential(
            collections.OrderedDict(
                a=nn.Linear(2, 3), b=nn.BatchNorm1d(3), c=nn.Sequential(nn.Linear(3, 1))
            )
        )
        state = collections.OrderedDict(m.state_dict())
        eval(change, {"s": state, "torch": lib})
        found = _tried(lib, lambda: repr(m.load_state_dict(state, **options)))
        return found, [(str(t.dtype), str(t.device)) for t in m.state_dict().values()]

    assert program(jtorch) == program(torch)


def test_weights_made_on_meta_by_replaced_registration():
    """As accelerate's init_empty_weights does."""

    def program(lib):
        nn = lib.nn
        before = nn.Module.register_parameter, nn.Module.register_buffer

        def register_parameter(module, name, param):
            before[0](module, name, param)
            if param is not None:
                cls = type(module._parameters[name])
                options = {**module._parameters[name].__dict__}
                options["requires_grad"] = param.requires_grad
                moved = module._parameters[name].to(lib.device("meta"))
                module._parameters[name] = cls(moved, **options)

        def register_buffer(module, name, buffer, persistent=True):
            before[1](module, name, buffer, persistent=persistent)
            if buffer is not None:
                module._buffers[name] = module._buffers[name].to(lib.device("meta"))

        nn.Module.register_parameter = register_parameter
        nn.Module.register_buffer = register_buffer
        try:
            m = nn.Sequential(nn.Linear(3, 4), nn.BatchNorm1d(4), nn.Embedding(5, 6), nn.LSTM(2, 3))
        finally:
            nn.Module.register_parameter, nn.Module.register_buffer = before
        made = [(n, str(p.device), type(p).__name__) for n, p in m.named_parameters()]
        made += [(n, str(b.device)) for n, b in m.named_buffers()]
        refused = _tried(lib, lambda: m.to("cpu"))
        m.to_empty(device="cpu")
        return made, refused, [str(p.device) for p in m.parameters()]

    assert program(jtorch) == program(torch)


def test_layers_run_on_meta():
    def program(lib):
        nn = lib.nn
        with lib.device("meta"):
            rows = lib.ones(2, 3, 8)
            out = [
                nn.TransformerEncoderLayer(8, 2, 16)(rows),
                nn.Conv2d(3, 4, 3)(lib.ones(1, 3, 8, 8)),
                *nn.LSTM(8, 4)(rows),
                nn.Embedding(4, 3)(lib.zeros(2, dtype=lib.long)),
                nn.CrossEntropyLoss()(lib.ones(2, 3), lib.zeros(2, dtype=lib.long)),
            ]
        return _plain(lib, out)

    assert program(jtorch) == program(torch)


PADDINGS = {
    "ends": [[False, False, True], [False, True, True]],
    "starts": [[True, False, False], [False, False, False]],
    "added": [[0.0, 0.0, float("-inf")], [0.0, 0.0, 0.0]],
}


@pytest.mark.parametrize("grad", (True, False))
@pytest.mark.parametrize("batch_first", (True, False))
@pytest.mark.parametrize("padding", PADDINGS.values(), ids=PADDINGS)
def test_encoders_and_padding(padding, batch_first, grad):
    def program(lib):
        lib.manual_seed(0)
        found = []
        layer = lib.nn.TransformerEncoderLayer(4, 2, 8, batch_first=batch_first)
        for options in ({}, {"norm": lib.nn.LayerNorm(4)}, {"enable_nested_tensor": False}):
            encoder = lib.nn.TransformerEncoder(layer, 2, **options).eval()
            found.append(encoder.use_nested_tensor)
            x = lib.arange(24.0).reshape(2, 3, 4).sin()
            x = x if batch_first else x.transpose(0, 1)
            with lib.set_grad_enabled(grad):
                found += encoder(x, src_key_padding_mask=lib.tensor(padding)).flatten().tolist()
        return found

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        assert program(jtorch) == pytest.approx(program(torch), abs=1e-5)


@pytest.mark.parametrize("module", ("qat", "quantized", "quantizable", "intrinsic"))
def test_quantised_layers_say_that_they_are_not_there(module):
    absent = getattr(jtorch.nn, module)
    assert not hasattr(absent, "Conv2d")
    with pytest.raises(NotImplementedError, match=f"torch.nn.{module}.Conv2d is not supported"):
        absent.Conv2d(1, 1, 1)
