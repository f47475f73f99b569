"""The NumPy evaluator: shapes, reductions, indexing, products, control flow, linear algebra."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest
from jax import lax

from compat_tests.engine.jaxpr_judge import (
    BF16,
    SPECIAL,
    compare,
    evaluate,
    gradient,
    normal,
    rng,
)

# --- shapes --------------------------------------------------------------------------------------


def test_shape_primitives():
    x = normal((4, 6))
    i = np.array(2, np.int64)
    table = {
        "reshape": lambda a, i: a.reshape(3, 8),
        "T": lambda a, i: a.T + 1,
        "T reshape": lambda a, i: a.T.reshape(-1),
        "squeeze": lambda a, i: lax.squeeze(a[:1], [0]),
        "expand": lambda a, i: a[:, None],
        "swap": lambda a, i: a[None].transpose(2, 0, 1) * a[0, 0],
        "broadcast": lambda a, i: jnp.broadcast_to(a[:, :1], (4, 5)),
        "broadcast up": lambda a, i: jnp.broadcast_to(a, (2, 4, 6)),
        "broadcast big": lambda a, i: jnp.broadcast_to(a, (300, 4, 6)),
        "broadcast op": lambda a, i: a[:, :1] + a[:1],
        "full": lambda a, i: jnp.full((2, 3), 7.0),
        "ones": lambda a, i: jnp.ones_like(a),
        "eye": lambda a, i: jnp.eye(5),
        "concatenate": lambda a, i: jnp.concatenate([a, a + 1], 1),
        "stack": lambda a, i: jnp.stack([a, a * 2], 1),
        "unstack": lambda a, i: jnp.unstack(a, axis=1),
        "tile": lambda a, i: jnp.tile(a, (2, 1, 3)),
        "split": lambda a, i: jnp.split(a, [1, 4], 1),
        "rev": lambda a, i: lax.rev(a, (0, 1)),
        "slice": lambda a, i: lax.slice(a, (1, 0), (4, 6), (2, 3)),
        "pad": lambda a, i: lax.pad(a, jnp.float32(5), ((1, 2, 0), (0, 1, 2))),
        "pad negative": lambda a, i: lax.pad(a, jnp.float32(5), ((-1, 2, 1), (3, -2, 0))),
        "pad away": lambda a, i: lax.pad(a, jnp.float32(5), ((-5, 3, 0), (0, -6, 0))),
        "pad dilated away": lambda a, i: lax.pad(a, jnp.float32(5), ((-3, -2, 2), (-4, 1, 1))),
        "arange": lambda a, i: jnp.arange(7),
        "iota": lambda a, i: lax.iota(jnp.float32, 5),
        "iota 2d": lambda a, i: lax.broadcasted_iota(jnp.int32, (3, 4), 1),
        "big iota": lambda a, i: lax.broadcasted_iota(jnp.int64, (300, 400), 1) * i,
        "tril": lambda a, i: jnp.tril(a),
        "dynamic": lambda a, i: lax.dynamic_slice(a, (i, i), (2, 3)),
        "dynamic clamped": lambda a, i: lax.dynamic_slice(a, (i * 9, -i), (2, 3)),
        "dynamic index": lambda a, i: lax.dynamic_index_in_dim(a, i, 1),
        "update": lambda a, i: lax.dynamic_update_slice(a, a[:2, :2] * 2, (i, i)),
        "update clamped": lambda a, i: lax.dynamic_update_slice(a, a[:2, :2], (i * 7, i * 7)),
        "roll": lambda a, i: jnp.roll(a, 2, 1),
        "repeat": lambda a, i: jnp.repeat(a, 3, 0),
        "item": lambda a, i: a[1, 2],
        "identity": lambda a, i: (a, i),
        "diag": lambda a, i: jnp.diag(a),
        "transpose splat": lambda a, i: jnp.ones((2, 3)).T.reshape(6),
        "mask": lambda a, i: jnp.where(jnp.tril(jnp.ones((6, 6), bool)), a[0], -jnp.inf),
    }
    compare(table, [x, i])


def test_empty_arrays():
    x = np.zeros((0, 3), np.float32)
    y = np.zeros((2, 0), np.float32)
    table = {
        "sum": lambda a, b: jnp.sum(a),
        "sum0": lambda a, b: jnp.sum(a, 0),
        "prod": lambda a, b: a.prod(),
        "max": lambda a, b: lax.reduce_max(a, (0,)),
        "min": lambda a, b: lax.reduce_min(a, (0,)),
        "all": lambda a, b: jnp.all(a > 0, 0),
        "cat": lambda a, b: jnp.concatenate([a, a], 0),
        "dot": lambda a, b: a.T @ a,
        "dot2": lambda a, b: b @ b.T,
        "exp": lambda a, b: jnp.exp(a) + a[:, :1],
        "erf": lambda a, b: lax.erf(a),
        "reshape": lambda a, b: a.reshape(3, 0),
        "sort": lambda a, b: jnp.sort(a),
        "cumsum": lambda a, b: jnp.cumsum(a, 0),
        "pad": lambda a, b: lax.pad(a, jnp.float32(1), ((1, 1, 0),) * 2),
        "scan": lambda a, b: lax.scan(lambda c, r: (c + r.sum(), r), jnp.float32(0), a),
        "take": lambda a, b: jnp.take(jnp.ones((3, 4)), jnp.zeros((0,), int), axis=0),
        "broadcast": lambda a, b: jnp.broadcast_to(b[:1], (0, 5, 0)) + b[0],
    }
    compare(table, [x, y])


# --- reductions and order ------------------------------------------------------------------------

REDUCTIONS = {
    "sum": (lambda a: jnp.sum(a), 16),
    "sum0": (lambda a: jnp.sum(a, 0), 16),
    "sum02": (lambda a: jnp.sum(a, (0, 2)), 16),
    "mean": (lambda a: a.mean(-1, keepdims=True), 16),
    "max": lambda a: a.max(),
    "max1": lambda a: a.max(1),
    "min02": lambda a: a.min((0, 2)),
    "argmax": lambda a: jnp.argmax(a, 1),
    "argmin": lambda a: jnp.argmin(a, 2),
    "argmax all": lambda a: jnp.argmax(a),
    "argmax32": lambda a: lax.argmax(a, 0, jnp.int32),
    "prod": (lambda a: jnp.prod(a, -1), 16),
    "cumsum": (lambda a: jnp.cumsum(a, 1), 16),
    "cumsum rev": (lambda a: lax.cumsum(a, 2, reverse=True), 16),
    "cumprod": (lambda a: lax.cumprod(a, 1), 16),
    "cummax": lambda a: lax.cummax(a, 1),
    "cummin rev": lambda a: lax.cummin(a, 0, reverse=True),
    "sort": lambda a: jnp.sort(a, 1),
    "argsort": lambda a: jnp.argsort(a, 0),
    "argsort desc": lambda a: jnp.argsort(a, descending=True),
    "top_k": lambda a: lax.top_k(a, 3),
    "reduce": lambda a: lax.reduce(a, jnp.zeros((), a.dtype), lax.max, (1,)),
    "sort two keys": lambda a: lax.sort((jnp.round(a), a, -a), dimension=1, num_keys=2),
    "sort by": lambda a: lax.sort((jnp.round(a), lax.iota(jnp.int32, a.size).reshape(a.shape))),
}
FLOATING = {
    "var": (lambda a: jnp.var(a, -1), 32),
    "logsumexp": (lambda a: jax.nn.logsumexp(a, -1), 16),
    "cumlogsumexp": (lambda a: lax.cumlogsumexp(a, 1), 16),
    "median": (lambda a: jnp.median(a, 1), 4),
    "norm": (lambda a: jnp.linalg.norm(a, axis=-1), 16),
}


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "int64", "uint8"])
def test_reductions(dtype):
    x = normal((3, 5, 4), np.float64) * 3
    x = np.abs(x).astype(dtype) if dtype == "uint8" else x.astype(dtype)
    table = {
        k: v for k, v in REDUCTIONS.items() if np.dtype(dtype).kind == "f" or k not in ("mean",)
    }
    if np.dtype(dtype).kind == "f":
        table = table | FLOATING
    if dtype == "uint8":
        table = {k: v for k, v in table.items() if "desc" not in k}
    compare(table, [x], scale=10.0 if np.dtype(dtype).kind == "f" else None)


@pytest.mark.parametrize("dtype", [np.dtype(np.float16), BF16], ids=["float16", "bfloat16"])
def test_reductions_in_16_bits(dtype):
    x = normal((3, 5, 4)).astype(dtype)
    table = {k: (v[0], 2) if isinstance(v, tuple) else v for k, v in REDUCTIONS.items()}
    compare(table, [x], scale=4.0)


def test_order_with_special_values():
    x = np.array(SPECIAL * 2, np.float32)
    keep = {"max", "argmax all", "top_k", "sort", "argsort"}
    table = {
        "sort": jnp.sort,
        "argsort": jnp.argsort,
        "argmax": jnp.argmax,
        "argmin": jnp.argmin,
        "max": jnp.max,
        "min": jnp.min,
        "cummax": lambda a: lax.cummax(a, 0),
        "cummin": lambda a: lax.cummin(a, 0),
        "nanmax": jnp.nanmax,
        "unique": lambda a: jnp.sort(a[::2]),
        "top_k": lambda a: lax.top_k(a, 9)[1],
        "argmax ties": lambda a: jnp.argmax(jnp.floor(a[:12])),
    }
    assert keep
    compare(table, [x])


# --- indexing ------------------------------------------------------------------------------------


def indexing_table():
    def take(mode):
        return lambda a, i, u: jnp.take(a, i, axis=1, mode=mode, fill_value=-1)

    def at(method, mode):
        return lambda a, i, u: getattr(a.at[i], method)(u, mode=mode)

    table = {f"take {m}": take(m) for m in ("clip", "fill", "wrap")}
    for method in ("set", "add", "mul", "min", "max"):
        for mode in ("drop", "clip"):
            table[f"{method} {mode}"] = at(method, mode)
    table |= {
        "row": lambda a, i, u: a[1],
        "rows": lambda a, i, u: a[i % 5],
        "cols": lambda a, i, u: a[:, i % 4],
        "pairs": lambda a, i, u: a[i % 5, i % 4],
        "outer": lambda a, i, u: a[(i % 5)[:, None], (i % 4)],
        "mixed": lambda a, i, u: a[i % 5, 1:3],
        "window": lambda a, i, u: a[i[0] % 5, 1:3],
        "none": lambda a, i, u: a[None, i % 5, ..., None],
        "negative": lambda a, i, u: a[-1, ::-1],
        "along": lambda a, i, u: jnp.take_along_axis(a, (i % 4)[:5, None], 1),
        "along0": lambda a, i, u: jnp.take_along_axis(a, jnp.stack([i % 5] * 4, 1), 0),
        "along fill": lambda a, i, u: jnp.take_along_axis(a, i[:5, None], 1, mode="fill"),
        "set cols": lambda a, i, u: a.at[:, i % 4].set(u[:5, :1]),
        "add pairs": lambda a, i, u: a.at[i % 5, i % 4].add(u[:, 0]),
        "set slice": lambda a, i, u: a.at[1:4:2, 1:3].set(u[:2, :2]),
        "set one": lambda a, i, u: a.at[2].set(u[0]),
        "max pairs": lambda a, i, u: a.at[i % 5, i % 4].max(u[:, 0]),
        "add slice": lambda a, i, u: a.at[1:3].add(u[:2]),
        "vmap rows": lambda a, i, u: jax.vmap(lambda r, j: r[j])(a, i[:5] % 4),
        "vmap slices": lambda a, i, u: jax.vmap(lambda j: lax.dynamic_slice(a, (j, j), (2, 2)))(i),
        "vmap window": lambda a, i, u: jax.vmap(lambda r, j: lax.dynamic_slice(r, (j,), (2,)))(
            a, i[:5]
        ),
        "vmap update": lambda a, i, u: jax.vmap(
            lambda r, j, v: lax.dynamic_update_slice(r, v[:2], (j,))
        )(a, i[:5], u[:5]),
        "vmap add": lambda a, i, u: jax.vmap(lambda r, j, v: r.at[j].add(v))(
            a, i[:5] % 4, u[:5, 0]
        ),
        "segment": lambda a, i, u: jax.ops.segment_sum(u, i % 5, 5),
        "bincount": lambda a, i, u: jnp.bincount(i % 5, length=5),
        "one_hot": lambda a, i, u: jax.nn.one_hot(i, 5, dtype=u.dtype),
        "choose": lambda a, i, u: jnp.select([a > 0], [a], -a),
    }
    return table


@pytest.mark.parametrize("dtype", ["float32", "int64"])
def test_indexing(dtype):
    a = (normal((5, 4), np.float64) * 5).astype(dtype)
    i = np.array([0, 3, 1, 3, -1, 7, 2, -9], np.int64)
    u = (normal((8, 4), np.float64, 1) * 5).astype(dtype)
    table = {
        k: (f, 4) if any(w in k for w in ("add", "mul", "segment")) else f
        for k, f in indexing_table().items()
    }
    compare(table, [a, i, u], scale=8.0)


def test_indexing_in_bfloat16_and_bool():
    a, u = normal((5, 4)).astype(BF16), normal((8, 4), seed=1).astype(BF16)
    i = np.array([0, 3, 1, 3, -1, 7, 2, -9], np.int64)
    names = ("take fill", "set drop", "add drop", "max clip", "rows", "along")
    table = {k: (f, 2) for k, f in indexing_table().items() if k in names}
    compare(table, [a, i, u], scale=4.0)
    compare(
        {k: f for k, f in indexing_table().items() if k in ("take fill", "set drop", "rows")},
        [a > 0, i, u > 0],
    )


def test_gradients_of_indexing():
    a, i = normal((5, 4)), np.array([0, 3, 1, 3, 4, 2, 2, 1], np.int64)
    table = {
        "embedding": (lambda a, i: gradient(lambda w: w[i])(a), 4),
        "embedding2": (lambda a, i: gradient(lambda w: w[i.reshape(2, 4)])(a), 4),
        "take": (lambda a, i: gradient(lambda w: jnp.take(w, i % 4, axis=1))(a), 4),
        "along": (
            lambda a, i: gradient(lambda w: jnp.take_along_axis(w, (i % 4)[:5, None], 1))(a),
            4,
        ),
        "slice": lambda a, i: gradient(lambda w: w[1:4:2])(a),
        "dynamic": lambda a, i: gradient(lambda w: lax.dynamic_slice(w, (i[0], i[2]), (2, 2)))(a),
        "sort": lambda a, i: gradient(lambda w: jnp.sort(w, 0))(a),
        "max": lambda a, i: gradient(lambda w: jnp.max(w, 0))(a),
        "top_k": lambda a, i: gradient(lambda w: lax.top_k(w, 2)[0])(a),
        "cumsum": (lambda a, i: gradient(lambda w: jnp.cumsum(w, 0))(a), 8),
        "cumprod": (lambda a, i: gradient(lambda w: jnp.cumprod(w, 0))(a), 16),
    }
    compare(table, [a, i], scale=4.0)


def test_wide_embedding_gradient():
    # Enough rows that the sorted form of scatter-add is used.
    w, i = normal((50, 64)), rng(1).integers(0, 50, 200)
    compare({"grad": (lambda w, i: gradient(lambda w: w[i])(w), 32)}, [w, i], scale=4.0)


# --- products ------------------------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "int32", "bfloat16", "float16"])
def test_dots(dtype):
    kind = BF16 if dtype == "bfloat16" else np.dtype(dtype)
    a, b = (normal((2, 3, 4), np.float64, s) * 2 for s in (0, 1))
    a, b = a.astype(kind), b.astype(kind)
    einsum = lambda spec: lambda a, b: jnp.einsum(spec, a, b)  # noqa: E731
    specs = [
        "bij,bkj->bik",
        "bij,bij->b",
        "bij,bij->",
        "bij,bkl->bikjl",
        "bij,cij->bc",
        "bij,bij->jib",
        "bij,bik->bjk",
        "bij,cik->jk",
        "ijb,ijb->ijb",
        "bij,kij->bkj",
        "aij,bij->ijab",
    ]
    table = {s: (einsum(s), 16) for s in specs if s != "ijb,ijb->ijb"}
    table |= {
        "mm": (lambda a, b: a[0] @ b[0].T, 16),
        "mv": (lambda a, b: a[0] @ b[0, 0], 16),
        "vm": (lambda a, b: a[0, :, 0] @ b[0], 16),
        "vv": (lambda a, b: a[0, 0] @ b[0, 0], 16),
        "dot": (lambda a, b: jnp.tensordot(a, b, 3), 64),
        "outer": (lambda a, b: jnp.outer(a[0], b[0]), 2),
        "splat": (lambda a, b: jnp.ones((3, 4), a.dtype).T @ b[0], 16),
        "rev": (lambda a, b: a[0][::-1] @ b[0].T[::-1], 16),
        "broadcast": (lambda a, b: jnp.broadcast_to(a[0, :1], (3, 4)) @ b[0].T, 16),
        "T": (lambda a, b: a.transpose(2, 0, 1).reshape(4, 6) @ b.reshape(6, 4), 16),
    }
    if kind == BF16:
        table["preferred"] = (
            lambda a, b: lax.dot(a[0], b[0].T, preferred_element_type=jnp.float32),
            16,
        )
    if dtype == "int32":
        table["int8"] = lambda a, b: lax.dot(
            a[0].astype(jnp.int8), b[0].T.astype(jnp.int8), preferred_element_type=jnp.int32
        )
    compare(table, [a, b], scale=8.0 if kind.kind != "i" else None)


CONVOLUTIONS = {
    "plain": {},
    "same": {"padding": "SAME"},
    "stride": {"window_strides": (2, 1), "padding": ((1, 2), (0, 1))},
    "dilated": {"rhs_dilation": (2, 1), "padding": "SAME"},
    "transposed": {"lhs_dilation": (2, 3), "padding": ((2, 1), (1, 2))},
    "negative": {"padding": ((-1, 0), (2, -1))},
    "negative dilated": {"padding": ((-1, -2), (2, -1)), "lhs_dilation": (2, 2)},
    "groups": {"feature_group_count": 2},
    "batch groups": {"batch_group_count": 2},
    "depthwise": {"feature_group_count": 4},
}


def convolution(window_strides=(1, 1), padding="VALID", **options):
    def conv(x, w):
        w = w[:, : 4 // options.get("feature_group_count", 1)]
        return lax.conv_general_dilated(x, w, window_strides, padding, **options)

    return conv


def test_convolutions():
    x, w = normal((4, 4, 7, 6)), normal((8, 4, 3, 2), seed=1)
    table = {name: (convolution(**options), 32) for name, options in CONVOLUTIONS.items()}
    for name in ("same", "stride", "groups", "transposed", "depthwise"):
        table[f"grad {name}"] = (gradient(convolution(**CONVOLUTIONS[name])), 64)
    table["nhwc"] = (
        lambda x, w: lax.conv_general_dilated(
            x, w[:, :, :, :], (1, 1), "SAME", dimension_numbers=("NCHW", "OIHW", "NHWC")
        ),
        32,
    )
    table["1d"] = (
        lambda x, w: lax.conv_general_dilated(
            x[:, :, 0], w[:, :, 0], (1,), "SAME", dimension_numbers=("NCH", "OIH", "NCH")
        ),
        32,
    )
    table["bf16"] = (
        lambda x, w: lax.conv_general_dilated(
            x.astype(jnp.bfloat16), w.astype(jnp.bfloat16), (1, 1), "VALID"
        ),
        2,
    )
    compare(table, [x, w], scale=8.0)


def test_windows():
    x = normal((2, 3, 8, 7))
    x[0, 0, :4, :4] = 1.0  # ties

    def pool(init, op, size=(1, 1, 2, 3), stride=(1, 1, 2, 2), padding="VALID", **options):
        return lambda a: lax.reduce_window(a, init, op, size, stride, padding, **options)

    zero, low = np.float32(0), np.float32(-np.inf)
    table = {
        "max": pool(low, lax.max),
        "max same": pool(low, lax.max, padding="SAME"),
        "sum": (pool(zero, lax.add), 8),
        "sum padded": (pool(zero, lax.add, padding=((0, 0), (0, 0), (1, 1), (2, 0))), 8),
        "min": pool(np.float32(np.inf), lax.min, stride=(1, 1, 1, 1)),
        "mul": (pool(np.float32(1), lax.mul), 8),
        "dilated": pool(low, lax.max, window_dilation=(1, 1, 3, 2)),
        "base": pool(low, lax.max, base_dilation=(1, 1, 2, 2)),
        "big": (pool(zero, lax.add, size=(2, 3, 5, 5), stride=(1, 1, 1, 1)), 32),
        "grad max": (gradient(pool(low, lax.max)), 8),
        "grad same": (gradient(pool(low, lax.max, padding="SAME")), 8),
        "grad overlap": (gradient(pool(low, lax.max, size=(1, 1, 3, 3), stride=(1, 1, 1, 2))), 16),
        "grad sum": (gradient(pool(zero, lax.add)), 8),
        "jvp": lambda a: jax.jvp(pool(low, lax.max), (a,), (jnp.cos(a) * 0 + a,))[1],
        "bf16": (lambda a: pool(jnp.bfloat16(0), lax.add)(a.astype(jnp.bfloat16)), 2),
        "int": lambda a: pool(np.int32(-(2**31)), lax.max)(a.astype(jnp.int32)),
    }
    compare(table, [x], scale=4.0)


# --- control flow and composites -----------------------------------------------------------------


def test_control_flow():
    x = normal((4, 6))
    table = {
        "scan": (lambda a: lax.scan(lambda c, r: (jnp.tanh(c + r), c * 2), a[0], a), 8),
        "scan reverse": (lambda a: lax.scan(lambda c, r: (c + r, c), a[0], a, reverse=True), 8),
        "scan scalar": lambda a: lax.scan(lambda c, r: (c + 1, r), 0, a[:, 0]),
        "scan length": lambda a: lax.scan(lambda c, _: (c * 2, None), a, None, length=3),
        "scan grad": (
            gradient(lambda a: lax.scan(lambda c, r: (jnp.sin(c * r), c), a[0], a)[0]),
            16,
        ),
        "while": lambda a: lax.while_loop(
            lambda s: s[0] < 5, lambda s: (s[0] + 1, s[1] * 2), (0, a)
        ),
        "fori": lambda a: lax.fori_loop(
            0, 4, lambda i, s: s.at[i].set(s[i] * i.astype(s.dtype)), a
        ),
        "cond": lambda a: lax.cond(a[0, 0] > 0, lambda v: v * 2, lambda v: -v, a),
        "switch": lambda a: lax.switch(
            jnp.int32(9), [lambda v: v, lambda v: -v, lambda v: v * 3], a
        ),
        "cond grad": gradient(lambda a: lax.cond(a[0, 0] > 0, lambda v: v * 2, lambda v: -v, a)),
        "remat": (gradient(jax.checkpoint(lambda a: jnp.sin(jnp.sin(a)))), 8),
        "vmap while": lambda a: jax.vmap(
            lambda r: lax.while_loop(lambda s: s.sum() < 9, lambda s: s + 1, r)
        )(a),
        "barrier": lambda a: lax.optimization_barrier((a, a * 2)),
        "associative": (lambda a: lax.associative_scan(jnp.add, a), 8),
        "map": (lambda a: lax.map(jnp.sum, a), 8),
        "stop": lambda a: lax.stop_gradient(a) * 2,
        "custom": (gradient(jax.nn.relu), 0),
        "pjit": lambda a: jax.jit(lambda v: v + 1)(a),
    }
    compare(table, [x], scale=4.0)


@jax.custom_vjp
def clipped(x):
    return jnp.sin(x)


clipped.defvjp(lambda x: (jnp.sin(x), x), lambda x, g: (jnp.clip(g * jnp.cos(x), -0.5, 0.5),))


def layer_norm(x, w, b):
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w + b


def cross_entropy(x, target):
    logp = jax.nn.log_softmax(x)
    return -jnp.take_along_axis(logp, target[:, None], 1).mean()


def attention(q, k, v):
    scores = jnp.einsum("btd,bsd->bts", q, k) / np.float32(q.shape[-1] ** 0.5)
    scores = jnp.where(jnp.tril(jnp.ones(scores.shape[-2:], bool)), scores, -jnp.inf)
    return jax.nn.softmax(scores) @ v


def test_composites():
    x, w, b = normal((6, 16)), normal(16, seed=1), normal(16, seed=2)
    target = np.array([1, 5, 15, 0, 3, 3])
    table = {
        "layer_norm": layer_norm,
        "softmax": lambda x, w, b: jax.nn.softmax(x),
        "gelu": lambda x, w, b: jax.nn.gelu(x, approximate=False),
        "gelu tanh": lambda x, w, b: jax.nn.gelu(x),
        "silu": lambda x, w, b: jax.nn.silu(x),
        "elu": lambda x, w, b: jax.nn.elu(x),
        "softplus": lambda x, w, b: jax.nn.softplus(x),
        "log_softmax": lambda x, w, b: jax.nn.log_softmax(x),
        "clipped": lambda x, w, b: clipped(x),
        "cross_entropy": lambda x, w, b: cross_entropy(x, target),
        "attention": lambda x, w, b: attention(x[None], x[None] * w, x[None] + b),
        "norm": lambda x, w, b: jnp.linalg.norm(x),
        "var": lambda x, w, b: jnp.var(x, axis=0, ddof=1),
        "interp": lambda x, w, b: jnp.interp(x, jnp.sort(w), b),
        "cross": lambda x, w, b: jnp.cross(x[:, :3], x[:, 3:6]),
        "trace": lambda x, w, b: jnp.trace(x),
        "kron": lambda x, w, b: jnp.kron(w, b),
    }
    both = {name: (fn, 64) for name, fn in table.items()}
    both |= {f"grad {name}": (gradient(fn), 128) for name, fn in table.items()}
    compare(both, [x, w, b], scale=4.0)


# --- linear algebra, Fourier ---------------------------------------------------------------------


@pytest.mark.parametrize("dtype", ["float32", "float64", "complex64"])
def test_linalg(dtype):
    a = normal((2, 5, 5), np.float64)
    if dtype == "complex64":
        a = a + 1j * normal((2, 5, 5), np.float64, 1)
    a = a.astype(dtype)
    spd = (a @ a.conj().swapaxes(-1, -2) + 5 * np.eye(5)).astype(dtype)
    solve = lambda **o: lambda a, s: lax.linalg.triangular_solve(s, a, **o)  # noqa: E731
    table = {
        "cholesky": (lambda a, s: jnp.linalg.cholesky(s), 64),
        "eigvalsh": (lambda a, s: jnp.linalg.eigvalsh(s), 64),
        "svdvals": (lambda a, s: jnp.linalg.svd(a, compute_uv=False), 64),
        "qr": (lambda a, s: jnp.abs(jnp.linalg.qr(a)[1]), 256),
        "eigh": (
            lambda a, s: (lambda r: (r[1] * r[0][:, None]) @ r[1].conj().mT)(jnp.linalg.eigh(s)),
            256,
        ),
        "svd": (
            lambda a, s: (lambda r: (r[0] * r[1][:, None].astype(r[0].dtype)) @ r[2])(
                jnp.linalg.svd(a)
            ),
            256,
        )
        if dtype != "complex64"
        else (lambda a, s: jnp.linalg.svd(a)[1], 256),
        "chol grad": (gradient(lambda a, s: jnp.real(jnp.linalg.cholesky(s))), 512)
        if dtype != "complex64"
        else (lambda a, s: a, 0),
    }
    if dtype == "complex64":
        table["eigh"] = (lambda a, s: jnp.linalg.eigh(s)[0], 256)
    for left in (True, False):
        for lower in (True, False):
            for transpose in (True, False):
                table[f"solve {left} {lower} {transpose}"] = (
                    solve(left_side=left, lower=lower, transpose_a=transpose),
                    256,
                )
    table["solve unit"] = (solve(left_side=True, lower=True, unit_diagonal=True), 4096)
    table["solve conj"] = (
        solve(left_side=True, lower=True, transpose_a=True, conjugate_a=True),
        256,
    )
    compare(table, [a, spd], scale=20.0)


def test_a_failed_factorisation_is_nan_for_its_matrix_only():
    a = np.stack([np.eye(3), -np.eye(3)]).astype(np.float32)
    (got,) = evaluate(lambda a: jnp.linalg.cholesky(a), [a])
    np.testing.assert_array_equal(got[0], np.eye(3))
    assert np.isnan(np.diagonal(got[1])).all()


@pytest.mark.parametrize("dtype", ["float32", "float64"])
def test_fft(dtype):
    x = normal((3, 8, 6), dtype)
    table = {
        "rfft": jnp.fft.rfft,
        "fft": lambda a: jnp.fft.fft(a, axis=1),
        "rfft2": jnp.fft.rfft2,
        "irfft": lambda a: jnp.fft.irfft(jnp.fft.rfft(a), n=6),
        "fftn": jnp.fft.fftn,
        "ifft": lambda a: jnp.fft.ifft(jnp.fft.fft(a)),
        "grad": gradient(lambda a: jnp.abs(jnp.fft.rfft(a))),
    }
    compare({k: (f, 64) for k, f in table.items()}, [x], scale=16.0)
