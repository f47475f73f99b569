"""Initialisers from one seed in both libraries: values, errors and warnings."""

import inspect
import warnings

import pytest
import torch

import jtorch

TENSORS = """
torch.empty(3, 4)
torch.empty(20, 30)
torch.empty(4, 3, 3, 3)
torch.empty(5, 2, 3)
torch.empty(6)
torch.empty(())
torch.empty(0, 3)
torch.empty(3, 4, dtype=torch.float64)
torch.nn.Parameter(torch.empty(3, 4))
torch.empty(3, 4, device="meta")
torch.empty(2, 2, 2, 2, 2)
torch.empty(3, 4).t()
torch.empty(3, 4, dtype=torch.int64)
""".strip().split("\n")

# What an initialiser cannot be called without.
REQUIRED = {"constant_": ", 0.3", "constant": ", 0.3", "sparse_": ", 0.5", "sparse": ", 0.5"}

CALLS = """
init.uniform_(torch.empty(3, 4), -2, 5)
init.uniform_(torch.empty(3), 5, -2)
init.uniform_(torch.empty(3, 4, dtype=torch.float16))
init.uniform_(3)
init.normal_(torch.empty(3, 4), 2, 3)
init.normal_(torch.empty(3, 4, dtype=torch.bfloat16))
init.normal_(torch.empty(3), 0, -1)
init.trunc_normal_(torch.empty(50), 0, 1, -0.1, 0.1)
init.trunc_normal_(torch.empty(50), 0, 0.02)
init.trunc_normal_(torch.empty(50), 5, 1, -1, 1)
init.trunc_normal_(torch.empty(50), mean=1, std=0.5, a=0, b=4)
init.trunc_normal_(torch.empty(5), 0, 0.0)
init.trunc_normal_(torch.empty(5), 0, 1, 3, 1)
init.dirac_(torch.empty(6, 2, 3), 2)
init.dirac_(torch.empty(6, 2, 3), 4)
init.kaiming_uniform_(torch.empty(3, 4), a=5**0.5)
init.kaiming_uniform_(torch.empty(3, 4), mode="fan_out", nonlinearity="relu")
init.kaiming_normal_(torch.empty(3, 4), mode="x")
init.kaiming_normal_(torch.empty(3, 4), nonlinearity="x")
init.xavier_uniform_(torch.empty(3, 4), gain=2)
init.orthogonal_(torch.empty(3, 4), gain=2)
init.orthogonal_(torch.empty(4, 3, 2))
init.sparse_(torch.empty(10, 4), 0.1, std=2)
init.sparse_(torch.empty(10, 4), 1.5)
init.ones_(torch.ones(3, requires_grad=True) * 1)
[init.calculate_gain(n) for n in "linear conv2d sigmoid tanh relu selu leaky_relu".split()]
init.calculate_gain("x")
init.calculate_gain("leaky_relu", 0.2)
init.calculate_gain("leaky_relu", "a")
init.calculate_gain("leaky_relu", True)
init.calculate_gain("relu", 3)
init._calculate_fan_in_and_fan_out(torch.empty(3, 4, 5))
init._calculate_fan_in_and_fan_out(torch.empty(3))
init._calculate_correct_fan(torch.empty(3, 4), "FAN_IN")
init._no_grad_uniform_(torch.empty(3), 0, 1)
init._no_grad_trunc_normal_(torch.empty(3), 0, 1, -2, 2)
""".strip().split("\n")

INITIALISERS = [
    name
    for name, value in vars(torch.nn.init).items()
    if inspect.isfunction(value) and name[0] != "_" and name != "calculate_gain"
]
TAKE_GENERATORS = [
    name
    for name in INITIALISERS
    if "generator" in inspect.signature(getattr(torch.nn.init, name)).parameters
]


def _shown(lib, value):
    if not isinstance(value, lib.Tensor):
        return value
    numbers = None if value.is_meta else value.detach().double().flatten().tolist()
    return [str(value.dtype), tuple(value.shape), value.requires_grad, numbers]


def _outcome(lib, call):
    lib.manual_seed(0)
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            result = _shown(lib, eval(call, {"torch": lib, "init": lib.nn.init}))
        except Exception as error:
            result = [type(error).__name__, str(error).replace("jtorch", "torch")]
        # The stream goes on from the same place.
        follows = lib.rand(1).item()
    return result, follows, [(w.category.__name__, str(w.message)) for w in caught]


def _assert_same(call):
    (want, then, said), (got, then_here, said_here) = (
        _outcome(lib, call) for lib in (torch, jtorch)
    )
    if isinstance(want, list) and isinstance(want[-1], list):
        assert got[:-1] == want[:-1], call
        assert got[-1] == pytest.approx(want[-1], rel=2e-6, abs=2e-6, nan_ok=True), call
    else:
        assert got == want, call
    assert then_here == then, call
    assert said_here == said, call


@pytest.mark.parametrize("name", INITIALISERS)
def test_every_initialiser(name):
    for tensor in TENSORS:
        _assert_same(f"init.{name}({tensor}{REQUIRED.get(name, '')})")


@pytest.mark.parametrize("name", TAKE_GENERATORS)
def test_generators(name):
    generator = "generator=torch.Generator().manual_seed(3)"
    _assert_same(f"init.{name}(torch.empty(4, 4){REQUIRED.get(name, '')}, {generator})")


@pytest.mark.parametrize("call", CALLS)
def test_calls(call):
    _assert_same(call)
