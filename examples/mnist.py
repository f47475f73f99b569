"""Train a small convolutional network on handwritten digits.

python examples/mnist.py                    10,000 committed images, a minute on two cores
python examples/mnist.py --data DIR         the full MNIST, from the original idx files
python examples/mnist.py --steps 100        print the loss of each of 100 steps, then stop
"""

import argparse
import gzip
import struct
import sys
from pathlib import Path

import numpy as np
import torch
import torch.nn.functional as F
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

SAMPLE = Path(__file__).parent / "data" / "mnist"


class Net(nn.Module):
    """Two convolutions with pooling, then two linear layers, dropout before each of these."""

    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(1, 16, kernel_size=5)
        self.conv2 = nn.Conv2d(16, 48, kernel_size=5)
        self.dropout1 = nn.Dropout(0.25)
        self.dropout2 = nn.Dropout(0.25)
        self.fc1 = nn.Linear(48 * 4 * 4, 128)
        self.fc2 = nn.Linear(128, 10)

    def forward(self, x):
        x = F.avg_pool2d(F.silu(self.conv1(x)), 2)
        x = F.avg_pool2d(F.silu(self.conv2(x)), 2)
        x = self.dropout1(torch.flatten(x, 1))
        x = self.dropout2(F.silu(self.fc1(x)))
        return self.fc2(x)


def read_idx(path):
    """An idx file, gzipped or not, as an array of unsigned bytes."""
    if path.exists():
        raw = path.read_bytes()
    else:
        raw = gzip.decompress(path.with_name(path.name + ".gz").read_bytes())
    ndim = raw[3]
    shape = struct.unpack(f">{ndim}I", raw[4 : 4 + 4 * ndim])
    return np.frombuffer(raw, np.uint8, offset=4 + 4 * ndim).reshape(shape)


def load(folder, prefix):
    images = torch.tensor(read_idx(folder / f"{prefix}-images-idx3-ubyte"))
    labels = torch.tensor(read_idx(folder / f"{prefix}-labels-idx1-ubyte"))
    return TensorDataset(images.float().unsqueeze(1) / 255, labels.long())


def show_progress(epoch, done, total, loss):
    """Redraw one line on a terminal; say nothing where the output goes to a file."""
    if sys.stdout.isatty():
        filled = 30 * done // total
        bar = "#" * filled + "." * (30 - filled)
        print(f"\repoch {epoch} [{bar}] {done}/{total} loss {loss:.4f}", end="", flush=True)


def train_epoch(model, loader, optimizer, epoch, losses, max_steps=None):
    model.train()
    for images, labels in loader:
        optimizer.zero_grad()
        loss = F.cross_entropy(model(images), labels)
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
        if max_steps is None:
            show_progress(epoch, (len(losses) - 1) % len(loader) + 1, len(loader), losses[-1])
            continue
        print(f"step {len(losses)} loss {losses[-1]:.6g}")
        if len(losses) == max_steps:
            return


@torch.no_grad()
def accuracy(model, loader):
    model.eval()
    correct = 0
    for images, labels in loader:
        correct += (model(images).argmax(dim=1) == labels).sum().item()
    return correct / len(loader.dataset)


def draw_curve(losses, path):
    try:
        import matplotlib
    except ImportError:
        return
    matplotlib.use("Agg")
    import matplotlib.pyplot as plt

    smooth = np.convolve(losses, np.ones(20) / 20, mode="valid") if len(losses) > 20 else losses
    plt.figure(figsize=(7, 4))
    plt.plot(losses, color="lightsteelblue", linewidth=0.7, label="each step")
    offset = len(losses) - len(smooth)
    plt.plot(range(offset, len(losses)), smooth, color="navy", label="mean of 20 steps")
    plt.yscale("log")
    plt.xlabel("step")
    plt.ylabel("cross-entropy")
    plt.title("MNIST training loss")
    plt.legend()
    plt.tight_layout()
    plt.savefig(path, dpi=120)
    print(f"training curve saved to {path}")


def parse_args():
    parser = argparse.ArgumentParser(description="Train a small CNN on MNIST.")
    parser.add_argument("--data", type=Path, default=SAMPLE, help="folder of MNIST's idx files")
    parser.add_argument("--epochs", type=int, default=7)
    parser.add_argument("--batch-size", type=int, default=64)
    parser.add_argument("--lr", type=float, default=5e-3)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--steps", type=int, help="print each loss and stop after that many steps")
    parser.add_argument("--out", type=Path, default=Path("mnist.pt"), help="checkpoint to write")
    return parser.parse_args()


def main():
    args = parse_args()
    torch.manual_seed(args.seed)
    train_loader = DataLoader(load(args.data, "train"), batch_size=args.batch_size, shuffle=True)
    model = Net()
    optimizer = torch.optim.Adam(model.parameters(), lr=args.lr)
    losses = []
    if args.steps is not None:
        while len(losses) < args.steps:
            train_epoch(model, train_loader, optimizer, 1, losses, args.steps)
        return

    test_loader = DataLoader(load(args.data, "t10k"), batch_size=500)
    scheduler = torch.optim.lr_scheduler.StepLR(optimizer, step_size=1, gamma=0.7)
    for epoch in range(1, args.epochs + 1):
        train_epoch(model, train_loader, optimizer, epoch, losses)
        scheduler.step()
        mean = sum(losses[-len(train_loader) :]) / len(train_loader)
        clear = "\r\033[K" if sys.stdout.isatty() else ""
        tested = accuracy(model, test_loader)
        print(f"{clear}epoch {epoch}: mean loss {mean:.4f}, test accuracy {100 * tested:.2f} %")
    print(f"test accuracy {100 * accuracy(model, test_loader):.2f} %")

    torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, args.out)
    print(f"checkpoint saved to {args.out}")
    draw_curve(losses, args.out.with_suffix(".png"))


if __name__ == "__main__":
    main()
