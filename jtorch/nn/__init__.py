"""Neural networks: modules, parameters, initialisers, functions."""

from . import (
    attention,
    common_types,
    functional,
    grad,
    init,
    intrinsic,
    modules,
    parallel,
    parameter,
    qat,
    quantizable,
    quantized,
    utils,
)
from .modules import *
from .modules.module import Module
from .parallel import DataParallel
from .parameter import Buffer, Parameter, UninitializedBuffer, UninitializedParameter

__all__ = sorted(
    [
        *modules.__all__,
        "Buffer",
        "DataParallel",
        "Module",
        "Parameter",
        "UninitializedBuffer",
        "UninitializedParameter",
        "attention",
        "functional",
        "init",
        "modules",
        "parallel",
        "parameter",
        "utils",
    ]
)


def factory_kwargs(kwargs):
    """The `device`, `dtype` and `memory_format` of a layer's keyword arguments.

    Raises TypeError for other names, or for one that is given twice.
    """
    if kwargs is None:
        return {}
    simple = {"device", "dtype", "memory_format"}
    expected = simple | {"factory_kwargs"}
    if not kwargs.keys() <= expected:
        raise TypeError(f"unexpected kwargs {kwargs.keys() - expected}")
    out = dict(kwargs.get("factory_kwargs", {}))
    for name in simple & kwargs.keys():
        if name in out:
            raise TypeError(f"{name} specified twice, in **kwargs and in factory_kwargs")
        out[name] = kwargs[name]
    return out
