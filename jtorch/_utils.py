"""How tensors are rebuilt from pickles, under the names that PyTorch's files use."""

from collections import OrderedDict

from . import _stored
from ._engine import device as devices
from ._engine.layouts import sparse_coo
from ._engine.tensor import Tensor
from .nn.parameter import Parameter, _rebuild_parameter, _rebuild_parameter_with_state
from .ops.registry import from_host, ops
from .ops.sparse import is_sparse, parts

__all__ = ["reduce_tensor"]


def _rebuild_tensor(storage, storage_offset, size, stride):
    """A tensor over a loaded storage."""
    return storage.tensor(size, stride, storage_offset)


def _rebuild_tensor_v2(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, metadata=None
):
    """A tensor over a loaded storage of its own element type."""
    tensor = _with_metadata(storage.tensor(size, stride, storage_offset), metadata)
    # Hooks are not written since long ago; the argument keeps the format.
    return tensor.requires_grad_() if requires_grad else tensor


def _rebuild_tensor_v3(
    storage, storage_offset, size, stride, requires_grad, backward_hooks, dtype, metadata=None
):
    """A tensor of `dtype` over a loaded storage of bytes."""
    typed = storage.typed(dtype)
    return _rebuild_tensor_v2(
        typed, storage_offset, size, stride, requires_grad, backward_hooks, metadata
    )


def _with_metadata(tensor, metadata):
    """Apply what PyTorch keeps as lazy bits: conjugation and negation."""
    if metadata and metadata.get("conj"):
        tensor = ops.conj(tensor)
    if metadata and metadata.get("neg"):
        tensor = ops.neg(tensor)
    return tensor


def _rebuild_meta_tensor_no_storage(dtype, size, stride, requires_grad):
    """A tensor on the meta device: a shape without data."""
    made = ops.empty_strided(tuple(size), tuple(stride), dtype=dtype, device=devices.meta)
    return made.requires_grad_(requires_grad)


def _rebuild_device_tensor_from_cpu_tensor(data, dtype, device, requires_grad):
    """A tensor that was written as a copy on the CPU because its device has no storages."""
    made = data.to(dtype=dtype, device=device)
    return made.requires_grad_(requires_grad)


def _rebuild_device_tensor_from_numpy(data, dtype, device, requires_grad):
    """The older form of the same, as a NumPy array."""
    return _rebuild_device_tensor_from_cpu_tensor(from_host(data), dtype, device, requires_grad)


def _rebuild_from_type_v2(func, new_type, args, state):
    """A tensor of a subclass, or one with attributes of its own."""
    made = func(*args)
    if not isinstance(made, Tensor):
        raise TypeError(f"expected a function that rebuilds a Tensor, got {func}")
    if type(made) is not new_type:
        made = made.as_subclass(new_type)
    setstate = getattr(type(made), "__setstate__", None)
    if setstate is not None and setstate is not getattr(Tensor, "__setstate__", None):
        made.__setstate__(state)
    elif state:
        _set_attributes(made, state)
    return made


def _set_attributes(tensor, state):
    attributes, slots = state if isinstance(state, tuple) else (state, None)
    tensor.__dict__.update(attributes or {})
    for name, value in (slots or {}).items():
        setattr(tensor, name, value)


def _unsupported(kind):
    def rebuild(*args):
        raise NotImplementedError(
            f"torch.load: {kind} tensors are not supported by jtorch; save them as dense tensors"
        )

    return rebuild


def _rebuild_sparse_tensor(layout, data):
    """A sparse tensor from its parts; files of before 2.1 do not say if it is coalesced."""
    if layout is sparse_coo:
        indices, values, size, *coalesced = data
        flags = {"is_coalesced": coalesced[0]} if coalesced else {}
        return ops.sparse_coo_tensor(indices, values, size, **flags)
    return ops.sparse_compressed_tensor(*data, layout=layout)


_rebuild_qtensor = _unsupported("quantized")
_rebuild_nested_tensor = _unsupported("nested")
_rebuild_wrapper_subclass = _unsupported("wrapper subclass")

PARAMETER_FUNCTIONS = (_rebuild_parameter, _rebuild_parameter_with_state)


def reduce_tensor(tensor, storage=_stored.storage_of):
    """`(function, arguments)` that rebuild a tensor; the layout is that of PyTorch's files.

    storage(tensor): what stands for the memory among the arguments.
    """
    if isinstance(tensor, Parameter):
        return Parameter.__reduce_ex__(tensor, 2)
    function, arguments = _reduce_plain(tensor, storage)
    attributes = getattr(tensor, "__dict__", None)
    if type(tensor) is Tensor and not attributes:
        return function, arguments
    return _rebuild_from_type_v2, (function, type(tensor), arguments, attributes or None)


def _reduce_plain(tensor, storage):
    dtype, device, wants = tensor.dtype, tensor.device, tensor.requires_grad
    if is_sparse(tensor):
        kept = parts(tensor)
        indices = [i.detach() for i in kept.indices]
        data = (*indices, kept.values.detach(), tensor.size())
        coalesced = (kept.coalesced,) if tensor.is_sparse else ()
        return _rebuild_sparse_tensor, (tensor.layout, (*data, *coalesced))
    geometry = (tensor.storage_offset(), tuple(tensor.size()), tensor.stride())
    if device is devices.meta:
        return _rebuild_meta_tensor_no_storage, (dtype, *geometry[1:], wants)
    if device.type not in ("cpu", "cuda"):
        return _rebuild_device_tensor_from_cpu_tensor, (
            tensor.detach().cpu(),
            dtype,
            str(device),
            wants,
        )
    if dtype in _stored.NAME_OF:
        return _rebuild_tensor_v2, (storage(tensor), *geometry, wants, OrderedDict())
    return _rebuild_tensor_v3, (storage(tensor), *geometry, wants, OrderedDict(), dtype)


def _reduce_ex(tensor, protocol):
    return reduce_tensor(tensor)


Tensor.__reduce_ex__ = _reduce_ex
