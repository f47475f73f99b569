"""Attributes of Tensor that programs ask for and operations do not give: those of PyTorch's
protocols, and older names.
"""

from .._engine.tape import LEGACY_NAMES
from .._engine.tensor import Tensor


def _grad_dtype(self):
    if not self.is_leaf:
        raise RuntimeError("grad_dtype can only be accessed on leaf tensors.")
    return self.dtype


def _set_grad_dtype(self, dtype):
    if dtype is not None and dtype is not self.dtype:
        raise NotImplementedError(
            f"torch.Tensor.grad_dtype: gradients of another type than {self.dtype} are not "
            "supported by jtorch; convert the gradient"
        )


def _cuda_array_interface(self):
    name = LEGACY_NAMES.get(self.dtype.name, self.dtype.name)
    if self.device.type == "cuda":
        raise NotImplementedError(
            "torch.Tensor.__cuda_array_interface__ is not supported by jtorch; use __dlpack__"
        )
    raise AttributeError(
        f"Can't get __cuda_array_interface__ on non-CUDA tensor type: torch.{name}Tensor If CUDA "
        "data is required use tensor.cuda() to copy tensor to device memory."
    )


def _torch_function(cls, func, types, args=(), kwargs=None):
    """The call itself, as a result of the class."""
    result = func(*args, **(kwargs or {}))
    plain = type(result) is Tensor and cls is not Tensor
    return result.as_subclass(cls) if plain else result


def _make_subclass(cls, data, require_grad=False):
    """The data of a tensor as a leaf of a subclass."""
    made = data.detach().as_subclass(cls)
    return made.requires_grad_() if require_grad else made


PROPERTIES = {
    "grad_dtype": (_grad_dtype, _set_grad_dtype),
    "_grad": (lambda self: self.grad, lambda self, value: setattr(self, "grad", value)),
    "_grad_fn": (lambda self: self.grad_fn, None),
    "_cdata": (id, None),
    "__cuda_array_interface__": (_cuda_array_interface, None),
}


def attach():
    """Give Tensor these attributes."""
    for name, (read, write) in PROPERTIES.items():
        setattr(Tensor, name, property(read, write))
    Tensor.__torch_function__ = classmethod(_torch_function)
    Tensor._make_subclass = staticmethod(_make_subclass)
    # The names of Python 2.
    Tensor.__idiv__ = Tensor.__itruediv__
    Tensor.__long__ = Tensor.__int__
    Tensor.__nonzero__ = Tensor.__bool__
