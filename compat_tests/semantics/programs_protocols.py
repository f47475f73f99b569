# ruff: noqa: C416, E711, UP031  (these spellings are among what is compared)
"""Python's protocols on tensors, copying, pickling and printing."""

import copy
import math
import operator
import pickle

from compat_tests.semantics.observe import attempt


def length_and_iteration(torch):
    x = torch.arange(6).view(3, 2)
    return (
        len(x),
        [r for r in x],
        attempt(len, torch.tensor(1)),
        attempt(list, torch.tensor(1)),
        [v.item() for v in torch.arange(3)],
        list(reversed(x)),
    )


def unpacking(torch):
    a, b = torch.tensor([1.0, 2.0])
    c, *rest = torch.arange(4)
    return (
        a,
        b,
        c,
        rest,
        max(torch.tensor([3, 1])),
        sum(torch.arange(3)),
        dict(zip("ab", torch.arange(2), strict=True)),
    )


def containment(torch):
    x = torch.tensor([1, 2, 3])
    return (
        2 in x,
        5 in x,
        torch.tensor(3) in x,
        2.0 in x,
        attempt(lambda: "a" in x),
        attempt(lambda: None in x),
    )


def truth(torch):
    return (
        bool(torch.tensor(0.0)),
        bool(torch.tensor([[2]])),
        bool(torch.tensor(True)),
        not torch.tensor(1),
        attempt(bool, torch.ones(2)),
        attempt(bool, torch.ones(0)),
        bool(torch.tensor(1j)),
        bool(torch.tensor(float("nan"))),
    )


def number_conversions(torch):
    x = torch.tensor(2.7)
    return (
        float(x),
        int(x),
        int(-x),
        complex(torch.tensor(1 + 2j)),
        float(torch.tensor([3])),
        int(torch.tensor(True)),
        round(torch.tensor(2.567).item(), 2),
        math.sqrt(torch.tensor(4.0)),
        math.floor(torch.tensor(2.7)),
        math.ceil(x),
    )


def index_protocol(torch):
    data = [10, 20, 30]
    return (
        data[torch.tensor(1)],
        operator.index(torch.tensor(2)),
        attempt(operator.index, torch.tensor(1.0)),
        list(range(torch.tensor(3))),
        attempt(operator.index, torch.tensor([1, 2])),
        "ab" * torch.tensor(2),
    )


def integer_tensor_arguments(torch):
    n = torch.tensor(2)
    return (
        torch.zeros(n, 3).shape,
        torch.ones(4).view(n, n),
        torch.arange(n),
        torch.arange(5)[n],
        torch.arange(5)[n:],
        torch.zeros(3).sum(torch.tensor(0)) if False else 0,
        torch.ones(4).split(2)[n - 1],
    )


def formatting(torch):
    x = torch.tensor(3.14159)
    return (
        f"{x:.2f}",
        f"{x}",
        f"{x:>8.3f}",
        f"{torch.tensor(7):03d}",
        f"{torch.ones(2)}",
        attempt(lambda: f"{torch.ones(2):.2f}"),
        "%.3f" % x,
        f"{torch.tensor(1e-5):.1e}",
        str(torch.tensor(True)),
    )


def hashing(torch):
    x, y = torch.ones(1), torch.ones(1)
    return (
        hash(x) == hash(x),
        len({x, y, x}),
        {x: 1}[x],
        x in [x],
        attempt(lambda: torch.ones(2) in [torch.zeros(2)]),
    )


def comparison_with_none(torch):
    x = torch.ones(2)
    return (
        x == None,
        x != None,
        x is None,
        None == x,
        attempt(lambda: x > None),
        x == "a",
        x != object(),
    )


def equality_chains(torch):
    x = torch.tensor(3)
    return (
        2 < x < 4,
        bool(x == 3.0),
        (x == 3) & True,
        x in (1, 2, 3),
        [1, 2, 3].index(x),
        any(torch.tensor([False, True])),
        all(torch.tensor([1, 0])),
    )


def unary_operators(torch):
    x = torch.tensor([-1.5, 2.0])
    return (
        -x,
        +x,
        abs(x),
        attempt(lambda: ~x),
        (+x) is x,
        x.positive() is x,
        pow(x, 2),
        divmod(7, 2),
        attempt(divmod, x, 2),
        x.__rpow__(2),
        round(torch.tensor([1.26]).item(), 1),
    )


def attributes(torch):
    x = torch.zeros(2, 3)
    return (
        x.ndim,
        x.shape,
        x.size(),
        x.size(-1),
        x.dim(),
        x.numel(),
        x.nelement(),
        x.itemsize,
        x.nbytes,
        x.element_size(),
        x.is_floating_point(),
        x.is_complex(),
        x.is_signed(),
        str(x.layout),
        x.is_cuda,
        x.is_sparse,
        x.stride(),
        x.stride(0),
    )


def own_attributes(torch):
    x = torch.zeros(1)
    x.note = "mine"
    y = copy.copy(x)
    z = copy.deepcopy(x)
    return (
        x.note,
        hasattr(x + 1, "note"),
        getattr(y, "note", None),
        getattr(z, "note", None),
        attempt(getattr, x, "nothing"),
    )


def deepcopy_leaf(torch):
    x = torch.ones(2, requires_grad=True)
    (x * 3).sum().backward()
    c = copy.deepcopy(x)
    c.grad.zero_()
    return c, c.grad, x.grad, c.data_ptr() == x.data_ptr(), attempt(copy.deepcopy, x * 2)


def deepcopy_memo(torch):
    x = torch.ones(2)
    a, b = copy.deepcopy((x, x))
    return a is b, a is x


def copy_copy(torch):
    x = torch.ones(2, requires_grad=True)
    c = copy.copy(x)
    with torch.no_grad():
        c.mul_(3)
    return c is x, c, x, c.data_ptr() == x.data_ptr()


def deepcopy_parameter(torch):
    p = torch.nn.Parameter(torch.ones(2), requires_grad=False)
    c = copy.deepcopy(p)
    return c, type(c).__name__, isinstance(c, torch.nn.Parameter)


def pickle_round_trip(torch):
    out = []
    for x in (
        torch.arange(3),
        torch.tensor(2.5, requires_grad=True),
        torch.tensor([1j]),
        torch.zeros(0, 3),
        torch.tensor([True]),
        torch.ones(1, dtype=torch.bfloat16),
    ):
        out.append(pickle.loads(pickle.dumps(x)))
    return out


def pickle_parameter_and_types(torch):
    p = pickle.loads(pickle.dumps(torch.nn.Parameter(torch.ones(2))))
    return (
        p,
        type(p).__name__,
        pickle.loads(pickle.dumps(torch.float32)) is torch.float32,
        pickle.loads(pickle.dumps(torch.zeros(2).shape)),
    )


def pickle_non_leaf(torch):
    x = torch.ones(2, requires_grad=True)
    y = pickle.loads(pickle.dumps((x * 2).detach()))
    return y, attempt(lambda: pickle.loads(pickle.dumps(x * 2)).requires_grad)


def pickle_shared_storage(torch):
    x = torch.arange(4.0)
    a, b = pickle.loads(pickle.dumps((x, x[1:])))
    a[1] = 50
    return a.sum(), b[0].item() in (1.0, 50.0)


def isinstance_checks(torch):
    x = torch.ones(1)
    p = torch.nn.Parameter(x)
    return (
        torch.is_tensor(x),
        torch.is_tensor(1),
        isinstance(x, torch.FloatTensor),
        isinstance(x, torch.LongTensor),
        isinstance(p, torch.Tensor),
        isinstance(x, torch.nn.Parameter),
        isinstance(x, torch.autograd.Variable),
        type(p * 1).__name__,
    )


def subclass_results(torch):
    class Mine(torch.Tensor):
        pass

    m = torch.ones(2).as_subclass(Mine)
    return (
        type(m).__name__,
        type(m + 1).__name__,
        type(m.sum()).__name__,
        type(m[0]).__name__,
        isinstance(m, torch.Tensor),
        m.tolist(),
    )


def sizes_as_arguments(torch):
    return (
        torch.zeros((2, 3)).shape,
        torch.zeros([2, 3]).shape,
        torch.zeros(2, 3).shape,
        torch.zeros(torch.Size([2])).shape,
        torch.zeros(()).shape,
        torch.zeros(size=(2,)).shape,
        torch.ones(2, 3).view((3, 2)).shape,
        torch.ones(6).reshape([2, 3]).shape,
        torch.ones(1).expand((2,)).shape,
    )


def keyword_aliases(torch):
    x = torch.arange(6.0).view(2, 3)
    return (
        x.sum(axis=1),
        x.sum(dim=1, keepdims=True),
        torch.cat((x, x), axis=1).shape,
        torch.sum(input=x, dim=0),
        x.max(dim=0, keepdim=True).values,
        torch.add(x, other=1),
        x.mean(axis=(0, 1)),
        torch.stack(tensors=[x, x], dim=1).shape,
    )


def named_tuples(torch):
    x = torch.tensor([[3.0, 1.0], [2.0, 4.0]])
    m = x.max(1)
    v, i = x.sort(1)
    return (
        m.values,
        m.indices,
        m[0],
        type(m).__name__,
        v,
        i,
        x.topk(1).indices,
        isinstance(m, tuple),
        len(m),
        x.median(0).values,
        torch.linalg.eigh(torch.eye(2)).eigenvalues,
    )


def method_forms(torch):
    x = torch.tensor([1.0, 2.0])
    return (
        torch.Tensor.add(x, 1),
        torch.Tensor([1, 2]),
        torch.Tensor(2).shape,
        torch.Tensor(2, 3).shape,
        torch.tensor(x.tolist()),
        x.add(1).mul(2),
        x.new_tensor([3]),
        x.new_full((2,), 7),
        x.new_ones(1, dtype=torch.int32),
    )


def _shown(torch, *tensors):
    return [repr(t) for t in tensors]


def print_small(torch):
    return _shown(
        torch,
        torch.tensor(1),
        torch.tensor(1.5),
        torch.tensor([1, 2]),
        torch.tensor([1.0, 2.5]),
        torch.tensor([]),
        torch.zeros(0, 3),
        torch.tensor(True),
        torch.tensor([True, False]),
        torch.tensor(1j),
        torch.tensor([1 + 2j, 3.5 - 1j]),
        torch.zeros(2, 2),
        torch.tensor(float("nan")),
        torch.tensor([float("inf"), 1.0]),
    )


def print_dtypes(torch):
    return _shown(
        torch,
        *[
            torch.ones(2, dtype=getattr(torch, k))
            for k in (
                "uint8",
                "int8",
                "int16",
                "int32",
                "int64",
                "float16",
                "bfloat16",
                "float64",
                "complex128",
                "bool",
            )
        ],
    )


def print_widths(torch):
    return _shown(
        torch,
        torch.tensor([1.0, 10.0, 100.0]),
        torch.tensor([0.1, 1000.0]),
        torch.tensor([1e-5, 1.0]),
        torch.tensor([1e10, 1.0]),
        torch.tensor([-1.5, 2.25]),
        torch.tensor([1e-8]),
        torch.tensor([123456789.0]),
        torch.tensor([1, -200, 30000]),
        torch.tensor([0.0, -0.0]),
        torch.tensor([1e38, 1e-38]),
        torch.tensor([1.00001]),
        torch.tensor(100000.0),
        torch.tensor([99999.5, 0.001]),
    )


def print_long(torch):
    return _shown(
        torch,
        torch.arange(30),
        torch.arange(1001),
        torch.arange(40.0),
        torch.zeros(3, 30),
        torch.zeros(2, 600),
        torch.arange(2000.0).view(2, 10, 100),
    )


def print_nested(torch):
    return _shown(
        torch,
        torch.arange(8).view(2, 2, 2),
        torch.arange(16.0).view(2, 2, 2, 2),
        torch.zeros(2, 0, 3),
        torch.arange(3).view(3, 1),
        torch.ones(1, 1, 1),
    )


def print_gradient_state(torch):
    x = torch.ones(2, requires_grad=True)
    y = x * 2
    y_view = y[1:]
    z = x.clone()
    z[0] = 5
    return _shown(
        torch,
        x,
        y,
        y.sum(),
        y_view,
        x.detach(),
        y.exp(),
        z,
        x.view(2, 1),
        torch.nn.Parameter(torch.ones(1)),
        x.max(),
        y.mean(),
    )


def print_network_output(torch):
    x = torch.ones(1, 2)
    layer = torch.nn.Linear(2, 2)
    with torch.no_grad():
        layer.weight.fill_(0.5)
        layer.bias.fill_(1)
    F = torch.nn.functional
    out = layer(x)
    return _shown(
        torch,
        out,
        F.relu(out),
        F.log_softmax(out, 1),
        F.cross_entropy(out, torch.tensor([0])),
        F.mse_loss(out, x),
        layer.weight,
        out @ out.t(),
    )


def print_grad_fn(torch):
    x = torch.ones(2, requires_grad=True)
    return [
        repr(t.grad_fn).split(" object")[0] for t in (x * 2, x.sum(), x[0], x.view(2, 1), x + x)
    ], repr(x.grad_fn)


def print_strided_and_devices(torch):
    return _shown(
        torch,
        torch.arange(6).view(2, 3).t(),
        torch.arange(6.0)[::2],
        torch.zeros(2, device="meta"),
        torch.ones(1).expand(3),
        torch.arange(3).to(torch.float64),
    )


def print_options(torch):
    try:
        torch.set_printoptions(precision=2)
        a = repr(torch.tensor([3.14159]))
        torch.set_printoptions(sci_mode=True)
        b = repr(torch.tensor([3.14159]))
        torch.set_printoptions(threshold=5, edgeitems=1, sci_mode=False)
        c = repr(torch.arange(10))
        torch.set_printoptions(linewidth=20, profile="default")
        d = repr(torch.arange(10))
    finally:
        torch.set_printoptions(profile="default", sci_mode=None, linewidth=80)
    return a, b, c, d


def print_containers(torch):
    x = torch.tensor([1.0])
    return (
        str([x, torch.tensor(2)]),
        str({"a": x}),
        str((x.shape, x.dtype)),
        str(x.max(0)),
        str(torch.tensor([[3, 1]]).sort(1)),
    )
