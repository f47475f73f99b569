"""Products of vectors and matrices."""

import itertools

import jax
import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.tensor import Tensor
from .positions import type_name
from .registry import DEFAULT, SAME, S, T, Ts, check, composite, op, ops
from .safe import title

# torch's kernels name C++ types in this one message.
_C_NAMES = {
    "float32": "float",
    "float64": "double",
    "int64": "long int",
    "int32": "int",
    "int16": "short int",
    "int8": "signed char",
    "uint8": "unsigned char",
    "bool": "bool",
    "float16": "c10::Half",
    "bfloat16": "c10::BFloat16",
    "complex64": "c10::complex<float>",
    "complex128": "c10::complex<double>",
}


def _name(array):
    return type_name(dtypes.from_np(array.dtype))


def _c_name(array):
    return _C_NAMES.get(dtypes.from_np(array.dtype).name, "float")


def _check_bool(array, kernel):
    check(
        array.dtype != np.bool_,
        f"\"{kernel}\" not implemented for 'Bool'",
        NotImplementedError,
    )


def _check_mm(a, b):
    check(
        a.dtype == b.dtype,
        f"expected m1 and m2 to have the same dtype, but got: {_c_name(a)} != {_c_name(b)}",
    )
    _check_bool(a, "addmm_impl_cpu_")
    _check_inner(a.shape, b.shape)


def _check_inner(a, b):
    check(
        a[-1] == b[0],
        f"mat1 and mat2 shapes cannot be multiplied ({a[0]}x{a[1]} and {b[0]}x{b[1]})",
    )


def _contract(a, b, batch=0):
    """Last dimension of `a` with the first after the batch dimensions of `b`."""
    lead = tuple(range(batch))
    return jax.lax.dot_general(a, b, (((a.ndim - 1,), (batch,)), (lead, lead)))


# ---- two operands of fixed rank -----------------------------------------------------------------


@op(SAME, variants="f m o")
def mm(input: T, mat2: T):
    """The matrix product, (n, k) by (k, m)."""
    check(input.ndim == 2, "self must be a matrix")
    check(mat2.ndim == 2, "mat2 must be a matrix")
    _check_mm(input, mat2)
    return _contract(input, mat2)


def _check_bmm(a, b):
    check(a.dtype == b.dtype, f"expected scalar type {_name(a)} but found {_name(b)}")
    _check_bool(a, "baddbmm_with_gemm")
    check(
        a.shape[0] == b.shape[0] and a.shape[2] == b.shape[1],
        "Expected size for first two dimensions of batch2 tensor to be: "
        f"[{a.shape[0]}, {a.shape[2]}] but got: [{b.shape[0]}, {b.shape[1]}].",
    )


@op(SAME, variants="f m o")
def bmm(input: T, mat2: T):
    """The matrix products of a batch, (b, n, k) by (b, k, m)."""
    check(input.ndim == 3, "batch1 must be a 3D tensor")
    check(mat2.ndim == 3, "batch2 must be a 3D tensor")
    _check_bmm(input, mat2)
    return _contract(input, mat2, 1)


def _check_mv(mat, vec):
    check(
        mat.ndim == 2 and vec.ndim == 1,
        f"vector + matrix @ vector expected, got 1, {mat.ndim}, {vec.ndim}",
    )
    check(
        mat.shape[1] == vec.shape[0],
        f"size mismatch, got input ({mat.shape[0]}), mat ({mat.shape[0]}x{mat.shape[1]}), vec "
        f"({vec.shape[0]})",
    )
    check(
        mat.dtype == vec.dtype,
        f"addmv input tensors must have the same dtype, but got {_name(vec)}, {_name(mat)}, and "
        f"{_name(vec)}",
    )
    _check_bool(mat, "addmv_impl_cpu")


@op(SAME, variants="f m o")
def mv(input: T, vec: T):
    """The product of a matrix (n, m) and a vector (m)."""
    _check_mv(input, vec)
    return _contract(input, vec)


def _check_dot(a, b, name="dot"):
    check(
        a.ndim == 1 and b.ndim == 1,
        f"1D tensors expected, but got {a.ndim}D and {b.ndim}D tensors",
    )
    check(
        a.dtype == b.dtype,
        f"{name} : expected both vectors to have same dtype, but found {_name(a)} and {_name(b)}",
    )
    check(
        a.shape == b.shape,
        f"inconsistent tensor size, expected tensor [{a.shape[0]}] and src [{b.shape[0]}] to have "
        f"the same number of elements, but got {a.shape[0]} and {b.shape[0]} elements respectively",
    )
    _check_bool(a, name)


@op(SAME, variants="f m o")
def dot(input: T, tensor: T):
    """The sum of the products of two vectors."""
    _check_dot(input, tensor)
    return _contract(input, tensor)


@op(SAME, variants="f m o")
def vdot(input: T, other: T):
    """The sum of the products of two vectors, the first conjugated."""
    _check_dot(input, other, "vdot")
    return _contract(input.conj() if input.dtype.kind == "c" else input, other)


@op(DEFAULT, variants="f m o", alias=("ger",), broadcast=False)
def outer(input: T, vec2: T):
    """All products of two vectors, (n) and (m), as a matrix (n, m)."""
    check(
        input.ndim == 1,
        f"outer: Expected 1-D argument self, but got {input.ndim}-D",
    )
    check(
        vec2.ndim == 1,
        f"outer: Expected 1-D argument vec2, but got {vec2.ndim}-D",
    )
    return input[:, None] * vec2[None, :]


@op(SAME, variants="f m o")
def inner(input: T, other: T):
    """The sums of products along the last dimensions; a plain product when one is 0-dim."""
    if not input.ndim or not other.ndim:
        common = np.promote_types(input.dtype, other.dtype)
        return input.astype(common) * other.astype(common)
    check(
        input.shape[-1] == other.shape[-1],
        "inner() the last dimension must match on both input tensors but got shapes "
        f"{list(input.shape)} and {list(other.shape)}",
    )
    check(
        input.dtype == other.dtype, f"expected scalar type {_name(input)} but found {_name(other)}"
    )
    return jax.lax.dot_general(input, other, (((input.ndim - 1,), (other.ndim - 1,)), ((), ())))


# ---- matmul -------------------------------------------------------------------------------------


def _matmul_vectors(a, b):
    if a.ndim == 1 and b.ndim == 1:
        _check_dot(a, b)
        return _contract(a, b)
    if b.ndim == 1:
        flat = a.reshape(-1, a.shape[-1]) if a.ndim > 2 else a
        _check_mv(flat, b)
        return _contract(a, b)
    if b.ndim == 2:
        _check_mm(a[None], b)
        return _contract(a, b)
    return _matmul_batched(a[None], b)[..., 0, :]


def _matmul_batched(a, b):
    """At least one operand has batch dimensions, and both have at least two dimensions."""
    if b.ndim == 2:
        rows = int(np.prod(a.shape[:-1]))
        _check_inner((rows, a.shape[-1]), b.shape)
        _check_mm(a.reshape(rows, a.shape[-1]), b)
        return _contract(a, b)
    check(a.dtype == b.dtype, f"expected scalar type {_name(a)} but found {_name(b)}")
    _check_bool(a, "baddbmm_with_gemm")
    batch = _batch_shape(a.shape[:-2], b.shape[:-2])
    count = int(np.prod(batch))
    check(
        a.shape[-1] == b.shape[-2],
        "Expected size for first two dimensions of batch2 tensor to be: "
        f"[{count}, {a.shape[-1]}] but got: [{count}, {b.shape[-2]}].",
    )
    a = jnp.broadcast_to(a, batch + a.shape[-2:])
    b = jnp.broadcast_to(b, batch + b.shape[-2:])
    return _contract(a, b, len(batch))


def _batch_shape(a, b):
    try:
        return np.broadcast_shapes(a, b)
    except ValueError:
        pass
    n = max(len(a), len(b))
    a, b = (1,) * (n - len(a)) + a, (1,) * (n - len(b)) + b
    at = next(i for i in reversed(range(n)) if a[i] != b[i] and 1 not in (a[i], b[i]))
    raise RuntimeError(
        f"The size of tensor a ({a[at]}) must match the size of tensor b ({b[at]}) at "
        "non-singleton "
        f"dimension {at}"
    )


@op(SAME, variants="f m o L")
def matmul(input: T, other: T):
    """The matrix product of the last two dimensions; batch dimensions broadcast.

    A 1-D operand counts as a row on the left and as a column on the right, and that dimension is
    dropped from the result. Raises RuntimeError for 0-dim operands and sizes that do not match.
    """
    check(
        input.ndim and other.ndim,
        "both arguments to matmul need to be at least 1D, but they are "
        f"{input.ndim}D and {other.ndim}D",
    )
    if input.ndim == 2 and other.ndim == 2:
        _check_mm(input, other)
        return _contract(input, other)
    if input.ndim == 1 or other.ndim == 1:
        return _matmul_vectors(input, other)
    return _matmul_batched(input, other)


@op(SAME, variants="F o")
def linear(input: T, weight: T, bias: T | None = None):
    """`input @ weight.T + bias`: (*, in), (out, in) and (out) give (*, out)."""
    check(
        input.ndim and weight.ndim,
        "both arguments to linear need to be at least 1D, but they are "
        f"{input.ndim}D and {weight.ndim}D",
    )
    rows = int(np.prod(input.shape[:-1]))
    columns = weight.shape[0] if weight.ndim == 2 else 1
    check(
        input.shape[-1] == weight.shape[-1],
        f"mat1 and mat2 shapes cannot be multiplied ({rows}x{input.shape[-1]} and "
        f"{weight.shape[-1]}x{columns})",
    )
    for name, one, two in (("mat1", input, weight), ("self", bias, weight)):
        check(
            one is None or one.dtype == two.dtype,
            lambda name=name, one=one, two=two: (
                f"expected m1 and m2 to have the same dtype, but got: {_c_name(one)} != "
                f"{_c_name(two)}"
                if bias is None
                else f"{name} and mat2 must have the same dtype, but got {title(one.dtype)} and "
                f"{title(two.dtype)}"
            ),
        )
    contracting = ((input.ndim - 1,), (weight.ndim - 1,))
    out = jax.lax.dot_general(input, weight, (contracting, ((), ())))
    return out if bias is None else out + _expanded(bias, out.shape)


@op(SAME, variants="f F")
def bilinear(input1: T, input2: T, weight: T, bias: T | None = None):
    """x1^T W x2 + b: (*, m), (*, n), (out, m, n) and (out) give (*, out)."""
    check(
        input1.shape[:-1] == input2.shape[:-1],
        "bilinear(): input batch dimensions do not match: got "
        f"{list(input1.shape[:-1])} and {list(input2.shape[:-1])}",
    )
    for i, x in enumerate((input1, input2)):
        check(
            x.shape[-1] == weight.shape[i + 1],
            f"bilinear(): input{i + 1} size does not match weight size: got {x.shape[-1]} but "
            f"expected {weight.shape[i + 1]}",
        )
    batch = input1.shape[:-1]
    left = jnp.einsum("bm,omn->bon", input1.reshape(-1, input1.shape[-1]), weight)
    out = jnp.einsum("bon,bn->bo", left, input2.reshape(-1, input2.shape[-1]))
    out = out.reshape((*batch, weight.shape[0]))
    return out if bias is None else out + jnp.broadcast_to(bias, out.shape)


# ---- a product added to something ---------------------------------------------------------------


def _expanded(x, shape):
    pairs = list(zip(x.shape[::-1], shape[::-1], strict=False))
    bad = next((i for i, (a, b) in enumerate(pairs) if a not in (1, b)), None)
    at = len(shape) - 1 - (bad or 0)
    check(
        bad is None and x.ndim <= len(shape),
        f"The expanded size of the tensor ({shape[at] if shape else 1}) must match the "
        "existing size "
        f"({x.shape[-1 - (bad or 0)] if x.ndim else 1}) at non-singleton dimension {at}.  Target "
        f"sizes: {list(shape)}.  Tensor sizes: {list(x.shape)}",
    )
    return jnp.broadcast_to(x, shape)


def _plus(input, product, beta, alpha):
    """beta * input + alpha * product, where a zero beta ignores even a NaN in input."""
    dtype = product.dtype
    base = _expanded(input, product.shape)
    beta, alpha = beta.astype(dtype), alpha.astype(dtype)
    base = jnp.where(beta == jnp.zeros((), dtype), jnp.zeros((), dtype), beta * base)
    return base + alpha * product


def _check_self(input, other, name):
    check(
        input.dtype == other.dtype,
        f"self and {name} must have the same dtype, but got {_name(input)} and {_name(other)}",
    )


@op(SAME, variants="f m i o")
def addmm(input: T, mat1: T, mat2: T, *, beta: S = 1, alpha: S = 1):
    """`beta * input + alpha * (mat1 @ mat2)`; `input` broadcasts to (n, m)."""
    check(mat1.ndim == 2, f"mat1 must be a matrix, got {mat1.ndim}-D tensor")
    check(mat2.ndim == 2, f"mat2 must be a matrix, got {mat2.ndim}-D tensor")
    _check_inner(mat1.shape, mat2.shape)
    _check_self(input, mat2, "mat2")
    _check_mm(mat1, mat2)
    return _plus(input, _contract(mat1, mat2), beta, alpha)


@op(SAME, variants="f m i o")
def addmv(input: T, mat: T, vec: T, *, beta: S = 1, alpha: S = 1):
    """`beta * input + alpha * (mat @ vec)`; `input` broadcasts to (n)."""
    _check_mv(mat, vec)
    _check_self(input, vec, "vec")
    return _plus(input, _contract(mat, vec), beta, alpha)


@op(SAME, variants="f m i o")
def addr(input: T, vec1: T, vec2: T, *, beta: S = 1, alpha: S = 1):
    """`beta * input + alpha * outer(vec1, vec2)`; `input` broadcasts to (n, m)."""
    for name, v in (("vec1", vec1), ("vec2", vec2)):
        check(v.ndim == 1, f"addr: Expected 1-D argument {name}, but got {v.ndim}-D")
    common = np.promote_types(np.promote_types(input.dtype, vec1.dtype), vec2.dtype)
    product = vec1.astype(common)[:, None] * vec2.astype(common)[None, :]
    return _plus(input.astype(common), product, beta, alpha)


@op(SAME, variants="f m i o")
def baddbmm(input: T, batch1: T, batch2: T, *, beta: S = 1, alpha: S = 1):
    """`beta * input + alpha * (batch1 @ batch2)`; `input` broadcasts to (b, n, m)."""
    check(batch1.ndim == 3, "batch1 must be a 3D tensor")
    check(batch2.ndim == 3, "batch2 must be a 3D tensor")
    _check_bmm(batch1, batch2)
    _check_self(input, batch2, "batch2")
    return _plus(input, _contract(batch1, batch2, 1), beta, alpha)


@op(SAME, variants="f m i o")
def addbmm(input: T, batch1: T, batch2: T, *, beta: S = 1, alpha: S = 1):
    """`beta * input + alpha * sum over the batch of (batch1 @ batch2)`."""
    check(batch1.ndim == 3, "batch1 must be a 3D tensor")
    check(batch2.ndim == 3, "batch2 must be a 3D tensor")
    _check_bmm(batch1, batch2)
    _check_self(input, batch2, "batch2")
    product = jax.lax.dot_general(batch1, batch2, (((0, 2), (0, 1)), ((), ())))
    return _plus(input, product, beta, alpha)


# ---- einsum and tensordot -----------------------------------------------------------------------

_LETTERS = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"


@op(SAME, variants="p", grad_name="EinsumBackward0")
def einsum_of(operand: T, other: T | None = None, equation=""):
    """einsum of one or two operands, the equation complete and checked."""
    operands = [operand] if other is None else [operand, other]
    _check_einsum_dtypes(operands)
    wide = operands[0].dtype
    if wide == np.bool_:
        operands = [a.astype(np.int32) for a in operands]
    out = jnp.einsum(equation, *operands, optimize=True)
    return out.astype(wide)


@op(SAME, variants="p", grad_name="EinsumBackward0")
def einsum_many(operands: Ts, equation=""):
    """einsum of any number of operands, the equation complete and checked."""
    _check_einsum_dtypes(operands)
    return jnp.einsum(equation, *operands, optimize=True)


def _check_einsum_dtypes(operands):
    for x in operands[1:]:
        check(
            x.dtype == operands[0].dtype,
            f"expected scalar type {_name(operands[0])} but found {_name(x)}",
        )


def _sublist_equation(args):
    operands = list(args[0 : len(args) // 2 * 2 : 2])
    lists = list(args[1 : len(args) // 2 * 2 : 2])
    letters = ["".join("..." if i is Ellipsis else _letter(i) for i in s) for s in lists]
    equation = ",".join(letters)
    if len(args) % 2:
        equation += "->" + "".join("..." if i is Ellipsis else _letter(i) for i in args[-1])
    return equation, operands


def _letter(i):
    check(
        0 <= i < 52,
        "einsum(): expected subscripts in sublist format to be integers within [0, 52)",
        ValueError,
    )
    return _LETTERS[i]


def _check_terms(terms, operands):
    check(
        len(terms) <= len(operands),
        "einsum(): fewer operands were provided than specified in the equation",
    )
    check(
        len(terms) == len(operands),
        "einsum(): more operands were provided than specified in the equation",
    )
    sizes = {}
    for at, (term, t) in enumerate(zip(terms, operands, strict=True)):
        labels = term.replace("...", "")
        _check_labels(labels)
        exact = len(labels) == t.ndim
        check(
            exact or ("..." in term and len(labels) <= t.ndim),
            f"einsum(): the number of subscripts in the equation ({len(labels)}) "
            + ("is more than" if "..." in term else "does not match")
            + f" the number of dimensions ({t.ndim}) for operand {at}"
            + ("" if "..." in term else " and no ellipsis was given"),
        )
        _check_sizes(term, t, at, sizes)
    return sizes


def _check_labels(labels):
    for c in labels:
        check(
            c.isascii() and c.isalpha(),
            "einsum(): invalid subscript given in the equation string, subscripts must be in "
            f"[a-zA-Z], got {c!r}",
        )


def _check_sizes(term, t, at, sizes):
    head, _, tail = term.partition("...")
    shape = tuple(t.shape)
    pairs = [*zip(head, shape, strict=False)]
    pairs += zip(tail, shape[len(shape) - len(tail) :], strict=True) if tail else []
    for label, n in pairs:
        seen = sizes.get(label, 1)
        check(
            n == seen or 1 in (n, seen),
            f"einsum(): subscript {label} has size {n} for operand {at} which does not broadcast "
            f"with previously seen size {seen}",
        )
        sizes[label] = max(n, seen) if 0 not in (n, seen) else 0


def _complete(equation, operands):
    """(terms, output) with the output written out."""
    equation = equation.replace(" ", "")
    left, arrow, output = equation.partition("->")
    terms = left.split(",")
    sizes = _check_terms(terms, operands)
    if not arrow:
        once = sorted(c for c in sizes if left.count(c) == 1)
        output = ("..." if "..." in left else "") + "".join(once)
        return terms, output
    for c in output.replace("...", ""):
        check(
            c in sizes,
            f"einsum(): output subscript {c} does not appear in the equation for any input operand",
        )
        check(
            output.count(c) == 1,
            f"einsum(): output subscript {c} appears more than once in the output",
        )
    return terms, output


def _broadcast_ones(terms, operands, sizes_of):
    """torch lets a labelled dimension of size one broadcast; give it its full size."""
    widened = []
    for term, t in zip(terms, operands, strict=True):
        head, _, tail = term.partition("...")
        shape = list(t.shape)
        for i, c in enumerate(head):
            shape[i] = sizes_of[c]
        for i, c in enumerate(reversed(tail)):
            shape[-1 - i] = sizes_of[c]
        same = tuple(shape) == tuple(t.shape)
        widened.append(t if same else ops.expand(t, tuple(shape)))
    return widened


@composite("f")
def einsum(equation, *operands):
    """Einstein's summation convention: products summed over the labels that the result leaves out.

    Also takes operands and lists of label numbers in turn, as NumPy does. Raises RuntimeError for
    labels and sizes that do not fit.
    """
    if isinstance(equation, Tensor):
        equation, operands = _sublist_equation((equation, *operands))
    elif len(operands) == 1 and isinstance(operands[0], (list, tuple)):
        operands = operands[0]
    check(operands, "einsum(): must provide at least one operand")
    terms, output = _complete(equation, operands)
    sizes = _check_terms(terms, operands)
    operands = _broadcast_ones(terms, operands, sizes)
    full = f"{','.join(terms)}->{output}"
    if len(operands) <= 2:
        return ops.einsum_of(*operands, equation=full)
    return ops.einsum_many(list(operands), full)


@op(SAME, variants="p", grad_name="TensordotBackward0")
def tensordot_of(a: T, b: T, dims_a, dims_b):
    """Sums of products over pairs of dimensions."""
    check(a.dtype == b.dtype, f"expected scalar type {_name(a)} but found {_name(b)}")
    return jax.lax.dot_general(a, b, ((dims_a, dims_b), ((), ())))


@composite("f o")
def tensordot(a, b, dims=2):
    """Sums of products over pairs of dimensions: the last `dims` of `a` with the first of `b`.

    `dims` may be two lists: the dimensions of `a` and those of `b`.
    """
    if isinstance(dims, Tensor):
        dims = dims.tolist()
    if isinstance(dims, int):
        check(dims >= 0, f"tensordot expects dims >= 0, but got dims={dims}")
        check(
            dims <= min(a.ndim, b.ndim),
            f"tensordot expects dims < ndim_a or ndim_b, but got dims={dims}",
        )
        dims_a, dims_b = list(range(-dims, 0)), list(range(dims))
    else:
        dims_a, dims_b = ([d] if isinstance(d, int) else list(d) for d in dims)
    check(
        len(dims_a) == len(dims_b),
        f"both dimension lists should have same length, got {len(dims_a)} and {len(dims_b)}",
    )
    for i, j in zip(dims_a, dims_b, strict=True):
        # A dimension of size 1 stretches to the other's size: then that other one is summed.
        if a.shape[i] == 1:
            b = ops.sum(b, j, True, dtype=b.dtype)
        elif b.shape[j] == 1:
            a = ops.sum(a, i, True, dtype=a.dtype)
        check(
            a.shape[i] == b.shape[j],
            f"contracted dimensions need to match, but first has size {a.shape[i]} in dim {i} and "
            f"second has size {b.shape[j]} in dim {j}",
        )
    wrapped = tuple(d % a.ndim for d in dims_a), tuple(d % b.ndim for d in dims_b)
    return ops.tensordot_of(a, b, *wrapped)


# ---- other products -----------------------------------------------------------------------------


@op(DEFAULT, variants="f m o", broadcast=False)
def kron(input: T, other: T):
    """The Kronecker product: every element of `input` times the whole of `other`."""
    n = max(input.ndim, other.ndim)
    a = input.reshape((1,) * (n - input.ndim) + input.shape)
    b = other.reshape((1,) * (n - other.ndim) + other.shape)
    left = a.reshape([d for s in a.shape for d in (s, 1)])
    right = b.reshape([d for s in b.shape for d in (1, s)])
    return (left * right).reshape([i * j for i, j in zip(a.shape, b.shape, strict=True)])


def _cross(input, other, dim):
    a, b = jnp.broadcast_arrays(input, other)
    one, two = _third(a, 1, dim), _third(a, 2, dim)
    return one * _third(b, 2, dim) - two * _third(b, 1, dim)


def _third(x, shift, dim):
    # Components in the order i+shift: of (x, y, z), shift 1 gives (y, z, x).
    parts = [
        jax.lax.slice_in_dim(x, shift, 3, axis=dim),
        jax.lax.slice_in_dim(x, 0, shift, axis=dim),
    ]
    return jax.lax.concatenate(parts, dim)


@op(SAME, variants="L o", name="cross")
def linalg_cross(input: T, other: T, *, dim: int = -1):
    """The vector product along `dim`, which has length 3."""
    check(
        input.ndim == other.ndim,
        "linalg.cross: inputs must have the same number of dimensions.",
    )
    check(
        input.dtype == other.dtype, f"expected scalar type {_name(input)} but found {_name(other)}"
    )
    check(
        input.shape[dim] == 3 and other.shape[dim] == 3,
        f"linalg.cross: inputs dimension {dim} must have length 3. Got {input.shape[dim]} and "
        f"{other.shape[dim]}",
    )
    return _cross(input, other, dim % input.ndim)


@composite("f m o")
def cross(input, other, dim=None):
    """The vector product along `dim`: by default the first dimension of length 3."""
    if dim is None:
        dim = next((d for d, n in enumerate(input.shape) if n == 3), None)
        check(dim is not None, "no dimension of size 3 in input")
    return ops.linalg_cross(input, other, dim=dim)


@op(DEFAULT, variants="L o")
def vecdot(x: T, y: T, *, dim: int = -1):
    """The sums of products along `dim`, the first factor conjugated. Shapes broadcast."""
    x = x.conj() if x.dtype.kind == "c" else x
    x, y = jnp.broadcast_arrays(x, y)
    return jnp.sum(x * y, axis=dim, dtype=x.dtype)


@op(SAME, variants="f m")
def trace(input: T):
    """The sum of the diagonal of a matrix."""
    check(input.ndim == 2, f"trace: expected a matrix, but got tensor with dim {input.ndim}")
    _check_bool(input, "trace")
    wide = np.dtype(np.int64) if input.dtype.kind in "iu" else input.dtype
    return jnp.sum(jnp.diagonal(input), dtype=wide)


def _chain_order(sizes):
    """The cheapest order of the products of matrices of sizes[i] by sizes[i+1]: split points."""
    n = len(sizes) - 1
    cost = [[0] * n for _ in range(n)]
    cut = [[0] * n for _ in range(n)]
    for span in range(1, n):
        for i in range(n - span):
            j = i + span
            options = [
                (cost[i][k] + cost[k + 1][j] + sizes[i] * sizes[k + 1] * sizes[j + 1], k)
                for k in range(i, j)
            ]
            cost[i][j], cut[i][j] = min(options)
    return cut


def _multiply_chain(matrices):
    cut = _chain_order([m.shape[0] for m in matrices] + [matrices[-1].shape[1]])

    def product(i, j):
        if i == j:
            return matrices[i]
        k = cut[i][j]
        return ops.mm(product(i, k), product(k + 1, j))

    return product(0, len(matrices) - 1)


@composite("L o")
def multi_dot(tensors):
    """The product of two or more matrices, in the cheapest order; the ends may be vectors."""
    tensors = list(tensors)
    check(len(tensors) >= 2, f"multi_dot(): expected at least 2 tensors but got {len(tensors)}")
    row, column = tensors[0].ndim == 1, tensors[-1].ndim == 1
    if row:
        tensors[0] = ops.unsqueeze(tensors[0], 0)
    if column:
        tensors[-1] = ops.unsqueeze(tensors[-1], 1)
    for i, (a, b) in enumerate(itertools.pairwise(tensors)):
        check(a.ndim == 2, f"multi_dot(): tensor {i} must be 2D but got {a.ndim}D")
        check(
            a.shape[1] == b.shape[0],
            f"multi_dot(): tensors {i} and {i + 1} with shapes {list(a.shape)} and {list(b.shape)} "
            "cannot be multiplied",
        )
    out = _multiply_chain(tensors)
    if column:
        out = ops.squeeze(out, -1)
    return ops.squeeze(out, 0) if row else out


@composite("f o")
def chain_matmul(*matrices):
    """The product of 2-D matrices, in the cheapest order."""
    check(matrices, "chain_matmul(): Expected one or more matrices")
    for i, m in enumerate(matrices):
        check(m.ndim == 2, f"Tensor dimension is {m.ndim}, expected 2 instead (matrix {i}).")
    return _multiply_chain(list(matrices)) if len(matrices) > 1 else matrices[0]
