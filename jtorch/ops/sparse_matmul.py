"""Products of sparse matrices with dense and sparse ones."""

import jax
import jax.numpy as jnp
import numpy as np

from .._engine.layouts import sparse_coo
from .registry import SAME, T, check, composite, from_host, host, op, ops
from .safe import select
from .sparse import (
    COMPRESSED,
    CSR,
    add_up,
    as_coo,
    attach,
    conjugate_of,
    coordinates,
    derived,
    flat_values,
    is_coo,
    is_sparse,
    keeps_pattern,
    packed,
    parts,
    refuse,
    repacked,
    saved,
    sparse,
    sparse_form,
    unpacked,
    wants_grad,
)


@op(SAME, variants="p", grad_name="SparseAddmmBackward0")
def product_of_values(values: T, rows: T, columns: T, dense: T, count: int):
    """The product of a matrix of `count` rows, given by its values (n), and a dense one (k, m)."""
    terms = values[:, None] * dense.at[columns].get(mode="clip")
    return jnp.zeros((count, dense.shape[1]), terms.dtype).at[rows].add(terms, mode="drop")


def _taken_apart(t, values):
    """(values one by one, rows, columns) of a sparse matrix."""
    aval, kept = t._aval, parts(t)
    found = derived(kept, "matrix", lambda: ops.unbind(coordinates(aval, kept)))
    return flat_values(aval, kept, values), *found


def _check_pair(a, b):
    check(
        a.shape[1] == b.shape[0],
        f"mat1 and mat2 shapes cannot be multiplied ({a.shape[0]}x{a.shape[1]} and "
        f"{b.shape[0]}x{b.shape[1]})",
    )
    check(
        a.dtype is b.dtype,
        f"expected m1 and m2 to have the same dtype, but got: {a.dtype} != {b.dtype}",
    )
    for t in (a, b):
        if is_sparse(t) and is_coo(t):
            check(
                ops.dense_dim(t) == 0,
                "addmm: expected first two dims to be sparse (indices has size 2 at first dim)",
            )


def sparse_times_dense(s, dense, masked, label="MmBackward0"):
    """s @ dense. masked: the gradient of `s` is one at its indices; else, as in torch, a dense one,
    unless what made `s` would drop the rest of it.
    """
    _check_pair(s, dense)
    if masked and wants_grad(s) and is_coo(s) and not keeps_pattern(s):
        # As in torch, whose gradient has every coordinate once.
        s = s.coalesce()
    masked = masked or keeps_pattern(s)
    values = unpacked(s) if masked else parts(s).values
    product = product_of_values(*_taken_apart(s, values), dense, s.shape[0])
    if masked:
        return product
    factor = saved(dense)
    return attach(
        product, label, (product, s), lambda g: (g, g @ conjugate_of(factor).t()), saves=(dense,)
    )


def dense_times_sparse(dense, s, masked, label="MmBackward0"):
    """dense @ s, by way of the transposes."""
    return sparse_times_dense(s.t(), dense.t(), masked, label).t()


def sparse_times_sparse(a, b):
    """The product of two sparse matrices, a sparse one: of the layout of `a` where that is CSR."""
    _check_pair(a, b)
    layout = a.layout if a.layout in COMPRESSED else sparse_coo
    check(
        layout in (sparse_coo, *COMPRESSED[:2]),
        f"torch.mm: products of two tensors of layout {layout} are not supported by jtorch; use "
        "to_sparse_csr() first",
        NotImplementedError,
    )
    left, right = as_coo(a).coalesce(), as_coo(b).coalesce()
    (i, k), (k_of_b, j) = (host(parts(t).indices[0]) for t in (left, right))
    low, high = np.searchsorted(k_of_b, k), np.searchsorted(k_of_b, k, "right")
    sizes = high - low
    of_a = np.repeat(np.arange(k.size), sizes)
    within = np.arange(sizes.sum()) - np.repeat(np.cumsum(sizes) - sizes, sizes)
    of_b = np.repeat(low, sizes) + within
    spots, group = np.unique(i[of_a] * b.shape[1] + j[of_b], return_inverse=True)
    device = a.device
    terms = unpacked(left).index_select(0, from_host(of_a, device))
    terms = terms * unpacked(right).index_select(0, from_host(of_b, device))
    values = add_up(terms, from_host(group.reshape(-1), device), spots.size)
    rows = from_host(np.stack(np.divmod(spots, b.shape[1])).astype(np.int64), device)
    shape = (a.shape[0], b.shape[1])
    made = packed(sparse_coo, shape, (rows,), values, True, "SparseSparseMatmulBackward0")
    return made if layout is sparse_coo else ops.to_sparse(made, layout=layout)


def product(a, b, masked=False):
    """a @ b for two matrices of which one is sparse."""
    if is_sparse(a) and is_sparse(b):
        return sparse_times_sparse(a, b)
    return (sparse_times_dense if is_sparse(a) else dense_times_sparse)(a, b, masked)


@sparse_form("mm", "matmul", "mv")
def _matmul(op, args, attrs):
    a, b = args
    if a.ndim == 2 and b.ndim == 2:
        return product(a, b)
    if op.name == "mm":
        check(a.ndim == 2, "self must be a matrix")
        check(b.ndim == 2, "mat2 must be a matrix")
    if is_sparse(a) and a.ndim == 2 and b.ndim == 1:
        return _vector(a, b)
    if is_sparse(b) and not is_sparse(a) and a.ndim == 1 and b.ndim == 2:
        return _vector(b.t(), a)
    if is_sparse(b) and not is_sparse(a) and a.ndim > 2 and b.ndim == 2:
        lead = a.shape[:-1]
        return product(a.reshape(-1, a.shape[-1]), b).reshape(*lead, b.shape[1])
    refuse("expand", args)


def _vector(s, vector):
    check(
        s.shape[1] == vector.shape[0],
        f"size mismatch, got input ({s.shape[0]}), mat ({s.shape[0]}x{s.shape[1]}), vec "
        f"({vector.shape[0]})",
    )
    made = product(s, vector.unsqueeze(1)).squeeze(1)
    if made._edge is not None:
        made._edge[0].label = "MvBackward0"
    return made


@sparse_form("linear")
def _linear(op, args, attrs):
    input, weight, *bias = args
    made = _matmul(op, (input, weight.t()), ())
    return made if not bias or bias[0] is None else made + bias[0]


@sparse_form("addmm", "addmv")
def _addmm(op, args, attrs):
    input, a, b, beta, alpha = args
    made = product(a, b) if op.name == "addmm" else _matmul(op, (a, b), ())
    if is_sparse(made) and not is_sparse(input):
        made = made.to_dense()
    if is_sparse(input):
        check(is_sparse(made), "expand is unsupported for Sparse tensors")
        return input * beta + made * alpha
    input = ops.broadcast_to(input, made.shape)
    return (made if alpha == 1 else made * alpha) + (input if beta == 1 else input * beta)


@sparse_form("bmm")
def _bmm(op, args, attrs):
    a, b = args
    check(
        is_sparse(a) and not is_sparse(b) and a.ndim == 3 and b.ndim == 3,
        "bmm_sparse: Tensor 'mat2' must be dense",
    )
    check(
        a.shape[0] == b.shape[0] and a.shape[2] == b.shape[1],
        f"bmm_sparse: expected sizes that match, but got {list(a.shape)} and {list(b.shape)}",
    )
    t = as_coo(a)
    batch, rows, columns = ops.unbind(parts(t).indices[0])
    n, height, width = a.shape
    flat = product_of_values(
        unpacked(t),
        batch * height + rows,
        batch * width + columns,
        b.reshape(n * width, b.shape[2]),
        n * height,
    )
    return flat.reshape(n, height, b.shape[2])


# ---- the functions of torch.sparse, and the older ones ----


@op(SAME, accepts="f", variants="p", grad_name="SparseMmReduceImplBackward0")
def reduced_product(values: T, rows: T, columns: T, dense: T, count: int, reduce: str):
    """The products of a matrix's values and the rows of a dense one, reduced along its rows.

    reduce: "sum", "mean", "amax" or "amin"; 0 for a row without values.
    """
    terms = values[:, None] * dense.at[columns].get(mode="clip")
    n = jnp.zeros(count, terms.dtype).at[rows].add(1)
    if reduce in ("sum", "mean"):
        total = jnp.zeros((count, dense.shape[1]), terms.dtype).at[rows].add(terms)
        return total / jnp.maximum(n, 1)[:, None] if reduce == "mean" else total
    return _extreme(terms, rows, count, 1 if reduce == "amax" else -1)


def _extreme(terms, rows, count, sign):
    """The first of the greatest (sign 1) or least terms of every row and column."""
    signed = terms * sign
    top = jnp.full((count, terms.shape[1]), -jnp.inf, terms.dtype).at[rows].max(signed)
    top = jax.lax.stop_gradient(top)
    place = jnp.broadcast_to(jnp.arange(terms.shape[0])[:, None], terms.shape)
    place = jnp.where(signed == top[rows], place, terms.shape[0])
    first = jnp.full(top.shape, terms.shape[0], place.dtype).at[rows].min(place)
    picked = jnp.take_along_axis(terms, first, 0, mode="clip")
    return select(first < terms.shape[0], picked, 0.0)


@composite("p")
def masked_product(mat1, mat2):
    """mat1 @ mat2 where the gradient of a sparse matrix is one at its own indices."""
    return product(mat1, mat2, masked=True)


@composite("p")
def sparse_mm(mat1, mat2, reduce=None):
    """mat1 @ mat2, of which one is sparse; the gradient of a sparse matrix is sparse too.

    With `reduce` ("sum", "mean", "amax", "amin") the products of a CSR matrix's rows are reduced
    so.
    """
    if not (is_sparse(mat1) or is_sparse(mat2)):
        return mat1.mm(mat2)
    if reduce is not None:
        return _reduced(mat1, mat2, reduce)
    return masked_product(mat1, mat2)


def _reduced(s, dense, reduce):
    reduce = {"max": "amax", "min": "amin"}.get(reduce, reduce)
    check(
        reduce in ("sum", "mean", "amax", "amin"),
        f"reduce argument must be either sum, mean, amax or amin, got {reduce}",
    )
    if not is_sparse(s) or s.layout is not CSR:
        raise NotImplementedError(
            "Could not run 'aten::_sparse_mm_reduce_impl' with arguments of this layout; use "
            "to_sparse_csr() first"
        )
    check(
        not is_sparse(dense),
        f"Expected mat2 to be strided tensor, but got {dense.layout}",
    )
    _check_pair(s, dense)
    return reduced_product(*_taken_apart(s, unpacked(s)), dense, s.shape[0], reduce)


@composite("p")
def sparse_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0):
    """beta * input + alpha * (mat1 @ mat2), with a sparse gradient for the sparse matrix."""
    made = sparse_mm(mat1, mat2) * alpha
    return made + ops.broadcast_to(input, made.shape) * beta


@composite("p")
def sampled_addmm(input, mat1, mat2, *, beta=1.0, alpha=1.0, out=None):
    """alpha * (mat1 @ mat2) + beta * input at the indices of `input`, a CSR tensor."""
    if not is_sparse(input) or is_coo(input):
        raise NotImplementedError(
            "Could not run 'aten::sparse_sampled_addmm' with arguments of this layout; use "
            "to_sparse_csr() first"
        )
    _check_sampled(input, mat1, mat2)
    aval, kept = input._aval, parts(input)
    spots = ops.unbind(coordinates(aval, kept))
    *batch, rows, columns = spots
    left = _lines(mat1, batch, rows)
    right = _lines(mat2.transpose(-1, -2), batch, columns)
    found = (left * right).sum(-1).reshape(kept.values.shape) * alpha
    # beta 0 leaves even NaN of the input out.
    values = found if beta == 0 else found + kept.values * beta
    label = "SparseSampledAddmmBackward0"
    made = repacked(aval, kept, values, label)
    # As in torch a dense gradient reaches the input whole.
    made = attach(made, label, (made, input), lambda g: (g, g * conjugate_of(beta)))
    if out is None:
        return made
    check(
        out.layout is CSR,
        f"sampled_addmm: Expected result to have sparse csr layout, but got {out.layout}",
    )
    out.data = made
    return out


def _lines(matrix, batch, rows):
    """The rows of every matrix of a batch at positions, (n, k)."""
    at = rows
    step = matrix.shape[-2]
    for number, size in zip(reversed(batch), reversed(matrix.shape[:-2])):
        at = at + number * step
        step *= size
    return matrix.reshape(step, matrix.shape[-1]).index_select(0, at)


def _check_sampled(input, mat1, mat2):
    name = "sampled_addmm"
    check(
        is_sparse(input) and input.layout is CSR,
        f"{name}: Expected self to be a sparse tensor in CSR format, but got layout {input.layout}",
    )
    for what, t in (("mat1", mat1), ("mat2", mat2)):
        check(
            not is_sparse(t),
            f"{name}: Expected {what} to have strided layout, but got {t.layout}",
        )
        check(t.ndim >= 2, f"{name}: Expected {what} to be a matrix, got {t.ndim}-D tensor")
        check(
            t.dtype is input.dtype,
            f"{name}: Expected {what} and input to have the same dtype, but got {t.dtype} and "
            f"{input.dtype}",
        )
        check(
            t.shape[:-2] == input.shape[:-2],
            f"{name}: Expected {what} and input to have the same batch size, but got "
            f"{list(t.shape[:-2])} and {list(input.shape[:-2])}",
        )
    check(
        mat1.shape[-1] == mat2.shape[-2],
        f"{name}: mat1 and mat2 shapes cannot be multiplied ({mat1.shape[-2]}x{mat1.shape[-1]} and "
        f"{mat2.shape[-2]}x{mat2.shape[-1]})",
    )
    check(
        (input.shape[-2], input.shape[-1]) == (mat1.shape[-2], mat2.shape[-1]),
        f"{name}: self dim {input.shape[-2:]} must match the product of mat1 and mat2",
    )


def _expect_sparse(name, t):
    if not (is_sparse(t) and is_coo(t)):
        raise NotImplementedError(
            f"Could not run 'aten::{name}' with arguments that are not sparse COO tensors."
        )


@composite("f")
def spmm(input, mat2):
    """`mm` under its old name for sparse matrices."""
    return input.mm(mat2)


@composite("f")
def dsmm(input, mat2):
    """`mm` under its old name for a dense and a sparse matrix."""
    return input.mm(mat2)


@composite("f m")
def smm(input, mat2):
    """The product of a sparse and a dense matrix as a sparse one."""
    _expect_sparse("smm", input)
    return _of_all(input @ mat2)


def _of_all(dense):
    """A sparse matrix of all elements of a dense one."""
    height, width = dense.shape
    spots = np.stack(np.divmod(np.arange(height * width), max(width, 1))).astype(np.int64)
    return packed(sparse_coo, dense.shape, (from_host(spots, dense.device),), dense.reshape(-1))


@composite("f", alias=("hsmm",))
def hspmm(mat1, mat2):
    """The product of a sparse and a dense matrix, whose rows are sparse and whose columns dense."""
    _expect_sparse("hspmm", mat1)
    _check_pair(mat1, mat2)
    rows = np.unique(host(parts(mat1).indices[0])[0])
    made = (mat1.detach() @ mat2.detach()).index_select(0, from_host(rows, mat1.device))
    return sparse(
        sparse_coo,
        (mat1.shape[0], mat2.shape[1]),
        (from_host(rows[None], mat1.device),),
        made,
    )


@composite("f m", alias=("saddmm",))
def sspaddmm(input, mat1, mat2, *, beta=1, alpha=1):
    """beta * input + alpha * (mat1 @ mat2) as a sparse matrix; `mat1` is sparse, `mat2` dense."""
    for t in (input, mat1):
        _expect_sparse("sspaddmm", t)
    _check_pair(mat1, mat2)
    for d, n in enumerate((mat1.shape[0], mat2.shape[1])):
        check(
            input.shape[d] == n,
            f"sspaddmm: Argument #1: Expected dim {d} size {n}, got {input.shape[d]}",
        )
    return input * beta + _of_all(mat1 @ mat2) * alpha
