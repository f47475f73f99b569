"""Running programs in processes of their own, with jtorch or with the real torch."""

import os
import subprocess
import sys
from pathlib import Path

import jtorch

CHECKOUT = Path(__file__).parent.parent
PACKAGE_FOLDER = Path(jtorch.__file__).parent.parent


def run(*arguments, cwd=None, timeout=300, **environment):
    """Run Python with arguments; returns the finished process with its output as text.

    The jtorch under test is importable whether it is installed or lies in the checkout.
    """
    env = {k: v for k, v in os.environ.items() if not k.startswith("JTORCH_")}
    # Programs are run as users run them, whatever the suite itself was started with.
    env.pop("PYTHONSAFEPATH", None)
    env["PYTHONPATH"] = os.pathsep.join(filter(None, [str(PACKAGE_FOLDER), env.get("PYTHONPATH")]))
    env.update(environment)
    command = [sys.executable, *map(str, arguments)]
    return subprocess.run(
        command, cwd=cwd, env=env, capture_output=True, text=True, timeout=timeout
    )


def run_jtorch(*arguments, **options):
    """Run `python -m jtorch` with arguments."""
    return run("-m", "jtorch", *arguments, **options)


def output_of(process):
    """The standard output of a process that must have succeeded."""
    assert process.returncode == 0, process.stderr[-3000:]
    return process.stdout
