"""Run a program that imports torch, with jtorch in its place.

python -m jtorch [--explain] script.py [args]
python -m jtorch [--explain] -m module [args]
"""

import importlib.machinery
import os
import runpy
import sys
import traceback
import types

from . import _alias
from ._engine import stats, trace
from ._settings import version

USAGE = """usage: python -m jtorch [--explain] script.py [arguments]
       python -m jtorch [--explain] -m module [arguments]

Runs a PyTorch program with `import torch` meaning jtorch.

  --explain     at exit, tell what was recorded, cut, compiled and reused (also: JTORCH_LOG=trace)
  -m module     run a module, as `python -m module` would
  --version     print the version

JTORCH_TRACEBACK=full shows jtorch's and JAX's own frames in tracebacks, too."""


def main(argv=None):
    """Run the command line; returns the exit status."""
    argv = list(sys.argv[1:] if argv is None else argv)
    while argv and argv[0].startswith("-") and argv[0] != "-m":
        option = argv.pop(0)
        if option == "--explain":
            stats.report_at_exit()
        elif option in ("--help", "-h"):
            print(USAGE)
            return 0
        elif option == "--version":
            print(f"jtorch (PyTorch API {version.__version__})")
            return 0
        else:
            print(f"jtorch: unknown option {option}\n\n{USAGE}", file=sys.stderr)
            return 2
    if argv in ([], ["-m"]):
        print(USAGE, file=sys.stderr)
        return 2
    return _run(argv)


def _run(argv):
    _alias.install()
    try:
        if argv[0] == "-m":
            _run_module(argv[1], argv[2:])
        elif os.path.exists(argv[0]):
            _run_script(argv[0], argv[1:])
        else:
            reason = "[Errno 2] No such file or directory"
            print(
                f"jtorch: can't open file '{os.path.abspath(argv[0])}': {reason}", file=sys.stderr
            )
            return 2
        # An error in what the program recorded last and never looked at is the program's error,
        # too.
        trace.synchronize()
    except SystemExit:
        raise
    except BaseException as error:
        sys.stdout.flush()
        _show(error)
        return 130 if isinstance(error, KeyboardInterrupt) else 1
    return 0


def _set_first_path(folder):
    # Python itself leaves the path alone in this mode, and so the first entry is none that it put
    # there.
    if not sys.flags.safe_path:
        sys.path[0] = folder


def _run_module(name, arguments):
    _set_first_path(os.getcwd())
    sys.argv = [name, *arguments]
    runpy.run_module(name, run_name="__main__", alter_sys=True)


def _run_script(path, arguments):
    """Run a script as `python path` would: in a `__main__` module of its own, which stays until the
    process ends.
    """
    sys.argv = [path, *arguments]
    if os.path.isdir(path) or path.endswith((".zip", ".pyz")):
        _set_first_path(path)
        runpy.run_path(path, run_name="__main__")
        return
    full = os.path.abspath(path)
    _set_first_path(os.path.dirname(os.path.realpath(full)))
    module = types.ModuleType("__main__")
    loader = importlib.machinery.SourceFileLoader("__main__", full)
    module.__dict__.update(
        __file__=full, __loader__=loader, __builtins__=__builtins__, __cached__=None
    )
    with open(full, "rb") as f:
        code = compile(f.read(), full, "exec", dont_inherit=True)
    sys.modules["__main__"] = module
    exec(code, module.__dict__)


# ---- tracebacks ----

_OWN = os.path.dirname(os.path.abspath(__file__)) + os.sep
_RUNNERS = ("<jtorch", "<frozen runpy", "<frozen importlib")


def _is_inner(filename):
    """True for frames a user has no use for: jtorch's, JAX's and the runner's."""
    if filename.startswith((_OWN, *_RUNNERS)):
        return True
    return any(f"{os.sep}{name}{os.sep}" in filename for name in ("jax", "jaxlib"))


def _show(error):
    """Print a traceback with the user's frames only; all of them with JTORCH_TRACEBACK=full."""
    shown = traceback.TracebackException.from_exception(error)
    if os.environ.get("JTORCH_TRACEBACK") != "full":
        _trim(shown)
    lines = (
        shown.format()
        if shown.stack or shown.__cause__ or shown.__context__
        else shown.format_exception_only()
    )
    print("".join(lines), end="", file=sys.stderr)


def _trim(shown):
    """Take inner frames out, and the inner exceptions that jtorch's own were made from."""
    shown.__notes__ = [n for n in shown.__notes__ or () if "JAX_TRACEBACK_FILTERING" not in n]
    shown.stack = traceback.StackSummary.from_list(
        [f for f in shown.stack if not _is_inner(f.filename)]
    )
    for name in ("__cause__", "__context__"):
        earlier = getattr(shown, name)
        if earlier is None:
            continue
        _trim(earlier)
        if not earlier.stack:
            setattr(shown, name, None)
    for part in getattr(shown, "exceptions", None) or ():
        _trim(part)


if __name__ == "__main__":
    sys.exit(main())
