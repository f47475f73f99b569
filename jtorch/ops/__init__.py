"""The declarations of every operation, one file for each family.

Importing the package imports every family, so a new file here is all it takes to add operations;
then Tensor gets its methods and operators.
"""

import importlib
import pkgutil

from . import operators
from .registry import entries, ops, public

for _module in sorted(m.name for m in pkgutil.iter_modules(__path__)):
    importlib.import_module(f"{__name__}.{_module}")

operators.attach_methods()
operators.attach_reflected()
operators.attach_operators()
operators.attach_protocols()

__all__ = ["entries", "ops", "public"]
