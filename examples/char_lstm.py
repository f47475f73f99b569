"""Train a two-layer LSTM on the characters of Paradise Lost, then let it write.

python examples/char_lstm.py                300 steps, then 300 characters
python examples/char_lstm.py --steps 2000 --hidden 256
"""

import argparse
from pathlib import Path

import torch
from torch import nn
from torch.utils.data import DataLoader, TensorDataset

TEXT = Path(__file__).parent / "data" / "paradise_lost.txt"


class CharLSTM(nn.Module):
    def __init__(self, vocab, hidden, layers, dropout):
        super().__init__()
        self.embedding = nn.Embedding(vocab, hidden)
        self.lstm = nn.LSTM(hidden, hidden, layers, batch_first=True, dropout=dropout)
        self.dropout = nn.Dropout(dropout)
        self.head = nn.Linear(hidden, vocab)

    def forward(self, tokens, state=None):
        """Scores for the next character at every place, and the state to go on from."""
        out, state = self.lstm(self.embedding(tokens), state)
        return self.head(self.dropout(out)), state


def windows(tokens, length):
    """Cut the text into stretches of `length` characters and their successors."""
    count = (len(tokens) - 1) // length
    inputs = tokens[: count * length].view(count, length)
    targets = tokens[1 : count * length + 1].view(count, length)
    return TensorDataset(inputs, targets)


def train(model, loader, steps, lr):
    criterion = nn.CrossEntropyLoss()
    optimizer = torch.optim.Adam(model.parameters(), lr=lr)
    scheduler = torch.optim.lr_scheduler.CosineAnnealingLR(optimizer, T_max=steps)
    model.train()
    step = 0
    while step < steps:
        for inputs, targets in loader:
            optimizer.zero_grad()
            logits, _ = model(inputs)
            loss = criterion(logits.flatten(0, 1), targets.flatten())
            loss.backward()
            nn.utils.clip_grad_norm_(model.parameters(), max_norm=1.0)
            optimizer.step()
            scheduler.step()
            step += 1
            print(f"step {step} loss {loss.item():.6g}")
            if step == steps:
                break


@torch.no_grad()
def write(model, token, count, temperature=0.7):
    """Draw `count` tokens one by one, carrying the state along."""
    model.eval()
    state = None
    written = []
    for _ in range(count):
        logits, state = model(token, state)
        probs = torch.softmax(logits[0, -1] / temperature, dim=0)
        token = torch.multinomial(probs, 1).unsqueeze(0)
        written.append(token.item())
    return written


def parse_args():
    parser = argparse.ArgumentParser(description="Train a character-level LSTM.")
    parser.add_argument("--text", type=Path, default=TEXT)
    parser.add_argument("--steps", type=int, default=300)
    parser.add_argument("--batch-size", type=int, default=32)
    parser.add_argument("--length", type=int, default=48)
    parser.add_argument("--hidden", type=int, default=128)
    parser.add_argument("--layers", type=int, default=2)
    parser.add_argument("--dropout", type=float, default=0.2)
    parser.add_argument("--lr", type=float, default=4e-3)
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--generate", type=int, default=300, help="characters to write at the end")
    return parser.parse_args()


def main():
    args = parse_args()
    torch.manual_seed(args.seed)
    text = args.text.read_text()
    alphabet = sorted(set(text))
    index = {c: i for i, c in enumerate(alphabet)}
    tokens = torch.tensor([index[c] for c in text])

    loader = DataLoader(
        windows(tokens, args.length), batch_size=args.batch_size, shuffle=True, drop_last=True
    )
    model = CharLSTM(len(alphabet), args.hidden, args.layers, args.dropout)
    train(model, loader, args.steps, args.lr)
    if args.generate:
        start = torch.tensor([[index["\n"]]])
        print("".join(alphabet[i] for i in write(model, start, args.generate)))


if __name__ == "__main__":
    main()
