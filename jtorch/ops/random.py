"""Random tensors: torch's CPU stream, drawn on the host, entering the trace as inputs."""

import operator

import jax
import numpy as np

from .._engine import dtypes, random
from .._engine.call import check_writable, finish_out, write
from .._engine.device import meta, resolve
from .._engine.formats import preserve_format
from .._engine.tape import mode
from .._engine.tensor import Tensor
from .copy import _format_strides as format_strides
from .create import _check_dtype as check_dtype
from .create import _check_layout as check_layout
from .create import _device as device_or_default
from .create import _finish as finish
from .create import _named_size as named_size
from .create import _restrided as restrided
from .registry import SAME, T, check, composite, from_host, host, op, ops

# ---- the pure ops: a drawn array with the autograd history that torch gives it ------------------


def _history(grad_name):
    """An operation that hands on a drawn array; its gradient with respect to `input` is zero."""

    def drawn(input: T, drawn: T):
        """The numbers drawn."""
        return drawn

    drawn.__name__ = f"drawn_{grad_name}"
    return op(SAME, variants="p", grad_name=grad_name)(drawn)


_HISTORIES = {
    name: _history(name)
    for name in (
        "BernoulliBackward0",
        "BernoulliBackward1",
        "BernoulliBackward2",
        "CauchyBackward0",
        "ExponentialBackward0",
        "GeometricBackward0",
        "LogNormalBackward0",
        "NormalBackward0",
        "NormalBackward1",
        "NormalBackward2",
        "PoissonBackward0",
        "RandomBackward0",
        "RandomBackward1",
        "RandomBackward2",
        "UniformBackward0",
    )
}


@op(SAME, variants="p", grad_name="NormalBackward3")
def normal_drawn(mean: T, std: T, drawn: T):
    """`drawn`, whose gradient with respect to `mean` and `std` is zero."""
    return drawn


@jax.custom_jvp
def _gamma_of(alpha, drawn):
    return drawn


@_gamma_of.defjvp
def _gamma_of_jvp(primals, tangents):
    alpha, drawn = primals
    slope = jax.lax.random_gamma_grad(alpha, drawn)
    return drawn, slope * tangents[0]


@op(SAME, variants="p", grad_name="StandardGammaBackward0")
def gamma_drawn(alpha: T, drawn: T):
    """`drawn`, a gamma sample of shape alpha, differentiable in alpha (implicitly)."""
    return _gamma_of(alpha, drawn)


# ---- drawing ------------------------------------------------------------------------------------


def core(generator, name="random"):
    """The engine's generator behind a `torch.Generator`, or the default one for None."""
    if generator is None:
        return random.default_generator
    found = getattr(generator, "_core", None)
    check(
        found is not None,
        f"{name}(): argument 'generator' must be torch.Generator, not {type(generator).__name__}",
        TypeError,
    )
    return found


def size_of(name, args, size=None):
    """The shape given as one sequence or as several integers."""
    args = args if size is None else (size,)
    if len(args) == 1 and isinstance(args[0], (tuple, list)):
        args = args[0]
    for a in args:
        check(
            hasattr(a, "__index__"),
            lambda a=a: (
                f"{name}(): argument 'size' (position 1) must be tuple of ints, "
                f"not {type(a).__name__}"
            ),
            TypeError,
        )
    shape = tuple(map(operator.index, args))
    for n in shape:
        check(n >= 0, f"Trying to create tensor with negative dimension {n}: {list(shape)}")
    return shape


def in_memory_order(shape, strides, draw, *operands):
    """An array of `shape` drawn in the order in which a tensor of these strides lies in memory.

    draw: function of (shape, contiguous, *operands); the operands are arrays that broadcast to
    `shape` and are handed over in the same order.
    """
    full = [np.broadcast_to(a, shape) for a in operands]
    dense = _contiguous(shape, strides)
    if dense:
        return draw(shape, True, *full)
    order = sorted(range(len(shape)), key=lambda d: -strides[d])
    drawn = draw(tuple(shape[d] for d in order), False, *[a.transpose(order) for a in full])
    return np.ascontiguousarray(drawn.transpose(np.argsort(order)))


def _contiguous(shape, strides):
    expected = 1
    for n, s in zip(reversed(shape), reversed(strides), strict=True):
        if n != 1 and s != expected:
            return 0 in shape
        expected *= n
    return True


def _refill(tensor, grad_name, draw, *operands):
    """Write drawn numbers into a tensor. The stream is left alone when that is not allowed."""
    check_writable(tensor)
    if tensor.device is meta:
        return tensor
    shape = tuple(tensor.shape)
    operands = [_expandable(a, shape) for a in operands]
    array = in_memory_order(shape, tensor.stride(), draw, *operands)
    drawn = from_host(array, tensor.device)
    if tensor.requires_grad and mode.enabled:
        drawn = _HISTORIES[grad_name](tensor, drawn)
    write(tensor, drawn)
    return tensor


def _expandable(array, shape):
    lacking = len(shape) - array.ndim
    for d, n in enumerate(array.shape):
        target = shape[d + lacking] if d + lacking >= 0 else None
        check(
            lacking >= 0 and n in (1, target),
            f"The expanded size of the tensor ({target}) must match the existing size ({n}) at "
            f"non-singleton dimension {d + lacking}.  Target sizes: {list(shape)}.  "
            f"Tensor sizes: {list(array.shape)}",
        )
    return array


def _made(name, size, draw, dtype, device, requires_grad, layout, out):
    """A new tensor of draw(numpy dtype), or the same in `out`, whose dtype then counts."""
    check_layout(name, layout)
    if out is not None:
        check(
            dtype is None or dtype is out.dtype,
            lambda: (
                f"dtype {_shown(dtype)} does not match dtype of out parameter ({_shown(out.dtype)})"
            ),
        )
        dtype = out.dtype
        device = out.device if device is None else device
    dtype = dtypes.get_default_dtype() if dtype is None else check_dtype(name, dtype)
    made = _on(device_or_default(device), size, dtype, draw)
    if out is not None:
        return finish_out(made, out, name)
    return finish(made, requires_grad)


def _shown(dtype):
    return random.SCALAR_NAMES.get(dtype.name, dtype.name)


def _on(device, size, dtype, draw):
    if device is meta:
        return ops.constant(size, 0, dtype, _device=device)
    return from_host(draw(dtype.np), device)


def _like(name, input, draw, dtype, device, requires_grad, memory_format, layout):
    """A new tensor in the shape and memory order of `input`; draw(shape, contiguous, dtype)."""
    check_layout(name, layout)
    check(
        isinstance(input, Tensor),
        f"{name}(): argument 'input' (position 1) must be Tensor, not {type(input).__name__}",
        TypeError,
    )
    dtype = input.dtype if dtype is None else check_dtype(name, dtype)
    device = input.device if device is None else resolve(device)
    shape = tuple(input.shape)
    strides = format_strides(input, preserve_format if memory_format is None else memory_format)

    def ordered(np_dtype):
        return in_memory_order(shape, strides, lambda s, dense: draw(s, dense, np_dtype))

    return finish(restrided(_on(device, shape, dtype, ordered), strides), requires_grad)


def _integer(name, argument, value):
    try:
        value = operator.index(value)
    except TypeError:
        raise TypeError(
            f"{name}(): argument '{argument}' must be int, not {type(value).__name__}"
        ) from None
    check(-(1 << 63) <= value < 1 << 63, "Overflow when unpacking long long", ValueError)
    return value


# ---- new tensors --------------------------------------------------------------------------------


@composite("f")
def rand(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    **named,
):
    """Uniform numbers in [0, 1). `size` is one sequence or several integers."""
    size = size_of("rand", size, named_size("rand", named))
    stream = core(generator, "rand")

    def draw(dtype):
        return random.uniform(size, 0, 1, dtype, stream)

    return _made("rand", size, draw, dtype, device, requires_grad, layout, out)


@composite("f")
def randn(
    *size,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    **named,
):
    """Normal numbers of mean 0 and variance 1. `size` is one sequence or several integers."""
    size = size_of("randn", size, named_size("randn", named))
    stream = core(generator, "randn")

    def draw(dtype):
        return random.normal(size, 0.0, 1.0, dtype, stream)

    return _made("randn", size, draw, dtype, device, requires_grad, layout, out)


@composite("f")
def randint(
    *args,
    low=None,
    high=None,
    size=None,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Integers in [low, high): `randint(high, size)` or `randint(low, high, size)`."""
    low, high, size = _randint_arguments(args, low, high, size)
    stream = core(generator, "randint")
    dtype = dtypes.int64 if dtype is None and out is None else dtype

    def draw(dtype):
        return random.randint(size, low, high, dtype, stream)

    return _made("randint", size, draw, dtype, device, requires_grad, layout, out)


def _randint_arguments(args, low, high, size):
    given = list(args)
    if size is None and given:
        size = given.pop()
    if high is None and given:
        high = given.pop()
    if low is None and given:
        low = given.pop()
    if given or high is None or size is None:
        raise TypeError("randint() takes (high, size) or (low, high, size)")
    if not isinstance(size, (tuple, list)):
        raise TypeError(
            f"randint(): argument 'size' (position {len(args)}) must be tuple of ints, "
            f"not {type(size).__name__}"
        )
    low = _integer("randint", "low", 0 if low is None else low)
    return low, _integer("randint", "high", high), size_of("randint", tuple(size))


@composite("f")
def randperm(
    n,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """A random permutation of 0 ... n - 1."""
    n = _integer("randperm", "n", n)
    stream = core(generator, "randperm")
    dtype = dtypes.int64 if dtype is None and out is None else dtype

    def draw(dtype):
        return random.randperm(n, dtype, stream)

    return _made("randperm", (n,), draw, dtype, device, requires_grad, layout, out)


@composite("f")
def rand_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """Uniform numbers in [0, 1), in the shape and by default the dtype and device of `input`."""
    stream = core(generator, "rand_like")

    def draw(shape, dense, dtype):
        return random.uniform(shape, 0, 1, dtype, stream)

    return _like("rand_like", input, draw, dtype, device, requires_grad, memory_format, layout)


@composite("f")
def randn_like(
    input,
    *,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """Standard normal numbers, in the shape and by default the dtype and device of `input`."""
    stream = core(generator, "randn_like")

    def draw(shape, dense, dtype):
        return random.normal(shape, 0.0, 1.0, dtype, stream, dense)

    return _like("randn_like", input, draw, dtype, device, requires_grad, memory_format, layout)


def _number(bound):
    """A bound, which may be a tensor of one element."""
    return bound.item() if isinstance(bound, Tensor) else bound


@composite("f")
def randint_like(
    input,
    *bounds,
    low=None,
    high=None,
    generator=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
    memory_format=None,
):
    """Integers in [low, high), `low` being 0 when left out, in the shape and dtype of `input`."""
    low, high, _ = _randint_arguments([_number(b) for b in bounds], low, _number(high), ())
    stream = core(generator, "randint_like")

    def draw(shape, dense, dtype):
        return random.randint(shape, low, high, dtype, stream)

    return _like("randint_like", input, draw, dtype, device, requires_grad, memory_format, layout)


@composite("f")
def normal(
    mean=0.0,
    std=1.0,
    size=None,
    *,
    generator=None,
    out=None,
    dtype=None,
    layout=None,
    device=None,
    requires_grad=False,
    pin_memory=False,
):
    """Normal numbers: mean or std (or both) are tensors, or `size` says how many."""
    if isinstance(mean, Tensor) or isinstance(std, Tensor):
        made = _normal_of_tensors(mean, std, core(generator, "normal"), out)
        return made if out is None else finish_out(made, out, "normal")
    check(
        isinstance(size, (tuple, list)),
        "normal() needs mean or std to be a tensor, or a size given as a tuple of ints",
        TypeError,
    )
    size = size_of("normal", tuple(size))
    stream = core(generator, "normal")

    def draw(dtype):
        return random.normal(size, float(mean), float(std), dtype, stream)

    return _made("normal", size, draw, dtype, device, requires_grad, layout, out)


def _normal_of_tensors(mean, std, stream, out):
    tensor = mean if isinstance(mean, Tensor) else std
    if isinstance(std, Tensor):
        check(not std.dtype.is_complex, "normal expects standard deviation to be non-complex")
    means, stds = (host(v) if isinstance(v, Tensor) else v for v in (mean, std))
    if isinstance(std, Tensor):
        positive = np.all(stds.astype(np.float64) >= 0)
        check(positive, "normal expects all elements of std >= 0.0")
    shape = _common_shape(means, stds)
    if out is not None and not isinstance(std, Tensor):
        # The mean is added to numbers drawn in the shape of out=.
        shape = _common_shape(means, np.empty(tuple(out.shape)))
    if isinstance(std, Tensor):
        drawn = random.normal(shape, 0.0, 1.0, tensor.dtype.np, stream) * stds.astype(
            tensor.dtype.np
        )
    else:
        drawn = random.normal(shape, 0.0, float(std), tensor.dtype.np, stream)
    drawn = drawn + np.asarray(means).astype(tensor.dtype.np)
    drawn = from_host(drawn, tensor.device)
    if not isinstance(std, Tensor):
        return _HISTORIES["NormalBackward1"](mean, drawn)
    if not isinstance(mean, Tensor):
        return _HISTORIES["NormalBackward2"](std, drawn)
    return ops.normal_drawn(mean, std, drawn)


def _common_shape(mean, std):
    try:
        return np.broadcast_shapes(np.shape(mean), np.shape(std))
    except ValueError:
        a, b = np.shape(mean), np.shape(std)
        at = next(
            max(len(a), len(b)) - i
            for i, (m, n) in enumerate(zip(reversed(a), reversed(b), strict=False), 1)
            if m != n and 1 not in (m, n)
        )
        pad = [(1,) * (max(len(a), len(b)) - len(s)) + tuple(s) for s in (a, b)]
        raise RuntimeError(
            f"The size of tensor a ({pad[0][at]}) must match the size of tensor b ({pad[1][at]}) "
            f"at non-singleton dimension {at}"
        ) from None


# ---- drawn from the values of a tensor ----------------------------------------------------------


@composite("f m o")
def bernoulli(input, p=None, *, generator=None):
    """Ones with the probabilities in `input`, or all with probability `p`; zeros otherwise."""
    stream = core(generator, "bernoulli")
    if input.device is meta:
        return ops.empty_like(input)
    if p is None:
        drawn = random.bernoulli_each(host(input), generator=stream)
    else:
        drawn = random.bernoulli(tuple(input.shape), float(p), input.dtype.np, stream)
    return _HISTORIES["BernoulliBackward0"](input, from_host(drawn, input.device))


@composite("f")
def poisson(input, generator=None):
    """Poisson numbers with the rates in `input`."""
    drawn = random.poisson(host(input), core(generator, "poisson"))
    return _HISTORIES["PoissonBackward0"](input, from_host(drawn, input.device))


@composite("f")
def binomial(count, prob, generator=None):
    """Binomial numbers: `count` trials of probability `prob` each. Both broadcast."""
    counts, probs = np.broadcast_arrays(host(count), host(prob))
    drawn = random.binomial(counts, probs, core(generator, "binomial"))
    return from_host(drawn, count.device)


@composite("f m o")
def multinomial(input, num_samples, replacement=False, *, generator=None):
    """Indices in proportion to weights: (K,) -> (num_samples,), (N, K) -> (N, num_samples)."""
    stream = core(generator, "multinomial")
    drawn = random.multinomial(host(input), operator.index(num_samples), replacement, stream)
    return from_host(drawn, input.device)


@composite("f", name="_standard_gamma")
def standard_gamma(self, generator=None):
    """Gamma numbers of scale 1 with the shapes in a tensor; differentiable in the shapes."""
    drawn = random.standard_gamma(host(self), core(generator, "_standard_gamma"))
    return ops.gamma_drawn(self, from_host(drawn, self.device))


@composite("f", name="_sample_dirichlet")
def sample_dirichlet(self, generator=None):
    """Dirichlet samples: concentrations along the last dimension. No gradient."""
    drawn = random.dirichlet(host(self), core(generator, "_sample_dirichlet"))
    return from_host(drawn, self.device)


# ---- in place -----------------------------------------------------------------------------------


def _from_to(name, low, high, named):
    """The bounds, which torch calls `from` (no name for a Python parameter) and `to`."""
    low, high = named.pop("from", low), named.pop("to", high)
    for key in named:
        raise TypeError(f"{name}() got an unexpected keyword argument '{key}'")
    return low, high


@composite("m", name="uniform_")
def uniform_in_place(self, low=0.0, high=1.0, *, generator=None, **named):
    """Fill with uniform numbers in [from, to)."""
    low, high = map(float, _from_to("uniform_", low, high, named))
    stream, dtype = core(generator, "uniform_"), self.dtype.np
    return _refill(
        self, "UniformBackward0", lambda shape, _: random.uniform(shape, low, high, dtype, stream)
    )


@composite("m", name="normal_")
def normal_in_place(self, mean=0.0, std=1.0, *, generator=None):
    """Fill with normal numbers."""
    mean = mean if isinstance(mean, complex) else float(mean)
    std, stream, dtype = float(std), core(generator, "normal_"), self.dtype.np
    return _refill(
        self, "NormalBackward0", lambda s, dense: random.normal(s, mean, std, dtype, stream, dense)
    )


@composite("m", name="random_")
def random_in_place(self, *bounds, generator=None, **named):
    """Fill with integers: over the dtype's range, in [0, to), or in [from, to)."""
    stream, dtype = core(generator, "random_"), self.dtype.np
    if not bounds and not named:
        return _refill(
            self, "RandomBackward2", lambda shape, _: random.random(shape, dtype, stream)
        )
    low, high = _random_bounds(bounds, named)
    low = _integer("random_", "from", low)
    high = None if high is None else _integer("random_", "to", high)
    name = "RandomBackward1" if len(bounds) == 1 and not named else "RandomBackward0"
    return _refill(self, name, lambda shape, _: random.randint(shape, low, high, dtype, stream))


def _random_bounds(bounds, named):
    check(len(bounds) < 3, "random_() takes at most two bounds", TypeError)
    low, high = 0, None
    if len(bounds) == 2:
        low, high = bounds
    elif bounds and "to" in named:
        low = bounds[0]
    elif bounds:
        high = bounds[0]
    return _from_to("random_", low, high, named)


@composite("m", name="bernoulli_")
def bernoulli_in_place(self, p=0.5, *, generator=None):
    """Fill with ones of probability `p`, a number or a tensor of probabilities, and zeros."""
    stream, dtype = core(generator, "bernoulli_"), self.dtype.np
    if isinstance(p, Tensor):
        return _refill(
            self,
            "BernoulliBackward1",
            lambda _, __, each: random.bernoulli_each(each, dtype, stream),
            host(p),
        )
    p = float(p)
    return _refill(
        self, "BernoulliBackward2", lambda shape, _: random.bernoulli(shape, p, dtype, stream)
    )


@composite("m", name="exponential_")
def exponential_in_place(self, lambd=1.0, *, generator=None):
    """Fill with exponential numbers of rate `lambd`."""
    lambd, stream, dtype = float(lambd), core(generator, "exponential_"), self.dtype.np
    return _refill(
        self,
        "ExponentialBackward0",
        lambda shape, _: random.exponential(shape, lambd, dtype, stream),
    )


@composite("m", name="geometric_")
def geometric_in_place(self, p, *, generator=None):
    """Fill with the number of trials until the first success of probability `p`."""
    p, stream, dtype = float(p), core(generator, "geometric_"), self.dtype.np
    return _refill(
        self, "GeometricBackward0", lambda shape, _: random.geometric(shape, p, dtype, stream)
    )


@composite("m", name="cauchy_")
def cauchy_in_place(self, median=0.0, sigma=1.0, *, generator=None):
    """Fill with Cauchy numbers."""
    median, sigma = float(median), float(sigma)
    stream, dtype = core(generator, "cauchy_"), self.dtype.np
    return _refill(
        self, "CauchyBackward0", lambda shape, _: random.cauchy(shape, median, sigma, dtype, stream)
    )


@composite("m", name="log_normal_")
def log_normal_in_place(self, mean=1.0, std=2.0, *, generator=None):
    """Fill with the exponentials of normal numbers of this mean and deviation."""
    mean, std = float(mean), float(std)
    stream, dtype = core(generator, "log_normal_"), self.dtype.np
    return _refill(
        self,
        "LogNormalBackward0",
        lambda shape, _: random.log_normal(shape, mean, std, dtype, stream),
    )
