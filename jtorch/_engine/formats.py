"""Memory formats: names for orders of dimensions in memory."""


class memory_format:
    """A memory format. `order` lists the dimensions from the one that varies fastest."""

    __slots__ = ("name", "order")
    __module__ = "torch"

    def __init__(self, name, order=None):
        self.name = name
        self.order = order

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return (_named, (self.name,))


def _named(name):
    return FORMATS[name]


contiguous_format = memory_format("contiguous_format")
legacy_contiguous_format = contiguous_format
preserve_format = memory_format("preserve_format")
channels_last = memory_format("channels_last", (1, 3, 2, 0))
channels_last_3d = memory_format("channels_last_3d", (1, 4, 3, 2, 0))
FORMATS = {f.name: f for f in (contiguous_format, preserve_format, channels_last, channels_last_3d)}
