"""`torch.utils.hooks`: the handles that remove hooks."""

from ..nn.modules._removable import RemovableHandle

__all__ = ["RemovableHandle", "unserializable_hook"]


def unserializable_hook(f):
    """Mark a hook as one that cannot be pickled."""
    f.__torch_unserializable__ = True
    return f
