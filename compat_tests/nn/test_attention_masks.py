"""torch.nn.attention: choice of implementations, masks with a name, flex_attention."""

import importlib

import numpy as np
import pytest
import torch
import torch.nn.attention.bias

import jtorch
from compat_tests.harness import both

DOCUMENTS = np.array([[0, 0, 0, 1, 1, 1, 1, 2, 2, 2], [0, 1, 1, 1, 1, 1, 1, 1, 1, 1]])
DRAW = np.random.default_rng(0)
Q = DRAW.normal(size=(2, 4, 10, 8)).astype(np.float32)
K = DRAW.normal(size=(2, 2, 10, 8)).astype(np.float32)
V = DRAW.normal(size=(2, 2, 10, 6)).astype(np.float32)


def flex(lib):
    return importlib.import_module(f"{lib.__name__}.nn.attention.flex_attention")


def causal(b, h, q, k):
    return q >= k


def block_mask(lib, *args, **kwargs):
    return flex(lib).create_block_mask(*args, device="cpu", **kwargs)


def large(lib):
    return block_mask(lib, causal, 1, 2, 300, 260, BLOCK_SIZE=64)


def documents(lib):
    table = lib.tensor(DOCUMENTS)
    mask = flex(lib).and_masks(lambda b, h, q, k: table[b, q] == table[b, k], causal)
    return block_mask(lib, mask, 2, None, 10, 10, BLOCK_SIZE=(4, 2))


def lists(mask):
    return [t for t in mask.as_tuple() if t is not None and not callable(t)]


def from_lists(lib):
    one = large(lib)
    return flex(lib).BlockMask.from_kv_blocks(
        one.kv_num_blocks, one.kv_indices, BLOCK_SIZE=64, mask_mod=causal
    )


MASKS = {
    "lists": lambda lib: lists(large(lib)),
    "lists of documents": lambda lib: lists(documents(lib)),
    "not separate": lambda lib: lists(
        block_mask(lib, causal, None, None, 9, 7, BLOCK_SIZE=2, separate_full_blocks=False)
    ),
    "from lists": lambda lib: [*lists(from_lists(lib)), repr(from_lists(lib))],
    "str": lambda lib: [str(large(lib)), str(documents(lib))],
    "repr": lambda lib: [repr(large(lib)), repr(documents(lib))],
    "to_string": lambda lib: [large(lib).to_string(s, 1) for s in (3, (2, 5))],
    "dense": lambda lib: large(lib).to_dense(),
    "numbers": lambda lib: [large(lib).shape, large(lib).numel(), large(lib).sparsity()],
    "index": lambda lib: [str(large(lib)[0]), *lists(large(lib)[0, 1, :2])],
    "index from the end": lambda lib: lists(large(lib)[-1, -2]),
    "index mod": lambda lib: large(lib)[0].mask_mod(*lib.ones(4)),
    "adjusted": lambda lib: [str(large(lib)._adjust(s, 128)) for s in (128, 100)],
    "moved": lambda lib: lists(large(lib).to("cpu")),
    "or": lambda lib: flex(lib).create_mask(
        flex(lib).or_masks(causal, lambda b, h, q, k: (h == 1) & (k < 2)), 1, 2, 4, 5, "cpu"
    ),
    "or nothing": lambda lib: flex(lib).or_masks(3),
    "of a score_mod": lambda lib: flex(lib).create_mask(
        lambda s, b, h, q, k: lib.where(q >= k, s, -float("inf")), 1, 1, 4, 4, "cpu"
    ),
    "noop": lambda lib: flex(lib).create_mask(flex(lib).noop_mask, 1, None, 2, 3, "cpu"),
    "table row": lambda lib: flex(lib).create_mask(
        lambda b, h, q, k: lib.tensor(DOCUMENTS)[b][q] == h, 2, 2, 10, 10, "cpu"
    ),
}


@pytest.mark.parametrize("name", MASKS)
def test_mask(name):
    both(MASKS[name])


def attend(lib, q, k, v, *args, **kwargs):
    return flex(lib).flex_attention(q, k, v, *args, enable_gqa=True, **kwargs)


def _slopes(lib):
    slopes = lib.tensor([0.1, 0.2, 0.3, 0.4])
    return lambda s, b, h, q, k: s + slopes[h] * (q - k)


ATTENTION = {
    "plain": lambda lib, q, k, v: attend(lib, q, k, v),
    "documents and slopes": lambda lib, q, k, v: attend(lib, q, k, v, _slopes(lib), documents(lib)),
    "sums": lambda lib, q, k, v: attend(
        lib, q, k, v, lambda s, b, h, q, k: lib.tanh(s / 2) * 2, scale=0.3, return_lse=True
    ),
    "rows of nothing": lambda lib, q, k, v: attend(
        lib, q, k, v, block_mask=block_mask(lib, lambda b, h, q, k: q > 4, 1, 1, 10, 10)
    ),
    "one batch of keys": lambda lib, q, k, v: attend(
        lib, q, k[:1], v[:1], block_mask=block_mask(lib, causal, 2, 1, 10, 10)
    ),
    "bfloat16": lambda lib, q, k, v: attend(lib, *(t.bfloat16() for t in (q, k, v))),
    "double": lambda lib, q, k, v: attend(lib, *(t.double() for t in (q, k, v)), _slopes(lib)),
    "other heads": lambda lib, q, k, v: flex(lib).flex_attention(q, k, v),
    "other batch": lambda lib, q, k, v: attend(lib, q, k[:1], v),
    "three dimensions": lambda lib, q, k, v: attend(lib, q[0], k, v),
    "other width": lambda lib, q, k, v: attend(lib, q[..., :3], k, v),
    "other length": lambda lib, q, k, v: attend(lib, q, k, v, block_mask=large(lib)),
    "longer": lambda lib, q, k, v: attend(lib, q[:, :, :3], k, v, block_mask=documents(lib)),
    "sliced": lambda lib, q, k, v: attend(lib, q, k, v, block_mask=documents(lib)[0]),
}


@pytest.mark.parametrize("name", ATTENTION)
def test_attention(name):
    torch._dynamo.reset()
    both(ATTENTION[name], Q, K, V, grad=False)


def test_gradients():
    """PyTorch refuses gradients on the CPU: its side is written out."""

    def run(lib, q, k, v, table):
        if lib is jtorch:
            mod = lambda s, b, h, qi, ki: s + table[h, qi - ki + 9]  # noqa: E731
            aux = flex(lib).AuxRequest(lse=True, max_scores=True)
            out, aux = attend(lib, q, k, v, mod, documents(lib), return_aux=aux)
            return [out, aux.lse, aux.max_scores]
        k, v = k.repeat_interleave(2, 1), v.repeat_interleave(2, 1)
        at = lib.arange(10)
        scores = q @ k.mT / 8**0.5 + table[:, at[:, None] - at + 9]
        mask = flex(lib).create_mask(documents(lib).mask_mod, 2, 1, 10, 10, "cpu")
        scores = scores.masked_fill(~mask, -float("inf"))
        return [scores.softmax(-1) @ v, scores.logsumexp(-1), scores.amax(-1)]

    both(run, Q, K, V, DRAW.normal(size=(4, 19)).astype(np.float32))


def test_blocks_alone_mask_too():
    """A mask given by its lists holds without a function, as in PyTorch's kernels."""
    one = block_mask(jtorch, causal, None, None, 10, 10, BLOCK_SIZE=1)
    assert one.kv_num_blocks.sum().item() == 0
    full = flex(jtorch).BlockMask.from_kv_blocks(
        one.full_kv_num_blocks, one.full_kv_indices, BLOCK_SIZE=1
    )
    q, k, v = (jtorch.tensor(a) for a in (Q, K, V))
    want = attend(jtorch, q, k, v, block_mask=one)
    assert jtorch.equal(attend(jtorch, q, k, v, block_mask=full), want)


def test_a_function_of_single_positions_is_refused():
    with pytest.raises(NotImplementedError, match="table"):
        flex(jtorch).create_mask(
            lambda b, h, q, k: jtorch.ones(4, 4)[q][k] > 0, 1, 1, 4, 4, device="cpu"
        )


def _kernels(lib, *args):
    attention = lib.nn.attention
    seen = []
    with (
        attention.sdpa_kernel(*args)
        if args
        else attention.sdpa_kernel(
            [attention.SDPBackend.MATH, attention.SDPBackend.FLASH_ATTENTION]
        )
    ):
        seen.append(lib.backends.cuda.mem_efficient_sdp_enabled())
        seen.append(lib.backends.cuda.math_sdp_enabled())
    return [*seen, lib.backends.cuda.mem_efficient_sdp_enabled()]


CHOICES = {
    "within": _kernels,
    "of a number": lambda lib: _kernels(lib, 3),
    "decorator": lambda lib: lib.nn.attention.sdpa_kernel(lib.nn.attention.SDPBackend.MATH)(
        lambda: lib.backends.cuda.flash_sdp_enabled()
    )(),
    "repr": lambda lib: [
        repr(lib.nn.attention.SDPBackend.MATH),
        str(lib.nn.attention.SDPBackend(1)),
    ],
    "number": lambda lib: [
        int(lib.nn.attention.SDPBackend.MATH),
        lib.nn.attention.SDPBackend.MATH == 0,
    ],
    "members": lambda lib: sorted(lib.nn.attention.SDPBackend.__members__),
    "biases": lambda lib: [
        repr(bias(*size))
        for bias in (
            lib.nn.attention.bias.causal_upper_left,
            lib.nn.attention.bias.causal_lower_right,
        )
        for size in ((3, 5), (4, 4), (5, 3))
    ],
    "bias properties": lambda lib: [
        tuple(lib.nn.attention.bias.causal_lower_right(3, 5).shape),
        isinstance(lib.nn.attention.bias.causal_lower_right(3, 5), lib.Tensor),
    ],
    "bias of one size": lambda lib: lib.nn.attention.bias.causal_upper_left(3),
    "bias of a number": lambda lib: lib.nn.attention.bias.CausalBias(1, 2, 3),
    "bias and causal": lambda lib: lib.nn.functional.scaled_dot_product_attention(
        *lib.ones(3, 1, 2, 4, 4),
        attn_mask=lib.nn.attention.bias.causal_upper_left(4, 4),
        is_causal=True,
    ),
}


@pytest.mark.parametrize("name", CHOICES)
def test_choice(name):
    both(CHOICES[name])


@pytest.mark.parametrize("name", ["causal_upper_left", "causal_lower_right"])
def test_attention_with_a_named_bias(name):
    def run(lib, q, k, v):
        bias = getattr(lib.nn.attention.bias, name)(7, 10)
        attention = lib.nn.functional.scaled_dot_product_attention
        return attention(q[:, :2, :7], k, v, attn_mask=bias)

    both(run, Q, K, V)
