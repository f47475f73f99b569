"""First-call and steady times of the NumPy evaluator against `jax.jit`, in one process.

    python benchmarks/cold_tier.py

First call of the evaluator = tracing + compiling to NumPy calls + running, for shapes not seen
before. `jax.jit`'s first call includes its own tracing. Times in milliseconds; `steady` is the
median of later calls. The persistent compilation cache is off.
"""

import statistics
import time

import jax
import jax.numpy as jnp
import numpy as np
from jax import lax

from jtorch._engine import interpret

jax.config.update("jax_enable_x64", True)
jax.config.update("jax_numpy_dtype_promotion", "strict")
jax.config.update("jax_enable_compilation_cache", False)


def softmax(x):
    return jax.nn.softmax(x)


def layer_norm(x, w, b):
    centred = x - x.mean(-1, keepdims=True)
    return centred * lax.rsqrt((centred**2).mean(-1, keepdims=True) + 1e-5) * w + b


def gelu(x):
    return 0.5 * x * (1 + lax.erf(x * np.float32(0.5**0.5)))


def cross_entropy(x, target):
    logp = jax.nn.log_softmax(x)
    return -jnp.take_along_axis(logp, target[:, None], 1).mean()


def gpt_block(x, p):
    batch, length, width = x.shape
    heads = 4
    h = layer_norm(x, *p["ln1"])
    q, k, v = jnp.split(h @ p["qkv"], 3, axis=-1)
    q, k, v = (
        a.reshape(batch, length, heads, width // heads).transpose(0, 2, 1, 3) for a in (q, k, v)
    )
    scores = (q @ k.swapaxes(-1, -2)) * np.float32((width // heads) ** -0.5)
    scores = jnp.where(jnp.tril(jnp.ones((length, length), bool)), scores, -jnp.inf)
    mixed = (softmax(scores) @ v).transpose(0, 2, 1, 3).reshape(batch, length, width)
    x = x + mixed @ p["proj"]
    h = layer_norm(x, *p["ln2"])
    return x + gelu(h @ p["up"]) @ p["down"]


def block_parameters(r, width):
    def matrix(*shape):
        return (r.normal(size=shape) * 0.05).astype(np.float32)

    norm = (np.ones(width, np.float32), np.zeros(width, np.float32))
    return {
        "ln1": norm,
        "ln2": norm,
        "qkv": matrix(width, 3 * width),
        "proj": matrix(width, width),
        "up": matrix(width, 4 * width),
        "down": matrix(4 * width, width),
    }


def cases():
    r = np.random.default_rng(0)

    def normal(*shape):
        return r.normal(size=shape).astype(np.float32)

    for rows, columns in ((32, 100), (128, 512), (2048, 512)):
        x, w = normal(rows, columns), normal(columns)
        target = r.integers(0, columns, rows)
        size = f"{rows}x{columns}"
        yield f"softmax {size}", softmax, (x,)
        yield f"layer_norm {size}", layer_norm, (x, w, w)
        yield f"gelu {size}", gelu, (x,)
        yield f"cross_entropy {size}", cross_entropy, (x, target)
    for batch, length, width in ((1, 16, 64), (2, 32, 128), (8, 128, 256)):
        x = normal(batch, length, width)
        yield f"gpt block {batch}x{length}x{width}", gpt_block, (x, block_parameters(r, width))


def elapsed(fn):
    start = time.perf_counter()
    result = fn()
    return result, (time.perf_counter() - start) * 1e3


def steady(fn, seconds=0.3):
    times = []
    end = time.perf_counter() + seconds
    while time.perf_counter() < end:
        times.append(elapsed(fn)[1])
    return statistics.median(times)


def measure(fn, args):
    flat = jax.tree.leaves(args)
    jax.clear_caches()  # each side pays for its own tracing
    closed, trace_ms = elapsed(lambda: jax.make_jaxpr(fn)(*args))
    run, compile_ms = elapsed(lambda: interpret.compile_numpy(closed))
    got, first_ms = elapsed(lambda: run(flat))
    jax.clear_caches()
    jitted = jax.jit(fn)
    want, jit_ms = elapsed(lambda: np.asarray(jitted(*args)))
    np.testing.assert_allclose(got[0], want, rtol=2e-4, atol=2e-4)
    device_args = jax.device_put(args)
    numpy_steady = steady(lambda: run(flat))
    jit_steady = steady(lambda: jitted(*device_args).block_until_ready())
    return trace_ms, compile_ms, first_ms, numpy_steady, jit_ms, jit_steady


def main():
    jax.jit(jnp.sin)(1.0)  # start the backend, which is nobody's first call
    heads = ("trace", "compile", "run", "first", "steady", "jit 1st", "jit st.", "first jit/np")
    print(f"{'':28s}" + "".join(f"{h:>9s}" for h in heads[:-1]) + f"{heads[-1]:>14s}")
    for name, fn, args in cases():
        trace, build, run, later, jit_first, jit_later = measure(fn, args)
        first = trace + build + run
        row = (trace, build, run, first, later, jit_first, jit_later)
        print(f"{name:28s}" + "".join(f"{v:9.3f}" for v in row) + f"{jit_first / first:13.1f}x")


if __name__ == "__main__":
    main()
