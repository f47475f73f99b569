"""Strides of results that torch's libraries leave in an order of their own."""

import numpy as np
import pytest
import torch

import jtorch

ORDERS = ([0, 1, 2, 3], [3, 1, 0, 2])
LINES = ("fft", "ifft", "rfft", "irfft", "hfft", "ihfft")
DIMS = ((1, 0), (1, 3, 0))


def _matrices(lib, batch):
    rng = np.random.RandomState(0)
    tall = lib.tensor(rng.randn(*batch, 5, 3))
    square = tall.mT @ tall + lib.eye(3, dtype=tall.dtype)
    return square, tall, lib.tensor(rng.randn(*batch, 3, 2)), lib.tensor(rng.randn(*batch, 3))


def _factors(lib, square, tall, right, vector):
    """Results of everything that goes through LAPACK in torch."""
    linalg = lib.linalg
    yield linalg.cholesky(square), lib.cholesky(square, True), linalg.cholesky_ex(square)
    yield lib.cholesky_solve(right, square), lib.cholesky_inverse(square)
    yield lib.geqrf(tall), linalg.qr(tall), linalg.qr(tall.mT, mode="complete")
    yield linalg.lu_factor(square), linalg.lu_factor_ex(tall), linalg.lu(tall)
    lu, pivots = linalg.lu_factor(square)
    yield linalg.lu_solve(lu, pivots, right), linalg.lu_solve(lu, pivots, right.mT, left=False)
    yield linalg.eig(square), linalg.eigh(square), linalg.eigvalsh(square)
    yield linalg.householder_product(*lib.geqrf(tall)), lib.ormqr(*lib.geqrf(tall), tall)
    yield linalg.inv(square), linalg.inv_ex(square), linalg.pinv(tall)
    yield linalg.matrix_power(square, -1), linalg.matrix_power(square, 2)
    yield linalg.solve(square, right), linalg.solve_ex(square, right), linalg.solve(square, vector)
    yield linalg.solve(square, right.mT, left=False)
    yield linalg.solve_triangular(square, right, upper=True)
    yield linalg.solve_triangular(square, right.mT, upper=True, left=False)
    yield linalg.svd(tall), linalg.svd(tall, full_matrices=False), lib.svd(tall)


def _strides(lib, value):
    if isinstance(value, lib.Tensor):
        return tuple(value.shape), value.stride()
    return [_strides(lib, v) for v in value]


@pytest.mark.filterwarnings("ignore::UserWarning")
@pytest.mark.parametrize("batch", [(), (2, 4)], ids=str)
def test_factors_are_column_major_where_torchs_are(batch):
    want = [_strides(torch, v) for v in _factors(torch, *_matrices(torch, batch))]
    got = [_strides(jtorch, v) for v in _factors(jtorch, *_matrices(jtorch, batch))]
    assert got == want


def _signals(lib, is_real):
    array = np.random.RandomState(0).randn(2, 3, 4, 5)
    for order in ORDERS:
        back = [order.index(i) for i in range(4)]
        x = lib.tensor(array).permute(order).contiguous().permute(back)
        yield x if is_real else x.to(lib.complex128)


def _transforms(lib):
    for name in LINES:
        for x in _signals(lib, name in ("rfft", "ihfft")):
            yield from (getattr(lib.fft, name)(x, dim=d).stride() for d in (0, 2))
            yield from (getattr(lib.fft, name + "n")(x, dim=d).stride() for d in DIMS)
            yield getattr(lib.fft, name)(x, n=9, dim=1).stride()
    yield lib.stft(lib.ones(2, 40), 8, return_complex=True, window=lib.ones(8)).stride()


def test_transforms_leave_the_order_that_torchs_leave():
    assert list(_transforms(jtorch)) == list(_transforms(torch))


def test_positions_of_non_zero_elements_are_column_major():
    for lib in (torch, jtorch):
        found = lib.ones(3, 4).nonzero()
        assert found.stride() == lib.argwhere(lib.ones(3, 4)).stride() == (1, 12)
        with pytest.raises(RuntimeError):
            found.view(-1)
