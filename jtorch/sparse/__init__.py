"""`torch.sparse`: products, sums and softmax of sparse tensors, and what checks them.

Sparse tensors themselves are made by `torch.sparse_coo_tensor` and its kin and by
`Tensor.to_sparse`. Besides the functions here they take part in the arithmetic, matrix products and
zero-preserving functions that PyTorch has for them; any other operation raises NotImplementedError.
"""

from ..legacy import sparse_types
from ..ops.registry import ops
from ..ops.sparse_checks import check_sparse_tensor_invariants

__all__ = [
    "SparseSemiStructuredTensor", "SparseSemiStructuredTensorCUSPARSELT",
    "SparseSemiStructuredTensorCUTLASS", "addmm", "as_sparse_gradcheck",
    "check_sparse_tensor_invariants", "log_softmax", "mm", "sampled_addmm", "softmax", "spdiags",
    "spsolve", "sum", "to_sparse_semi_structured",
]  # fmt: skip

globals().update(sparse_types("cpu"))

mm = ops.sparse_mm
addmm = ops.sparse_addmm
sampled_addmm = ops.sampled_addmm
sum = ops.sparse_sum
softmax = ops.sparse_softmax
log_softmax = ops.sparse_log_softmax
spdiags = ops.spdiags


def spsolve(input, other, *, left=True):
    """Not supported, as on PyTorch's CPU: solve with the dense matrix."""
    raise NotImplementedError(
        "torch.sparse.spsolve is not supported by jtorch; use "
        "torch.linalg.solve(input.to_dense(), other)"
    )


def as_sparse_gradcheck(gradcheck):
    """Not supported: check gradients through dense tensors."""
    raise NotImplementedError(
        "torch.sparse.as_sparse_gradcheck is not supported by jtorch; call gradcheck on a function "
        "of dense tensors that makes the sparse ones itself"
    )


class SparseSemiStructuredTensor:
    """Not supported: XLA has no kernels for semi-structured sparsity."""

    def __init__(self, *args, **kwargs):
        raise NotImplementedError(
            f"torch.sparse.{type(self).__name__} is not supported by jtorch; use the dense tensor"
        )


class SparseSemiStructuredTensorCUTLASS(SparseSemiStructuredTensor):
    """Not supported."""


class SparseSemiStructuredTensorCUSPARSELT(SparseSemiStructuredTensor):
    """Not supported."""


def to_sparse_semi_structured(original_tensor, transposed=False):
    """Not supported."""
    return SparseSemiStructuredTensor(original_tensor)
