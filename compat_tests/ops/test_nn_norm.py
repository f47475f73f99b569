"""Normalisation layers and padding against torch."""

import numpy as np
import pytest

from compat_tests.harness import expression

RNG = np.random.RandomState(11)


def randn(*shape):
    """Normal random numbers."""
    return RNG.randn(*shape).astype(np.float32)


X = randn(3, 4, 5, 6)
W, B = randn(4), randn(4)
MEAN, VAR = randn(4), np.abs(randn(4)) + 0.5
V, U = randn(5, 6), randn(5, 6)
OPERANDS = {"x": X, "w": W, "b": B, "v": V, "u": U}

PROGRAMS = [
    "F.batch_norm(x, None, None, w, b, True)",
    "F.batch_norm(x, None, None, training=True, eps=0.1)",
    "F.batch_norm(x[..., 0, 0], None, None, w, training=True)",
    "F.layer_norm(x, (5, 6), v, u)",
    "F.layer_norm(x, [6])",
    "F.layer_norm(x, (4, 5, 6), eps=0.3)",
    "torch.layer_norm(x, (5, 6), v, u)",
    "F.group_norm(x, 2, w, b)",
    "F.group_norm(x, 4)",
    "torch.group_norm(x, 1, w, b, 1e-3)",
    "F.instance_norm(x, weight=w, bias=b)",
    "F.instance_norm(x)",
    "F.rms_norm(x, (6,))",
    "F.rms_norm(x, (5, 6), v, 1e-3)",
    "F.local_response_norm(x, 3)",
    "F.local_response_norm(x, 2, alpha=0.1, beta=0.6, k=2.0)",
    "torch.native_layer_norm(x, (5, 6), v, u, 1e-5)[0]",
    "torch.native_group_norm(x, w, b, 3, 4, 30, 2, 1e-5)[0]",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_norm(program):
    expression(program, OPERANDS, scale=20.0)


RUNNING = [
    "out = (F.batch_norm(x, m, s, w, b, True, 0.3), m, s)",
    "out = (F.batch_norm(x, m, s, w, b, False), m, s)",
    "out = (F.batch_norm(x, m, s, w, b, True, 1.0), m, s)",
    "out = (F.instance_norm(x, m, s, w, b, True, 0.2), m, s)",
    "out = (F.instance_norm(x, m, s, w, b, False), m, s)",
    "y = F.batch_norm(x, m, s, None, None, True); out = (F.batch_norm(y, m, s, w, b, True), m, s)",
    "y = torch.batch_norm(x, w, b, m, s, True, 0.1, 1e-5, True); out = (y, m, s, m._version > 0)",
]


@pytest.mark.parametrize("program", RUNNING)
def test_running_statistics(program):
    start = f"m = torch.tensor({MEAN.tolist()}); s = torch.tensor({VAR.tolist()}); "
    expression(start + program, OPERANDS, scale=20.0)


def test_half():
    expression("F.layer_norm(x.bfloat16(), (6,))", {"x": X}, scale=800.0)
    expression("F.batch_norm(x.half(), None, None, training=True)", {"x": X}, scale=800.0)


def test_second_derivative():
    for f in ("F.layer_norm(x, (6,))", "F.batch_norm(x, None, None, training=True)"):
        program = f"y = ({f}).pow(3).sum(); out, = torch.autograd.grad(y, x, create_graph=True)"
        expression(program, {"x": X.astype(np.float64)}, scale=1e3)


ERRORS = [
    "F.batch_norm(x[:1, :, 0, 0], None, None, training=True)",
    "F.batch_norm(x, None, None)",
    "F.batch_norm(x, torch.zeros(3), torch.ones(4))",
    "F.batch_norm(x, None, None, torch.ones(5), training=True)",
    "F.layer_norm(x, (5,))",
    "F.layer_norm(x, (5, 6), w)",
    "F.group_norm(x, 3)",
    "F.group_norm(x, 2, v)",
    "F.instance_norm(x[:, :, :1, :1])",
    "F.local_response_norm(w, 2)",
    "F.layer_norm(x.long(), (6,))",
]


@pytest.mark.parametrize("program", ERRORS)
def test_errors(program):
    expression(program, OPERANDS)


PADS = [
    "F.pad(x, (1, 2))",
    "F.pad(x, (1, 2, 3, 0), value=2.5)",
    "F.pad(x, (-1, 2, 0, -2))",
    "F.pad(x, (0, 0, 0, 0, 1, 1, 2, 0))",
    "F.pad(x.long(), (1, 1), value=3)",
    "F.pad(x > 0, (1, 1), value=True)",
    "F.pad(x, (1, 2), 'reflect')",
    "F.pad(x, (1, 2), mode='replicate') if False else F.pad(x[0], (1, 2), mode='replicate')",
    "F.pad(x, (1, 2, 3, 1), 'reflect')",
    "F.pad(x, (1, 2, 3, 1), 'replicate')",
    "F.pad(x, (5, 2, 3, 4), 'circular')",
    "F.pad(x, (-1, 2, 3, -1), 'reflect')",
    "F.pad(x, (-1, 2, 3, -1), 'replicate')",
    "F.pad(x, (-1, 2, 3, -1), 'circular')",
    "F.pad(x[None], (1, 0, 2, 1, 1, 1), 'replicate')",
    "F.pad(x[None], (1, 0, 2, 1, 1, 1), 'reflect')",
    "torch.constant_pad_nd(x, (1, 1), 4)",
]


@pytest.mark.parametrize("program", PADS)
def test_pad(program):
    expression(program, {"x": X})


PAD_ERRORS = [
    "F.pad(x, (1, 2, 3))",
    "F.pad(x, (1,) * 10)",
    "F.pad(x, (-4, -4))",
    "F.pad(x, (6, 1), 'reflect')",
    "F.pad(x, (1, 1), 'nothing')",
    "F.pad(x, (1, 1), 'reflect', 1.0)",
    "F.pad(x, (7, 1, 1, 1), 'circular')",
    "F.pad(x, (1, 1, 1, 1, 1, 1, 1, 1), 'reflect')",
]


@pytest.mark.parametrize("program", PAD_ERRORS)
def test_pad_errors(program):
    expression(program, {"x": X})
