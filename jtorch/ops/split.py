"""Views that rearrange or cut up dimensions, made of the basic view ops."""

import itertools
import operator

from .._engine.tensor import Tensor
from .registry import check, composite, ops, wrap_dim
from .shape import view_in
from .view import as_parts

# ---- ranks --------------------------------------------------------------------------------------


def _each(tensors, widen):
    if len(tensors) == 1:
        only = tensors[0]
        return tuple(map(widen, only)) if isinstance(only, (list, tuple)) else widen(only)
    return tuple(map(widen, tensors))


@composite("f")
def atleast_1d(*tensors):
    """The tensor, or each of several, with at least one dimension."""
    return _each(tensors, lambda t: t if t.ndim else ops.reshape(t, (1,)))


@composite("f")
def atleast_2d(*tensors):
    """The tensor, or each of several, with at least two dimensions; a vector becomes a row."""
    return _each(tensors, _two_d)


def _two_d(t):
    if t.ndim >= 2:
        return t
    return ops.unsqueeze(t, 0) if t.ndim else ops.reshape(t, (1, 1))


@composite("f")
def atleast_3d(*tensors):
    """The tensor, or each of several, with at least three dimensions."""
    return _each(tensors, _three_d)


def _three_d(t):
    if t.ndim >= 3:
        return t
    if t.ndim == 2:
        return ops.unsqueeze(t, -1)
    return ops.unsqueeze(ops.unsqueeze(t, 0), -1) if t.ndim else ops.reshape(t, (1, 1, 1))


@composite("f m")
def flatten(input, start_dim=0, end_dim=-1):
    """The dimensions `start_dim` to `end_dim` merged into one; a view where strides allow it."""
    n = input.ndim
    start, end = wrap_dim(start_dim, n), wrap_dim(end_dim, n)
    check(start <= end, "flatten() has invalid args: start_dim cannot come after end_dim")
    if n == 0:
        return ops.reshape(input, (1,))
    if start == end:
        return input
    shape = tuple(input.shape)
    merged = 1
    for s in shape[start : end + 1]:
        merged *= s
    return ops.reshape(input, (*shape[:start], merged, *shape[end + 1 :]))


@composite("f m")
def ravel(input):
    """The tensor as 1-D; a view of a contiguous tensor."""
    return ops.reshape(input.contiguous(), (-1,))


@composite("f m")
def unflatten(input, dim, sizes):
    """The dimension `dim` split into `sizes`, of which one may be -1."""
    dim = wrap_dim(dim, input.ndim)
    sizes = tuple(sizes) if not isinstance(sizes, int) else (sizes,)
    check(sizes, "unflatten: sizes must be non-empty")
    known = 1
    for s in sizes:
        known *= s if s != -1 else 1
    size = input.shape[dim]
    fits = size % known == 0 if -1 in sizes and known else known == size
    check(
        fits,
        f"unflatten: Provided sizes {list(sizes)} don't multiply up to the size of dim {dim} "
        f"({size}) in the input tensor",
    )
    sizes = tuple(size // known if s == -1 else s for s in sizes)
    shape = tuple(input.shape)
    return ops.view(input, (*shape[:dim], *sizes, *shape[dim + 1 :]))


# ---- order of dimensions ------------------------------------------------------------------------


@composite("f m", alias=("moveaxis",))
def movedim(input, source, destination):
    """The dimensions `source` moved to the places `destination`, the others in their old order."""
    n = input.ndim
    source = (source,) if isinstance(source, int) else tuple(source)
    destination = (destination,) if isinstance(destination, int) else tuple(destination)
    check(
        len(source) == len(destination),
        "movedim: Invalid source or destination dims: source ("
        f"{list(source)} dims) should contain the same number of dims as destination "
        f"({list(destination)} dims)",
    )
    source = [wrap_dim(d, n) for d in source]
    destination = [wrap_dim(d, n) for d in destination]
    for name, dims in (("source", source), ("destination", destination)):
        check(len(set(dims)) == len(dims), f"movedim: repeated dim in `{name}` ({dims})")
    order = [d for d in range(n) if d not in source]
    for d, s in sorted(zip(destination, source, strict=True)):
        order.insert(d, s)
    return ops.permute(input, tuple(order))


@composite("m")
def expand_as(input, other):
    """The tensor expanded to the shape of `other`, as a view."""
    return view_in(input, tuple(other.shape))


@composite("m")
def view_as(input, other):
    """The tensor viewed in the shape of `other`."""
    return ops.view(input, tuple(other.shape))


@composite("m")
def reshape_as(input, other):
    """The tensor in the shape of `other`; a view where strides allow it."""
    return ops.reshape(input, tuple(other.shape))


@composite("f m")
def broadcast_to(input, size):
    """The tensor expanded to `size`, as a view."""
    return view_in(input, tuple(size))


# ---- cutting up ---------------------------------------------------------------------------------


def _pieces(input, bounds, dim, name="SplitBackward0"):
    parts = tuple(
        ops.narrow(input, dim, low, high - low) for low, high in itertools.pairwise(bounds)
    )
    return as_parts(parts, name) if name else parts


def _need_dims(input, name):
    check(input.ndim, f"{name} expects at least a 1-dimensional tensor")


@composite("f m")
def split(tensor, split_size_or_sections=None, dim=0, *, split_size=None):
    """Consecutive views along `dim`: of one size (the last may be smaller) or of given sizes."""
    size = split_size if split_size_or_sections is None else split_size_or_sections
    check(
        size is not None, "split() missing 1 required positional argument: 'split_size'", TypeError
    )
    if isinstance(size, (list, tuple)):
        return ops.split_with_sizes(tensor, size, dim)
    _need_dims(tensor, "split")
    size = operator.index(size)
    check(size >= 0, f"split expects split_size be non-negative, but got split_size={size}")
    dim = wrap_dim(dim, tensor.ndim)
    length = tensor.shape[dim]
    check(
        size or not length,
        f"split_size can only be 0 if dimension size is 0, but got dimension size of {length}",
    )
    if length <= size or not size:
        return _pieces(tensor, [0, length], dim)
    return _pieces(tensor, [*range(0, length, size), length], dim)


@composite("f m", alias=("unsafe_split_with_sizes",))
def split_with_sizes(input, split_sizes, dim=0):
    """Consecutive views along `dim` of the sizes given, which add up to its length."""
    _need_dims(input, "split")
    dim = wrap_dim(dim, input.ndim)
    sizes = [operator.index(s) for s in split_sizes]
    length = input.shape[dim]
    check(
        all(s >= 0 for s in sizes),
        f"split_with_sizes expects split_sizes have only non-negative entries, but got "
        f"split_sizes={sizes}",
    )
    check(
        sum(sizes) == length,
        f"split_with_sizes expects split_sizes to sum exactly to {length} (input tensor's size at "
        f"dimension {dim}), but got split_sizes={sizes}",
    )
    bounds = [0]
    for s in sizes:
        bounds.append(bounds[-1] + s)
    return _pieces(input, bounds, dim, "SplitWithSizesBackward0")


@composite("f m")
def unsafe_split(input, split_size, dim=0):
    """Like `split`."""
    return ops.split(input, split_size, dim)


@composite("f m", alias=("unsafe_chunk",))
def chunk(input, chunks, dim=0):
    """At most `chunks` views along `dim`, all of one size but for a smaller last one."""
    _need_dims(input, "chunk")
    check(chunks > 0, f"chunk expects `chunks` to be greater than 0, got: {chunks}")
    dim = wrap_dim(dim, input.ndim)
    length = input.shape[dim]
    size = -(-length // chunks)
    if not size:
        return _pieces(input, [0] * (chunks + 1), dim)
    return _pieces(input, [*range(0, length, size), length], dim)


def _tensor_split(input, sections, dim):
    if isinstance(sections, Tensor):
        sections = sections.tolist()
    dim = wrap_dim(dim, input.ndim)
    length = input.shape[dim]
    if isinstance(sections, int):
        check(sections > 0, f"number of sections must be larger than 0, got {sections}")
        small, larger = divmod(length, sections)
        bounds = [0]
        for i in range(sections):
            bounds.append(bounds[-1] + small + (i < larger))
        return _pieces(input, bounds, dim, None)
    bounds = [0, *(slice(None, operator.index(i)).indices(length)[1] for i in sections), length]
    return tuple(
        ops.narrow(input, dim, low, max(high - low, 0)) for low, high in itertools.pairwise(bounds)
    )


@composite("f m")
def tensor_split(
    input,
    indices_or_sections=None,
    dim=0,
    *,
    indices=None,
    sections=None,
    tensor_indices_or_sections=None,
):
    """Views along `dim`: a number of them, of nearly equal sizes, or cut at indices."""
    named = (indices_or_sections, indices, sections, tensor_indices_or_sections)
    given = [s for s in named if s is not None]
    check(len(given) == 1, "tensor_split() received an invalid combination of arguments", TypeError)
    check(
        input.ndim > 0,
        "tensor_split expected at least a 1-dimensional tensor, but got a tensor with 0 dims",
    )
    return _tensor_split(input, given[0], dim)


def _n_split(name, input, sections, dim, least):
    check(
        input.ndim >= least,
        f"torch.{name} requires a tensor with at least {least} dimension"
        f"{'s' if least > 1 else ''}, but got a tensor with {input.ndim} dimensions!",
    )
    if isinstance(sections, int):
        check(
            sections > 0 and input.shape[dim] % sections == 0,
            f"torch.{name} attempted to split along dimension {dim}, but the size of the dimension "
            f"{input.shape[dim]} is not divisible by the split_size {sections}!",
        )
    return _tensor_split(input, sections, dim)


def _given(name, first, indices, sections):
    given = [s for s in (first, indices, sections) if s is not None]
    check(len(given) == 1, f"{name}() received an invalid combination of arguments", TypeError)
    return given[0]


@composite("f m")
def hsplit(input, indices_or_sections=None, *, indices=None, sections=None):
    """Views along the second dimension, or the first of a 1-D tensor."""
    given = _given("hsplit", indices_or_sections, indices, sections)
    return _n_split("hsplit", input, given, 0 if input.ndim == 1 else 1, 1)


@composite("f m")
def vsplit(input, indices_or_sections=None, *, indices=None, sections=None):
    """Views along the first dimension."""
    return _n_split("vsplit", input, _given("vsplit", indices_or_sections, indices, sections), 0, 2)


@composite("f m")
def dsplit(input, indices_or_sections=None, *, indices=None, sections=None):
    """Views along the third dimension."""
    return _n_split("dsplit", input, _given("dsplit", indices_or_sections, indices, sections), 2, 3)


@composite("f m")
def unbind(input, dim=0):
    """All slices along `dim`, as views without that dimension."""
    check(
        input.ndim > 0,
        "Dimension specified as 0 but tensor has no dimensions",
        IndexError,
    )
    dim = wrap_dim(dim, input.ndim)
    parts = tuple(ops.select(input, dim, i) for i in range(input.shape[dim]))
    return as_parts(parts, "UnbindBackward0")
