"""Learning rate schedulers against torch: the sequence of rates, momenta and states."""

import warnings

import pytest
import torch

import jtorch

LIBS = (torch, jtorch)


class Power:
    """A callable whose attributes belong to the scheduler's state."""

    def __init__(self, base):
        self.base = base

    def __call__(self, epoch):
        return self.base**epoch


CHAIN = "S.ChainedScheduler([S.ConstantLR(o, 0.1, 3), S.ExponentialLR(o, 0.9)])"
SCHEDULERS = [
    "S.LambdaLR(o, lambda e: 0.9 ** e)",
    "S.LambdaLR(o, [lambda e: 1 / (e + 1), Power(0.5)])",
    "S.MultiplicativeLR(o, lambda e: 0.9)",
    "S.StepLR(o, 3)",
    "S.StepLR(o, 2, gamma=0.5)",
    "S.MultiStepLR(o, [2, 5, 5, 9], gamma=0.3)",
    "S.ConstantLR(o)",
    "S.ConstantLR(o, factor=0.5, total_iters=3)",
    "S.LinearLR(o)",
    "S.LinearLR(o, 0.1, 0.7, 4)",
    "S.ExponentialLR(o, 0.8)",
    "S.PolynomialLR(o)",
    "S.PolynomialLR(o, total_iters=8, power=2.0)",
    "S.CosineAnnealingLR(o, 5)",
    "S.CosineAnnealingLR(o, 4, eta_min=0.01)",
    "S.CosineAnnealingWarmRestarts(o, 3)",
    "S.CosineAnnealingWarmRestarts(o, 2, T_mult=2, eta_min=0.01)",
    "S.CyclicLR(o, 0.01, 0.2, step_size_up=3)",
    "S.CyclicLR(o, [0.01, 0.02], 0.2, 3, 5, mode='triangular2')",
    "S.CyclicLR(o, 0.01, 0.2, 4, mode='exp_range', gamma=0.9, base_momentum=0.7)",
    "S.CyclicLR(o, 0.01, 0.2, 4, scale_fn=Power(0.9), cycle_momentum=False)",
    "S.OneCycleLR(o, 0.3, total_steps=15)",
    "S.OneCycleLR(o, [0.3, 0.1], epochs=4, steps_per_epoch=5, anneal_strategy='linear')",
    "S.OneCycleLR(o, 0.3, total_steps=20, three_phase=True, pct_start=0.4)",
    "S.SequentialLR(o, [S.ConstantLR(o, 0.1, 2), S.ExponentialLR(o, 0.9)], [3])",
    "S.SequentialLR(o, [S.LinearLR(o, 0.1), S.CosineAnnealingLR(o, 4), S.StepLR(o, 2)], [5, 9])",
    "S.SequentialLR(o, [S.LinearLR(o, 0.01, 1.0, 9), S.CosineAnnealingWarmRestarts(o, 9, 2)], [9])",
    "S.SequentialLR(o, [S.LinearLR(o, 0.01, 1.0, 9), S.OneCycleLR(o, 0.2, 60)], [9])",
    f"S.SequentialLR(o, [{CHAIN}, S.StepLR(o, 2)], [9])",
    "S.SequentialLR(o, [S.SequentialLR(o, [S.StepLR(o, 2), S.LinearLR(o)], [4])], [])",
    CHAIN,
    "S.ChainedScheduler([S.SequentialLR(o, [S.ConstantLR(o), S.StepLR(o, 2)], [3])])",
    "S.MultiplicativeLR(o, [lambda e: 0.95, lambda e: 0.9])",
    "S.OneCycleLR(o, 0.3, 61, base_momentum=0.8, max_momentum=0.9, div_factor=9)",
    "S.OneCycleLR(o, 0.3, 61, cycle_momentum=False, final_div_factor=100)",
    "S.CyclicLR(o, 0.01, 0.2, 4, base_momentum=[0.7, 0.6], max_momentum=0.95)",
    "S.CyclicLR(o, 0.01, 0.2, 5, scale_mode='iterations', scale_fn=Power(0.99))",
]


def optimizer(lib, name="SGD", tensor=False):
    params = [lib.nn.Parameter(lib.ones(2)) for _ in range(2)]
    rates = [lib.tensor(r, dtype=lib.float64) if tensor else r for r in (0.1, 0.05)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": rates[1]}]
    options = {"momentum": 0.9} if name == "SGD" else {}
    return getattr(lib.optim, name)(groups, lr=rates[0], **options)


def build(lib, source, name="SGD", tensor=False):
    opt = optimizer(lib, name, tensor)
    return opt, eval(source, {"S": lib.optim.lr_scheduler, "o": opt, "Power": Power})


def snapshot(opt, scheduler):
    momenta = [g.get("momentum", g.get("betas")) for g in opt.param_groups]
    return [[float(g["lr"]) for g in opt.param_groups], scheduler.get_last_lr(), momenta]


def flat(value):
    if isinstance(value, (list, tuple)):
        return [x for v in value for x in flat(v)]
    return [value]


def plain(lib, value):
    """A state dict without tensors and functions."""
    if isinstance(value, lib.Tensor):
        return ["tensor", *plain(lib, [value.tolist()])]
    if isinstance(value, (list, tuple)):
        return [plain(lib, v) for v in value]
    if isinstance(value, dict):
        return {str(k): plain(lib, v) for k, v in value.items()}
    if isinstance(value, float):
        return float(f"{value:.10g}")
    return "function" if callable(value) else value


def sixty_steps(lib, source, name, tensor):
    """Rates and momenta of sixty steps, the state, and what was warned of."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        seen = []
        try:
            opt, scheduler = build(lib, source, name, tensor)
            for step in range(60):
                if step:
                    opt.step()
                scheduler.step()
                seen.append(plain(lib, snapshot(opt, scheduler)))
            seen.append(plain(lib, scheduler.state_dict()))
        except ValueError as error:
            # a cycle that is over
            seen.append(str(error))
    return seen, [(w.category, str(w.message)) for w in caught]


@pytest.mark.parametrize("name, tensor", [("SGD", False), ("SGD", True), ("Adam", False)])
@pytest.mark.parametrize("source", SCHEDULERS)
def test_sixty_steps(source, name, tensor):
    """Everything that can be seen of sixty steps, the first of them in the wrong order."""
    want, got = (sixty_steps(lib, source, name, tensor) for lib in LIBS)
    assert got == want


@pytest.mark.parametrize("name", ["SGD", "Adam"])
@pytest.mark.parametrize("source", SCHEDULERS)
def test_sequence(source, name):
    """Twelve steps, then on from a saved state for three more."""
    seen = []
    for lib in LIBS:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            opt, scheduler = build(lib, source, name)
            rates = [snapshot(opt, scheduler)]
            for _ in range(12):
                opt.step()
                scheduler.step()
                rates.append(snapshot(opt, scheduler))
            state = scheduler.state_dict()
            again, resumed = build(lib, source, name)
            again.load_state_dict(opt.state_dict())
            resumed.load_state_dict(dict(state))
            for _ in range(3):
                resumed.step()
                rates.append(snapshot(again, resumed))
        seen.append((flat(rates), sorted(k for k in state if "scale_fn" not in k)))
    assert seen[1][0] == pytest.approx(seen[0][0], rel=1e-12)
    assert [k for k in seen[1][1] if "_get_lr" not in k] == [
        k for k in seen[0][1] if "_get_lr" not in k
    ]


@pytest.mark.parametrize("source", [s for s in SCHEDULERS if "Sequential" not in s])
def test_resume_at_epoch(source):
    """Made anew with last_epoch, on an optimiser that knows its initial rates."""
    if "Chained" in source or "OneCycle" in source or "Cyclic" in source:
        source = "S.StepLR(o, 3, last_epoch=4)"
    elif "last_epoch" not in source:
        source = source[:-1] + ", last_epoch=4)"
    seen = []
    for lib in LIBS:
        opt = optimizer(lib)
        for group in opt.param_groups:
            group["initial_lr"] = group["lr"] * 2
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            scope = {"S": lib.optim.lr_scheduler, "o": opt, "Power": Power}
            scheduler = eval(source, scope)
            rates = []
            for _ in range(4):
                scheduler.step()
                rates.append(snapshot(opt, scheduler))
            scheduler.step(11)
            rates.append(snapshot(opt, scheduler))
        seen.append(flat(rates))
    assert seen[1] == pytest.approx(seen[0], rel=1e-12)


@pytest.mark.parametrize(
    "options",
    [
        {},
        {"patience": 1, "cooldown": 1, "factor": 0.5},
        {"mode": "max", "patience": 0, "threshold_mode": "abs", "threshold": 0.1},
        {"patience": 0, "min_lr": [0.02, 0.01]},
    ],
)
def test_plateau(options):
    """ReduceLROnPlateau with numbers and tensors as metrics."""
    metrics = [1.0, 0.9, 0.95, 0.95, 0.94, 0.5, 0.6, 0.6, 0.6, 0.6, 0.6, 0.1, 0.2, 0.3, 0.3]
    seen = []
    for lib in LIBS:
        opt = optimizer(lib)
        scheduler = lib.optim.lr_scheduler.ReduceLROnPlateau(opt, **options)
        rates = []
        for k, m in enumerate(metrics):
            scheduler.step(lib.tensor(m, dtype=lib.float64) if k % 2 else m)
            rates.append(snapshot(opt, scheduler))
        state = scheduler.state_dict()
        state = {k: state[k] for k in sorted(state) if not k.startswith("_")}
        seen.append((flat(rates), state))
    assert seen[1][0] == pytest.approx(seen[0][0])
    assert seen[1][1] == seen[0][1]


ERRORS = [
    "S.StepLR(3, 2)",
    "S.StepLR(o, 2, last_epoch=3)",
    "S.LambdaLR(o, [lambda e: 1])",
    "S.MultiplicativeLR(o, 3)",
    "S.ConstantLR(o, factor=2)",
    "S.LinearLR(o, start_factor=0)",
    "S.LinearLR(o, end_factor=2)",
    "S.CosineAnnealingWarmRestarts(o, 0)",
    "S.CosineAnnealingWarmRestarts(o, 2, T_mult=0.5)",
    "S.CyclicLR(o, [0.1], 0.2)",
    "S.CyclicLR(o, 0.1, 0.2, mode='odd')",
    "S.OneCycleLR(o, 0.1)",
    "S.OneCycleLR(o, 0.1, total_steps=-1)",
    "S.OneCycleLR(o, 0.1, total_steps=5, pct_start=2.0)",
    "S.OneCycleLR(o, 0.1, total_steps=5, anneal_strategy='x')",
    "S.ReduceLROnPlateau(o, factor=1.5)",
    "S.ReduceLROnPlateau(o, mode='x')",
    "S.ReduceLROnPlateau(o, min_lr=[1])",
    "S.SequentialLR(o, [], [])",
    "S.SequentialLR(o, [S.StepLR(o, 1)], [3])",
    "S.SequentialLR(o, [S.ReduceLROnPlateau(o)], [])",
    "S.ChainedScheduler([])",
    "[S.OneCycleLR(o, 0.1, total_steps=1), [s.step() for s in [S.OneCycleLR(o, 0.1, 1)] * 4]]",
]


@pytest.mark.parametrize("source", ERRORS)
def test_errors(source):
    """The same exception class and message."""
    errors = []
    for lib in LIBS:
        with pytest.raises(Exception) as caught, warnings.catch_warnings():
            warnings.simplefilter("ignore")
            build(lib, source)
        errors.append((caught.type, str(caught.value)))
    assert errors[1] == errors[0]


def test_warnings():
    """Steps in the wrong order, an overridden step, get_lr outside of a step, the epoch."""
    seen = []
    for lib in LIBS:
        S = lib.optim.lr_scheduler
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            scheduler = S.StepLR(optimizer(lib), 2)
            scheduler.step()
            scheduler.step(3)
            scheduler.get_lr()
            opt = optimizer(lib)
            other = S.StepLR(opt, 2)
            opt.step = lambda: None
            other.step()
        seen.append([(w.category, str(w.message)) for w in caught])
    assert seen[0] == seen[1]


def test_tensor_rate():
    """A learning rate that is a tensor keeps its identity."""
    seen = []
    for lib in LIBS:
        lr = lib.tensor(0.1)
        opt = lib.optim.SGD([lib.nn.Parameter(lib.ones(1))], lr=lr)
        scheduler = lib.optim.lr_scheduler.ExponentialLR(opt, 0.5)
        opt.step()
        scheduler.step()
        same = opt.param_groups[0]["lr"] is lr
        seen.append((float(lr), float(scheduler.get_last_lr()[0]), same))
    assert seen[0] == pytest.approx(seen[1])


def test_own_scheduler():
    """A scheduler written by the user on the base class."""
    seen = []
    for lib in LIBS:

        class Halving(lib.optim.lr_scheduler._LRScheduler):
            def get_lr(self):
                return [base * 0.5**self.last_epoch for base in self.base_lrs]

        opt = optimizer(lib)
        scheduler = Halving(opt)
        for _ in range(3):
            opt.step()
            scheduler.step()
        seen.append(scheduler.get_last_lr())
    assert seen[0] == seen[1]
