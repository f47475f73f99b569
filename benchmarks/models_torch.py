"""The workloads in torch's API, run with the real torch and with jtorch.

Each function returns `step`: a function that makes one training step and returns something with
`item()`.
"""

import torch
import torch.nn.functional as F
from torch import nn


def _trainer(model, optimizer, loss_of):
    def step():
        optimizer.zero_grad()
        loss = loss_of(model)
        loss.backward()
        optimizer.step()
        return loss.detach()

    return step


def chain():
    """200 operations on a scalar, forward and backward."""
    x = torch.tensor(0.5, requires_grad=True)

    def step():
        y = x
        for _ in range(50):
            y = (y * 1.01 + 0.01).sin().exp()
        x.grad = None
        y.backward()
        return x.grad

    def looked_at():
        gradient = step()
        gradient.item()  # the point is the cost of small operations: look every time
        return gradient

    return looked_at


def mlp():
    """784-512-512-10, batch 128, Adam."""
    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )
    x, y = torch.randn(128, 784), torch.randint(0, 10, (128,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return _trainer(model, optimizer, lambda m: F.cross_entropy(m(x), y))


class Block(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, dim, heads):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.LayerNorm(dim)
        self.qkv = nn.Linear(dim, 3 * dim)
        self.proj = nn.Linear(dim, dim)
        self.norm2 = nn.LayerNorm(dim)
        self.up = nn.Linear(dim, 4 * dim)
        self.down = nn.Linear(4 * dim, dim)

    def forward(self, x):
        batch, length, dim = x.shape
        qkv = self.qkv(self.norm1(x)).view(batch, length, 3, self.heads, dim // self.heads)
        q, k, v = qkv.permute(2, 0, 3, 1, 4)
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        x = x + self.proj(y.transpose(1, 2).reshape(batch, length, dim))
        return x + self.down(F.gelu(self.up(self.norm2(x))))


class GPT(nn.Module):
    """A small GPT."""

    def __init__(self, vocab, length, dim, layers, heads):
        super().__init__()
        self.tokens = nn.Embedding(vocab, dim)
        self.positions = nn.Embedding(length, dim)
        self.blocks = nn.ModuleList([Block(dim, heads) for _ in range(layers)])
        self.norm = nn.LayerNorm(dim)
        self.head = nn.Linear(dim, vocab, bias=False)

    def forward(self, idx):
        x = self.tokens(idx) + self.positions.weight[: idx.shape[1]]
        for block in self.blocks:
            x = block(x)
        return self.head(self.norm(x))


def gpt():
    """4 layers, d 256, length 128, batch 8, vocabulary 65, AdamW."""
    model = GPT(65, 128, 256, 4, 4)
    x, y = torch.randint(0, 65, (8, 128)), torch.randint(0, 65, (8 * 128,))
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return _trainer(model, optimizer, lambda m: F.cross_entropy(m(x).view(-1, 65), y))


class Residual(nn.Module):
    """Two 3x3 convolutions and a shortcut."""

    def __init__(self, inputs, outputs, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inputs, outputs, 3, stride, 1, bias=False)
        self.norm1 = nn.BatchNorm2d(outputs)
        self.conv2 = nn.Conv2d(outputs, outputs, 3, 1, 1, bias=False)
        self.norm2 = nn.BatchNorm2d(outputs)
        self.shortcut = nn.Sequential()
        if stride != 1 or inputs != outputs:
            self.shortcut = nn.Sequential(
                nn.Conv2d(inputs, outputs, 1, stride, bias=False), nn.BatchNorm2d(outputs)
            )

    def forward(self, x):
        y = F.relu(self.norm1(self.conv1(x)))
        return F.relu(self.norm2(self.conv2(y)) + self.shortcut(x))


def resnet18():
    """ResNet-18 for 32x32 images, batch 32, SGD with momentum."""
    layers = [nn.Conv2d(3, 64, 3, 1, 1, bias=False), nn.BatchNorm2d(64), nn.ReLU()]
    width = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        layers += [Residual(width, outputs, stride), Residual(outputs, outputs, 1)]
        width = outputs
    layers += [nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(512, 10)]
    model = nn.Sequential(*layers)
    x, y = torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))
    optimizer = torch.optim.SGD(model.parameters(), lr=0.01, momentum=0.9)
    return _trainer(model, optimizer, lambda m: F.cross_entropy(m(x), y))


class CharLSTM(nn.Module):
    """Embedding, two LSTM layers, a linear layer."""

    def __init__(self, vocab, hidden):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        self.lstm = nn.LSTM(hidden, hidden, 2, batch_first=True)
        self.head = nn.Linear(hidden, vocab)

    def forward(self, x):
        return self.head(self.lstm(self.embedding(x))[0])


def lstm():
    """2 layers, hidden 256, length 64, batch 32, Adam."""
    model = CharLSTM(65, 256)
    x, y = torch.randint(0, 65, (32, 64)), torch.randint(0, 65, (32 * 64,))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return _trainer(model, optimizer, lambda m: F.cross_entropy(m(x).view(-1, 65), y))


WORKLOADS = {"chain": chain, "mlp": mlp, "gpt": gpt, "resnet18": resnet18, "lstm": lstm}
