"""Training speed against PyTorch eager and hand-written JAX.

    python benchmarks/run.py [--only mlp,gpt] [--sides torch,jtorch] [--rounds 15]
    python benchmarks/run.py --device cuda       all sides on the GPU
    python benchmarks/run.py --check      the hand-written JAX steps do the same mathematics

Every side trains in a process of its own. The processes stay alive and take turns, so that what
else happens on the machine hits all alike. Times are medians over the rounds; ratios are medians
of the ratios within a round. Prints Markdown tables and writes `benchmarks/results.json`.
"""

import argparse
import json
import platform
import statistics
import sys

from sides import HERE, SIDES, Side

WORKLOADS = ("chain", "mlp", "gpt", "resnet18", "lstm")
EVERY = (1, 10)
ROUND_SECONDS = 0.6
# A step counts as hot when it takes at most so many times the median of the last ones.
HOT = 2.0
WARM_STEPS = 40
# Slow steps are warmed up for so many seconds, but at least this often.
WARM_SECONDS, LEAST_WARM_STEPS = 15.0, 16


def warm_up(side):
    """Train step by step until the speed is steady: first step, seconds until hot, step seconds."""
    walls = []
    while len(walls) < WARM_STEPS:
        walls.append(side.ask([1, 1])[0])
        if len(walls) >= LEAST_WARM_STEPS and sum(walls) > WARM_SECONDS:
            break
    usual = statistics.median(walls[-6:])
    slow = [i for i, wall in enumerate(walls[:-6]) if wall > HOT * usual]
    hot_at = slow[-1] + 1 if slow else 0
    return {"first_step": walls[0], "to_hot": sum(walls[:hot_at]), "usual": usual}


def steps_in_round(usual, every):
    steps = max(int(ROUND_SECONDS / usual), 2)
    return -(-steps // every) * every


def rounds_of(rounds, usual, every):
    """Fewer rounds where one takes long."""
    return rounds if usual * every < 1 else max(3, rounds // 3)


def compare(workload, sides, rounds, device):
    """Measurements of a workload on every side."""
    running = [Side(name, workload, device) for name in sides]
    try:
        result = {s.name: {"setup": s.setup, **warm_up(s)} for s in running}
        for every in EVERY:
            times = {s.name: [] for s in running}
            usual = max(result[s.name]["usual"] for s in running)
            for s in running:  # another way of looking may need executables of its own
                s.ask([max(1, min(20, int(3 / usual / every))) * every, every])
            for number in range(rounds_of(rounds, usual, every)):
                # turn the order, so that nobody always follows the same neighbour
                for s in running[number % len(running) :] + running[: number % len(running)]:
                    steps = steps_in_round(result[s.name]["usual"], every)
                    wall, cpu, _ = s.ask([steps, every])
                    times[s.name].append((wall / steps, cpu / steps))
            for s in running:
                result[s.name][f"every_{every}"] = summary(times, s.name)
        for s in running:
            result[s.name]["memory"] = s.ask("memory")
        return result
    finally:
        for s in running:
            s.close()


def summary(times, name):
    """Median wall and CPU seconds of a step, and the median ratios to the other sides."""
    own = times[name]
    found = {"wall": median(own, 0), "cpu": median(own, 1), "best": min(t[0] for t in own)}
    for other, theirs in times.items():
        if other != name:
            pairs = list(zip(own, theirs, strict=True))
            found[f"wall/{other}"] = statistics.median(a[0] / b[0] for a, b in pairs)
            found[f"cpu/{other}"] = statistics.median(a[1] / b[1] for a, b in pairs)
    return found


def median(times, column):
    return statistics.median(t[column] for t in times)


# ------------------------------------------------------------------------------------ tables
def table(heads, rows):
    lines = ["| " + " | ".join(heads) + " |", "|---" + "|---:" * (len(heads) - 1) + "|"]
    lines += ["| " + " | ".join(row) + " |" for row in rows]
    return "\n".join(lines)


def milliseconds(seconds):
    return f"{seconds * 1e3:.3g}" if seconds < 0.1 else f"{seconds * 1e3:.0f}"


def steady_table(results, sides):
    heads = ["workload", "look every", *[f"{s} ms" for s in sides], *[f"{s} CPU ms" for s in sides]]
    others = [s for s in sides if s != "jtorch"] if "jtorch" in sides else []
    heads += [f"jtorch/{s}" for s in others] + [f"CPU jtorch/{s}" for s in others]
    rows = []
    for name, by_side in results.items():
        for every in EVERY:
            at = {s: by_side[s][f"every_{every}"] for s in sides}
            row = [name, str(every)]
            row += [milliseconds(at[s][kind]) for kind in ("wall", "cpu") for s in sides]
            row += [f"{at['jtorch'][f'{k}/{s}']:.2f}" for k in ("wall", "cpu") for s in others]
            rows.append(row)
    return table(heads, rows)


def start_table(results, sides):
    kinds = {"setup": "set-up s", "first_step": "first step s", "to_hot": "to hot s"}
    heads = ["workload", *[f"{s} {k}" for k in kinds.values() for s in sides]]
    heads += [f"{s} peak MB" for s in sides]
    rows = []
    for name, by_side in results.items():
        row = [name] + [f"{by_side[s][k]:.2f}" for k in kinds for s in sides]
        rows.append(row + [f"{by_side[s]['memory'] / 1e6:.0f}" for s in sides])
    return table(heads, rows)


# ------------------------------------------------------------------------------------- check
def check(names):
    """The first losses of torch and hand-written JAX from the same start must agree."""
    import numpy as np
    import steps_jax
    import steps_torch

    worst = 0.0
    for name in names:
        step = steps_torch.WORKLOADS[name]()
        arrays = [tuple(t.numpy() for t in b) for b in step.batches] if step.model else None
        if step.model is None:
            start = None, [b.item() for b in step.batches]
        else:
            state = {k: v.numpy().copy() for k, v in step.model.state_dict().items()}
            start = state, arrays
        ours = steps_jax.WORKLOADS[name](start)
        pairs = [(step().item(), float(ours())) for _ in range(3)]
        gap = max(abs(a - b) / max(abs(a), 1.0) for a, b in pairs)
        worst = max(worst, gap)
        print(f"{name:10s} worst difference {gap:.1e}   {np.round(pairs, 5).tolist()}")
    return worst < 1e-4


def names_in(text, known):
    chosen = text.split(",") if text else list(known)
    unknown = set(chosen) - set(known)
    if unknown:
        raise SystemExit(f"unknown: {', '.join(sorted(unknown))}; known: {', '.join(known)}")
    return chosen


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--only", help="workloads, with commas between")
    parser.add_argument("--sides", help="of torch, jtorch, jax")
    parser.add_argument("--rounds", type=int, default=15)
    parser.add_argument("--output", default=str(HERE / "results.json"))
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--check", action="store_true")
    args = parser.parse_args()
    names = names_in(args.only, WORKLOADS)
    sides = names_in(args.sides, SIDES)
    if args.check:
        sys.exit(not check(names))
    results = {}
    for name in names:
        print(f"{name} ...", file=sys.stderr)
        results[name] = compare(name, sides, args.rounds, args.device)
        with open(args.output, "w") as file:
            about = {"machine": platform.platform(), "device": args.device}
            json.dump({**about, "results": results}, file, indent=1)
    print(steady_table(results, sides), end="\n\n")
    print(start_table(results, sides))


if __name__ == "__main__":
    main()
