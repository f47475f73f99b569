"""Operators, printing and the protocols of Python, attached to Tensor."""

import builtins
import copy

import numpy as np

from .._engine import device as devices
from .._engine import dtypes, printing
from .._engine.layouts import SparseValue, strided_layout
from .._engine.storage import Storage
from .._engine.tape import short_name
from .._engine.tensor import Tensor, copied_storage
from . import copy as copies
from .annotations import annotate
from .registry import ops, public
from .sparse import CSR, copied, is_coo, is_sparse
from .sparse_print import render_sparse

# operator -> (operation, reflected?)
BINARY = {
    "add": "add",
    "sub": "sub",
    "mul": "mul",
    "truediv": "true_divide",
    "floordiv": "floor_divide",
    "mod": "remainder",
    "pow": "pow",
    "matmul": "matmul",
    "and": "bitwise_and",
    "or": "bitwise_or",
    "xor": "bitwise_xor",
    "lshift": "bitwise_left_shift",
    "rshift": "bitwise_right_shift",
}
COMPARISONS = {"eq": "eq", "ne": "ne", "lt": "lt", "le": "le", "gt": "gt", "ge": "ge"}
IN_PLACE = (
    "add",
    "sub",
    "mul",
    "truediv",
    "floordiv",
    "mod",
    "pow",
    "and",
    "or",
    "xor",
    "lshift",
    "rshift",
)
_COMMON = frozenset((Tensor, float, int))
_OPERANDS = (Tensor, bool, int, float, complex, np.generic)


def _binary(function):
    def operator(self, other):
        if other.__class__ not in _COMMON and not isinstance(other, _OPERANDS):
            return NotImplemented
        return function(self, other)

    return operator


def _reflected(function):
    def operator(self, other):
        if not isinstance(other, _OPERANDS):
            return NotImplemented
        if not isinstance(self, Tensor):
            raise TypeError(
                f"the first argument must be a Tensor, not {builtins.type(self).__name__}"
            )
        return function(other, self)

    return operator


def _comparison(function, if_foreign):
    def operator(self, other):
        if other.__class__ not in _COMMON and not isinstance(other, _OPERANDS):
            return if_foreign
        return function(self, other)

    return operator


def _constant_first(name):
    """`number <op> tensor` for operations whose first argument must be a tensor: the number becomes
    one.
    """
    function = getattr(ops, name)

    def operator(number, tensor):
        if not isinstance(number, Tensor):
            number = ops.scalar_tensor(number, dtype=_own_dtype(number), device=tensor.device)
        return function(number, tensor)

    return operator


def _own_dtype(number):
    number = number.item() if isinstance(number, np.generic) else number
    return dtypes.of_python(builtins.type(number))


def _attach(name, function):
    function.__name__ = function.__qualname__ = name
    setattr(Tensor, name, function)


def attach_operators():
    """Give Tensor its operators, and the nodes of the graph their names."""
    annotate()
    for symbol, name in BINARY.items():
        function = getattr(ops, name)
        _attach(f"__{symbol}__", _binary(function))
        reflected = REFLECTED.get(symbol) or _reflected(function)
        _attach(f"__r{symbol}__", reflected)
    for symbol, name in COMPARISONS.items():
        foreign = {"eq": False, "ne": True}.get(symbol, NotImplemented)
        _attach(f"__{symbol}__", _comparison(getattr(ops, name), foreign))
    for symbol in IN_PLACE:
        _attach(
            f"__i{symbol}__",
            _binary(getattr(Tensor, BINARY[symbol].replace("true_divide", "div") + "_")),
        )
    # Python 2's name of division; PyTorch still has the reflected one.
    Tensor.__rdiv__ = Tensor.__rtruediv__
    Tensor.__neg__ = ops.neg
    Tensor.__pos__ = lambda self: self
    Tensor.__invert__ = _invert
    Tensor.__abs__ = ops.abs
    Tensor.__hash__ = lambda self: id(self)


def _invert(self):
    if self.dtype.kind in "fc":
        raise TypeError(
            "~ (operator.invert) is only implemented on integer and Boolean-type tensors"
        )
    return ops.bitwise_not(self)


def _swap_args(name):
    function = getattr(ops, name)
    return _reflected(lambda number, tensor: function(tensor, number))


def _rsub(self, other):
    return NotImplemented if not isinstance(other, _OPERANDS) else ops.rsub(self, other)


def _rdiv(self, other):
    return NotImplemented if not isinstance(other, _OPERANDS) else ops.reciprocal(self) * other


REFLECTED = {}


def attach_reflected():
    """Reflected operators whose operation wants the tensor first."""
    REFLECTED.update(
        add=_swap_args("add"),
        mul=_swap_args("mul"),
        sub=_rsub,
        truediv=_rdiv,
        floordiv=_reflected(_constant_first("floor_divide")),
        mod=_reflected(_constant_first("remainder")),
        pow=_reflected(ops.pow),
        **{
            "and": _swap_args("bitwise_and"),
            "or": _swap_args("bitwise_or"),
            "xor": _swap_args("bitwise_xor"),
        },
        lshift=_reflected(_constant_first("bitwise_left_shift")),
        rshift=_reflected(_constant_first("bitwise_right_shift")),
        matmul=_reflected(ops.matmul),
    )


# ---- protocols ----


def _length(self):
    if self._aval.ndim == 0:
        raise TypeError("len() of a 0-d tensor")
    return self._aval.shape[0]


def _iterate(self):
    if self._aval.ndim == 0:
        raise TypeError("iteration over a 0-d tensor")
    return iter(ops.unbind(self, 0))


def _contains(self, element):
    if isinstance(element, (Tensor, bool, int, float, complex)):
        return bool((self == element).any().item())
    raise RuntimeError(
        "Tensor.__contains__ only supports Tensor or scalar, but you passed in a "
        f"{builtins.type(element)}."
    )


def _setitem(self, index, value):
    if self._aval.layout is not strided_layout:
        raise TypeError("Cannot assign to a sparse tensor")
    ops.setitem(self, index, value)


def _repr(self, *, tensor_contents=None):
    return render(self)


def render(t):
    """torch's text for a tensor."""
    suffixes = []
    if t.grad_fn is not None:
        suffixes.append(f"grad_fn=<{short_name(t.grad_fn)}>")
    elif t.requires_grad:
        suffixes.append("requires_grad=True")
    if is_sparse(t):
        return render_sparse(t, suffixes)
    return printing.format_tensor(
        None if t.device is devices.meta else t._host("print"),
        dtype_name=t.dtype.name,
        default_dtype=dtypes.get_default_dtype().name,
        device=None if t.device is devices.cpu else str(t.device),
        suffixes=suffixes,
        shape=t.shape,
    )


def _format(self, spec):
    if self._aval.ndim == 0 and self._aval.device is not devices.meta:
        return format(self.item(), spec)
    return object.__format__(self, spec)


def _storage_copy(st, memo):
    """A storage with equal contents: one for all tensors of a deep copy that shared the old."""
    found = memo.get(id(st))
    if found is None:
        value = st.value if st.alias is None else st.read()
        if value.__class__ is SparseValue:
            value = copied(value)
        found = memo[id(st)] = Storage(value, st.layout)
        # Keeps the old one alive, so that its id is not given to another.
        memo.setdefault(id(memo), []).append(st)
    return found


def _deepcopy(self, memo):
    found = memo.get(id(self))
    if found is not None:
        return found
    if self._edge is not None:
        raise RuntimeError(
            "Only Tensors created explicitly by the user (graph leaves) support the deepcopy "
            "protocol at the moment.  If you "
            "were attempting to deepcopy a module, this may be because of a "
            "torch.nn.utils.weight_norm usage, see "
            "https://github.com/pytorch/pytorch/pull/103001"
        )
    made = copied_storage(self, _storage_copy(self._st, memo))
    if self.__class__ is not Tensor:
        made = made.as_subclass(self.__class__)
    made.requires_grad_(self.requires_grad)
    memo[id(self)] = made
    made.__dict__.update(copy.deepcopy(self.__dict__, memo))
    if self.grad is not None:
        made.grad = _deepcopy(self.grad, memo)
    return made


def _copy(self):
    """A tensor that shares the memory, for `copy.copy`."""
    made = self.detach()
    if self.__class__ is not Tensor:
        made = made.as_subclass(self.__class__)
    made.__dict__.update(self.__dict__)
    return made.requires_grad_() if self.requires_grad else made


def _as_subclass(self, cls):
    made = object.__new__(cls)
    for slot in ("_st", "_view", "_aval", "_edge", "_rg", "_meta", "_vc"):
        setattr(made, slot, getattr(self, slot))
    return made


def _array_wrap(self, array, *context):
    if array.dtype == bool:
        array = array.astype("uint8")
    return ops.from_numpy(array)


def _matrix_transpose(self, name="mT"):
    if self._aval.ndim == 0:
        return self
    if self._aval.ndim < 2:
        raise RuntimeError(
            f"tensor.{name} is only supported on matrices or batches of matrices. Got "
            f"{self._aval.ndim}-D tensor."
        )
    return ops.transpose(self, -2, -1)


def _transposed(self):
    if self._aval.ndim == 2:
        return ops.t(self)
    return ops.permute(self, *range(self._aval.ndim - 1, -1, -1))


def _adjoint(self):
    turned = _matrix_transpose(self, "mH")
    return turned.conj() if self.dtype.is_complex else turned


def _hermitian(self):
    ndim = self._aval.ndim
    if ndim not in (0, 2):
        advice = " For batches of matrices, consider using tensor.mH" if ndim > 2 else ""
        raise RuntimeError(
            f"tensor.H is only supported on matrices (2-D tensors). Got {ndim}-D tensor.{advice}"
        )
    turned = _transposed(self)
    return turned.conj() if self.dtype.is_complex else turned


PROPERTIES = {
    "T": _transposed,
    "mT": _matrix_transpose,
    "H": _hermitian,
    "mH": _adjoint,
    "real": lambda self: ops.real(self),
    "imag": lambda self: ops.imag(self),
    "is_cuda": lambda self: self.device.type == "cuda",
    "is_cpu": lambda self: self.device.type == "cpu",
    "is_meta": lambda self: self.device.type == "meta",
    "is_xla": lambda self: self.device.type == "xla",
    "is_mps": lambda self: False,
    "is_xpu": lambda self: False,
    "is_sparse": is_coo,
    "is_sparse_csr": lambda self: self._aval.layout is CSR,
    "is_quantized": lambda self: False,
    "is_nested": lambda self: False,
    "is_mkldnn": lambda self: False,
    "is_vulkan": lambda self: False,
    "is_ipu": lambda self: False,
    "is_maia": lambda self: False,
    "is_mtia": lambda self: False,
    "name": lambda self: None,
    "volatile": lambda self: False,
}


def attach_protocols():
    """Give Tensor Python's protocols: length, iteration, indexing, printing, conversion."""
    Tensor.__len__ = _length
    Tensor.__iter__ = _iterate
    Tensor.__reversed__ = lambda self: ops.flip(self, (0,)) if self._aval.ndim else self
    Tensor.__contains__ = _contains
    Tensor.__getitem__ = ops.getitem
    Tensor.__setitem__ = _setitem
    Tensor.__repr__ = _repr
    Tensor.__str__ = _repr
    Tensor.__format__ = _format
    Tensor.__bool__ = copies.truth
    Tensor.__float__ = copies.to_float
    Tensor.__int__ = copies.to_int
    Tensor.__complex__ = copies.to_complex
    Tensor.__index__ = copies.to_index
    Tensor.__array__ = copies.array_protocol
    Tensor.__array_wrap__ = _array_wrap
    Tensor.__copy__ = _copy
    Tensor.__deepcopy__ = _deepcopy
    Tensor.as_subclass = _as_subclass
    for name, getter in PROPERTIES.items():
        setattr(Tensor, name, property(getter))


def attach_methods():
    """Give Tensor a method for every operation declared with one."""
    for name, function in public["Tensor"].items():
        setattr(Tensor, name, function)
