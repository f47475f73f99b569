"""Clipping of gradients, and parameters as vectors."""

import math
import warnings

from compat_tests.semantics.observe import attempt


def _params(torch, *grads):
    made = []
    for grad in grads:
        grad = torch.tensor(grad)
        p = torch.nn.Parameter(torch.ones_like(grad))
        p.grad = grad
        made.append(p)
    return made


def _three(torch):
    return [*_params(torch, [3.0, -4.0], [[1.0, 2.0]]), torch.nn.Parameter(torch.ones(2))]


def _grads(params):
    return [p.grad for p in params]


def norm_types(torch):
    results = []
    for norm_type in (2, 2.0, 1, 3, 0.5, 0, math.inf, -math.inf, "inf"):
        params = _three(torch)
        total = torch.nn.utils.clip_grad_norm_(params, 1.5, norm_type=norm_type)
        results.append((total, _grads(params)))
    return results


def below_the_limit_nothing_changes(torch):
    params = _three(torch)
    return torch.nn.utils.clip_grad_norm_(params, 100), _grads(params)


def one_tensor_an_iterator_and_keywords(torch):
    clip = torch.nn.utils.clip_grad_norm_
    one, many, keywords = _params(torch, [3.0, 4.0]), _three(torch), _three(torch)
    return (
        clip(one[0], 1.0),
        clip(iter(many), 1.0),
        clip(parameters=keywords, max_norm=1.0, norm_type=2.0, foreach=False),
        _grads(one + many + keywords),
    )


def nothing_to_clip(torch):
    no_grad = [torch.nn.Parameter(torch.ones(2))]
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        totals = [
            torch.nn.utils.clip_grad_norm_(params, 1.0) for params in ([], no_grad, (p for p in []))
        ]
    return totals, [str(w.message) for w in caught]


def not_finite(torch):
    results = []
    for value in (math.inf, math.nan, -math.inf):
        for strict in (False, True):
            params = _params(torch, [value, 1.0], [2.0])
            caught = attempt(torch.nn.utils.clip_grad_norm_, params, 1.0, error_if_nonfinite=strict)
            results.append((str(caught), _grads(params)))
    return results


def half_precision_gradients(torch):
    results = []
    for dtype in (torch.float16, torch.bfloat16, torch.float64):
        p = torch.nn.Parameter(torch.ones(3, dtype=dtype))
        p.grad = torch.tensor([3.0, 4.0, 12.0], dtype=dtype)
        results.append((torch.nn.utils.clip_grad_norm_([p], 1.0), p.grad))
    return results


def mixed_dtypes(torch):
    a, b = torch.nn.Parameter(torch.ones(2)), torch.nn.Parameter(torch.ones(2).double())
    a.grad, b.grad = torch.tensor([3.0, 4.0]), torch.tensor([1.0, 2.0]).double()
    return torch.nn.utils.clip_grad_norm_([a, b], 1.0), a.grad, b.grad


def the_gradient_tensor_stays_the_same(torch):
    params = _three(torch)
    grad = params[0].grad
    view = grad[:1]
    torch.nn.utils.clip_grad_norm_(params, 1.0)
    return grad is params[0].grad, grad, view, grad._version > 0


def total_norm_alone(torch):
    tensors = [torch.tensor([3.0, 4.0]), torch.tensor([[12.0]])]
    f = torch.nn.utils.get_total_norm
    return (
        f(tensors), f(tensors, norm_type=1), f(tensors, math.inf), f(tensors[0]), f([]),
        f(iter(tensors)), attempt(f, [torch.tensor([math.nan])], error_if_nonfinite=True),
    )  # fmt: skip


def clip_with_a_given_norm(torch):
    params = _three(torch)
    given = torch.nn.utils.clip_grads_with_norm_(params, 1.0, torch.tensor(10.0))
    return given, _grads(params)


def clip_by_value(torch):
    params = _three(torch)
    result = torch.nn.utils.clip_grad_value_(params, 2), _grads(params)
    one = _params(torch, [-5.0, 0.5])[0]
    torch.nn.utils.clip_grad_value_(one, clip_value=1.5, foreach=False)
    return result, one.grad


def old_name(torch):
    params = _three(torch)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        total = torch.nn.utils.clip_grad_norm(params, 1.0)
    return total, _grads(params), [(w.category.__name__, str(w.message)) for w in caught]


def wrong_arguments(torch):
    f = torch.nn.utils
    params = _three(torch)
    return [
        type(attempt(call, *args)).__name__
        for call, *args in (
            (f.clip_grad_norm_, params),
            (f.clip_grad_norm_, params, "x"),
            (f.clip_grad_norm_, 3, 1.0),
            (f.clip_grad_value_, params, "x"),
        )
    ]


def parameters_as_a_vector_and_back(torch):
    torch.manual_seed(0)
    model = torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.Linear(3, 1))
    vector = torch.nn.utils.parameters_to_vector(model.parameters())
    torch.nn.utils.vector_to_parameters(vector.detach() * 2, model.parameters())
    vector.sum().backward()
    return (
        vector,
        [(p, p.grad) for p in model.parameters()],
        attempt(torch.nn.utils.vector_to_parameters, [1.0], model.parameters()),
        attempt(torch.nn.utils.parameters_to_vector, []),
    )


def vector_and_parameters_share_memory(torch):
    layer = torch.nn.Linear(2, 1)
    vector = torch.arange(3.0)
    torch.nn.utils.vector_to_parameters(vector, layer.parameters())
    vector[0] = 50
    return layer.weight, layer.bias


def skip_init(torch):
    f = torch.nn.utils.skip_init
    layer = f(torch.nn.Linear, 3, 2, bias=False)

    class Own(torch.nn.Module):
        def __init__(self, n):
            super().__init__()

    return (
        repr(layer), layer.weight.shape, layer.weight.device, layer.weight.requires_grad,
        f(torch.nn.Conv2d, 1, 2, 3, device="cpu", dtype=torch.float64).weight.dtype,
        attempt(f, Own, 3), attempt(f, dict),
    )  # fmt: skip
