"""Running one program in both libraries and comparing everything that can be seen of it."""

import warnings

import numpy as np
import torch

import jtorch

TOLERANCE = {"float16": 2e-3, "bfloat16": 2e-2, "float32": 2e-5, "complex64": 2e-5}


class Outcome:
    """What a program gave: its results and gradients, or the exception it raised."""

    def __init__(self, results=(), gradients=(), error=None):
        self.results = results
        self.gradients = gradients
        self.error = error


def _tensor(lib, array, wants_grad):
    t = lib.tensor(np.array(array))
    if wants_grad and array.dtype.kind in "fc":
        t.requires_grad_()
    return t


def _is_tensor(lib, value):
    return isinstance(value, lib.Tensor)


def _leaves(lib, value):
    """The tensors and numbers in nested tuples and lists, in order."""
    if isinstance(value, (tuple, list)) and not isinstance(value, lib.Size):
        return [leaf for v in value for leaf in _leaves(lib, v)]
    return [tuple(value)] if isinstance(value, lib.Size) else [value]


def _array(t):
    t = t.detach().resolve_conj()
    if str(t.dtype) == "torch.bfloat16":
        t = t.float()
    return np.array(t.numpy())


def _shown(lib, value):
    if not _is_tensor(lib, value):
        return value
    return (str(value.dtype), tuple(value.shape), _array(value), bool(value.requires_grad))


def _backward(lib, leaves, inputs):
    """Gradients of a fixed, uneven weighting of all results, so that no cancellation hides an
    error.
    """
    total = None
    for t in leaves:
        if not (_is_tensor(lib, t) and t.requires_grad):
            continue
        ramp = np.linspace(0.5, 1.5, max(t.numel(), 1))[: t.numel()].reshape(tuple(t.shape))
        weight = lib.tensor(ramp).to(t.dtype)
        term = (t * weight).sum()
        if t.dtype.is_complex:
            term = term.real + 0.5 * term.imag
        total = term if total is None else total + term
    if total is None:
        return []
    wanted = [t for t in inputs if t.requires_grad]
    return lib.autograd.grad(total, wanted, allow_unused=True)


def run(lib, fn, arrays, grad=True):
    """The outcome of `fn(lib, *tensors)`."""
    inputs = [_tensor(lib, a, grad) if isinstance(a, np.ndarray) else a for a in arrays]
    tensors = [t for t in inputs if _is_tensor(lib, t)]
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            leaves = _leaves(lib, fn(lib, *inputs))
            # Looking at the values raises what was deferred.
            shown = [_shown(lib, leaf) for leaf in leaves]
            gradients = _backward(lib, leaves, tensors) if grad else []
            return Outcome(shown, [None if g is None else _shown(lib, g) for g in gradients])
    except Exception as error:
        return Outcome(error=error)


def _class(error):
    return type(error).__name__.lstrip("_")


def _close(a, b, dtype, scale):
    tolerance = TOLERANCE.get(dtype.removeprefix("torch."), 1e-9) * scale
    return np.testing.assert_allclose(b, a, rtol=tolerance, atol=tolerance)


def _compare(want, got, what, scale):
    if not (isinstance(want, tuple) and len(want) == 4 and isinstance(want[2], np.ndarray)):
        assert want == got, f"{what}: torch gives {want!r}, jtorch {got!r}"
        return
    assert isinstance(got, tuple) and len(got) == 4, f"{what}: torch gives a tensor, jtorch {got!r}"
    assert want[0] == got[0], f"{what}: dtype {want[0]} in torch, {got[0]} in jtorch"
    assert want[1] == got[1], f"{what}: shape {want[1]} in torch, {got[1]} in jtorch"
    _close(want[2], got[2], want[0], scale)
    assert want[3] == got[3], f"{what}: requires_grad {want[3]} in torch, {got[3]} in jtorch"


def both(fn, *arrays, grad=True, scale=1.0, message=False):
    """Run `fn(lib, *tensors)` with torch and with jtorch and compare.

    NumPy arrays become tensors, floating ones with gradients wanted (unless `grad=False`). Compared
    are values, dtypes, shapes, requires_grad, gradients, and the class of an exception (with
    `message=True` its text too). `scale` widens the tolerance.
    """
    want, got = run(torch, fn, arrays, grad), run(jtorch, fn, arrays, grad)
    if want.error is not None:
        assert got.error is not None, f"torch raises {want.error!r}, jtorch gives {got.results!r}"
        assert _class(want.error) == _class(got.error), f"{want.error!r} against {got.error!r}"
        if message:
            assert str(want.error).split("\n")[0] == str(got.error).split("\n")[0]
        return
    if got.error is not None:
        raise AssertionError(f"torch gives {want.results!r}, jtorch raises") from got.error
    assert len(want.results) == len(got.results)
    for i, (a, b) in enumerate(zip(want.results, got.results)):
        _compare(a, b, f"result {i}", scale)
    assert len(want.gradients) == len(got.gradients)
    for i, (a, b) in enumerate(zip(want.gradients, got.gradients)):
        if a is None:
            # torch says None and jtorch zeros, or the other way round: the same to an optimizer.
            assert b is None or not b[2].any(), f"gradient {i}: None in torch, {b!r} in jtorch"
        else:
            assert b is not None or not a[2].any(), f"gradient {i}: {a!r} in torch, None in jtorch"
            if b is not None:
                _compare(a, b, f"gradient {i}", scale)


def expression(source, operands, **options):
    """`both` for a program given as text: an expression, or statements that leave their results in
    `out`.

    `operands` are NumPy arrays by name; the library is `torch`, its functional part `F`.
    """
    names = list(operands)
    block = "\n" in source or "out =" in source or ";" in source
    code = compile(source.replace("; ", "\n"), "<program>", "exec" if block else "eval")

    def fn(lib, *tensors):
        space = {"torch": lib, "F": lib.nn.functional, "np": np, **dict(zip(names, tensors))}
        if not block:
            return eval(code, space)
        exec(code, space)
        return space["out"]

    both(fn, *[np.array(a) for a in operands.values()], **options)
