"""`assert_close`, with PyTorch's tolerances and words."""

import cmath
import collections.abc

import numpy as np

from .._engine import dtypes
from .._engine.tensor import Tensor
from ..ops.registry import ops

# (rtol, atol) of each type; the others are compared exactly.
TOLERANCES = {
    dtypes.float16: (1e-3, 1e-5),
    dtypes.bfloat16: (1.6e-2, 1e-5),
    dtypes.float32: (1.3e-6, 1e-5),
    dtypes.float64: (1e-7, 1e-7),
    dtypes.complex64: (1.3e-6, 1e-5),
    dtypes.complex128: (1e-7, 1e-7),
}
_NUMBERS = (int, float, complex, np.number)


class _Options:
    """What `assert_close` was told, and how its tolerances follow."""

    def __init__(self, rtol, atol, **checks):
        if (rtol is None) != (atol is None):
            missing = "rtol" if rtol is None else "atol"
            raise ValueError(
                f"Both 'rtol' and 'atol' must be either specified or omitted, but got no {missing}."
            )
        self.rtol, self.atol = rtol, atol
        self.__dict__.update(checks)

    def tolerances(self, *kinds):
        """(rtol, atol): as given, or the widest of the types that are compared."""
        if self.rtol is not None:
            return self.rtol, self.atol
        pairs = [TOLERANCES.get(kind, (0.0, 0.0)) for kind in kinds]
        return max(r for r, _ in pairs), max(a for _, a in pairs)


def assert_close(
    actual,
    expected,
    *,
    allow_subclasses=True,
    rtol=None,
    atol=None,
    equal_nan=False,
    check_device=True,
    check_dtype=True,
    check_layout=True,
    check_stride=False,
    msg=None,
):
    """Raise AssertionError unless |actual - expected| <= atol + rtol * |expected| everywhere.

    Tensors, NumPy arrays, numbers, None, and sequences and mappings of them. The tolerances are
    those of the type unless both are given. `msg` replaces the message, or makes one of it.
    """
    options = _Options(
        rtol,
        atol,
        equal_nan=equal_nan,
        device=check_device,
        dtype=check_dtype,
        layout=check_layout,
        stride=check_stride,
        subclasses=allow_subclasses,
    )
    try:
        _compare(actual, expected, options, "")
    except AssertionError as error:
        if msg is None:
            raise
        raise AssertionError(msg(str(error)) if callable(msg) else msg) from None


def _fail(message, path):
    if path:
        message = f"{message}\n\nThe failure occurred for item {path}"
    raise AssertionError(message)


def _is_sequence(value):
    return isinstance(value, collections.abc.Sequence) and not isinstance(value, str)


def _compare(actual, expected, options, path):
    if _is_sequence(actual) and _is_sequence(expected):
        _compare_sequences(actual, expected, options, path)
    elif isinstance(actual, collections.abc.Mapping) and isinstance(
        expected, collections.abc.Mapping
    ):
        _compare_mappings(actual, expected, options, path)
    elif actual is None or expected is None:
        if actual is not expected:
            _fail(f"None mismatch: {actual} is not {expected}", path)
    elif _both(actual, expected, (bool, np.bool_)):
        if bool(actual) is not bool(expected):
            _fail(f"Booleans mismatch: {bool(actual)} is not {bool(expected)}", path)
    elif _both(actual, expected, _NUMBERS) and not _either(actual, expected, (bool, np.bool_)):
        _compare_numbers(actual, expected, options, path)
    elif _are_tensors(actual, expected, options):
        _compare_tensors(_tensor(actual), _tensor(expected), options, path)
    else:
        raise TypeError(
            f"No comparison pair was able to handle inputs of type {type(actual)} and "
            f"{type(expected)}."
        )


def _both(actual, expected, kinds):
    return isinstance(actual, kinds) and isinstance(expected, kinds)


def _either(actual, expected, kinds):
    return isinstance(actual, kinds) or isinstance(expected, kinds)


def _are_tensors(actual, expected, options):
    if not _both(actual, expected, (Tensor, np.ndarray)):
        return False
    if type(actual) is type(expected):
        return True
    related = isinstance(actual, type(expected)) or isinstance(expected, type(actual))
    return related and options.subclasses


def _tensor(value):
    return value if isinstance(value, Tensor) else ops.as_tensor(value)


def _compare_sequences(actual, expected, options, path):
    if len(actual) != len(expected):
        _fail(f"The length of the sequences mismatch: {len(actual)} != {len(expected)}", path)
    for i, (a, b) in enumerate(zip(actual, expected)):
        _compare(a, b, options, f"{path}[{i}]")


def _compare_mappings(actual, expected, options, path):
    missing = sorted(set(expected) - set(actual), key=str)
    added = sorted(set(actual) - set(expected), key=str)
    if missing or added:
        text = "The keys of the mappings do not match:"
        text += f"\nMissing keys in the actual mapping: {missing}" if missing else ""
        text += f"\nAdditional keys in the actual mapping: {added}" if added else ""
        _fail(text, path)
    for key in expected:
        _compare(actual[key], expected[key], options, f"{path}[{key!r}]")


def _header(what, rtol, atol):
    return f"{what} are not {'equal' if rtol == atol == 0 else 'close'}!\n\n"


def _allowed(tolerance, rtol, atol):
    return "" if rtol == atol == 0 else f" (up to {tolerance} allowed)"


def _compare_numbers(actual, expected, options, path):
    actual, expected = (v.item() if isinstance(v, np.number) else v for v in (actual, expected))
    if options.dtype and type(actual) is not type(expected):
        _fail(f"The (d)types do not match: {type(actual)} != {type(expected)}.", path)
    kinds = {float: dtypes.float64, complex: dtypes.complex128}
    rtol, atol = options.tolerances(*(kinds.get(type(v)) for v in (actual, expected)))
    _judge_numbers(actual, expected, rtol, atol, options.equal_nan, path)


def _judge_numbers(actual, expected, rtol, atol, equal_nan, path):
    if equal_nan and cmath.isnan(actual) and cmath.isnan(expected):
        return
    difference = abs(actual - expected)
    allowed = atol + rtol * abs(expected)
    if actual == expected or (cmath.isfinite(difference) and difference <= allowed):
        return
    relative = difference / abs(expected) if expected else float("inf")
    _fail(
        _header("Scalars", rtol, atol)
        + f"Expected {expected} but got {actual}.\n"
        + f"Absolute difference: {difference}{_allowed(atol, rtol, atol)}\n"
        + f"Relative difference: {relative}{_allowed(rtol, rtol, atol)}",
        path,
    )


def _check_attributes(actual, expected, options, path):
    pairs = [("shape", actual.shape, expected.shape)]
    if options.layout:
        pairs.append(("layout", actual.layout, expected.layout))
    if options.device:
        pairs.append(("device", actual.device, expected.device))
    if options.dtype:
        pairs.append(("dtype", actual.dtype, expected.dtype))
    if options.stride:
        pairs.append(("stride()", actual.stride(), expected.stride()))
    for name, a, b in pairs:
        if a != b:
            _fail(f"The values for attribute '{name}' do not match: {a} != {b}.", path)


def _compare_tensors(actual, expected, options, path):
    _check_attributes(actual, expected, options, path)
    if actual.is_meta:
        raise NotImplementedError("Comparing meta tensors is currently not supported")
    rtol, atol = options.tolerances(actual.dtype, expected.dtype)
    common = dtypes.promote_types(actual.dtype, expected.dtype)
    a, b = (_array(t, common) for t in (actual, expected))
    if a.ndim == 0:
        _judge_numbers(a.item(), b.item(), rtol, atol, options.equal_nan, path)
        return
    close = _close(a, b, rtol, atol, options.equal_nan)
    if not close.all():
        _fail(_differences(a, b, close, rtol, atol), path)


def _array(tensor, common):
    """The elements as NumPy holds them; bytes and truth values as signed numbers."""
    array = np.asarray(tensor.detach().to_dense().to(common).cpu()._host("a comparison"))
    return array.astype(np.int64) if array.dtype.kind in "bu" else array


def _close(a, b, rtol, atol, equal_nan):
    with np.errstate(all="ignore"):
        wide = [x.astype(np.float64) if x.dtype.kind not in "ci" else x for x in (a, b)]
        difference = np.abs(wide[0] - wide[1])
        close = np.isfinite(difference) & (difference <= atol + rtol * np.abs(wide[1]))
        close |= wide[0] == wide[1]
        if equal_nan:
            close |= np.isnan(wide[0]) & np.isnan(wide[1])
    return close


def _differences(a, b, close, rtol, atol):
    with np.errstate(all="ignore"):
        absolute = np.abs(a - b)
        whole = absolute.dtype.kind in "iu"
        size = np.abs(b)
        if whole:
            relative = absolute.astype(np.float32) / size.astype(np.float32)
        else:
            relative = absolute / size
    absolute[close] = 0
    relative[close] = 0
    lines = []
    for name, found, tolerance in (("absolute", absolute, atol), ("relative", relative, rtol)):
        at = np.unravel_index(np.argmax(found), found.shape)
        lines.append(
            f"Greatest {name} difference: {found[at].item()} at index "
            f"{tuple(int(i) for i in at)}{_allowed(tolerance, rtol, atol)}"
        )
    wrong = int((~close).sum())
    share = f"{wrong} / {close.size} ({100 * wrong / close.size:.1f}%)"
    return _header("Tensor-likes", rtol, atol) + "\n".join(
        [f"Mismatched elements: {share}", *lines]
    )
