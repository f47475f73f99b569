"""Special functions to their last digits, against SciPy where PyTorch itself has fewer."""

import numpy as np
import pytest
import scipy.special
import torch

import jtorch

AXIS = np.concatenate([np.linspace(0.01, 60, 1501), np.logspace(-8, 4, 301)])
SIGNED = np.concatenate([np.linspace(-30, 30, 1001), [-1e3, 60.0]])

EXACT = {
    "airy_ai": (lambda x: scipy.special.airy(x)[0], SIGNED, 1e-10),
    "bessel_j0": (scipy.special.j0, AXIS, 1e-11),
    "bessel_j1": (scipy.special.j1, AXIS, 1e-11),
    "bessel_y0": (scipy.special.y0, AXIS, 1e-11),
    "bessel_y1": (scipy.special.y1, AXIS, 1e-11),
    "modified_bessel_k0": (scipy.special.k0, AXIS[:1501], 1e-13),
    "modified_bessel_k1": (scipy.special.k1, AXIS[:1501], 1e-13),
    "scaled_modified_bessel_k0": (scipy.special.k0e, AXIS, 1e-13),
    "scaled_modified_bessel_k1": (scipy.special.k1e, AXIS, 1e-13),
    "log_ndtr": (scipy.special.log_ndtr, SIGNED, 1e-12),
}


@pytest.mark.parametrize("name", EXACT)
def test_digits(name):
    exact, points, precision = EXACT[name]
    found = getattr(jtorch.special, name)(jtorch.tensor(points)).numpy()
    np.testing.assert_allclose(found, exact(points), rtol=precision, atol=1e-290)


def test_airy_function_off_the_axis():
    ends = [np.inf, -np.inf, np.nan, 0.0, 200.0]
    found = jtorch.special.airy_ai(jtorch.tensor(ends)).numpy()
    np.testing.assert_allclose(found, torch.special.airy_ai(torch.tensor(ends)).numpy())


def test_polynomials_of_nothing():
    for lib in (torch, jtorch):
        found = lib.special.hermite_polynomial_h(lib.ones(0, 3), lib.ones(0, 3))
        assert tuple(found.shape) == (0, 3)


def test_gradient_of_log_ndtr():
    points = np.linspace(-20, 10, 61)
    found = []
    for lib in (torch, jtorch):
        x = lib.tensor(points, requires_grad=True)
        (slope,) = lib.autograd.grad(lib.special.log_ndtr(x).sum(), x, create_graph=True)
        (bend,) = lib.autograd.grad(slope.sum(), x)
        found.append((slope.detach().numpy(), bend.numpy()))
    for want, got in zip(*found, strict=True):
        np.testing.assert_allclose(got, want, rtol=1e-7, atol=1e-12)
