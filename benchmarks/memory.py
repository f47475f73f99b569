"""Peak memory of training without ever looking at a value, against looking at every step.

    python benchmarks/memory.py [--steps 500] [--only mlp] [--sides jtorch,torch,jax]

Each way trains in a process of its own. Nothing is ever looked at in the first: what is pending
must be executed and let go of by itself.
"""

import argparse

from sides import Side


def peak(side, workload, steps, every):
    """Peak memory in bytes of a fresh process after so many steps."""
    with Side(side, workload) as process:
        process.ask([steps, every])
        return process.ask("memory")


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--steps", type=int, default=500)
    parser.add_argument("--only", default="chain,mlp")
    parser.add_argument("--sides", default="jtorch")
    args = parser.parse_args()
    print("| workload | side | looking MB | never looking MB | ratio |\n|---|---|---:|---:|---:|")
    for workload in args.only.split(","):
        for side in args.sides.split(","):
            looking = peak(side, workload, args.steps, 1)
            never = peak(side, workload, args.steps, args.steps + 1)
            sizes = f"{looking / 1e6:.0f} | {never / 1e6:.0f}"
            print(f"| {workload} | {side} | {sizes} | {never / looking:.2f} |", flush=True)


if __name__ == "__main__":
    main()
