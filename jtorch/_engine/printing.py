"""The text of tensors, as torch writes it: widths, scientific mode, wrapping, summaries."""

import contextlib
import dataclasses
import math

import numpy as np


@dataclasses.dataclass
class PrintOptions:
    """How tensors are printed; see `set_printoptions`."""

    precision: int = 4
    threshold: float = 1000
    edgeitems: int = 3
    linewidth: int = 80
    sci_mode: bool | None = None


PRINT_OPTS = PrintOptions()

_PROFILES = {
    "default": {"precision": 4, "threshold": 1000, "edgeitems": 3, "linewidth": 80},
    "short": {"precision": 2, "threshold": 1000, "edgeitems": 2, "linewidth": 80},
    "full": {"precision": 4, "threshold": math.inf, "edgeitems": 3, "linewidth": 80},
}


def set_printoptions(
    precision=None,
    threshold=None,
    edgeitems=None,
    linewidth=None,
    profile=None,
    sci_mode=None,
):
    """Set how tensors are printed. What is left out stays, except `sci_mode`.

    precision: digits after the point. threshold: elements above which a tensor is summarised.
    edgeitems: how many are then shown at each end of a dimension. linewidth: columns per line.
    profile: "default", "short" or "full", applied before the others. sci_mode: True or False
    forces scientific notation on or off; None (also when left out) decides by the values.
    """
    chosen = dict(_PROFILES.get(profile, {}))
    given = {
        "precision": precision,
        "threshold": threshold,
        "edgeitems": edgeitems,
        "linewidth": linewidth,
    }
    chosen.update({name: value for name, value in given.items() if value is not None})
    for name, value in chosen.items():
        setattr(PRINT_OPTS, name, value)
    PRINT_OPTS.sci_mode = sci_mode


def get_printoptions():
    """The current print options as a dictionary."""
    return dataclasses.asdict(PRINT_OPTS)


@contextlib.contextmanager
def printoptions(**options):
    """Set print options for the body of a `with` statement."""
    before = get_printoptions()
    set_printoptions(**options)
    try:
        yield
    finally:
        set_printoptions(**before)


def format_tensor(
    array,
    *,
    dtype_name,
    default_dtype="float32",
    device=None,
    suffixes=(),
    prefix="tensor(",
    shape=None,
):
    """What `repr(tensor)` is.

    array: the values, any shape (None for a tensor without values: its `shape` is shown).
    dtype_name, default_dtype: names like "float32". device: "cuda:0" to show it, None on the
    default device. suffixes: what follows the dtype, such as "requires_grad=True".
    """
    notes = [] if device is None else [f"device='{device}'"]
    indent = len(prefix)
    if array is None:
        notes.append(f"size={_tuple_text(shape)}")
        body = "..."
        shown = dtype_name != default_dtype
    elif array.size == 0:
        # Nothing shows the shape or the kind of value here, so both are spelled out.
        if array.ndim != 1:
            notes.append(f"size={_tuple_text(array.shape)}")
        body = "[]"
        shown = dtype_name != default_dtype
    else:
        if PRINT_OPTS.edgeitems == 0:
            notes.append(f"size={_tuple_text(array.shape)}")
        body = values_text(array, indent)
        shown = dtype_name not in unsaid_dtypes(default_dtype)
    if shown:
        notes.append(f"dtype=torch.{dtype_name}")
    return with_suffixes(prefix + body, [*notes, *suffixes], indent)


def format_scalar(value, spec):
    """What `format(tensor, spec)` is for a 0-dim tensor whose Python value is `value`."""
    return format(value, spec)


def _tuple_text(shape):
    return str(tuple(int(s) for s in shape))


_COMPLEX_OF = {"float16": "complex32", "float32": "complex64", "float64": "complex128"}


def unsaid_dtypes(default_dtype):
    """The dtypes that are not mentioned."""
    # Those which a literal of such values would get.
    return (default_dtype, "int64", "bool", _COMPLEX_OF.get(default_dtype, "complex64"))


def with_suffixes(text, suffixes, indent, newline=False):
    """The text of a tensor with what is said of it; `newline`: on a line of its own."""
    parts = [text]
    # torch counts two columns too many here; line breaks depend on it.
    column = len(text) - text.rfind("\n") + 1
    for suffix in suffixes:
        if newline or column + len(suffix) + 2 > PRINT_OPTS.linewidth:
            newline = False
            parts.append(",\n" + " " * indent + suffix)
            column = indent + len(suffix)
        else:
            parts.append(", " + suffix)
            column += len(suffix) + 2
    return "".join(parts) + ")"


def values_text(array, indent):
    """The elements in brackets, the first line of which begins at column `indent`."""
    shape = array.shape
    cut = PRINT_OPTS.edgeitems if array.size > PRINT_OPTS.threshold else None
    if cut == 0 and shape:
        return "[...]"
    if cut is not None:
        array = _edges(array, cut)
    if array.dtype.kind == "c":
        texts, width = _complex_texts(array)
    else:
        texts, width = _real_texts(array)
    cells = np.empty(len(texts), object)
    cells[:] = texts
    return _nested(cells.reshape(array.shape), shape, width, indent, cut)


def _edges(array, keep):
    """The first and last `keep` along every dimension that is longer than the two together."""
    for axis, extent in enumerate(array.shape):
        if extent > 2 * keep:
            array = array.take(np.r_[0:keep, extent - keep : extent], axis)
    return array


def _nested(cells, shape, width, indent, cut):
    """Brackets, commas and line breaks around the texts of the elements.

    shape: of the whole tensor; `cells` holds only the ends of the dimensions that are cut.
    """
    if not shape:
        return cells.item()
    dotted = cut is not None and shape[0] > 2 * cut
    if len(shape) == 1:
        items = cells.tolist()
        if dotted:
            items.insert(cut, " ...")
        per_line = max(1, (PRINT_OPTS.linewidth - indent) // (width + 2))
        lines = [", ".join(items[i : i + per_line]) for i in range(0, len(items), per_line)]
        return "[" + (",\n" + " " * (indent + 1)).join(lines) + "]"
    items = [_nested(cell, shape[1:], width, indent + 1, cut) for cell in cells]
    if dotted:
        items.insert(cut, "...")
    return "[" + ("," + "\n" * (len(shape) - 1) + " " * (indent + 1)).join(items) + "]"


def _complex_texts(array):
    reals, real_width = _real_texts(array.real)
    imags, imag_width = _real_texts(array.imag)
    texts = []
    for real, imag in zip(reals, imags, strict=True):
        imag = imag.lstrip()
        texts.append(f"{real}{imag}j" if imag[0] in "+-" else f"{real}+{imag}j")
    return texts, real_width + imag_width + 1


def _real_texts(array):
    """The texts of real, integer or bool values in order, right-aligned, and their width."""
    if array.dtype.kind in "biu":
        texts = [str(value) for value in array.ravel().tolist()]
        width = max(map(len, texts))
        return [text.rjust(width) for text in texts], width
    # bfloat16 is no kind that NumPy knows; every float's text is that of its float64 value.
    values = array.astype(np.float64).ravel()
    spec, point = _float_style(values)
    texts = [_float_text(value, spec, point) for value in values.tolist()]
    # Zeros, NaN and infinities do not count for the width.
    counted = np.isfinite(values) & (values != 0)
    width = max((len(texts[i]) for i in np.flatnonzero(counted)), default=1)
    return [text.rjust(width) for text in texts], width


def _float_style(values):
    """The format for all of these float64 values, and what is put behind the finite ones."""
    sizes = np.abs(values[np.isfinite(values) & (values != 0)])
    if not sizes.size:
        return ".0f", "."  # nothing to go by: not even a forced scientific mode applies
    precision = PRINT_OPTS.precision
    whole = bool(np.all(sizes == np.ceil(sizes)))
    scientific = PRINT_OPTS.sci_mode
    if scientific is None:
        least, most = sizes.min(), sizes.max()
        scientific = most > 1e8 or most > 1000.0 * least or (not whole and least < 1e-4)
    if scientific:
        return f".{precision}e", ""
    return (".0f", ".") if whole else (f".{precision}f", "")


def _float_text(value, spec, point):
    text = format(value, spec)
    return text + point if math.isfinite(value) else text
