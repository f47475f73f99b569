"""`torch.distributed` for one process: groups of rank 0 and size 1, and their collectives.

Several processes are not supported; one process uses all of its devices through JAX.
"""

from . import constants, distributed_c10d
from ._collectives import _RedOpType
from .distributed_c10d import *

__all__ = ["constants", "distributed_c10d", *distributed_c10d.__all__]

reduce_op = _RedOpType
