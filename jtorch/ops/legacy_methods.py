"""Methods that PyTorch keeps for old programs, or has for odd ends: element by element in Python,
names of functions that were removed, questions about what a tensor is.
"""

import warnings

import jax.numpy as jnp
import numpy as np
from jax import lax

from .._engine import dtypes
from .._engine.call import check_writable
from .registry import SAME, Dims, T, check, composite, op, ops, sizes
from .roles import to_dtype

# --- element by element ---------------------------------------------------------------


def _rewrite(name, tensor, others, function):
    """Give each element what a Python function of it, and of those of the others, returns."""
    check(tensor.device.type == "cpu", f"{name} is only implemented on CPU tensors", TypeError)
    check(
        not tensor.requires_grad,
        f"Can't call {name}() on Variable that requires grad. Use var.detach().{name}() instead.",
    )
    check_writable(tensor)
    columns = [t.expand(tensor.shape).reshape(-1).tolist() for t in (tensor, *others)]
    values = [function(*row) for row in zip(*columns)]
    made = ops.tensor(values, dtype=tensor.dtype).reshape(tensor.shape)
    return tensor.copy_(made)


@composite("m")
def apply_(self, callable):
    """Replace each element by what a Python function of it returns. On the CPU only, and slow."""
    return _rewrite("apply_", self, (), callable)


@composite("m")
def map_(self, tensor, callable):
    """Replace each element by callable(element, element of `tensor`). On the CPU only, and slow."""
    return _rewrite("map_", self, (tensor,), callable)


@composite("m")
def map2_(self, x, y, callable):
    """Replace each element by callable(element, that of `x`, that of `y`). On the CPU only."""
    return _rewrite("map2_", self, (x, y), callable)


# --- removed --------------------------------------------------------------------------


def _removed(name, instead, variants):
    def removed(*args, **kwargs):
        raise RuntimeError(
            "This function was deprecated since version 1.9 and is now removed. Please use the "
            f"`torch.{instead}` function instead."
        )

    removed.__name__ = f"removed_{name}"
    removed.__doc__ = f"Removed from PyTorch: raises RuntimeError. Use torch.{instead}."
    composite(variants, name=name)(removed)


_removed("eig", "linalg.eig", "f m")
_removed("lstsq", "linalg.lstsq", "f m")
_removed("solve", "linalg.solve", "f m")
_removed("symeig", "linalg.eigh", "f m")
_removed("matrix_rank", "linalg.matrix_rank", "f")


@composite("m")
def reinforce(self, reward):
    """Removed from PyTorch: raises RuntimeError. Use torch.distributions."""
    raise RuntimeError(
        "Trying to differentiate through a stochastic function. These were removed; use "
        "torch.distributions"
    )


@composite("m")
def resize(self, *sizes_given):
    """The tensor in another shape with as many elements. Deprecated: use `reshape`."""
    warnings.warn("non-inplace resize is deprecated", UserWarning, stacklevel=2)
    shape = sizes(sizes_given)
    count = int(np.prod(shape, dtype=np.int64))
    check(
        count == self.numel(),
        f"requested resize to {'x'.join(map(str, shape))} ({count} elements in total), but the "
        f"given tensor has a size of {'x'.join(map(str, self.shape))} ({self.numel()} elements). "
        "autograd's resize can only change the shape of a given tensor, while preserving the "
        "number of elements. ",
    )
    return self.contiguous().view(shape)


@composite("m")
def resize_as(self, tensor):
    """The tensor in the shape of another with as many elements. Deprecated: use `view_as`."""
    warnings.warn("non-inplace resize_as is deprecated", UserWarning, stacklevel=2)
    return self.contiguous().view(tensor.shape)


# --- questions ------------------------------------------------------------------------


@composite("m")
def dim_order(self, *, ambiguity_check=False):
    """The dimensions from the outermost in memory to the innermost.

    Raises RuntimeError with `ambiguity_check` when sizes of 1 leave more than one answer.
    """
    strides = self.stride()
    order = sorted(range(self.ndim), key=lambda d: -strides[d])
    if ambiguity_check:
        own = [strides[d] for d in range(self.ndim)]
        check(
            len(set(own)) == len(own) and 1 not in self.shape,
            "The tensor does not have unique dim order, or cannot map to exact one of the given "
            "memory formats.",
        )
    return tuple(order)


@composite("m")
def const_data_ptr(self):
    """`data_ptr`."""
    return self.data_ptr()


@composite("f m")
def is_distributed(input):
    """False: a tensor is in one process."""
    return False


@composite("f")
def cudnn_is_acceptable(input):
    """False: convolutions are XLA's."""
    return False


@composite("f")
def is_vulkan_available():
    """False."""
    return False


@composite("m")
def module_load(self, other, assign=False):
    """What a module's tensor becomes when `other` is loaded into it: its contents, or with
    `assign` the other itself.
    """
    return other.detach() if assign else self.copy_(other).detach()


@composite("m")
def is_nonzero(self):
    """True when the single element is not zero. Raises RuntimeError when there are more."""
    return bool(self)


@composite("m")
def chalf(self, *, memory_format=None):
    """Not supported: raises NotImplementedError. Use `cfloat`."""
    raise NotImplementedError("torch.complex32 is not supported by jtorch; use torch.complex64")


@composite("f")
def lobpcg(
    A,
    k=None,
    B=None,
    X=None,
    n=None,
    iK=None,
    niter=None,
    tol=None,
    largest=None,
    method=None,
    tracker=None,
    ortho_iparams=None,
    ortho_fparams=None,
    ortho_bparams=None,
):
    """The k largest (or smallest) eigenvalues and eigenvectors of symmetric A, or of A x = e B x.

    They are worked out from the whole spectrum, so that what steers the iteration has no effect.
    """
    count = n or k or (1 if X is None else X.shape[-1])
    check(A.ndim >= 2 and A.shape[-1] == A.shape[-2], "lobpcg: A must be square")
    lower = None if B is None else ops.linalg_cholesky(B)
    if lower is not None:
        half = ops.solve_triangular(lower, A, upper=False)
        A = ops.solve_triangular(lower, half.mT, upper=False)
    values, vectors = ops.linalg_eigh(A)
    if largest is None or largest:
        values, vectors = values.flip(-1), vectors.flip(-1)
    values, vectors = values[..., :count], vectors[..., :count]
    if lower is not None:
        vectors = ops.solve_triangular(lower.mT, vectors, upper=True)
    return values, vectors


@composite("m")
def xpu(self, device=None, non_blocking=False, memory_format=None):
    """A copy on an XPU, which JAX does not have: raises."""
    return self.to(device or "xpu")


# --- as functions ---------------------------------------------------------------------


@composite("f")
def embedding_renorm_(input, indices, max_norm, norm_type):
    """Scale the rows of `input` that `indices` name so that no norm is above `max_norm`."""
    with_norm = ops.embedding_renorm(input.detach(), indices, float(max_norm), float(norm_type))
    input.detach().copy_(with_norm)
    return input


@composite("f")
def detach_(input):
    """`Tensor.detach_`: cut the tensor off from its history."""
    return input.detach_()


@composite("f o")
def detach_copy(input):
    """A copy of the tensor, without history."""
    return input.detach().clone()


@composite("f")
def to_dlpack(tensor):
    """A DLPack capsule of the tensor, for `from_dlpack` of another library."""
    return tensor.__dlpack__()


@composite("f")
def from_file(
    filename,
    shared=None,
    size=0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=None,
    requires_grad=False,
):
    """The first `size` elements of a file, mapped into memory; with `shared`, writes reach the
    file, which is made longer if need be.
    """
    number = (to_dtype(dtype) or dtypes.get_default_dtype()).np
    if shared:
        with open(filename, "ab") as file:
            file.truncate(max(file.tell(), size * number.itemsize))
    mapped = np.memmap(filename, number, "r+" if shared else "c", shape=(size,))
    made = ops.from_numpy(np.asarray(mapped)).to(device or "cpu")
    return made.requires_grad_(requires_grad)


@op(SAME, accepts="buif", variants="f m o", grad=False)
def hash_tensor(input: T, dim: Dims = (), *, keepdim: bool = False, mode: int = 0):
    """Exclusive or of the bits of the elements, as 64-bit numbers, over `dim` (all by default):
    uint64.
    """
    check(mode == 0, "hash_tensor: Unknown HashMode")
    check(
        input.size or dim,
        "hash_tensor: Expected reduction dim to be specified for input.numel() == 0. Specify the "
        "reduction dim with the 'dim' argument.",
    )
    wide = jnp.float64 if jnp.issubdtype(input.dtype, jnp.floating) else jnp.int64
    bits = lax.bitcast_convert_type(input.astype(wide), jnp.uint64)
    axes = (dim or tuple(range(input.ndim))) if input.ndim else ()
    mixed = lax.reduce_xor(bits, axes)
    return jnp.expand_dims(mixed, axes) if keepdim else mixed
