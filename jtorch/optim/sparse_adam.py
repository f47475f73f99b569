"""SparseAdam, which needs sparse tensors."""

from .optimizer import Optimizer

__all__ = ["SparseAdam"]


class SparseAdam(Optimizer):
    """Not supported: there are no sparse gradients."""

    def __init__(self, params, lr=1e-3, betas=(0.9, 0.999), eps=1e-8, maximize=False):
        raise NotImplementedError(
            "torch.optim.SparseAdam: sparse gradients are not supported by jtorch; "
            "use torch.optim.Adam and an Embedding with sparse=False"
        )
