"""Convolutions and pooling against torch: values, gradients, shapes, errors."""

import numpy as np
import pytest

from compat_tests.harness import expression

RNG = np.random.RandomState(5)


def randn(*shape):
    """Normal random numbers."""
    return RNG.randn(*shape).astype(np.float32)


X1, X2, X3 = randn(2, 4, 9), randn(2, 4, 9, 8), randn(2, 4, 5, 6, 5)
W1, W2, W3 = randn(6, 4, 3), randn(6, 4, 3, 3), randn(6, 4, 3, 2, 3)
G2 = randn(6, 2, 3, 3)
B = randn(6)
POINT = randn(6, 4, 1, 1)

CONV = [
    ("F.conv1d(x, w, b)", X1, W1),
    ("F.conv1d(x, w, b, padding='same', dilation=2)", X1, W1),
    ("F.conv1d(x[0], w, b, stride=2, padding=1)", X1, W1),
    ("F.conv2d(x, w)", X2, W2),
    ("F.conv2d(x, w, b, stride=2, padding=1)", X2, W2),
    ("F.conv2d(x, w, b, (2, 1), (1, 0), (1, 2))", X2, W2),
    ("F.conv2d(x, w, b, padding='same')", X2, W2),
    ("F.conv2d(x, w, b, padding='valid')", X2, W2),
    ("F.conv2d(x[0], w, b, padding=1)", X2, W2),
    ("F.conv2d(x, w, b, groups=2)", X2, G2),
    ("F.conv2d(x, w, b)", X2, POINT),
    ("F.conv2d(x, w, b, stride=2)", X2, POINT),
    ("F.conv2d(x, w, b, padding=1)", X2, POINT),
    ("torch.conv2d(x, w, bias=b)", X2, W2),
    ("torch.convolution(x, w, b, [1, 1], [1, 1], [1, 1], False, [0, 0], 1)", X2, W2),
    ("F.conv3d(x, w, b, padding=1)", X3, W3),
    ("F.conv_transpose1d(x, w.transpose(0, 1), b, stride=2, output_padding=1)", X1, W1),
    ("F.conv_transpose2d(x, w.transpose(0, 1), b)", X2, W2),
    ("F.conv_transpose2d(x, w.transpose(0, 1), b, 2, 1, 1)", X2, W2),
    ("F.conv_transpose2d(x, w.transpose(0, 1), b, 3, 2, 1, 1, 2)", X2, W2),
    ("F.conv_transpose2d(x[0], w.transpose(0, 1), b, (2, 1))", X2, W2),
    ("F.conv_transpose2d(x, w.reshape(4, 3, 3, 3)[:, :3], b, groups=2)", X2, randn(4, 3, 3, 3)),
    ("F.conv_transpose3d(x, w.transpose(0, 1), b, 2)", X3, W3),
]


@pytest.mark.parametrize("program,x,w", CONV, ids=lambda v: v if isinstance(v, str) else "")
def test_conv(program, x, w):
    expression(program, {"x": x, "w": w, "b": B}, scale=5.0)


def test_conv_double_and_tbc():
    expression("F.conv2d(x, w)", {"x": X2.astype(np.float64), "w": W2.astype(np.float64)})
    expression(
        "F.conv_tbc(x, w, b, 1)", {"x": randn(7, 2, 4), "w": randn(3, 4, 6), "b": B}, scale=5.0
    )


CONV_ERRORS = [
    "F.conv2d(x, w[:, :3])",
    "F.conv2d(x[0, 0], w)",
    "F.conv2d(x, w, stride=0)",
    "F.conv2d(x, w, padding=-1)",
    "F.conv2d(x, w, padding='same', stride=2)",
    "F.conv2d(x, w, padding='wrong')",
    "F.conv2d(x[:, :, :2, :2], w)",
    "F.conv2d(x, w, torch.ones(5))",
    "F.conv2d(x, w.double())",
    "F.conv2d(x, w, groups=3)",
    "F.conv2d(x, w, stride=(1, 2, 3))",
    "F.conv_transpose2d(x, w)",
    "F.conv_transpose2d(x, w.transpose(0, 1), None, 1, 0, 1)",
]


@pytest.mark.parametrize("program", CONV_ERRORS)
def test_conv_errors(program):
    expression(program, {"x": X2, "w": W2})


TIES = np.round(X2).astype(np.float32)
POOL = [
    "F.max_pool2d(x, 2)",
    "F.max_pool2d(x, 3, 2, 1)",
    "F.max_pool2d(x, (2, 3), stride=(1, 2), padding=(1, 1), ceil_mode=True)",
    "F.max_pool2d(x, 2, dilation=2)",
    "F.max_pool2d(x, 3, ceil_mode=True)",
    "F.max_pool2d(x, 2, return_indices=True)",
    "F.max_pool2d(x, 3, 2, 1, return_indices=True)",
    "F.max_pool2d(x[0], 2)",
    "torch.max_pool2d(x, 2)",
    "F.max_pool1d(x[0], 2)",
    "torch.max_pool1d_with_indices(x[0], 3, 1)",
    "F.max_pool3d(x[None], 2)",
    "F.max_pool3d(x[None], (3, 2, 2), 1, 1, return_indices=True)",
    "F.avg_pool2d(x, 2)",
    "F.avg_pool2d(x, 3, 2, 1)",
    "F.avg_pool2d(x, 3, 2, 1, count_include_pad=False)",
    "F.avg_pool2d(x, 3, 2, 1, ceil_mode=True)",
    "F.avg_pool2d(x, 2, ceil_mode=True, divisor_override=3)",
    "F.avg_pool1d(x[0], 3, 2, 1)",
    "F.avg_pool3d(x[None], 2)",
    "F.lp_pool2d(x.abs(), 2, 2)",
    "F.lp_pool1d(x[0], 3.0, 2, stride=1)",
    "F.adaptive_avg_pool2d(x, 1)",
    "F.adaptive_avg_pool2d(x, (3, 4))",
    "F.adaptive_avg_pool2d(x, (4, 3))",
    "F.adaptive_avg_pool2d(x, (None, 5))",
    "F.adaptive_avg_pool1d(x[0], 5)",
    "F.adaptive_avg_pool3d(x[None], 2)",
    "F.adaptive_max_pool2d(x, (4, 3))",
    "F.adaptive_max_pool2d(x, 3, return_indices=True)",
    "F.adaptive_max_pool1d(x[0], 5, return_indices=True)",
    "F.adaptive_max_pool3d(x[None], (2, 3, 4))",
    "F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)",
    "F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2, output_size=(9, 8))",
    "F.max_unpool1d(*F.max_pool1d(x[0], 2, return_indices=True), 2)",
]


@pytest.mark.parametrize("program", POOL)
def test_pool(program):
    expression(program, {"x": X2}, scale=3.0)
    if "max" in program and "unpool" not in program:
        expression(program, {"x": TIES})


def test_pool_large_windows():
    x = randn(1, 2, 40, 40)
    expression("F.max_pool2d(x, 20)", {"x": x})
    expression("F.max_pool2d(x, 19, 5, return_indices=True)", {"x": x})
    expression("F.avg_pool2d(x, 19, 3)", {"x": x}, scale=3.0)


def test_pool_nan():
    x = TIES.copy()
    x[0, 0, 2:5, 2:5] = np.nan
    expression("F.max_pool2d(x, 2)", {"x": x}, grad=False)
    expression("F.max_pool2d(x, 3, 2, 1, return_indices=True)", {"x": x}, grad=False)


def test_fractional():
    u = RNG.rand(2, 4, 2).astype(np.float32)
    program = (
        "F.fractional_max_pool2d(x, 2, output_size=(4, 3), return_indices=True, "
        "_random_samples=u.detach())"
    )
    expression(program, {"x": X2, "u": u}, grad=False)


POOL_ERRORS = [
    "F.max_pool2d(x, 2, padding=2)",
    "F.max_pool2d(x, 20)",
    "F.max_pool2d(x[0, 0], 2)",
    "F.max_pool2d(x, 2, stride=0)",
    "F.avg_pool2d(x, 2, divisor_override=0)",
    "F.adaptive_avg_pool2d(x, -1)",
    "F.max_unpool2d(x, torch.zeros(2, 4, 9, 8), 2)",
    "F.max_unpool2d(x, torch.full((2, 4, 9, 8), 10000), 2)",
]


@pytest.mark.parametrize("program", POOL_ERRORS)
def test_pool_errors(program):
    expression(program, {"x": X2})
