"""`torch._foreach_*` on lists of tensors, every form of every member of the family."""

import numpy as np
import pytest
import torch

from compat_tests.harness import both
from jtorch.ops import foreach

DRAW = np.random.default_rng(0)
A, B = (DRAW.uniform(0.1, 0.9, (2, 3)).astype(np.float32) for _ in range(2))
C, D = (DRAW.uniform(0.1, 0.9, (4,)) for _ in range(2))


def test_the_whole_family_is_there():
    declared = {n for n in foreach.ops.__dict__ if n.startswith("_foreach_")}
    assert declared == {n for n in dir(torch) if n.startswith("_foreach_")}


def _run(name, *args, grad=True, **kwargs):
    """Out of place, then in place where there is such a form."""

    def run(torch, *tensors):
        arguments = [a(torch, tensors) if callable(a) else a for a in args]
        result = list(getattr(torch, f"_foreach_{name}")(*arguments, **kwargs))
        form = getattr(torch, f"_foreach_{name}_", None)
        if form is None or not isinstance(arguments[0], list):
            return result
        # torch has no gradients of some of these forms, so that none are asked for.
        with torch.no_grad():
            copies = [t.clone() for t in arguments[0]]
            assert form(copies, *arguments[1:], **kwargs) is copies
        return [*result, *copies]

    both(run, A, B, C, D, grad=grad)


def first(torch, t):
    return [t[0], t[2]]


def second(torch, t):
    return [t[1], t[3]]


@pytest.mark.parametrize("name", foreach.UNARY)
def test_unary(name):
    _run(name, first)
    _run(name, [])


@pytest.mark.parametrize("name", foreach.BINARY)
def test_binary(name):
    _run(name, first, second)
    _run(name, first, 0.5)
    _run(name, first, [0.5, 2.0])
    _run(name, first, lambda torch, t: torch.tensor(0.5))
    _run(name, first, lambda torch, t: torch.tensor([0.5]))
    _run(name, first, lambda torch, t: [t[1]])
    _run(name, first, [0.5])
    _run(name, first, second, alpha=2)


def test_pow_of_a_number():
    _run("pow", 2.0, second)


@pytest.mark.parametrize("name", foreach.TERNARY)
def test_ternary(name):
    _run(name, first, second, first)
    _run(name, first, second, first, 0.5)
    _run(name, first, second, first, value=0.5)
    _run(name, first, second, first, [0.5, 2.0])
    _run(name, first, second, first, lambda torch, t: torch.tensor([0.5, 2.0]), grad=False)
    _run(name, first, second, lambda torch, t: [t[0]])


def test_lerp():
    _run("lerp", first, second, 0.3)
    _run("lerp", first, second, [0.3, 0.6])
    _run("lerp", first, second, first)


@pytest.mark.parametrize("order", [0, 1, 2, 3.5, float("inf")])
def test_norm(order):
    _run("norm", first, order)


def test_others():
    _run("norm", first, dtype=None)
    both(lambda torch: torch._foreach_powsum([torch.arange(-2.0, 3.0)], 3.0))
    _run("max", first)
    _run("clone", first)
    _run("mm", lambda torch, t: [t[0]], lambda torch, t: [t[1].t()])
    both(lambda torch: torch._foreach_max([torch.ones(0)]))
    both(lambda torch: torch._foreach_norm([torch.ones(0)], float("inf")))
    both(lambda torch: list(torch._foreach_copy_([torch.ones(2)], [torch.zeros(1)])))
    both(lambda torch: list(torch._foreach_zero_([torch.ones(2), torch.ones(3)])))
    both(lambda torch: torch._foreach_add([torch.tensor([1, 2])], 1.5))
    both(lambda torch: torch._foreach_add_([torch.tensor([1, 2])], 1.5))
    both(lambda torch: torch._foreach_add(1, 2))
