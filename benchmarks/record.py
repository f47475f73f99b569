"""What it costs to record an operation, in microseconds of this thread's CPU time.

    python benchmarks/record.py [--side torch]

The minimum of several runs over chains of operations on one number; nothing is executed within the
time taken on the jtorch side, only recorded. On the torch side the operations are executed.
"""

import argparse
import time

from sides import use_jtorch

CALLS = 400
RUNS = 30


def cases(torch):
    """(name, tensor to start from, function of a tensor and a count)."""
    plain = torch.full((), 0.5)
    wanted = torch.full((), 0.5, requires_grad=True)
    matrix = torch.full((8, 8), 0.5)
    linear = torch.nn.Linear(8, 8)

    def repeat(op):
        def run(x):
            for _ in range(CALLS):
                x = op(x)
            return x

        return run

    add = repeat(lambda x: x + 1.0)
    add_tensor = repeat(lambda x: x + plain)
    sin = repeat(torch.sin)
    yield "x + 1.0", plain, add
    yield "x + 1.0, gradient wanted", wanted, add
    yield "x + y", plain, add_tensor
    yield "x + y, gradient wanted", wanted, add_tensor
    yield "sin(x)", plain, sin
    yield "sin(x), gradient wanted", wanted, sin
    yield "sum(x, dim=0, keepdim=True)", matrix, repeat(lambda x: x.sum(0, keepdim=True))
    yield "x.view(8, 8)", matrix, repeat(lambda x: x.view(8, 8))
    yield "x.transpose(0, 1)", matrix, repeat(lambda x: x.transpose(0, 1))
    yield "x[0:4] of a new tensor", matrix, repeat(lambda x: x[0:8])
    yield "nn.Linear, gradient wanted", matrix, repeat(linear)


def microseconds(torch, run, x):
    """The least thread time per call over several runs."""
    best = float("inf")
    for _ in range(RUNS):
        started = time.thread_time()
        y = run(x)
        best = min(best, time.thread_time() - started)
        y.sum().item()  # execute outside the time taken
    return best / CALLS * 1e6


def backward_microseconds(torch):
    """The least thread time of `backward` per operation on the way."""
    best = float("inf")
    for _ in range(RUNS):
        x = torch.full((), 0.5, requires_grad=True)
        y = x
        for _ in range(CALLS):
            y = torch.sin(y)
        started = time.thread_time()
        y.backward()
        best = min(best, time.thread_time() - started)
        x.grad.item()
    return best / CALLS * 1e6


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--side", choices=("torch", "jtorch"), default="jtorch")
    args = parser.parse_args()
    if args.side == "jtorch":
        use_jtorch()
    import torch

    print(f"| {args.side} | us per operation |\n|---|---:|")
    for name, x, run in cases(torch):
        print(f"| {name} | {microseconds(torch, run, x):.2f} |", flush=True)
    print(f"| backward of sin | {backward_microseconds(torch):.2f} |")


if __name__ == "__main__":
    main()
