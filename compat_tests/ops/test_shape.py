"""Joining, repeating, cutting up and rearranging, against torch."""

import numpy as np
import pytest

from compat_tests.harness import both, expression

OPERANDS = {
    "x": np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7,
    "m": np.arange(12, dtype=np.float32).reshape(3, 4) / 5 - 1,
    "v": np.array([1.5, -2.0, 0.25], np.float32),
    "w": np.array([3.0, 1.0], np.float32),
    "d": np.array([[1.0, 2.0, 3.0, 4.0]]),
    "i": np.array([4, 0, 2]),
    "s": np.array(2.5, np.float32),
    "h": np.array([True, False, True]),
}

CASES = """
torch.cat([m, m])
torch.cat((m, m * 2), 1)
torch.cat([m, m], dim=-1)
torch.cat([m, m], axis=1)
torch.concat([m, d])
torch.concatenate([v, i])
torch.cat([i, h])
torch.cat([torch.zeros(0), m])
torch.cat([m, torch.zeros(0), m], 1)
torch.cat([torch.zeros(0), torch.zeros(0)])
torch.cat([torch.zeros(0), i])
torch.cat([m])
torch.cat([])
torch.cat([s, s])
torch.cat([m, v])
torch.cat([m, m[:, :2]])
torch.cat([m, m], 2)
torch.cat(m)
torch.cat([m, 1])
torch.stack([m, m * 2])
torch.stack([m, m * 2], 1)
torch.stack([m, m * 2], dim=-1)
torch.stack([s, s])
torch.stack([v, i])
torch.stack([v, w])
torch.stack([])
torch.stack([v, v], 3)
torch.hstack([v, w])
torch.hstack([m, m])
torch.hstack([s, s])
torch.vstack([v, v])
torch.vstack([v, m[:, :3]])
torch.row_stack([v, v])
torch.dstack([m, m])
torch.dstack([v, v])
torch.column_stack([v, m])
torch.block_diag(m, v, s)
torch.block_diag(x)
x.repeat(2, 1, 3)
m.repeat(2, 1, 1)
m.repeat((1, 2))
m.repeat(2)
m.repeat(2, 0)
m.repeat(2, -1)
m.tile(2)
m.tile((2, 1, 2))
torch.tile(m, (2,))
torch.roll(m, 1)
torch.roll(m, 1, 0)
torch.roll(m, (1, -2), (0, 1))
m.roll(-1, 1)
m.roll((1, 1), (0, 0))
torch.roll(m, (1, 2))
torch.roll(m, 1, 5)
torch.flip(x, [0, 2])
x.flip(1)
x.flip(0, 1)
x.flip(-1, 2)
x.flip(3)
x.fliplr()
x.flipud()
torch.fliplr(v)
torch.rot90(m)
torch.rot90(m, 2)
torch.rot90(m, -1)
torch.rot90(x, 1, [1, 2])
torch.rot90(v)
torch.rot90(m, 1, [0, 0])
torch.tril(m)
torch.tril(m, 1)
x.tril(-1)
torch.triu(m)
x.triu(1)
m.triu(-1)
m.clone().tril_()
torch.tril(v)
torch.diag(v)
torch.diag(v, 1)
torch.diag(v, -2)
torch.diag(m)
torch.diag(m, 1)
torch.diag(x)
torch.diag_embed(m)
torch.diag_embed(m, 1)
torch.diag_embed(m, -1, 0, 2)
torch.diag_embed(v, 0, 1, 1)
torch.diagflat(m, 1)
torch.vander(v.detach())
torch.vander(v.detach(), 2, True)
torch.vander(i)
torch.linalg.vander(m, N=3)
torch.broadcast_tensors(v, m[:, :3], s)
torch.broadcast_tensors(v, w)
torch.broadcast_shapes((2, 1), (3,), 1)
torch.broadcast_shapes((2,), (3,))
torch.meshgrid(v, w)
torch.meshgrid(v, w, indexing="xy")
torch.meshgrid([v, w, s], indexing="ij")
torch.meshgrid(v, w, indexing="ab")
torch.meshgrid(m, w)
torch.cartesian_prod(v, w)
torch.cartesian_prod(v, w, v)
torch.cartesian_prod(v)
torch.combinations(v)
torch.combinations(v, 3)
torch.combinations(v, 2, with_replacement=True)
torch.combinations(m)
torch.atleast_1d(s)
torch.atleast_1d(s, v)
torch.atleast_2d(v)
torch.atleast_3d(s)
torch.atleast_3d(m)
torch.atleast_3d([v, m])
torch.flatten(x)
x.flatten(1)
x.flatten(0, 1)
s.flatten()
x.flatten(2, 1)
x.flatten(5)
torch.ravel(x)
x.unflatten(2, (2, 2))
x.unflatten(-1, (2, -1))
torch.unflatten(x, 1, (3, 1))
x.unflatten(1, (2, 2))
torch.split(m, 2)
m.split(3, 1)
m.split([1, 2])
m.split(split_size=2, dim=-1)
m.split([1, 1])
m.split(-1)
m.split(9)
s.split(1)
m.split_with_sizes([1, 3], 1)
torch.chunk(m, 2)
m.chunk(3, 1)
m.chunk(7, 1)
m.chunk(0)
torch.tensor_split(m, 2, 1)
torch.tensor_split(m, 3, 1)
torch.tensor_split(m, [1, 3], 1)
torch.tensor_split(m, (2, 1), dim=1)
torch.tensor_split(m, 0)
torch.hsplit(m, 2)
torch.hsplit(m, [1])
torch.hsplit(v, 3)
torch.hsplit(m, 3)
torch.vsplit(m, 3)
torch.vsplit(v, 3)
torch.dsplit(x, 2)
torch.unbind(m)
m.unbind(1)
s.unbind()
torch.movedim(x, 0, 2)
torch.moveaxis(x, (0, 1), (1, 2))
x.movedim((0, 1), (2,))
x.movedim((0, 0), (1, 2))
x.swapaxes(0, 1)
torch.swapdims(x, 0, -1)
v.expand_as(m[:, :3])
x.view_as(x.flatten())
x.transpose(0, 1).view_as(x)
m.reshape_as(x[0].t())
torch.broadcast_to(v, (2, 3))
v.broadcast_to((2, 4))
""".strip().splitlines()


@pytest.mark.parametrize("source", CASES)
def test_function(source):
    expression(source, OPERANDS)


@pytest.mark.parametrize(
    "source",
    [
        "torch.cat([s, s])",
        "torch.cat([m, v])",
        "torch.cat([m, m[:, :2]])",
        "torch.stack([v, w])",
        "m.repeat(2)",
        "torch.tril(v)",
        "m.split([1, 1])",
        "m.flatten(1, 0)",
        "torch.hsplit(m, 3)",
    ],
)
def test_message(source):
    expression(source, OPERANDS, message=True)


VIEWS = """
m.split(2)[0]
m.chunk(2, 1)[1]
m.unbind(1)[2]
m.tensor_split(2)[0]
m.flatten()
m.ravel()
m.unflatten(1, (2, 2))
m.movedim(0, 1)
m.swapaxes(0, 1)
torch.atleast_3d(m)
torch.broadcast_tensors(m, m)[0]
m.t().flatten()
m.reshape_as(m.t())
m.view_as(m)
"""


@pytest.mark.parametrize("source", VIEWS.strip().splitlines())
def test_what_shares_memory(source):
    def fn(torch, m):
        m = m * 1
        before = m.detach().clone()
        y = eval(source, {"torch": torch, "m": m})
        y.add_(1)
        return m, y, y.stride(), before

    both(fn, OPERANDS["m"], grad=False)


@pytest.mark.parametrize(
    "source", ["m.flip(0)", "m.roll(1)", "m.tril()", "m.tile(1)", "m.repeat(1, 1)"]
)
def test_what_does_not_share_memory(source):
    expression(f"m = m * 1; y = {source}; y.add_(1); out = m, y", OPERANDS)


@pytest.mark.parametrize("dtype", ["float64", "int64", "int8", "bool", "complex64", "bfloat16"])
def test_dtypes(dtype):
    def fn(torch, a):
        x = a.to(getattr(torch, dtype))
        return (
            torch.cat([x, x]),
            x.roll(1),
            x.flip(0),
            x.tril(),
            torch.stack([x, x]),
            x.repeat(1, 2),
        )

    both(fn, OPERANDS["m"], grad=False)
