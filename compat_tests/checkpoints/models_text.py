"""Language models as plain PyTorch code; the defaults are the real sizes."""

import math

import torch
import torch.nn.functional as F
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence, pad_packed_sequence


class LSTMLanguageModel(nn.Module):
    """Two layers; the decoder's weight is the encoder's."""

    def __init__(self, words=33278, width=650, layers=2):
        super().__init__()
        self.drop = nn.Dropout(0.2)
        self.encoder = nn.Embedding(words, width)
        self.rnn = nn.LSTM(width, width, layers, dropout=0.2)
        self.decoder = nn.Linear(width, words)
        self.decoder.weight = self.encoder.weight
        nn.init.uniform_(self.encoder.weight, -0.1, 0.1)

    def forward(self, words):
        out, _ = self.rnn(self.drop(self.encoder(words)))
        return self.decoder(self.drop(out))


class Seq2Seq(nn.Module):
    """A bidirectional GRU encoder over packed sequences, a GRU decoder with additive attention."""

    def __init__(self, words=10000, width=256):
        super().__init__()
        self.embedding = nn.Embedding(words, width, padding_idx=0)
        self.encoder = nn.GRU(width, width // 2, batch_first=True, bidirectional=True)
        self.bridge = nn.Linear(width, width)
        self.query = nn.Linear(width, width, bias=False)
        self.key = nn.Linear(width, width, bias=False)
        self.score = nn.Linear(width, 1, bias=False)
        self.decoder = nn.GRUCell(2 * width, width)
        self.out = nn.Linear(2 * width, words)

    def forward(self, source, lengths, target):
        packed = pack_padded_sequence(
            self.embedding(source), lengths, batch_first=True, enforce_sorted=False
        )
        packed, last = self.encoder(packed)
        memory, _ = pad_packed_sequence(packed, batch_first=True)
        state = torch.tanh(self.bridge(torch.cat([last[0], last[1]], dim=-1)))
        keys = self.key(memory)
        padding = torch.arange(memory.size(1))[None] >= lengths[:, None]
        logits = []
        for word in self.embedding(target).unbind(1):
            energy = self.score(torch.tanh(self.query(state)[:, None] + keys)).squeeze(-1)
            weights = F.softmax(energy.masked_fill(padding, -1e9), dim=-1)
            context = torch.bmm(weights[:, None], memory).squeeze(1)
            state = self.decoder(torch.cat([word, context], dim=-1), state)
            logits.append(self.out(torch.cat([state, context], dim=-1)))
        return torch.stack(logits, dim=1)


class BertEmbeddings(nn.Module):
    def __init__(self, words, width, positions, dropout):
        super().__init__()
        self.word_embeddings = nn.Embedding(words, width, padding_idx=0)
        self.position_embeddings = nn.Embedding(positions, width)
        self.token_type_embeddings = nn.Embedding(2, width)
        self.LayerNorm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)
        self.register_buffer(
            "position_ids", torch.arange(positions).expand((1, -1)), persistent=False
        )

    def forward(self, words, types):
        x = self.word_embeddings(words) + self.token_type_embeddings(types)
        x = x + self.position_embeddings(self.position_ids[:, : words.size(1)])
        return self.dropout(self.LayerNorm(x))


class BertLayer(nn.Module):
    def __init__(self, width, heads, dropout):
        super().__init__()
        self.heads = heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.output = nn.Linear(width, width)
        self.attention_norm = nn.LayerNorm(width, eps=1e-12)
        self.intermediate = nn.Linear(width, 4 * width)
        self.contracted = nn.Linear(4 * width, width)
        self.output_norm = nn.LayerNorm(width, eps=1e-12)
        self.dropout = nn.Dropout(dropout)

    def split(self, x):
        return x.view(*x.shape[:2], self.heads, -1).permute(0, 2, 1, 3)

    def forward(self, x, mask):
        q, k, v = (self.split(layer(x)) for layer in (self.query, self.key, self.value))
        scores = q @ k.transpose(-1, -2) / math.sqrt(q.size(-1)) + mask
        attended = self.dropout(scores.softmax(dim=-1)) @ v
        attended = attended.permute(0, 2, 1, 3).contiguous().view(x.shape)
        x = self.attention_norm(x + self.dropout(self.output(attended)))
        inner = self.contracted(F.gelu(self.intermediate(x)))
        return self.output_norm(x + self.dropout(inner))


class Bert(nn.Module):
    """Masked words and the next-sentence decision; the word decoder is tied to the embedding."""

    def __init__(self, words=30522, width=768, depth=12, heads=12, positions=512, dropout=0.1):
        super().__init__()
        self.embeddings = BertEmbeddings(words, width, positions, dropout)
        self.layer = nn.ModuleList(BertLayer(width, heads, dropout) for _ in range(depth))
        self.pooler = nn.Linear(width, width)
        self.transform = nn.Sequential(
            nn.Linear(width, width), nn.GELU(), nn.LayerNorm(width, eps=1e-12)
        )
        self.decoder = nn.Linear(width, words, bias=False)
        self.decoder.weight = self.embeddings.word_embeddings.weight
        self.bias = nn.Parameter(torch.zeros(words))
        self.seq_relationship = nn.Linear(width, 2)
        self.apply(self._init)

    @staticmethod
    def _init(module):
        if isinstance(module, nn.Linear | nn.Embedding):
            module.weight.data.normal_(mean=0.0, std=0.02)
        if isinstance(module, nn.Linear) and module.bias is not None:
            module.bias.data.zero_()
        if isinstance(module, nn.Embedding) and module.padding_idx is not None:
            module.weight.data[module.padding_idx].zero_()

    def forward(self, words, types, mask):
        x = self.embeddings(words, types)
        mask = (1.0 - mask[:, None, None, :].to(x.dtype)) * torch.finfo(x.dtype).min
        for layer in self.layer:
            x = layer(x, mask)
        pooled = torch.tanh(self.pooler(x[:, 0]))
        return self.decoder(self.transform(x)) + self.bias, self.seq_relationship(pooled)


class CausalSelfAttention(nn.Module):
    def __init__(self, width, heads, positions, dropout):
        super().__init__()
        self.heads = heads
        self.c_attn = nn.Linear(width, 3 * width)
        self.c_proj = nn.Linear(width, width)
        self.attn_dropout = nn.Dropout(dropout)
        self.resid_dropout = nn.Dropout(dropout)
        causal = torch.tril(torch.ones(positions, positions))
        self.register_buffer("bias", causal.view(1, 1, positions, positions))

    def forward(self, x):
        n, length, width = x.size()
        q, k, v = self.c_attn(x).split(width, dim=2)
        q, k, v = (
            t.view(n, length, self.heads, width // self.heads).transpose(1, 2) for t in (q, k, v)
        )
        scores = (q @ k.transpose(-2, -1)) * (1.0 / math.sqrt(k.size(-1)))
        scores = scores.masked_fill(self.bias[:, :, :length, :length] == 0, float("-inf"))
        y = self.attn_dropout(F.softmax(scores, dim=-1)) @ v
        y = y.transpose(1, 2).contiguous().view(n, length, width)
        return self.resid_dropout(self.c_proj(y))


class Block(nn.Module):
    def __init__(self, width, heads, positions, dropout):
        super().__init__()
        self.ln_1 = nn.LayerNorm(width)
        self.attn = CausalSelfAttention(width, heads, positions, dropout)
        self.ln_2 = nn.LayerNorm(width)
        self.mlp = nn.ModuleDict(
            {
                "c_fc": nn.Linear(width, 4 * width),
                "c_proj": nn.Linear(4 * width, width),
                "act": nn.GELU("tanh"),
                "dropout": nn.Dropout(dropout),
            }
        )

    def forward(self, x):
        x = x + self.attn(self.ln_1(x))
        m = self.mlp
        return x + m.dropout(m.c_proj(m.act(m.c_fc(self.ln_2(x)))))


class GPT(nn.Module):
    def __init__(self, words=50257, width=768, depth=12, heads=12, positions=1024, dropout=0.1):
        super().__init__()
        self.transformer = nn.ModuleDict(
            {
                "wte": nn.Embedding(words, width),
                "wpe": nn.Embedding(positions, width),
                "drop": nn.Dropout(dropout),
                "h": nn.ModuleList(Block(width, heads, positions, dropout) for _ in range(depth)),
                "ln_f": nn.LayerNorm(width),
            }
        )
        self.lm_head = nn.Linear(width, words, bias=False)
        self.lm_head.weight = self.transformer.wte.weight
        for name, p in self.named_parameters():
            if name.endswith("c_proj.weight"):
                nn.init.normal_(p, mean=0.0, std=0.02 / math.sqrt(2 * depth))

    def forward(self, words):
        t = self.transformer
        positions = torch.arange(0, words.size(1), dtype=torch.long, device=words.device)
        x = t.drop(t.wte(words) + t.wpe(positions))
        for block in t.h:
            x = block(x)
        return self.lm_head(t.ln_f(x))

    def decay_groups(self, decay):
        """Matrices decay, vectors don't."""
        params = [p for p in self.parameters() if p.requires_grad]
        return [
            {"params": [p for p in params if p.dim() >= 2], "weight_decay": decay},
            {"params": [p for p in params if p.dim() < 2], "weight_decay": 0.0},
        ]
