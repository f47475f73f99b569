"""Fourier transforms against torch."""

import numpy as np
import pytest

from compat_tests.harness import expression

_rng = np.random.RandomState(1)
OPERANDS = {
    "x": _rng.standard_normal((4, 6)).astype(np.float32),
    "y": _rng.standard_normal((2, 3, 4, 5)),
    "c": (_rng.standard_normal((4, 6)) + 1j * _rng.standard_normal((4, 6))),
    "i": np.arange(6),
    "g": _rng.standard_normal(40).astype(np.float32),
    "w": np.hanning(10)[1:-1].astype(np.float32),
}

ONE = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
MANY = ("fftn", "ifftn", "rfftn", "irfftn", "hfftn", "ihfftn")
TWO = ("fft2", "ifft2", "rfft2", "irfft2", "hfft2", "ihfft2")
ARGUMENTS = ("x", "c", "x, 4", "x, 9", "x, 5, 0", "x, dim=0, norm='ortho'", "x, norm='forward'")
SEVERAL = (
    "x",
    "c",
    "y",
    "y, (2, 6)",
    "y, dim=(0, 2)",
    "y, (3, 3), (1, 0), 'ortho'",
    "x, norm='forward'",
)
TRANSFORMS = [f"torch.fft.{f}({a})" for f in ONE for a in ARGUMENTS]
TRANSFORMS += [f"torch.fft.{f}({a})" for f in MANY for a in SEVERAL]
TRANSFORMS += [f"torch.fft.{f}({a})" for f in TWO for a in SEVERAL[:4]]

OTHER = """
torch.fft.fft(i)
torch.fft.fft(x.half())
torch.fft.fft(x, 0)
torch.fft.fft(x, norm="x")
torch.fft.fft(x, dim=5)
torch.fft.fft(x.sum())
torch.fft.fft2(g)
torch.fft.fftn(x, (3, 4), (0,))
torch.fft.fftn(x, dim=(0, 0))
torch.fft.fftfreq(5)
torch.fft.fftfreq(4, 0.5, dtype=torch.float64)
torch.fft.rfftfreq(5)
torch.fft.fftshift(x)
torch.fft.fftshift(x, 1)
torch.fft.ifftshift(x, (0,))
torch.stft(g, 8, return_complex=True)
torch.stft(g, 8, 3, window=w, return_complex=True)
torch.stft(g, 16, 4, 8, window=w, center=False, normalized=True, return_complex=True)
torch.stft(g, 8, onesided=False, pad_mode="constant", return_complex=True)
torch.stft(g, 8, return_complex=False)
torch.stft(g, 8)
torch.stft(g, 8, window=g, return_complex=True)
torch.istft(torch.stft(g, 8, 2, window=w, return_complex=True), 8, 2, window=w)
torch.istft(torch.stft(g, 8, 2, window=w, return_complex=True), 8, 2, window=w, length=38)
torch.istft(torch.stft(g, 8, return_complex=True), 8)
torch.unravel_index(i, (2, 3))
torch.unravel_index(i, 7)
""".strip().splitlines()


@pytest.mark.parametrize("source", TRANSFORMS + OTHER)
def test_function(source):
    expression(source, OPERANDS, scale=10)
