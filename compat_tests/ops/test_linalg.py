"""Matrix products, solvers, factorizations and norms, against torch."""

import math

import numpy as np
import pytest
import torch

import jtorch
from compat_tests.harness import both, expression

_rng = np.random.RandomState(0)


def _random(*shape, dtype=np.float64):
    return _rng.standard_normal(shape).astype(dtype)


_A = _random(3, 3)
OPERANDS = {
    "a": _random(2, 3, dtype=np.float32),
    "b": _random(3, 4, dtype=np.float32),
    "v": _random(3, dtype=np.float32),
    "w": _random(4, dtype=np.float32),
    "x": _random(5, 2, 3, dtype=np.float32),
    "y": _random(5, 3, 4, dtype=np.float32),
    "z": _random(1, 3, 2, dtype=np.float32),
    "d": _random(3, 4),
    "i": np.arange(6).reshape(2, 3),
    "s": np.array(2.0, np.float32),
}

PRODUCTS = """
a @ b
a @ v
v @ b
v @ v
x @ y
x @ b
a @ y
x @ v
v @ y
x @ z.transpose(1, 2).transpose(1, 2)
x[:, None] @ y
i @ i.t()
torch.matmul(a, b)
a.matmul(b)
a @ a
v @ w
a @ w
v @ a
x @ x
x @ y[:2]
w @ y
s @ v
a @ d
x @ d
v @ d[:, 0]
a @ d[:, 0]
(a > 0) @ (b > 0)
a @ 3
torch.mm(a, b)
torch.mm(v, b)
torch.mm(a, a)
torch.mm(i, i.t())
torch.bmm(x, y)
torch.bmm(a, b)
torch.bmm(x, x)
torch.mv(a, v)
torch.mv(a, w)
torch.mv(a, b)
torch.dot(v, v)
torch.dot(v, w)
torch.dot(a, v)
torch.dot(v, d[:, 0])
torch.vdot(v, v)
torch.outer(v, w)
torch.ger(v, w)
torch.outer(v, i[0])
torch.outer(a, v)
torch.inner(a, b.t())
torch.inner(a, v)
torch.inner(s, a)
torch.inner(a, b)
torch.addmm(w, a, b)
torch.addmm(w, a, b, beta=2, alpha=-0.5)
torch.addmm(w * float("nan"), a, b, beta=0)
torch.addmm(v, a, b)
torch.addmm(d[0], a, b)
torch.addmv(a[:, 0], a, v, alpha=2)
torch.addr(b, v, w, beta=0.5)
torch.addr(b, a, w)
torch.baddbmm(w, x, y, beta=0.5, alpha=2)
torch.baddbmm(x[:, :, :1], x, y)
torch.addbmm(w, x, y, beta=3)
torch.chain_matmul(a, b, b.t())
torch.linalg.multi_dot([a, b, b.t(), a.t()])
torch.linalg.multi_dot([v, b, w])
torch.linalg.multi_dot([a, a])
torch.einsum("ij,jk->ik", a, b)
torch.einsum("ij,jk", a, b)
torch.einsum("bij,bjk->bik", x, y)
torch.einsum("...ij,jk->...ik", x, b)
torch.einsum("ij->ji", a)
torch.einsum("ij->", a)
torch.einsum("ii->i", b[:, :3])
torch.einsum("ii", b[:, :3])
torch.einsum("i,j->ij", v, w)
torch.einsum("ij,jk,k->i", a, b, w)
torch.einsum("bij,bkj->bik", x, x)
torch.einsum("i j, j k -> i k", a, b)
torch.einsum(a, [0, 1], b, [1, 2], [0, 2])
torch.einsum(a, [0, 1], b, [1, 2])
torch.einsum("ij,ij->ij", a, a[:1])
torch.einsum("b...,b...->...", x, x)
torch.einsum("iI->Ii", a)
torch.einsum("ij,jk->ik", (a, b))
torch.einsum("ij,jk", a, a)
torch.einsum("ij,jk->q", a, b)
torch.einsum("ij", x)
torch.einsum("ij,ij", a)
torch.einsum("ij,jk", a, d)
torch.tensordot(x, y, dims=([0, 2], [0, 1]))
torch.tensordot(a, b, 1)
torch.tensordot(a, b, 0)
torch.tensordot(a, b)
torch.kron(a, b)
torch.kron(a, v)
torch.kron(a, i)
torch.cross(b.t(), b.t(), dim=1)
torch.cross(v, v + 1)
torch.cross(b.detach(), d.detach())
torch.cross(w, w)
torch.linalg.cross(a, v[None])
torch.linalg.vecdot(a, v[None])
torch.trace(b)
torch.trace(i)
torch.trace(v)
F.linear(a, b.t())
F.linear(x, b.t(), w)
F.linear(v, b.t(), w)
F.linear(a, b)
F.linear(a, b.t(), v)
F.linear(a, d.t())
F.linear(a, v)
F.bilinear(a, a + 1, y[:, :3, :3], torch.ones(5))
torch.cov(b)
torch.cov(v)
torch.cov(b, correction=0)
torch.cov(b, fweights=torch.tensor([1, 2, 1, 3]))
torch.cov(b, aweights=w.abs())
torch.corrcoef(b)
torch.cdist(a, b.t())
torch.cdist(x, y.transpose(1, 2))
torch.cdist(a, a)
torch.cdist(a, b.t(), p=1)
torch.cdist(a, b.t(), p=3)
torch.cdist(a, b.t(), p=0.0)
torch.cdist(a, b.t(), p=float("inf"))
torch.cdist(torch.cat([x[0]] * 20), a)
torch.cdist(a, w[None])
torch.renorm(b, 2, 0, 1.0)
torch.renorm(b, 1, 1, 0.5)
""".strip().splitlines()


@pytest.mark.parametrize("source", PRODUCTS)
def test_product(source):
    # Differences of the order of the sums, and torch's clipping in corrcoef, are all that may show.
    expression(source, OPERANDS, scale=5)


@pytest.mark.parametrize(
    "source",
    [
        "a @ a",
        "v @ w",
        "a @ w",
        "x @ x",
        "a @ d",
        "torch.mm(v, b)",
        "torch.dot(v, w)",
        "F.linear(a, b)",
    ],
)
def test_message(source):
    expression(source, OPERANDS, message=True)


SQUARE = {
    "A": _A,
    "P": _A @ _A.T + np.eye(3),
    "R": _random(4, 3),
    "W": _random(2, 4),
    "B": _random(3, 2),
    "v": _random(3),
    "N": _random(2, 3, 3),
    "Z": np.zeros((2, 2)),
    "C": _A + 1j * _random(3, 3),
    "i": np.arange(9).reshape(3, 3),
}

LINALG = """
torch.linalg.inv(A)
torch.inverse(N)
torch.linalg.inv(C)
torch.linalg.inv(Z)
torch.linalg.inv(R)
torch.linalg.inv(i)
torch.linalg.inv_ex(A)[0]
torch.linalg.inv_ex(Z)[1]
torch.linalg.solve(A, B)
torch.linalg.solve(A, v)
torch.linalg.solve(N, B)
torch.linalg.solve(A, B.t(), left=False)
torch.linalg.solve(Z, Z)
torch.linalg.solve(A, R)
torch.linalg.solve_triangular(A, B, upper=True)
torch.linalg.solve_triangular(A, B, upper=False, unitriangular=True)
torch.linalg.solve_triangular(A, B.t(), upper=True, left=False)
torch.triangular_solve(B, A)[0]
torch.linalg.det(A)
torch.det(N)
torch.linalg.det(Z)
torch.linalg.det(R)
torch.linalg.slogdet(N)
torch.slogdet(A)
torch.logdet(P)
torch.logdet(-P)
torch.linalg.pinv(R)
torch.linalg.pinv(P, hermitian=True)
torch.pinverse(A)
torch.linalg.matrix_power(A, 3)
torch.matrix_power(A, -2)
torch.linalg.matrix_power(A, 0)
torch.linalg.matrix_power(A, 1)
torch.matrix_exp(A)
torch.linalg.matrix_exp(N)
torch.linalg.cholesky(P)
torch.linalg.cholesky(P, upper=True)
torch.linalg.cholesky(A)
torch.cholesky(P)
torch.linalg.cholesky_ex(P)
torch.linalg.cholesky_ex(-P)[1]
torch.cholesky_solve(B, torch.linalg.cholesky(P))
torch.cholesky_inverse(torch.linalg.cholesky(P))
torch.linalg.qr(R)
torch.linalg.qr(A)
torch.linalg.qr(R.detach(), mode="r")[1]
torch.linalg.qr(R.detach(), mode="complete")
torch.linalg.qr(R, mode="x")
torch.linalg.lu_factor(A)
torch.linalg.lu(A)
torch.linalg.lu(N)
torch.linalg.lu(R.detach())
torch.lu(A)
torch.lu_unpack(*torch.lu(A))
torch.linalg.lu_solve(*torch.linalg.lu_factor(A), B)
torch.linalg.lu_solve(*torch.linalg.lu_factor(A), B, adjoint=True)
torch.linalg.lu_solve(*torch.linalg.lu_factor(A), B.t(), left=False)
torch.lu_solve(B, *torch.linalg.lu_factor(A))
torch.linalg.svdvals(R)
torch.linalg.svdvals(N)
torch.linalg.svd(R, full_matrices=False)[1]
torch.svd(R)[1]
torch.linalg.svd(torch.full((2, 2), float("nan")))
torch.linalg.eigvalsh(P)
torch.linalg.eigh(P)[0]
torch.linalg.eigh(A, UPLO="U")[0]
torch.linalg.eigvals(A).abs().sort()[0]
torch.linalg.eigh(R)
torch.linalg.lstsq(R, W.t() @ torch.ones(2, 2, dtype=torch.float64))[0]
torch.linalg.lstsq(R, R, driver="gelsd")[1]
torch.linalg.lstsq(R, R)[2]
torch.linalg.norm(A)
torch.linalg.norm(v, 1)
torch.linalg.norm(A, 2)
torch.linalg.norm(A, "nuc")
torch.linalg.norm(A, "fro")
torch.linalg.norm(A, float("inf"))
torch.linalg.norm(A, -1)
torch.linalg.norm(A, 3)
torch.linalg.norm(A, dim=1)
torch.linalg.norm(N, 2, dim=(1, 2), keepdim=True)
torch.linalg.norm(N, 2)
torch.linalg.vector_norm(A)
torch.linalg.vector_norm(A, 3)
torch.linalg.vector_norm(A, 0)
torch.linalg.vector_norm(A, 0.5, dim=1)
torch.linalg.vector_norm(A, -2, dim=0, keepdim=True)
torch.linalg.vector_norm(A, float("inf"))
torch.linalg.vector_norm(A, -float("inf"), dim=1)
torch.linalg.vector_norm(A, dtype=torch.float32)
torch.linalg.vector_norm(A * 0)
torch.linalg.vector_norm(A * 0, 3)
torch.linalg.vector_norm(A * 0, 1)
torch.linalg.vector_norm(C)
torch.linalg.vector_norm(i)
torch.linalg.matrix_norm(N)
torch.linalg.matrix_norm(N, 1)
torch.linalg.matrix_norm(N, -2, dim=(0, 1))
torch.linalg.matrix_norm(N, "nuc", keepdim=True)
torch.linalg.matrix_norm(v)
torch.linalg.cond(A)
torch.linalg.cond(A.detach(), 1)
torch.linalg.cond(Z.detach(), "fro")
torch.linalg.matrix_rank(R)
torch.linalg.matrix_rank(Z)
torch.linalg.matrix_rank(P, hermitian=True)
torch.linalg.tensorinv(torch.eye(6, dtype=torch.float64).reshape(2, 3, 6) + 1, 2)
torch.linalg.tensorsolve(torch.eye(6, dtype=torch.float64).reshape(2, 3, 2, 3) + 1, B.t())
torch.linalg.householder_product(R, v)
torch.linalg.diagonal(N)
""".strip().splitlines()


@pytest.mark.parametrize("source", LINALG)
def test_linalg(source):
    expression(source, SQUARE, scale=50)


@pytest.mark.parametrize(
    "source",
    [
        "U, S, V = torch.linalg.svd(R, full_matrices=False); out = (U * S.exp()) @ V",
        "U, S, V = torch.svd(R); out = (U * S.exp()) @ V.t()",
        "L, Q = torch.linalg.eigh(P); out = (Q * L.exp()) @ Q.t()",
        "L, Q = torch.linalg.eig(A); out = (torch.linalg.inv(Q.t()).t() * 0 + Q).abs().sum()",
        "Q, R = torch.linalg.qr(P); out = Q @ R.exp()",
    ],
)
def test_factors_up_to_their_signs(source):
    expression(source, SQUARE, scale=1e3)


def test_the_result_of_svd_has_names():
    def fn(torch, a):
        out = torch.linalg.svd(a)
        assert type(out).__name__ == "linalg_svd"
        return out.S

    both(fn, SQUARE["R"], grad=False)


def test_reduced_precision():
    def fn(torch, a, b):
        return a.bfloat16() @ b.bfloat16(), torch.linalg.vector_norm(a.half() * 300)

    both(fn, OPERANDS["a"], OPERANDS["b"], grad=False)


@pytest.mark.parametrize("ord", [1, -1, 2, -2, "nuc", "fro", math.inf, -math.inf])
@pytest.mark.parametrize("shape", [(3, 0), (0, 3), (0, 0), (2, 0, 3)])
def test_norms_of_matrices_without_elements(shape, ord):
    def norms(lib):
        try:
            return lib.linalg.matrix_norm(lib.zeros(shape), ord).tolist()
        except IndexError as error:
            return type(error)

    assert norms(jtorch) == norms(torch)


def test_rank_of_matrices_without_elements():
    def ranks(lib):
        x = lib.zeros(2, 0, 3)
        return [lib.linalg.matrix_rank(x, atol=a).tolist() for a in (None, 0.1, lib.tensor(0.1))]

    assert ranks(jtorch) == ranks(torch)
