"""Tensors made from nothing: constants, ranges, index grids."""

import math
import operator
import warnings

import jax
import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.device import default_device, resolve
from .._engine.formats import preserve_format
from .._engine.layouts import strided_layout
from .._engine.storage import same_order_strides
from .._engine.tensor import Tensor, value_of, wrap_strided
from .copy import _format_strides as format_strides
from .limits import check_fits
from .registry import SAME, DType, S, T, check, composite, from_host, op, ops

# ---- the pure ops -------------------------------------------------------------------------------


@op(SAME, variants="p", grad=False)
def constant(size, number, dtype: DType):
    """A tensor of one number that is known when the op is recorded (0 and 1, mostly)."""
    return jnp.full(size, number, dtype)


@op(SAME, variants="p", grad_name="FullBackward0")
def filled(size, fill_value: S, dtype: DType):
    """A tensor of one number that may differ from run to run."""
    return jnp.broadcast_to(fill_value.astype(dtype), size)


@op(SAME, variants="p", grad=False)
def iota(length: int, dtype: DType):
    """0, 1, ..., length-1."""
    wide = dtype if dtype.kind in "iu" else np.dtype(np.int64)
    return jax.lax.iota(wide, length).astype(dtype)


@op(SAME, variants="p", grad=False)
def progression(start: S, step: S, length: int, dtype: DType):
    """start, start + step, ...: `length` numbers, worked out in double precision or int64."""
    wide = np.result_type(start.dtype, step.dtype)
    i = jax.lax.iota(np.int64, length).astype(wide)
    return (start.astype(wide) + i * step.astype(wide)).astype(dtype)


@op(SAME, variants="p", grad=False)
def spaced(start: S, end: S, steps: int, dtype: DType):
    """`steps` numbers from start to end at equal distances, both ends exact."""
    wide = np.dtype(np.complex128 if dtype.kind == "c" else np.float64)
    start, end = start.astype(wide), end.astype(wide)
    if dtype.kind in "iu":
        start, end = jnp.trunc(start), jnp.trunc(end)
    if steps == 1:
        return start.reshape(1).astype(dtype)
    i = jax.lax.iota(np.int64, steps).astype(wide)
    step = (end - start) / (steps - 1)
    # Counted from the nearer end, as torch does, so that the last number is `end` itself.
    near = i.real < steps // 2
    return jnp.where(near, start + step * i, end - step * (steps - 1 - i)).astype(dtype)


@op(SAME, variants="p", grad=False)
def identity_matrix(rows: int, columns: int, dtype: DType):
    """Ones on the main diagonal, zeros elsewhere."""
    i = jax.lax.broadcasted_iota(np.int32, (rows, columns), 0)
    j = jax.lax.broadcasted_iota(np.int32, (rows, columns), 1)
    return (i == j).astype(dtype)


# ---- arguments ----------------------------------------------------------------------------------


def _size(name, args, size=None):
    """The shape given as one sequence or as several integers."""
    if size is not None:
        args = (size,)
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = args[0]
    try:
        shape = tuple(map(operator.index, args))
    except TypeError:
        at = next(i for i, a in enumerate(args) if not hasattr(a, "__index__"))
        raise TypeError(
            f"{name}(): argument 'size' (position 1) must be tuple of ints, but found element of "
            f"type {type(args[at]).__name__} at pos {at}"
        ) from None
    for n in shape:
        if n < 0 and name == "zeros":
            raise RuntimeError("zeros: Dimension size must be non-negative.")
        check(n >= 0, f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def _device(device):
    return resolve(default_device() if device is None else device)


def _check_dtype(name, dtype):
    check(
        isinstance(dtype, dtypes.dtype),
        f"{name}(): argument 'dtype' must be torch.dtype, not {type(dtype).__name__}",
        TypeError,
    )
    return dtype


def _check_layout(name, layout):
    check(
        layout is None or layout is strided_layout,
        f"torch.{name}: layout={layout} is not supported by jtorch, only torch.strided",
        NotImplementedError,
    )


def _without_values(name, layout, number):
    """True for a sparse layout, which nothing but zeros can be made in."""
    if layout is None or layout is strided_layout:
        return False
    # torch's classes: fill_ does not exist for sparse tensors, ones(layout=) is refused before.
    kind = NotImplementedError if name.endswith("_like") else RuntimeError
    check(number == 0, f"{name}(...) is not implemented for sparse layout", kind)
    return True


def _finish(out, requires_grad):
    return out.requires_grad_() if requires_grad else out


def _make(name, size, number, dtype, device, requires_grad, layout=None):
    dtype = dtypes.get_default_dtype() if dtype is None else _check_dtype(name, dtype)
    if _without_values(name, layout, number):
        return _finish(ops.sparse_zeros(size, layout, dtype, device), requires_grad)
    return _finish(ops.constant(size, number, dtype, _device=_device(device)), requires_grad)


# ---- constants ----------------------------------------------------------------------------------


@composite("f o")
def zeros(
    *size, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, **named
):
    """A tensor of zeros. `size` is one sequence or several integers."""
    size = _size("zeros", size, _named_size("zeros", named))
    return _make("zeros", size, 0, dtype, device, requires_grad, layout)


@composite("f o")
def ones(
    *size, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False, **named
):
    """A tensor of ones. `size` is one sequence or several integers."""
    size = _size("ones", size, _named_size("ones", named))
    return _make("ones", size, 1, dtype, device, requires_grad, layout)


@composite("f o")
def empty(
    *size,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
    **named,
):
    """A tensor whose content is unspecified (here: zeros). `size` as in `zeros`."""
    size = _size("empty", size, _named_size("empty", named))
    out = _make("empty", size, 0, dtype, device, False, layout)
    if memory_format is not None:
        out = _restrided(out, format_strides(out, memory_format))
    return _finish(out, requires_grad)


def _named_size(name, named):
    size = named.pop("size", None)
    named.pop("names", None)
    if named:
        key = next(iter(named))
        raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
    return size


def _dtype_of_number(value):
    if isinstance(value, Tensor):
        return value.dtype
    for kind in (bool, int, float, complex):
        if isinstance(value, (kind, np.bool_) if kind is bool else kind):
            return dtypes.of_python(kind)
    if isinstance(value, np.generic):
        return dtypes.of_python(type(value.item()))
    raise TypeError(
        f"full(): argument 'fill_value' (position 2) must be Number, not {type(value).__name__}"
    )


def _fill(name, size, value, dtype, device, requires_grad):
    if isinstance(value, np.generic):
        value = value.item()
    natural = _dtype_of_number(value)
    dtype = natural if dtype is None else _check_dtype(name, dtype)
    check_fits(value, dtype)
    if type(value) in (int, float) and value in (0, 1) and math.copysign(1, value) > 0:
        return _finish(ops.constant(size, int(value), dtype, _device=device), requires_grad)
    return _finish(ops.filled(size, value, dtype, _device=device), requires_grad)


@composite("f o")
def full(
    size,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    names=None,
):
    """A tensor of one number. Without `dtype` it has the type that the number has on its own."""
    _check_layout("full", layout)
    size = _size("full", (size,) if isinstance(size, int) else tuple(size))
    return _fill("full", size, fill_value, dtype, _device(device), requires_grad)


@composite("f o")
def empty_strided(
    size, stride, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False
):
    """A tensor of zeros with the strides given."""
    size, stride = _size("empty_strided", tuple(size)), tuple(stride)
    check(
        len(size) == len(stride),
        "dimensionality of sizes must match dimensionality of strides: "
        f"{len(size)} and {len(stride)}",
    )
    needed = 1 + sum((n - 1) * s for n, s in zip(size, stride, strict=True)) if 0 not in size else 0
    flat = _make("empty_strided", (needed,), 0, dtype, device, False, layout)
    return _finish(ops.as_strided(flat, size, stride).detach(), requires_grad)


@composite("f")
def empty_permuted(
    size,
    physical_layout,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """A tensor of zeros whose dimensions lie in memory in the order `physical_layout`."""
    size = _size("empty_permuted", tuple(size))
    check(
        sorted(physical_layout) == list(range(len(size))),
        f"empty_permuted: physical_layout must be a permutation of {list(range(len(size)))}",
    )
    out = _make("empty_permuted", size, 0, dtype, device, False, layout)
    out = _restrided(out, same_order_strides(size, tuple(reversed(physical_layout))))
    return _finish(out, requires_grad)


# ---- like another tensor ------------------------------------------------------------------------


def _restrided(out, strides):
    # The same contents; only where they are said to lie differs.
    return out if strides == out.stride() else wrap_strided(value_of(out), out._edge, strides)


def _like(name, input, value, dtype, device, requires_grad, memory_format, layout):
    check(
        isinstance(input, Tensor),
        f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}",
        TypeError,
    )
    dtype = input.dtype if dtype is None else _check_dtype(name, dtype)
    device = input.device if device is None else resolve(device)
    layout = input._aval.layout if layout is None else layout
    if _without_values(name, layout, value):
        return _finish(ops.sparse_zeros_like(input, layout, dtype, device), requires_grad)
    out = _fill(name, tuple(input.shape), value, dtype, device, False)
    memory_format = preserve_format if memory_format is None else memory_format
    if memory_format is not preserve_format or not input.is_contiguous():
        out = _restrided(out, format_strides(input, memory_format))
    return _finish(out, requires_grad)


@composite("f")
def zeros_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """Zeros in the shape, and by default the dtype, device and order in memory, of `input`."""
    return _like("zeros_like", input, 0, dtype, device, requires_grad, memory_format, layout)


@composite("f")
def ones_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """Ones in the shape, and by default the dtype, device and order in memory, of `input`."""
    return _like("ones_like", input, 1, dtype, device, requires_grad, memory_format, layout)


@composite("f")
def empty_like(
    input,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """Unspecified content (here: zeros) in the shape, and by default the dtype, of `input`."""
    return _like("empty_like", input, 0, dtype, device, requires_grad, memory_format, layout)


@composite("f")
def full_like(
    input,
    fill_value,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
    memory_format=None,
):
    """One number in the shape, and by default the dtype, device and order in memory, of `input`."""
    return _like(
        "full_like", input, fill_value, dtype, device, requires_grad, memory_format, layout
    )


def _new(name, input, size, value, dtype, device, requires_grad, layout):
    _check_layout(name, layout)
    dtype = input.dtype if dtype is None else _check_dtype(name, dtype)
    device = input.device if device is None else resolve(device)
    return _fill(name, size, value, dtype, device, requires_grad)


@composite("m")
def new_zeros(
    input,
    *size,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
    **named,
):
    """Zeros of another size, by default in this tensor's dtype and on its device."""
    size = _size("new_zeros", size, _named_size("new_zeros", named))
    return _new("new_zeros", input, size, 0, dtype, device, requires_grad, layout)


@composite("m")
def new_ones(
    input,
    *size,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
    **named,
):
    """Ones of another size, by default in this tensor's dtype and on its device."""
    size = _size("new_ones", size, _named_size("new_ones", named))
    return _new("new_ones", input, size, 1, dtype, device, requires_grad, layout)


@composite("m")
def new_empty(
    input,
    *size,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
    **named,
):
    """Unspecified content (here: zeros) of another size, by default in this tensor's dtype."""
    size = _size("new_empty", size, _named_size("new_empty", named))
    return _new("new_empty", input, size, 0, dtype, device, requires_grad, layout)


@composite("m")
def new_full(
    input,
    size,
    fill_value,
    *,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """One number in another size, by default in this tensor's dtype and on its device."""
    size = _size("new_full", (size,) if isinstance(size, int) else tuple(size))
    return _new("new_full", input, size, fill_value, dtype, device, requires_grad, layout)


@composite("m")
def new_empty_strided(
    input,
    size,
    stride,
    dtype=None,
    device=None,
    requires_grad=False,
    layout=None,
    pin_memory=False,
):
    """Unspecified content with the strides given, by default in this tensor's dtype."""
    dtype = input.dtype if dtype is None else dtype
    device = input.device if device is None else device
    return ops.empty_strided(
        size, stride, dtype=dtype, device=device, requires_grad=requires_grad, layout=layout
    )


# ---- ranges -------------------------------------------------------------------------------------


def _number(value):
    if isinstance(value, (Tensor, np.generic)):
        return value.item()
    return value


def _check_range(name, start, end, step):
    for v in (start, end, step):
        check(
            isinstance(v, (int, float)),
            f"{name}(): argument must be Number, not {type(v).__name__}",
            TypeError,
        )
    check(step, "step must be nonzero")
    finite = math.isfinite(start) and math.isfinite(end)
    check(finite, f"unsupported range: {float(start):g} -> {float(end):g}")
    check(
        (step > 0 and end >= start) or (step < 0 and end <= start),
        "upper bound and lower bound inconsistent with step sign",
    )


def _float_or(dtype, numbers):
    if dtype is not None:
        return dtype
    return (
        dtypes.get_default_dtype() if any(isinstance(v, float) for v in numbers) else dtypes.int64
    )


@composite("f o")
def arange(
    start=None,
    end=None,
    step=1,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """start, start + step, ... below `end` (1-D). With one argument it is the end, from 0.

    int64 when all arguments are integers, else the default float type. Raises RuntimeError for a
    zero step, or one that leads away from `end`.
    """
    _check_layout("arange", layout)
    if end is None:
        check(start is not None, "arange() missing required argument: 'end'", TypeError)
        start, end = 0, start
    start, end, step = _number(0 if start is None else start), _number(end), _number(step)
    _check_range("arange", start, end, step)
    dtype = _float_or(dtype, (start, end, step))
    if dtype is dtypes.int64:
        # torch counts the steps after it has made the arguments whole.
        start, end, step = int(start), int(end), int(step)
        check(step, "step must be nonzero", ValueError)
    if dtype.kind in "iu" and not any(isinstance(v, float) for v in (start, end, step)):
        length = -((start - end) // step)
    else:
        length = math.ceil((end - start) / step)
    return _arange(start, step, max(length, 0), dtype, device, requires_grad)


def _arange(start, step, length, dtype, device, requires_grad):
    device = _device(device)
    if start == 0 and step == 1:
        out = ops.iota(length, dtype, _device=device)
    else:
        if dtype.kind in "iu":
            start, step = int(start), int(step)
        out = ops.progression(start, step, length, dtype, _device=device)
    return _finish(out, requires_grad)


@composite("f o", name="range")
def inclusive_range(
    start=0,
    end=None,
    step=1,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """start, start + step, ... up to and including `end`. Deprecated in torch; use `arange`."""
    warnings.warn(
        "torch.range is deprecated and will be removed in a future release because its behavior is "
        "inconsistent with Python's range builtin. Instead, use torch.arange, which produces "
        "values in [start, end).",
        stacklevel=3,
    )
    if end is None:
        start, end = 0, start
    start, end, step = _number(start), _number(end), _number(step)
    _check_range("range", start, end, step)
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    length = math.floor((end - start) / step) + 1
    return _arange(start, step, length, dtype, device, requires_grad)


def _spacing_dtype(name, start, end, dtype):
    if dtype is not None:
        return _check_dtype(name, dtype)
    numbers = [v.dtype for v in (start, end) if isinstance(v, Tensor)]
    if any(d.is_complex for d in numbers) or isinstance(start, complex) or isinstance(end, complex):
        return dtypes.default_complex()
    return dtypes.get_default_dtype()


def _spaced(name, start, end, steps, dtype, device):
    check(steps is not None, f"{name}() missing 1 required positional argument: 'steps'", TypeError)
    steps = operator.index(steps)
    check(steps >= 0, "number of steps must be non-negative")
    for v, which in ((start, "start"), (end, "end")):
        check(
            not isinstance(v, Tensor) or v.ndim == 0,
            f"{name} only supports 0-dimensional start and end tensors, but got {which} with "
            f"{v.ndim if isinstance(v, Tensor) else 0} dimension(s).",
        )
    start, end = (v.item() if isinstance(v, np.generic) else v for v in (start, end))
    return ops.spaced(start, end, steps, dtype, _device=_device(device))


@composite("f o")
def linspace(
    start,
    end,
    steps=None,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """`steps` numbers from `start` to `end`, both included, at equal distances (1-D)."""
    _check_layout("linspace", layout)
    dtype = _spacing_dtype("linspace", start, end, dtype)
    return _finish(_spaced("linspace", start, end, steps, dtype, device), requires_grad)


@op(SAME, variants="p", grad=False)
def powers_of(base: S, exponents: T, dtype: DType):
    """`base` to the powers in `exponents`."""
    wide = exponents.dtype
    return jnp.power(base.astype(wide), exponents).astype(dtype)


@composite("f o")
def logspace(
    start,
    end,
    steps=None,
    base=10.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """`base` to `steps` powers from `start` to `end` at equal distances (1-D)."""
    _check_layout("logspace", layout)
    dtype = _spacing_dtype("logspace", start, end, dtype)
    if not (dtype.is_complex or dtype.is_floating_point):
        # torch rounds the ends to the dtype before it raises anything to a power
        start, end = int(start), int(end)
    wide = dtypes.complex128 if dtype.is_complex else dtypes.float64
    exponents = _spaced("logspace", start, end, steps, wide, device)
    return _finish(ops.powers_of(base, exponents, dtype), requires_grad)


# ---- matrices -----------------------------------------------------------------------------------


@composite("f o")
def eye(n, m=None, *, dtype=None, layout=None, device=None, pin_memory=False, requires_grad=False):
    """The `n` by `m` matrix (`m` is `n` by default) with ones on the diagonal."""
    _check_layout("eye", layout)
    n = operator.index(n)
    m = n if m is None else operator.index(m)
    check(n >= 0, f"n must be greater or equal to 0, got {n}")
    check(m >= 0, f"m must be greater or equal to 0, got {m}")
    dtype = dtypes.get_default_dtype() if dtype is None else _check_dtype("eye", dtype)
    return _finish(ops.identity_matrix(n, m, dtype, _device=_device(device)), requires_grad)


def _triangle(name, find, row, col, offset, dtype, device):
    check(row >= 0, f"row must be non-negative, got{row}")
    check(col >= 0, f"col must be non-negative, got{col}")
    dtype = dtypes.int64 if dtype is None else _check_dtype(name, dtype)
    found = np.stack(np.nonzero(find(np.ones((row, col), np.bool_), offset)))
    return from_host(found.astype(dtype.np), _device(device))


@composite("f")
def tril_indices(row, col, offset=0, *, dtype=None, device=None, layout=None, pin_memory=False):
    """The coordinates of the lower triangle of a `row` by `col` matrix, shape (2, count)."""
    return _triangle("tril_indices", np.tril, row, col, offset, dtype, device)


@composite("f")
def triu_indices(row, col, offset=0, *, dtype=None, device=None, layout=None, pin_memory=False):
    """The coordinates of the upper triangle of a `row` by `col` matrix, shape (2, count)."""
    return _triangle("triu_indices", np.triu, row, col, offset, dtype, device)
