"""Interpolation, sampling, folding and bags of embeddings against torch."""

import numpy as np
import pytest

from compat_tests.harness import expression

RNG = np.random.RandomState(19)


def randn(*shape):
    """Normal random numbers."""
    return RNG.randn(*shape).astype(np.float32)


X1, X2, X3 = randn(2, 3, 7), randn(2, 3, 6, 7), randn(1, 2, 4, 5, 3)

BYTES = np.arange(24).reshape(1, 2, 3, 4).astype(np.uint8)

INTERPOLATE = [
    "F.interpolate(x, size=(12, 14))",
    "F.interpolate(x, scale_factor=2)",
    "F.interpolate(x, size=(4, 9))",
    "F.interpolate(x, scale_factor=(1.7, 0.6))",
    "F.interpolate(x, scale_factor=(1.7, 0.6), recompute_scale_factor=True)",
    "F.interpolate(x, size=(4, 9), mode='nearest-exact')",
    "F.interpolate(x, scale_factor=1.6, mode='nearest-exact')",
    "F.interpolate(x, size=(12, 5), mode='bilinear')",
    "F.interpolate(x, size=(12, 5), mode='bilinear', align_corners=True)",
    "F.interpolate(x, scale_factor=1.7, mode='bilinear')",
    "F.interpolate(x, scale_factor=0.6, mode='bilinear', recompute_scale_factor=True)",
    "F.interpolate(x, size=(12, 5), mode='bicubic')",
    "F.interpolate(x, size=(12, 5), mode='bicubic', align_corners=True)",
    "F.interpolate(x, scale_factor=1.7, mode='bicubic')",
    "F.interpolate(x, size=(3, 12), mode='bilinear', antialias=True)",
    "F.interpolate(x, size=(3, 4), mode='bicubic', antialias=True)",
    "F.interpolate(x, size=(3, 4), mode='area')",
    "F.interpolate(x, size=1, mode='bilinear', align_corners=True)",
]


@pytest.mark.parametrize("program", INTERPOLATE)
def test_interpolate(program):
    expression(program, {"x": X2}, scale=20.0)


def test_interpolate_other_ranks():
    for program in ("size=3", "scale_factor=2", "size=9, mode='linear'", "scale_factor=1.3"):
        expression(f"F.interpolate(x, {program})", {"x": X1}, scale=20.0)
    for program in ("size=3", "scale_factor=2", "size=(5, 4, 7), mode='trilinear'"):
        expression(f"F.interpolate(x, {program})", {"x": X3}, scale=20.0)
    expression("F.upsample(x, scale_factor=2, mode='bilinear')", {"x": X2}, scale=20.0)
    expression(
        "F.interpolate(x, scale_factor=2)",
        {"x": BYTES},
    )


INTERPOLATE_ERRORS = [
    "F.interpolate(x)",
    "F.interpolate(x, size=3, scale_factor=2)",
    "F.interpolate(x, size=(3, 4, 5))",
    "F.interpolate(x, size=3, mode='linear')",
    "F.interpolate(x, size=3, align_corners=True)",
    "F.interpolate(x, size=3, mode='nothing')",
    "F.interpolate(x, size=3, antialias=True)",
    "F.interpolate(x[0, 0], size=3)",
    "F.interpolate(x, size=0)",
]


@pytest.mark.parametrize("program", INTERPOLATE_ERRORS)
def test_interpolate_errors(program):
    expression(program, {"x": X2})


G2 = (RNG.rand(2, 4, 5, 2) * 2.6 - 1.3).astype(np.float32)
G3 = (RNG.rand(1, 2, 3, 4, 3) * 2.6 - 1.3).astype(np.float32)


@pytest.mark.parametrize("mode", ["bilinear", "nearest", "bicubic"])
@pytest.mark.parametrize("padding", ["zeros", "border", "reflection"])
def test_grid_sample(mode, padding):
    for aligned in (False, True):
        settings = f"mode='{mode}', padding_mode='{padding}', align_corners={aligned})"
        expression("F.grid_sample(x, g, " + settings, {"x": X2, "g": G2}, scale=30.0)
        if mode != "bicubic":
            expression("F.grid_sample(x, g, " + settings, {"x": X3, "g": G3}, scale=30.0)


def test_affine_grid():
    theta = {"t": randn(2, 2, 3), "u": randn(2, 3, 4)}
    for aligned in (False, True):
        expression(f"F.affine_grid(t, (2, 3, 4, 5), align_corners={aligned})", theta, scale=5.0)
        expression(f"F.affine_grid(u, (2, 3, 4, 5, 1), align_corners={aligned})", theta, scale=5.0)
    expression("F.affine_grid(t, (2, 3, 4))", theta)
    expression("F.affine_grid(u, (2, 3, 4, 5))", theta)
    expression("F.grid_sample(t, u)", theta)


FOLD = [
    "F.pixel_shuffle(x.reshape(2, 1, 9, 2, 7), 3)",
    "F.pixel_unshuffle(x.reshape(2, 3, 7, 6)[..., :6, :], 3)",
    "torch.pixel_shuffle(x, 2)",
    "torch.pixel_unshuffle(x, 2)",
    "F.channel_shuffle(x, 3)",
    "F.channel_shuffle(x, 2)",
    "F.unfold(x, 3)",
    "F.unfold(x, (2, 3), dilation=(2, 1), padding=(1, 2), stride=(1, 2))",
    "F.unfold(x[0], 2, stride=2)",
    "F.unfold(x, 9)",
    "F.fold(F.unfold(x, 3), (6, 7), 3)",
    "F.fold(F.unfold(x, (2, 3), (2, 1), (1, 2), (1, 2)), (6, 7), (2, 3), (2, 1), (1, 2), (1, 2))",
    "F.fold(F.unfold(x, 3)[0], (6, 7), 3)",
    "F.fold(F.unfold(x, 3), (6, 8), 3)",
    "F.fold(x[0], (6, 7), 2)",
]


@pytest.mark.parametrize("program", FOLD)
def test_fold(program):
    expression(program, {"x": X2}, scale=3.0)


BAGS = {
    "i": np.array([1, 4, 2, 2, 0, 5, 5]),
    "o": np.array([0, 2, 2, 5]),
    "w": randn(6, 3),
    "p": randn(7),
    "m": np.array([[1, 2], [3, 3], [5, 0]]),
}
BAG = [
    "F.embedding_bag(i, w, o)",
    "F.embedding_bag(i, w, o, mode='sum')",
    "F.embedding_bag(i, w, o, mode='max')",
    "F.embedding_bag(i, w, o, mode='sum', per_sample_weights=p)",
    "F.embedding_bag(i, w, o, padding_idx=2)",
    "F.embedding_bag(i, w, o, padding_idx=-1, mode='max')",
    "F.embedding_bag(i, w, torch.tensor([0, 3, 7]), include_last_offset=True)",
    "F.embedding_bag(m, w)",
    "F.embedding_bag(m, w, mode='max')",
    "F.embedding_bag(m, w, o)",
    "F.embedding_bag(i, w)",
    "F.embedding_bag(i + 3, w, o)",
    "F.embedding_bag(i, w, o, mode='all')",
]


@pytest.mark.parametrize("program", BAG)
def test_embedding_bag(program):
    expression(program, BAGS, scale=3.0)
