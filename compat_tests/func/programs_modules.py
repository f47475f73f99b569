"""Modules as functions of their parameters."""

import importlib

from compat_tests.semantics.observe import attempt


def _func(torch):
    return importlib.import_module(f"{torch.__name__}.func")


def _net(torch):
    torch.manual_seed(0)
    return torch.nn.Sequential(torch.nn.Linear(2, 3), torch.nn.BatchNorm1d(3))


def call_with_a_dict_or_several(torch):
    f = _func(torch).functional_call
    model, x = _net(torch), torch.arange(8.0).view(4, 2)
    params = {k: v.detach() + 1 for k, v in model.named_parameters()}
    buffers = {k: v.clone() for k, v in model.named_buffers()}
    return (
        f(model, params, (x,)), f(model, (params, buffers), x),
        f(model, [params], (), {"input": x}),
        buffers, dict(model.named_buffers()),
    )  # fmt: skip


def call_mistakes(torch):
    f = _func(torch).functional_call
    model, x = torch.nn.Linear(2, 1), torch.ones(1, 2)
    weight = {"weight": torch.ones(1, 2)}
    return [
        attempt(f, model, 3, x),
        attempt(f, model, [3], x),
        attempt(f, model, [weight, weight], x),
        attempt(f, model, weight, x, strict=True),
        attempt(f, model, {**weight, "other": x}, x, strict=True),
    ]


def gradient_of_given_parameters(torch):
    model, x = _net(torch), torch.arange(8.0).view(4, 2)
    params = {k: v.detach().clone().requires_grad_() for k, v in model.named_parameters()}
    out = _func(torch).functional_call(model, params, (x,))
    grads = torch.autograd.grad((out * torch.arange(3.0)).pow(2).sum(), list(params.values()))
    return grads[2:], [p.grad for p in model.parameters()]


def a_step_inside_a_step(torch):
    """As meta-learning does it: the gradient passes through an inner update."""
    torch.manual_seed(0)
    model, x = torch.nn.Linear(2, 1), torch.tensor([[1.0, 2.0], [3.0, -1.0]])
    call = _func(torch).functional_call
    params = dict(model.named_parameters())
    inner = call(model, params, (x,)).pow(2).sum()
    grads = torch.autograd.grad(inner, list(params.values()), create_graph=True)
    moved = {k: p - 0.1 * g for (k, p), g in zip(params.items(), grads)}
    call(model, moved, (x,)).sum().backward()
    return [p.grad for p in model.parameters()]


def stacked_states(torch):
    stack = _func(torch).stack_module_state
    models = [_net(torch), _net(torch)]
    params, buffers = stack(models)
    frozen = _net(torch).requires_grad_(False)
    return (
        params, buffers,
        attempt(stack, []), attempt(stack, [_net(torch), _net(torch).eval()]),
        attempt(stack, [_net(torch), torch.nn.Linear(2, 3)]), attempt(stack, [_net(torch), frozen]),
    )  # fmt: skip


def batch_norms_without_running_statistics(torch):
    model = _net(torch)
    returned = _func(torch).replace_all_batch_norm_modules_(model)
    return (
        returned is model,
        list(model.state_dict()),
        model(torch.arange(8.0).view(4, 2)),
        repr(model),
    )


def names(torch):
    return [
        hasattr(_func(torch), name)
        for name in """grad grad_and_value vmap functionalize hessian
            jacfwd jacrev jvp linearize rearrange vjp functional_call stack_module_state""".split()
    ]
