"""Sums, norms and softmax of sparse tensors."""

import jax
import jax.numpy as jnp
import numpy as np

from .._engine.layouts import sparse_coo
from .registry import SAME, T, check, composite, from_host, host, op, ops, to_tuple, wrap_dims
from .sparse import (
    CSR,
    add_up,
    as_coo,
    attach,
    is_coo,
    is_sparse,
    packed,
    parts,
    refuse,
    repacked,
    sparse_form,
    unpacked,
)


@sparse_form("sum")
def _sum(op, args, attrs):
    (t,) = args
    dim, keepdim, dtype = attrs
    t = t if dtype is None else t.to(dtype)
    if t.dtype.kind in "bui" and dtype is None:
        t = t.long()
    if dim is None or dim == ():
        # As in torch: a dense gradient, of the elements that are not given too.
        shape = t.shape
        total = parts(t).values.sum()
        return attach(total, "SumBackward0", (t,), lambda g: g.expand(shape))
    dims = wrap_dims(dim, t.ndim)
    if not is_coo(t):
        return _compressed_sum(t, dims, keepdim)
    return _sum_over(t, dims, keepdim)


def _compressed_sum(t, dims, keepdim):
    check(
        keepdim,
        "reduction operations on CSR tensors with keepdim=False is unsupported",
    )
    if t.layout is not CSR:
        refuse("sum", (t,))
    return ops.to_sparse(_sum_over(as_coo(t).coalesce(), dims, True), layout=CSR)


def _sum_over(t, dims, keepdim):
    """The sum over some dimensions: sparse while one of the sparse dimensions is left."""
    kept = parts(t)
    n = kept.indices[0].shape[0]
    values = unpacked(t, "SparseSumBackward0")
    inner = [d - n + 1 for d in dims if d >= n]
    if inner:
        values = values.sum(inner, keepdim)
    left = [d for d in range(n) if d not in dims]
    shape = [1 if d in dims else s for d, s in enumerate(t.shape) if keepdim or d not in dims]
    if len(left) == n:
        return packed(sparse_coo, shape, kept.indices, values, kept.coalesced)
    if not left:
        total = values.sum(0)
        return total.reshape(shape) if keepdim else total
    rows = host(kept.indices[0])
    found, group = np.unique(rows[left], axis=1, return_inverse=True)
    merged = add_up(values, from_host(group.reshape(-1), t.device), found.shape[1])
    if keepdim:
        full = np.zeros((n, found.shape[1]), np.int64)
        full[left] = found
        found = full
    return packed(sparse_coo, shape, (from_host(found, t.device),), merged, True)


@composite("p")
def sparse_sum(input, dim=None, dtype=None):
    """The sum of a sparse tensor over `dim` (everything when None), whose gradient is sparse.

    The result is sparse while a sparse dimension is left. `dtype`: that of the sum.
    """
    t = input if dtype is None else input.to(dtype)
    if not is_sparse(t):
        raise NotImplementedError(
            "Could not run 'aten::_nnz' with arguments from the 'CPU' backend."
        )
    check(
        is_coo(t),
        f"coalesce expected sparse coordinate tensor layout but got {t.layout}",
    )
    if t.dtype.kind in "bui" and dtype is None:
        t = t.long()
    if dim is None:
        return unpacked(t).sum()
    dims = wrap_dims(to_tuple(dim), t.ndim)
    if not dims:
        return unpacked(t).sum()
    return _sum_over(t, dims, False)


@sparse_form("any")
def _any(op, args, attrs):
    (t,) = args
    if attrs[0] is not None:
        refuse("any", args)
    return parts(t).values.any()


@sparse_form("norm")
def _norm(op, args, attrs):
    (t,) = args
    if not is_coo(t) or attrs[1] not in (None, ()):
        refuse("norm", args)
    t = t if attrs[3] is None else t.to(attrs[3])
    return unpacked(t.coalesce()).norm(attrs[0])


# ---- softmax ----


@op(SAME, accepts="f", variants="p", grad_name="SparseSoftmaxBackward0")
def softmax_of_groups(values: T, group: T, count: int, log: bool):
    """Softmax (or its logarithm) of values (n, *dense dims) among those of the same group."""
    top = jnp.full((count, *values.shape[1:]), -jnp.inf, values.dtype)
    top = jax.lax.stop_gradient(top.at[group].max(values))
    shifted = values - top[group]
    total = jnp.zeros_like(top).at[group].add(jnp.exp(shifted))[group]
    return shifted - jnp.log(total) if log else jnp.exp(shifted) / total


def _softmax(name, input, dim, dtype, log):
    if not is_sparse(input):
        raise NotImplementedError(
            f"Could not run 'aten::{name}' with arguments from the 'CPU' backend."
        )
    t = as_coo(input if dtype is None else input.to(dtype)).coalesce()
    (dim,) = wrap_dims(dim, t.ndim)
    kept = parts(t)
    rows = kept.indices[0]
    n = rows.shape[0]
    values = unpacked(t)
    if dim >= n:
        kind = ops.log_softmax if log else ops.softmax
        made = kind(values, dim - n + 1)
    else:
        others = np.delete(host(rows), dim, 0)
        group = np.zeros(rows.shape[1], np.int64)
        if others.size:
            group = np.unique(others, axis=1, return_inverse=True)[1].reshape(-1)
        count = int(group.max(initial=-1)) + 1
        made = softmax_of_groups(values, from_host(group, t.device), count, log)
    label = "SparseLogSoftmaxBackward0" if log else "SparseSoftmaxBackward0"
    return repacked(t._aval, kept, made, label)


@composite("p")
def sparse_softmax(input, dim, *, dtype=None):
    """Softmax along `dim` of a sparse tensor, in which elements that are not given are -inf."""
    return _softmax("_sparse_softmax", input, dim, dtype, False)


@composite("p")
def sparse_log_softmax(input, dim, *, dtype=None):
    """The logarithm of `sparse_softmax`."""
    return _softmax("_sparse_log_softmax", input, dim, dtype, True)
