"""`torch.types`: names for type annotations."""

import os
import typing

from ._engine.device import device
from ._engine.dtypes import dtype
from ._engine.size import Size
from ._engine.tensor import Tensor

Number = typing.Union[int, float, bool]  # noqa: UP007  (isinstance(x, Number) must work with typing.get_args)
Device = typing.Union[device, str, int, None]  # noqa: UP007
FileLike = typing.Union[str, os.PathLike, typing.IO[bytes]]  # noqa: UP007
_bool, _int, _float, _complex = bool, int, float, complex
_dtype, _device, _size = dtype, device, typing.Union[Size, list[int], tuple[int, ...]]  # noqa: UP007
_TensorOrTensors = typing.Union[Tensor, typing.Sequence[Tensor]]  # noqa: UP007
Storage = object
