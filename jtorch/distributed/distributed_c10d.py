"""The functions of `torch.distributed`, where PyTorch defines them."""

from . import _collectives, _groups, constants
from ._collectives import *  # noqa: F403  (names listed in __all__)
from ._groups import *  # noqa: F403  (names listed in __all__)
from ._groups import _get_default_group
from .constants import *  # noqa: F403  (names listed in __all__)

# libraries read this from here
_REEXPORTED = (_get_default_group,)

__all__ = sorted([*_collectives.__all__, *_groups.__all__, *constants.__all__])
