"""Sparse tensors in both libraries: values, layouts, gradients, text, files, errors."""

import copy
import io
import pickle

import jax
import pytest
import torch

import jtorch
from compat_tests.sparse import expressions
from compat_tests.sparse.expressions import listed
from compat_tests.sparse.observe import compare, gradients, space_of
from jtorch._engine.config import settings

BLOCKS = {
    "facts": listed(expressions.FACTS),
    "construction": listed(expressions.CONSTRUCTION),
    "conversion": listed(expressions.CONVERSION),
    "arithmetic": listed(expressions.ARITHMETIC),
    "unary": expressions.UNARY,
    "reductions": listed(expressions.REDUCTIONS),
    "products": listed(expressions.PRODUCTS),
    "shapes": listed(expressions.SHAPES),
}
CASES = [pytest.param(e, id=f"{block}-{e}") for block, found in BLOCKS.items() for e in found]


@pytest.mark.parametrize("source", CASES)
def test_expression(source):
    compare(source)


@pytest.mark.parametrize("line", expressions.GRADIENTS.strip().splitlines())
def test_gradient(line):
    source, _, names = line.rpartition(" : ")
    compare(gradients(source, names.split()), names.split())


@pytest.mark.parametrize("source", listed(expressions.PRINTED))
def test_text(source):
    assert repr(eval(source, space_of(torch))) == repr(eval(source, space_of(jtorch)))


@pytest.mark.parametrize("name", expressions.PROGRAMS)
def test_program(name):
    compare(expressions.PROGRAMS[name])


@pytest.mark.parametrize(
    "name",
    ["a graph network", "optim.SparseAdam(list(e.parameters()), lr=0.1)", "a sparse leaf learns"],
)
def test_program_compiled_as_a_whole(name, monkeypatch):
    monkeypatch.setattr(settings, "tier", "hot")
    compare(expressions.PROGRAMS[name])


def _second(lib, product):
    space = space_of(lib, ("v",))
    v, m, i = space["v"], space["m"], space["i"]
    y = product(lib, i, v * v, m).pow(2).sum()
    (g,) = lib.autograd.grad(y, v, create_graph=True)
    return g.tolist(), lib.autograd.grad(g.sum(), v)[0].tolist()


def test_second_derivatives_are_those_of_dense_tensors():
    # torch's own second derivative of sparse.mm leaves terms out.
    dense = _second(torch, lambda lib, i, v, m: lib.zeros(2, 3).index_put((i[0], i[1]), v) @ m)
    for product in (
        lambda lib, i, v, m: lib.sparse.mm(lib.sparse_coo_tensor(i, v, (2, 3)), m),
        lambda lib, i, v, m: lib.sparse_coo_tensor(i, v, (2, 3)) @ m,
    ):
        for want, got in zip(dense, _second(jtorch, product)):
            assert got == pytest.approx(want, rel=1e-5)


def test_a_sparse_gradient_becomes_dense_where_a_recorded_operation_takes_it():
    def gradient(lib):
        m = space_of(lib, ("m",))["m"]
        lib.nn.functional.embedding(lib.tensor([1, 0, 1]), m * 2, sparse=True).sum().backward()
        return m.grad

    assert gradient(jtorch).tolist() == gradient(torch).to_dense().tolist()


def test_inside_a_jax_transformation():
    class Net(jtorch.nn.Module):
        def __init__(self):
            super().__init__()
            self.register_buffer("adjacency", space_of(jtorch)["s"])

        def forward(self, x):
            return jtorch.sparse.mm(self.adjacency, x)

    net, x = Net(), space_of(jtorch)["m"]
    compiled = jax.jit(jtorch.to_jax(net))
    first = compiled(x.jax()).tolist()
    assert first == net(x).tolist()
    assert compiled(x.jax() + 1).tolist() == net(x + 1).tolist()


SAVED = ("s", "o", "u", "h", "z", "c", "k", "b")


def _equal(a, b):
    assert str(a.layout) == str(b.layout) and str(a.dtype) == str(b.dtype)
    assert a.to_dense().tolist() == b.to_dense().tolist()
    if a.is_sparse:
        assert a._indices().tolist() == b._indices().tolist()
        assert a.is_coalesced() == b.is_coalesced()


@pytest.mark.parametrize("weights_only", [True, False])
@pytest.mark.parametrize("writer, reader", [(torch, jtorch), (jtorch, torch), (jtorch, jtorch)])
def test_files(writer, reader, weights_only):
    tensors = {name: space_of(writer)[name] for name in SAVED}
    file = io.BytesIO()
    writer.save(tensors, file)
    file.seek(0)
    loaded = reader.load(file, weights_only=weights_only)
    for name, t in loaded.items():
        _equal(tensors[name], t)


def test_parameters_and_pickles():
    for name in SAVED:
        t = space_of(jtorch)[name]
        _equal(t, pickle.loads(pickle.dumps(t)))
        _equal(t, copy.deepcopy(jtorch.nn.Parameter(t)))
