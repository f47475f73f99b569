"""The entries of torch's operator database, and what is special about some of them."""

import contextlib
import io
import itertools
import warnings

import torch

with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_methods_invocations import op_db

# Their values are whatever lay in memory.
UNINITIALISED = {
    "empty",
    "empty_like",
    "empty_permuted",
    "empty_strided",
    "new_empty",
    "new_empty_strided",
}

# Factors that are unique only up to a sign or a phase per column: magnitudes are compared.
UP_TO_PHASE = {"linalg.eig", "linalg.eigh", "linalg.svd", "svd", "svd_lowrank", "pca_lowrank"}

_DTYPES = (
    torch.int64,
    torch.complex64,
    torch.bfloat16,
    torch.float64,
    torch.bool,
    torch.float16,
    torch.int32,
    torch.uint8,
)


def entry_name(op):
    """`name` or `name.variant`, unique in the database."""
    return f"{op.name}.{op.variant_test_name}" if op.variant_test_name else op.name


def _runs_on_cpu(op):
    """False for what torch itself has on accelerators only, so that there is nothing to compare."""
    return not op.name.startswith("jiterator_") and bool(op.supported_dtypes("cpu"))


ENTRIES = {entry_name(op): op for op in op_db if _runs_on_cpu(op)}


def dtype_name(dtype):
    """The name without its prefix: float32."""
    return str(dtype).removeprefix("torch.")


def dtypes_of(op):
    """Every dtype the entry runs with on a CPU, but complex32: NumPy cannot hold it."""
    found = op.supported_dtypes("cpu")
    return sorted((d for d in found if d != torch.complex32), key=dtype_name)


def quick_dtypes(op):
    """float32 and one other, which goes round with the entry's name."""
    found = dtypes_of(op)
    first = [d for d in (torch.float32,) if d in found]
    others = [d for d in _DTYPES if d in found]
    if others:
        first.append(others[sum(map(ord, entry_name(op))) % len(others)])
    return first or found[:1]


def differentiable(op, dtype):
    """0, 1 or 2: up to which order torch has gradients of the entry with this dtype."""
    if not op.supports_autograd or dtype not in op.supported_backward_dtypes("cpu"):
        return 0
    return 2 if op.supports_gradgrad else 1


def samples(op, dtype, requires_grad, first=None):
    """The database's sample inputs; with `first`, only so many from the front."""
    torch.default_generator.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(itertools.islice(op.sample_inputs("cpu", dtype, requires_grad), first))


def error_samples(op):
    """The database's erroneous inputs, empty where it has none."""
    if op.error_inputs_func is None:
        return []
    torch.default_generator.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return [e.sample_input for e in op.error_inputs("cpu")]
