"""Attention whose scores are modified and masked by functions of the position."""

import itertools
import math
import typing
import warnings

from ..._engine import dtypes
from ..._engine.tensor import Tensor
from ...ops.registry import ops
from ._block_mask import (
    DEFAULT_BLOCK_SIZE,
    LARGE_BLOCK_SIZE,
    _sliced_mask_mod_error,
    and_masks,
    block_size,
    blocks_along,
    blocks_of,
    create_mask,
    dense,
    noop_mask,
    or_masks,
    ordered,
    over_positions,
)

__all__ = [
    "AuxOutput",
    "AuxRequest",
    "BlockMask",
    "FlexKernelOptions",
    "and_masks",
    "create_block_mask",
    "create_mask",
    "flex_attention",
    "noop_mask",
    "or_masks",
]

_DEFAULT_SPARSE_BLOCK_SIZE = DEFAULT_BLOCK_SIZE
_LARGE_SPARSE_BLOCK_SIZE = LARGE_BLOCK_SIZE
# Read by programs that debug their functions; here nothing is compiled that could not be looked at.
_FLEX_ATTENTION_DISABLE_COMPILE_DEBUG = False


class AuxRequest(typing.NamedTuple):
    """What `flex_attention` shall return besides the output."""

    lse: bool = False
    max_scores: bool = False


class AuxOutput(typing.NamedTuple):
    """What was asked for by an `AuxRequest`: (B, H, L) each, or None."""

    lse: Tensor | None = None
    max_scores: Tensor | None = None


class FlexKernelOptions(typing.TypedDict, total=False):
    """Options of PyTorch's own kernels. They are accepted and have no effect on XLA."""

    BACKEND: str
    PRESCALE_QK: bool
    ROWS_GUARANTEED_SAFE: bool
    BLOCKS_ARE_CONTIGUOUS: bool
    WRITE_DQ: bool
    FORCE_USE_FLEX_ATTENTION: bool
    USE_TMA: bool
    num_warps: int
    num_stages: int
    BLOCK_M: int
    BLOCK_N: int


_LISTS = (
    "kv_num_blocks",
    "kv_indices",
    "full_kv_num_blocks",
    "full_kv_indices",
    "q_num_blocks",
    "q_indices",
    "full_q_num_blocks",
    "full_q_indices",
)


class BlockMask:
    """A mask of attention, block by block: for each row of blocks how many columns of blocks have
    something to look at, and which; *full* ones are looked at without asking `mask_mod`.

    kv_num_blocks (B, H, rows), kv_indices (B, H, rows, columns), int32; the q_ lists are the same
    for the transposed mask.
    """

    def __init__(
        self,
        seq_lengths,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks,
        full_kv_indices,
        q_num_blocks,
        q_indices,
        full_q_num_blocks,
        full_q_indices,
        BLOCK_SIZE=(DEFAULT_BLOCK_SIZE, DEFAULT_BLOCK_SIZE),
        mask_mod=noop_mask,
    ):
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError(
                "full_kv_num_blocks and full_kv_indices must be both provided or omitted"
            )
        if (full_q_num_blocks is None) != (full_q_indices is None):
            raise AssertionError(
                "full_q_num_blocks and full_q_indices must be both provided or omitted"
            )
        self.seq_lengths = seq_lengths
        self.kv_num_blocks = kv_num_blocks
        self.kv_indices = kv_indices
        self.full_kv_num_blocks = full_kv_num_blocks
        self.full_kv_indices = full_kv_indices
        self.q_num_blocks = q_num_blocks
        self.q_indices = q_indices
        self.full_q_num_blocks = full_q_num_blocks
        self.full_q_indices = full_q_indices
        self.BLOCK_SIZE = BLOCK_SIZE
        self.mask_mod = mask_mod
        # The function says it all, so that the lists need not be looked at.
        self._complete = None

    @classmethod
    def from_kv_blocks(
        cls,
        kv_num_blocks,
        kv_indices,
        full_kv_num_blocks=None,
        full_kv_indices=None,
        BLOCK_SIZE=DEFAULT_BLOCK_SIZE,
        mask_mod=None,
        seq_lengths=None,
        compute_q_blocks=True,
    ):
        """A mask from the lists of blocks of keys for each block of queries."""
        if kv_indices.dim() < 2:
            raise RuntimeError("BlockMask must have at least 2 dimensions")
        if (full_kv_num_blocks is None) != (full_kv_indices is None):
            raise AssertionError(
                "full_kv_num_blocks and full_kv_indices must be both provided or omitted"
            )
        size = block_size(BLOCK_SIZE)
        q_lists = [None] * 4
        if compute_q_blocks:
            q_lists[:2] = ordered(dense(kv_num_blocks, kv_indices).mT)
            if full_kv_num_blocks is not None:
                q_lists[2:] = ordered(dense(full_kv_num_blocks, full_kv_indices).mT)
        if seq_lengths is None:
            seq_lengths = tuple(n * s for n, s in zip(kv_indices.shape[-2:], size))
        kv_lists = (kv_num_blocks, kv_indices, full_kv_num_blocks, full_kv_indices)
        return cls(
            seq_lengths, *kv_lists, *q_lists, BLOCK_SIZE=size, mask_mod=mask_mod or noop_mask
        )

    def as_tuple(self, flatten=True):
        """The sequence lengths, the lists, the size of a block and the function, in order."""
        # The last four are PyTorch's order of writing gradients, which there is none of here.
        lists = (*(getattr(self, name) for name in _LISTS), *[None] * 4)
        if flatten:
            return (*self.seq_lengths, *lists, *self.BLOCK_SIZE, self.mask_mod)
        return (self.seq_lengths, *lists, self.BLOCK_SIZE, self.mask_mod)

    @property
    def shape(self):
        """(B, H, queries, keys)."""
        return (*self.kv_indices.shape[:-2], *self.seq_lengths)

    def numel(self):
        """The number of elements of the whole mask."""
        return math.prod(self.shape)

    def sparsity(self):
        """The percentage of elements in blocks that are not looked at."""
        looked_at = self.kv_num_blocks.sum().item()
        if self.full_kv_num_blocks is not None:
            looked_at += self.full_kv_num_blocks.sum().item()
        area = looked_at * self.BLOCK_SIZE[0] * self.BLOCK_SIZE[1]
        return 100 * (1 - area / self.numel())

    def to_dense(self):
        """1 for every block that has something to look at: (B, H, rows, columns), int32."""
        partial = dense(self.kv_num_blocks, self.kv_indices)
        if self.full_kv_num_blocks is None:
            return partial
        return partial | dense(self.full_kv_num_blocks, self.full_kv_indices)

    def to(self, device):
        """The mask with its lists on another device."""
        lists = [getattr(self, name) for name in _LISTS]
        moved = [t if t is None else t.to(device) for t in lists]
        made = BlockMask(self.seq_lengths, *moved, self.BLOCK_SIZE, self.mask_mod)
        made._complete = self._complete
        return made

    def __getitem__(self, index):
        """The lists at an index of batch, head and row of blocks; integers keep the dimension.

        The function of the result is one that raises: it has to be set again.
        """
        index = index if isinstance(index, tuple) else (index,)
        index = (*index, slice(None), slice(None), slice(None))[:3]
        index = tuple(_kept(i, n) for i, n in zip(index, self.kv_num_blocks.shape[:3], strict=True))
        lists = [getattr(self, name) for name in _LISTS[:4]]
        return BlockMask.from_kv_blocks(
            *(t if t is None else t[index] for t in lists),
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=_sliced_mask_mod_error,
            seq_lengths=self.seq_lengths,
            compute_q_blocks=self.q_indices is not None,
        )

    def _adjust(self, new_q_len, new_kv_len):
        """The upper left corner of the mask, for shorter sequences."""
        rows = blocks_along(new_q_len, self.BLOCK_SIZE[0])
        columns = blocks_along(new_kv_len, self.BLOCK_SIZE[1])

        def cut(count, indices):
            if count is None:
                return None, None
            return ordered(dense(count, indices)[:, :, :rows, :columns])

        made = BlockMask.from_kv_blocks(
            *cut(self.kv_num_blocks, self.kv_indices),
            *cut(self.full_kv_num_blocks, self.full_kv_indices),
            BLOCK_SIZE=self.BLOCK_SIZE,
            mask_mod=self.mask_mod,
            seq_lengths=(new_q_len, new_kv_len),
        )
        made._complete = self._complete
        return made

    def _elements(self, batch, heads, device):
        """The mask itself, boolean: (batch, heads, queries, keys) or what broadcasts to it."""
        shape = (batch, heads, *self.seq_lengths)
        asked = over_positions(self.mask_mod, shape, device)
        if self._complete is self.mask_mod:
            return asked
        looked_at = self._spread(dense(self.kv_num_blocks, self.kv_indices)) & asked
        if self.full_kv_num_blocks is None:
            return looked_at
        return looked_at | self._spread(dense(self.full_kv_num_blocks, self.full_kv_indices))

    def _spread(self, blocks):
        q_block, kv_block = self.BLOCK_SIZE
        whole = blocks.bool().repeat_interleave(q_block, -2).repeat_interleave(kv_block, -1)
        return whole[..., : self.seq_lengths[0], : self.seq_lengths[1]]

    def to_string(self, grid_size=(20, 20), limit=4):
        """A picture of each batch and head, of at most `grid_size` rows and columns."""
        blocks = self.to_dense().numpy()
        *batch, rows, columns = blocks.shape
        if grid_size == -1:
            grid_size = (rows, columns)
        sizes = (grid_size, grid_size) if isinstance(grid_size, int) else grid_size
        steps = [max(1, math.ceil(n / m)) for n, m in zip((rows, columns), sizes)]
        pictures = []
        for count, at in enumerate(itertools.product(*map(range, batch))):
            if count == limit:
                pictures += [
                    "...",
                    "To print out more, set BlockMask.to_string(limit=N)",
                    "You can also index (BlockMask[batch, head]) to choose a specific batch or "
                    "head",
                ]
                break
            pictures.append(f"{at}\n" + _picture(blocks[at], *steps))
        return "\n".join(pictures)

    def __str__(self):
        head = f"BlockMask(shape={self.shape}, sparsity={self.sparsity():.2f}%, \n"
        return head + self.to_string().strip() + "\n)"

    def __repr__(self):
        lists = {n: getattr(self, n) for n in _LISTS}
        lines = [f"{n}={None if t is None else t.shape}" for n, t in lists.items()]
        lines.append(f"BLOCK_SIZE={self.BLOCK_SIZE}")
        lines.append(f"shape={self.shape}")
        lines.append(f"sparsity={self.sparsity():.2f}%")
        lines.append(f"mask_mod={getattr(self.mask_mod, '__name__', self.mask_mod)}")
        return "BlockMask(\n    " + ",\n    ".join(lines) + "\n)"


def _kept(index, size):
    """An index that keeps its dimension."""
    if not isinstance(index, int):
        return index
    index = index + size if -size <= index < 0 else index
    return slice(index, index + 1)


def _picture(blocks, row_step, column_step):
    text = ""
    for r in range(0, blocks.shape[0], row_step):
        for c in range(0, blocks.shape[1], column_step):
            share = blocks[r : r + row_step, c : c + column_step].mean()
            text += 2 * ("█" if share == 1 else " " if share == 0 else "░")
        text += "\n"
    return text


def create_block_mask(
    mask_mod,
    B,
    H,
    Q_LEN,
    KV_LEN,
    device=None,
    BLOCK_SIZE=DEFAULT_BLOCK_SIZE,
    _compile=False,
    separate_full_blocks=True,
    compute_dq_write_order=False,
    dq_kv_order=True,
):
    """The BlockMask of a function mask_mod(b, h, q_idx, kv_idx) -> bool; B and H may be None, for a
    mask that is the same for all.
    """
    if compute_dq_write_order:
        raise NotImplementedError(
            "create_block_mask: compute_dq_write_order=True is not supported by jtorch; XLA "
            "chooses the order by itself"
        )
    size = block_size(BLOCK_SIZE)
    mask = create_mask(mask_mod, B, H, Q_LEN, KV_LEN, device)
    partial, full = blocks_of(mask, *size, separate_full_blocks)
    made = BlockMask.from_kv_blocks(
        *ordered(partial),
        *((None, None) if full is None else ordered(full)),
        BLOCK_SIZE=size,
        mask_mod=mask_mod,
        seq_lengths=(Q_LEN, KV_LEN),
    )
    made._complete = mask_mod
    return made


def _create_empty_block_mask(query, key):
    """One block, as large as can be."""
    ones = ops.ones(1, 1, 1, dtype=dtypes.int32, device=query.device)
    lengths = (1, 1) if query.dim() != 4 else (query.shape[-2], key.shape[-2])
    made = BlockMask.from_kv_blocks(
        ones,
        ones.new_zeros(1, 1, 1, 1),
        BLOCK_SIZE=LARGE_BLOCK_SIZE,
        mask_mod=noop_mask,
        seq_lengths=lengths,
    )
    made._complete = noop_mask
    return made


def _check(query, key, value, block_mask, enable_gqa):
    if query.size(-1) != key.size(-1):
        raise ValueError(
            "Expect query and key/value to have the same embedding dimension but got "
            f"E={query.size(-1)} and E={key.size(-1)}."
        )
    if not query.dim() == key.dim() == value.dim() == 4:
        raise NotImplementedError("NYI: query, key, and value must be 4D tensors")
    heads, kv_heads = query.size(1), key.size(1)
    if not enable_gqa and heads != kv_heads:
        raise ValueError(
            f"Expect query and key/value to have the same number of heads but got Hq={heads} and "
            f"Hkv={kv_heads}. Try setting enable_gqa=True for GQA."
        )
    if heads % kv_heads:
        raise ValueError(
            "Expect number of query heads to be a multiple of kv heads for GQA but got "
            f"Hq={heads} and Hkv={kv_heads}."
        )
    if query.size(0) != key.size(0) and block_mask is None:
        raise ValueError(
            "Expect query and key/value to have the same batch size, or non-none block_mask, but "
            f"got block_mask=None, Bq={query.size(0)}, and Bkv={key.size(0)}."
        )
    if query.size(0) != key.size(0) and block_mask.kv_num_blocks.size(0) != query.size(0):
        raise ValueError(
            "Expect query and key/value to have the same batch size, or block_mask and query to "
            f"have the same batch size, but got Bq={query.size(0)}, Bkv={key.size(0)}, "
            f"B_block_mask={block_mask.kv_num_blocks.size(0)}."
        )


def _check_block_mask(query, key, block_mask):
    if block_mask.mask_mod is _sliced_mask_mod_error:
        raise RuntimeError("Cannot use mask_mod from a sliced BlockMask")
    if query.device != block_mask.kv_num_blocks.device:
        raise RuntimeError(
            "Expect q/k/v and block_mask to be on the same device but got "
            f"{query.device} and {block_mask.kv_num_blocks.device}."
        )
    given, made_for = (query.size(-2), key.size(-2)), tuple(block_mask.seq_lengths)
    if given == made_for or block_mask.BLOCK_SIZE == (LARGE_BLOCK_SIZE, LARGE_BLOCK_SIZE):
        return
    smaller = given[0] > made_for[0] or given[1] > made_for[1]
    advice = (
        "As the block mask was created for a smaller length than you're using it for, you likely "
        "need to create a new block mask."
        if smaller
        else "As the block mask was created for a larger length than you're using it for, you can "
        "either 1. create a new block mask with the correct length, or 2. 'adjust' the existing "
        "block mask to the correct length by calling block_mask._adjust(q_len, kv_len)."
    )
    raise ValueError(
        f"block_mask was created for block_mask.shape={block_mask.shape} but got q_len={given[0]} "
        f"and kv_len={given[1]}. {advice}"
    )


def flex_attention(
    query,
    key,
    value,
    score_mod=None,
    block_mask=None,
    scale=None,
    enable_gqa=False,
    return_lse=False,
    kernel_options=None,
    *,
    return_aux=None,
):
    """softmax(score_mod(q k^T * scale, b, h, q_idx, kv_idx)) v, where `block_mask` allows.

    Shapes: query (B, Hq, L, E), key (B, Hkv, S, E), value (B, Hkv, S, Ev), result (B, Hq, L, Ev),
    with Hq = Hkv or, with `enable_gqa`, a multiple. A query that may look at nothing gives zeros.
    The scores are computed in float32, or float64 for float64. With `return_aux` the second result
    has what it asks for. Gradients reach the inputs and the tensors that `score_mod` uses.
    """
    _check(query, key, value, block_mask, enable_gqa)
    if return_lse and return_aux is not None:
        raise ValueError(
            "Cannot specify both return_lse and return_aux. return_lse is deprecated, please use "
            "return_aux=AuxRequest(lse=True) instead."
        )
    block_mask = block_mask or _create_empty_block_mask(query, key)
    _check_block_mask(query, key, block_mask)
    groups = query.size(1) // key.size(1)
    if groups > 1:
        key, value = (t.repeat_interleave(groups, 1) for t in (key, value))
    scores = _scores(query, key, score_mod, block_mask, scale)
    empty = (scores == -math.inf).all(-1, keepdim=True)
    weights = ops.softmax(scores.masked_fill(empty, 0.0), -1).masked_fill(empty, 0.0)
    output = weights.to(query.dtype) @ value.to(query.dtype)
    if return_aux is None and not return_lse:
        return output
    if return_lse:
        warnings.warn(
            "return_lse is deprecated and will be removed in v2.10. Please use "
            "return_aux=AuxRequest(lse=True) instead.",
            FutureWarning,
            stacklevel=2,
        )
        return output, scores.logsumexp(-1)
    lse = scores.logsumexp(-1) if return_aux.lse else None
    return output, AuxOutput(lse, scores.amax(-1) if return_aux.max_scores else None)


def _scores(query, key, score_mod, block_mask, scale):
    """The scores as the softmax takes them, -inf where nothing may be looked at."""
    wide = dtypes.float64 if query.dtype is dtypes.float64 else dtypes.float32
    scale = 1.0 / math.sqrt(query.size(-1)) if scale is None else scale
    scores = (query.to(wide) @ key.to(wide).mT) * scale
    shape = tuple(scores.shape)
    if score_mod is not None:
        scores = over_positions(score_mod, shape, scores.device, scores).to(wide)
    if block_mask._complete is noop_mask and block_mask.mask_mod is noop_mask:
        return scores
    allowed = block_mask._elements(*shape[:2], scores.device)
    return scores.masked_fill(allowed.logical_not(), -math.inf)
