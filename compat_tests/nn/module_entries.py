"""The entries of torch's module database, and the samples of each."""

import contextlib
import io
import warnings

import torch

with warnings.catch_warnings(), contextlib.redirect_stderr(io.StringIO()):
    warnings.simplefilter("ignore")
    from torch.testing._internal.common_modules import module_db


def entry_name(info):
    """The class's name without its package: Linear."""
    return info.name.removeprefix("nn.")


ENTRIES = {entry_name(info): info for info in module_db}


def dtypes_of(info):
    """Every dtype the entry names but complex32, which NumPy cannot hold."""
    return [d for d in info.supported_dtypes("cpu") if d != torch.complex32]


def modes(info):
    """The training modes in which the entry differs."""
    return (True, False) if info.train_and_eval_differ else (True,)


def _generated(function, info, dtype, training, requires_grad=True):
    torch.manual_seed(0)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return list(
            function(
                info, device="cpu", dtype=dtype, requires_grad=requires_grad, training=training
            )
        )


def samples(info, dtype, training):
    """The database's samples for one dtype and training mode."""
    return _generated(info.module_inputs_func, info, dtype, training)


def error_samples(info, dtype, training):
    """The database's erroneous samples, empty where it has none."""
    if info.module_error_inputs_func is None:
        return []
    return _generated(info.module_error_inputs_func, info, dtype, training)
