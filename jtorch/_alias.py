"""`import torch` is jtorch: a finder that gives every `torch.*` module name jtorch's module of that
name.

The modules are the same objects under both names, so that classes are the same and patches made
under one name are seen under the other.
"""

import importlib
import importlib.abc
import importlib.machinery
import importlib.metadata
import importlib.util
import pathlib
import sys

from ._settings import version

__all__ = ["install", "uninstall"]

_THEIRS = "torch"
_OURS = "jtorch"


def _ours(name):
    return _OURS + name[len(_THEIRS) :]


class _Loader(importlib.abc.InspectLoader):
    """Loads a `torch.*` name by importing jtorch's module. It is not executed a second time."""

    def create_module(self, spec):
        module = importlib.import_module(_ours(spec.name))
        # The import system is about to put the torch name's spec on the module; exec_module puts
        # jtorch's back.
        spec.loader_state = (module.__spec__, module.__loader__)
        return module

    def exec_module(self, module):
        spec, loader = module.__spec__.loader_state
        module.__spec__, module.__loader__ = spec, loader

    def get_code(self, fullname):
        """The code object of jtorch's module, for `python -m torch.something`."""
        spec = importlib.util.find_spec(_ours(fullname))
        return spec.loader.get_code(_ours(fullname))

    def get_source(self, fullname):
        """The source of jtorch's module."""
        spec = importlib.util.find_spec(_ours(fullname))
        return spec.loader.get_source(_ours(fullname))

    def is_package(self, fullname):
        """True when jtorch's module is a package."""
        return importlib.util.find_spec(_ours(fullname)).submodule_search_locations is not None


class _Distribution(importlib.metadata.Distribution):
    """What a package manager would know about an installed `torch`."""

    def read_text(self, filename):
        """The metadata file; there are no others."""
        if filename not in ("METADATA", "PKG-INFO"):
            return None
        fields = ("Metadata-Version: 2.1", "Name: torch", f"Version: {version.__version__}")
        return "\n".join((*fields, "Summary: jtorch under torch's name", ""))

    def locate_file(self, path):
        """Where a file of the distribution would be."""
        return pathlib.Path(__file__).parent.parent / path


class _Finder(importlib.metadata.DistributionFinder):
    """Finds `torch` and its submodules, and the metadata of a distribution of that name."""

    def find_spec(self, fullname, path=None, target=None):
        """A spec for `torch` and `torch.*`; None for other names.

        Raises ModuleNotFoundError for a torch submodule that jtorch does not have.
        """
        if fullname != _THEIRS and not fullname.startswith(_THEIRS + "."):
            return None
        ours = _ours(fullname)
        found = sys.modules.get(ours)
        spec = found.__spec__ if found is not None else _find(ours)
        if spec is None:
            # Without this, the search would go on and might find files of a real torch.
            raise ModuleNotFoundError(
                f"No module named {fullname!r} (jtorch does not have it)", name=fullname
            )
        package = spec.submodule_search_locations is not None
        made = importlib.machinery.ModuleSpec(
            fullname, _Loader(), origin=spec.origin, is_package=package
        )
        if package:
            made.submodule_search_locations = list(spec.submodule_search_locations)
        return made

    def find_distributions(self, context=None):
        """The distribution `torch`, when that name or every name is asked for."""
        if context is None or context.name in (None, _THEIRS):
            yield _Distribution()


def _find(name):
    try:
        return importlib.util.find_spec(name)
    except ModuleNotFoundError:
        return None


_finder = _Finder()


def _is_torch(name):
    return name == _THEIRS or name.startswith(_THEIRS + ".")


def install():
    """Make `import torch`, here and in everything imported from now on, give jtorch.

    Raises RuntimeError when another torch has already been imported in this process.
    """
    if _finder in sys.meta_path:
        return
    already = sys.modules.get(_THEIRS)
    if already is not None and already is not sys.modules[_OURS]:
        raise RuntimeError(
            "jtorch.install() must be called before torch is imported: another torch is already "
            "loaded from "
            f"{getattr(already, '__file__', None)}"
        )
    sys.meta_path.insert(0, _finder)
    # Everything loaded so far is known under both names at once.
    for name, module in list(sys.modules.items()):
        if name == _OURS or name.startswith(_OURS + "."):
            sys.modules.setdefault(_THEIRS + name[len(_OURS) :], module)


def uninstall():
    """Undo `install`: later imports of torch find whatever else is installed."""
    if _finder not in sys.meta_path:
        return
    sys.meta_path.remove(_finder)
    for name in [n for n in sys.modules if _is_torch(n)]:
        del sys.modules[name]
