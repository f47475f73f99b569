"""The benchmarked training loops, as a PyTorch user writes them.

`import torch` is whatever stands in `sys.modules`: PyTorch itself or jtorch. `WORKLOADS[name]()`
gives a function that trains one step and returns the loss as a tensor. It has the attributes
`model` (None for the chain) and `batches`, from which `steps_jax.py` takes the same start.
"""

import torch
import torch.nn.functional as F
from torch import nn

SEED = 0
# Enough that nothing is learnt by heart: vanishing gradients are denormal numbers, which cost
# PyTorch many times what they cost the others.
N_BATCHES = 32
VOCAB = 65


def _training(model, optimizer, loss_of, batches):
    at = 0

    def step():
        nonlocal at
        x, y = batches[at % len(batches)]
        at += 1
        loss = loss_of(model(x), y)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        return loss

    step.model = model
    step.batches = batches
    return step


def _tokens(batch, length):
    pairs = []
    for _ in range(N_BATCHES):
        text = torch.randint(0, VOCAB, (batch, length + 1))
        pairs.append((text[:, :-1].contiguous(), text[:, 1:].contiguous()))
    return pairs


def _token_loss(logits, target):
    return F.cross_entropy(logits.view(-1, VOCAB), target.view(-1))


# ------------------------------------------------------------------------------------- chain
CHAIN_LENGTH = 200


def chain():
    """200 operations on one number and their backward pass: what an operation costs by itself."""
    x = torch.full((), 0.5, requires_grad=True)

    def step():
        x.grad = None
        y = x
        for _ in range(CHAIN_LENGTH // 4):
            y = y * 1.01
            y = y + 0.001
            y = y.sin()
            y = y + x
        y.backward()
        return y.detach() + x.grad

    step.model = None
    step.batches = [x]
    return step


# --------------------------------------------------------------------------------------- mlp
def mlp():
    """784-512-512-10, batch 128, Adam."""
    torch.manual_seed(SEED)
    model = nn.Sequential(
        nn.Linear(784, 512), nn.ReLU(), nn.Linear(512, 512), nn.ReLU(), nn.Linear(512, 10)
    )
    batches = [(torch.randn(128, 784), torch.randint(0, 10, (128,))) for _ in range(N_BATCHES)]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-4)
    return _training(model, optimizer, F.cross_entropy, batches)


# --------------------------------------------------------------------------------------- gpt
class Attention(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.heads = heads
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x):
        b, t, c = x.shape
        q, k, v = self.qkv(x).split(c, dim=2)
        q, k, v = (a.view(b, t, self.heads, c // self.heads).transpose(1, 2) for a in (q, k, v))
        y = F.scaled_dot_product_attention(q, k, v, is_causal=True)
        return self.proj(y.transpose(1, 2).contiguous().view(b, t, c))


class Block(nn.Module):
    def __init__(self, width, heads):
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.attn = Attention(width, heads)
        self.ln2 = nn.LayerNorm(width)
        self.up = nn.Linear(width, 4 * width)
        self.down = nn.Linear(4 * width, width)

    def forward(self, x):
        x = x + self.attn(self.ln1(x))
        return x + self.down(F.gelu(self.up(self.ln2(x))))


class GPT(nn.Module):
    def __init__(self, layers=4, width=256, heads=8, length=128):
        super().__init__()
        self.tok = nn.Embedding(VOCAB, width)
        self.pos = nn.Embedding(length, width)
        self.blocks = nn.ModuleList(Block(width, heads) for _ in range(layers))
        self.ln = nn.LayerNorm(width)
        self.head = nn.Linear(width, VOCAB, bias=False)

    def forward(self, idx):
        x = self.tok(idx) + self.pos(torch.arange(idx.shape[1]))
        for block in self.blocks:
            x = block(x)
        return self.head(self.ln(x))


def gpt():
    """4 layers of width 256 with 8 heads, length 128, batch 8, AdamW."""
    torch.manual_seed(SEED)
    model = GPT()
    batches = _tokens(8, 128)
    optimizer = torch.optim.AdamW(model.parameters(), lr=3e-4, weight_decay=0.1)
    return _training(model, optimizer, _token_loss, batches)


# ---------------------------------------------------------------------------------- resnet18
class BasicBlock(nn.Module):
    def __init__(self, inside, outside, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(inside, outside, 3, stride, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(outside)
        self.conv2 = nn.Conv2d(outside, outside, 3, 1, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(outside)
        self.short = None
        if stride != 1 or inside != outside:
            self.short = nn.Sequential(
                nn.Conv2d(inside, outside, 1, stride, bias=False), nn.BatchNorm2d(outside)
            )

    def forward(self, x):
        out = F.relu(self.bn1(self.conv1(x)))
        out = self.bn2(self.conv2(out))
        return F.relu(out + (x if self.short is None else self.short(x)))


class ResNet18(nn.Module):
    def __init__(self, classes=10):
        super().__init__()
        self.conv = nn.Conv2d(3, 64, 3, 1, 1, bias=False)
        self.bn = nn.BatchNorm2d(64)
        blocks = []
        inside = 64
        for outside, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
            blocks += [BasicBlock(inside, outside, stride), BasicBlock(outside, outside, 1)]
            inside = outside
        self.blocks = nn.Sequential(*blocks)
        self.fc = nn.Linear(512, classes)

    def forward(self, x):
        x = self.blocks(F.relu(self.bn(self.conv(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


def resnet18():
    """The 32x32 form of ResNet-18, batch 32, SGD with momentum and weight decay."""
    torch.manual_seed(SEED)
    model = ResNet18()
    batches = [(torch.randn(32, 3, 32, 32), torch.randint(0, 10, (32,))) for _ in range(N_BATCHES)]
    optimizer = torch.optim.SGD(model.parameters(), lr=0.05, momentum=0.9, weight_decay=5e-4)
    return _training(model, optimizer, F.cross_entropy, batches)


# -------------------------------------------------------------------------------------- lstm
class CharLSTM(nn.Module):
    def __init__(self, hidden=256, layers=2):
        super().__init__()
        self.embed = nn.Embedding(VOCAB, hidden)
        self.lstm = nn.LSTM(hidden, hidden, num_layers=layers, batch_first=True)
        self.head = nn.Linear(hidden, VOCAB)

    def forward(self, idx):
        out, _ = self.lstm(self.embed(idx))
        return self.head(out)


def lstm():
    """2 layers of 256, length 64, batch 32, Adam."""
    torch.manual_seed(SEED)
    model = CharLSTM()
    batches = _tokens(32, 64)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    return _training(model, optimizer, _token_loss, batches)


WORKLOADS = {"chain": chain, "mlp": mlp, "gpt": gpt, "resnet18": resnet18, "lstm": lstm}
