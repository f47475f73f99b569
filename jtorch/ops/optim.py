"""One step of each optimiser over all parameters of a group, and clipping of gradients.

Every list runs over the parameters. Results come back flat: the new parameters, then each new
state list. Numbers that may change from step to step arrive at run time as 0-dim float64 arrays;
they are combined in float64 and rounded once to the dtype of the computation, as torch does. A
learning rate that is a tensor keeps its dtype, and so do numbers made of it.
"""

import functools

import jax.numpy as jnp
from jax import lax

from .._engine.dtypes import from_np, promote_types
from .registry import SAME, S, T, Ts, check, composite, op, ops


def _wide(x):
    """Half-precision tensors are computed in float32 and rounded after each operation."""
    return x.astype(jnp.float32) if x.dtype in (jnp.bfloat16, jnp.float16) else x


def _each(kernel, *lists):
    """Run `kernel` on the entries of the lists parameter by parameter; a flat tuple of results."""
    rows = [_one(kernel, row) for row in zip(*lists, strict=True)]
    return tuple(x for column in zip(*rows, strict=True) for x in column)


def _one(kernel, row):
    if not jnp.issubdtype(row[0].dtype, jnp.complexfloating):
        return kernel(*row)
    # torch treats a complex parameter as pairs of real numbers
    pairs = [jnp.stack([x.real, x.imag], -1) for x in row]
    return tuple(lax.complex(x[..., 0], x[..., 1]) for x in kernel(*pairs))


def _as(number, x):
    return number.astype(x.dtype)


def _axpy(x, y, scale):
    """x + scale y."""
    wx, wy = _wide(x), _wide(y)
    return (wx + _as(scale, wx) * wy).astype(x.dtype)


def _scale(x, factor):
    wide = _wide(x)
    return (wide * _as(factor, wide)).astype(x.dtype)


def _lerp(start, end, weight, low):
    """torch's lerp; `low`: the weight is below one half, which decides between its two forms."""
    a, b = _wide(start), _wide(end)
    w = _as(weight, a)
    out = a + w * (b - a) if low else b - (b - a) * (1 - w)
    return out.astype(start.dtype)


def _addcmul(x, a, b, value):
    """x + value a b."""
    wide = _wide(x)
    return (wide + _as(value, wide) * _wide(a) * _wide(b)).astype(x.dtype)


def _addcdiv(x, a, b, value):
    """x + value a / b."""
    wide = _wide(x)
    return (wide + _as(value, wide) * _wide(a) / _wide(b)).astype(x.dtype)


def _double(x):
    return x.astype(jnp.float64)


def _gradient(p, g, weight_decay, *, decay, maximize):
    """The gradient to descend along, with the penalty's added."""
    g = -g if maximize else g
    return _axpy(g, p, weight_decay) if decay else g


@op(SAME, variants="p w")
def optim_sgd(
    params: Ts,
    grads: Ts,
    buffers: Ts,
    lr: S,
    weight_decay: S,
    momentum: S,
    dampening: S,
    *,
    decay: bool,
    maximize: bool,
    nesterov: bool,
    use_momentum: bool,
    first: bool,
):
    """SGD; `buffers` is empty without momentum and in the first step, which makes them."""

    def kernel(p, g, buffer=None):
        g = _gradient(p, g, weight_decay, decay=decay, maximize=maximize)
        if not use_momentum:
            return (_axpy(p, g, -lr),)
        if first:
            # torch detaches the first buffer
            buffer = lax.stop_gradient(g)
        else:
            buffer = _axpy(_scale(buffer, momentum), g, 1 - dampening)
        g = _axpy(g, buffer, momentum) if nesterov else buffer
        return _axpy(p, g, -lr), buffer

    lists = (params, grads, buffers) if buffers else (params, grads)
    return _each(kernel, *lists)


@op(SAME, variants="p w")
def optim_adam(
    params: Ts,
    grads: Ts,
    exp_avgs: Ts,
    exp_avg_sqs: Ts,
    max_exp_avg_sqs: Ts,
    lr: S,
    beta1: S,
    beta2: S,
    eps: S,
    weight_decay: S,
    bias_correction1: S,
    bias_correction2: S,
    *,
    low: bool,
    decay: bool,
    decoupled: bool,
    maximize: bool,
    amsgrad: bool,
):
    """Adam and AdamW (`decoupled`)."""
    step_size = lr / _as(bias_correction1, lr)
    correction = jnp.sqrt(bias_correction2)

    def kernel(p, g, avg, sq, largest=None):
        g = -g if maximize else g
        if decay:
            p, g = _decayed(p, g, lr, weight_decay, decoupled)
        avg = _lerp(avg, g, 1 - beta1, low)
        sq = _addcmul(_scale(sq, beta2), g, g, 1 - beta2)
        if amsgrad:
            largest = jnp.maximum(largest, sq)
        root = jnp.sqrt(_wide(largest if amsgrad else sq))
        denominator = (root / _as(correction, root) + _as(eps, root)).astype(p.dtype)
        p = _addcdiv(p, avg, denominator, -step_size)
        return (p, avg, sq, largest) if amsgrad else (p, avg, sq)

    lists = (params, grads, exp_avgs, exp_avg_sqs)
    return _each(kernel, *lists, *([max_exp_avg_sqs] if amsgrad else []))


def _decayed(p, g, lr, weight_decay, decoupled):
    """Weight decay: of the parameter itself (AdamW), or as a part of the gradient."""
    if decoupled:
        return _scale(p, 1 - lr * _as(weight_decay, lr)), g
    return p, _axpy(g, p, weight_decay)


@op(SAME, variants="p w")
def optim_nadam(
    params: Ts,
    grads: Ts,
    exp_avgs: Ts,
    exp_avg_sqs: Ts,
    lr: S,
    beta1: S,
    beta2: S,
    eps: S,
    weight_decay: S,
    bias_correction2: S,
    grad_scale: S,
    avg_scale: S,
    *,
    low: bool,
    decay: bool,
    decoupled: bool,
    maximize: bool,
):
    """NAdam; the two scales say how much of gradient and average goes into the step."""

    def kernel(p, g, avg, sq):
        g = -g if maximize else g
        if decay:
            p, g = _decayed(p, g, lr, weight_decay, decoupled)
        avg = _lerp(avg, g, 1 - beta1, low)
        sq = _addcmul(_scale(sq, beta2), g, g, 1 - beta2)
        wide = _wide(sq)
        root = jnp.sqrt(wide / _as(bias_correction2, wide))
        denominator = (root + _as(eps, root)).astype(p.dtype)
        p = _addcdiv(p, g, denominator, -lr * _as(grad_scale, lr))
        p = _addcdiv(p, avg, denominator, -lr * _as(avg_scale, lr))
        return p, avg, sq

    return _each(kernel, params, grads, exp_avgs, exp_avg_sqs)


@op(SAME, variants="p w")
def optim_radam(
    params: Ts,
    grads: Ts,
    exp_avgs: Ts,
    exp_avg_sqs: Ts,
    lr: S,
    beta1: S,
    beta2: S,
    eps: S,
    weight_decay: S,
    bias_correction1: S,
    bias_correction2: S,
    rectification: S,
    *,
    low: bool,
    decay: bool,
    decoupled: bool,
    maximize: bool,
    rectify: bool,
):
    """RAdam; `rectify`: enough steps are done for the variance to be known."""

    def kernel(p, g, avg, sq):
        g = -g if maximize else g
        if decay:
            p, g = _decayed(p, g, lr, weight_decay, decoupled)
        avg = _lerp(avg, g, 1 - beta1, low)
        sq = _addcmul(_scale(sq, beta2), g, g, 1 - beta2)
        wide = _wide(avg)
        change = wide / _as(bias_correction1, wide) * _as(lr, wide)
        if rectify:
            root = jnp.sqrt(_wide(sq)) + _as(eps, wide)
            adaptive = _as(jnp.sqrt(bias_correction2), root) / root
            change = change * adaptive * _as(rectification, wide)
        return (_wide(p) - change).astype(p.dtype), avg, sq

    return _each(kernel, params, grads, exp_avgs, exp_avg_sqs)


@op(SAME, variants="p w")
def optim_adamax(
    params: Ts,
    grads: Ts,
    exp_avgs: Ts,
    exp_infs: Ts,
    lr: S,
    beta1: S,
    beta2: S,
    eps: S,
    weight_decay: S,
    bias_correction: S,
    *,
    low: bool,
    decay: bool,
    maximize: bool,
):
    """Adamax."""
    step_size = lr / _as(bias_correction, lr)

    def kernel(p, g, avg, inf):
        g = _gradient(p, g, weight_decay, decay=decay, maximize=maximize)
        avg = _lerp(avg, g, 1 - beta1, low)
        size = jnp.abs(_wide(g))
        inf = jnp.maximum(_scale(inf, beta2), (size + _as(eps, size)).astype(inf.dtype))
        return _addcdiv(p, avg, inf, -step_size), avg, inf

    return _each(kernel, params, grads, exp_avgs, exp_infs)


@op(SAME, variants="p w")
def optim_rmsprop(
    params: Ts,
    grads: Ts,
    square_avgs: Ts,
    buffers: Ts,
    grad_avgs: Ts,
    lr: S,
    alpha: S,
    eps: S,
    weight_decay: S,
    momentum: S,
    *,
    low: bool,
    decay: bool,
    maximize: bool,
    centered: bool,
    use_momentum: bool,
):
    """RMSprop; `grad_avgs` only when centered, `buffers` only with momentum."""

    def kernel(p, g, sq, *rest):
        rest = list(rest)
        g = _gradient(p, g, weight_decay, decay=decay, maximize=maximize)
        sq = _addcmul(_scale(sq, alpha), g, g, 1 - alpha)
        means = [_lerp(rest.pop(), g, 1 - alpha, low)] if centered else []
        spread = sq - means[0] * means[0] if centered else sq
        root = jnp.sqrt(_wide(spread))
        root = (root + _as(eps, root)).astype(p.dtype)
        if not use_momentum:
            return (_addcdiv(p, g, root, -lr), sq, *means)
        buffer = _addcdiv(_scale(rest.pop(), momentum), g, root, jnp.ones_like(lr))
        return (_axpy(p, buffer, -lr), sq, buffer, *means)

    lists = [params, grads, square_avgs]
    lists += [buffers] if use_momentum else []
    lists += [grad_avgs] if centered else []
    return _each(kernel, *lists)


@op(SAME, variants="p w")
def optim_adagrad(
    params: Ts,
    grads: Ts,
    sums: Ts,
    lr: S,
    eps: S,
    weight_decay: S,
    slowdown: S,
    *,
    decay: bool,
    maximize: bool,
):
    """Adagrad; `slowdown` divides the learning rate."""
    step_size = lr / _as(slowdown, lr)

    def kernel(p, g, total):
        g = _gradient(p, g, weight_decay, decay=decay, maximize=maximize)
        total = _addcmul(total, g, g, jnp.ones_like(step_size))
        root = jnp.sqrt(_wide(total))
        return _addcdiv(p, g, (root + _as(eps, root)).astype(p.dtype), -step_size), total

    return _each(kernel, params, grads, sums)


@op(SAME, variants="p w")
def optim_adadelta(
    params: Ts,
    grads: Ts,
    square_avgs: Ts,
    acc_deltas: Ts,
    lr: S,
    rho: S,
    eps: S,
    weight_decay: S,
    *,
    decay: bool,
    maximize: bool,
):
    """Adadelta."""

    def kernel(p, g, sq, acc):
        g = _gradient(p, g, weight_decay, decay=decay, maximize=maximize)
        sq = _addcmul(_scale(sq, rho), g, g, 1 - rho)
        wide = _wide(sq)
        root = jnp.sqrt(wide + _as(eps, wide))
        delta = jnp.sqrt(_wide(acc) + _as(eps, wide)) / root * _wide(g)
        delta = delta.astype(p.dtype)
        acc = _addcmul(_scale(acc, rho), delta, delta, 1 - rho)
        return _axpy(p, delta, -lr), sq, acc

    return _each(kernel, params, grads, square_avgs, acc_deltas)


@op(SAME, variants="p w")
def optim_asgd(
    params: Ts,
    grads: Ts,
    averages: Ts,
    weight_decay: S,
    lambd: S,
    eta: S,
    mu: S,
    *,
    decay: bool,
    maximize: bool,
    averaging: bool,
):
    """Averaged SGD; without `averaging` the average is the parameter itself."""

    def kernel(p, g, average):
        g = _gradient(p, g, weight_decay, decay=decay, maximize=maximize)
        p = _axpy(_scale(p, 1 - lambd * eta), g, -eta)
        return p, _axpy(average, p - average, mu) if averaging else p

    return _each(kernel, params, grads, averages)


@op(SAME, variants="p w")
def optim_rprop(
    params: Ts,
    grads: Ts,
    prevs: Ts,
    step_sizes: Ts,
    eta_minus: S,
    eta_plus: S,
    step_min: S,
    step_max: S,
    *,
    maximize: bool,
):
    """Resilient backpropagation: only the signs of gradients count."""

    def kernel(p, g, prev, size):
        g = -g if maximize else g
        same = g * prev
        grow, shrink = _as(eta_plus, g), _as(eta_minus, g)
        factor = jnp.where(same > 0, grow, jnp.where(same < 0, shrink, jnp.ones_like(g)))
        size = jnp.clip(size * factor, _as(step_min, g), _as(step_max, g))
        g = jnp.where(same < 0, jnp.zeros_like(g), g)
        return p - jnp.sign(g) * size, g, size

    return _each(kernel, params, grads, prevs, step_sizes)


@op(SAME, variants="p w")
def optim_adafactor(
    params: Ts,
    grads: Ts,
    row_vars: Ts,
    col_vars: Ts,
    variances: Ts,
    lr: S,
    weight: S,
    slowest: S,
    eps1: S,
    eps2: S,
    d: S,
    weight_decay: S,
    *,
    low: bool,
    decay: bool,
    maximize: bool,
):
    """Adafactor. Gradients of two and more dimensions have factors of their variance in `row_vars`
    and `col_vars`, the others have it in `variances`; `weight` is what the newest square counts.
    """
    rate = _double(jnp.minimum(lr, _as(slowest, lr)))
    rows, cols, others = iter(row_vars), iter(col_vars), iter(variances)
    made = ([], [], [], [])
    for p, g in zip(params, grads, strict=True):
        g = -g if maximize else g
        step_size = jnp.maximum(eps2, _root_mean_square(p)) * rate
        p = _scale(p, 1 - lr * _as(weight_decay, lr)) if decay else p
        if g.ndim > 1:
            row = _lerp(next(rows), _mean_square(g, -1), weight, low)
            col = _lerp(next(cols), _mean_square(g, -2), weight, low)
            made[1].append(row)
            made[2].append(col)
            floor = jnp.maximum(_mean(row, -2), _as(eps1, row))
            estimate = _divide((_wide(row) * _wide(col)).astype(g.dtype), floor)
        else:
            estimate = _lerp(next(others), g * g, weight, low)
            made[3].append(estimate)
        wide = _wide(jnp.maximum(estimate, _as(eps1 * eps1, estimate)))
        update = (1 / jnp.sqrt(wide)).astype(g.dtype) * g
        excess = jnp.maximum(1.0, _root_mean_square(update) / d)
        made[0].append(_axpy(p, update, -step_size / excess))
    return tuple(x for column in made for x in column)


def _root_mean_square(x):
    return _double(_norm(x.ravel(), 2).astype(x.dtype)) / x.size**0.5


def _mean_square(x, axis):
    norm = jnp.sqrt(jnp.sum(_wide(x) * _wide(x), axis, keepdims=True)).astype(x.dtype)
    return _divide(norm * norm, x.shape[axis])


def _mean(x, axis):
    return jnp.mean(_wide(x), axis, keepdims=True).astype(x.dtype)


def _divide(x, y):
    return (_wide(x) / (_wide(y) if hasattr(y, "dtype") else y)).astype(x.dtype)


@op(SAME, variants="p w")
def optim_muon(
    params: Ts,
    grads: Ts,
    buffers: Ts,
    lr: S,
    weight_decay: S,
    momentum: S,
    a: S,
    b: S,
    c: S,
    eps: S,
    *,
    low: bool,
    nesterov: bool,
    iterations: int,
    adjust: str,
):
    """Muon: the momentum of a matrix, made orthogonal by Newton-Schulz iterations in bfloat16
    (Jordan et al. 2024); `a`, `b`, `c` are the coefficients of its polynomial.
    """

    def kernel(p, g, buffer):
        buffer = _lerp(buffer, g, 1 - momentum, low)
        update = _lerp(g, buffer, momentum, not low) if nesterov else buffer
        unit = _unit_matrix(update.astype(jnp.bfloat16), eps)
        if buffer.dtype == jnp.bfloat16 and not nesterov:
            # torch normalises in place, and what it normalises then is the buffer itself
            buffer = unit
        tall = p.shape[0] > p.shape[1]
        direction = _orthogonal(unit.T if tall else unit, a, b, c, iterations)
        p = _scale(p, 1 - lr * _as(weight_decay, lr))
        direction = (direction.T if tall else direction).astype(p.dtype)
        return _axpy(p, direction, -lr * _muon_factor(adjust, *p.shape)), buffer

    return _each(kernel, params, grads, buffers)


def _unit_matrix(x, eps):
    norm = jnp.maximum(_norm(x.ravel(), 2).astype(x.dtype), _as(eps, x))
    return _divide(x, norm)


def _orthogonal(x, a, b, c, iterations):
    for _ in range(iterations):
        gram = _matmul(x, x.T).astype(x.dtype)
        wide = _wide(gram)
        factor = (_as(b, wide) * wide + _as(c, wide) * _matmul(gram, gram)).astype(x.dtype)
        x = (_as(a, wide) * _wide(x) + _matmul(factor, x)).astype(x.dtype)
    return x


def _matmul(x, y):
    return jnp.matmul(_wide(x), _wide(y))


def _muon_factor(adjust, rows, cols):
    if adjust == "original":
        return max(1, rows / cols) ** 0.5
    return 0.2 * max(rows, cols) ** 0.5


@op(SAME, variants="p w")
def optim_sparse_adam(
    params: Ts,
    indices: Ts,
    values: Ts,
    exp_avgs: Ts,
    exp_avg_sqs: Ts,
    lr: S,
    beta1: S,
    beta2: S,
    eps: S,
    bias_correction1: S,
    bias_correction2: S,
    *,
    maximize: bool,
):
    """Adam where there is a gradient: `values` at `indices` (dimensions, n), none of them twice."""
    root = jnp.sqrt(bias_correction2)
    step_size = lr * _as(root, lr) / _as(bias_correction1, lr)

    def kernel(p, at, g, avg, sq):
        at = tuple(at)
        g = -g if maximize else g
        old, old_sq = avg[at], sq[at]
        change, change_sq = _scale(g - old, 1 - beta1), _scale(g * g - old_sq, 1 - beta2)
        spread = jnp.sqrt(_wide(change_sq + old_sq)).astype(p.dtype)
        ratio = (change + old) / (spread + _as(eps, spread))
        step = _scale(ratio, -step_size)
        return p.at[at].add(step), avg.at[at].add(change), sq.at[at].add(change_sq)

    rows = zip(params, indices, values, exp_avgs, exp_avg_sqs, strict=True)
    made = [kernel(*row) for row in rows]
    return tuple(x for column in zip(*made, strict=True) for x in column)


@op(SAME, variants="p")
def optim_lerp(starts: Ts, ends: Ts, weight: S, *, low: bool):
    """Each start moved towards its end; `low`: the weight is below one half."""
    return tuple(_lerp(a, b, weight, low) for a, b in zip(starts, ends, strict=True))


@op(SAME, variants="p w")
def optim_add(params: Ts, directions: Ts, scale: S):
    """params + scale directions."""
    return tuple(_axpy(p, d, _double(scale)) for p, d in zip(params, directions, strict=True))


# ------------------------------------------------------------------------------- clipping
@op(SAME, variants="p w")
def total_norm(tensors: Ts, *, norm_type: float):
    """The p-norm of the p-norms of the tensors: that of all their elements together."""
    check(len(tensors) > 0, "total_norm(): expected at least one tensor")
    norms = [_norm(x.ravel(), norm_type).astype(_real(x)) for x in tensors]
    dtype = functools.reduce(promote_types, [from_np(n.dtype) for n in norms]).np
    return _norm(jnp.stack([n.astype(dtype) for n in norms]), norm_type).astype(dtype)


def _real(x):
    return jnp.finfo(x.dtype).dtype if jnp.issubdtype(x.dtype, jnp.complexfloating) else x.dtype


def _norm(x, p):
    size = jnp.abs(_wide(x))
    if p == float("inf"):
        return jnp.max(size, initial=0)
    if p == float("-inf"):
        return jnp.min(size)
    if p == 0:
        return jnp.sum((size != 0).astype(size.dtype))
    if p == 1:
        return jnp.sum(size)
    if p == 2:
        return jnp.sqrt(jnp.sum(size * size))
    return jnp.sum(size**p) ** (1.0 / p)


@op(SAME, variants="p w")
def clip_by_norm(tensors: Ts, total: S, max_norm: S):
    """The tensors scaled so that their norm `total` becomes at most max_norm."""
    scale = jnp.minimum(max_norm.astype(total.dtype) / (total + 1e-6), 1)
    return tuple((_wide(x) * scale.astype(_real(_wide(x)))).astype(x.dtype) for x in tensors)


@op(SAME, variants="p w")
def clip_by_value(tensors: Ts, low: S, high: S):
    """Every element clamped to [low, high]."""
    return tuple(jnp.clip(x, _as(low, x), _as(high, x)) for x in tensors)


# ------------------------------------------------------------------------ gradient scaling


@op(SAME, variants="p", grad=False)
def unscale(tensors: Ts, factor: T):
    """The tensors times `factor`, and 1.0 if an element of them is not finite, else 0.0."""
    finite = [jnp.all(jnp.isfinite(x)) for x in tensors]
    scaled = [_scale(x, factor) for x in tensors]
    return (*scaled, (~jnp.all(jnp.stack(finite))).astype(jnp.float32))


@op(SAME, variants="p", grad=False)
def next_scale(scale: T, tracker: T, bad: T, growth_factor: S, backoff_factor: S, interval: int):
    """The scale and the number of good steps in a row, after a step that was `bad` (not 0) or not;
    every `interval` good steps the scale grows.
    """
    tracker = tracker + 1
    grown = scale * _as(growth_factor, scale)
    due = tracker == interval
    better = jnp.where(due & jnp.isfinite(grown), grown, scale)
    scale = jnp.where(bad != 0, scale * _as(backoff_factor, scale), better)
    return scale, jnp.where((bad != 0) | due, jnp.zeros_like(tracker), tracker)


@composite("f")
def _amp_foreach_non_finite_check_and_unscale_(self, found_inf, inv_scale):
    """Multiply tensors by `inv_scale` in place; `found_inf` becomes 1 if one is not finite."""
    if len(self):
        *scaled, bad = ops.unscale(self, inv_scale)
        for t, new in zip(self, scaled, strict=True):
            t.copy_(new)
        found_inf.copy_(ops.maximum(found_inf, bad.reshape(found_inf.shape)))


@composite("f")
def _amp_update_scale_(
    self, growth_tracker, found_inf, scale_growth_factor, scale_backoff_factor, growth_interval
):
    """Update a loss scale and its growth tracker in place, after a step. Returns the scale."""
    numbers = float(scale_growth_factor), float(scale_backoff_factor), int(growth_interval)
    scale, tracker = ops.next_scale(self, growth_tracker, found_inf, *numbers)
    self.copy_(scale)
    growth_tracker.copy_(tracker)
    return self
