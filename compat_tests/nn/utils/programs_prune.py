"""Pruning."""

import copy

from compat_tests.semantics.observe import attempt


def _prune(torch):
    import importlib

    return importlib.import_module(f"{torch.__name__}.nn.utils.prune")


def _linear(torch):
    torch.manual_seed(0)
    return torch.nn.Linear(4, 3)


def _conv(torch):
    torch.manual_seed(0)
    return torch.nn.Conv2d(2, 4, 2)


def _seen(module):
    hooks = [type(hook).__name__ for hook in module._forward_pre_hooks.values()]
    return (
        dict(module.state_dict()),
        [n for n, _ in module.named_parameters()],
        [n for n, _ in module.named_buffers()],
        hooks,
    )


def l1(torch):
    results = []
    for amount in (0, 3, 0.5, 1.0, 0.0, 12):
        layer = _linear(torch)
        returned = _prune(torch).l1_unstructured(layer, "weight", amount)
        results.append((returned is layer, _seen(layer), layer.weight, layer(torch.ones(1, 4))))
    return results


def random(torch):
    layer = _linear(torch)
    torch.manual_seed(5)
    _prune(torch).random_unstructured(layer, name="weight", amount=0.4)
    conv = _conv(torch)
    _prune(torch).random_structured(conv, "weight", amount=2, dim=0)
    return _seen(layer), _seen(conv)


def ln(torch):
    results = []
    for n in (1, 2, float("inf"), -float("inf")):
        for dim in (0, 1, -1):
            conv = _conv(torch)
            _prune(torch).ln_structured(conv, name="weight", amount=1, n=n, dim=dim)
            results.append(conv.weight_mask)
    return results


def importance_scores(torch):
    layer = _linear(torch)
    scores = torch.arange(12.0).view(3, 4)
    _prune(torch).l1_unstructured(layer, "weight", 5, importance_scores=scores)
    conv = _conv(torch)
    scores = torch.arange(32.0).view(4, 2, 2, 2)
    _prune(torch).ln_structured(conv, "weight", 2, 2, 0, importance_scores=scores)
    wrong = attempt(
        _prune(torch).l1_unstructured, _linear(torch), "weight", 1,
        importance_scores=torch.ones(2),
    )  # fmt: skip
    return layer.weight_mask, conv.weight_mask, type(wrong).__name__


def identity_and_custom(torch):
    p = _prune(torch)
    a, b = _linear(torch), _linear(torch)
    p.identity(a, "bias")
    p.custom_from_mask(b, "bias", torch.tensor([0, 1, 0]))
    return _seen(a), _seen(b), b.bias, b(torch.ones(1, 4))


def one_after_the_other(torch):
    p = _prune(torch)
    conv = _conv(torch)
    p.l1_unstructured(conv, "weight", 0.25)
    p.ln_structured(conv, "weight", 0.5, n=2, dim=0)
    p.l1_unstructured(conv, "weight", 3)
    p.custom_from_mask(conv, "weight", torch.ones(4, 2, 2, 2))
    hook = next(iter(conv._forward_pre_hooks.values()))
    return (
        _seen(conv), [type(m).__name__ for m in hook], len(hook), type(hook[1]).__name__,
        hook._tensor_name, conv(torch.ones(1, 2, 3, 3)),
    )  # fmt: skip


def made_permanent(torch):
    p = _prune(torch)
    layer = _linear(torch)
    weight = layer.weight
    p.l1_unstructured(layer, "weight", 0.5)
    returned = p.remove(layer, "weight")
    return (
        returned is layer,
        _seen(layer),
        layer.weight is weight,
        attempt(p.remove, layer, "weight"),
    )


def is_pruned(torch):
    p = _prune(torch)
    model = torch.nn.Sequential(_linear(torch), torch.nn.ReLU())
    before = p.is_pruned(model)
    p.l1_unstructured(model[0], "weight", 1)
    return before, p.is_pruned(model), p.is_pruned(model[0]), p.is_pruned(model[1])


def global_pruning(torch):
    p = _prune(torch)
    model = torch.nn.Sequential(_linear(torch), _conv(torch))
    parts = [(model[0], "weight"), (model[1], "weight"), (model[0], "bias")]
    p.global_unstructured(parts, pruning_method=p.L1Unstructured, amount=0.3)
    first = dict(model.state_dict())
    p.global_unstructured(parts, pruning_method=p.L1Unstructured, amount=10)
    scores = {(model[0], "weight"): torch.arange(12.0).view(3, 4) / 1e4}
    p.global_unstructured(tuple(parts[:2]), p.L1Unstructured, scores, amount=3)
    return first, dict(model.state_dict()), p.is_pruned(model)


def prune_mistakes(torch):
    p = _prune(torch)
    layer = _linear(torch)
    calls = [
        (p.l1_unstructured, layer, "weight", "x"),
        (p.l1_unstructured, layer, "weight", -1),
        (p.l1_unstructured, layer, "weight", 1.5),
        (p.l1_unstructured, layer, "weight", -0.5),
        (p.l1_unstructured, layer, "weight", 100),
        (p.l1_unstructured, layer, "nothing", 1),
        (p.random_structured, layer, "bias", 1, 0),
        (p.ln_structured, layer, "weight", 1, 2, 5),
        (p.global_unstructured, 3, p.L1Unstructured),
        (p.remove, layer, "weight"),
    ]
    found = [attempt(*call) for call in calls]
    found.append(attempt(p.global_unstructured, [(layer, "weight")], p.LnStructured, amount=1, n=2))
    return found, _seen(layer)


def container_by_hand(torch):
    p = _prune(torch)
    a, b = p.L1Unstructured(1), p.RandomUnstructured(1)
    a._tensor_name = b._tensor_name = "x"
    container = p.PruningContainer(a)
    container.add_pruning_method(b)
    c = p.Identity()
    c._tensor_name = "y"
    return (
        len(container), [type(m).__name__ for m in container],
        type(attempt(container.add_pruning_method, c)).__name__,
        attempt(container.add_pruning_method, 3), len(p.PruningContainer()),
    )  # fmt: skip


def tensors_pruned_directly(torch):
    p = _prune(torch)
    t = torch.arange(-3.0, 3.0)
    method = p.L1Unstructured(amount=2)
    return (
        method.prune(t),
        method.prune(t, default_mask=torch.tensor([0.0, 1, 1, 1, 1, 1])),
        method.prune(t, importance_scores=torch.arange(6.0)),
        method.compute_mask(t, torch.ones(6)),
    )


def own_method(torch):
    p = _prune(torch)

    class EveryOther(p.BasePruningMethod):
        PRUNING_TYPE = "unstructured"

        def compute_mask(self, t, default_mask):
            mask = default_mask.clone()
            mask.view(-1)[::2] = 0
            return mask

    layer = _linear(torch)
    EveryOther.apply(layer, "bias")
    EveryOther.apply(layer, "bias")
    return layer.bias, _seen(layer), attempt(p.BasePruningMethod)


def training_keeps_the_mask(torch):
    layer = _linear(torch)
    _prune(torch).l1_unstructured(layer, "weight", 0.5)
    optimizer = torch.optim.SGD(layer.parameters(), 0.1, momentum=0.9)
    for _ in range(3):
        optimizer.zero_grad()
        layer(torch.ones(1, 4)).pow(2).sum().backward()
        optimizer.step()
    layer(torch.ones(1, 4))
    return layer.weight, layer.weight_orig, layer.weight_orig.grad


def copies_and_states(torch):
    p = _prune(torch)
    layer = _linear(torch)
    p.l1_unstructured(layer, "weight", 0.5)
    layer(torch.ones(1, 4))
    other = torch.nn.Linear(4, 3)
    p.identity(other, "weight")
    matched = repr(other.load_state_dict(layer.state_dict()))
    wrong = attempt(torch.nn.Linear(4, 3).load_state_dict, layer.state_dict())
    p.remove(layer, "weight")
    return matched, other(torch.ones(1, 4)), wrong, copy.deepcopy(layer).weight
