"""The same workloads as a JAX user would write them by hand: one jitted train step, donated
buffers, optax.

Each function returns `step`: a function that makes one training step and returns something with
`item()`.
"""

import functools

import jax
import jax.numpy as jnp
import numpy as np
import optax
from jax import lax

RNG = np.random.default_rng(0)


def _uniform(bound, *shape):
    return jnp.asarray(RNG.uniform(-bound, bound, shape), jnp.float32)


def _normal(*shape):
    return jnp.asarray(RNG.standard_normal(shape), jnp.float32)


def _labels(high, *shape):
    return jnp.asarray(RNG.integers(0, high, shape), jnp.int32)


def _linear(inputs, outputs, bias=True):
    bound = inputs**-0.5
    made = {"w": _uniform(bound, inputs, outputs)}
    return made | {"b": _uniform(bound, outputs)} if bias else made


def _apply(p, x):
    return x @ p["w"] + p["b"] if "b" in p else x @ p["w"]


def _cross_entropy(logits, labels):
    return optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()


def _trainer(params, tx, loss_of, extra=None):
    """loss_of(params, extra) -> (loss, new extra); `extra` holds running statistics."""

    @functools.partial(jax.jit, donate_argnums=(0, 1, 2))
    def update(params, state, extra):
        (loss, extra), grads = jax.value_and_grad(loss_of, has_aux=True)(params, extra)
        updates, state = tx.update(grads, state, params)
        return optax.apply_updates(params, updates), state, extra, loss

    carried = [params, tx.init(params), extra]

    def step():
        *carried[:], loss = update(*carried)
        return loss

    return step


def chain():
    """200 operations on a scalar, forward and backward."""

    def f(x):
        for _ in range(50):
            x = jnp.exp(jnp.sin(x * 1.01 + 0.01))
        return x

    gradient = jax.jit(jax.grad(f))
    x = jnp.float32(0.5)

    def step():
        g = gradient(x)
        g.item()
        return g

    return step


def mlp():
    """784-512-512-10, batch 128, Adam."""
    params = [_linear(784, 512), _linear(512, 512), _linear(512, 10)]
    x, y = _normal(128, 784), _labels(10, 128)

    def loss_of(params, extra):
        h = jax.nn.relu(_apply(params[0], x))
        h = jax.nn.relu(_apply(params[1], h))
        return _cross_entropy(_apply(params[2], h), y), extra

    return _trainer(params, optax.adam(1e-3), loss_of)


def _layer_norm(p, x):
    mean = x.mean(-1, keepdims=True)
    var = jnp.square(x - mean).mean(-1, keepdims=True)
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["g"] + p["b"]


def _attention(q, k, v):
    scores = jnp.einsum("bhqd,bhkd->bhqk", q, k) * q.shape[-1] ** -0.5
    length = q.shape[2]
    mask = jnp.tril(jnp.ones((length, length), bool))
    weights = jax.nn.softmax(jnp.where(mask, scores, -jnp.inf), axis=-1)
    return jnp.einsum("bhqk,bhkd->bhqd", weights, v)


def _block(p, x, heads):
    batch, length, dim = x.shape
    qkv = _apply(p["qkv"], _layer_norm(p["norm1"], x))
    q, k, v = qkv.reshape(batch, length, 3, heads, dim // heads).transpose(2, 0, 3, 1, 4)
    y = _attention(q, k, v).transpose(0, 2, 1, 3).reshape(batch, length, dim)
    x = x + _apply(p["proj"], y)
    h = jax.nn.gelu(_apply(p["up"], _layer_norm(p["norm2"], x)), approximate=False)
    return x + _apply(p["down"], h)


def gpt():
    """4 layers, d 256, length 128, batch 8, vocabulary 65, AdamW."""
    vocab, length, dim, heads = 65, 128, 256, 4

    def norm():
        return {"g": jnp.ones(dim), "b": jnp.zeros(dim)}

    def block():
        linears = {"qkv": 3 * dim, "proj": dim, "up": 4 * dim}
        made = {name: _linear(dim, outputs) for name, outputs in linears.items()}
        return made | {"down": _linear(4 * dim, dim), "norm1": norm(), "norm2": norm()}

    params = {
        "tokens": _normal(vocab, dim),
        "positions": _normal(length, dim),
        "blocks": [block() for _ in range(4)],
        "norm": norm(),
        "head": _linear(dim, vocab, bias=False),
    }
    x, y = _labels(vocab, 8, length), _labels(vocab, 8, length)

    def loss_of(params, extra):
        h = params["tokens"][x] + params["positions"]
        for p in params["blocks"]:
            h = _block(p, h, heads)
        return _cross_entropy(_apply(params["head"], _layer_norm(params["norm"], h)), y), extra

    return _trainer(params, optax.adamw(1e-3, weight_decay=1e-2), loss_of)


def _conv(w, x, stride):
    pad = w.shape[0] // 2
    return lax.conv_general_dilated(
        x, w, (stride, stride), [(pad, pad)] * 2, dimension_numbers=("NHWC", "HWIO", "NHWC")
    )


def _batch_norm(p, running, x):
    mean = x.mean((0, 1, 2))
    var = jnp.square(x).mean((0, 1, 2)) - jnp.square(mean)
    fresh = {"mean": 0.9 * running["mean"] + 0.1 * mean, "var": 0.9 * running["var"] + 0.1 * var}
    return (x - mean) * lax.rsqrt(var + 1e-5) * p["g"] + p["b"], fresh


def _conv_norm(inputs, outputs, kernel, stride):
    """Parameters, running statistics and stride of a convolution with batch norm."""
    bound = (inputs * kernel * kernel) ** -0.5
    w = _uniform(bound, kernel, kernel, inputs, outputs)
    norm = {"g": jnp.ones(outputs), "b": jnp.zeros(outputs)}
    running = {"mean": jnp.zeros(outputs), "var": jnp.ones(outputs)}
    return {"w": w, "norm": norm}, running, stride


def resnet18():
    """ResNet-18 for 32x32 images, batch 32, SGD with momentum."""
    layers = [_conv_norm(3, 64, 3, 1)]
    shortcuts = []
    width = 64
    for outputs, stride in ((64, 1), (128, 2), (256, 2), (512, 2)):
        for s in (stride, 1):
            layers += [_conv_norm(width, outputs, 3, s), _conv_norm(outputs, outputs, 3, 1)]
            shortcuts.append(s != 1 or width != outputs)
            if shortcuts[-1]:
                layers.append(_conv_norm(width, outputs, 1, s))
            width = outputs
    strides = [stride for *_, stride in layers]
    params = {"layers": [p for p, *_ in layers], "head": _linear(512, 10)}
    x, y = _normal(32, 32, 32, 3), _labels(10, 32)

    def loss_of(params, running):
        fresh = []

        def layer(h):
            i = len(fresh)
            p = params["layers"][i]
            h, statistics = _batch_norm(p["norm"], running[i], _conv(p["w"], h, strides[i]))
            fresh.append(statistics)
            return h

        h = jax.nn.relu(layer(x))
        for has_shortcut in shortcuts:
            y1 = layer(jax.nn.relu(layer(h)))
            h = jax.nn.relu(y1 + (layer(h) if has_shortcut else h))
        return _cross_entropy(_apply(params["head"], h.mean((1, 2))), y), fresh

    running = [r for _, r, _ in layers]
    return _trainer(params, optax.sgd(0.01, momentum=0.9), loss_of, running)


def _lstm_layer(p, xs):
    """xs: (length, batch, hidden). The inputs' part of the gates is computed at once."""
    hidden = xs.shape[-1]
    inputs = xs @ p["wi"] + p["b"]

    def cell(carry, x):
        h, c = carry
        i, f, g, o = jnp.split(x + h @ p["wh"], 4, axis=-1)
        c = jax.nn.sigmoid(f) * c + jax.nn.sigmoid(i) * jnp.tanh(g)
        h = jax.nn.sigmoid(o) * jnp.tanh(c)
        return (h, c), h

    zero = jnp.zeros((xs.shape[1], hidden))
    return lax.scan(cell, (zero, zero), inputs)[1]


def lstm():
    """2 layers, hidden 256, length 64, batch 32, Adam."""
    vocab, hidden = 65, 256

    def layer():
        bound = hidden**-0.5
        return {
            "wi": _uniform(bound, hidden, 4 * hidden),
            "wh": _uniform(bound, hidden, 4 * hidden),
            "b": _uniform(bound, 4 * hidden),
        }

    params = {
        "embedding": _normal(vocab, hidden),
        "layers": [layer(), layer()],
        "head": _linear(hidden, vocab),
    }
    x, y = _labels(vocab, 64, 32), _labels(vocab, 64, 32)

    def loss_of(params, extra):
        h = params["embedding"][x]
        for p in params["layers"]:
            h = _lstm_layer(p, h)
        return _cross_entropy(_apply(params["head"], h), y), extra

    return _trainer(params, optax.adam(1e-3), loss_of)


WORKLOADS = {"chain": chain, "mlp": mlp, "gpt": gpt, "resnet18": resnet18, "lstm": lstm}
