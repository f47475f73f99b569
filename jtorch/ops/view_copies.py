"""The forms of view operations that return a copy instead of a view."""

from .._engine.layouts import strided_layout
from .registry import check, composite, ops


@composite("f o")
def alias_copy(input):
    """A copy of `input`."""
    return input.clone()


@composite("f o")
def as_strided_copy(input, size, stride, storage_offset=None):
    """A copy of `as_strided`."""
    return _dense(input.as_strided(size, stride, storage_offset))


@composite("f o")
def diagonal_copy(input, offset=0, dim1=0, dim2=1):
    """A copy of `diagonal`."""
    return _dense(input.diagonal(offset, dim1, dim2))


@composite("f o")
def expand_copy(input, size, *, implicit=False):
    """A copy of `expand`: the repeated elements have memory of their own."""
    return _dense(input.expand(size))


@composite("f m o")
def narrow_copy(input, dim, start, length):
    """A copy of `narrow`. RuntimeError, not IndexError, for a dimension that is too large."""
    check(dim < max(input.ndim, 1), f"Expected dim < {input.ndim}, but got {dim}")
    if input.layout is not strided_layout:
        return input.index_select(dim, ops.arange(start, start + length, device=input.device))
    return _dense(input.narrow(dim, start, length))


@composite("f o")
def permute_copy(input, dims):
    """A copy of `permute`."""
    return _dense(input.permute(dims))


@composite("f o")
def select_copy(input, dim, index):
    """A copy of `select`."""
    return _dense(input.select(dim, index))


@composite("f o")
def squeeze_copy(input, dim=None):
    """A copy of `squeeze`."""
    return _dense(input.squeeze() if dim is None else input.squeeze(dim))


@composite("f o")
def unsqueeze_copy(input, dim):
    """A copy of `unsqueeze`."""
    return _dense(input.unsqueeze(dim))


@composite("f o")
def t_copy(input):
    """A copy of `t`."""
    return _dense(input.t())


@composite("f o")
def transpose_copy(input, dim0, dim1):
    """A copy of `transpose`."""
    return _dense(input.transpose(dim0, dim1))


@composite("f o")
def unfold_copy(input, dimension, size, step):
    """A copy of `Tensor.unfold`."""
    return _dense(input.unfold(dimension, size, step))


@composite("f o")
def view_copy(input, size=None, *, dtype=None):
    """A copy of `view`."""
    return _dense(input.view(size if dtype is None else dtype))


@composite("f o")
def view_as_real_copy(input):
    """A copy of `view_as_real`."""
    return _dense(ops.view_as_real(input))


@composite("f o")
def view_as_complex_copy(input):
    """A copy of `view_as_complex`."""
    return _dense(ops.view_as_complex(input))


def _dense(view):
    return view.contiguous() if not view.is_contiguous() else view.clone()


def _deliver(parts, out):
    """The parts, copied into the tensors given as out=, if any."""
    if out is None:
        return parts
    check(
        len(out) == len(parts),
        f"expected out= to have {len(parts)} tensors, but got {len(out)}",
    )
    for target, part in zip(out, parts, strict=True):
        if tuple(target.shape) != tuple(part.shape):
            target.resize_(part.shape)
        target.copy_(part)
    return None


@composite("f")
def split_copy(input, split_size, dim=0, *, out=None):
    """Copies of the parts of `split`."""
    return _deliver(tuple(_dense(p) for p in input.split(split_size, dim)), out)


@composite("f")
def split_with_sizes_copy(input, split_sizes, dim=0, *, out=None):
    """Copies of the parts of `split_with_sizes`."""
    return _deliver(tuple(_dense(p) for p in input.split(list(split_sizes), dim)), out)


@composite("f")
def unbind_copy(input, dim=0, *, out=None):
    """Copies of the parts of `unbind`."""
    return _deliver(tuple(_dense(p) for p in input.unbind(dim)), out)


@composite("f m o")
def as_strided_scatter(input, src, size, stride, storage_offset=None):
    """A copy of `input` with `src` written where `as_strided` would look."""
    out = input.clone()
    out.as_strided(size, stride, storage_offset).copy_(src)
    return out


def _declare_part(name):
    def part(input):
        return getattr(input, name)().clone()

    part.__name__ = f"{name}_copy"
    part.__doc__ = f"A copy of `{name}` of a sparse tensor."
    composite("f o")(part)


for _name in ("ccol_indices", "col_indices", "crow_indices", "indices", "row_indices", "values"):
    _declare_part(_name)
