"""Stalls: what the first call of something costs in a fresh process without a compile cache.

    python benchmarks/first_call.py [--only softmax,gelu] [--rounds 5]

For every case a new process imports its library, starts its backend and makes the inputs; then the
first call is timed until its result is on the host. jtorch against the same through `jax.jit`.
Then a decode loop whose shapes grow with every token: how long it takes, and what it compiles.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time

from sides import HERE, use_jtorch

BLOCKS = {"gpt_block": (2, 32, 128, 4), "gpt_block_large": (8, 128, 256, 8)}
CASES = ("softmax", "layer_norm", "gelu", "cross_entropy", *BLOCKS)
TOKENS = 64


# ------------------------------------------------------------------------------------ jtorch
def torch_case(name):
    """The call to be timed, with torch's API."""
    use_jtorch()
    import torch
    import torch.nn.functional as F

    assert (torch.ones(2) + 1).sum().item() == 4  # the backend runs
    torch.set_grad_enabled(False)
    if name in BLOCKS:
        sys.path.insert(0, str(HERE))
        from steps_torch import Block

        batch, length, width, heads = BLOCKS[name]
        block, x = Block(width, heads), torch.randn(batch, length, width)
        return lambda: block(x).numpy()
    x, w, b = torch.randn(128, 512), torch.randn(512), torch.randn(512)
    y = torch.randint(0, 512, (128,))
    calls = {
        "softmax": lambda: F.softmax(x, -1).numpy(),
        "layer_norm": lambda: F.layer_norm(x, (512,), w, b).numpy(),
        "gelu": lambda: F.gelu(x).numpy(),
        "cross_entropy": lambda: F.cross_entropy(x, y).numpy(),
    }
    return calls[name]


# --------------------------------------------------------------------------------------- jax
def jax_case(name):
    """The same call through `jax.jit`."""
    import jax
    import numpy as np
    import steps_jax

    jax.config.update("jax_enable_compilation_cache", False)
    jax.device_put(np.ones(2)).block_until_ready()  # the backend runs
    r = np.random.default_rng(0)
    normal = lambda *shape: r.normal(size=shape).astype(np.float32)  # noqa: E731
    if name in BLOCKS:
        batch, length, width, heads = BLOCKS[name]
        steps_jax.WIDTH, steps_jax.HEADS = width, heads
        params, x = steps_jax._gpt_block_init(r), normal(batch, length, width)
        call = jax.jit(steps_jax._block)
        return lambda: np.asarray(call(params, x))
    x, norm = normal(128, 512), {"w": normal(512), "b": normal(512)}
    y = r.integers(0, 512, 128)
    functions = {
        "softmax": (jax.nn.softmax, (x,)),
        "layer_norm": (steps_jax._layer_norm, (norm, x)),
        "gelu": (lambda x: jax.nn.gelu(x, approximate=False), (x,)),
        "cross_entropy": (steps_jax._cross_entropy, (x, y)),
    }
    function, args = functions[name]
    call = jax.jit(function)
    return lambda: np.asarray(call(*args))


def first_call(side, name):
    """Seconds of the first call in this process."""
    call = torch_case(name) if side == "jtorch" else jax_case(name)
    started = time.perf_counter()
    call()
    return time.perf_counter() - started


# ------------------------------------------------------------------------------------ decode
def decode():
    """Generate token by token with growing shapes: seconds, and compiles by kind."""
    use_jtorch()
    sys.path.insert(0, str(HERE))
    import torch
    from steps_torch import GPT

    from jtorch._engine import stats

    torch.manual_seed(0)
    model = GPT(layers=2, width=64, heads=4, length=TOKENS + 1)
    idx = torch.zeros((1, 1), dtype=torch.int64)
    walls = []
    with torch.no_grad():
        for _ in range(TOKENS):
            started = time.perf_counter()
            token = model(idx)[:, -1].argmax(-1, keepdim=True)
            idx = torch.cat([idx, token], 1)
            idx[0, -1].item()
            walls.append(time.perf_counter() - started)
    counts = stats.snapshot()
    return {
        "seconds": sum(walls),
        "slowest": max(walls[1:]),
        "median": statistics.median(walls),
        "whole-trace compiles": counts["executables"],
        "single-operation compiles": counts["compiles"] - counts["executables"],
    }


def in_fresh_process(*arguments):
    """What this script answers to the arguments in a new process without a compile cache."""
    env = {**os.environ, "JTORCH_CACHE_DIR": ""}
    env.pop("JAX_COMPILATION_CACHE_DIR", None)
    command = [sys.executable, str(HERE / "first_call.py"), *arguments]
    done = subprocess.run(command, env=env, check=True, capture_output=True, text=True)
    return json.loads(done.stdout.splitlines()[-1])


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", default=",".join(CASES))
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--in-process", nargs="+", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.in_process:
        what, *rest = args.in_process
        print(json.dumps(decode() if what == "decode" else first_call(what, *rest)))
        return
    print("| first call | jtorch ms | jax.jit ms | jax.jit/jtorch |\n|---|---:|---:|---:|")
    for name in args.only.split(","):
        times = {"jtorch": [], "jax": []}
        for _ in range(args.rounds):
            for side, found in times.items():
                found.append(in_fresh_process("--in-process", side, name))
        ours, theirs = (statistics.median(t) * 1e3 for t in times.values())
        print(f"| {name} | {ours:.1f} | {theirs:.1f} | {theirs / ours:.1f} |", flush=True)
    print(f"\ndecoding {TOKENS} tokens, shapes growing:")
    for key, value in in_fresh_process("--in-process", "decode").items():
        print(f"  {key}: {value if isinstance(value, int) else f'{value * 1e3:.1f} ms'}")


if __name__ == "__main__":
    main()
