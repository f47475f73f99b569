"""One side of a comparison: the process that trains, and the handle by which it is driven.

    BENCHMARK_DEVICE=cpu python benchmarks/sides.py SIDE WORKLOAD

serves requests, one JSON object per line.

A request `[steps, every]` trains `steps` steps and looks at the loss every `every` steps; the
answer tells the seconds of wall and CPU time. A request `"memory"` gives the peak memory in bytes.
"""

import json
import os
import pathlib
import resource
import subprocess
import sys
import time

SIDES = ("torch", "jtorch", "jax")
HERE = pathlib.Path(__file__).resolve().parent
TORCH_MODULES = ("", ".nn", ".nn.functional", ".optim", ".utils", ".utils.data")


def use_jtorch():
    """Let `import torch` give jtorch in this process."""
    sys.path.insert(0, str(HERE.parent))
    import jtorch

    if hasattr(jtorch, "install"):
        jtorch.install()
        return
    for name in TORCH_MODULES:
        module = sys.modules.get("jtorch" + name)
        if module is not None:
            sys.modules["torch" + name] = module


def make_step(side, workload):
    """The step function of a workload on a side."""
    sys.path.insert(0, str(HERE))
    if side == "jax":
        import steps_jax as models
    else:
        if side == "jtorch":
            use_jtorch()
        import steps_torch as models
        import torch

        torch.set_default_device(os.environ["BENCHMARK_DEVICE"])
    return models.WORKLOADS[workload]()


def peak_memory():
    """The peak resident memory of this process, in bytes."""
    unit = 1 if sys.platform == "darwin" else 1024
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit


def train(step, steps, every):
    """Train and look at the loss every so many steps: (wall seconds, CPU seconds, last loss)."""
    wall, cpu = time.perf_counter(), time.process_time()
    value = None
    for i in range(1, steps + 1):
        loss = step()
        if i % every == 0:
            value = loss.item()
    return time.perf_counter() - wall, time.process_time() - cpu, value


def serve(side, workload):
    """Answer requests on standard input until it closes."""
    started = time.perf_counter()
    step = make_step(side, workload)
    print(json.dumps(time.perf_counter() - started), flush=True)
    for line in sys.stdin:
        request = json.loads(line)
        answer = peak_memory() if request == "memory" else train(step, *request)
        print(json.dumps(answer), flush=True)


class Side:
    """A process that trains a workload on one side. setup: seconds it took to import and build."""

    def __init__(self, side, workload, device="cpu"):
        command = [sys.executable, str(HERE / "sides.py"), side, workload]
        pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE}
        # no compile cache: a start is a first start on every side
        env = {**os.environ, "JTORCH_CACHE_DIR": "", "BENCHMARK_DEVICE": device}
        if device == "cpu":
            env["JAX_PLATFORMS"] = "cpu"
        # several processes share the GPU
        env["XLA_PYTHON_CLIENT_PREALLOCATE"] = "false"
        env.pop("JAX_COMPILATION_CACHE_DIR", None)
        self.process = subprocess.Popen(command, text=True, env=env, **pipes)
        self.name = side
        self.setup = self._answer()

    def _answer(self):
        line = self.process.stdout.readline()
        if not line:
            raise RuntimeError(f"the {self.name} side ended with {self.process.wait()}")
        return json.loads(line)

    def ask(self, request):
        """Send a request; its answer."""
        self.process.stdin.write(json.dumps(request) + "\n")
        self.process.stdin.flush()
        return self._answer()

    def close(self):
        """End the process."""
        self.process.stdin.close()
        self.process.wait()

    def __enter__(self):
        return self

    def __exit__(self, *exc):
        self.close()


if __name__ == "__main__":
    serve(*sys.argv[1:])
