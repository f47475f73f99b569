"""The compiled form of the recording path (`_c/`), where it was built.

It is optional: without a C compiler, or with JTORCH_PURE_PYTHON=1 in the environment, the Python
functions do the same. Those remain what says what is right; the compiled ones hand them whatever is
not usual.
"""

import os
import warnings

# Of `_c/fast.h`: an extension that was built from other sources is left alone.
INTERFACE = 1


def _load():
    if os.environ.get("JTORCH_PURE_PYTHON", "0") not in ("", "0"):
        return None
    try:
        from . import _fast
    except ImportError:
        return None
    return _usable(_fast)


def _usable(module):
    """The extension, or None with a warning when it belongs to another version of these files."""
    if module.interface == INTERFACE:
        return module
    warnings.warn(
        "jtorch's compiled extension belongs to another version of jtorch and is not used; install "
        "again to build it",
        RuntimeWarning,
        stacklevel=4,
    )
    return None


compiled = _load()


def compiled_form(function, **given):
    """The compiled function of the same name, or `function` itself.

    given: the classes and functions it works with, by the names that `_c/fast.h` has for them.
    """
    if compiled is None:
        return function
    compiled.setup(given)
    return getattr(compiled, function.__name__)
