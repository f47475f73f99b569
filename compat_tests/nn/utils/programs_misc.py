"""Fusion with batch norms, memory formats, calls with other parameters."""

import importlib

from compat_tests.semantics.observe import attempt


def _norm(torch, norm):
    norm.running_mean.copy_(torch.linspace(-1, 1, norm.num_features))
    norm.running_var.copy_(torch.linspace(0.5, 2, norm.num_features))
    if norm.affine:
        norm.weight.data.copy_(torch.linspace(1, 3, norm.num_features))
        norm.bias.data.copy_(torch.linspace(-2, 1, norm.num_features))
    return norm.eval()


def fused_convolutions(torch):
    nn, f = torch.nn, torch.nn.utils.fusion.fuse_conv_bn_eval
    results = []
    for conv, norm, transpose in (
        (nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3), False),
        (nn.Conv1d(2, 4, 2, groups=2, bias=False), nn.BatchNorm1d(4, affine=False), False),
        (nn.ConvTranspose2d(2, 3, 2), nn.BatchNorm2d(3), True),
        (nn.Conv3d(1, 2, 1).double(), nn.BatchNorm3d(2).double(), False),
        (nn.Conv2d(2, 3, 2).requires_grad_(False), nn.BatchNorm2d(3), False),
    ):
        for p in conv.parameters():
            p.data.copy_(torch.arange(float(p.numel())).sin().view(p.shape))
        fused = f(conv.eval(), _norm(torch, norm), transpose)
        x = torch.ones(1, conv.in_channels, *[3] * (conv.weight.dim() - 2)).to(conv.weight.dtype)
        same = torch.allclose(fused(x), norm(conv(x)), atol=1e-5)
        results.append((same, fused.weight, fused.bias, type(fused).__name__, fused is conv))
    return results


def fused_linear(torch):
    nn, f = torch.nn, torch.nn.utils.fusion.fuse_linear_bn_eval
    results = []
    for bias in (True, False):
        layer = nn.Linear(3, 4, bias=bias).eval()
        for p in layer.parameters():
            p.data.copy_(torch.arange(float(p.numel())).cos().view(p.shape))
        fused = f(layer, _norm(torch, nn.BatchNorm1d(4)))
        results.append((fused.weight, fused.bias))
    one = f(nn.Linear(3, 4).eval(), _norm(torch, nn.BatchNorm1d(1)))
    return results, one.weight.shape, one.bias.shape


def fusion_mistakes(torch):
    nn, fusion = torch.nn, torch.nn.utils.fusion
    conv, norm = nn.Conv2d(2, 3, 2), nn.BatchNorm2d(3)
    return [
        attempt(fusion.fuse_conv_bn_eval, conv, norm),
        attempt(fusion.fuse_conv_bn_eval, conv.eval(),
                nn.BatchNorm2d(3, track_running_stats=False).eval()),
        attempt(fusion.fuse_linear_bn_eval, nn.Linear(2, 3).eval(), nn.BatchNorm1d(2).eval()),
        attempt(fusion.fuse_linear_bn_eval, nn.Linear(2, 3), nn.BatchNorm1d(3).eval()),
    ]  # fmt: skip


def fused_weights(torch):
    f = torch.nn.utils.fusion
    w, rm, rv = torch.ones(3, 2), torch.arange(3.0), torch.ones(3) * 3
    return (
        f.fuse_linear_bn_weights(w, None, rm, rv, 1.0, torch.ones(3), torch.zeros(3)),
        f.fuse_conv_bn_weights(w[..., None], None, rm, rv, 1.0, None, None),
        f.fuse_conv_bn_weights(w.half()[..., None], rm.half(), rm, rv, 1.0, None, None),
    )


def memory_formats(torch):
    nn, u = torch.nn, torch.nn.utils
    model = nn.Sequential(nn.Conv2d(2, 3, 3), nn.ConvTranspose2d(3, 2, 2), nn.Conv3d(2, 2, 2))
    returned = u.convert_conv2d_weight_memory_format(model, torch.channels_last)
    strides = [m.weight.stride() for m in model]
    u.convert_conv3d_weight_memory_format(model, torch.channels_last_3d)
    return returned is model, strides, [m.weight.stride() for m in model]


def _tied(torch):
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.Linear(2, 2))
    model[1].weight = model[0].weight
    return model


def stateless_call(torch):
    f = torch.nn.utils.stateless.functional_call
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 2), torch.nn.BatchNorm1d(2))
    given = {"0.weight": torch.ones(2, 2), "1.running_mean": torch.ones(2)}
    x = torch.arange(6.0).view(3, 2)
    out = f(model, given, (x,))
    return (
        out, dict(model.state_dict()), given,
        f(model.eval(), given, x), f(model, given, (), {"input": x}),
    )  # fmt: skip


def stateless_ties(torch):
    f = torch.nn.utils.stateless.functional_call
    model, x = _tied(torch), torch.ones(1, 2)
    a, b = torch.ones(2, 2), torch.zeros(2, 2)
    rest = {"0.bias": torch.zeros(2), "1.bias": torch.zeros(2)}
    return (
        f(model, {"0.weight": a, **rest}, x),
        f(model, {"1.weight": a, **rest}, x),
        f(model, {"0.weight": a, "1.weight": b, **rest}, x, tie_weights=False),
        attempt(f, model, {"0.weight": a, "1.weight": b}, x),
        f(model, {"0.weight": a, "1.weight": a, **rest}, x),
        model[0].weight is model[1].weight,
    )


def stateless_strict(torch):
    f = torch.nn.utils.stateless.functional_call
    model, x = torch.nn.Linear(2, 1), torch.ones(1, 2)
    weight = {"weight": torch.ones(1, 2)}
    return [
        str(attempt(f, model, given, x, strict=True))
        for given in (weight, {**weight, "bias": torch.ones(1), "other": torch.ones(1)})
    ], attempt(f, model, {**weight, "other": torch.ones(1)}, x)


def stateless_mistakes(torch):
    f = torch.nn.utils.stateless.functional_call
    model, x = torch.nn.Linear(2, 1), torch.ones(1, 2)

    def fails():
        f(model, {"weight": torch.ones(1, 5)}, x)

    before = model.weight
    return attempt(fails), model.weight is before, attempt(f, model, {"weight": 3}, x)


def stateless_gradients(torch):
    torch.manual_seed(0)
    model = torch.nn.Linear(2, 1)
    weight = torch.ones(1, 2, requires_grad=True)
    torch.nn.utils.stateless.functional_call(
        model, {"weight": weight}, torch.ones(1, 2)
    ).sum().backward()
    return weight.grad, model.weight.grad, model.bias.grad


def stateless_in_place_changes_go_to_the_given(torch):
    model = torch.nn.BatchNorm1d(2)
    given = {"running_mean": torch.zeros(2), "num_batches_tracked": torch.tensor(5)}
    torch.nn.utils.stateless.functional_call(model, given, torch.arange(6.0).view(3, 2))
    return given, model.running_mean, model.num_batches_tracked


def homes_of_names(torch):
    """Scripts import these from where PyTorch has them."""
    places = {
        "clip_grad": "clip_grad_norm clip_grad_norm_ clip_grad_value_",
        "convert_parameters": "parameters_to_vector vector_to_parameters",
        "fusion": "fuse_conv_bn_eval fuse_linear_bn_weights",
        "init": "skip_init",
        "memory_format": "convert_conv2d_weight_memory_format",
        "parametrizations": "orthogonal spectral_norm weight_norm",
        "parametrize": "cached is_parametrized register_parametrization ParametrizationList",
        "prune": "l1_unstructured BasePruningMethod is_pruned",
        "rnn": "PackedSequence pad_sequence pack_sequence unpack_sequence",
        "spectral_norm": "SpectralNorm spectral_norm remove_spectral_norm",
        "stateless": "functional_call",
        "weight_norm": "WeightNorm weight_norm remove_weight_norm",
    }
    found = []
    for place, names in places.items():
        module = importlib.import_module(f"{torch.__name__}.nn.utils.{place}")
        found += [hasattr(module, name) for name in names.split()]
    return found, sorted(torch.nn.utils.__all__)
