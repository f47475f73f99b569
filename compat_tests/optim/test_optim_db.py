"""Every optimiser with every set of options that torch's own table of optimisers lists."""

import re
import warnings

import numpy as np
import pytest
import torch

import jtorch
from jtorch._engine import trace

with warnings.catch_warnings():
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_optimizers import OptimizerErrorEnum, optim_db

LIBS = (torch, jtorch)
STEPS = 20
SHAPES = ((3, 4), (5,))
MATRICES = ((3, 4), (4, 3))
TOLERANCE = {"float32": 1e-6, "float64": 1e-12, "complex64": 1e-6, "complex128": 1e-12}


def tolerance(name, dtype):
    """The parameters are of size one. Arithmetic follows torch's order, sums do not: Muon rounds
    them to bfloat16, and a line search makes a lot of the last places of a loss.
    """
    factor = {"Muon": 20, "LBFGS": 1000}.get(name, 1)
    return TOLERANCE[dtype] * factor


INFOS = {info.optim_cls.__name__: info for info in optim_db}
CASES = [
    (name, inputs.kwargs)
    for name, info in INFOS.items()
    for inputs in info.optim_inputs_func(device="cpu")
]
IDS = [
    f"{name}-{'-'.join(map(str, options)) or 'default'}-{i}"
    for i, (name, options) in enumerate(CASES)
]
COMPLEX = [case for case in CASES if INFOS[case[0]].supports_complex and case[0] != "LBFGS"]
NAMES = [name for name in INFOS if name != "LBFGS"]


def random(rng, shape, dtype):
    """Numbers away from zero, where a relative error means something."""
    made = rng.uniform(0.5, 2, shape) * rng.choice([-1, 1], shape)
    return made + 1j * rng.uniform(0.5, 2, shape) if "complex" in dtype else made


def tensor(lib, array, dtype):
    return lib.tensor(np.asarray(array)).to(getattr(lib, dtype))


def own(lib, value):
    """The tensors in options, as the library's."""
    if isinstance(value, torch.Tensor):
        return lib.tensor(value.numpy())
    if isinstance(value, tuple):
        return tuple(own(lib, v) for v in value)
    if isinstance(value, dict):
        return {k: own(lib, v) for k, v in value.items()}
    return value


class Run:
    """An optimiser of one of the libraries, on gradients that are the same in both."""

    def __init__(self, lib, name, options, dtype="float32", shapes=None):
        self.lib, self.name, self.dtype = lib, name, dtype
        shapes = shapes or (MATRICES if name == "Muon" else SHAPES)
        rng = np.random.default_rng(0)
        starts = [random(rng, shape, dtype) for shape in shapes]
        self.params = [lib.nn.Parameter(tensor(lib, a, dtype)) for a in starts]
        self.goals = [tensor(lib, random(rng, shape, dtype), dtype) for shape in shapes]
        self.rng = rng
        self.optimizer = getattr(lib.optim, name)(self.params, **own(lib, options))

    def closure(self):
        """A loss whose minimum is not reached soon."""
        self.optimizer.zero_grad()
        loss = sum(
            (abs(p - goal) ** 2).sum() * k + 0.1 * (abs(p) ** 4).sum()
            for k, (p, goal) in enumerate(zip(self.params, self.goals), 1)
        )
        loss.backward()
        return loss

    def go(self, steps):
        """Make steps; LBFGS with its closure, the others with gradients given."""
        for _ in range(steps):
            if self.name == "LBFGS":
                self.optimizer.step(self.closure)
                continue
            self.make_gradients()
            self.optimizer.step()
        return self

    def make_gradients(self):
        """The next gradients."""
        for p in self.params:
            grad = tensor(self.lib, random(self.rng, tuple(p.shape), self.dtype), self.dtype)
            p.grad = grad.to_sparse().coalesce() if self.name == "SparseAdam" else grad

    def values(self):
        """The parameters as arrays."""
        kept = [p.detach() for p in self.params]
        return [np.array((p if p.is_complex() else p.double()).numpy()) for p in kept]


def steps_of(name):
    """LBFGS makes twenty in one, and is not to arrive where only rounding decides."""
    return 1 if name == "LBFGS" else STEPS


def assert_equal_runs(name, options, dtype, error, steps):
    want, got = (Run(lib, name, options, dtype).go(steps) for lib in LIBS)
    for a, b in zip(want.values(), got.values()):
        np.testing.assert_allclose(b, a, rtol=error, atol=error)
    order = sorted if name == "LBFGS" else list
    shown = [order(run.optimizer.state_dict()["state"].get(0, ())) for run in (want, got)]
    assert shown[0] == shown[1]
    if not any(isinstance(v, torch.Tensor) for v in options.values()):
        assert repr(got.optimizer) == repr(want.optimizer)


@pytest.mark.parametrize("dtype", ["float32", "float64"])
@pytest.mark.parametrize("name, options", CASES, ids=IDS)
def test_trajectory(name, options, dtype):
    """Twenty steps from the same state."""
    assert_equal_runs(name, options, dtype, tolerance(name, dtype), steps_of(name))


@pytest.mark.parametrize("dtype", ["complex64", "complex128"])
@pytest.mark.parametrize("name, options", COMPLEX[::3], ids=lambda v: str(v)[:20])
def test_complex(name, options, dtype):
    """Complex parameters, where torch has them."""
    assert_equal_runs(name, options, dtype, tolerance(name, dtype), 6)


@pytest.mark.parametrize("dtype", ["bfloat16", "float16"])
@pytest.mark.parametrize("name", NAMES)
def test_half(name, dtype):
    """Half precision is rounded after each operation, as in torch: a step or two of the last place
    is what remains.
    """
    kind = jtorch.finfo(getattr(jtorch, dtype))
    assert_equal_runs(name, {}, dtype, 2 * kind.eps, 8)


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first, second", [LIBS, LIBS[::-1]], ids=["from torch", "to torch"])
def test_checkpoint(name, first, second, tmp_path):
    """A checkpoint written by either library goes on in the other."""
    options = max((o for n, o in CASES if n == name), key=len)
    begun = Run(first, name, options).go(3)
    file = tmp_path / "checkpoint.pt"
    first.save({"params": begun.params, "optimizer": begun.optimizer.state_dict()}, file)
    loaded = second.load(file)
    continued = Run(second, name, {})
    for p, saved in zip(continued.params, loaded["params"]):
        p.data.copy_(saved)
    continued.optimizer.load_state_dict(loaded["optimizer"])
    continued.rng = np.random.default_rng(5)
    begun.rng = np.random.default_rng(5)
    for a, b in zip(begun.go(5).values(), continued.go(5).values()):
        np.testing.assert_allclose(b, a, rtol=tolerance(name, "float32"), atol=1e-6)


def errors_of(name):
    """The programs that torch's table says must fail, as functions of the library."""
    for number, entry in enumerate(INFOS[name].optim_error_inputs_func("cpu", torch.float32)):
        yield pytest.param(name, entry, id=f"{name}-{number}")


def own_params(lib, params):
    if params is None:
        return [lib.nn.Parameter(lib.ones(2, 3))]
    if isinstance(params, dict):
        return {k: own_params(lib, v) if k == "params" else v for k, v in params.items()}
    if isinstance(params, (list, tuple)):
        made = {}
        return type(params)(own_once(lib, p, made) for p in params)
    return lib.nn.Parameter(lib.tensor(params.detach().numpy()))


def own_once(lib, value, made):
    """The same tensor twice is to be the same tensor twice."""
    if isinstance(value, torch.Tensor):
        if id(value) not in made:
            made[id(value)] = parameter_like(lib, value)
        return made[id(value)]
    if isinstance(value, dict):
        return {k: own_once(lib, v, made) for k, v in value.items()}
    if isinstance(value, (list, tuple)):
        return type(value)(own_once(lib, v, made) for v in value)
    return value


def parameter_like(lib, value):
    if value.is_sparse:
        return lib.zeros(tuple(value.shape)).to_sparse()
    made = lib.tensor(value.detach().numpy())
    made.grad = lib.ones_like(made) if value.grad is not None else None
    return made.requires_grad_(value.requires_grad)


def failure(lib, name, entry):
    error = entry.optimizer_error_input
    params = own_params(lib, error.params)
    with warnings.catch_warnings():
        warnings.simplefilter("error" if entry.error_type is UserWarning else "ignore")
        with pytest.raises(Exception) as caught:
            optimizer = getattr(lib.optim, name)(params, **own(lib, error.kwargs))
            if entry.error_on == OptimizerErrorEnum.STEP_ERROR:
                optimizer.step()
    return caught.type, str(caught.value)


@pytest.mark.parametrize("name, entry", [param for name in INFOS for param in errors_of(name)])
def test_errors(name, entry):
    """The same exception class and words."""
    want, got = failure(torch, name, entry), failure(jtorch, name, entry)
    assert want[0] is entry.error_type and re.search(entry.error_regex, want[1])
    assert got == want


@pytest.mark.parametrize("name", NAMES)
def test_few_nodes(name):
    """A step over 200 parameters is a handful of nodes and one flush at its end."""
    run = Run(jtorch, name, {"momentum": 0.9} if name == "SGD" else {}, shapes=[(2, 3)] * 200)
    run.go(1)
    run.make_gradients()
    trace.step_boundary()
    counted = []
    boundary = trace.step_boundary

    def count(*args):
        counted.append(sum(len(t.nodes) for t in trace.state.traces.values()))
        boundary(*args)

    trace.step_boundary = count
    try:
        run.optimizer.step()
    finally:
        trace.step_boundary = boundary
    assert len(counted) == 1
    assert counted[0] <= 20


# LBFGS is left out: torch itself cannot go on with one that was pickled.
@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("first, second", [LIBS, LIBS[::-1]], ids=["from torch", "to torch"])
def test_pickled_whole(name, first, second, tmp_path):
    """An optimiser saved as an object, parameters and all, goes on in the other library."""
    begun = Run(first, name, max((o for n, o in CASES if n == name), key=len)).go(3)
    first.save(begun.optimizer, tmp_path / "optimizer.pt")
    continued = Run(second, name, {})
    continued.optimizer = second.load(tmp_path / "optimizer.pt", weights_only=False)
    continued.params = continued.optimizer.param_groups[0]["params"]
    continued.rng = np.random.default_rng(5)
    begun.rng = np.random.default_rng(5)
    for a, b in zip(begun.go(3).values(), continued.go(3).values()):
        np.testing.assert_allclose(b, a, rtol=tolerance(name, "float32"), atol=1e-6)
