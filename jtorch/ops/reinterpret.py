"""Views of the same bits as other numbers: complex as pairs, one element type as another."""

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._engine.call import apply_view
from .._engine.signature import contiguous_strides
from .registry import check, composite, ops
from .view import fine, view_op


def _real_pairs(x, attrs):
    return jnp.stack([x.real, x.imag], axis=-1)


def _complex_geometry(shape, strides, offset, attrs, aval):
    return tuple(st // 2 for st in strides[:-1]), offset // 2


def _check_pairs(aval, attrs):
    check(aval.ndim > 0, "Input tensor must have one or more dimensions")
    check(aval.shape[-1] == 2, "Tensor must have a last dimension of size 2")


_as_real = view_op(
    "view_as_real",
    fine,
    _real_pairs,
    lambda x, v, attrs: lax.complex(v[..., 0], v[..., 1]),
    lambda shape, strides, offset, attrs, aval: ((*[2 * st for st in strides], 1), 2 * offset),
)
_as_complex = view_op(
    "view_as_complex",
    _check_pairs,
    lambda x, attrs: lax.complex(x[..., 0], x[..., 1]),
    lambda x, v, attrs: _real_pairs(v, attrs),
    _complex_geometry,
)


@composite("f")
def view_as_real(input):
    """A complex tensor as pairs (real, imaginary) in a new last dimension."""
    check(input.dtype.is_complex, "view_as_real is only supported for complex tensors")
    return apply_view(_as_real, input, ())


@composite("f")
def view_as_complex(input):
    """Pairs (real, imaginary) in the last dimension as complex numbers."""
    check(
        input.dtype.is_floating_point,
        "view_as_complex is only supported for floating point tensors, but got a tensor of scalar "
        f"type: {input.dtype}",
    )
    return apply_view(_as_complex, input, ())


@composite("f")
def real(input):
    """The real part: a view of a complex tensor, a real tensor itself."""
    return ops.select(view_as_real(input), -1, 0) if input.dtype.is_complex else input


@composite("f")
def imag(input):
    """The imaginary part, a view. Raises RuntimeError for real tensors."""
    check(input.dtype.is_complex, "imag is not implemented for tensors with non-complex dtypes.")
    return ops.select(view_as_real(input), -1, 1)


def _bits_read(x, np_dtype):
    return _reinterpret(x, np_dtype)


def _reinterpret(x, np_dtype):
    if x.dtype.kind == "b":
        x = x.astype(np.uint8)
    target = np.dtype(np_dtype)
    as_bool = target.kind == "b"
    out = lax.bitcast_convert_type(_split_ratio(x, target), np.uint8 if as_bool else target)
    if out.ndim > x.ndim:
        out = out.reshape((*x.shape[:-1], -1))
    return out != 0 if as_bool else out


def _split_ratio(x, target):
    if target.itemsize <= x.dtype.itemsize:
        return x
    k = target.itemsize // x.dtype.itemsize
    return x.reshape((*x.shape[:-1], x.shape[-1] // k, k))


def _bits_geometry(shape, strides, offset, target, aval):
    return contiguous_strides(aval.shape), offset


_bits = view_op(
    "view_dtype", fine, _bits_read, lambda x, v, target: _reinterpret(v, x.dtype), _bits_geometry
)


@composite("p")
def view_dtype(input, dtype):
    """The same bytes read as another element type."""
    own, new = input.dtype.itemsize, dtype.itemsize
    if own == new and input.is_contiguous() is False:
        return apply_view(_bits, input, dtype.np)
    check(
        own == new or input.ndim > 0,
        f"self.dim() cannot be 0 to view {input.dtype} as {dtype} (different element sizes)",
    )
    if new > own:
        check(
            input.shape[-1] % (new // own) == 0,
            f"self.size(-1) must be divisible by {new // own} to view {input.dtype} as {dtype} "
            "(different element sizes), "
            f"but got {input.shape[-1]}",
        )
    return apply_view(_bits, input, dtype.np)
