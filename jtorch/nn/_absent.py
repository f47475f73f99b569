"""Names of torch.nn that jtorch does not have, for modules that only say so."""


class NotSupported(NotImplementedError, AttributeError):
    """A name that torch has. It is an AttributeError too, so that hasattr says no."""


def absent(module, advice):
    """The `__getattr__` of a module whose names are not supported."""

    def __getattr__(name):
        if name.startswith("__"):
            raise AttributeError(f"module {module!r} has no attribute {name!r}")
        raise NotSupported(f"{module}.{name} is not supported by jtorch; {advice}")

    return __getattr__
