"""The same training steps written by hand for JAX: parameters as pytrees, one jitted step.

What a good JAX user would write: donated buffers, optax, NHWC convolutions, `lax.scan` with the
input projection taken out of the loop. `WORKLOADS[name](start)` gives a function that trains one
step and returns the loss; `start` is None (own random start) or the start of the torch side, as
`(state_dict of arrays, batches of arrays)`.
"""

import functools
import itertools

import jax
import jax.numpy as jnp
import numpy as np
import optax

VOCAB = 65
N_BATCHES = 32


def _normal(r, *shape, scale):
    return (r.normal(size=shape) * scale).astype(np.float32)


def _linear_init(r, inside, outside, bias=True):
    p = {"w": _normal(r, inside, outside, scale=(3 * inside) ** -0.5)}
    return {**p, "b": np.zeros(outside, np.float32)} if bias else p


def _linear(p, x):
    y = x @ p["w"]
    return y + p["b"] if "b" in p else y


def _cross_entropy(logits, target):
    return optax.softmax_cross_entropy_with_integer_labels(logits, target).mean()


def _training(loss_of, tx, params, batches):
    opt_state = tx.init(params)
    params, opt_state = jax.device_put((params, opt_state))
    batches = itertools.cycle([tuple(jax.device_put(b)) for b in batches])

    @functools.partial(jax.jit, donate_argnums=(0, 1))
    def train(params, opt_state, x, y):
        loss, grads = jax.value_and_grad(loss_of)(params, x, y)
        updates, opt_state = tx.update(grads, opt_state, params)
        return optax.apply_updates(params, updates), opt_state, loss

    def step():
        nonlocal params, opt_state
        params, opt_state, loss = train(params, opt_state, *next(batches))
        return loss

    step.lower = lambda: train.lower(params, opt_state, *next(batches))
    return step


def _token_batches(r, batch, length):
    texts = [r.integers(0, VOCAB, (batch, length + 1)).astype(np.int32) for _ in range(N_BATCHES)]
    return [(text[:, :-1], text[:, 1:]) for text in texts]


def _class_batches(r, *shape):
    return [
        (_normal(r, *shape, scale=1.0), r.integers(0, 10, shape[0]).astype(np.int32))
        for _ in range(N_BATCHES)
    ]


def _int_targets(batches):
    return [(x, y.astype(np.int32)) for x, y in batches]


def _torch_linear(state, name):
    p = {"w": state[f"{name}.weight"].T}
    if f"{name}.bias" in state:
        p["b"] = state[f"{name}.bias"]
    return p


# ------------------------------------------------------------------------------------- chain
def chain(start=None):
    """200 operations on one number and their gradient."""
    x = jnp.float32(0.5 if start is None else start[1][0])

    def forward(x):
        y = x
        for _ in range(50):
            y = jnp.sin(y * 1.01 + 0.001) + x
        return y

    @jax.jit
    def value(x):
        y, grad = jax.value_and_grad(forward)(x)
        return y + grad

    return lambda: value(x)


# --------------------------------------------------------------------------------------- mlp
def _mlp(params, x):
    for p in params[:-1]:
        x = jax.nn.relu(_linear(p, x))
    return _linear(params[-1], x)


def mlp(start=None):
    """784-512-512-10, batch 128, Adam."""
    if start is None:
        r = np.random.default_rng(0)
        sizes = (784, 512, 512, 10)
        params = [_linear_init(r, a, b) for a, b in itertools.pairwise(sizes)]
        batches = _class_batches(r, 128, 784)
    else:
        params = [_torch_linear(start[0], i) for i in (0, 2, 4)]
        batches = _int_targets(start[1])
    loss = lambda p, x, y: _cross_entropy(_mlp(p, x), y)  # noqa: E731
    return _training(loss, optax.adam(1e-4), params, batches)


# --------------------------------------------------------------------------------------- gpt
WIDTH, HEADS, LAYERS, LENGTH = 256, 8, 4, 128


def _layer_norm(p, x):
    mean = x.mean(-1, keepdims=True)
    centred = x - mean
    variance = (centred * centred).mean(-1, keepdims=True)
    return centred * jax.lax.rsqrt(variance + 1e-5) * p["w"] + p["b"]


def _attention(p, x):
    b, t, c = x.shape
    q, k, v = (
        a.reshape(b, t, HEADS, c // HEADS) for a in jnp.split(_linear(p["qkv"], x), 3, axis=-1)
    )
    scores = jnp.einsum("bqhd,bkhd->bhqk", q, k) * (c // HEADS) ** -0.5
    scores = jnp.where(jnp.tril(jnp.ones((t, t), bool)), scores, -jnp.inf)
    mixed = jnp.einsum("bhqk,bkhd->bqhd", jax.nn.softmax(scores), v)
    return _linear(p["proj"], mixed.reshape(b, t, c))


def _block(p, x):
    x = x + _attention(p, _layer_norm(p["ln1"], x))
    up = _linear(p["up"], _layer_norm(p["ln2"], x))
    return x + _linear(p["down"], jax.nn.gelu(up, approximate=False))


def _gpt(params, idx):
    x = params["tok"][idx] + params["pos"][: idx.shape[1]]
    for p in params["blocks"]:
        x = _block(p, x)
    return _linear(params["head"], _layer_norm(params["ln"], x))


def _norm_init():
    return {"w": np.ones(WIDTH, np.float32), "b": np.zeros(WIDTH, np.float32)}


def _gpt_block_init(r):
    return {
        "ln1": _norm_init(),
        "qkv": _linear_init(r, WIDTH, 3 * WIDTH),
        "proj": _linear_init(r, WIDTH, WIDTH),
        "ln2": _norm_init(),
        "up": _linear_init(r, WIDTH, 4 * WIDTH),
        "down": _linear_init(r, 4 * WIDTH, WIDTH),
    }


def _gpt_from_torch(state):
    def norm(name):
        return {"w": state[f"{name}.weight"], "b": state[f"{name}.bias"]}

    blocks = []
    for i in range(LAYERS):
        at = f"blocks.{i}."
        linears = {n: _torch_linear(state, at + n) for n in ("up", "down")}
        linears |= {n: _torch_linear(state, f"{at}attn.{n}") for n in ("qkv", "proj")}
        blocks.append({**linears, "ln1": norm(at + "ln1"), "ln2": norm(at + "ln2")})
    return {
        "tok": state["tok.weight"],
        "pos": state["pos.weight"],
        "blocks": blocks,
        "ln": norm("ln"),
        "head": _torch_linear(state, "head"),
    }


def gpt(start=None):
    """4 layers of width 256 with 8 heads, length 128, batch 8, AdamW."""
    if start is None:
        r = np.random.default_rng(0)
        params = {
            "tok": _normal(r, VOCAB, WIDTH, scale=1.0),
            "pos": _normal(r, LENGTH, WIDTH, scale=1.0),
            "blocks": [_gpt_block_init(r) for _ in range(LAYERS)],
            "ln": _norm_init(),
            "head": _linear_init(r, WIDTH, VOCAB, bias=False),
        }
        batches = _token_batches(r, 8, LENGTH)
    else:
        params, batches = _gpt_from_torch(start[0]), _int_targets(start[1])
    loss = lambda p, x, y: _cross_entropy(_gpt(p, x), y)  # noqa: E731
    return _training(loss, optax.adamw(3e-4, weight_decay=0.1), params, batches)


# ---------------------------------------------------------------------------------- resnet18
STAGES = ((64, 1), (64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2), (512, 1))


def _conv(w, x, stride, pad):
    layout = ("NHWC", "HWIO", "NHWC")
    pads = ((pad, pad), (pad, pad))
    return jax.lax.conv_general_dilated(x, w, (stride, stride), pads, dimension_numbers=layout)


def _batch_norm(p, stats, x):
    """Normalise with the statistics of the batch; returns the new running ones too."""
    mean = x.mean((0, 1, 2))
    variance = ((x - mean) ** 2).mean((0, 1, 2))
    count = x.size // x.shape[-1]
    seen = {"mean": mean, "var": variance * (count / (count - 1))}
    running = {k: 0.9 * stats[k] + 0.1 * seen[k] for k in seen}
    return (x - mean) * (jax.lax.rsqrt(variance + 1e-5) * p["w"]) + p["b"], running


def _resnet(params, stats, x):
    new = {}

    def norm(name, x):
        y, new[name] = _batch_norm(params[name], stats[name], x)
        return y

    x = jax.nn.relu(norm("bn", _conv(params["conv"], x, 1, 1)))
    for i, (_, stride) in enumerate(STAGES):
        y = jax.nn.relu(norm(f"{i}.bn1", _conv(params[f"{i}.conv1"], x, stride, 1)))
        y = norm(f"{i}.bn2", _conv(params[f"{i}.conv2"], y, 1, 1))
        if f"{i}.short" in params:
            x = norm(f"{i}.bns", _conv(params[f"{i}.short"], x, stride, 0))
        x = jax.nn.relu(x + y)
    return _linear(params["fc"], x.mean((1, 2))), new


def _resnet_init(r):
    def conv(k, a, b):
        return _normal(r, k, k, a, b, scale=(3 * k * k * a) ** -0.5)

    params, stats = {"conv": conv(3, 3, 64), "fc": _linear_init(r, 512, 10)}, {}
    widths = {"bn": 64}
    inside = 64
    for i, (width, stride) in enumerate(STAGES):
        params[f"{i}.conv1"], params[f"{i}.conv2"] = conv(3, inside, width), conv(3, width, width)
        widths |= {f"{i}.bn1": width, f"{i}.bn2": width}
        if stride != 1 or inside != width:
            params[f"{i}.short"], widths[f"{i}.bns"] = conv(1, inside, width), width
        inside = width
    for name, width in widths.items():
        params[name] = {"w": np.ones(width, np.float32), "b": np.zeros(width, np.float32)}
        stats[name] = {"mean": np.zeros(width, np.float32), "var": np.ones(width, np.float32)}
    return params, stats


def _resnet_from_torch(state):
    params, stats = {"fc": _torch_linear(state, "fc")}, {}

    def conv(name, source):
        params[name] = state[source + ".weight"].transpose(2, 3, 1, 0)

    def norm(name, source):
        params[name] = {"w": state[source + ".weight"], "b": state[source + ".bias"]}
        stats[name] = {k: state[f"{source}.running_{k}"] for k in ("mean", "var")}

    conv("conv", "conv")
    norm("bn", "bn")
    for i in range(len(STAGES)):
        for n in "12":
            conv(f"{i}.conv{n}", f"blocks.{i}.conv{n}")
            norm(f"{i}.bn{n}", f"blocks.{i}.bn{n}")
        if f"blocks.{i}.short.0.weight" in state:
            conv(f"{i}.short", f"blocks.{i}.short.0")
            norm(f"{i}.bns", f"blocks.{i}.short.1")
    return params, stats


def resnet18(start=None):
    """The 32x32 form of ResNet-18, batch 32, SGD with momentum and weight decay."""
    if start is None:
        r = np.random.default_rng(0)
        params, stats = _resnet_init(r)
        batches = _class_batches(r, 32, 32, 32, 3)
    else:
        params, stats = _resnet_from_torch(start[0])
        batches = [(x.transpose(0, 2, 3, 1), y) for x, y in _int_targets(start[1])]
    tx = optax.chain(optax.add_decayed_weights(5e-4), optax.sgd(0.05, momentum=0.9))
    state = jax.device_put((params, stats, tx.init(params)))
    batches = itertools.cycle([tuple(jax.device_put(b)) for b in batches])

    def loss_of(params, stats, x, y):
        logits, stats = _resnet(params, stats, x)
        return _cross_entropy(logits, y), stats

    @functools.partial(jax.jit, donate_argnums=0)
    def train(state, x, y):
        params, stats, opt_state = state
        value = jax.value_and_grad(loss_of, has_aux=True)
        (loss, stats), grads = value(params, stats, x, y)
        updates, opt_state = tx.update(grads, opt_state, params)
        return (optax.apply_updates(params, updates), stats, opt_state), loss

    def step():
        nonlocal state
        state, loss = train(state, *next(batches))
        return loss

    step.lower = lambda: train.lower(state, *next(batches))
    return step


# -------------------------------------------------------------------------------------- lstm
HIDDEN = 256


def _lstm_layer(p, x):
    """x: (time, batch, features)."""
    projected = x @ p["wi"] + p["bi"] + p["bh"]

    def cell(carry, gates):
        h, c = carry
        i, f, g, o = jnp.split(gates + h @ p["wh"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((x.shape[1], HIDDEN), x.dtype)
    return jax.lax.scan(cell, (zero, zero), projected)[1]


def _char_lstm(params, idx):
    x = params["embed"][idx.T]
    for p in params["layers"]:
        x = _lstm_layer(p, x)
    return _linear(params["head"], x.swapaxes(0, 1))


def _lstm_init(r):
    scale = (3 * HIDDEN) ** -0.5
    zero = np.zeros(4 * HIDDEN, np.float32)
    layers = [
        {k: _normal(r, HIDDEN, 4 * HIDDEN, scale=scale) for k in ("wi", "wh")}
        | {"bi": zero, "bh": zero.copy()}
        for _ in range(2)
    ]
    embed = _normal(r, VOCAB, HIDDEN, scale=1.0)
    return {"embed": embed, "layers": layers, "head": _linear_init(r, HIDDEN, VOCAB)}


def _lstm_from_torch(state):
    layers = [
        {
            "wi": state[f"lstm.weight_ih_l{n}"].T,
            "wh": state[f"lstm.weight_hh_l{n}"].T,
            "bi": state[f"lstm.bias_ih_l{n}"],
            "bh": state[f"lstm.bias_hh_l{n}"],
        }
        for n in range(2)
    ]
    head = _torch_linear(state, "head")
    return {"embed": state["embed.weight"], "layers": layers, "head": head}


def lstm(start=None):
    """2 layers of 256, length 64, batch 32, Adam."""
    if start is None:
        r = np.random.default_rng(0)
        params, batches = _lstm_init(r), _token_batches(r, 32, 64)
    else:
        params, batches = _lstm_from_torch(start[0]), _int_targets(start[1])
    loss = lambda p, x, y: _cross_entropy(_char_lstm(p, x), y)  # noqa: E731
    return _training(loss, optax.adam(1e-3), params, batches)


WORKLOADS = {"chain": chain, "mlp": mlp, "gpt": gpt, "resnet18": resnet18, "lstm": lstm}
