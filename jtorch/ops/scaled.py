"""Matrix products of scaled 8-bit floats, of int8, and of groups of matrices."""

import jax.numpy as jnp
from jax import lax

from .registry import SAME, DType, T, check, composite, op, ops
from .safe import widen

# --- scaled ---------------------------------------------------------------------------


def _spread(scale, shape):
    """A scale for the whole, each row, each column or each block, for every element."""
    if scale.size == 1:
        return scale.reshape(())
    for dim, size in enumerate(shape):
        blocks = scale.shape[dim]
        check(
            blocks and (size % blocks == 0 or blocks == 1),
            f"Invalid scaling configuration: a scale of shape {list(scale.shape)} for a matrix of "
            f"shape {list(shape)}",
        )
        scale = jnp.repeat(scale, size // blocks, axis=dim)
    return scale


def _check_scaled(input, mat2):
    check(input.ndim == 2, "mat1 must be a matrix")
    check(mat2.ndim == 2, "mat2 must be a matrix")
    check(
        input.shape[1] == mat2.shape[0],
        f"mat1 and mat2 shapes cannot be multiplied ({input.shape[0]}x{input.shape[1]} and "
        f"{mat2.shape[0]}x{mat2.shape[1]})",
    )


@op(SAME, accepts="f", variants="f o", grad=False)
def _scaled_mm(
    input: T,
    mat2: T,
    scale_a: T,
    scale_b: T,
    bias: T | None = None,
    scale_result: T | None = None,
    out_dtype: DType = None,
    use_fast_accum: bool = False,
):
    """(input * scale_a) @ (mat2 * scale_b) + bias, computed in float32; `out_dtype` is by default
    that of `input`. Scales are for the whole, for each row and column, or for blocks.
    """
    _check_scaled(input, mat2)
    a, b = input.astype(jnp.float32), mat2.astype(jnp.float32)
    scale_a, scale_b = (
        _spread(s.astype(jnp.float32), m.shape) for s, m in ((scale_a, a), (scale_b, b))
    )
    out = (a * scale_a) @ (b * scale_b)
    if bias is not None:
        out = out + bias.astype(jnp.float32)
    out_dtype = input.dtype if out_dtype is None else out_dtype
    if scale_result is not None and jnp.dtype(out_dtype).itemsize == 1:
        out = out * scale_result.astype(jnp.float32)
    return out.astype(out_dtype)


def _only_scale(name, scales, swizzle):
    check(
        not any(int(s) for s in swizzle or ()),
        f"{name}: swizzled scales are not supported by jtorch; use NO_SWIZZLE",
        NotImplementedError,
    )
    check(
        len(scales) == 1,
        f"{name}: scales of two levels are not supported by jtorch; multiply them before",
        NotImplementedError,
    )
    return scales[0]


@composite("f o")
def _scaled_mm_v2(
    input,
    mat2,
    scale_a,
    recipe_a,
    swizzle_a,
    scale_b,
    recipe_b,
    swizzle_b,
    bias,
    out_dtype,
    contraction_dim=(),
    use_fast_accum=False,
):
    """`_scaled_mm` with lists of scales, of which there must be one; recipes follow from shapes."""
    scale_a = _only_scale("torch._scaled_mm_v2", scale_a, swizzle_a)
    scale_b = _only_scale("torch._scaled_mm_v2", scale_b, swizzle_b)
    return ops._scaled_mm(input, mat2, scale_a, scale_b, bias, None, out_dtype)


@op(SAME, accepts="i", variants="f o", grad=False)
def _int_mm(input: T, mat2: T):
    """The product of int8 matrices, int32."""
    _check_scaled(input, mat2)
    for name, a in (("self", input), ("mat2", mat2)):
        check(a.dtype == jnp.int8, f"Expected {name} dtype to be of type int8 but got {a.dtype}")
    return lax.dot_general(input, mat2, (((1,), (0,)), ((), ())), preferred_element_type=jnp.int32)


# --- grouped --------------------------------------------------------------------------


def _sizes(offs):
    return jnp.diff(offs, prepend=jnp.zeros((1,), offs.dtype)).astype(jnp.int32)


def _grouped(a, b, offs):
    if a.ndim == 3 and b.ndim == 3:
        return a @ b
    if a.ndim == 2 and b.ndim == 3:
        return lax.ragged_dot(a, b, _sizes(offs))
    if a.ndim == 3:
        return lax.ragged_dot(b.T, a.swapaxes(1, 2), _sizes(offs)).T
    # The columns of `a` and the rows of `b` are cut: a product for each group.
    column = jnp.arange(a.shape[1])
    ends = offs.astype(column.dtype)[:, None]
    starts = jnp.pad(ends[:-1], ((1, 0), (0, 0)))
    group = (column < ends) & (column >= starts)
    return (a * group[:, None, :].astype(a.dtype)) @ b


@op(SAME, accepts="f", variants="f")
def _grouped_mm(
    input: T, mat2: T, offs: T | None = None, bias: T | None = None, out_dtype: DType = None
):
    """A product for each group. `offs` says where the groups end, int32: in the rows of `input`
    (2-D, with `mat2` 3-D), in the columns of `mat2` (2-D, with `input` 3-D), or in the dimension
    that both contract (2-D both). Without it both are 3-D.
    """
    check(input.ndim in (2, 3), "mat_a has to be 2 or 3d")
    check(mat2.ndim in (2, 3), "mat_b has to be 2 or 3d")
    check(bias is None, "Bias not supported yet")
    check(
        (offs is not None) == (input.ndim == 2 or mat2.ndim == 2),
        "Have to provide offsets if there is a 2d matrix",
    )
    check(input.shape[-1] == mat2.shape[-2], "contraction dimension of mat_a and mat_b must match")
    out = _grouped(widen(input), widen(mat2), offs)
    return out.astype(input.dtype if out_dtype is None else out_dtype)
