"""Running one expression on sparse tensors in both libraries, and what is looked at."""

import warnings

import numpy as np
import torch

import jtorch

# The operands of every expression: `s` and its kin are COO, `u` has a coordinate twice, `h` has
# dense dimensions, `c` is CSR, `k` is CSC, `b` is BSR, `z` has no values.
SETUP = """
i = torch.tensor([[0, 1, 1], [2, 0, 2]])
v = torch.tensor([3.0, 4.0, -5.0])
s = torch.sparse_coo_tensor(i, v, (2, 3))
o = torch.sparse_coo_tensor(i, v, (2, 3)).coalesce()
p = torch.sparse_coo_tensor([[0, 0, 1], [0, 2, 1]], [1.0, 2.0, 3.0], (2, 3)).coalesce()
u = torch.sparse_coo_tensor([[1, 0, 1], [0, 2, 0]], [1.0, 2.0, 3.0], (2, 3))
h = torch.sparse_coo_tensor([[0, 2, 1]], [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]], (3, 2))
z = torch.sparse_coo_tensor(size=(2, 3))
d = torch.arange(6.0).reshape(2, 3)
m = torch.tensor([[1.0, -2.0], [0.5, 3.0], [2.0, 0.25]])
w = torch.tensor([1.0, -2.0, 0.5])
c = d.to_sparse_csr()
k = d.to_sparse_csc()
q = torch.arange(16.0).reshape(4, 4)
b = q.to_sparse_bsr((2, 2))
F = torch.nn.functional
"""
_CODE = compile(SETUP, "<setup>", "exec")


def space_of(lib, leaves=()):
    """The operands in one library; those named in `leaves` require grad."""
    space = {"torch": lib, "np": np}
    exec(_CODE, space)
    for name in leaves:
        space[name] = space[name].detach().requires_grad_()
    return space


def _numbers(t):
    t = t.detach()
    dense = t if str(t.layout) == "torch.strided" else t.to_dense()
    return np.asarray(dense.numpy())


def seen(lib, value):
    """Everything that is compared of a value."""
    if isinstance(value, (tuple, list)) and not isinstance(value, lib.Size):
        return [seen(lib, v) for v in value]
    if not isinstance(value, lib.Tensor):
        return str(value) if not isinstance(value, (bool, int, float, str, type(None))) else value
    shown = (str(value.layout), str(value.dtype), tuple(value.shape), value.requires_grad)
    return (*shown, _numbers(value))


def _agree(want, got):
    if isinstance(want, list):
        assert isinstance(got, list) and len(want) == len(got), (want, got)
        for a, b in zip(want, got):
            _agree(a, b)
        return
    if not isinstance(want, tuple):
        assert want == got
        return
    assert want[:4] == got[:4]
    np.testing.assert_allclose(got[4], want[4], rtol=2e-5, atol=1e-6)


def outcome(lib, source, leaves=()):
    """(what an expression or a program gave, None), or (None, the error)."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        space = space_of(lib, leaves)
        try:
            if "\n" in source or "out =" in source:
                exec(source.replace("; ", "\n"), space)
                return seen(lib, space["out"]), None
            return seen(lib, eval(source, space)), None
        except Exception as error:
            return None, error


def compare(source, leaves=()):
    """Run a program in both libraries and compare what it gave, or the class of its error."""
    want, error = outcome(torch, source, leaves)
    got, own = outcome(jtorch, source, leaves)
    if error is not None:
        assert own is not None, f"torch raises {error!r}, jtorch gives {got}"
        names = [c.__name__.lstrip("_") for c in type(own).__mro__]
        assert type(error).__name__.lstrip("_") in names, f"{error!r} against {own!r}"
        return
    if own is not None:
        raise AssertionError(f"torch gives {want}, jtorch raises") from own
    _agree(want, got)


def gradients(source, leaves):
    """The program of an expression's gradients by the leaves, with an uneven weighting."""
    lines = [
        f"r = {source}",
        "r = r if r.layout == torch.strided else r.to_dense()",
        "g = torch.linspace(0.5, 1.5, max(r.numel(), 1), dtype=r.dtype)[:r.numel()]",
        "r.backward(g.reshape(r.shape))",
        f"out = [{', '.join(f'{n}.grad' for n in leaves)}]",
    ]
    return "\n".join(lines)
