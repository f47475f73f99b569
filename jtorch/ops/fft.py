"""Discrete Fourier transforms, and the short-time transform made of them."""

import math

import jax.numpy as jnp
import numpy as np

from .._engine import dtypes
from .._engine.device import default_device, resolve
from .layouts import columns
from .positions import add_at, read, type_name
from .registry import SAME, T, check, composite, from_host, guard, op, ops, wrap_dim

# What a transform is divided by is told by these; the Hermitian transforms are each other's
# inverse.
_SWAPPED = {"backward": "forward", "forward": "backward", "ortho": "ortho"}


def _operand(x, real=None):
    """The input as JAX takes it: integers become the default float type."""
    name = type_name(dtypes.from_np(x.dtype))
    if real is not None:
        check(x.dtype.kind != "c", f"{real} expects a real input tensor, but got {name}")
    if x.dtype.kind in "biu":
        return x.astype(dtypes.get_default_dtype().np)
    check(
        x.dtype in (np.float32, np.float64, np.complex64, np.complex128),
        f"Unsupported dtype {name}",
    )
    return x


def _as_complex(x):
    return x if x.dtype.kind == "c" else x.astype(np.result_type(x.dtype, np.complex64))


def _mode(norm):
    norm = "backward" if norm is None else norm
    check(norm in _SWAPPED, f'Invalid normalization mode: "{norm}"')
    return norm


def _one_dim(x, dim):
    check(x.ndim, f"Dimension specified as {dim} but tensor has no dimensions", IndexError)
    return wrap_dim(dim, x.ndim)


def _points(n):
    check(n >= 1, f"Invalid number of data points ({n}) specified")
    return n


def _fitted(x, size, dim):
    """`x` cut or padded with zeros to `size` along `dim`."""
    have = x.shape[dim]
    if have > size:
        return x[(slice(None),) * dim + (slice(size),)]
    pad = [(0, 0)] * x.ndim
    pad[dim] = (0, size - have)
    return jnp.pad(x, pad) if size > have else x


# ---- the order in memory -------------------------------------------------------------------------

# torch's library transforms dimensions that it has moved to the end, the others sorted by their
# strides, and leaves the result so.


def _memory_order(x, dims, sizes):
    """The dimensions of the operand from the slowest to the fastest; padding is row-major."""
    shape, strides = tuple(x.shape), x.stride()
    if any(n is not None and n > shape[d] for d, n in zip(dims, sizes)):
        return list(range(len(shape)))
    return sorted(range(len(shape)), key=lambda d: -strides[d])


def _after(order, dims):
    return [d for d in order if d not in dims] + [d for d in order if d in dims]


def _line_layout(args, attrs, shapes):
    """A transform of one dimension: it comes last."""
    d = attrs[1] % len(shapes[0])
    order = _memory_order(args[0], (d,), attrs[:1])
    return [_after(order, (d,))[::-1]]


def _complex_layout(args, attrs, shapes):
    """A complex transform of several dimensions: they come last."""
    dims, sizes = _plan(args[0], *attrs[:2])
    return [_after(_memory_order(args[0], dims, sizes), dims)[::-1]]


def _half_layout(args, attrs, shapes):
    """A transform of which one side is real: the dimension that is halved comes last of all."""
    dims, sizes = _plan(args[0], *attrs[:2])
    order = _after(_memory_order(args[0], dims, sizes), dims)
    return [_after(order, dims[-1:])[::-1]]


def _half_first_layout(args, attrs, shapes):
    """The same, but the dimension that is halved is transformed first, and the others come last."""
    dims, sizes = _plan(args[0], *attrs[:2])
    order = _after(_memory_order(args[0], dims, sizes), dims[-1:])
    return [_after(order, dims[:-1])[::-1]]


# ---- one dimension ------------------------------------------------------------------------------


@op(SAME, variants="X o", name="fft", layout=_line_layout)
def fft_fft(input: T, n: int | None = None, dim: int = -1, norm: str | None = None):
    """The discrete Fourier transform along `dim`, of `n` points (cut or padded with zeros)."""
    x, d = _as_complex(_operand(input)), _one_dim(input, dim)
    return jnp.fft.fft(x, _points(x.shape[d] if n is None else n), d, _mode(norm))


@op(SAME, variants="X o", layout=_line_layout)
def ifft(input: T, n: int | None = None, dim: int = -1, norm: str | None = None):
    """The inverse of `fft`."""
    x, d = _as_complex(_operand(input)), _one_dim(input, dim)
    return jnp.fft.ifft(x, _points(x.shape[d] if n is None else n), d, _mode(norm))


@op(SAME, variants="X o", layout=_line_layout)
def rfft(input: T, n: int | None = None, dim: int = -1, norm: str | None = None):
    """The Fourier transform of real input, n // 2 + 1 points: the rest would be their mirror."""
    x, d = _operand(input, "rfft"), _one_dim(input, dim)
    return jnp.fft.rfft(x, _points(x.shape[d] if n is None else n), d, _mode(norm))


def _irfft(x, n, d, norm):
    n = _points(2 * (x.shape[d] - 1) if n is None else n)
    return jnp.fft.irfft(_as_complex(x), n, d, norm)


@op(SAME, variants="X o", layout=_line_layout)
def irfft(input: T, n: int | None = None, dim: int = -1, norm: str | None = None):
    """The inverse of `rfft`: real, of `n` points, by default 2 * (length - 1)."""
    return _irfft(_operand(input), n, _one_dim(input, dim), _mode(norm))


@op(SAME, variants="X o", layout=_line_layout)
def hfft(input: T, n: int | None = None, dim: int = -1, norm: str | None = None):
    """The Fourier transform of half a Hermitian signal, which is real."""
    x = _as_complex(_operand(input)).conj()
    return _irfft(x, n, _one_dim(input, dim), _SWAPPED[_mode(norm)])


@op(SAME, variants="X o", layout=_line_layout)
def ihfft(input: T, n: int | None = None, dim: int = -1, norm: str | None = None):
    """The inverse of `hfft`: half a Hermitian signal."""
    x, d = _operand(input, "ihfft"), _one_dim(input, dim)
    n = _points(x.shape[d] if n is None else n)
    return jnp.fft.rfft(x, n, d, _SWAPPED[_mode(norm)]).conj()


# ---- several dimensions -------------------------------------------------------------------------


def _plan(x, s, dim):
    """(dimensions, sizes, with None where a dimension keeps its own)."""
    s = (s,) if isinstance(s, int) else s
    dim = (dim,) if isinstance(dim, int) else dim
    if dim is not None and s is not None:
        check(len(s) == len(dim), "When given, dim and shape arguments must have the same length")
    if dim is None:
        count = x.ndim if s is None else len(s)
        check(
            count <= x.ndim,
            f"Got shape with {count} values but input tensor only has {x.ndim} dimensions.",
        )
        dim = range(x.ndim - count, x.ndim)
    dims = tuple(wrap_dim(d, x.ndim) for d in dim)
    check(len(set(dims)) == len(dims), "FFT dims must be unique")
    sizes = [None] * len(dims) if s is None else [None if n == -1 else _points(n) for n in s]
    return dims, sizes


def _fit_all(x, dims, sizes):
    for d, n in zip(dims, sizes, strict=True):
        x = x if n is None else _fitted(x, n, d)
        _points(x.shape[d])
    return x


# XLA transforms at most this many dimensions at once.
_AT_ONCE = 3


def _c2c(x, dims, norm, inverse):
    transform = jnp.fft.ifftn if inverse else jnp.fft.fftn
    for i in range(0, len(dims), _AT_ONCE):
        x = transform(x, axes=dims[i : i + _AT_ONCE], norm=norm)
    return x


def _complex_n(input, s, dim, norm, inverse):
    x = _as_complex(_operand(input))
    dims, sizes = _plan(x, s, dim)
    return _c2c(_fit_all(x, dims, sizes), dims, _mode(norm), inverse)


def _real_n(input, s, dim, norm, name):
    x = _operand(input, name)
    dims, sizes = _plan(x, s, dim)
    check(dims, f"{name} must transform at least one axis")
    x = _fit_all(x, dims, sizes)
    half = jnp.fft.rfft(x, axis=dims[-1], norm=norm)
    return _c2c(half, dims[:-1], norm, False)


def _to_real_n(x, s, dim, norm, name):
    dims, sizes = _plan(x, s, dim)
    check(dims, f"{name} must transform at least one axis")
    last = sizes[-1] if sizes[-1] is not None else 2 * (x.shape[dims[-1]] - 1)
    x = _fit_all(x, dims[:-1], sizes[:-1])
    return _irfft(_c2c(x, dims[:-1], norm, True), last, dims[-1], norm)


@op(SAME, variants="X o", layout=_complex_layout)
def fftn(input: T, s=None, dim=None, norm: str | None = None):
    """The discrete Fourier transform along `dim`, by default all dimensions, of sizes `s`."""
    return _complex_n(input, s, dim, norm, False)


@op(SAME, variants="X o", layout=_complex_layout)
def ifftn(input: T, s=None, dim=None, norm: str | None = None):
    """The inverse of `fftn`."""
    return _complex_n(input, s, dim, norm, True)


@op(SAME, variants="X o", layout=_half_layout)
def rfftn(input: T, s=None, dim=None, norm: str | None = None):
    """`fftn` of real input, without the half along the last of `dim` that is its mirror."""
    return _real_n(input, s, dim, _mode(norm), "rfftn")


@op(SAME, variants="X o", layout=_half_layout)
def irfftn(input: T, s=None, dim=None, norm: str | None = None):
    """The inverse of `rfftn`, real."""
    return _to_real_n(_as_complex(_operand(input)), s, dim, _mode(norm), "irfftn")


@op(SAME, variants="X o", layout=_half_layout)
def hfftn(input: T, s=None, dim=None, norm: str | None = None):
    """The Fourier transform, along `dim`, of half a Hermitian signal; real."""
    x = _as_complex(_operand(input)).conj()
    return _to_real_n(x, s, dim, _SWAPPED[_mode(norm)], "hfftn")


@op(SAME, variants="X o", layout=_half_first_layout)
def ihfftn(input: T, s=None, dim=None, norm: str | None = None):
    """The inverse of `hfftn`."""
    return _real_n(input, s, dim, _SWAPPED[_mode(norm)], "ihfftn").conj()


@op(SAME, variants="X o", layout=_complex_layout)
def fft2(input: T, s=None, dim=(-2, -1), norm: str | None = None):
    """`fftn` over two dimensions."""
    return _complex_n(input, s, dim, norm, False)


@op(SAME, variants="X o", layout=_complex_layout)
def ifft2(input: T, s=None, dim=(-2, -1), norm: str | None = None):
    """`ifftn` over two dimensions."""
    return _complex_n(input, s, dim, norm, True)


@op(SAME, variants="X o", layout=_half_layout)
def rfft2(input: T, s=None, dim=(-2, -1), norm: str | None = None):
    """`rfftn` over two dimensions."""
    return _real_n(input, s, dim, _mode(norm), "rfft2")


@op(SAME, variants="X o", layout=_half_layout)
def irfft2(input: T, s=None, dim=(-2, -1), norm: str | None = None):
    """`irfftn` over two dimensions."""
    return _to_real_n(_as_complex(_operand(input)), s, dim, _mode(norm), "irfft2")


@op(SAME, variants="X o", layout=_half_layout)
def hfft2(input: T, s=None, dim=(-2, -1), norm: str | None = None):
    """`hfftn` over two dimensions."""
    x = _as_complex(_operand(input)).conj()
    return _to_real_n(x, s, dim, _SWAPPED[_mode(norm)], "hfft2")


@op(SAME, variants="X o", layout=_half_first_layout)
def ihfft2(input: T, s=None, dim=(-2, -1), norm: str | None = None):
    """`ihfftn` over two dimensions."""
    return _real_n(input, s, dim, _SWAPPED[_mode(norm)], "ihfft2").conj()


# ---- frequencies and shifts ---------------------------------------------------------------------


def _frequencies(values, dtype, device, requires_grad):
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    device = resolve(default_device() if device is None else device)
    out = from_host(values.astype(dtype.np), device)
    return out.requires_grad_() if requires_grad else out


@composite("X o")
def fftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the points of `fft` for samples `d` apart: first the positive ones."""
    return _frequencies(np.fft.fftfreq(n, d), dtype, device, requires_grad)


@composite("X o")
def rfftfreq(n, d=1.0, *, dtype=None, layout=None, device=None, requires_grad=False):
    """The frequencies of the points of `rfft` for samples `d` apart."""
    return _frequencies(np.fft.rfftfreq(n, d), dtype, device, requires_grad)


def _shift_dims(x, dim):
    if dim is None:
        return tuple(range(x.ndim))
    return tuple(wrap_dim(d, x.ndim) for d in ((dim,) if isinstance(dim, int) else dim))


@op(SAME, variants="X")
def fftshift(input: T, dim=None):
    """The frequency 0 moved from the front to the middle, along `dim`."""
    return jnp.fft.fftshift(input, _shift_dims(input, dim))


@op(SAME, variants="X")
def ifftshift(input: T, dim=None):
    """The inverse of `fftshift`."""
    return jnp.fft.ifftshift(input, _shift_dims(input, dim))


# ---- the short-time transform -------------------------------------------------------------------


def _centred_window(window, win_length, n_fft, dtype):
    window = jnp.ones(win_length, dtype) if window is None else window
    left = (n_fft - win_length) // 2
    return jnp.pad(window, (left, n_fft - win_length - left))


_PAD_MODES = {"reflect": "reflect", "constant": "constant", "replicate": "edge", "circular": "wrap"}


def _frame_index(count, hop, n_fft):
    start = jnp.arange(count, dtype=np.int64) * hop
    return start[:, None] + jnp.arange(n_fft, dtype=np.int64)


@op(SAME, variants="p", grad_name="StftBackward0", layout=columns(0))
def stft_of(
    input: T,
    window: T | None,
    n_fft: int,
    hop: int,
    win_length: int,
    pad_mode: str | None,
    normalized: bool,
    onesided: bool,
):
    """The short-time Fourier transform (batch, frequencies, frames) of signals (batch, length)."""
    x = input
    if pad_mode is not None:
        x = jnp.pad(x, ((0, 0), (n_fft // 2, n_fft // 2)), mode=_PAD_MODES[pad_mode])
    check(
        0 < n_fft <= x.shape[-1],
        f"stft(torch.{type_name(dtypes.from_np(x.dtype))}Tensor{list(input.shape)}, "
        f"n_fft={n_fft}): "
        f"expected 0 < n_fft <= {x.shape[-1]}, but got n_fft={n_fft}",
    )
    frames = 1 + (x.shape[-1] - n_fft) // hop
    pieces = read(x, (slice(None), _frame_index(frames, hop, n_fft)))
    real = np.finfo(x.dtype).dtype
    pieces = pieces * _centred_window(window, win_length, n_fft, real).astype(pieces.dtype)
    out = jnp.fft.rfft(pieces) if onesided else jnp.fft.fft(_as_complex(pieces))
    out = jnp.swapaxes(out, -2, -1)
    return out / math.sqrt(n_fft) if normalized else out


def _check_stft(name, n_fft, hop, win_length, window):
    check(hop > 0, f"{name}: expected hop_length > 0, but got hop_length={hop}")
    check(
        0 < win_length <= n_fft,
        f"{name}: expected 0 < win_length <= n_fft, but got win_length={win_length}",
    )
    check(
        window is None or (window.ndim == 1 and window.shape[0] == win_length),
        lambda: (
            f"{name}: expected a 1D window tensor of size equal to win_length={win_length}, "
            "but got "
            f"window with size {list(window.shape)}"
        ),
    )


@composite("f m")
def stft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    pad_mode="reflect",
    normalized=False,
    onesided=None,
    return_complex=None,
    align_to_window=None,
):
    """The short-time Fourier transform of signals (*, length): (*, frequencies, frames).

    Windows of `n_fft` samples, `hop_length` apart (by default a quarter), are multiplied with
    `window`, which is centred in them. `center` pads the signal at both ends by half a window.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    check(input.ndim in (1, 2), f"stft: expected a 1D or 2D tensor, but got {input.ndim}D")
    _check_stft("stft", n_fft, hop, win_length, window)
    is_complex = input.dtype.is_complex or (window is not None and window.dtype.is_complex)
    check(
        return_complex is not None or is_complex,
        "stft requires the return_complex parameter be given for real inputs, and will further "
        "require that return_complex=True in a future PyTorch release.",
    )
    onesided = not is_complex if onesided is None else onesided
    check(
        not (onesided and is_complex),
        "Cannot have onesided output if window or input is complex",
    )
    check(pad_mode in _PAD_MODES, f"Unrecognised padding mode {pad_mode}", NotImplementedError)
    batch = input if input.ndim == 2 else input.unsqueeze(0)
    mode = pad_mode if center else None
    out = ops.stft_of(batch, window, n_fft, hop, win_length, mode, bool(normalized), bool(onesided))
    out = out if input.ndim == 2 else out.squeeze(0)
    return ops.view_as_real(out) if return_complex is False else out


@op(SAME, variants="p", grad_name="IstftBackward0")
def istft_of(
    input: T,
    window: T | None,
    n_fft: int,
    hop: int,
    win_length: int,
    center: bool,
    normalized: bool,
    onesided: bool,
    length: int | None,
    return_complex: bool,
):
    """The signals (batch, length) of short-time transforms (batch, frequencies, frames)."""
    x = jnp.swapaxes(input, -2, -1)
    x = x * math.sqrt(n_fft) if normalized else x
    if return_complex:
        pieces = jnp.fft.ifft(x)
    else:
        pieces = jnp.fft.irfft(x if onesided else x[..., : n_fft // 2 + 1], n_fft)
    real = np.finfo(pieces.dtype).dtype
    w = _centred_window(window, win_length, n_fft, real)
    frames = pieces.shape[-2]
    index = _frame_index(frames, hop, n_fft)
    total = n_fft + hop * (frames - 1)
    summed = add_at(
        jnp.zeros((pieces.shape[0], total), pieces.dtype), (slice(None), index), pieces * w
    )
    weight = add_at(jnp.zeros(total, w.dtype), (index,), jnp.broadcast_to(w * w, index.shape))
    start = n_fft // 2 if center else 0
    stop = total - start if length is None else min(start + length, total)
    summed, weight = summed[:, start:stop], weight[start:stop]
    guard(jnp.any(jnp.abs(weight) < 1e-11), RuntimeError, "istft: window overlap add min: 0")
    out = summed / weight
    return out if length is None else _fitted(out, length, 1)


@composite("f m")
def istft(
    input,
    n_fft,
    hop_length=None,
    win_length=None,
    window=None,
    center=True,
    normalized=False,
    onesided=None,
    length=None,
    return_complex=False,
):
    """The inverse of `stft`: signals whose windows, overlapped and added, give the transform.

    Input (*, frequencies, frames), complex; result (*, length). Raises RuntimeError where no window
    has any weight.
    """
    hop = n_fft // 4 if hop_length is None else hop_length
    win_length = n_fft if win_length is None else win_length
    check(input.dtype.is_complex, "istft requires a complex-valued input tensor matching the "
                                  "output "
          "from stft with return_complex=True.")  # fmt: skip
    check(
        input.ndim in (2, 3), f"istft: expected a tensor with 2 or 3 dimensions, got {input.ndim}"
    )
    _check_stft("istft", n_fft, hop, win_length, window)
    if onesided is None:
        onesided = input.shape[-2] != n_fft
    wanted = n_fft // 2 + 1 if onesided else n_fft
    check(
        input.shape[-2] == wanted,
        f"istft: expected the frequency dimension (3rd to the last) of the input tensor to match "
        f"n_fft {'/ 2 + 1 ' if onesided else ''}when onesided={onesided}, but got "
        f"{input.shape[-2]}",
    )
    check(
        not (onesided and return_complex),
        "cannot have onesided output if window or input is complex",
    )
    batch = input if input.ndim == 3 else input.unsqueeze(0)
    flags = (bool(center), bool(normalized), bool(onesided), length, bool(return_complex))
    out = ops.istft_of(batch, window, n_fft, hop, win_length, *flags)
    return out if input.ndim == 3 else out.squeeze(0)
