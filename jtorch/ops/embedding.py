"""Embedding tables and one-hot vectors."""

import jax
import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.layouts import sparse_coo
from .._engine.tensor import Tensor
from .positions import no_wrap, read, type_name
from .registry import SAME, T, check, composite, from_host, guard, host, op, ops
from .sparse import attach, packed, saved


@jax.custom_jvp
def _scale_tangent(x, scale):
    # x itself; its derivative is multiplied by scale.
    return x


@_scale_tangent.defjvp
def _scale_tangent_jvp(primals, tangents):
    x, scale = primals
    return x, tangents[0] * scale


@op(SAME, variants="p", grad_name="EmbeddingBackward0")
def embedding_lookup(
    weight: T, indices: T, padding_idx: int = -1, scale_grad_by_freq: bool = False
):
    """The rows of `weight` at `indices`. Shape: (*indices.shape, weight.shape[1]).

    The row `padding_idx` (none if negative) receives no gradient. With `scale_grad_by_freq` the
    gradient of a row is divided by how often it was looked up.
    """
    count = weight.shape[0]
    index = no_wrap(indices, count, "index out of range in self")
    check(count or not index.size, "index out of range in self", IndexError)
    out = read(weight, (index,))
    if padding_idx < 0 and not scale_grad_by_freq:
        return out
    scale = jnp.ones(index.shape, weight.dtype)
    if scale_grad_by_freq:
        uses = (
            jnp.zeros(count, weight.dtype).at[index].add(jnp.asarray(1, weight.dtype), mode="drop")
        )
        scale = 1 / read(uses, (index,))
    if padding_idx >= 0:
        scale = jnp.where(index == padding_idx, jnp.zeros_like(scale), scale)
    return _scale_tangent(out, jnp.broadcast_to(scale[..., None], out.shape))


@op(SAME, variants="p", grad=False)
def embedding_renorm(weight: T, indices: T, max_norm: float, norm_type: float):
    """`weight`, with every row named in `indices` scaled down to a norm of at most `max_norm`."""
    index = no_wrap(indices, weight.shape[0], "index out of range in self")
    used = jnp.zeros(weight.shape[0], np.bool_).at[index.reshape(-1)].set(True, mode="drop")
    if norm_type == np.inf:
        norm = jnp.max(jnp.abs(weight), axis=1)
    else:
        norm = jnp.sum(jnp.abs(weight) ** norm_type, axis=1) ** (1 / norm_type)
    scale = jnp.where(used & (norm > max_norm), max_norm / (norm + 1e-7), jnp.ones_like(norm))
    return weight * scale[:, None]


def _check_embedding(indices, weight, name="embedding"):
    check(isinstance(weight, Tensor), f"{name}(): argument 'weight' must be Tensor", TypeError)
    check(isinstance(indices, Tensor), f"{name}(): argument 'indices' must be Tensor, not "
                                       f"{type(indices).__name__}",
          TypeError)  # fmt: skip
    check(weight.ndim == 2, "'weight' must be 2-D")
    check(
        indices.dtype in (dtypes.int64, dtypes.int32),
        "Expected tensor for argument #1 'indices' to have one of the following scalar types: "
        "Long, Int; but got "
        f"torch.{type_name(indices.dtype)}Tensor instead (while checking arguments for embedding)",
    )


@composite("F", name="embedding")
def functional_embedding(
    input,
    weight,
    padding_idx=None,
    max_norm=None,
    norm_type=2.0,
    scale_grad_by_freq=False,
    sparse=False,
):
    """The rows of `weight` (V, D) at the integer positions `input` (*). Shape: (*, D).

    `padding_idx` names a row that receives no gradient. `max_norm` first scales the rows in use
    down to that norm, in place. Raises IndexError for a position out of range. With `sparse` the
    gradient of `weight` is a sparse COO tensor.
    """
    _check_embedding(input, weight)
    count = weight.shape[0]
    if padding_idx is None:
        padding_idx = -1
    else:
        check(
            -count <= padding_idx < count,
            "Padding_idx must be within num_embeddings",
            AssertionError,
        )
        padding_idx = padding_idx % count
    if max_norm is not None:
        fixed = ops.embedding_renorm(weight.detach(), input, float(max_norm), float(norm_type))
        weight.detach().copy_(fixed)
    if sparse:
        return _sparse_lookup(weight, input, padding_idx, scale_grad_by_freq)
    return ops.embedding_lookup(weight, input, padding_idx, bool(scale_grad_by_freq))


def _sparse_lookup(weight, indices, padding_idx, scale_grad_by_freq):
    """The rows, with a sparse gradient for `weight`."""
    out = ops.embedding_lookup(weight.detach(), indices)
    aval, given, indices = weight._aval, indices, saved(indices)

    def pull(g):
        check(
            not scale_grad_by_freq,
            "embedding_backward: scale_grad_by_freq not supported with sparse gradients",
        )
        rows = g.reshape(-1, aval.shape[1])
        return row_gradient(aval, indices.reshape(-1), rows, padding_idx)

    return attach(out, "EmbeddingBackward0", (weight,), pull, saves=(given,))


def row_gradient(aval, indices, rows, padding_idx):
    """The sparse gradient of a table of which the rows `indices` (n) were used; `rows` (n, D)."""
    if padding_idx >= 0:
        used = np.flatnonzero(host(indices) != padding_idx)
        if used.size < indices.shape[0]:
            used = from_host(used, indices.device)
            indices, rows = indices.index_select(0, used), rows.index_select(0, used)
    return packed(sparse_coo, aval.shape, (indices.long().unsqueeze(0),), rows)


@composite("f")
def embedding(weight, indices, padding_idx=-1, scale_grad_by_freq=False, sparse=False):
    """The rows of `weight` (V, D) at the integer positions `indices` (*). Shape: (*, D)."""
    _check_embedding(indices, weight)
    if sparse:
        return _sparse_lookup(weight, indices, padding_idx, scale_grad_by_freq)
    return ops.embedding_lookup(weight, indices, padding_idx, bool(scale_grad_by_freq))


@op(SAME, variants="p", grad=False)
def one_hot_of(input: T, num_classes: int):
    """1 where the last, new dimension equals the class, else 0 (int64)."""
    guard(jnp.any(input < 0), RuntimeError, "Class values must be non-negative.")
    guard(
        jnp.any(input >= num_classes),
        RuntimeError,
        "Class values must be smaller than num_classes.",
    )
    return (input[..., None] == jnp.arange(num_classes, dtype=np.int64)).astype(np.int64)


@composite("F")
def one_hot(input, num_classes=-1):
    """The classes `input` (*, int64) as unit vectors, shape (*, num_classes), int64.

    With `num_classes=-1` it is one more than the largest class. Raises RuntimeError for a class out
    of range.
    """
    check(
        input.dtype is dtypes.int64,
        f"one_hot is only applicable to index tensor of type LongTensor, got {input.dtype!r}",
    )
    if num_classes == -1:
        check(input.numel(), "Can not infer total number of classes from empty tensor.")
        num_classes = int(host(input).max()) + 1
    elif not input.numel():
        check(num_classes > 0, "Can not infer total number of classes from empty tensor.")
    check(num_classes >= 1, "num_classes should be positive")
    return ops.one_hot_of(input, num_classes)
