"""Attention and recurrent networks against torch."""

import numpy as np
import pytest

from compat_tests.harness import both, expression

RNG = np.random.RandomState(17)


def randn(*shape, scale=1.0):
    """Normal random numbers."""
    return (RNG.randn(*shape) * scale).astype(np.float32)


Q, K, V = randn(2, 4, 5, 8), randn(2, 4, 7, 8), randn(2, 4, 7, 6)
MASK = RNG.rand(5, 7) > 0.4
MASK[2] = False
OPERANDS = {"q": Q, "k": K, "v": V, "m": MASK, "f": randn(2, 1, 5, 7), "s": randn(2, 2, 7, 8)}

PROGRAMS = [
    "F.scaled_dot_product_attention(q, k, v)",
    "F.scaled_dot_product_attention(q, k, v, scale=0.7)",
    "F.scaled_dot_product_attention(q, k, v, is_causal=True)",
    "F.scaled_dot_product_attention(q, k, v, m)",
    "F.scaled_dot_product_attention(q, k, v, f)",
    "F.scaled_dot_product_attention(q[0, 0], k[0, 0], v[0, 0])",
    "F.scaled_dot_product_attention(q, s, s, enable_gqa=True)",
    "F.scaled_dot_product_attention(q.double(), k.double(), v.double())",
]


@pytest.mark.parametrize("program", PROGRAMS)
def test_attention(program):
    expression(program, OPERANDS, scale=5.0)


def test_attention_dropout():
    program = "torch.manual_seed(4); out = F.scaled_dot_product_attention(q, k, v, dropout_p=0.3)"
    expression(program, OPERANDS, scale=5.0)


def test_attention_errors():
    expression("F.scaled_dot_product_attention(q, k, v, m, is_causal=True)", OPERANDS)
    expression("F.scaled_dot_product_attention(q, k, v[..., :3, :])", OPERANDS)
    expression("F.scaled_dot_product_attention(q[..., :3], k, v)", OPERANDS)
    expression("F.scaled_dot_product_attention(q, k.double(), v)", OPERANDS)


E, H = 8, 2
MHA = {
    "q": randn(5, 3, E),
    "k": randn(7, 3, E),
    "w": randn(3 * E, E, scale=0.5),
    "b": randn(3 * E),
    "ow": randn(E, E, scale=0.5),
    "ob": randn(E),
    "bk": randn(1, 1, E),
    "bv": randn(1, 1, E),
    "pm": np.array([[False] * 5 + [True] * 2, [False] * 7, [True] + [False] * 6]),
    "am": RNG.rand(5, 7) > 0.7,
    "sm": np.triu(np.ones((5, 5), bool), 1),
}
HEAD = f"F.multi_head_attention_forward(q, k, k, {E}, {H}, w, b, "
HEADS = [
    HEAD + "None, None, False, 0.0, ow, ob)",
    HEAD + "None, None, False, 0.0, ow, ob, need_weights=False)",
    HEAD + "None, None, False, 0.0, ow, ob, key_padding_mask=pm)",
    HEAD + "None, None, False, 0.0, ow, ob, attn_mask=am, average_attn_weights=False)",
    HEAD + "None, None, False, 0.0, ow, ob, attn_mask=am, key_padding_mask=pm, need_weights=False)",
    HEAD + "bk, bv, True, 0.0, ow, ob, key_padding_mask=pm, attn_mask=am)",
    f"F.multi_head_attention_forward(q, q, q, {E}, {H}, w, None, None, None, False, 0.0, ow, ob, "
    "attn_mask=sm, need_weights=False, is_causal=True)",
    f"F.multi_head_attention_forward(q[:, 0], k[:, 0], k[:, 0], {E}, {H}, w, b, None, None, False, "
    "0.0, ow, ob)",
    f"F.multi_head_attention_forward(q, k, k, {E}, {H}, None, b, None, None, False, 0.0, ow, ob, "
    "use_separate_proj_weight=True, q_proj_weight=w[:8], k_proj_weight=w[8:16], "
    "v_proj_weight=w[16:])",
]


@pytest.mark.parametrize("program", HEADS)
def test_multi_head(program):
    expression(program, MHA, scale=10.0)


def test_multi_head_errors():
    for change in ((f"{E}, {H}", "9, 2"), (f"{E}, {H}", "8, 3"), ("(q, k", "(q[0, 0], k")):
        expression(HEADS[0].replace(*change), MHA)
    expression(HEAD + "None, None, False, 0.0, ow, ob, attn_mask=am[:3])", MHA)


def weights(mode, layers, directions, biases, features=4, size=3, projected=0):
    """Parameters in torch's order."""
    gates = {"lstm": 4, "gru": 3}.get(mode, 1)
    out = projected or size
    made = []
    for layer in range(layers):
        for _ in range(directions):
            wide = features if layer == 0 else out * directions
            made.append(randn(gates * size, wide, scale=0.5))
            made.append(randn(gates * size, out, scale=0.5))
            if biases:
                made += [randn(gates * size), randn(gates * size)]
            if projected:
                made.append(randn(projected, size))
    return made


CASES = [
    (mode, layers, directions, biases, batch_first, packed)
    for mode in ("lstm", "gru", "rnn_tanh", "rnn_relu")
    for layers, directions, biases, batch_first, packed in (
        (1, 1, True, False, False),
        (2, 2, True, True, False),
        (2, 1, False, False, False),
        (2, 2, True, False, True),
    )
]


@pytest.mark.parametrize("mode,layers,directions,biases,batch_first,packed", CASES)
def test_recurrent(mode, layers, directions, biases, batch_first, packed):
    params = weights(mode, layers, directions, biases)
    sizes = [3, 3, 2, 1, 1]
    data = randn(sum(sizes), 4) if packed else randn(3, 5, 4) if batch_first else randn(5, 3, 4)
    state = randn(layers * directions, 3, 3)
    cell = randn(layers * directions, 3, 3)

    def program(lib, data, h, c, *params):
        hx = (h, c) if mode == "lstm" else h
        call = getattr(lib, mode)
        tail = (params, biases, layers, 0.0, True, directions == 2)
        if packed:
            return call(data, lib.tensor(sizes), hx, *tail)
        return call(data, hx, *tail, batch_first)

    both(program, data, state, cell, *params, scale=10.0)


def test_lstm_projection():
    params = weights("lstm", 2, 1, True, projected=2)

    def program(lib, data, h, c, *params):
        return lib.lstm(data, (h, c), params, True, 2, 0.0, True, False, False)

    both(program, randn(5, 3, 4), randn(2, 3, 2), randn(2, 3, 3), *params, scale=10.0)


def test_recurrent_dropout():
    params = weights("gru", 3, 1, True)

    def program(lib, data, h, *params):
        lib.manual_seed(3)
        return lib.gru(data, h, params, True, 3, 0.4, True, False, False)

    both(program, randn(5, 3, 4), randn(3, 3, 3), *params, scale=10.0)


def test_recurrent_second_derivative():
    params = weights("lstm", 1, 1, True)

    def program(lib, data, h, c, *params):
        y = lib.lstm(data, (h, c), params, True, 1, 0.0, True, False, False)[0].pow(2).sum()
        return lib.autograd.grad(y, [data, params[1]], create_graph=True)

    arrays = [randn(4, 2, 4), randn(1, 2, 3), randn(1, 2, 3), *params]
    both(program, *[a.astype(np.float64) for a in arrays], scale=100.0)


def test_cells():
    for mode in ("lstm", "gru", "rnn_tanh", "rnn_relu"):
        params = weights(mode, 1, 1, True)

        def program(lib, x, h, c, *params, mode=mode):
            hx = (h, c) if mode == "lstm" else h
            return getattr(lib, mode + "_cell")(x, hx, *params)

        both(program, randn(3, 4), randn(3, 3), randn(3, 3), *params, scale=5.0)


def test_recurrent_errors():
    params = weights("gru", 1, 1, True)

    def program(lib, data, h, *params):
        return lib.gru(data, h, params, True, 1, 0.0, True, False, False)

    both(program, randn(5, 3, 5), randn(1, 3, 3), *params)
    both(program, randn(5, 3, 4), randn(1, 2, 3), *params)
