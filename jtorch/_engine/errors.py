"""Exception classes that torch defines beyond Python's own."""


class LinAlgError(RuntimeError):
    """A linear-algebra routine met a singular or otherwise unusable matrix."""


class OutOfMemoryError(RuntimeError):
    """The device has no memory left for an allocation."""
