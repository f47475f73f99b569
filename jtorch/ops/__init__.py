"""The declarations of every operation, one file for each family.

Importing the package imports every family, so a new file here is all it takes to add operations;
then Tensor gets its methods and operators.
"""

import importlib
import pkgutil

from . import attributes, namespaces, operators
from .namespaces import load_library
from .registry import entries, ops, public

_FAMILIES = sorted(m.name for m in pkgutil.iter_modules(__path__))
for _module in _FAMILIES:
    importlib.import_module(f"{__name__}.{_module}")

operators.attach_methods()
operators.attach_reflected()
operators.attach_operators()
operators.attach_protocols()
attributes.attach()

loaded_libraries = set()


def __getattr__(name):
    """`torch.ops.<name>`: here the package is what PyTorch calls by the same name."""
    if name.startswith("__"):
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return namespaces.namespace(name)


__all__ = ["entries", "load_library", "ops", "public"]
