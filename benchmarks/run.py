"""Time the same training steps in PyTorch, in jtorch and in hand-written JAX.

python benchmarks/run.py                        everything, a few minutes
python benchmarks/run.py mlp gpt --rounds 9     some workloads, more rounds
python benchmarks/run.py --sides jtorch jax     some sides

Every side runs in a process of its own. All processes of a workload stay alive and take turns, a
round of steps each, so that what else the machine does hits all of them alike. The table shows
medians
over the rounds of the time of one step, its ratio to the others, the seconds until the first step
was
done (building and compiling included, importing not) and the peak memory. No compilation cache is
used.
"""

import argparse
import json
import os
import platform
import resource
import statistics
import subprocess
import sys
import time
from pathlib import Path

HERE = Path(__file__).parent
SIDES = ("torch", "jtorch", "jax")
# Steps of a round: about half a second of work.
STEPS = {"chain": 200, "mlp": 60, "gpt": 5, "resnet18": 2, "lstm": 5}


# ---- one side: a process that makes a round of steps for every line it reads ----


def worker(side, workload):
    sys.path.insert(0, str(HERE))
    build = load(side)[workload]
    started = time.perf_counter()
    step = build()
    step().item()
    say({"first_step": time.perf_counter() - started})
    for _ in range(12):  # traces that repeat get compiled in the course of these
        last = step()
    last.item()
    say({"ready": True})
    for _ in sys.stdin:
        started = time.perf_counter()
        for _ in range(STEPS[workload]):
            last = step()
        last.item()
        seconds = (time.perf_counter() - started) / STEPS[workload]
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
        say({"seconds": seconds, "peak_mib": peak / (2**20 if sys.platform == "darwin" else 1024)})


def load(side):
    if side == "jax":
        import models_jax

        return models_jax.WORKLOADS
    if side == "jtorch":
        import jtorch

        jtorch.install()
    import torch

    torch.manual_seed(0)
    import models_torch

    return models_torch.WORKLOADS


def say(message):
    print(json.dumps(message), flush=True)


# ---- all sides ----


class Side:
    """A worker process and what it measured."""

    def __init__(self, name, workload):
        environment = {**os.environ, "JTORCH_CACHE_DIR": ""}
        environment["PYTHONPATH"] = os.pathsep.join(
            filter(None, [str(HERE.parent), os.environ.get("PYTHONPATH")])
        )
        command = [sys.executable, __file__, "--worker", name, workload]
        self.process = subprocess.Popen(
            command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, env=environment
        )
        self.first_step = self.hear()["first_step"]
        self.hear()
        self.rounds = []
        self.peak_mib = 0.0

    def hear(self):
        line = self.process.stdout.readline()
        if not line:
            raise SystemExit(f"{' '.join(self.process.args)} failed")
        return json.loads(line)

    def round(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()
        measured = self.hear()
        self.rounds.append(measured["seconds"])
        self.peak_mib = measured["peak_mib"]

    def close(self):
        self.process.stdin.close()
        self.process.wait(timeout=60)

    def result(self):
        return {
            "median_ms": 1000 * statistics.median(self.rounds),
            "fastest_ms": 1000 * min(self.rounds),
            "first_step_s": self.first_step,
            "peak_mib": self.peak_mib,
            "rounds_ms": [1000 * s for s in self.rounds],
        }


def measure(workload, sides, rounds):
    running = {}
    try:
        for name in sides:
            running[name] = Side(name, workload)
        for _ in range(rounds):
            for side in running.values():
                side.round()
        return {name: side.result() for name, side in running.items()}
    finally:
        for side in running.values():
            side.close()


def table(results, sides):
    """The results as a Markdown table."""
    ratios = [s for s in ("torch", "jax") if s in sides and "jtorch" in sides]
    head = ["workload", *(f"{s} ms" for s in sides), *(f"jtorch / {s}" for s in ratios)]
    head += [f"first step {s} s" for s in sides] + [f"peak {s} MiB" for s in sides]
    rows = [head, ["---"] + ["---:"] * (len(head) - 1)]
    for workload, of in results.items():
        row = [workload, *(f"{of[s]['median_ms']:.2f}" for s in sides)]
        row += [f"{of['jtorch']['median_ms'] / of[s]['median_ms']:.2f}" for s in ratios]
        row += [f"{of[s]['first_step_s']:.2f}" for s in sides]
        row += [f"{of[s]['peak_mib']:.0f}" for s in sides]
        rows.append(row)
    return "\n".join(f"| {' | '.join(row)} |" for row in rows)


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("workloads", nargs="*", default=list(STEPS), help=", ".join(STEPS))
    parser.add_argument("--sides", nargs="+", default=list(SIDES), choices=SIDES)
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--output", type=Path, default=HERE / "results.json")
    parser.add_argument("--worker", nargs=2, metavar=("SIDE", "WORKLOAD"), help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.worker:
        worker(*args.worker)
        return
    unknown = [w for w in args.workloads if w not in STEPS]
    if unknown:
        parser.error(f"unknown workloads {unknown}, there are {', '.join(STEPS)}")
    results = {}
    for workload in args.workloads:
        results[workload] = measure(workload, args.sides, args.rounds)
        print(f"{workload} done", file=sys.stderr)
    print(table(results, args.sides))
    machine = {
        "cores": os.cpu_count(),
        "machine": platform.machine(),
        "python": sys.version.split()[0],
    }
    args.output.write_text(json.dumps({"machine": machine, "results": results}, indent=1) + "\n")


if __name__ == "__main__":
    main()
