"""Optimisers against torch: trajectories with all options, state dicts, hooks, errors."""

import copy
import importlib

import numpy as np
import pytest
import torch

import jtorch

LIBS = (torch, jtorch)
START = [np.linspace(-1, 1, 6).reshape(2, 3), np.array([0.5, -2.0, 3.0]), np.array(1.5)]
TARGET = [np.linspace(2, -1, 6).reshape(2, 3), np.array([0.1, 0.2, 0.3]), np.array(-1.0)]

CASES = [
    ("SGD", {"lr": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "nesterov": True, "weight_decay": 0.1}),
    ("SGD", {"lr": 0.1, "momentum": 0.9, "dampening": 0.5, "maximize": True}),
    ("SGD", {"lr": 0.1, "fused": True}),
    ("Adam", {}),
    ("Adam", {"lr": 0.1, "betas": (0.5, 0.9), "eps": 1e-3, "weight_decay": 0.1}),
    ("Adam", {"lr": 0.1, "amsgrad": True, "foreach": True}),
    ("Adam", {"lr": 0.1, "maximize": True, "betas": (0.0, 0.9)}),
    ("Adam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("AdamW", {"lr": 0.1}),
    ("AdamW", {"lr": 0.1, "weight_decay": 0.3, "amsgrad": True}),
    ("RMSprop", {}),
    ("RMSprop", {"lr": 0.1, "alpha": 0.9, "centered": True, "weight_decay": 0.1}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9}),
    ("RMSprop", {"lr": 0.1, "momentum": 0.9, "centered": True, "maximize": True}),
    ("Adagrad", {"lr": 0.3}),
    ("Adagrad", {"lr": 0.3, "lr_decay": 0.1, "weight_decay": 0.1}),
    ("Adagrad", {"lr": 0.3, "initial_accumulator_value": 0.5, "maximize": True}),
    ("Adadelta", {}),
    ("Adadelta", {"lr": 0.5, "rho": 0.8, "weight_decay": 0.1, "maximize": True}),
    ("Adamax", {"lr": 0.1}),
    ("Adamax", {"lr": 0.1, "weight_decay": 0.1, "maximize": True}),
    ("NAdam", {"lr": 0.1}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("NAdam", {"lr": 0.1, "weight_decay": 0.1, "momentum_decay": 0.1, "maximize": True}),
    ("RAdam", {"lr": 0.1}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "betas": (0.8, 0.9)}),
    ("RAdam", {"lr": 0.1, "weight_decay": 0.1, "decoupled_weight_decay": True}),
    ("ASGD", {"lr": 0.1}),
    ("ASGD", {"lr": 0.1, "t0": 3, "lambd": 0.1, "weight_decay": 0.1}),
    ("Rprop", {"lr": 0.1}),
    ("Rprop", {"lr": 0.1, "etas": (0.3, 1.5), "step_sizes": (1e-3, 0.5), "maximize": True}),
    ("LBFGS", {"lr": 0.1, "max_iter": 4}),
    ("LBFGS", {"line_search_fn": "strong_wolfe", "history_size": 3}),
]


def parameters(lib, dtype="float32"):
    made = [lib.tensor(a).to(getattr(lib, dtype)) for a in START]
    return [lib.nn.Parameter(t) for t in made]


def loss_of(lib, params, skip=()):
    total = 0
    for k, (p, t) in enumerate(zip(params, TARGET)):
        if k not in skip:
            d = p - lib.tensor(t).to(p.dtype)
            total = total + (d * d).sum() + (p**4).sum() * 0.01
    return total


def train(lib, optimizer, params, steps, skip=lambda step: ()):
    losses = []
    for step in range(steps):

        def closure(step=step):
            optimizer.zero_grad()
            loss = loss_of(lib, params, skip(step))
            loss.backward()
            return loss

        losses.append(float(optimizer.step(closure).detach()))
    return losses


def make(lib, name, params, options):
    return getattr(lib.optim, name)(params, **options)


def values(params):
    return [np.array(p.detach().double().numpy()) for p in params]


def state_values(value):
    if isinstance(value, LIBS[0].Tensor) or isinstance(value, LIBS[1].Tensor):
        return (str(value.dtype), np.array(value.detach().double().numpy()))
    if isinstance(value, dict):
        return {k: state_values(v) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return [state_values(v) for v in value]
    return value


def assert_same_state(got, want, tolerance=1e-5):
    if isinstance(want, dict):
        assert list(got) == list(want)
        for key in want:
            assert_same_state(got[key], want[key], tolerance)
    elif isinstance(want, tuple):
        assert got[0] == want[0]
        np.testing.assert_allclose(got[1], want[1], rtol=tolerance, atol=tolerance)
    elif isinstance(want, list):
        assert len(got) == len(want)
        for g, w in zip(got, want):
            assert_same_state(g, w, tolerance)
    elif isinstance(want, float):
        assert got == pytest.approx(want, rel=1e-5)
    else:
        assert got == want


IDS = [f"{name}-{'-'.join(options)}" for name, options in CASES]


@pytest.mark.parametrize("name, options", CASES, ids=IDS)
def test_trajectory(name, options):
    """Ten steps: the same losses, parameters and state dict."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        optimizer = make(lib, name, params, options)
        losses = train(lib, optimizer, params, 10)
        seen.append((losses, values(params), state_values(optimizer.state_dict()), repr(optimizer)))
    want, got = seen
    np.testing.assert_allclose(got[0], want[0], rtol=2e-5, atol=1e-6)
    for a, b in zip(want[1], got[1]):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6)
    if name != "LBFGS":
        assert_same_state(got[2], want[2], 2e-5)
    assert got[3] == want[3]


@pytest.mark.parametrize("name", ["SGD", "Adam", "AdamW", "RMSprop", "NAdam", "Adagrad"])
def test_missing_gradients(name):
    """Parameters without a gradient are left alone, and have their own step counts."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        options = {"lr": 0.1, "momentum": 0.9} if name == "SGD" else {"lr": 0.1}
        optimizer = make(lib, name, params, options)
        train(lib, optimizer, params, 6, skip=lambda step: (0,) if step % 2 else (2,))
        seen.append((values(params), state_values(optimizer.state_dict())))
    for a, b in zip(seen[0][0], seen[1][0]):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=2e-6)
    assert_same_state(seen[1][1], seen[0][1])


def as_lib(lib, value):
    if isinstance(value, dict):
        return {k: as_lib(lib, v) for k, v in value.items()}
    if isinstance(value, tuple) and len(value) == 2 and isinstance(value[0], str):
        return lib.tensor(value[1]).to(getattr(lib, value[0].removeprefix("torch.")))
    return value


@pytest.mark.parametrize("name, options", CASES[:33:2], ids=IDS[:33:2])
@pytest.mark.parametrize("way", ["from torch", "to torch"])
def test_state_interchange(name, options, way):
    """A state dict saved by either library goes on in the other."""
    first, second = LIBS if way == "from torch" else LIBS[::-1]
    params = parameters(first)
    optimizer = make(first, name, params, options)
    train(first, optimizer, params, 3)
    saved = state_values(optimizer.state_dict())
    saved["param_groups"] = optimizer.state_dict()["param_groups"]
    others = [second.nn.Parameter(second.tensor(v).float()) for v in values(params)]
    continued = make(second, name, others, {**options, "lr": 0.7})
    continued.load_state_dict(as_lib(second, saved))
    train(first, optimizer, params, 3)
    train(second, continued, others, 3)
    for a, b in zip(values(params), values(others)):
        np.testing.assert_allclose(b, a, rtol=3e-5, atol=3e-6)


class Log(list):
    """A list that makes hooks which write into it."""

    def note(self, word):
        return lambda *args: self.append(word)


def _log_steps(opt):
    log = Log()
    opt.register_step_pre_hook(log.note("pre"))
    handle = opt.register_step_post_hook(log.note("post"))
    opt.register_state_dict_post_hook(lambda o, d: {**d, "more": 1})
    opt.register_load_state_dict_pre_hook(lambda o, d: log.append(sorted(d)))
    return log, handle


def test_groups_and_hooks():
    """Groups with settings of their own, names, hooks, zero_grad."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        named = [("a", params[0]), ("b", params[1])]
        opt = lib.optim.SGD([{"params": named, "lr": 0.5}], lr=0.1, momentum=0.9)
        opt.add_param_group({"params": [("c", params[2])], "weight_decay": 0.1})
        log, handle = _log_steps(opt)
        base = importlib.import_module(lib.__name__ + ".optim.optimizer")
        everywhere = base.register_optimizer_step_post_hook(log.note("global"))
        train(lib, opt, params, 2)
        handle.remove()
        everywhere.remove()
        train(lib, opt, params, 1)
        opt.load_state_dict(opt.state_dict())
        opt.zero_grad(set_to_none=False)
        zeros = [p.grad.abs().sum().item() for p in params]
        opt.zero_grad()
        groups = opt.state_dict()["param_groups"]
        seen.append((log, zeros, [p.grad for p in params], groups, repr(opt), values(params)))
    assert seen[0][:5] == seen[1][:5]
    for a, b in zip(seen[0][5], seen[1][5]):
        np.testing.assert_allclose(b, a, rtol=2e-5)


@pytest.mark.parametrize(
    "source",
    [
        "o.SGD(p[0])",
        "o.SGD([])",
        "o.SGD([3])",
        "o.SGD([{'params': set(p)}])",
        "o.SGD([p[0] * 2])",
        "o.SGD(p, lr=-1)",
        "o.SGD(p, momentum=-1)",
        "o.SGD(p, nesterov=True)",
        "o.SGD(p, fused=True, foreach=True)",
        "o.SGD([('a', p[0]), p[1]])",
        "o.SGD([{'params': p}, {'params': p[:1]}])",
        "o.SGD(p).add_param_group(3)",
        "o.SGD(p).add_param_group({'params': [('x', lib.ones(1))]})",
        "o.Adam(p, lr=lib.ones(2))",
        "o.Adam(p, betas=(1.0, 0.9))",
        "o.Adam(p, betas=(0.5, -0.9))",
        "o.Adam(p, eps=-1)",
        "o.Adam(p, weight_decay=-1)",
        "o.Adam(p, fused=True, differentiable=True)",
        "o.RMSprop(p, alpha=-1)",
        "o.Adagrad(p, lr_decay=-1)",
        "o.Adadelta(p, rho=1.5)",
        "o.Rprop(p, etas=(1.5, 2))",
        "o.NAdam(p, momentum_decay=-1)",
        "o.LBFGS([{'params': p[:1]}, {'params': p[1:]}])",
        "o.SGD(p).load_state_dict({'state': {}, 'param_groups': []})",
        "o.SGD(p).load_state_dict({'state': {}, 'param_groups': [{'params': [0]}]})",
    ],
)
def test_errors(source):
    """The same exception class and message."""
    errors = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught:
            eval(source, {"o": lib.optim, "p": parameters(lib), "lib": lib})
        errors.append((caught.type, str(caught.value)))
    assert errors[1] == errors[0]


def test_tensor_learning_rate():
    """A learning rate that is a tensor, changed in place between steps."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        lr = lib.tensor(0.1)
        opt = lib.optim.Adam(params, lr=lr)
        train(lib, opt, params, 2)
        lr.mul_(0.5)
        train(lib, opt, params, 2)
        seen.append(values(params))
    for a, b in zip(*seen):
        np.testing.assert_allclose(b, a, rtol=2e-5)


def test_state_is_live():
    """State can be read and written between steps; a held step tensor follows."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        opt = lib.optim.Adam(params, lr=0.1)
        train(lib, opt, params, 2)
        state = opt.state[params[0]]
        held = state["step"]
        before = float(held)
        train(lib, opt, params, 1)
        log = [before, float(held), list(state), sorted(dict(state)), len(state), "step" in state]
        state["step"].fill_(10.0)
        state["exp_avg"].zero_()
        train(lib, opt, params, 1)
        opt.state[params[1]]["step"] = lib.tensor(3.0)
        train(lib, opt, params, 1)
        log += [float(s["step"]) for s in opt.state.values()]
        other = copy.deepcopy(opt)
        log += [float(s["step"]) for s in other.state.values()]
        seen.append((log, values(params)))
    assert seen[0][0] == seen[1][0]
    for a, b in zip(seen[0][1], seen[1][1]):
        np.testing.assert_allclose(b, a, rtol=2e-5)


def _through_steps(lib, name, options, steps):
    """Gradients, through steps, of a start and of the options that are numbers to learn."""
    start = lib.tensor([0.3, 0.7], requires_grad=True)
    learned = {k: lib.tensor(v, requires_grad=True) for k, v in options.items() if k == "lr"}
    if "betas" in options:
        learned["betas"] = tuple(lib.tensor(b, requires_grad=True) for b in options["betas"])
    p = start * 2
    opt = getattr(lib.optim, name)([p], differentiable=True, **{**options, **learned})
    for k in range(steps):
        p.grad = start**2 * (k + 1) + 0.1
        opt.step()
    wanted = [start, *([learned["lr"]] if "lr" in learned else []), *learned.get("betas", ())]
    return [x for g in lib.autograd.grad(p.sum(), wanted) for x in g.reshape(-1).tolist()]


@pytest.mark.parametrize(
    "name, options",
    [
        ("Adadelta", {"weight_decay": 0.1}),
        ("Adagrad", {}),
        ("Adam", {"lr": 0.1}),
        ("Adam", {"betas": (0.9, 0.99)}),
        ("AdamW", {"lr": 0.1, "weight_decay": 0.1}),
        ("ASGD", {}),
        ("NAdam", {}),
        ("RAdam", {"lr": 0.1}),
        ("RMSprop", {"momentum": 0.9}),
        ("SGD", {"momentum": 0.9}),
    ],
)
def test_differentiable(name, options):
    """Gradients flow through differentiable steps, to learning rates and betas too."""
    steps = 7 if name == "RAdam" else 2
    want, got = (_through_steps(lib, name, options, steps) for lib in LIBS)
    np.testing.assert_allclose(got, want, rtol=1e-4, atol=1e-6)


@pytest.mark.parametrize("flag", ["foreach", "fused", "capturable", "maximize"])
@pytest.mark.parametrize("name", sorted({case[0] for case in CASES} | {"Adafactor"}))
def test_flags(name, flag):
    """How torch is told to do a step changes nothing, or is refused on the CPU."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        try:
            opt = make(lib, name, params, {flag: True})
            train(lib, opt, params, 2)
            seen.append(values(params))
        except (TypeError, AssertionError) as error:
            seen.append([type(error)])
    assert len(seen[0]) == len(seen[1])
    for a, b in zip(*seen):
        if isinstance(a, type):
            assert a is b
        else:
            np.testing.assert_allclose(b, a, rtol=2e-5)


def test_tensor_betas():
    """Betas that are tensors stay tensors, and may be changed in place."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        betas = lib.tensor(0.8), lib.tensor([0.99])
        opt = lib.optim.Adam(params, lr=lib.tensor([0.1]), betas=betas)
        train(lib, opt, params, 3)
        betas[0].fill_(0.4)
        train(lib, opt, params, 2)
        seen.append((values(params), repr(opt)))
    assert seen[0][1] == seen[1][1]
    for a, b in zip(seen[0][0], seen[1][0]):
        np.testing.assert_allclose(b, a, rtol=2e-5)


def test_own_optimizer():
    """An optimiser written by the user."""
    seen = []
    for lib in LIBS:

        class Sign(lib.optim.Optimizer):
            def __init__(self, params, lr=0.1):
                super().__init__(params, {"lr": lr})

            @lib.no_grad()
            def step(self, closure=None):
                for group in self.param_groups:
                    for p in group["params"]:
                        state = self.state[p]
                        state["step"] = state.get("step", 0) + 1
                        p.add_(p.grad.sign(), alpha=-group["lr"] / state["step"])

        params = parameters(lib)
        opt = Sign(params)
        for _ in range(3):
            opt.zero_grad()
            loss_of(lib, params).backward()
            opt.step()
        seen.append((values(params), opt.state_dict()["state"], repr(opt)))
    assert seen[0][1:] == seen[1][1:]
    for a, b in zip(seen[0][0], seen[1][0]):
        np.testing.assert_allclose(b, a, rtol=2e-5)


def test_from_optax():
    """optax's Adam as a torch optimiser: torch's trajectory, and a state dict that resumes."""
    import optax

    expected = parameters(torch)
    train(torch, torch.optim.Adam(expected, lr=0.1), expected, 6)
    params = parameters(jtorch)
    optimizer = jtorch.optim.from_optax(params, optax.adam(0.1))
    train(jtorch, optimizer, params, 3)
    again = [jtorch.nn.Parameter(p.detach().clone()) for p in params]
    resumed = jtorch.optim.from_optax(again, optax.adam(0.1))
    resumed.load_state_dict(optimizer.state_dict())
    train(jtorch, resumed, again, 3)
    for a, b in zip(values(expected), values(again)):
        np.testing.assert_allclose(b, a, rtol=1e-4, atol=1e-5)


def test_lent_parameters_and_state():
    """swap_in_optimizer_params_and_state: a step on other tensors, written in place."""
    seen = []
    for lib in LIBS:
        params = parameters(lib)
        opt = lib.optim.Adam(params, lr=0.1)
        train(lib, opt, params, 2)
        before = values(params)
        others = {str(k): p.detach().clone() + 1 for k, p in enumerate(params)}
        state = opt.state_dict()
        state["state"] = {
            k: {n: t.clone() for n, t in v.items()} for k, v in state["state"].items()
        }
        state["param_groups"][0]["lr"] = 0.5
        with lib.optim.swap_in_optimizer_params_and_state(opt, others, state):
            for p in others.values():
                p.grad = lib.ones_like(p)
            opt.step()
        kept = [np.array_equal(a, b) for a, b in zip(before, values(params))]
        assert all(kept) and opt.param_groups[0]["lr"] == 0.1
        moments = [t.double().tolist() for v in state["state"].values() for t in v.values()]
        seen.append((values(others.values()), moments))
        for wrong in ({}, {**state, "state": []}, {**state, "param_groups": []}):
            with pytest.raises(RuntimeError) as caught:
                with lib.optim.swap_in_optimizer_params_and_state(opt, others, wrong):
                    pass
            seen[-1] += (str(caught.value),)
    assert seen[0][2:] == seen[1][2:]
    for a, b in zip((*seen[0][0], *seen[0][1]), (*seen[1][0], *seen[1][1])):
        np.testing.assert_allclose(b, a, rtol=2e-5, atol=1e-6)


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_names_for_authors():
    """What libraries import from torch.optim.optimizer to write optimisers of their own."""
    seen = []
    for lib in LIBS:
        base = importlib.import_module(lib.__name__ + ".optim.optimizer")

        class Own(base.Optimizer):
            def __init__(self, params):
                super().__init__(params, {"lr": 0.1, "differentiable": False})

            @base._use_grad_for_differentiable
            def step(self, closure=None, lib=lib):
                self._cuda_graph_capture_health_check()
                self._accelerator_graph_capture_health_check()
                return lib.is_grad_enabled()

        tensors = [lib.ones(1), lib.ones(1, dtype=lib.float64), lib.zeros(1)]
        grouped = Own._group_tensors_by_device_and_dtype([tensors, tensors[::-1]], True)
        log = [Own([lib.nn.Parameter(lib.ones(1))]).step()]
        log += sorted(
            (str(k), [[t.item() for t in column] for column in lists], positions)
            for k, (lists, positions) in grouped.items()
        )
        log += [base._get_value(lib.tensor(3.0)), base._get_value(2), base._to_scalar(1.5)]
        log += [base._default_to_fused_or_foreach(tensors, False, False)]
        log += [base._get_capturable_supported_devices(), str(base._get_scalar_dtype())]
        pair = [lib.ones(2, dtype=lib.complex64)], [lib.zeros(2, dtype=lib.complex64)]
        base._view_as_real(*pair)
        log += [tuple(t.shape) for column in pair for t in column]
        seen.append(
            (log, hasattr(base, "ParamsT"), sorted(n for n in dir(lib.optim) if n[0] != "_"))
        )
    assert seen[0][:2] == seen[1][:2]
    assert not set(seen[0][2]) - set(seen[1][2])


def _train_with_changed_state(lib):
    """Steps between which the user changes, removes and replaces what the optimizer keeps."""
    params = parameters(lib, "float64")
    optimizer = lib.optim.Adam(params, lr=0.1, amsgrad=True)
    train(lib, optimizer, params, 3)
    optimizer.state[params[0]]["exp_avg"].mul_(0.5)
    train(lib, optimizer, params, 2)
    optimizer.state[params[1]]["exp_avg_sq"] = lib.ones(3, dtype=lib.float64)
    train(lib, optimizer, params, 2)
    optimizer.state[params[2]]["step"] = lib.tensor(1.0)
    train(lib, optimizer, params, 2)
    del optimizer.state[params[0]]
    train(lib, optimizer, params, 2)
    optimizer.load_state_dict(copy.deepcopy(optimizer.state_dict()))
    optimizer.param_groups[0]["params"] = params[:2]
    train(lib, optimizer, params, 2)
    return [p.detach().numpy() for p in params]


def test_state_that_the_user_changes_between_steps():
    for want, got in zip(_train_with_changed_state(torch), _train_with_changed_state(jtorch)):
        np.testing.assert_allclose(got, want, rtol=1e-10)
