"""Weight and spectral normalisation in both forms, orthogonal weights."""

import copy
import io

from compat_tests.semantics.observe import attempt


def _linear(torch, *sizes):
    torch.manual_seed(0)
    return torch.nn.Linear(*(sizes or (4, 3)))


def _layers(torch):
    torch.manual_seed(0)
    nn = torch.nn
    return [nn.Linear(4, 3), nn.Conv2d(2, 3, 2), nn.ConvTranspose1d(2, 3, 2), nn.Embedding(3, 4)]


def _state(module):
    return dict(module.state_dict())


def weight_norm(torch):
    results = []
    for dim in (0, 1, None, -1):
        layer = torch.nn.utils.parametrizations.weight_norm(_linear(torch), dim=dim)
        layer(torch.arange(8.0).view(2, 4)).pow(2).sum().backward()
        results.append((_state(layer), layer.weight.detach(), [p.grad for p in layer.parameters()]))
    return results, repr(layer)


def weight_norm_on_layers(torch):
    return [_state(torch.nn.utils.parametrizations.weight_norm(layer)) for layer in _layers(torch)]


def weight_norm_assign_and_remove(torch):
    layer = torch.nn.utils.parametrizations.weight_norm(_linear(torch))
    layer.weight = torch.arange(12.0).view(3, 4)
    state = _state(layer)
    torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    return state, _state(layer), layer.weight.requires_grad


def weight_norm_loads_the_older_form(torch):
    old = torch.nn.utils.weight_norm(_linear(torch))
    new = torch.nn.utils.parametrizations.weight_norm(torch.nn.Linear(4, 3))
    return list(old.state_dict()), repr(new.load_state_dict(old.state_dict())), new.weight.detach()


def older_weight_norm(torch):
    results = []
    for dim in (0, 1, None):
        layer = torch.nn.utils.weight_norm(_linear(torch), dim=dim)
        state = _state(layer)
        kind = type(layer.weight).__name__
        out = layer(torch.arange(8.0).view(2, 4))
        out.sum().backward()
        grads = [(n, p.grad) for n, p in layer.named_parameters()]
        removed = torch.nn.utils.remove_weight_norm(layer)
        results.append((state, kind, out, grads, removed is layer, _state(layer)))
    return results


def older_weight_norm_mistakes(torch):
    layer = torch.nn.utils.weight_norm(_linear(torch))
    return (
        attempt(torch.nn.utils.weight_norm, layer),
        attempt(torch.nn.utils.remove_weight_norm, layer, "bias"),
        attempt(torch.nn.utils.remove_weight_norm, _linear(torch)),
        attempt(torch.nn.utils.weight_norm, _linear(torch), "nothing"),
    )


def older_weight_norm_trains(torch):
    layer = torch.nn.utils.weight_norm(_linear(torch))
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(1, 4)).pow(2).sum().backward()
        optimizer.step()
    twin = copy.deepcopy(torch.nn.utils.remove_weight_norm(layer))
    return layer.weight, twin(torch.ones(1, 4))


def spectral_norm(torch):
    results = []
    for layer in _layers(torch)[:3]:
        torch.manual_seed(1)
        layer = torch.nn.utils.parametrizations.spectral_norm(layer, n_power_iterations=2)
        state = _state(layer)
        first = layer.weight
        layer.eval()
        results.append((list(state.items()), first, layer.weight, _state(layer)))
    return results


def spectral_norm_of_a_vector(torch):
    layer = torch.nn.utils.parametrizations.spectral_norm(_linear(torch), "bias")
    return _state(layer), layer.bias.detach()


def spectral_norm_mistakes(torch):
    f = torch.nn.utils.parametrizations.spectral_norm
    return [
        attempt(f, _linear(torch), "nothing"),
        attempt(f, _linear(torch), n_power_iterations=0),
        attempt(f, _linear(torch), dim=2),
        attempt(f, torch.nn.ReLU()),
    ]


def spectral_norm_gradient_and_removal(torch):
    layer = torch.nn.utils.parametrizations.spectral_norm(_linear(torch))
    layer(torch.arange(8.0).view(2, 4)).sum().backward()
    grads = [(n, p.grad) for n, p in layer.named_parameters()]
    layer.eval()
    torch.nn.utils.parametrize.remove_parametrizations(layer, "weight")
    return grads, _state(layer)


def older_spectral_norm(torch):
    results = []
    for layer in _layers(torch)[:3]:
        torch.manual_seed(1)
        layer = torch.nn.utils.spectral_norm(layer, n_power_iterations=2)
        state = _state(layer)
        x = torch.arange(8.0).view(2, 4) if layer.weight.dim() == 2 else torch.ones(
            1, 2, *[3] * (layer.weight.dim() - 2)
        )  # fmt: skip
        out = layer(x)
        out.sum().backward()
        results.append((state, out, [(n, p.grad) for n, p in layer.named_parameters()]))
        layer.eval()
        results.append((layer(x), _state(layer)))
        torch.nn.utils.remove_spectral_norm(layer)
        results.append(_state(layer))
    return results


def older_spectral_norm_mistakes(torch):
    layer = torch.nn.utils.spectral_norm(_linear(torch))
    return (
        attempt(torch.nn.utils.spectral_norm, layer),
        attempt(torch.nn.utils.remove_spectral_norm, _linear(torch)),
        attempt(torch.nn.utils.spectral_norm, _linear(torch), n_power_iterations=0),
    )


def older_spectral_norm_state(torch):
    layer = torch.nn.utils.spectral_norm(_linear(torch))
    layer(torch.ones(1, 4))
    state = layer.state_dict()
    other = torch.nn.utils.spectral_norm(torch.nn.Linear(4, 3))
    matched = repr(other.load_state_dict(state))
    return matched, dict(state._metadata), other.eval()(torch.ones(1, 4))


def older_spectral_norm_of_version_0(torch):
    layer = torch.nn.utils.spectral_norm(_linear(torch, 3, 4)).train()
    layer(torch.ones(1, 3))
    state = layer.state_dict()
    del state["weight_v"]
    state["weight"] = layer.weight.detach().clone()
    state._metadata = {"": {"version": 1}}
    other = torch.nn.utils.spectral_norm(torch.nn.Linear(3, 4)).eval()
    matched = repr(other.load_state_dict(state))
    return matched, other(torch.ones(1, 3)), other.weight_v


def orthogonal_maps(torch):
    results = []
    for sizes in ((3, 3), (4, 3), (3, 4)):
        for name in (None, "matrix_exp", "cayley", "householder"):
            layer = torch.nn.utils.parametrizations.orthogonal(
                _linear(torch, *sizes), orthogonal_map=name
            )
            layer(torch.ones(1, sizes[0])).pow(2).sum().backward()
            original = layer.parametrizations.weight.original
            results.append((layer.weight, list(layer.state_dict()), original, original.grad))
    return results


def orthogonal_without_trivialization(torch):
    results = []
    for sizes in ((3, 3), (4, 3), (3, 4)):
        for name in ("matrix_exp", "cayley", "householder"):
            layer = torch.nn.utils.parametrizations.orthogonal(
                _linear(torch, *sizes), orthogonal_map=name, use_trivialization=False
            )
            layer(torch.ones(1, sizes[0])).pow(2).sum().backward()
            original = layer.parametrizations.weight.original
            tensors = layer.weight, original, original.grad
            # LAPACK leaves its results in columns; here they lie in rows.
            results.append([t.detach().contiguous() for t in tensors])
    return results


def orthogonal_assignment(torch):
    layer = torch.nn.utils.parametrizations.orthogonal(_linear(torch, 3, 3))
    rotation = torch.tensor([[0.0, -1.0, 0.0], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]])
    layer.weight = rotation
    assigned = layer.weight
    frozen = torch.nn.utils.parametrizations.orthogonal(
        _linear(torch, 3, 3), orthogonal_map="cayley", use_trivialization=False
    )

    def assign(module, value):
        module.weight = value

    return (
        assigned,
        layer.parametrizations.weight[0].base,
        attempt(assign, frozen, rotation),
        attempt(assign, layer, torch.ones(2, 2)),
    )


def orthogonal_complex_and_batches(torch):
    class Own(torch.nn.Module):
        def __init__(self, *shape, dtype):
            super().__init__()
            ramp = torch.arange(24.0)[: 2 * shape[-1] ** 2 // 1].sin()
            value = ramp[: _count(shape)].view(shape).to(dtype)
            self.weight = torch.nn.Parameter(value * (1 + 1j) if dtype.is_complex else value)

    results = []
    for shape, dtype in (((2, 3, 3), torch.float64), ((3, 2), torch.complex64)):
        made = torch.nn.utils.parametrizations.orthogonal(Own(*shape, dtype=dtype))
        product = made.weight.mH @ made.weight
        results.append((made.weight.dtype, made.weight.shape, product.detach().real.round()))
    return results


def _count(shape):
    total = 1
    for n in shape:
        total *= n
    return total


def orthogonal_mistakes(torch):
    f = torch.nn.utils.parametrizations.orthogonal

    class Complex(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.weight = torch.nn.Parameter(torch.ones(2, 2, dtype=torch.complex64))

    return [
        attempt(f, _linear(torch), "nothing"),
        attempt(f, _linear(torch), "bias"),
        attempt(f, _linear(torch), orthogonal_map="other"),
        attempt(f, Complex(), orthogonal_map="householder"),
    ]


def orthogonal_trains_and_saves(torch):
    layer = torch.nn.utils.parametrizations.orthogonal(_linear(torch, 4, 3))
    optimizer = torch.optim.SGD(layer.parameters(), 0.1)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.arange(4.0)[None]).pow(2).sum().backward()
        optimizer.step()
    file = io.BytesIO()
    torch.save(layer.state_dict(), file)
    file.seek(0)
    other = torch.nn.utils.parametrizations.orthogonal(torch.nn.Linear(4, 3))
    matched = repr(other.load_state_dict(torch.load(file)))
    return matched, layer.weight, other.weight, (layer.weight @ layer.weight.mT).detach().round()
