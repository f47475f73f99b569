"""Parametrizations: registering, assigning, removing, caching, copying, saving."""

import copy
import io
import pickle

from compat_tests.semantics.observe import attempt


def _utils(torch):
    return torch.nn.utils.parametrize


def _symmetric(torch):
    class Symmetric(torch.nn.Module):
        def forward(self, x):
            return x.triu() + x.triu(1).mT

        def right_inverse(self, a):
            return a.triu()

    return Symmetric()


def _double(torch, inverse=True):
    class Double(torch.nn.Module):
        def forward(self, x):
            return 2 * x

    class Invertible(Double):
        def right_inverse(self, y):
            return y / 2

    return Invertible() if inverse else Double()


def _sum_of_two(torch):
    class Sum(torch.nn.Module):
        def forward(self, a, b):
            return a + b

        def right_inverse(self, y):
            return y / 4, y * 0.75

    return Sum()


def _linear(torch, *sizes):
    torch.manual_seed(0)
    return torch.nn.Linear(*(sizes or (3, 3)))


def _names(module):
    return (
        [n for n, _ in module.named_parameters()],
        [n for n, _ in module.named_buffers()],
        list(module.state_dict()),
    )


def register_and_look(torch):
    p = _utils(torch)
    layer = _linear(torch)
    returned = p.register_parametrization(layer, "weight", _symmetric(torch))
    return (
        returned is layer, type(layer).__name__, isinstance(layer, torch.nn.Linear),
        repr(layer), layer.weight, _names(layer), p.is_parametrized(layer),
        p.is_parametrized(layer, "weight"), p.is_parametrized(layer, "bias"),
        p.type_before_parametrizations(layer) is torch.nn.Linear, layer(torch.ones(1, 3)),
    )  # fmt: skip


def assign_through_the_inverse(torch):
    layer = _linear(torch)
    _utils(torch).register_parametrization(layer, "weight", _double(torch))
    with torch.no_grad():
        layer.weight = torch.ones(3, 3)
    return layer.weight, layer.parametrizations.weight.original


def without_an_inverse(torch):
    layer = _linear(torch)
    before = layer.weight.detach().clone()
    _utils(torch).register_parametrization(layer, "weight", _double(torch, inverse=False))

    def assign():
        layer.weight = torch.ones(3, 3)

    return layer.weight, before, attempt(assign)


def a_chain(torch):
    p = _utils(torch)
    layer = _linear(torch)
    p.register_parametrization(layer, "weight", _symmetric(torch))
    p.register_parametrization(layer, "weight", _double(torch))
    layer.weight = torch.ones(3, 3)
    return layer.weight, _names(layer), len(layer.parametrizations.weight)


def several_originals(torch):
    p = _utils(torch)
    layer = _linear(torch)
    p.register_parametrization(layer, "weight", _sum_of_two(torch))
    originals = layer.parametrizations.weight
    names = _names(layer)
    layer.weight = torch.ones(3, 3)
    layer.weight.sum().backward()
    results = originals.original0, originals.original1, originals.original0.grad, names
    wrong = attempt(p.remove_parametrizations, layer, "weight", leave_parametrized=False)
    p.remove_parametrizations(layer, "weight")
    return results, wrong, layer.weight, type(layer).__name__, _names(layer)


def remove(torch):
    results = []
    for leave in (True, False):
        p = _utils(torch)
        layer = _linear(torch)
        weight = layer.weight
        p.register_parametrization(layer, "weight", _double(torch, inverse=False))
        p.register_parametrization(layer, "bias", _double(torch))
        returned = p.remove_parametrizations(layer, "weight", leave_parametrized=leave)
        between = _names(layer)
        p.remove_parametrizations(layer, "bias")
        results += [
            returned is layer, between, layer.weight, layer.weight is weight,
            type(layer).__name__, hasattr(layer, "parametrizations"), _names(layer),
            layer.weight.requires_grad, type(layer.weight).__name__,
        ]  # fmt: skip
    return results


def gradients(torch):
    layer = _linear(torch)
    _utils(torch).register_parametrization(layer, "weight", _symmetric(torch))
    layer(torch.arange(6.0).view(2, 3)).pow(2).sum().backward()
    return layer.parametrizations.weight.original.grad, layer.bias.grad


def a_buffer(torch):
    p = _utils(torch)
    norm = torch.nn.BatchNorm1d(2)
    p.register_parametrization(norm, "running_mean", _double(torch))
    names = _names(norm)
    return names, norm.running_mean, type(norm.parametrizations.running_mean.original).__name__


def cached(torch):
    calls = []

    class Counting(torch.nn.Module):
        def forward(self, x):
            calls.append(1)
            return x * 1

    p = _utils(torch)
    layer = _linear(torch)
    p.register_parametrization(layer, "weight", Counting())
    after_registering = len(calls)
    _ = layer.weight, layer.weight
    outside = len(calls)
    with p.cached():
        first = layer.weight
        second = layer.weight
        with p.cached():
            _ = layer.weight
        inside = len(calls), first is second
    _ = layer.weight
    return after_registering, outside, inside, len(calls)


def mistakes(torch):
    p = _utils(torch)

    class Wrong(torch.nn.Module):
        def __init__(self, f):
            super().__init__()
            self.f = f

        def forward(self, x):
            return self.f(x)

    class WrongInverse(Wrong):
        def right_inverse(self, y):
            return self.f(y)

    register = p.register_parametrization
    found = [
        attempt(register, _linear(torch), "nothing", _double(torch)),
        attempt(register, _linear(torch), "weight", Wrong(lambda x: x[:1])),
        attempt(register, _linear(torch), "weight", Wrong(lambda x: x.double())),
        attempt(register, _linear(torch), "weight", Wrong(lambda x: 3)),
        attempt(register, _linear(torch), "weight", WrongInverse(lambda x: 3)),
        attempt(register, _linear(torch), "weight", WrongInverse(lambda x: (x, 3))),
        attempt(register, _linear(torch), "weight", WrongInverse(lambda x: x.double())),
        attempt(p.remove_parametrizations, _linear(torch), "weight"),
    ]
    layer = _linear(torch)
    register(layer, "weight", _double(torch))
    found += [
        attempt(register, layer, "weight", Wrong(lambda x: x[:1])),
        attempt(register, layer, "weight", Wrong(lambda x: x.double())),
        attempt(register, layer, "weight", WrongInverse(lambda x: 3)),
        attempt(p.remove_parametrizations, layer, "bias"),
        attempt(p.ParametrizationList, [], layer.bias),
    ]
    return found


def unsafe(torch):
    class Cut(torch.nn.Module):
        def forward(self, x):
            return x[:2].double()

    layer = _linear(torch)
    _utils(torch).register_parametrization(layer, "weight", Cut(), unsafe=True)
    return layer.weight, layer.parametrizations.weight.unsafe, _names(layer)


def deep_copies(torch):
    layer = _linear(torch)
    _utils(torch).register_parametrization(layer, "weight", _symmetric(torch))
    twin = copy.deepcopy(layer)
    with torch.no_grad():
        twin.parametrizations.weight.original.zero_()
    return layer.weight, twin.weight, type(twin).__name__, _utils(torch).is_parametrized(twin)


def pickling_is_refused(torch):
    layer = _linear(torch)
    _utils(torch).register_parametrization(layer, "weight", torch.nn.Identity())
    return attempt(pickle.dumps, layer), attempt(torch.save, layer, io.BytesIO())


def state_dict_round_trip(torch):
    layer, other = _linear(torch), torch.nn.Linear(3, 3)
    for module in (layer, other):
        _utils(torch).register_parametrization(module, "weight", _symmetric(torch))
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    matched = repr(other.load_state_dict(torch.load(file)))
    return matched, other.weight, attempt(torch.nn.Linear(3, 3).load_state_dict, layer.state_dict())


def train_and_eval_reach_the_parametrizations(torch):
    p = _utils(torch)
    layer = _linear(torch).eval()
    parametrization = _double(torch)
    p.register_parametrization(layer, "weight", parametrization)
    before = parametrization.training
    layer.train()
    return before, parametrization.training, layer.parametrizations.training


def transfer(torch):
    p = _utils(torch)
    source, target = _linear(torch), torch.nn.Linear(3, 3)
    p.register_parametrization(source, "weight", _double(torch))
    p.register_parametrization(source, "bias", _double(torch))
    p.transfer_parametrizations_and_params(source, target, "weight")
    first = _names(target)
    p.transfer_parametrizations_and_params(source, target)
    return first, _names(target), target.weight, target.bias


def shared_parametrization(torch):
    p = _utils(torch)
    scale = torch.nn.Linear(1, 1, bias=False)

    class Scaled(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.by = scale

        def forward(self, x):
            return x * self.by.weight

    model = torch.nn.Sequential(_linear(torch), _linear(torch))
    for layer in model:
        p.register_parametrization(layer, "weight", Scaled())
    return _names(model), len(list(model.parameters()))


def training_reaches_the_original(torch):
    layer = _linear(torch)
    _utils(torch).register_parametrization(layer, "weight", _symmetric(torch))
    optimizer = torch.optim.SGD(layer.parameters(), lr=0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.eye(3)).pow(2).sum().backward()
        optimizer.step()
    return layer.weight, layer.parametrizations.weight.original
