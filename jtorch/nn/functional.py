"""The functions of `torch.nn.functional`: those that the operations declare for it."""

import enum

from .._engine import dtypes
from ..ops.registry import ops, public
from . import _reduction as _Reduction
from ._checks import _canonical_mask, _get_softmax_dim, _none_or_dtype, _verify_batch_size

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}

globals().update(public["nn.functional"])

# Libraries read these private names.
_REEXPORTED = (_Reduction, _canonical_mask, _get_softmax_dim, _none_or_dtype, _verify_batch_size)


def grouped_mm(mat_a, mat_b, *, offs=None, bias=None, out_dtype=None):
    """A product for each group of rows, columns or inner positions, which end where `offs` says.

    Shapes: (rows, k) and (groups, k, n), or (groups, m, k) and (k, columns), or (m, inner) and
    (inner, n), with `offs` (groups,) int32; or both 3-D without it.
    """
    return ops._grouped_mm(mat_a, mat_b, offs, bias, out_dtype)


class ScalingType(enum.IntEnum):
    """What one scale of `scaled_mm` is for."""

    TensorWise = 0
    RowWise = 1
    BlockWise1x16 = 2
    BlockWise1x32 = 3
    BlockWise1x128 = 4
    BlockWise128x128 = 5


class SwizzleType(enum.IntEnum):
    """In what order `scaled_mm` finds its scales in memory."""

    NO_SWIZZLE = 0
    SWIZZLE_32_4_4 = 1


def _listed(value):
    return [] if value is None else value if isinstance(value, (list, tuple)) else [value]


def scaled_mm(
    mat_a,
    mat_b,
    scale_a,
    scale_recipe_a,
    scale_b,
    scale_recipe_b,
    swizzle_a=None,
    swizzle_b=None,
    bias=None,
    output_dtype=dtypes.bfloat16,
    contraction_dim=(),
    use_fast_accum=False,
):
    """(mat_a * scale_a) @ (mat_b * scale_b) + bias of 8-bit floats, (m, k) and (k, n).

    What the scales are for follows from their shapes; the recipes are PyTorch's names for it.
    Raises NotImplementedError for swizzled scales and for scales of two levels.
    """
    a = (_listed(scale_a), _listed(scale_recipe_a), _listed(swizzle_a))
    b = (_listed(scale_b), _listed(scale_recipe_b), _listed(swizzle_b))
    return ops._scaled_mm_v2(mat_a, mat_b, *a, *b, bias, output_dtype, contraction_dim)


def scaled_grouped_mm(
    mat_a,
    mat_b,
    scale_a,
    scale_recipe_a,
    scale_b,
    scale_recipe_b,
    swizzle_a=None,
    swizzle_b=None,
    bias=None,
    offs=None,
    output_dtype=dtypes.bfloat16,
    contraction_dim=(),
    use_fast_accum=False,
):
    """Not supported: raises NotImplementedError. Use `grouped_mm` of matrices that were scaled."""
    raise NotImplementedError(
        "torch.nn.functional.scaled_grouped_mm is not supported by jtorch; use grouped_mm on "
        "matrices that were scaled before"
    )


_OURS = ("dtypes", "enum", "ops", "public")
__all__ = sorted(n for n in globals() if not n.startswith("_") and n not in _OURS)
