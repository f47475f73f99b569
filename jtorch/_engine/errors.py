"""Exception classes that torch defines beyond Python's own."""


class LinAlgError(RuntimeError):
    """A linear-algebra routine met a singular or otherwise unusable matrix."""


class OutOfMemoryError(RuntimeError):
    """The device has no memory left for an allocation."""


class AcceleratorError(RuntimeError):
    """A device reported an error."""


class JITException(Exception):
    """What a script of `torch.jit` raised; jtorch runs scripts as the Python they are."""


class FatalError(Exception):
    """An error after which nothing can go on."""
