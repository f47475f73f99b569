"""Window functions, in both of torch's spellings: `hann_window` and `torch.signal.windows`."""

import numpy as np

from .._engine import dtypes
from .._engine.device import default_device, resolve
from .._engine.layouts import strided_layout as strided
from .registry import check, composite, from_host


def _window(name, length, periodic, formula, dtype, device, requires_grad, layout=None):
    """`formula` on `length` places. A periodic window is a symmetric one without its last place."""
    check(
        layout is None or str(layout) == "torch.strided",
        f"{name} is implemented for strided tensors only, got: {layout}",
        ValueError,
    )
    dtype = dtypes.get_default_dtype() if dtype is None else dtype
    check(
        dtype.is_floating_point,
        f"{name} expects floating point dtypes, got: torch.{dtype.name}",
    )
    check(length >= 0, f"{name} requires non-negative window_length, got window_length={length}")
    places = length + 1 if periodic else length
    # Worked out on the host in double precision: it is a constant.
    values = np.ones(length) if length <= 1 else formula(places)[:length]
    device = resolve(default_device() if device is None else device)
    out = from_host(np.ascontiguousarray(values.astype(dtype.np)), device)
    return out.requires_grad_() if requires_grad else out


def _cosines(*coefficients):
    """sum of (-1)^k a_k cos(2 pi k n / (N - 1))."""

    def formula(places):
        angle = 2 * np.pi * np.arange(places) / (places - 1)
        return sum((-1) ** k * a * np.cos(k * angle) for k, a in enumerate(coefficients))

    return formula


def _bartlett(places):
    return 1 - np.abs(2 * np.arange(places) / (places - 1) - 1)


def _kaiser(beta):
    def formula(places):
        x = 2 * np.arange(places) / (places - 1) - 1
        return np.i0(beta * np.sqrt(np.maximum(1 - x * x, 0))) / np.i0(beta)

    return formula


@composite("f")
def hann_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The Hann window, sin^2(pi n / (N - 1)). Shape (window_length,)."""
    formula = _cosines(0.5, 0.5)
    return _window(
        "hann_window", window_length, periodic, formula, dtype, device, requires_grad, layout
    )


@composite("f")
def hamming_window(
    window_length,
    periodic=True,
    alpha=0.54,
    beta=0.46,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The Hamming window, alpha - beta cos(2 pi n / (N - 1)). Shape (window_length,)."""
    formula = _cosines(alpha, beta)
    return _window(
        "hamming_window", window_length, periodic, formula, dtype, device, requires_grad, layout
    )


@composite("f")
def blackman_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The Blackman window, 0.42 - 0.5 cos x + 0.08 cos 2x. Shape (window_length,)."""
    formula = _cosines(0.42, 0.5, 0.08)
    return _window(
        "blackman_window", window_length, periodic, formula, dtype, device, requires_grad, layout
    )


@composite("f")
def bartlett_window(
    window_length,
    periodic=True,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The triangular window that is zero at both ends. Shape (window_length,)."""
    return _window(
        "bartlett_window", window_length, periodic, _bartlett, dtype, device, requires_grad, layout
    )


@composite("f")
def kaiser_window(
    window_length,
    periodic=True,
    beta=12.0,
    *,
    dtype=None,
    layout=None,
    device=None,
    pin_memory=False,
    requires_grad=False,
):
    """The Kaiser window of shape parameter `beta`. Shape (window_length,)."""
    formula = _kaiser(beta)
    return _window(
        "kaiser_window", window_length, periodic, formula, dtype, device, requires_grad, layout
    )


# ---- torch.signal.windows -----------------------------------------------------------------------


def _signal(name, M, sym, formula, dtype, device, requires_grad, layout):
    check(M >= 0, f"{name}: Window length must be non-negative", ValueError)
    check(
        dtype is None or dtype in (dtypes.float32, dtypes.float64),
        f"{name} expects float32 or float64 dtypes, got: {dtype!r}",
        ValueError,
    )
    return _window(name, M, not sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="hann")
def signal_hann(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The Hann window of `M` places, symmetric or (`sym=False`) periodic."""
    formula = _cosines(0.5, 0.5)
    return _signal("hann", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="hamming")
def signal_hamming(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The Hamming window of `M` places, symmetric or (`sym=False`) periodic."""
    formula = _cosines(0.54, 0.46)
    return _signal("hamming", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="general_hamming")
def signal_general_hamming(
    M, *, alpha=0.54, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
):
    """alpha - (1 - alpha) cos(2 pi n / (M - 1)), symmetric or (`sym=False`) periodic."""
    formula = _cosines(alpha, 1 - alpha)
    return _signal("general_hamming", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="general_cosine")
def signal_general_cosine(
    M, *, a, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
):
    """The sum of cosines with the coefficients `a`, of alternating signs."""
    check(len(a), "Coefficients must be a non-empty list of numbers", ValueError)
    return _signal("general_cosine", M, sym, _cosines(*a), dtype, device, requires_grad, layout)


@composite("W", name="blackman")
def signal_blackman(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The Blackman window of `M` places, symmetric or (`sym=False`) periodic."""
    formula = _cosines(0.42, 0.5, 0.08)
    return _signal("blackman", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="nuttall")
def signal_nuttall(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The minimum 4-term Blackman-Harris window after Nuttall (1981)."""
    formula = _cosines(0.3635819, 0.4891775, 0.1365995, 0.0106411)
    return _signal("nuttall", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="bartlett")
def signal_bartlett(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """The triangular window that is zero at both ends."""
    return _signal("bartlett", M, sym, _bartlett, dtype, device, requires_grad, layout)


@composite("W", name="cosine")
def signal_cosine(M, *, sym=True, dtype=None, layout=strided, device=None, requires_grad=False):
    """sin(pi (n + 1/2) / M): half a period of the sine."""

    def formula(places):
        return np.sin(np.pi * (np.arange(places) + 0.5) / places)

    return _signal("cosine", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="exponential")
def signal_exponential(
    M,
    *,
    center=None,
    tau=1.0,
    sym=True,
    dtype=None,
    layout=strided,
    device=None,
    requires_grad=False,
):
    """exp(-|n - center| / tau), around the middle unless `center` says otherwise."""
    check(tau > 0, f"Tau must be positive, got: {tau} instead.", ValueError)
    check(not sym or center is None, "Center must be None for symmetric windows", ValueError)

    def formula(places):
        middle = (places - 1) / 2 if center is None else center
        return np.exp(-np.abs(np.arange(places) - middle) / tau)

    return _signal("exponential", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="gaussian")
def signal_gaussian(
    M, *, std=1.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
):
    """exp(-(n - middle)^2 / (2 std^2))."""
    check(std > 0, f"Standard deviation must be positive, got: {std} instead.", ValueError)

    def formula(places):
        return np.exp(-(((np.arange(places) - (places - 1) / 2) / std) ** 2) / 2)

    return _signal("gaussian", M, sym, formula, dtype, device, requires_grad, layout)


@composite("W", name="kaiser")
def signal_kaiser(
    M, *, beta=12.0, sym=True, dtype=None, layout=strided, device=None, requires_grad=False
):
    """The Kaiser window of shape parameter `beta`."""
    check(beta >= 0, f"beta must be non-negative, got: {beta} instead.", ValueError)
    return _signal("kaiser", M, sym, _kaiser(beta), dtype, device, requires_grad, layout)
