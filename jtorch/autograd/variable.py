"""The historical `Variable`: a name for Tensor."""

from .._engine.tensor import Tensor, TensorMeta


class _VariableMeta(TensorMeta):
    """Every tensor is a Variable."""

    def __instancecheck__(cls, other):
        return isinstance(other, Tensor)

    def __call__(cls, data, requires_grad=False, volatile=None):
        t = data.detach()
        return t.requires_grad_(requires_grad)


class Variable(metaclass=_VariableMeta):
    """`Variable(tensor)` is the tensor; kept for old code."""
