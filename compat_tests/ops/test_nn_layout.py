"""Where the results of operations on images lie in memory: channels stay last as in torch."""

import itertools
import warnings

import numpy as np
import pytest
import torch

import jtorch

RNG = np.random.RandomState(3)
IMAGES = RNG.randn(2, 6, 8, 8).astype(np.float32)
WEIGHT = RNG.randn(4, 6, 3, 3).astype(np.float32)
TURNED = RNG.randn(6, 4, 3, 3).astype(np.float32)

PROGRAMS = """
F.conv2d(x, w)
F.conv2d(x, w).relu() + 1
F.conv2d(x.contiguous(), w.contiguous(memory_format=torch.channels_last))
F.conv_transpose2d(x, u)
F.max_pool2d(x, 2)
F.max_pool2d(x, 2, return_indices=True)
F.max_unpool2d(*F.max_pool2d(x, 2, return_indices=True), 2)
F.avg_pool2d(x, 2)
F.lp_pool2d(x, 2, 2)
F.adaptive_avg_pool2d(x, 3)
F.adaptive_avg_pool2d(x, 1)
F.adaptive_max_pool2d(x, 3)
F.fractional_max_pool2d(x, 2, output_size=3)
F.batch_norm(x, torch.zeros(6), torch.ones(6))
F.batch_norm(x, None, None, training=True)
F.batch_norm(x, torch.zeros(6), torch.ones(6), training=True)
F.group_norm(x, 2)
F.instance_norm(x)
F.layer_norm(x, (6, 8, 8))
F.rms_norm(x, (8,))
F.local_response_norm(x, 2)
F.normalize(x)
F.pixel_shuffle(x[:, :4], 2)
F.pixel_unshuffle(x, 2)
F.channel_shuffle(x, 2)
F.pad(x, (1, 1, 1, 1))
F.pad(x, (1, 1, 1, 1), mode='reflect')
F.pad(x, (1, 1, 1, 1), mode='replicate')
F.pad(x, (1, 1, 1, 1), mode='circular')
F.interpolate(x, scale_factor=2.0)
F.interpolate(x, scale_factor=2.0, mode='bilinear')
F.interpolate(x, scale_factor=2.0, mode='bicubic')
F.interpolate(x, scale_factor=0.5, mode='bilinear', antialias=True)
F.interpolate(x, scale_factor=0.5, mode='area')
F.grid_sample(x, torch.zeros(2, 3, 3, 2))
F.prelu(x, torch.ones(6))
F.glu(x, 1)
F.softmax(x, 1)
F.dropout(x)
F.mse_loss(x, x.contiguous(), reduction='none')
torch.cat([x, x], 1)
torch.cat([x, x.contiguous()], 1)
x.roll(1, 2)
x.flip(2)
x.mean((2, 3), keepdim=True)
x.cumsum(1)
torch.rot90(x, 1, (2, 3))
torch.rot90(x, 2, (2, 3))
torch.nonzero(x > 2)
torch.nonzero(x > 2, as_tuple=True)
torch.unravel_index(torch.arange(6), (2, 3))
""".strip().split("\n")


def _strides(lib, program):
    x, w, u = (lib.tensor(a) for a in (IMAGES, WEIGHT, TURNED))
    x = x.contiguous(memory_format=lib.channels_last)
    names = {"torch": lib, "F": lib.nn.functional, "x": x, "w": w, "u": u}
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        found = eval(program, names)
    return [t.stride() for t in (found if isinstance(found, tuple) else (found,))]


@pytest.mark.parametrize("program", PROGRAMS)
def test_strides(program):
    assert _strides(jtorch, program) == _strides(torch, program)


@pytest.mark.parametrize("mode", ["bilinear", "bicubic"])
def test_bytes_are_resampled_to_the_bit(mode):
    pixels = RNG.randint(0, 256, (2, 3, 20, 30)).astype(np.uint8)
    for size, aligned, smooth in itertools.product(
        ((13, 17), (40, 35), (20, 17)), (False, True), (False, True)
    ):
        settings = {"mode": mode, "align_corners": aligned, "antialias": smooth}
        want = torch.nn.functional.interpolate(torch.tensor(pixels), size, **settings)
        got = jtorch.nn.functional.interpolate(jtorch.tensor(pixels), size, **settings)
        np.testing.assert_array_equal(got.numpy(), want.numpy())
