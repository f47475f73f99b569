"""`torch.linalg`: decompositions, solvers and norms."""

from .._engine.errors import LinAlgError
from ..ops import public as _public

globals().update(_public["linalg"])
__all__ = sorted([*_public["linalg"], "LinAlgError"])
