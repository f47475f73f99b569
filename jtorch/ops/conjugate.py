"""Complex conjugates."""

from .registry import check, composite, ops


@composite("f m")
def conj(input):
    """The complex conjugate of each element; a real tensor itself."""
    return ops.conj_physical(input) if input.dtype.is_complex else input


@composite("f m")
def adjoint(input):
    """The conjugate transpose of the last two dimensions."""
    check(input.ndim != 1, "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.")
    swapped = ops.transpose(input, -2, -1) if input.ndim else input
    return conj(swapped)
