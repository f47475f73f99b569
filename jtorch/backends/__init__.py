"""`torch.backends`: switches of torch's own backends. They can be read and set; XLA has its own
counterparts.
"""

import contextlib
import sys
import types

from .._engine import device as devices


class _Switches(types.ModuleType):
    """A module of settings that may be assigned; unknown ones are kept and have no effect."""

    def __init__(self, name, functions=(), **settings):
        super().__init__(
            f"{__name__}.{name}", f"Settings of torch.backends.{name}; they have no effect on XLA."
        )
        self.__dict__.update(settings)
        self.__dict__.update(functions)
        sys.modules[self.__name__] = self


def _no():
    return False


@contextlib.contextmanager
def _flags(**settings):
    """Accept settings for the body of a `with` statement."""
    yield


cudnn = _Switches(
    "cudnn",
    {
        "is_available": lambda: bool(devices.platform_devices("cuda")),
        "version": lambda: None,
        "flags": _flags,
        "is_acceptable": lambda tensor: False,
    },
    benchmark=False,
    deterministic=False,
    enabled=True,
    allow_tf32=True,
    benchmark_limit=10,
)


def _attention_switches():
    """PyTorch's four implementations of attention: they can be switched, and all are XLA's."""
    enabled = dict.fromkeys(("flash", "mem_efficient", "math", "cudnn"), True)

    def switch(name):
        return {
            f"{name}_sdp_enabled": lambda: enabled[name],
            f"enable_{name}_sdp": lambda on: enabled.update({name: bool(on)}),
        }

    return {key: fn for name in enabled for key, fn in switch(name).items()}


cuda = _Switches(
    "cuda",
    {
        "is_built": lambda: bool(devices.platform_devices("cuda")),
        "sdp_kernel": _flags,
        **_attention_switches(),
    },
    matmul=types.SimpleNamespace(
        allow_tf32=False,
        allow_fp16_reduced_precision_reduction=True,
        allow_bf16_reduced_precision_reduction=True,
    ),
    cufft_plan_cache=types.SimpleNamespace(size=0, max_size=0),
)
mps = _Switches("mps", {"is_available": _no, "is_built": _no})
mkl = _Switches("mkl", {"is_available": _no})
mkldnn = _Switches("mkldnn", {"is_available": _no, "flags": _flags}, enabled=False)
openmp = _Switches("openmp", {"is_available": _no})
opt_einsum = _Switches("opt_einsum", {"is_available": lambda: True}, enabled=True, strategy="auto")
quantized = _Switches("quantized", supported_engines=[], engine="none")
cpu = _Switches("cpu", {"get_cpu_capability": lambda: "DEFAULT"})

__all__ = ["cpu", "cuda", "cudnn", "mkl", "mkldnn", "mps", "openmp", "opt_einsum", "quantized"]
