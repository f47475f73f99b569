# ruff: noqa: E711, RUF005  (these spellings are among what is compared)
"""Errors of index, shape and argument; raised at the line, with the offending values."""

from compat_tests.semantics.observe import attempt


def _kind(fn, *args, **kwargs):
    """The name of the class of the exception that `fn` raises."""
    return type(attempt(fn, *args, **kwargs)).__name__.lstrip("_")


def index_out_of_range(torch):
    x = torch.zeros(3, 4)
    return (
        attempt(lambda: x[3]),
        attempt(lambda: x[-4]),
        attempt(lambda: x[0, 4]),
        attempt(lambda: x[:, -5]),
        attempt(lambda: x[..., 9]),
    )


def index_tensor_out_of_range(torch):
    x = torch.zeros(3, 4)
    return (
        attempt(lambda: x[torch.tensor([0, 3])].tolist()),
        attempt(lambda: x[torch.tensor([-5])].tolist()),
        attempt(lambda: x[[7]].tolist()),
    )


def index_assignment_out_of_range(torch):
    x = torch.zeros(3)

    def write():
        x[torch.tensor([5])] = 1
        return x.tolist()

    return attempt(x.__setitem__, 3, 1.0), attempt(write)


def too_many_indices(torch):
    x = torch.zeros(3, 4)
    return (
        attempt(lambda: x[0, 0, 0]),
        attempt(lambda: x[:, :, :]),
        attempt(lambda: torch.tensor(1.0)[0]),
        attempt(lambda: x[0, 0, torch.tensor([0])]),
        attempt(lambda: x[..., 0, 0, 0]),
    )


def negative_step(torch):
    return (
        attempt(lambda: torch.zeros(3)[::-1]),
        attempt(lambda: torch.zeros(3)[::0]),
        attempt(lambda: torch.zeros(3)[2:0:-1]),
    )


def wrong_index_types(torch):
    x = torch.zeros(3)
    return (
        attempt(lambda: x["a"]),
        attempt(lambda: x[1.0]),
        attempt(lambda: x[1.5:2]),
        attempt(lambda: x[{}]),
        attempt(lambda: x[torch.tensor(1.0)]),
    )


def mask_shape_errors(torch):
    x = torch.zeros(3, 4)
    return (
        attempt(lambda: x[torch.ones(4, dtype=torch.bool)]),
        attempt(lambda: x[torch.ones(3, 3, dtype=torch.bool)]),
        attempt(lambda: x[torch.ones(3, 4, 1, dtype=torch.bool)]),
    )


def mask_value_count(torch):
    x = torch.zeros(3)
    return attempt(x.__setitem__, torch.tensor([True, False, True]), torch.ones(3)), attempt(
        x.masked_scatter_, torch.tensor([True, True, True]), torch.ones(2)
    )


def index_broadcast_errors(torch):
    x = torch.zeros(3, 4)
    return attempt(lambda: x[torch.tensor([0, 1]), torch.tensor([0, 1, 2])]), attempt(
        x.__setitem__, torch.tensor([0, 1]), torch.ones(3, 4)
    )


def embedding_out_of_range(torch):
    w = torch.ones(3, 2)
    F = torch.nn.functional
    return attempt(lambda: F.embedding(torch.tensor([3]), w)), attempt(
        lambda: F.embedding(torch.tensor([-1]), w)
    )


def gather_out_of_range(torch):
    x = torch.zeros(2, 3)
    return (
        attempt(lambda: x.gather(1, torch.tensor([[3]]))),
        attempt(lambda: x.gather(1, torch.tensor([[-1]]))),
        attempt(lambda: x.index_select(0, torch.tensor([2]))),
        attempt(lambda: x.take(torch.tensor([6]))),
    )


def cross_entropy_out_of_range(torch):
    F = torch.nn.functional
    x = torch.zeros(2, 3)
    return (
        attempt(lambda: F.cross_entropy(x, torch.tensor([0, 3]))),
        attempt(lambda: F.nll_loss(x, torch.tensor([-1, 0]))),
        F.cross_entropy(x, torch.tensor([0, -100])),
    )


def scatter_out_of_range(torch):
    x = torch.zeros(3)
    return (
        attempt(lambda: x.scatter(0, torch.tensor([3]), 1.0)),
        attempt(lambda: x.scatter_add(0, torch.tensor([-1]), torch.ones(1))),
        attempt(lambda: x.index_add(0, torch.tensor([3]), torch.ones(1))),
    )


def one_hot_errors(torch):
    F = torch.nn.functional
    return (
        attempt(lambda: F.one_hot(torch.tensor([3]), 3)),
        attempt(lambda: F.one_hot(torch.tensor([-1]))),
        F.one_hot(torch.tensor([0, 2])),
    )


def broadcast_errors(torch):
    x = torch.zeros(3, 4)
    return (
        attempt(lambda: x + torch.zeros(3)),
        attempt(lambda: x * torch.zeros(2, 3, 5)),
        attempt(torch.broadcast_tensors, x, torch.zeros(5)),
        attempt(torch.where, x > 0, torch.zeros(5), x),
        _kind(torch.broadcast_shapes, (2,), (3,)),
    )


def matmul_shape_errors(torch):
    a, b, v = torch.zeros(2, 3), torch.zeros(4, 5), torch.zeros(6)
    return (
        attempt(lambda: a @ b),
        attempt(lambda: a @ v),
        attempt(lambda: v @ a),
        attempt(torch.mm, a, v),
        attempt(torch.bmm, a, a),
        attempt(torch.dot, v, torch.zeros(5)),
        attempt(torch.mv, a, v),
        attempt(lambda: torch.zeros(()) @ a),
        attempt(lambda: torch.zeros(2, 2, 3) @ torch.zeros(3, 3, 2)),
        attempt(torch.addmm, a, a, b),
    )


def linear_shape_errors(torch):
    F = torch.nn.functional
    return (
        attempt(F.linear, torch.zeros(2, 3), torch.zeros(5, 4)),
        attempt(torch.nn.Linear(3, 2), torch.zeros(1, 4)),
        attempt(torch.einsum, "ij,jk->ik", torch.zeros(2, 3), torch.zeros(4, 5)),
    )


def view_errors(torch):
    x = torch.zeros(2, 3)
    return (
        attempt(x.view, 4),
        attempt(x.view, -1, -1),
        attempt(x.view, -1, 4),
        attempt(x.view, -2, 3),
        attempt(x.reshape, 7),
        attempt(torch.zeros(0).view, -1, 0),
        attempt(x.t().view, 6),
    )


def cat_errors(torch):
    return (
        attempt(torch.cat, [torch.zeros(2, 3), torch.zeros(2, 4)]),
        attempt(torch.cat, []),
        attempt(torch.cat, [torch.zeros(2), torch.zeros(2, 2)]),
        attempt(torch.cat, [torch.zeros(2)], 1),
        attempt(torch.stack, [torch.zeros(2), torch.zeros(3)]),
        attempt(torch.stack, []),
        attempt(torch.cat, [torch.tensor(1.0)]),
        torch.cat([torch.zeros(0), torch.ones(1, 2)]),
    )


def dim_errors(torch):
    x = torch.zeros(2, 3)
    return (
        attempt(x.sum, 2),
        attempt(x.sum, -3),
        attempt(x.transpose, 0, 2),
        attempt(x.permute, 0),
        attempt(x.permute, 0, 0),
        attempt(x.squeeze, 5),
        attempt(x.unsqueeze, 4),
        attempt(x.softmax, 3),
        attempt(x.max, 2),
        attempt(x.sum, (0, 0)),
        attempt(x.size, 2),
        attempt(x.select, 0, 2),
        attempt(x.select, 3, 0),
        attempt(x.unbind, 2),
        attempt(x.cumsum, 2),
        attempt(torch.tensor(1.0).sum, 1),
        attempt(torch.tensor(1.0).size, 0),
        attempt(x.flatten, 1, 0),
        attempt(x.stride, 2),
        attempt(x.diagonal, 0, 0, 0),
    )


def narrow_errors(torch):
    x = torch.zeros(5)
    return (
        attempt(x.narrow, 0, 3, 3),
        attempt(x.narrow, 0, 6, 0),
        attempt(x.narrow, 0, 0, -1),
        attempt(x.unfold, 0, 6, 1),
        attempt(x.unfold, 0, 1, 0),
        attempt(torch.tensor(1).narrow, 0, 0, 1),
    )


def split_errors(torch):
    x = torch.zeros(5)
    return (
        attempt(x.split, [2, 2]),
        attempt(x.split, 0),
        attempt(x.split, -1),
        attempt(x.chunk, 0),
        attempt(x.split, [6, -1]),
        attempt(torch.tensor(1).chunk, 2),
        attempt(torch.tensor(1).unbind),
    )


def expand_errors(torch):
    x = torch.zeros(2, 3)
    return (
        attempt(x.expand, 4, 3),
        attempt(x.expand, 3),
        attempt(x.expand, -1, 2, 3),
        attempt(x.repeat, 2),
        attempt(torch.zeros(3).expand_as, torch.zeros(4)),
        attempt(torch.broadcast_to, x, (3,)),
    )


def empty_reduction_errors(torch):
    x = torch.zeros(0)
    return (
        attempt(x.max),
        attempt(x.argmax),
        attempt(x.min, 0),
        x.sum(),
        x.prod(),
        x.mean(),
        x.all(),
        x.any(),
        x.std().isnan(),
        attempt(torch.zeros(2, 0).max, 1),
        torch.zeros(0, 3).max(1).values,
        attempt(x.median),
        x.norm(),
    )


def argument_errors(torch):
    x = torch.zeros(2)
    return (
        attempt(torch.add, x),
        attempt(torch.add, x, "a"),
        attempt(torch.sum),
        attempt(torch.exp, 3),
        attempt(torch.zeros, "a"),
        attempt(torch.zeros, -1),
        attempt(x.view),
        attempt(torch.cat, x, x, x),
        attempt(torch.sin, x, x),
        attempt(x.sum, dims=0),
        attempt(torch.matmul, x, 2),
        attempt(lambda: x @ 2),
        attempt(torch.stack, x),
        attempt(torch.randn, 2.5),
        attempt(x.fill_, "a"),
    )


def operator_foreign_operands(torch):
    x = torch.zeros(2)
    return (
        attempt(lambda: x + None),
        attempt(lambda: x + "a"),
        attempt(lambda: [1, 2] + x),
        attempt(lambda: x * [1, 2]),
        attempt(lambda: x < None),
        x == [1, 2],
        x != None,
        attempt(lambda: x + {}),
    )


def item_errors(torch):
    return (
        attempt(torch.zeros(2).item),
        attempt(torch.zeros(0).item),
        attempt(float, torch.zeros(2)),
        attempt(int, torch.zeros(2, 2)),
        attempt(bool, torch.zeros(0)),
        attempt(bool, torch.zeros(2)),
        attempt(float, torch.tensor(1j)),
    )


def linalg_errors(torch):
    L = torch.linalg
    return (
        _kind(lambda: L.inv(torch.zeros(2, 2)).tolist()),
        attempt(L.inv, torch.zeros(2, 3)),
        _kind(lambda: L.cholesky(-torch.eye(2)).tolist()),
        _kind(lambda: L.solve(torch.zeros(2, 2), torch.ones(2)).tolist()),
        attempt(L.det, torch.zeros(2, 3)),
        attempt(L.eigh, torch.zeros(3)),
    )


def convolution_errors(torch):
    F = torch.nn.functional
    return (
        attempt(F.conv2d, torch.zeros(1, 3, 5, 5), torch.zeros(4, 2, 3, 3)),
        attempt(F.conv2d, torch.zeros(1, 3, 2, 2), torch.zeros(4, 3, 3, 3)),
        attempt(F.conv1d, torch.zeros(2), torch.zeros(1, 1, 1)),
        attempt(F.max_pool2d, torch.zeros(1, 1, 2, 2), 3),
        _kind(F.pad, torch.zeros(2), (1,)),
        attempt(F.conv2d, torch.zeros(1, 3, 5, 5), torch.zeros(4, 3, 3, 3), torch.zeros(3)),
    )


def layer_errors(torch):
    nn = torch.nn
    return (
        attempt(nn.BatchNorm1d(3), torch.zeros(2, 4)),
        attempt(nn.BatchNorm1d(3), torch.zeros(1, 3)),
        attempt(nn.LayerNorm(3), torch.zeros(2, 4)),
        attempt(nn.Embedding(3, 2), torch.tensor([4])),
        attempt(nn.LSTM(3, 2), torch.zeros(2, 4, 5)),
        attempt(nn.Conv2d, 3, 4, 3, groups=2),
        attempt(nn.Dropout, 1.5),
        attempt(nn.MultiheadAttention, 5, 2),
        attempt(nn.GroupNorm, 2, 3),
    )


def loss_shape_errors(torch):
    F = torch.nn.functional
    return (
        attempt(F.cross_entropy, torch.zeros(2, 3), torch.tensor([0])),
        attempt(F.binary_cross_entropy, torch.full((2,), 0.5), torch.zeros(3)),
        _kind(F.nll_loss, torch.zeros(2, 3), torch.zeros(2, 3, dtype=torch.int64)),
        attempt(F.binary_cross_entropy, torch.tensor([1.5]), torch.tensor([1.0])),
        attempt(F.binary_cross_entropy_with_logits, torch.zeros(2), torch.zeros(3)),
        attempt(F.mse_loss, torch.zeros(2), torch.zeros(3)),
        attempt(F.cross_entropy, torch.zeros(2, 3), torch.tensor([0, 1]), reduction="average"),
    )


def random_argument_errors(torch):
    return (
        attempt(torch.randint, 5, 5, (2,)),
        attempt(torch.normal, 0.0, -1.0, (2,)),
        attempt(torch.multinomial, torch.tensor([0.5, 0.5]), 3),
        attempt(torch.zeros(2).uniform_, 1, 0),
        attempt(torch.randperm, -1),
        attempt(torch.bernoulli, torch.tensor([1.5])),
        attempt(torch.zeros(2).normal_, 0, -1),
        attempt(torch.multinomial, torch.tensor([-0.5, 0.5]), 1),
    )


def topk_sort_errors(torch):
    x = torch.zeros(3)
    return (
        attempt(x.topk, 4),
        attempt(x.topk, -1),
        attempt(x.kthvalue, 4),
        attempt(x.sort, 1),
        attempt(x.quantile, 1.5),
        attempt(torch.searchsorted, x, torch.zeros(2, 2).long() if False else torch.zeros(2, 2)),
    )


def deferred_error_is_not_lost(torch):
    x = torch.zeros(3)
    y = attempt(lambda: x[torch.tensor([9])] + 1)
    z = x + 1
    return y, z


def gather_shape_errors(torch):
    x = torch.zeros(2, 3)
    return (
        attempt(x.gather, 1, torch.tensor([0])),
        attempt(x.gather, 0, torch.zeros(1, 4, dtype=torch.int64)),
        attempt(x.index_select, 0, torch.zeros(1, 1, dtype=torch.int64)),
        attempt(x.index_add, 0, torch.tensor([0, 1]), torch.ones(1, 3)),
    )


def autograd_argument_errors(torch):
    x = torch.ones(2, requires_grad=True)
    return (
        attempt(torch.autograd.grad, 3, x),
        attempt(torch.autograd.grad, x.sum(), []),
        attempt(torch.autograd.backward, x.sum(), 3.0),
        attempt(torch.autograd.backward, [x.sum(), x.sum()], [None]),
        attempt(torch.ones(2).sum().backward),
    )


def device_errors(torch):
    return (
        attempt(torch.device, "nonsense"),
        attempt(torch.zeros, 2, device="meta").shape
        if False
        else torch.zeros(2, device="meta").shape,
        attempt(torch.zeros(1, device="meta").item),
        attempt(torch.device, "cpu:x"),
    )


def device_objects(torch):
    d = torch.device("cuda", 1)
    return (
        str(d),
        d.type,
        d.index,
        repr(torch.device("cpu")),
        torch.device("cpu") == torch.device("cpu"),
        torch.device("cuda:0") != torch.device("cuda"),
        torch.zeros(1).device,
        torch.zeros(1).get_device(),
    )


def size_objects(torch):
    s = torch.zeros(2, 3).shape
    a, b = s
    return (
        s,
        s == (2, 3),
        s[0],
        s[1:],
        s + (4,),
        s.numel(),
        repr(s),
        len(s),
        (a, b),
        tuple(s),
        torch.Size([1]) * 2,
        hash(s) == hash((2, 3)),
        list(s),
        s.index(3),
        isinstance(s[:1], torch.Size),
    )
