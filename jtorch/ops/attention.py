"""Scaled dot-product attention and the multi-head attention built on it."""

import math

import jax.numpy as jnp
from jax import lax

from .activation import softmax_of
from .causal_bias import CausalBias
from .promotion import check_broadcast
from .registry import SAME, T, check, composite, op, ops
from .safe import cast, select, widen

# --- scaled dot product ---------------------------------------------------------------


def _check_attention(query, key, value, attn_mask, is_causal):
    check(
        query.ndim >= 2 and key.ndim >= 2 and value.ndim >= 2,
        "scaled_dot_product_attention: Expected query, key, and value to all be at least 2 "
        f"dimensional, but got query: {query.ndim}, key: {key.ndim} and value: {value.ndim} "
        "instead.",
    )
    check(
        query.dtype == key.dtype == value.dtype,
        "Expected query, key, and value to have the same dtype, but got query.dtype: "
        f"{query.dtype} key.dtype: {key.dtype} and value.dtype: {value.dtype} instead.",
    )
    check(
        query.shape[-1] == key.shape[-1] and key.shape[-2] == value.shape[-2],
        "scaled_dot_product_attention: shapes do not go together: query "
        f"{list(query.shape)}, key {list(key.shape)}, value {list(value.shape)}",
    )
    check(
        attn_mask is None or not is_causal,
        "_scaled_dot_product_attention: Explicit attn_mask should not be set when is_causal=True",
    )
    check(
        attn_mask is None or attn_mask.dtype in (jnp.bool_, query.dtype, jnp.float32),
        lambda: (
            "Expected attn_mask dtype to be bool or float or to match query dtype, but got "
            f"attn_mask.dtype: {attn_mask.dtype} and  query.dtype: {query.dtype} instead."
        ),
    )


def _product(a, b, contract_a, contract_b):
    """Products of the matrices in the last two dimensions; float32 sums for 16-bit floats."""
    lead = check_broadcast((a.shape[:-2], b.shape[:-2]))
    a = jnp.broadcast_to(a, (*lead, *a.shape[-2:]))
    b = jnp.broadcast_to(b, (*lead, *b.shape[-2:]))
    n = len(lead)
    batch = tuple(range(n))
    wide = jnp.float32 if a.dtype.itemsize == 2 else a.dtype
    contracted = (((n + contract_a,), (n + contract_b,)), (batch, batch))
    return lax.dot_general(a, b, contracted, preferred_element_type=wide)


def _repeat_heads(x, heads):
    """Each of the heads (third dimension from the end) repeated up to `heads` of them."""
    groups, rest = divmod(heads, x.shape[-3])
    check(
        rest == 0,
        "Number of heads in key and value must divide the number of heads in query: "
        f"{x.shape[-3]} and {heads}",
    )
    return x if groups == 1 else jnp.repeat(x, groups, axis=-3)


def _causal(scores):
    rows, columns = scores.ndim - 2, scores.ndim - 1
    row = lax.broadcasted_iota(jnp.int32, scores.shape, rows)
    keep = row >= lax.broadcasted_iota(jnp.int32, scores.shape, columns)
    return select(keep, scores, -math.inf)


def _weights(query, key, attn_mask, is_causal, scale):
    """The attention weights, in float32 or wider."""
    scale = 1 / math.sqrt(query.shape[-1]) if scale is None else scale
    # Scaled after the product, which is wider than half precision.
    scores = _product(query, key, 1, 1) * scale
    if is_causal:
        scores = _causal(scores)
    if attn_mask is None:
        return softmax_of(scores, scores.ndim - 1, False)
    shape = check_broadcast((scores.shape, attn_mask.shape))
    scores = jnp.broadcast_to(scores, shape)
    if attn_mask.dtype == jnp.bool_:
        scores = select(jnp.broadcast_to(attn_mask, shape), scores, -math.inf)
    else:
        scores = scores + cast(widen(attn_mask), scores.dtype)
    # A row that is masked altogether attends to nothing: zeros.
    return softmax_of(scores, scores.ndim - 1, True)


@op(SAME, accepts="f", variants="p", grad_name="ScaledDotProductFlashAttentionForCpuBackward0")
def attend(
    query: T,
    key: T,
    value: T,
    attn_mask: T | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
):
    """softmax(q k^T * scale + mask) v. Shapes (..., L, E), (..., S, E), (..., S, V)."""
    _check_attention(query, key, value, attn_mask, is_causal)
    if enable_gqa:
        key = _repeat_heads(key, query.shape[-3])
        value = _repeat_heads(value, query.shape[-3])
    weights = _weights(query, key, attn_mask, is_causal, scale)
    return cast(_product(cast(weights, value.dtype), value, 1, 0), query.dtype)


@op(SAME, accepts="f", variants="p")
def attention_weights(
    query: T,
    key: T,
    attn_mask: T | None = None,
    is_causal: bool = False,
    scale: float | None = None,
    enable_gqa: bool = False,
):
    """softmax(q k^T * scale + mask): shape (..., L, S)."""
    _check_attention(query, key, key, attn_mask, is_causal)
    if enable_gqa:
        key = _repeat_heads(key, query.shape[-3])
    return cast(_weights(query, key, attn_mask, is_causal, scale), query.dtype)


@op(SAME, accepts="f", variants="p")
def attention_values(weights: T, value: T, enable_gqa: bool = False):
    """The values averaged by attention weights: (..., L, S) and (..., S, V) to (..., L, V)."""
    if enable_gqa:
        value = _repeat_heads(value, weights.shape[-3])
    return cast(_product(weights, value, 1, 0), value.dtype)


@composite("F")
def scaled_dot_product_attention(
    query,
    key,
    value,
    attn_mask=None,
    dropout_p=0.0,
    is_causal=False,
    scale=None,
    enable_gqa=False,
):
    """softmax(q k^T * scale + mask) v, `scale` by default 1 / sqrt(E).

    Shapes: `query` (..., L, E), `key` (..., S, E), `value` (..., S, V), result (..., L, V). A
    boolean `attn_mask` says which keys take part, a float one is added. With `dropout_p` the
    weights are dropped out, whatever the mode of the module. Raises RuntimeError when both a mask
    and `is_causal` are given.
    """
    if attn_mask.__class__ is CausalBias:
        check(not is_causal, "CausalBias should not be used with causal=True", ValueError)
        attn_mask = attn_mask._materialize(query.device)
    if dropout_p == 0.0:
        return ops.attend(query, key, value, attn_mask, is_causal, scale, enable_gqa)
    weights = ops.attention_weights(query, key, attn_mask, is_causal, scale, enable_gqa)
    return ops.attention_values(ops.dropout(weights, dropout_p, True), value, enable_gqa)


# --- multi-head attention -------------------------------------------------------------


def _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads):
    """True for batched input. Raises AssertionError for ranks that do not go together."""
    check(
        query.ndim in (2, 3),
        f"query should be unbatched 2D or batched 3D tensor but received {query.ndim}-D query "
        "tensor",
        AssertionError,
    )
    batched = query.ndim == 3
    form = "batched 3-D" if batched else "unbatched 2-D"
    check(
        key.ndim == query.ndim and value.ndim == query.ndim,
        f"For {form} `query`, expected `key` and `value` to be {query.ndim}-D but found "
        f"{key.ndim}-D and {value.ndim}-D tensors respectively",
        AssertionError,
    )
    if key_padding_mask is not None:
        check(
            key_padding_mask.ndim == query.ndim - 1,
            f"For {form} `query`, expected `key_padding_mask` to be `None` or {query.ndim - 1}-D "
            f"but found {key_padding_mask.ndim}-D tensor instead",
            AssertionError,
        )
    if attn_mask is not None:
        check(
            attn_mask.ndim in (2, 3),
            f"For {form} `query`, expected `attn_mask` to be `None`, 2-D or 3-D but found "
            f"{attn_mask.ndim}-D tensor instead",
            AssertionError,
        )
        expected = (num_heads, query.shape[0], key.shape[0])
        check(
            batched or attn_mask.ndim == 2 or tuple(attn_mask.shape) == expected,
            f"Expected `attn_mask` shape to be {expected} but got {tuple(attn_mask.shape)}",
            AssertionError,
        )
    return batched


def as_float_mask(mask, dtype, name):
    """A boolean mask (True: left out) as a float one to be added."""
    if mask is None or mask.dtype.is_floating_point:
        return mask
    check(
        mask.dtype.kind == "b",
        f"only bool and floating types of {name} are supported",
        AssertionError,
    )
    return ops.zeros_like(mask, dtype=dtype).masked_fill_(mask, -math.inf)


def _project(query, key, value, weights, bias):
    """Query, key and value through their projections: one product where they are one tensor."""
    if isinstance(weights, (tuple, list)):
        biases = (None,) * 3 if bias is None else bias.chunk(3)
        pairs = zip((query, key, value), weights, biases, strict=True)
        return [ops.linear(x, w, b) for x, w, b in pairs]
    if query is key and key is value:
        return ops.linear(query, weights, bias).chunk(3, -1)
    return _project(query, key, value, weights.chunk(3), bias)


def _check_projection(query, key, value, embed_dim, num_heads, separate):
    check(
        query.shape[-1] == embed_dim,
        f"was expecting embedding dimension of {embed_dim}, but got {query.shape[-1]}",
        AssertionError,
    )
    check(
        embed_dim % num_heads == 0,
        f"embed_dim {embed_dim} not divisible by num_heads {num_heads}",
        AssertionError,
    )
    if separate:
        check(
            tuple(key.shape[:2]) == tuple(value.shape[:2]),
            f"key's sequence and batch dims {tuple(key.shape[:2])} do not match value's "
            f"{tuple(value.shape[:2])}",
            AssertionError,
        )
    else:
        check(
            tuple(key.shape) == tuple(value.shape),
            f"key shape {key.shape} does not match value shape {value.shape}",
            AssertionError,
        )


def _check_mask_shape(mask, rows, columns, batch_heads):
    if mask is None:
        return None
    expected = (rows, columns) if mask.ndim == 2 else (batch_heads, rows, columns)
    check(
        tuple(mask.shape) == expected,
        f"The shape of the {mask.ndim}D attn_mask is torch.Size({list(mask.shape)}), but should be "
        f"{expected}.",
    )
    return mask.unsqueeze(0) if mask.ndim == 2 else mask


def _heads(x, batch, num_heads):
    """(S, N, E) as (N * heads, S, E / heads)."""
    return x.reshape(x.shape[0], batch * num_heads, -1).transpose(0, 1)


def _lengthened(mask):
    """A mask with one more key, which is not left out."""
    return None if mask is None else ops.pad(mask, (0, 1))


def _merged_mask(attn_mask, key_padding_mask, batch, num_heads):
    """The sum of both masks, (N * heads or 1, L or 1, S)."""
    if key_padding_mask is None:
        return attn_mask
    columns = key_padding_mask.shape[1]
    padding = key_padding_mask.view(batch, 1, 1, columns).expand(-1, num_heads, -1, -1)
    padding = padding.reshape(batch * num_heads, 1, columns)
    return padding if attn_mask is None else attn_mask + padding


def _attend_with_weights(q, k, v, mask, dropout_p):
    weights = ops.attention_weights(q, k, mask)
    if dropout_p > 0.0:
        weights = ops.dropout(weights, dropout_p, True)
    return ops.attention_values(weights, v), weights


def _attend_heads(q, k, v, mask, batch, num_heads, dropout_p, is_causal):
    """Attention with the heads in a dimension of their own. Result (N * heads, L, D)."""
    q, k, v = [x.view(batch, num_heads, x.shape[1], x.shape[2]) for x in (q, k, v)]
    if mask is not None:
        mask = (
            mask.unsqueeze(0)
            if mask.shape[0] == 1
            else mask.view(batch, num_heads, -1, mask.shape[2])
        )
    return ops.scaled_dot_product_attention(q, k, v, mask, dropout_p, is_causal).flatten(0, 1)


@composite("F")
def multi_head_attention_forward(
    query,
    key,
    value,
    embed_dim_to_check,
    num_heads,
    in_proj_weight,
    in_proj_bias,
    bias_k,
    bias_v,
    add_zero_attn,
    dropout_p,
    out_proj_weight,
    out_proj_bias,
    training=True,
    key_padding_mask=None,
    need_weights=True,
    attn_mask=None,
    use_separate_proj_weight=False,
    q_proj_weight=None,
    k_proj_weight=None,
    v_proj_weight=None,
    static_k=None,
    static_v=None,
    average_attn_weights=True,
    is_causal=False,
):
    """Multi-head attention with its projections: (output (L, N, E), weights or None).

    `query` (L, N, E) or (L, E), `key` and `value` (S, N, E') or (S, E'). Boolean masks leave out
    where True, float masks are added: `key_padding_mask` (N, S), `attn_mask` (L, S) or
    (N * heads, L, S). Raises AssertionError and RuntimeError for shapes that do not fit.
    """
    batched = _check_ranks(query, key, value, key_padding_mask, attn_mask, num_heads)
    if not batched:
        same = query is key and key is value
        query = query.unsqueeze(1)
        key, value = (query, query) if same else (key.unsqueeze(1), value.unsqueeze(1))
        key_padding_mask = None if key_padding_mask is None else key_padding_mask.unsqueeze(0)
    rows, batch, embed_dim = query.shape
    _check_projection(query, key, value, embed_dim_to_check, num_heads, use_separate_proj_weight)
    key_padding_mask = as_float_mask(key_padding_mask, query.dtype, "key_padding_mask")
    attn_mask, is_causal = _causal_mask(
        attn_mask, is_causal, query.dtype, key_padding_mask, need_weights
    )
    weights = in_proj_weight
    if use_separate_proj_weight:
        weights = (q_proj_weight, k_proj_weight, v_proj_weight)
    q, k, v = _project(query, key, value, weights, in_proj_bias)
    attn_mask = _check_mask_shape(attn_mask, rows, k.shape[0], batch * num_heads)
    if bias_k is not None and bias_v is not None:
        k = ops.cat([k, bias_k.expand(1, batch, -1)])
        v = ops.cat([v, bias_v.expand(1, batch, -1)])
        attn_mask, key_padding_mask = _lengthened(attn_mask), _lengthened(key_padding_mask)
    q = _heads(q, batch, num_heads)
    k = _heads(k, batch, num_heads) if static_k is None else static_k
    v = _heads(v, batch, num_heads) if static_v is None else static_v
    if add_zero_attn:
        k = ops.cat([k, ops.zeros_like(k[:, :1])], 1)
        v = ops.cat([v, ops.zeros_like(v[:, :1])], 1)
        attn_mask, key_padding_mask = _lengthened(attn_mask), _lengthened(key_padding_mask)
    if key_padding_mask is not None:
        check(
            tuple(key_padding_mask.shape) == (batch, k.shape[1]),
            f"expecting key_padding_mask shape of {(batch, k.shape[1])}, but got "
            f"{key_padding_mask.shape}",
            AssertionError,
        )
    mask = _merged_mask(attn_mask, key_padding_mask, batch, num_heads)
    out, shown = _attended(
        (q, k, v), mask, batch, num_heads, dropout_p if training else 0.0, need_weights, is_causal
    )
    out = out.transpose(0, 1).reshape(rows * batch, embed_dim)
    out = ops.linear(out, out_proj_weight, out_proj_bias)
    out = out.view(rows, batch, out.shape[1])
    if shown is not None:
        shown = shown.view(batch, num_heads, rows, k.shape[1])
        shown = shown.mean(dim=1) if average_attn_weights else shown
    if batched:
        return out, shown
    return out.squeeze(1), None if shown is None else shown.squeeze(0)


def _causal_mask(attn_mask, is_causal, dtype, key_padding_mask, need_weights):
    """The mask to add, and whether the causal one may stand in for it."""
    check(
        attn_mask is not None or not is_causal,
        "Need attn_mask if specifying the is_causal hint. You may use the Transformer module "
        "method `generate_square_subsequent_mask` to create this mask.",
    )
    if is_causal and key_padding_mask is None and not need_weights:
        return None, True
    return as_float_mask(attn_mask, dtype, "attn_mask"), False


def _attended(qkv, mask, batch, num_heads, dropout_p, need_weights, is_causal):
    if need_weights:
        return _attend_with_weights(*qkv, mask, dropout_p)
    return _attend_heads(*qkv, mask, batch, num_heads, dropout_p, is_causal), None
