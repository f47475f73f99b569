"""Indexing, gather, scatter and masks, against torch."""

import numpy as np
import pytest

from compat_tests.harness import both, expression

X = np.arange(24, dtype=np.float32).reshape(2, 3, 4) / 7
M = np.arange(12, dtype=np.float32).reshape(3, 4) / 5
INTS = np.arange(12).reshape(3, 4)

GET = """
x[1]
x[-1]
x[0, 1]
x[0, 1, 2]
x[:, 1]
x[..., 1]
x[..., 0, :]
x[0, ...]
x[...]
x[()]
x[None]
x[:, None, 1:]
x[1:, ::2, 1:3]
x[:, -2:]
x[:, 5:2]
x[1, None, ..., None]
x[True]
x[False]
x[None, True]
x[torch.tensor(1)]
x[:torch.tensor(1)]
x[torch.tensor([0, 1, 1])]
x[torch.tensor([[0, 1], [1, 0]])]
x[torch.tensor([-1, 0])]
x[[1, 0]]
x[[0, 1], [2, 0]]
x[[0, 1], :, [2, 0]]
x[:, [0, 2]]
x[:, [0, 2], 1:3]
x[:, [0, 2], [1, 3]]
x[[0, 1], None, [2, 0]]
x[0, :, [1, 2]]
x[0, [1, 2]]
x[..., [1, 2]]
x[..., [[0], [1]], [0, 2]]
x[np.array([0, 1])]
x[np.array(1)]
x[np.int64(1)]
x[range(2)]
x[[]]
x[torch.tensor([], dtype=torch.int64)]
x[torch.tensor([0, 1], dtype=torch.int32)]
x[torch.tensor([True, False])]
x[[True, False]]
x[np.array([True, False])]
x[:, torch.tensor([True, False, True])]
x[torch.tensor([True, False]), :, torch.tensor([1, 2])]
x[torch.tensor([True, True]), torch.tensor([0, 1])]
x[x > 1]
x[x > 100]
x[(x > 1)[0, :, 0], ] if False else x[:, (x > 1)[0, :, 0]]
x[torch.tensor([[True, False, True], [False, True, True]])]
x[torch.tensor([[True, False, True], [False, True, True]]), 1:]
x[torch.tensor(True)]
x[torch.tensor([1, 0], dtype=torch.uint8)]
x[[0, None]]
x[[slice(0, 1), [0]]]
x["a"]
x[1.0]
x[0, 1.5]
x[0, 0, 0, 0]
x[2]
x[0, -4]
x[::-1]
x[::0]
x[:2.0]
x[object()]
x[torch.tensor(1.0)]
x[torch.tensor([1.0])]
x[torch.tensor([1], dtype=torch.int8)]
x[[5]]
x[:, [3]]
x[torch.tensor([True])]
x[torch.ones(2, 3, 4, 1, dtype=torch.bool)]
x[torch.tensor([0, 1]), torch.tensor([0, 1, 2])]
x.sum()[0]
x.sum()[...]
x.sum()[None]
x.sum()[True]
""".strip().splitlines()


@pytest.mark.parametrize("source", GET)
def test_getitem(source):
    expression(source, {"x": X})


@pytest.mark.parametrize(
    "source", ["x[5]", "x[0, 1.5]", "x[0, 0, 0, 0]", "x[::-1]", "x[torch.tensor([True])]", "x[[4]]"]
)
def test_messages_of_getitem(source):
    expression(source, {"x": X}, message=True)


def test_an_index_tensor_out_of_range_is_reported():
    expression("x[i + 1]", {"x": X, "i": np.array([0, 1])})
    expression("x[i - 4]", {"x": X, "i": np.array([0, 1])})


SET = """
x[1] = 5
x[1] = 5.5
x[0, 1] = torch.tensor([1., 2, 3, 4])
x[..., 1] = -1
x[:, 1:, ::2] = 7
x[:] = 3
x[...] = torch.zeros(4)
x[()] = 2
x[None] = 2
x[0] = torch.ones(1, 1, 3, 4)
x[0] = torch.tensor([1])
x[0] = True
x[[0, 1], [0, 2]] = 5
x[[0, 1], [0, 2]] = torch.arange(8.).reshape(2, 4)
x[[0, 1], [0, 2]] = torch.arange(4.)
x[[1]] = torch.ones(1, 1, 3, 4)
x[:, [0, 2]] = torch.tensor(9.)
x[:, [0, 2], 1:3] = torch.ones(2, 2, 2)
x[0, :, [1, 2]] = torch.arange(6.).reshape(3, 2)
x[torch.tensor([-1])] = 0
x[x > 1] = 0
x[x > 1] = torch.tensor(4.)
x[x > 1] = torch.tensor([4.])
x[x > 1] = torch.tensor(4)
x[x > 100] = torch.tensor([4.])
x[x > 3] = torch.arange(2.)
x[torch.tensor([True, False])] = 4
x[torch.tensor([True, False])] = torch.arange(12.).reshape(3, 4)
x[torch.tensor([True, False])] = torch.arange(12.).reshape(1, 3, 4)
x[torch.tensor([True, True])] = torch.arange(24.).reshape(2, 3, 4)
x[:, torch.tensor([True, False, True])] = 1
x[:, torch.tensor([True, False, True])] = torch.arange(8.).reshape(2, 4)
x[:, torch.tensor([True, False, True]), 0] = torch.tensor([1., 2])
x[1, torch.tensor([True, False, True])] = torch.arange(4.)
x[True] = 1
x[False] = 1
x[torch.tensor(True)] = 1
x[0, True] = 3
x[torch.tensor(1), torch.tensor([1, 2])] = 9
x[1:1] = 5
x[torch.tensor([], dtype=torch.int64)] = torch.ones(1, 3, 4)
x[0] = [1, 2]
x[0] = np.ones(4)
x[0] = "a"
x[0] = None
x[0] = 1j
x[[1]] = 1j
x[0] = torch.ones(3)
x[0] = torch.ones(2, 3, 4)
x[[0, 1]] = torch.ones(3, 4, 4)
x[[0]] = torch.tensor([1])
x[x > 3] = torch.arange(30.)
x[torch.tensor([True, False])] = torch.tensor([1., 2.])
x[[5]] = 0
x[9] = 0
x[torch.tensor([[True]])] = 0
""".strip().splitlines()


@pytest.mark.parametrize("source", SET)
def test_setitem(source):
    expression(f"x = x * 1; base = x; {source}; out = base", {"x": X})


@pytest.mark.parametrize(
    "source",
    [
        "v[1] = 5",
        "v[[0, 2]] = 5",
        "v[v > 2] = 0",
        "v[:, [0, 1]] = torch.arange(6.).reshape(3, 2)",
        "v.t()[1] = 8",
        "v.t()[[1, 2]] = 8",
        "v[1:][v[1:] > 3] = -1",
    ],
)
def test_setitem_writes_through_views(source):
    expression(f"x = x * 1; v = x[1]; {source}; out = x, v", {"x": X})


@pytest.mark.parametrize(
    "source",
    ["y[0] = v", "y[[0, 2]] = v", "y[y > 100] = v[0]", "y[:, 1] = v[:3]", "y[i] = v.sum()"],
)
def test_gradients_of_setitem(source):
    operands = {"x": M, "v": M[0] * 3, "i": np.array([0, 2])}
    expression(f"y = x * 2; {source}; out = y * y", operands)


def test_writing_to_a_leaf_is_refused():
    expression("x[0] = 1; out = x", {"x": M})
    expression("x[[0]] = 1; out = x", {"x": M})


def test_a_mask_and_a_number_need_no_flush():
    import jtorch

    x = jtorch.arange(6) * 1.0
    mask = x > 2
    x[mask] = 0
    assert x.tolist() == [0, 1, 2, 0, 0, 0]


I = np.array([[0, 1, 2, 0], [2, 0, 1, 1]])
OPERANDS = {
    "x": M,
    "i": I,
    "j": np.array([2, 0, 2]),
    "s": np.arange(8, dtype=np.float32).reshape(2, 4) / 3 + 0.25,
    "r": np.arange(12, dtype=np.float32).reshape(3, 4) / 9 - 0.5,
    "m": np.array([[True, False, True, False]] * 2 + [[False, True, True, True]]),
}

FUNCTIONS = """
torch.gather(x, 0, i)
torch.gather(x, 1, i)
x.gather(-1, i[:, :1])
torch.gather(x, 0, i + 9)
torch.gather(x, 0, i.float())
torch.gather(x, 0, i[0])
torch.gather(x, 0, i.repeat(1, 2))
torch.gather(x, 1, i[:0])
torch.take_along_dim(x, i[:1], 0)
torch.take_along_dim(x, i[:1].argsort(1), 1)
torch.take_along_dim(x, i)
x.scatter(0, i, s)
x.scatter(0, i[:1], s.detach())
x.scatter(1, i[:, :1], 5.0)
x.scatter(1, i[:, :1], value=5)
torch.scatter(x, 0, i, 2.5)
x.detach().scatter(0, i, s.detach(), reduce="add")
x.detach().scatter(0, i, s.detach(), reduce="multiply")
x.scatter(0, i + 5, s)
x.scatter(0, i, s.double())
x.scatter(0, i[:, :0], s.detach())
x.clone().scatter_(0, i, 1.0)
x.clone().scatter_(0, i, s)
x.scatter_add(0, i, s)
x.scatter_add(1, i, s)
x.clone().scatter_add_(0, i, s)
x.scatter_add(0, i, s[:1])
x.scatter_reduce(0, i, s, "sum")
x.scatter_reduce(0, i, s, "sum", include_self=False)
x.scatter_reduce(0, i, s, "mean")
x.scatter_reduce(0, i, s, "mean", include_self=False)
x.scatter_reduce(0, i, s, "prod")
x.scatter_reduce(0, i, s, "prod", include_self=False)
x.scatter_reduce(0, i, s, "amax")
x.scatter_reduce(0, i, s, "amax", include_self=False)
x.scatter_reduce(0, i, s, "amin")
x.scatter_reduce(0, i, s, "amin", include_self=False)
x.scatter_reduce(0, i, s.detach().round(), "amax")
x.scatter_reduce(0, i, s.detach().round() * 0, "prod")
x.scatter_reduce(0, i, s, "median")
torch.index_select(x, 0, j)
x.index_select(-1, j)
x.index_select(0, j + 1)
x.index_select(0, j - 1)
x.index_select(0, j.float())
x.index_select(0, i)
x.index_select(2, j)
x.index_add(0, j, r)
x.index_add(0, j, r, alpha=2)
x.index_add(1, j, r[:, :3])
x.clone().index_add_(0, j, r)
x.index_add(0, j, r[:2])
x.index_add(0, j + 1, r)
x.index_add(0, j, r.double())
x.index_copy(0, j[:2], r[:2])
x.index_copy(0, j[:2], r)
x.clone().index_copy_(1, j[:2], r[:, :2])
x.index_fill(0, j, 3)
x.index_fill(1, -j, 3.5)
x.clone().index_fill_(0, j, 7)
x.index_fill(0, j + 9, 7)
x.index_reduce(0, j, r, "prod")
x.index_reduce(0, j, r, "mean")
x.index_reduce(0, j, r, "amax", include_self=False)
x.index_reduce(1, j, r[:, :3], "amin")
x.index_put((j,), r)
x.index_put((j,), r, accumulate=True)
x.index_put((j, j), torch.tensor(3.))
x.index_put((None, j), torch.tensor(3.))
x.index_put((m,), torch.tensor(3.))
x.clone().index_put_((j,), r[0], accumulate=True)
x.index_put((j,), r.double())
x.index_put((j, j, j), r)
torch.take(x, i)
x.take(-i)
x.take(i + 40)
x.put(i, s)
x.put(i, s, accumulate=True)
x.put(i, r)
x.masked_fill(m, 3)
x.masked_fill(m[0], -1.5)
x.masked_fill(m, float("-inf")).exp()
x.clone().masked_fill_(m, 0)
x.masked_fill(m, 1j)
x.masked_fill(m.long(), 1)
x.masked_fill(m[:2], 1)
x[0].masked_fill(m, 1)
x.masked_scatter(m, r)
x.masked_scatter(m[0], s)
x.masked_scatter(m, r[0])
x.masked_scatter(m, r.double())
torch.masked_select(x, m)
x.masked_select(m[0])
x.masked_select(x > 99)
x.masked_select(m.long())
torch.nonzero(m)
m.nonzero()
torch.nonzero(m, as_tuple=True)
torch.nonzero(x.sum())
torch.nonzero(x.sum(), as_tuple=True)
torch.nonzero(x * 0)
torch.argwhere(m)
torch.where(m)
torch.nonzero_static(m, size=3)
torch.nonzero_static(m, size=9, fill_value=-2)
torch.select_scatter(x, s[0], 0, 1)
torch.select_scatter(x, s[0], 0, 9)
torch.select_scatter(x, s, 0, 1)
torch.slice_scatter(x, s, 0, 1)
torch.slice_scatter(x, r[:, :2], 1, 0, 4, 2)
torch.slice_scatter(x, r, 1, 0, 4, 2)
torch.diagonal_scatter(x, s[0, :3])
torch.diagonal_scatter(x, s[0, :3], 1)
torch.diagonal_scatter(x, s[0, :2], -1)
torch.diagonal_scatter(x, s)
F.embedding(i, x)
F.embedding(j, x, padding_idx=2)
F.embedding(j, x, padding_idx=-1)
F.embedding(j, x, scale_grad_by_freq=True)
F.embedding(j + 1, x)
F.embedding(j - 1, x)
F.embedding(j.float(), x)
F.embedding(j, x, padding_idx=7)
torch.embedding(x, i)
F.one_hot(i)
F.one_hot(i, 5)
F.one_hot(i, 2)
F.one_hot(-i, 5)
F.one_hot(x)
torch.repeat_interleave(x, 2)
torch.repeat_interleave(x, 2, dim=0)
x.repeat_interleave(3, -1)
torch.repeat_interleave(x, j, dim=0)
torch.repeat_interleave(j)
torch.repeat_interleave(x, j[:2], dim=0)
torch.repeat_interleave(x, torch.tensor([2]), dim=1)
torch.repeat_interleave(x, -1)
""".strip().splitlines()


@pytest.mark.parametrize("source", FUNCTIONS)
def test_function(source):
    expression(source, OPERANDS)


def test_embedding_with_max_norm_rescales_the_table_in_place():
    expression(
        "w = w * 4; out = F.embedding(j, w.detach(), max_norm=1.0), w.detach()", {"w": M, "j": I}
    )


@pytest.mark.parametrize("dtype", ["float64", "int64", "bool", "complex64", "float16", "bfloat16"])
def test_dtypes(dtype):
    def fn(torch, a, i):
        x = a.to(getattr(torch, dtype))
        y = x * 1
        y[0] = 1
        y[i] = x[2]
        return x[i], x[:, 1], y, x.gather(0, i[None, :3]), x.index_select(1, i)

    both(fn, INTS % 3, np.array([1, 0, 1]), grad=False)


def test_zero_dim_tensors():
    zero = np.array(0)
    one = np.array([0])
    value = np.array(2.5, np.float32)
    for source in (
        "x.index_select(0, o)",
        "x.gather(0, o)",
        "x.gather(0, z)",
        "x.scatter(0, z, 3.0)",
        "x.index_add(0, o, x)",
        "x.index_fill(0, o, 3.0)",
        "x.take(o)",
        "x.masked_fill(x > 0, 1.0)",
    ):
        expression(source, {"x": value, "z": zero, "o": one})
