"""The text of sparse tensors."""

from .._engine import device as devices
from .._engine import dtypes, printing
from .._engine.layouts import sparse_coo
from .sparse import BY_ROW, INDEX_NAMES, parts


def render_sparse(t, suffixes):
    """torch's text for a sparse tensor; `suffixes` is what is said of its gradient."""
    kept = parts(t)
    coo = t.layout is sparse_coo
    names = ("indices",) if coo else INDEX_NAMES[t.layout in BY_ROW]
    pieces = [*zip(names, kept.indices), ("values", kept.values)]
    prefix = "tensor("
    lines = (",\n" + " " * len(prefix)).join(
        _piece(name, part, len(prefix)) for name, part in pieces
    )
    notes = [] if t.device is devices.cpu else [f"device='{t.device}'"]
    notes += [f"size={tuple(t.shape)}", f"nnz={t._nnz()}"]
    default = dtypes.get_default_dtype().name
    if t.dtype.name not in printing.unsaid_dtypes(default):
        notes.append(f"dtype=torch.{t.dtype.name}")
    notes += [f"layout={t.layout!r}", *suffixes]
    return printing.with_suffixes(prefix + lines, notes, len(prefix), newline=coo)


def _piece(name, part, indent):
    head = f"{name}=tensor("
    array = part._host("print")
    if array.size == 0:
        return f"{head}[], size={tuple(part.shape)})"
    return head + printing.values_text(array, indent + len(head)) + ")"
