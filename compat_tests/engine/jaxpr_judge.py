"""Judging the NumPy evaluator of jaxprs by XLA: values, dtypes, shapes, signs, special values.

Many functions share one `jax.jit`, because each XLA compile costs some 50 ms.
"""

from functools import wraps

import jax
import jax.numpy as jnp
import ml_dtypes
import numpy as np

from jtorch._engine import interpret

BF16 = np.dtype(ml_dtypes.bfloat16)
# What XLA's CPU code flushes to zero.
TINY = {"float16": 0.0, "bfloat16": 1.2e-38, "float32": 1.2e-38, "float64": 2.3e-308}
# Which zero the larger of 0.0 and -0.0 is depends on the order and the vector width.
EITHER_ZERO = {"relu", "clamp", "max", "min", "max1", "cummax", "cummin"}
EPS = {"float16": 2.0**-10, "bfloat16": 2.0**-7, "float32": 2.0**-23, "float64": 2.0**-52}


def strictly(function):
    """Run with 64-bit types on and JAX's own promotion off, as jtorch does."""

    @wraps(function)
    def run(*args, **options):
        with jax.enable_x64(True), jax.numpy_dtype_promotion("strict"):
            return function(*args, **options)

    return run


@strictly
def evaluate(fn, args):
    """The results of `fn` through the NumPy evaluator, every intermediate checked."""
    closed = jax.make_jaxpr(fn)(*args)
    run = interpret.compile_numpy(closed, check=True)
    assert run is not None, f"no NumPy rule for something in {closed}"
    before = [np.array(a) for a in args]
    got = run(list(args))
    for array, copy in zip(args, before, strict=True):
        assert array.tobytes() == copy.tobytes(), "an input was written to"
    for out, aval in zip(got, closed.out_avals, strict=True):
        assert type(out) is np.ndarray
        assert out.shape == aval.shape
        assert out.dtype == aval.dtype
    again = run(list(args))
    for first, second in zip(got, again, strict=True):
        assert first.tobytes() == second.tobytes(), "the second call differs"
    return got


def same(got, want, ulp=0.0, scale=None, what="", signs=True):
    """Equal up to `ulp` units of the larger of |want| and `scale`; nan, inf and zeros alike."""
    want = np.asarray(want)
    assert got.dtype == want.dtype, what
    assert got.shape == want.shape, what
    if got.dtype.kind in "biu":
        np.testing.assert_array_equal(got, want, err_msg=what)
        return
    if got.dtype.kind == "c":
        same(got.real, want.real, ulp, scale or float(np.abs(want).max(initial=0)), what)
        same(got.imag, want.imag, ulp, scale or float(np.abs(want).max(initial=0)), what)
        return
    dtype = got.dtype.name
    eps = EPS[dtype]
    got, want = got.astype(np.float64), want.astype(np.float64)
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite], err_msg=what)
    size = np.maximum(np.abs(want[finite]), scale or 0.0)
    bad = np.abs(got[finite] - want[finite]) > ulp * eps * size + (TINY[dtype] if ulp else 0)
    assert not bad.any(), (what, got[finite][bad][:5], want[finite][bad][:5])
    if signs and not ulp:
        np.testing.assert_array_equal(np.signbit(got[finite]), np.signbit(want[finite]), what)


@strictly
def compare(table, args, scale=None):
    """Run a table over the same arguments and compare with one jit.

    An entry is a function (exact), (function, ulp) or (function, ulp, scale).
    """
    args = [np.asarray(a) for a in args]
    flat = {k: entry if isinstance(entry, tuple) else (entry, 0.0) for k, entry in table.items()}

    def together(*arrays):
        return {name: jax.tree.leaves(fn(*arrays)) for name, (fn, *_) in flat.items()}

    wants = jax.jit(together)(*args)
    for name, (fn, ulp, *own) in flat.items():
        got = evaluate(lambda *arrays, fn=fn: jax.tree.leaves(fn(*arrays)), args)
        for out, want in zip(got, wants[name], strict=True):
            same(out, want, ulp, own[0] if own else scale, name, name not in EITHER_ZERO)


def gradient(fn):
    """The vjp of `fn` at its arguments, with a cotangent that differs from element to element."""

    def pulled(*args):
        out, pull = jax.vjp(fn, *args)
        seed = np.cos(np.arange(out.size)).reshape(out.shape)
        return pull(jnp.asarray(seed, out.dtype))

    return pulled


def rng(seed=0):
    return np.random.default_rng(seed)


def normal(shape, dtype=np.float32, seed=0):
    return np.asarray(rng(seed).normal(size=shape)).astype(dtype)


SPECIAL = [
    0.0,
    -0.0,
    1.0,
    -1.0,
    0.5,
    -0.5,
    1.5,
    -1.5,
    2.5,
    0.49999997,
    3.7,
    -3.7,
    1e-3,
    -1e-3,
    1e10,
    -1e10,
    88.0,
    -88.0,
    np.inf,
    -np.inf,
    np.nan,
]
