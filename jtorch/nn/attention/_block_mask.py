"""Masks of attention that are known block by block."""

import inspect
import itertools
import math

import numpy as np

from ..._engine import device as devices
from ..._engine import dtypes
from ..._engine.tensor import Tensor
from ...ops.registry import from_host, ops

DEFAULT_BLOCK_SIZE = 128
LARGE_BLOCK_SIZE = 1 << 30


def noop_mask(batch, head, token_q, token_kv):
    """The mask under which every query looks at every key."""
    return batch.new_ones((), dtype=dtypes.bool)


def _sliced_mask_mod_error(batch, head, token_q, token_kv):
    raise RuntimeError(
        "Cannot use mask_mod from a sliced BlockMask. When you slice a BlockMask using [], the "
        "mask_mod attribute is reset. You must set it from the original BlockMask's mask_mod."
    )


def _combined(mask_mods, name, neutral, combine):
    if not all(callable(mod) for mod in mask_mods):
        raise RuntimeError(f"All inputs should be callable mask_mods: {mask_mods}")

    def mask(b, h, q_idx, kv_idx):
        result = b.new_full((), neutral, dtype=dtypes.bool)
        for mod in mask_mods:
            result = combine(result, mod(b, h, q_idx, kv_idx))
        return result

    mask.__name__ = mask.__qualname__ = name
    return mask


def or_masks(*mask_mods):
    """The mask that allows what any of the masks allows."""
    return _combined(mask_mods, "or_mask", False, lambda a, b: a | b)


def and_masks(*mask_mods):
    """The mask that allows what all the masks allow."""
    return _combined(mask_mods, "and_mask", True, lambda a, b: a & b)


# --- from functions of positions to tensors -------------------------------------------


def _fits(result, shape):
    """True when a function of positions, called with all at once, gave one value for each."""
    own = tuple(result.shape) if isinstance(result, Tensor) else ()
    if len(own) > len(shape):
        return False
    return all(n in (1, m) for n, m in zip(reversed(own), reversed(shape)))


def _broadcast(mod, scores, shape, device):
    """`mod` called once, with positions that broadcast to `shape`; None where that does not do."""
    # Positions made on the host: an index that is out of range is then seen at once.
    axes = np.ogrid[tuple(slice(n) for n in shape)]
    positions = [from_host(axis, device) for axis in axes]
    try:
        result = mod(*scores, *positions)
    except (RuntimeError, IndexError, TypeError, ValueError):
        return None
    return result if _fits(result, shape) else None


def over_positions(mod, shape, device, scores=None):
    """A score_mod (with `scores`) or mask_mod for every position: (B, H, queries, keys).

    The function is called with positions that broadcast. Where it needs the batch and the head as
    single numbers, as `table[b][q_idx]` does, it is called for each of them. Raises
    NotImplementedError for one that needs single positions too.
    """
    given = () if scores is None else (scores,)
    result = _broadcast(mod, given, shape, device)
    if result is not None:
        return _spread(result, shape, device)
    batch, heads, *plane = shape
    rows = []
    for b, h in itertools.product(range(batch), range(heads)):
        one = tuple(s[b, h] for s in given)
        at = ops.tensor(b, device=device), ops.tensor(h, device=device)
        rows.append(_spread(_on_plane(mod, one, at, plane, device), plane, device))
    return ops.stack(rows).reshape(*shape)


def _on_plane(mod, scores, at, plane, device):
    rows, columns = np.ogrid[: plane[0], : plane[1]]
    result = mod(*scores, *at, from_host(rows, device), from_host(columns, device))
    if not _fits(result, plane):
        raise NotImplementedError(
            "flex_attention: a score_mod or mask_mod that needs single positions is not supported "
            "by jtorch; use operations on each element, and index a table with all its indices at "
            "once, table[q_idx, kv_idx]"
        )
    return result


def _spread(result, shape, device):
    if not isinstance(result, Tensor):
        result = ops.tensor(result, device=device)
    return result.expand(tuple(shape))


def _takes_scores(mod):
    """True for a score_mod, which has one positional argument more than a mask_mod."""
    given = [
        p
        for p in inspect.signature(mod).parameters.values()
        if p.default is p.empty and p.kind is not p.KEYWORD_ONLY
    ]
    if len(given) not in (4, 5):
        raise AssertionError(
            f"mod_fn must be a score_mod or a mask_mod, with {len(given)} arguments"
        )
    return len(given) == 5


def create_mask(mod_fn, B, H, Q_LEN, KV_LEN, device=None):
    """The boolean mask (B, H, Q_LEN, KV_LEN) of a mask_mod, or of a score_mod (not -inf)."""
    device = devices.resolve(device or devices.default_device())
    shape = (1 if B is None else B, 1 if H is None else H, Q_LEN, KV_LEN)
    if not _takes_scores(mod_fn):
        return over_positions(mod_fn, shape, device)
    scores = over_positions(mod_fn, shape, device, ops.zeros(*shape, device=device))
    return scores.isneginf().logical_not()


# --- lists of blocks ------------------------------------------------------------------


def ordered(dense):
    """(number of ones in each row, their columns followed by the others), both int32."""
    dense = dense.to(dtypes.int32)
    columns = ops.argsort(dense, dim=-1, descending=True, stable=True)
    return dense.sum(-1).to(dtypes.int32), columns.to(dtypes.int32)


def dense(count, columns, width=None):
    """The opposite of `ordered`: a matrix of ones and zeros, int32."""
    width = columns.shape[-1] if width is None else width
    used = ops.arange(columns.shape[-1], device=columns.device) < count.unsqueeze(-1)
    # What is not used goes into one more column, which is cut off.
    target = ops.where(used, columns, width).to(dtypes.int64)
    empty = ops.zeros(*columns.shape[:-1], width + 1, dtype=dtypes.int32, device=columns.device)
    return empty.scatter(-1, target, 1)[..., :width].contiguous()


def blocks_of(mask, q_block, kv_block, separate_full_blocks):
    """(blocks with some elements set, blocks with all set or None) of a mask (B, H, Q, KV)."""
    batch, heads, rows, columns = mask.shape
    padded = ops.pad(mask, (0, -columns % kv_block, 0, -rows % q_block))
    rows, columns = (padded.shape[2] // q_block, padded.shape[3] // kv_block)
    count = padded.reshape(batch, heads, rows, q_block, columns, kv_block).sum((3, 5))
    if not separate_full_blocks:
        return (count > 0).to(dtypes.int8), None
    full = count == q_block * kv_block
    return ((count > 0) & full.logical_not()).to(dtypes.int8), full.to(dtypes.int8)


def block_size(given):
    """(of queries, of keys) from one number or two."""
    return tuple(given) if isinstance(given, (tuple, list)) else (given, given)


def blocks_along(length, size):
    """How many blocks a sequence has."""
    return math.ceil(length / size)
