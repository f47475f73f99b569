"""Old forms of calls: numbers among tensors, element by element in Python, removed functions."""

import pytest

from compat_tests.harness import both


def two(torch):
    return torch.arange(6.0).view(2, 3), torch.ones(2, 3) * 2


def square(torch):
    return torch.arange(9.0).view(3, 3), torch.eye(3) * 2, torch.ones(3, 3)


PROGRAMS = [
    lambda torch: torch.add(two(torch)[0], 0.5, two(torch)[1]),
    lambda torch: two(torch)[0].add_(0.5, two(torch)[1]),
    lambda torch: two(torch)[0].sub(0.5, two(torch)[1]),
    lambda torch: torch.add(two(torch)[0], 2, 3),
    lambda torch: torch.add(two(torch)[0], 2, 3, 4),
    lambda torch: torch.addcmul(two(torch)[0], 0.1, *two(torch)),
    lambda torch: two(torch)[0].addcmul_(0.1, *two(torch)),
    lambda torch: two(torch)[0].addcdiv_(0.1, *two(torch)),
    lambda torch: torch.addcdiv(two(torch)[0], *two(torch), value=0.1),
    lambda torch: torch.addmm(0.5, square(torch)[0], 2.0, *square(torch)[1:]),
    lambda torch: torch.addmm(0.5, *square(torch)),
    lambda torch: square(torch)[0].addmm_(0.5, 2.0, *square(torch)[1:]),
    lambda torch: square(torch)[0].addmm(0.5, *square(torch)[1:]),
    lambda torch: torch.addmv(0.5, torch.ones(3), 2.0, square(torch)[0], torch.ones(3)),
    lambda torch: two(torch)[0].apply_(lambda x: x * 2 + 1),
    lambda torch: two(torch)[0].map_(two(torch)[1], lambda a, b: a * b),
    lambda torch: two(torch)[0].map2_(*two(torch), lambda a, b, c: a + b * c),
    lambda torch: torch.ones(2, requires_grad=True).apply_(lambda x: x),
    lambda torch: two(torch)[0].dim_order(),
    lambda torch: two(torch)[0].t().dim_order(),
    lambda torch: torch.ones(1, 1).dim_order(ambiguity_check=True),
    lambda torch: torch.ones(1, 2, 3, 4).to(memory_format=torch.channels_last).dim_order(),
    lambda torch: two(torch)[0].resize(3, 2),
    lambda torch: two(torch)[0].resize(5),
    lambda torch: two(torch)[0].resize_as(torch.ones(6)),
    lambda torch: two(torch)[0].is_nonzero(),
    lambda torch: torch.tensor(3).is_nonzero(),
    lambda torch: two(torch)[0].copy_(3),
    lambda torch: two(torch)[0].module_load(torch.zeros(2, 3)),
    lambda torch: two(torch)[0].eig(),
    lambda torch: torch.solve(*two(torch)),
    lambda torch: torch.matrix_rank(two(torch)[0]),
    lambda torch: two(torch)[0].storage_type().__name__,
    lambda torch: [torch.is_storage(two(torch)[0].storage()), torch.is_storage(3)],
    lambda torch: torch.hash_tensor(two(torch)[0], 1, keepdim=True),
    lambda torch: torch.hash_tensor(torch.ones(0)),
    lambda torch: torch.swapaxes(two(torch)[0], axis0=0, axis1=1),
    lambda torch: torch.linalg.matrix_rank(square(torch)[0], torch.tensor(0.5)),
    lambda torch: torch.linalg.pinv(square(torch)[1], rtol=torch.tensor(0.1)),
    lambda torch: torch.linalg.pinv(torch.zeros(0, 3), rtol=torch.tensor(0.1)),
    lambda torch: torch.lobpcg(torch.diag(torch.arange(1.0, 13.0)), 2)[0],
    lambda torch: torch.embedding_bag(
        torch.arange(8.0).view(4, 2), torch.tensor([0, 1, 3]), torch.tensor([0, 2]), mode=1
    )[0],
    lambda torch: torch.cond(torch.tensor(True), lambda x: x + 1, lambda x: x - 1, two(torch)[:1]),
    lambda torch: [torch.sym_sum([1, 2]), torch.sym_ite(True, 1, 2), torch.sym_max(1, 2)],
    lambda torch: torch.wait(torch.fork(lambda x: x + 1, torch.ones(2))),
    lambda torch: repr(torch.per_tensor_affine),
]


@pytest.mark.parametrize("program", range(len(PROGRAMS)))
def test_program(program):
    both(PROGRAMS[program])
