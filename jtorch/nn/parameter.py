"""Parameter, Buffer and their not-yet-initialised forms."""

from collections import OrderedDict

from .._engine.call import register_plain
from .._engine.tensor import Tensor
from ..autograd import no_grad
from ..ops.registry import ops

__all__ = [
    "Buffer",
    "Parameter",
    "UninitializedBuffer",
    "UninitializedParameter",
    "UninitializedTensorMixin",
    "is_lazy",
]


class _ParameterMeta(type(Tensor)):
    """Lets tensors of user-made subclasses count as parameters (they carry `_is_param`)."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        if cls is not Parameter or not isinstance(instance, Tensor):
            return False
        return getattr(instance, "_is_param", False)


def _make_subclass(cls, data, requires_grad):
    """A leaf of class `cls` that shares the storage of `data`."""
    if requires_grad and not (data.is_floating_point() or data.is_complex()):
        raise RuntimeError("Only Tensors of floating point and complex dtype can require gradients")
    made = data.detach()
    made.__class__ = cls
    if requires_grad:
        made.requires_grad_()
    return made


def _wrap_custom(data, requires_grad):
    wrapped = data.detach().requires_grad_(requires_grad)
    if type(wrapped) is not type(data):
        raise RuntimeError(
            f"Creating a Parameter from an instance of type {type(data).__name__} requires that "
            "detach() returns an instance of the same type, but return type "
            f"{type(wrapped).__name__} was found instead. To use the type as a Parameter, please "
            "correct the detach() semantics defined by its __torch_dispatch__() implementation."
        )
    wrapped._is_param = True
    return wrapped


def _rebuild_parameter(data, requires_grad, backward_hooks):
    """Unpickle a Parameter from its data."""
    param = Parameter(data, requires_grad)
    param._backward_hooks = backward_hooks
    return param


def _rebuild_parameter_with_state(data, requires_grad, backward_hooks, state):
    """Unpickle a Parameter that carried attributes of its own."""
    param = _rebuild_parameter(data, requires_grad, backward_hooks)
    param.__dict__.update(state)
    return param


class Parameter(Tensor, metaclass=_ParameterMeta):
    """A tensor that a Module lists among its parameters when assigned as an attribute.

    It shares storage with `data`; `requires_grad` is True unless told otherwise.
    """

    def __new__(cls, data=None, requires_grad=True):
        if data is None:
            data = ops.empty(0)
        if type(data) is Tensor or (isinstance(data, Parameter) and type(data) is Parameter):
            return _make_subclass(cls, data, requires_grad)
        if not isinstance(data, Tensor):
            raise AttributeError(f"'{type(data).__name__}' object has no attribute 'detach'")
        return _wrap_custom(data, requires_grad)

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        with no_grad():
            copy = type(self)(self.data.clone(), self.requires_grad)
        memo[id(self)] = copy
        return copy

    def __repr__(self):
        return "Parameter containing:\n" + super().__repr__()

    __str__ = __repr__

    def __reduce_ex__(self, protocol):
        state = dict(getattr(self, "__dict__", {}))
        # torch drops hooks here as well: they are rarely picklable
        args = (self.data, self.requires_grad, OrderedDict())
        if not state:
            return _rebuild_parameter, args
        return _rebuild_parameter_with_state, (*args, state)


register_plain(Parameter)


class UninitializedTensorMixin:
    """A tensor whose shape is not known yet; `materialize` gives it one."""

    _allowed = ("to_copy", "copy")

    def materialize(self, shape, device=None, dtype=None):
        """Allocate uninitialised data of `shape` and become an ordinary parameter or buffer."""
        device = self.data.device if device is None else device
        dtype = self.data.dtype if dtype is None else dtype
        self.data = ops.empty(shape, device=device, dtype=dtype)
        self.__class__ = self.cls_to_become

    @property
    def shape(self):
        """Always an error: there is no shape yet."""
        raise RuntimeError(
            "Can't access the shape of an uninitialized parameter or buffer. This error usually "
            "happens in `load_state_dict` when trying to load an uninitialized parameter into an "
            "initialized one. Call `forward` to initialize the parameters before accessing their "
            "attributes."
        )

    def share_memory_(self):
        """Always an error: there is no memory yet."""
        raise RuntimeError(
            "Can't share memory on an uninitialized parameter or buffer. Call `forward` to "
            "initialize the parameters before calling `module.share_memory()`."
        )

    def __repr__(self):
        return f"<{self.__class__.__name__}>"

    __str__ = __repr__

    def __reduce_ex__(self, protocol):
        return self.__class__, (self.requires_grad,)

    def _check_usable(self, op):
        if op.name not in self._allowed:
            name = type(self).__name__
            raise ValueError(
                "Attempted to use an uninitialized parameter in "
                f"<method '{op.name}' of 'torch._C.TensorBase' objects>. This error happens when "
                "you are using a `LazyModule` or explicitly manipulating "
                f"`torch.nn.parameter.{name}` objects. When using LazyModules Call `forward` with "
                "a dummy batch to initialize the parameters before calling torch functions"
            )


def is_lazy(param):
    """True for a parameter or buffer that has no shape yet."""
    return isinstance(param, UninitializedTensorMixin)


class UninitializedParameter(UninitializedTensorMixin, Parameter):
    """A Parameter whose shape is found at the first forward."""

    cls_to_become = Parameter

    def __new__(cls, requires_grad=True, device=None, dtype=None):
        data = ops.empty(0, device=device, dtype=dtype)
        return _make_subclass(cls, data, requires_grad)

    def __deepcopy__(self, memo):
        if id(self) in memo:
            return memo[id(self)]
        copy = type(self)(self.requires_grad, self.data.device, self.data.dtype)
        memo[id(self)] = copy
        return copy


class _BufferMeta(type(Tensor)):
    """`isinstance(t, Buffer)`: any tensor that was made by `Buffer(...)`."""

    def __instancecheck__(cls, instance):
        if type.__instancecheck__(cls, instance):
            return True
        if cls is not Buffer or not isinstance(instance, Tensor):
            return False
        return getattr(instance, "_is_buffer", False)


class Buffer(Tensor, metaclass=_BufferMeta):
    """`Buffer(data, persistent=True)`: a tensor that a Module lists among its buffers."""

    def __new__(cls, data=None, *, persistent=True):
        if data is None:
            data = ops.empty(0)
        buffer = data.detach().requires_grad_(data.requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer


class UninitializedBuffer(UninitializedTensorMixin, Tensor):
    """A buffer whose shape is found at the first forward."""

    cls_to_become = Tensor

    def __new__(cls, requires_grad=False, device=None, dtype=None, persistent=True):
        data = ops.empty(0, device=device, dtype=dtype)
        buffer = _make_subclass(cls, data, requires_grad)
        buffer.persistent = persistent
        buffer._is_buffer = True
        return buffer
