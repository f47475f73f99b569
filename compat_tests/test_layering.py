"""The layout of the package: who may import whom, where JAX may be named, how long things may
be.
"""

import ast
import re
from pathlib import Path

import pytest

import jtorch

ROOT = Path(jtorch.__file__).parent
CHECKOUT = Path(__file__).parent.parent
FILES = sorted(ROOT.rglob("*.py"))

# Floors by the first part of a module's name below `jtorch`; what is not listed stands on floor 5,
# the package's own __init__ and what sits on top of it on floor 6.
FLOORS = {
    "_engine": 1,
    "ops": 2,
    "_settings": 3,
    "_streams": 3,
    "amp": 3,
    "autograd": 3,
    "backends": 3,
    "cpu": 3,
    "cuda": 3,
    "distributed": 3,
    "fft": 3,
    "legacy": 3,
    "linalg": 3,
    "masked": 3,
    "random": 3,
    "return_types": 3,
    "signal": 3,
    "sparse": 3,
    "special": 3,
    "types_info": 3,
    "nn": 4,
    "": 6,
    "_alias": 6,
    "__main__": 6,
}


def module_name(path):
    """The dotted name below `jtorch` of a file; "" for the package itself."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


MODULES = {module_name(path) for path in FILES}


def floor(name):
    return FLOORS.get(name.split(".")[0], 5)


def is_type_only(node):
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def statements(tree):
    """All nodes of a tree but those that only type checkers see."""
    for node in ast.iter_child_nodes(tree):
        if not is_type_only(node):
            yield node
            yield from statements(node)


def imported(path):
    """The modules a file imports, by absolute name, wherever in the file."""
    package = ["jtorch", *(p for p in module_name(path).split(".") if p)]
    if path.name != "__init__.py":
        package = package[:-1]
    for node in statements(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from ((alias.name, node.lineno) for alias in node.names)
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            origin = ".".join([*base, *([node.module] if node.module else [])])
            for alias in node.names:
                whole = f"{origin}.{alias.name}"
                # `from . import x` reaches a module x, or a name in the package itself.
                yield whole if below_jtorch(whole) is not None else origin, node.lineno


def below_jtorch(name):
    """The name below `jtorch` of an imported module; None for others and for names that are no
    modules.
    """
    if name == "jtorch":
        return ""
    below = name.removeprefix("jtorch.")
    return below if below != name and below in MODULES else None


def test_no_import_points_upward():
    wrong = []
    for path in FILES:
        own = floor(module_name(path))
        for name, line in imported(path):
            target = below_jtorch(name)
            if target is not None and floor(target) > own:
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_jax_is_imported_only_where_things_are_computed():
    wrong = []
    for path in FILES:
        if module_name(path).split(".")[0] in ("_engine", "ops") or "optax" in path.name:
            continue  # the floors that compute, and the bridge to optax
        for name, line in imported(path):
            if name.split(".")[0] in ("jax", "jaxlib", "optax"):
                wrong.append(f"{path.relative_to(ROOT)}:{line} imports {name}")
    assert not wrong, "\n".join(wrong)


def test_torch_is_imported_nowhere():
    wrong = [
        f"{p.relative_to(ROOT)}:{line}"
        for p in FILES
        for name, line in imported(p)
        if name.split(".")[0] == "torch"
    ]
    assert not wrong, "\n".join(wrong)


def test_files_and_functions_are_short():
    wrong = []
    for path in FILES:
        text = path.read_text()
        if text.count("\n") > 800:
            wrong.append(
                f"{path.relative_to(ROOT)} has {text.count(chr(10))} lines, split it by meaning"
            )
        for node in ast.walk(ast.parse(text)):
            if isinstance(node, ast.FunctionDef) and _code_lines(node, text) > 60:
                wrong.append(f"{path.relative_to(ROOT)}:{node.lineno} {node.name} is too long")
    assert not wrong, "\n".join(wrong)


def _code_lines(node, text):
    """The lines of a function, without its arguments and its docstring."""
    body = node.body[1:] if ast.get_docstring(node) else node.body
    return body[-1].end_lineno - body[0].lineno + 1 if body else 0


def test_all_lists_only_names_that_exist():
    wrong = [name for name in jtorch.__all__ if not hasattr(jtorch, name)]
    assert not wrong
    assert sorted(jtorch.__all__) == list(jtorch.__all__)


# What must not stand in the repository: unfinished business, and paths of somebody's machine.
FORBIDDEN = re.compile(
    r"\b(TODO|FIXME|XXX)\b|/work/|/opt/|/home/\w|/root/|#\d{2,}\b(?!\.)|\bissue \d", re.IGNORECASE
)
TEXTS = [
    p
    for pattern in (
        "jtorch/**/*.py",
        "compat_tests/**/*.py",
        "examples/*.py",
        "benchmarks/*.py",
        "scripts/*",
        "*.md",
    )
    for p in CHECKOUT.glob(pattern)
    if p != Path(__file__)
]


@pytest.mark.skipif(not (CHECKOUT / "pyproject.toml").exists(), reason="needs a checkout")
def test_no_unfinished_business_and_no_private_paths():
    wrong = []
    for path in TEXTS:
        for number, line in enumerate(path.read_text().splitlines(), 1):
            if FORBIDDEN.search(line):
                wrong.append(f"{path.relative_to(CHECKOUT)}:{number} {line.strip()[:80]}")
    assert not wrong, "\n".join(wrong)
