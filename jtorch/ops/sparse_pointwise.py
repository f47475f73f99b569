"""Arithmetic on sparse tensors, and functions that leave 0 at 0."""

import numpy as np

from .._engine import call
from .._engine.layouts import sparse_coo
from .._engine.signature import PYTHON_NUMBERS
from .._engine.tensor import Tensor
from .registry import check, from_host, host, ops
from .sparse import (
    as_coo,
    attach,
    blocksize_of,
    conjugate_of,
    gathered,
    is_coo,
    is_sparse,
    keeps_pattern,
    parts,
    positions,
    refuse,
    repacked,
    saved,
    sparse,
    sparse_form,
    unpacked,
    wants_grad,
)
from .sparse_convert import spread

_LINEAR = ("neg", "positive", "conj_physical", "true_divide")
_ZERO_PRESERVING = """
abs asin asinh atan atanh ceil deg2rad erf erfinv expm1 floor frac isinf isnan isneginf isposinf
log1p nan_to_num rad2deg relu round sgn sign signbit sin sinh sqrt square tan tanh trunc threshold
pow_fixed pow_float_fixed pow_root pow_general floor_divide div_floor div_trunc real imag angle
""".split()


def _on_values(op, t, rest, attrs, linear):
    """A function of each value; values of equal coordinates are added up first if need be."""
    t = t if linear or not is_coo(t) else t.coalesce()
    values = call.apply(op, (unpacked(t), *rest), attrs)
    return repacked(t._aval, parts(t), values, op.grad_name)


@sparse_form(*_LINEAR, *_ZERO_PRESERVING)
def _unary(op, args, attrs):
    t, *rest = args
    if not is_sparse(t) or any(is_sparse(r) for r in rest):
        if op.name == "true_divide" and is_sparse(args[1]):
            _check_divisor(args[1])
        refuse(op.name, args)
    if "pow" in op.name:
        exponent = rest[0] if rest else attrs[0]
        check(
            isinstance(exponent, Tensor) or exponent != 0,
            "pow: cannot raise to zeroth power on sparse tensor; it would make the result tensor "
            "dense",
        )
    if "div" in op.name:
        _check_divisor(rest[0])
    return _on_values(op, t, rest, attrs, op.name in _LINEAR)


def _check_divisor(divisor):
    shape = list(getattr(divisor, "shape", ()))
    check(
        not shape and not is_sparse(divisor),
        "Sparse division requires a scalar or zero-dim dense tensor divisor (got shape "
        f"{shape} for divisor)",
    )


# ---- addition ----


@sparse_form("add", "sub", "rsub")
def _add(op, args, attrs):
    a, b, alpha = args
    op.make.verify([_aval(x) for x in args])
    factor = 1 if alpha is None else alpha
    if op.name == "rsub":
        a, b = b, a
    factor = factor if op.name == "add" else -factor
    label = op.grad_name
    if is_sparse(a) and is_sparse(b):
        return _sparse_sum(a, b, factor, label)
    if is_sparse(a) and not is_coo(a) and isinstance(b, Tensor) and op.name == "add":
        # Of the compressed layouts torch takes either order.
        a, b, factor = _scaled(b, factor), a, 1
    check(
        isinstance(a, Tensor) and not is_sparse(a),
        "add(sparse, dense) is not supported. Use add(dense, sparse) instead.",
    )
    return _dense_sum(a, b, factor, label)


def _aval(x):
    return x._aval if isinstance(x, Tensor) else PYTHON_NUMBERS.get(type(x))


def _scaled(t, factor):
    return t if isinstance(factor, int) and factor == 1 else t * factor


def _check_shapes(a, b, what):
    check(
        a.shape == b.shape,
        f"add: expected 'self' and 'other' to have same size, but self has size {list(a.shape)} "
        f"while other has size {list(b.shape)} (FYI: {what} addition does not currently support "
        "broadcasting)",
    )


def _dense_sum(a, b, factor, label):
    """A dense tensor plus a sparse one: a dense one."""
    _check_shapes(a, b, "dense-sparse")
    kept = parts(b)
    total = a.detach() + spread(b._aval, kept, _scaled(kept.values, factor))
    return attach(total, label, (a, b), lambda g: (g, _scaled(g, conjugate_of(factor))))


def _sparse_sum(a, b, factor, label):
    _check_shapes(a, b, "op2-sparse")
    layout = a.layout
    if b.layout is not layout:
        refuse("add", (a, b))
    total = _union(a, b, factor) if layout is sparse_coo else _compressed_union(a, b, factor)
    return attach(
        total,
        label,
        (a, b),
        lambda g: (g, _scaled(g, conjugate_of(factor))),
        keeps_pattern(a) and keeps_pattern(b),
    )


def _union(a, b, factor):
    """The sum of two COO tensors; where both are coalesced, so is it."""
    one, two = parts(a), parts(b)
    scaled = _scaled(two.values, factor)
    if one.kept is two.kept or one.indices[0] is two.indices[0]:
        values = one.values + scaled
        return sparse(sparse_coo, a.shape, one.indices, values, one.coalesced, one.kept)
    rows = ops.cat([one.indices[0], two.indices[0]], 1)
    joined = sparse(sparse_coo, a.shape, (rows,), ops.cat([one.values, scaled]), False)
    return joined.coalesce() if one.coalesced and two.coalesced else joined


def _compressed_union(a, b, factor):
    one, two = parts(a), parts(b)
    same = all(np.array_equal(host(i), host(j)) for i, j in zip(one.indices, two.indices))
    if same and one.values.shape == two.values.shape:
        values = one.values + _scaled(two.values, factor)
        return sparse(a.layout, a.shape, one.indices, values, True, one.kept)
    total = _union(as_coo(a.detach()).coalesce(), as_coo(b.detach()).coalesce(), factor)
    block = blocksize_of(a)
    return ops.to_sparse(total, layout=a.layout, blocksize=block)


# ---- multiplication ----


@sparse_form("mul")
def _mul(op, args, attrs):
    a, b = args
    if not is_sparse(a):
        a, b = b, a
    if not isinstance(b, Tensor):
        return _on_values(op, a, (b,), attrs, True)
    if not is_sparse(b) and (b.ndim == 0 or (b.numel() == 1 and b.ndim <= a.ndim)):
        return _on_values(op, a, (b.reshape(()),), attrs, True)
    if is_sparse(b) and b.ndim == 0:
        return _on_values(op, a, (b.to_dense(),), attrs, True)
    product = _times_sparse(a, b) if is_sparse(b) else _times_dense(a, b)
    left, right = saved(a), saved(b)
    return attach(
        product,
        op.grad_name,
        (a, b),
        lambda g: (g * conjugate_of(right), g * conjugate_of(left)),
        saves=[other for one, other in ((a, b), (b, a)) if wants_grad(one)],
    )


def _times_dense(a, b):
    if b.shape != a.shape:
        b = ops.broadcast_to(b, a.shape)
    kept = parts(a)
    values = kept.values * gathered(b.detach(), a._aval, kept)
    return sparse(a.layout, a.shape, kept.indices, values, kept.coalesced, kept.kept)


def _times_sparse(a, b):
    """Both at the coordinates that they share."""
    check(
        a.shape == b.shape,
        f"mul: expected 'self' and 'other' to have same sizes, but {list(a.shape)} != "
        f"{list(b.shape)}",
    )
    if a.layout is not b.layout:
        refuse("mul", (a, b))
    layout, block = a.layout, blocksize_of(a)
    a, b = as_coo(a.detach()).coalesce(), as_coo(b.detach()).coalesce()
    one, two = parts(a), parts(b)
    if one is two or one.kept is two.kept:
        values = one.values * two.values
        made = sparse(sparse_coo, a.shape, one.indices, values, True, one.kept)
    else:
        made = _intersection(a, b)
    return made if layout is sparse_coo else ops.to_sparse(made, layout=layout, blocksize=block)


def _intersection(a, b):
    one, two = parts(a), parts(b)
    spots, table = (host(positions(t._aval, parts(t))) for t in (a, b))
    _, left, right = np.intersect1d(spots, table, assume_unique=True, return_indices=True)
    left, right = from_host(left, a.device), from_host(right, a.device)
    values = one.values.index_select(0, left) * two.values.index_select(0, right)
    rows = one.indices[0].index_select(1, left)
    return sparse(sparse_coo, a.shape, (rows,), values, True)
