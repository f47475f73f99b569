"""Activations, softmax and vector norms against torch: values, gradients, errors."""

import numpy as np
import pytest

from compat_tests.harness import expression

RNG = np.random.RandomState(3)
X = RNG.randn(3, 4, 6).astype(np.float32) * 2
ROWS = RNG.randn(5, 7).astype(np.float32)
# The corners of all piecewise functions, where subgradients are a choice.
SPOTS = np.array(
    [0.0, -0.0, 0.5, -0.5, 1, -1, 3, -3, 6, -6, 20, 21, 100, -100, np.inf, -np.inf, np.nan],
    np.float32,
)
FINITE = SPOTS[:14]
ODD = RNG.randn(2, 3).astype(np.float32)
INTS = np.arange(6).reshape(2, 3)

UNARY = [
    "F.gelu(x)",
    "F.gelu(x, approximate='tanh')",
    "F.silu(x)",
    "F.mish(x)",
    "F.elu(x)",
    "F.elu(x, 0.7)",
    "F.selu(x)",
    "torch.selu(x)",
    "F.celu(x, 1.3)",
    "F.leaky_relu(x)",
    "F.leaky_relu(x, 0.2)",
    "F.leaky_relu(x, -0.2)",
    "F.hardtanh(x)",
    "F.hardtanh(x, -0.5, 3.0)",
    "F.relu6(x)",
    "F.relu(x)",
    "F.hardswish(x)",
    "F.hardsigmoid(x)",
    "F.hardshrink(x)",
    "x.hardshrink(1.0)",
    "F.softshrink(x)",
    "F.tanhshrink(x)",
    "F.softsign(x)",
    "F.softplus(x)",
    "F.softplus(x, 2.0, 6.0)",
    "F.logsigmoid(x)",
    "F.threshold(x, 0.5, -1.0)",
    "torch.threshold(x, 1.0, 2.0)",
    "F.sigmoid(x)",
    "F.tanh(x)",
]


@pytest.mark.parametrize("program", UNARY)
def test_unary(program):
    expression(program, {"x": X})
    spots = FINITE if "gelu" in program or "mish" in program or "silu" in program else SPOTS
    expression(program, {"x": spots})


@pytest.mark.parametrize(
    "program", [p for p in UNARY if "threshold" not in p and "negative" not in p]
)
def test_half(program):
    expression(program, {"x": X.astype(np.float16)}, scale=2.0)


SOFT = [
    "F.softmax(x, 1)",
    "F.softmax(x, dim=-1)",
    "x.softmax(0)",
    "torch.softmax(x, 2, dtype=torch.float64)",
    "F.softmax(x)",
    "F.log_softmax(x)",
    "F.log_softmax(x, 1)",
    "x.log_softmax(dim=0)",
    "torch.log_softmax(x, -2)",
    "F.softmin(x, 1)",
    "F.glu(x)",
    "F.glu(x, 1)",
    "F.normalize(x)",
    "F.normalize(x, p=1, dim=(0, 2))",
    "F.normalize(x, p=3.0, dim=-1)",
    "F.normalize(x, p=float('inf'), dim=-1)",
    "F.cosine_similarity(x, x.flip(0))",
    "F.cosine_similarity(x, x[:1], dim=-1)",
    "F.pairwise_distance(x, x.flip(1))",
    "torch.pairwise_distance(x, x.flip(1), p=1.0, keepdim=True)",
    "F.prelu(x, torch.tensor([0.25]))",
    "F.prelu(x, torch.tensor([0.25, 0.1, -0.3, 0.0]))",
]


@pytest.mark.parametrize("program", SOFT)
def test_along_dimensions(program):
    expression(program, {"x": X})


def test_softmax_extremes():
    for name in ("softmax", "log_softmax"):
        wild = np.array([[1e4, -1e4, 0], [-np.inf, 0, 1], [-np.inf] * 3], np.float32)
        expression(f"F.{name}(x, 1)", {"x": wild}, grad=False)
        expression(f"F.{name}(x, 0)", {"x": np.array(2.0, np.float32)})
        expression(f"F.{name}(x, 1)", {"x": np.zeros((2, 0), np.float32)})
        expression(f"F.{name}(x.half(), 1)", {"x": ROWS}, scale=100.0)


def test_zero_vectors():
    zero = np.zeros((2, 3), np.float32)
    expression("F.normalize(x)", {"x": zero})
    expression("F.cosine_similarity(x, y)", {"x": zero, "y": ODD})
    expression("F.pairwise_distance(x, x, eps=0.0)", {"x": ODD})


@pytest.mark.parametrize(
    "name",
    [
        "silu",
        "mish",
        "elu",
        "selu",
        "celu",
        "leaky_relu",
        "hardtanh",
        "relu6",
        "relu",
        "hardswish",
        "hardsigmoid",
    ],
)
def test_inplace(name):
    expression(f"y = x * 1; z = F.{name}(y, inplace=True); out = (y, z is y)", {"x": X})


def test_underscore_functions():
    for call in (
        "F.elu_(y)",
        "F.leaky_relu_(y, 0.3)",
        "F.hardtanh_(y)",
        "torch.selu_(y)",
        "torch.celu_(y)",
        "torch.threshold_(y, 0.1, 2.0)",
        "F.threshold_(y, 0.1, 2.0)",
    ):
        expression(f"y = x * 1; z = {call}; out = (y, z is y)", {"x": X})


ERRORS = [
    "F.softmax(i, 1)",
    "F.log_softmax(i, 1)",
    "F.gelu(i)",
    "F.gelu(x, approximate='fast')",
    "F.silu(i)",
    "F.leaky_relu(i)",
    "F.softmax(x, 5)",
    "F.glu(x)",
    "F.softshrink(x, -1.0)",
    "F.hardtanh(x, 2.0, 1.0)",
    "F.prelu(x, torch.ones(5))",
    "F.cosine_similarity(x, x, dim=4)",
    "F.pairwise_distance(x, torch.ones(2, 5))",
]


@pytest.mark.parametrize("program", ERRORS)
def test_errors(program):
    expression(program, {"x": ODD, "i": INTS})


def test_second_derivative():
    for f in ("F.softmax(x, 1)", "F.log_softmax(x, 1)", "F.gelu(x)", "F.silu(x)", "F.softplus(x)"):
        expression(
            f"y = ({f}).pow(2).sum(); g, = torch.autograd.grad(y, x, create_graph=True); out = g",
            {"x": ROWS},
            scale=3.0,
        )
