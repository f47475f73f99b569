"""The compiled recording path and the Python functions it stands for do the same."""

import gc
import sys
import types

import pytest

import jtorch as torch
from compat_tests.processes import output_of, run
from jtorch._engine import call, fast, tape, trace
from jtorch._engine.value import Value

# Prints everything that the recording path decides: results to the last bit, graphs, versions,
# errors and the structures of the traces.
PROGRAM = """
import torch
from torch import nn
from jtorch._engine import execute, fast

torch.manual_seed(0)
print("compiled" if fast.compiled else "python", end=";")


def show(*things):
    for t in things:
        if isinstance(t, torch.Tensor):
            print(t.dtype, tuple(t.shape), t.stride(), t.requires_grad, t._version, t.grad_fn and
                  type(t.grad_fn).__name__, t.detach().flatten().tolist())
        else:
            print(t)


def refused(action):
    try:
        action()
    except Exception as e:
        print(type(e).__name__, e)
    else:
        print("no error")


print()
body = nn.Conv2d(3, 4, 3), nn.BatchNorm2d(4), nn.ReLU(), nn.Flatten()
net = nn.Sequential(*body, nn.Linear(64, 5))
for make in (torch.optim.Adam, torch.optim.SGD, lambda p: torch.optim.AdamW(p, amsgrad=True)):
    optimizer = make(net.parameters())
    for _ in range(5):
        x, y = torch.randn(2, 3, 6, 6), torch.randint(0, 5, (2,))
        optimizer.zero_grad()
        loss = nn.functional.cross_entropy(net(x), y)
        loss.backward()
        optimizer.step()
    show(loss, *[p for p in net.parameters()], *[p.grad for p in net.parameters()])

# hooks, retained gradients, sums of gradients, views, several results
a = torch.randn(4, 3, requires_grad=True)
b = a * 2
b.retain_grad()
b.register_hook(lambda g: g * 3)
a.register_hook(lambda g: g + 1)
c, d = b.t().split([1, 2])
values, indices = (c.sum() * d + b.t()[1:]).max(dim=1)
(values.sum() + b.view(-1)[::2].prod()).backward(retain_graph=True)
show(a.grad, b.grad, values, indices)
values.sum().backward()
show(a.grad)
refused(lambda: values.sum().backward())

# second derivatives, unused inputs, complex numbers, numbers of every class
w = torch.randn(3, dtype=torch.float64, requires_grad=True)
(g,) = torch.autograd.grad((w**3).sum(), w, create_graph=True)
(g * w).sum().backward()
z = torch.randn(3, dtype=torch.complex64, requires_grad=True)
(z * (2 + 1j) + True + 1).abs().sum().backward()
show(w.grad, z.grad, torch.add(w, 1, alpha=2), torch.arange(3) // 2)

# channels last and transposed operands
image = torch.randn(1, 2, 3, 3).to(memory_format=torch.channels_last)
show(image + 1, image.relu(), nn.functional.conv2d(image, torch.randn(2, 2, 2, 2)),
     torch.randn(3, 2).t() * 2)

# in place, version counters
u = torch.randn(3, requires_grad=True)
v = u.exp()
v.add_(1)
show(v)
refused(lambda: v.sum().backward())
s = u.sigmoid()
s.mul_(2)
refused(lambda: s.sum().backward())
refused(lambda: u.add_(1))

# operands that are none
refused(lambda: torch.add(w, "x"))
refused(lambda: torch.relu(3))
refused(lambda: torch.mm(w, w))
refused(lambda: w + torch.ones(4))
refused(lambda: nn.functional.embedding(torch.tensor([7]), torch.randn(3, 2)))
refused(lambda: torch.ones(2, 2).backward())
with torch.no_grad():
    show(w * 2)
with torch.autocast("cpu", dtype=torch.bfloat16):
    show(torch.randn(2, 2) @ torch.randn(2, 2))
n = torch.zeros(3)
n.numpy()[1] = 5
show(n + 1, torch.sparse_coo_tensor([[0, 1]], [1.0, 2.0], (3,)).to_dense() * 2)


packed = []
with torch.autograd.graph.saved_tensors_hooks(lambda t: packed.append(t) or t * 2, lambda t: t + 1):
    kept = (w * w).sin()
kept.sum().backward()
show(w.grad, *packed)


class Twice(torch.autograd.Function):
    @staticmethod
    def forward(ctx, x):
        return x * 2

    @staticmethod
    def backward(ctx, g):
        return g * 2


q = torch.randn(3, requires_grad=True)
(Twice.apply(q) * q).sum().backward()
show(q.grad)
print(sorted(
    " ".join(f"{n[0].op.name}{n[1:]}" for n in key) for key in execute.programs
))
"""


@pytest.mark.parametrize("tier", ["cold", "hot"])
def test_the_same_without_the_compiled_form(tmp_path, tier):
    script = tmp_path / "program.py"
    script.write_text(PROGRAM)
    compiled, python = (
        output_of(run("-m", "jtorch", script, JTORCH_TIER=tier, JTORCH_PURE_PYTHON=pure))
        for pure in ("0", "1")
    )
    assert python.startswith("python;")
    assert len(python.splitlines()) > 60
    assert compiled.partition(";")[2] == python.partition(";")[2]


def test_the_compiled_form_is_used_where_it_was_built():
    functions = (call.apply, call.compute, call.assign, trace.record, trace.record_many)
    for function in (*functions, tape.walk_plain):
        assert (type(function).__name__ == "builtin_function_or_method") == bool(fast.compiled)


def live_objects():
    """How many objects of the engine there are."""
    kinds = (Value, torch.Tensor, tape.Node)
    return sum(issubclass(type(o), kinds) for o in gc.get_objects())


def one_round(x, w, views):
    y = (x @ w).relu() + 1.5
    if views:
        y = y.t().reshape(-1)[1:]
    y.sum().backward()
    w.grad = None
    try:
        torch.relu("x")
    except TypeError:
        pass
    trace.step_boundary()


@pytest.mark.parametrize("views", [False, True])
def test_nothing_is_left_over(views):
    x, w = torch.randn(3, 4), torch.randn(4, 2, requires_grad=True)
    for _ in range(100):
        one_round(x, w, views)
    gc.collect()
    objects, none, zero = live_objects(), sys.getrefcount(None), sys.getrefcount(0)
    counts = [sys.getrefcount(o) for o in (x, w, x._aval, w._st.value)]
    for _ in range(300):
        one_round(x, w, views)
    gc.collect()
    assert live_objects() == objects
    assert [sys.getrefcount(o) for o in (x, w, x._aval, w._st.value)] == counts
    # Each round uses each of these dozens of times.
    assert abs(sys.getrefcount(None) - none) < 150
    assert abs(sys.getrefcount(0) - zero) < 150


def test_a_tensor_that_was_never_filled_is_refused():
    with pytest.raises(AttributeError):
        torch.relu(object.__new__(torch.Tensor))


def test_an_extension_of_another_version_is_not_used():
    assert fast._usable(types.SimpleNamespace(interface=fast.INTERFACE)) is not None
    with pytest.warns(RuntimeWarning, match="install again"):
        assert fast._usable(types.SimpleNamespace(interface=fast.INTERFACE + 1)) is None


def test_wrong_uses_of_the_compiled_functions_raise():
    if fast.compiled is None:
        with pytest.raises(TypeError):
            trace.record()
        return
    for function in (call.apply, call.compute, call.assign, trace.record, tape.walk_plain):
        with pytest.raises(TypeError):
            function()
    with pytest.raises(TypeError):
        fast.compiled.setup({"no such name": 1})
    with pytest.raises(TypeError):
        fast.compiled.setup({"Value": 3})
