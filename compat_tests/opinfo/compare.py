"""Comparing what both libraries gave; every difference is a sentence."""

import math

import numpy as np

from .evaluate import Seen

# Relative and absolute, as torch.testing.assert_close has them; half types round in the middle
# of a calculation at places that are nobody's promise.
TOLERANCE = {
    "float16": (4e-3, 2e-3),
    "bfloat16": (3e-2, 2e-2),
    "float32": (1e-5, 1e-5),
    "complex64": (1e-5, 1e-5),
    "float64": (1e-7, 1e-7),
    "complex128": (1e-7, 1e-7),
}
# How much more is allowed after one and two differentiations.
WIDER = {"forward": 1, "grad": 10, "gradgrad": 100}


def overrides(op, dtype):
    """The widest tolerance that torch's own tests of the entry ask for, or (0, 0)."""
    widest = (0.0, 0.0)
    for info in op.decorators:
        for decorator in getattr(info, "decorators", [info]):
            tol = getattr(decorator, "d", {}).get(dtype) if hasattr(decorator, "d") else None
            if tol is not None and hasattr(tol, "rtol"):
                widest = (max(widest[0], tol.rtol), max(widest[1], tol.atol))
    return widest


def exception(error):
    """The name of an exception's class as users see it."""
    return type(error).__name__.lstrip("_")


def brief(error):
    """An exception on one line."""
    return f"{exception(error)}: {str(error).strip()}".split("\n")[0][:150]


def error_difference(want, got):
    """Why an exception is not the same one; None when it is."""
    if got is None:
        return f"torch raises {brief(want)}, jtorch does not"
    names = [c.__name__.lstrip("_") for c in type(got).__mro__]
    if exception(want) not in names:
        return f"torch raises {brief(want)}, jtorch {brief(got)}"
    if "jax" in str(got).lower() or "tracer" in str(got).lower():
        return f"the message speaks of JAX: {brief(got)}"
    return None


def _distance(want, got, tolerance, factor, wider, phase):
    if phase:
        want, got = np.abs(want), np.abs(got)
    rtol = max(tolerance[0], wider[0]) * factor
    atol = max(tolerance[1], wider[1]) * factor
    if tolerance[1]:
        finite = np.abs(want[np.isfinite(want)])
        # A sum in another order errs in proportion to its largest term.
        atol = max(atol, tolerance[1] * float(finite.max(initial=0.0)))
    with np.errstate(all="ignore"):
        close = np.isclose(got, want, rtol=rtol, atol=atol, equal_nan=True)
    if close.all():
        return None
    at = tuple(int(i) for i in np.argwhere(~close)[0])
    return f"{(~close).sum()} of {close.size} values: at {at} {want[at]} in torch, {got[at]} here"


def seen_difference(want, got, stage="forward", wider=(0.0, 0.0), phase=False, values=True):
    """Why one result is not the same; None when it is. Numbers and tensors alike."""
    if not isinstance(want, Seen):
        return _plain_difference(want, got)
    if not isinstance(got, Seen):
        return f"a tensor in torch, {got!r} here"
    if want.dtype != got.dtype:
        return f"{want.dtype} in torch, {got.dtype} here"
    if stage == "forward" and want.layout != got.layout:
        return f"{want.layout} in torch, {got.layout} here"
    if want.shape != got.shape:
        return f"shape {want.shape} in torch, {got.shape} here"
    if stage == "forward" and want.requires_grad != got.requires_grad:
        return f"requires_grad {want.requires_grad} in torch, {got.requires_grad} here"
    if not values or want.array.size == 0:
        return None
    kind = want.dtype.removeprefix("torch.")
    tolerance = TOLERANCE.get(kind, (0.0, 0.0))
    return _distance(want.array, got.array, tolerance, WIDER[stage], wider, phase)


def _plain_difference(want, got):
    if isinstance(got, Seen):
        return f"{want!r} in torch, a tensor here"
    if type(want) is not type(got):
        return f"{want!r} in torch, {got!r} here"
    if isinstance(want, float):
        same = math.isclose(want, got, rel_tol=1e-5) or (want != want and got != got)
        return None if same else f"{want!r} in torch, {got!r} here"
    return None if want == got else f"{want!r} in torch, {got!r} here"


def _gradient_pair(want, got):
    """None and zeros say the same to whoever uses a gradient."""
    if want is None and isinstance(got, Seen) and not got.array.any():
        return True
    return got is None and isinstance(want, Seen) and not want.array.any()


def stage_difference(want, got, stage, **options):
    """Why the lists of results of one stage are not the same; None when they are."""
    if len(want) != len(got):
        return f"{len(want)} results in torch, {len(got)} here"
    for i, (a, b) in enumerate(zip(want, got)):
        if stage != "forward" and _gradient_pair(a, b):
            continue
        difference = seen_difference(a, b, stage, **options)
        if difference:
            return f"result {i}: {difference}" if len(want) > 1 else difference
    return None


def layout_difference(want, got):
    """Whether results are contiguous and views of their inputs where torch's are."""
    for a, b in zip(want, got):
        if not (isinstance(a, Seen) and isinstance(b, Seen)) or a.array.size == 0:
            continue
        if a.view != b.view:
            return "a view in torch, not here" if a.view else "a view here, not in torch"
        if a.contiguous != b.contiguous:
            return "contiguous in torch, not here" if a.contiguous else "contiguous only here"
    return None


def _farthest(array, right):
    """The largest distance of two arrays; equal infinities are at none."""
    same = (array == right) | (np.isnan(array) & np.isnan(right))
    return np.where(same, 0.0, np.abs(array - right)).max(initial=0.0)


def _allowed(theirs, scale):
    """How far off jtorch may be when torch is off by `theirs`."""
    if not np.isfinite(theirs):
        return 0.03 * scale
    # Random numbers in double precision are others, and prove nothing.
    return 2 * theirs if theirs <= 0.2 * scale else 0.0


def nearer(want, got, exact, difference):
    """None when every result of jtorch is as near to the exact one as torch's, else `difference`.

    For sums of half-precision numbers and ill-conditioned problems, where torch itself is far off.
    """
    if exact is None or not len(want) == len(got) == len(exact):
        return difference
    for a, b, c in zip(want, got, exact):
        if not all(isinstance(s, Seen) for s in (a, b, c)):
            continue
        if (a.dtype, a.shape) != (b.dtype, b.shape) or a.shape != c.shape:
            return difference
        with np.errstate(all="ignore"):
            # What does not fit into the type is infinite.
            right = c.array.astype(a.array.dtype).astype(c.array.dtype)
            theirs, ours = (_farthest(x.array, right) for x in (a, b))
            scale = np.abs(right[np.isfinite(right)]).max(initial=0.0)
        noise = TOLERANCE.get(a.dtype.removeprefix("torch."), (0.0, 0.0))[1]
        if not ours <= max(_allowed(theirs, scale), noise):
            return difference
    return None
