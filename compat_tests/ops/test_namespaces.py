"""`torch.ops`: names, overloads and errors are PyTorch's; `aten.txt` is what PyTorch has."""

import numpy as np
import pytest
import torch

from compat_tests.harness import both
from jtorch.ops import namespaces


def _takes_tensors(packet, overload):
    return "Tensor" in str(getattr(packet, overload)._schema)


def _packets():
    """{name: names of its overloads on tensors} of PyTorch's `aten`."""
    found = {}
    for schema in torch._C._jit_get_all_schemas():
        name = schema.name.removeprefix("aten::")
        packet = getattr(torch.ops.aten, name, None) if name != schema.name else None
        if packet is not None and name not in found:
            found[name] = tuple(o for o in packet.overloads() if _takes_tensors(packet, o))
    return {name: overloads for name, overloads in found.items() if overloads}


def test_the_table_of_names_is_pytorchs():
    assert namespaces.overload_names() == _packets()


def test_what_is_there_is_callable():
    names = [n for n in namespaces.overload_names() if namespaces.find(n) is not None]
    assert len(names) > 800
    assert all(callable(namespaces.find(n)) for n in names)


PROGRAMS = [
    lambda torch: repr(torch.ops.aten.add),
    lambda torch: str(torch.ops.aten.add),
    lambda torch: repr(torch.ops.aten.add.Tensor),
    lambda torch: str(torch.ops.aten.add.Tensor),
    lambda torch: torch.ops.aten.add.Tensor.name(),
    lambda torch: torch.ops.aten.clone.default.name(),
    lambda torch: torch.ops.aten.add.Tensor.__name__,
    lambda torch: torch.ops.aten.add.Tensor.namespace,
    lambda torch: torch.ops.aten.add.Tensor is torch.ops.aten.add.Tensor,
    lambda torch: torch.ops.aten.mm.default.overloadpacket is torch.ops.aten.mm,
    lambda torch: torch.ops.aten.mm.overloads(),
    lambda torch: isinstance(torch.ops.aten.mm.default, torch._ops.OpOverload),
    lambda torch: isinstance(torch.ops.aten.mm, torch._ops.OpOverloadPacket),
    lambda torch: hasattr(torch.ops, "some_extension"),
    lambda torch: hasattr(torch.ops.some_extension, "nms"),
    lambda torch: torch.ops.some_extension.nms,
    lambda torch: torch.ops.aten.no_such_operation,
    lambda torch: torch.ops.aten.add.no_such_overload,
    lambda torch: torch.ops.load_library("nowhere.so"),
    lambda torch: len(torch.ops.loaded_libraries),
    lambda torch: torch.ops.aten.add.Tensor(torch.ones(2), no_such=1),
    lambda torch: torch.ops.aten.add.Tensor(torch.ones(2), torch.ones(2), alpha=3),
    lambda torch: torch.ops.aten.add.Tensor(self=torch.ones(2), other=torch.ones(2)),
    lambda torch: torch.ops.aten.add.out(torch.ones(2), torch.ones(2), out=torch.empty(2)),
    lambda torch: torch.ops.aten.sum.dim_IntList(torch.ones(2, 3), [1], True),
    lambda torch: torch.ops.aten.view.default(torch.arange(6), [2, 3]),
    lambda torch: torch.ops.aten.slice.Tensor(torch.arange(9), 0, 1, 2**63 - 1, 3),
    lambda torch: torch.ops.aten._to_copy.default(torch.ones(2), dtype=torch.int64),
    lambda torch: torch.ops.aten.mse_loss(torch.arange(4.0), torch.zeros(4), 2),
    lambda torch: torch.ops.aten.binary_cross_entropy(torch.ones(2) / 4, torch.ones(2), None, 0),
    lambda torch: torch.ops.aten._softmax(torch.arange(4.0), 0, False),
    lambda torch: torch.ops.aten.hardtanh_(torch.arange(-2.0, 3.0)),
    lambda torch: torch.ops.aten.copy(torch.zeros(3), torch.arange(3)),
    lambda torch: torch.ops.aten.convolution(
        torch.ones(1, 2, 5), torch.ones(3, 2, 2), None, [2], [1], [1], False, [0], 1
    ),
    lambda torch: torch.ops.aten.upsample_bilinear2d(
        torch.arange(8.0).view(1, 2, 2, 2), [4, 3], True
    ),
    lambda torch: torch.ops.aten.upsample_nearest2d.vec(
        torch.arange(8.0).view(1, 2, 2, 2), None, [2.0, 1.5]
    ),
    lambda torch: torch.ops.aten.upsample_bicubic2d(
        torch.arange(32.0).view(1, 2, 4, 4), [6, 5], False, 1.5, 1.25
    ),
    lambda torch: torch.ops.aten.reflection_pad2d(torch.arange(12.0).view(1, 3, 4), [1, 2, 0, 1]),
    lambda torch: torch.ops.aten.im2col(
        torch.arange(16.0).view(1, 1, 4, 4), [2, 2], [1, 1], [0, 0], [1, 1]
    ),
    lambda torch: torch.ops.aten.embedding_dense_backward(
        torch.ones(3, 2), torch.tensor([0, 2, 2]), 4, 0, True
    ),
    lambda torch: torch.ops.aten.threshold_backward(torch.ones(3), torch.arange(-1.0, 2.0), 0),
    lambda torch: torch.ops.aten.sigmoid_backward(torch.ones(2), torch.ones(2) / 4),
    lambda torch: torch.ops.aten.sym_size.int(torch.ones(2, 3), 1),
    lambda torch: torch.ops.aten.sym_numel(torch.ones(2, 3)),
    lambda torch: torch._shape_as_tensor(torch.ones(2, 3)),
    lambda torch: torch._assert_async(torch.tensor(0), "wrong"),
    lambda torch: torch._assert_async(torch.tensor([True])),
    lambda torch: torch._weight_norm(torch.arange(6.0).view(2, 3), torch.ones(2, 1)),
    lambda torch: torch.norm_except_dim(torch.arange(12.0).view(2, 3, 2), 2, 1),
    lambda torch: torch.native_dropout(torch.ones(5), 0.5, True),
    lambda torch: torch._scaled_dot_product_attention_math(*torch.ones(3, 1, 2, 3, 4)),
    lambda torch: torch._scaled_dot_product_flash_attention_for_cpu(
        *torch.arange(72.0).view(3, 1, 2, 3, 4) / 72, is_causal=True
    ),
]


@pytest.mark.parametrize("program", range(len(PROGRAMS)))
def test_program(program):
    def run(lib):
        lib.manual_seed(0)
        return PROGRAMS[program](lib)

    both(run)


@pytest.mark.parametrize(
    "shapes",
    [((24, 8), (3, 8, 16)), ((3, 16, 8), (8, 24)), ((16, 24), (24, 8)), ((3, 8, 8), (3, 8, 16))],
)
def test_matrices_in_groups(shapes):
    def run(torch, *matrices):
        ends = torch.tensor([8, 8, 24], dtype=torch.int32)
        return torch._grouped_mm(*matrices, offs=ends if len(shapes[0] + shapes[1]) < 6 else None)

    draw = np.random.default_rng(0)
    both(run, *(draw.normal(size=s).astype(np.float32) for s in shapes))
