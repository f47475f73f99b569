"""Layouts, and what a sparse tensor holds instead of an array.

A sparse tensor is a Tensor whose storage has a `SparseValue`. No recorded operation takes one: the
signature that would be made for its aval is refused with `SparseOperand`, and the call is handed to
the operation's sparse form, which is made of recorded operations on indices and values.
"""

from . import dtypes
from .size import Size


class _Layout:
    """A memory layout's name."""

    __slots__ = ("name",)

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return (_layout, (self.name,))


def _layout(name):
    return LAYOUTS[name]


LAYOUTS = {
    n: _Layout(n)
    for n in (
        "strided",
        "sparse_coo",
        "sparse_csr",
        "sparse_csc",
        "sparse_bsr",
        "sparse_bsc",
        "_mkldnn",
        "jagged",
    )
}
strided_layout = LAYOUTS["strided"]
sparse_coo = LAYOUTS["sparse_coo"]


class SparseAval:
    """Shape, dtype, device and layout of a sparse tensor. Interned: compare with `is`."""

    __slots__ = ("shape", "dtype", "device", "layout", "ndim", "numel", "size", "differentiable")
    scalar = False
    _interned = {}

    def __init__(self, shape, dtype, device, layout):
        self.shape = shape
        self.dtype = dtype
        self.device = device
        self.layout = layout
        self.ndim = len(shape)
        self.size = Size(shape)
        self.numel = self.size.numel()
        self.differentiable = dtype.category >= dtypes.FLOAT

    @classmethod
    def of(cls, shape, dtype, device, layout):
        """The interned aval."""
        key = (shape, dtype, device, layout)
        found = cls._interned.get(key)
        if found is None:
            found = cls._interned[key] = cls(shape, dtype, device, layout)
        return found

    @property
    def strides(self):
        """Zeros, as torch shows them for COO; the compressed layouts have none."""
        if self.layout is sparse_coo:
            return (0,) * self.ndim
        kind = self.layout.name.removeprefix("sparse_").upper()
        raise RuntimeError(f"Sparse {kind} tensors do not have strides")

    @property
    def nbytes(self):
        """Not defined, as in torch."""
        raise NotImplementedError(
            "nbytes is not defined for sparse tensors. Add the nbytes of the indices and values"
        )

    @property
    def struct(self):
        """Not defined: JAX has no such array."""
        raise SparseOperand("a traced function", self)

    def __repr__(self):
        shape = ",".join(map(str, self.shape))
        return f"{self.layout.name} {self.dtype.name}[{shape}]@{self.device}"


class SparseValue:
    """What a sparse tensor holds.

    indices: tensors without history: (indices,) for COO, (compressed, plain) for the others.
    values: a tensor without history. coalesced: the indices are sorted and distinct.
    kept: what was derived from the indices, by name.
    """

    __slots__ = ("aval", "indices", "values", "coalesced", "kept")

    def __init__(self, aval, indices, values, coalesced, kept=None):
        self.aval = aval
        self.indices = indices
        self.values = values
        self.coalesced = coalesced
        self.kept = {} if kept is None else kept

    def copy(self):
        """Another SparseValue over the same tensors."""
        return SparseValue(self.aval, self.indices, self.values, self.coalesced, self.kept)

    @property
    def array(self):
        """There is none."""
        raise NotImplementedError("Cannot access data pointer of Tensor that doesn't have storage")


class SparseOperand(NotImplementedError):
    """A recorded operation was given a sparse tensor."""

    def __init__(self, name, aval):
        super().__init__(no_sparse_form(name, aval))


def no_sparse_form(name, aval):
    """torch's words for an operation that takes no tensors of a sparse layout."""
    kind = "Sparse" if aval.layout is sparse_coo else "SparseCsr"
    return (
        f"Could not run 'aten::{name}' with arguments from the '{kind}{aval.device.type.upper()}' "
        "backend. Use Tensor.to_dense() first."
    )
