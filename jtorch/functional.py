"""`torch.functional`: the functions of `torch` that PyTorch writes in Python."""

from .ops import public as _public

__all__ = """atleast_1d atleast_2d atleast_3d block_diag broadcast_shapes broadcast_tensors
cartesian_prod cdist chain_matmul einsum istft lu meshgrid norm pca_lowrank split stft svd_lowrank
tensordot unique unique_consecutive unravel_index""".split()

globals().update({name: _public["torch"][name] for name in __all__})
