"""Running a program in one library and writing down everything that can be seen of its results."""

import importlib
import pathlib
import re
import types
import warnings

import numpy as np
import torch

# Numbers that stand alone: not the 2 of conv2d, nor those of an address.
NUMBER = re.compile(r"(?<![\w.])-?\d+(?![\w])")
# Nodes that torch makes anew when it looks at a view after a write; jtorch keeps that of the write.
REMADE = {"AsStridedBackward0", "IndexPutBackward0"}
ADDRESS = re.compile(r"0x[0-9a-f]+")


def _array(t):
    t = t.detach().resolve_conj().resolve_neg()
    if str(t.dtype) == "torch.bfloat16":
        t = t.float()
    return np.array(t.contiguous().numpy())


def _tensor(t):
    name = None if t.grad_fn is None else t.grad_fn.name()
    return {
        "dtype": str(t.dtype),
        "shape": tuple(t.shape),
        "stride": tuple(t.stride()) if t.numel() else None,
        "offset": t.storage_offset(),
        "requires_grad": t.requires_grad,
        "is_leaf": t.is_leaf,
        "grad_fn": name,
        "values": _array(t),
    }


def seen(lib, value):
    """What can be seen of a program's result: plain data that two libraries must agree on."""
    if isinstance(value, lib.Tensor):
        return _tensor(value)
    if isinstance(value, lib.Size):
        return ("Size", *value)
    if isinstance(value, (tuple, list)):
        return [type(value).__name__, *[seen(lib, v) for v in value]]
    if isinstance(value, dict):
        return {k: seen(lib, v) for k, v in value.items()}
    if isinstance(value, (lib.dtype, lib.device)):
        return str(value)
    if isinstance(value, BaseException):
        return error_seen(value)
    return value


def error_seen(error):
    """An exception: its class and the first line of its message."""
    line = ADDRESS.sub("", str(error).split("\n")[0])
    return {"raises": type(error).__name__.lstrip("_"), "line": line}


def run(lib, program):
    """What a program gives in one library."""
    before = lib.get_default_dtype()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return seen(lib, program(lib))
    except Exception as error:
        return error
    finally:
        lib.set_default_dtype(before)
        lib.set_grad_enabled(True)


def programs(folder):
    """The programs of a folder of the tests, by name: the public functions of its `programs_*`."""
    found = {}
    root = pathlib.Path(__file__).parent.parent
    for path in sorted(pathlib.Path(folder).glob("programs_*.py")):
        place = path.relative_to(root.parent).with_suffix("")
        module = importlib.import_module(".".join(place.parts))
        for name, program in vars(module).items():
            own = getattr(program, "__module__", None) == module.__name__
            if own and not name.startswith("_") and type(program) is types.FunctionType:
                assert name not in found, f"two programs are called {name}"
                found[name] = program
    return found


def attempt(fn, *args, **kwargs):
    """The exception that `fn` raises, to be returned among a program's results."""
    try:
        fn(*args, **kwargs)
    except Exception as error:
        return error
    return "nothing raised"


def differences(want, got, path="result"):
    """How two observations differ: a list of texts."""
    if isinstance(want, dict) and isinstance(got, dict):
        if "raises" in want and "raises" in got:
            return error_differences(want, got, path)
        if set(want) != set(got):
            return [f"{path}: torch gives {want!r}, jtorch {got!r}"]
        if want.get("grad_fn") in REMADE and got["grad_fn"]:
            want = {**want, "grad_fn": got["grad_fn"]}
        return [d for k in want for d in differences(want[k], got[k], f"{path}.{k}")]
    if isinstance(want, list) and isinstance(got, list) and len(want) == len(got):
        return [
            d
            for i, (a, b) in enumerate(zip(want, got, strict=True))
            for d in differences(a, b, f"{path}[{i - 1}]")
        ]
    if isinstance(want, np.ndarray) and isinstance(got, np.ndarray):
        return _array_differences(want, got, path)
    if isinstance(want, float) and isinstance(got, float) and np.isclose(want, got, equal_nan=True):
        return []
    same = type(want) is type(got) and want == got
    return [] if same else [f"{path}: torch gives {want!r}, jtorch {got!r}"]


def _array_differences(want, got, path):
    tolerance = 1e-3 if want.dtype.itemsize < 4 else 1e-5
    try:
        np.testing.assert_allclose(got, want, rtol=tolerance, atol=tolerance)
    except AssertionError:
        return [f"{path}: torch gives {want.tolist()}, jtorch {got.tolist()}"]
    return []


def error_differences(want, got, path):
    """Errors must agree in class, and ours must quote the numbers that torch's quotes."""
    if want["raises"] != got["raises"]:
        return [f"{path}: torch raises {want}, jtorch {got}"]
    missing = set(NUMBER.findall(want["line"])) - set(NUMBER.findall(got["line"]))
    return (
        [f"{path}: {missing} not quoted; torch: {want['line']!r}, jtorch: {got['line']!r}"]
        if missing
        else []
    )


def compare(program, jtorch):
    """How a program's outcomes in torch and jtorch differ: texts, none when they agree."""
    want, got = run(torch, program), run(jtorch, program)
    if isinstance(want, (NameError, AttributeError, ImportError)):
        return [f"the program itself is broken: {want!r}"]
    if isinstance(want, Exception) and isinstance(got, Exception):
        return error_differences(error_seen(want), error_seen(got), "error")
    if isinstance(want, Exception):
        return [f"torch raises {want!r}, jtorch gives {got!r}"]
    if isinstance(got, Exception):
        return [f"torch gives {want!r}, jtorch raises {type(got).__name__}: {got}"]
    return differences(want, got)
