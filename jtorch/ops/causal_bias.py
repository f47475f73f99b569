"""A causal mask that is known by its kind and sizes, `torch.nn.attention.bias.CausalBias`."""

import enum

from .._engine import dtypes
from .._engine.tensor import Tensor
from .registry import ops


class CausalVariant(enum.IntEnum):
    """Where the diagonal of a causal mask lies when there are more keys than queries."""

    UPPER_LEFT = 1
    LOWER_RIGHT = 2


class CausalBias(Tensor):
    """A causal mask for `scaled_dot_product_attention`; `_materialize` gives the boolean tensor."""

    __module__ = "torch.nn.attention.bias"

    def __new__(cls, variant, seq_len_q, seq_len_kv):
        shape = (2, seq_len_q, seq_len_kv)
        return ops.empty(1).expand(shape).as_subclass(cls)

    def __init__(self, variant, seq_len_q, seq_len_kv):
        if not isinstance(variant, CausalVariant):
            raise AssertionError("variant must be a CausalVariant")
        self.variant = variant
        self.seq_len_q = seq_len_q
        self.seq_len_kv = seq_len_kv

    def _materialize(self, device=None):
        """True where a query may look at a key: shape (queries, keys)."""
        lower = self.variant is CausalVariant.LOWER_RIGHT
        shift = self.seq_len_kv - self.seq_len_q if lower else 0
        whole = ops.ones(self.seq_len_q, self.seq_len_kv, device=device, dtype=dtypes.bool)
        return whole.tril(shift)

    def __repr__(self):
        return repr(self._materialize())
