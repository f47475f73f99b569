"""Complex conjugates."""

from .._engine.storage import is_dense
from .._engine.tensor import value_of, wrap_strided
from .registry import check, composite, ops


@composite("f m")
def conj(input):
    """The complex conjugate of each element; a real tensor itself."""
    if not input.dtype.is_complex:
        return input
    made = ops.conj_physical(input)
    strides = input.stride()
    # In torch a conjugate is a view: its strides are the input's, to the letter.
    if made.stride() != strides and is_dense(tuple(input.shape), strides):
        made = wrap_strided(value_of(made), made._edge, strides)
    return made


@composite("f m")
def adjoint(input):
    """The conjugate transpose of the last two dimensions."""
    check(
        input.ndim != 1,
        "tensor.adjoint() is only supported on matrices or batches of matrices. Got 1-D tensor.",
    )
    swapped = ops.transpose(input, -2, -1) if input.ndim else input
    return conj(swapped)
