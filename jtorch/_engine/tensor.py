"""The Tensor class: storage, view and autograd metadata. Operations are attached to it by the
layers above.
"""

import weakref

import numpy as np

from . import device as devices
from . import dtypes, tape, trace
from .fast import compiled_form
from .layouts import SparseValue
from .signature import aval as make_aval
from .storage import Alias, Storage, View, split_runtime, strided
from .value import META, Value


class Meta:
    """A tensor's autograd state beyond its edge; made when first needed."""

    __slots__ = (
        "grad",
        "accumulate",
        "hooks",
        "post_hooks",
        "keeps_grad",
        "refusal",
        "__weakref__",
    )

    def __init__(self):
        self.grad = self.accumulate = self.hooks = self.post_hooks = None
        # Why the tensor may not be written to in place, if it may not: one of several views made at
        # once.
        self.refusal = None
        self.keeps_grad = False


class TensorMeta(type):
    """The metaclass of Tensor; it lets legacy types such as FloatTensor answer isinstance."""


class Tensor(metaclass=TensorMeta):
    """A multi-dimensional array of one element type, with torch's semantics.

    _st: the storage. _view: None for the whole of a contiguous storage. _aval: shape, dtype and
    device.
    _edge: `(node, output number)` on the tape. _rg: gradients are wanted. _meta: further autograd
    state, or None.
    _vc: the version counter, a list of one int shared by the tensors that torch shares it among.
    """

    __slots__ = ("_st", "_view", "_aval", "_edge", "_rg", "_meta", "_vc", "__dict__", "__weakref__")
    __module__ = "torch"
    __array_priority__ = 1000

    @property
    def shape(self):
        """The sizes, as a `torch.Size`."""
        return self._aval.size

    @property
    def dtype(self):
        """The element type."""
        return self._aval.dtype

    @property
    def device(self):
        """Where the tensor lives."""
        return self._aval.device

    @property
    def ndim(self):
        """The number of dimensions."""
        return self._aval.ndim

    def dim(self):
        """The number of dimensions."""
        return self._aval.ndim

    ndimension = dim

    def numel(self):
        """The number of elements."""
        return self._aval.numel

    nelement = numel

    def element_size(self):
        """Bytes of one element."""
        return self._aval.dtype.itemsize

    @property
    def itemsize(self):
        """Bytes of one element."""
        return self._aval.dtype.itemsize

    @property
    def nbytes(self):
        """Bytes of all elements."""
        return self._aval.nbytes

    def size(self, dim=None):
        """The sizes, or the size of one dimension. Raises IndexError when `dim` is out of range."""
        shape = self._aval.size
        return shape if dim is None else tuple.__getitem__(shape, _wrap_dim(dim, len(shape)))

    def stride(self, dim=None):
        """The strides in elements, or that of one dimension."""
        strides = self._aval.strides if self._view is None else self._view.strides
        return strides if dim is None else strides[_wrap_dim(dim, len(strides))]

    def storage_offset(self):
        """The position of the first element in the storage, in elements."""
        return 0 if self._view is None else self._view.offset

    def is_contiguous(self, memory_format=None):
        """True when the elements lie in memory in row-major order (or in the order of
        `memory_format`).
        """
        wanted = None if memory_format is None else getattr(memory_format, "order", None)
        shape = self._aval.shape
        strides = self.stride()
        if self._aval.numel == 0 and wanted is None:
            return True
        dims = range(len(shape) - 1, -1, -1)
        if wanted is not None:
            if len(wanted) != len(shape):
                return False
            dims = wanted
        expected = 1
        for d in dims:
            if shape[d] != 1:
                if strides[d] != expected:
                    return False
                expected *= shape[d]
        return True

    def data_ptr(self):
        """A number that is equal for tensors that start at the same element of the same memory."""
        if self._aval.numel == 0:
            return 0
        return self._st.address + self.storage_offset() * self._aval.dtype.itemsize

    @property
    def _version(self):
        return self._vc[0]

    @property
    def layout(self):
        """`torch.strided` for dense tensors, else the name of the sparse layout."""
        return self._aval.layout

    # ---- autograd ----

    @property
    def requires_grad(self):
        """True when gradients are computed for the tensor. May be set on a leaf."""
        if self._view is not None:
            _fresh_edge(self)
        return self._rg

    @requires_grad.setter
    def requires_grad(self, wanted):
        self.requires_grad_(wanted)

    def requires_grad_(self, requires_grad=True):
        """Change whether gradients are wanted, in place. Raises RuntimeError on non-leaf and
        non-floating tensors.
        """
        if self.requires_grad is requires_grad:
            return self
        if not isinstance(requires_grad, (bool, np.bool_)):
            raise TypeError(
                "requires_grad_(): argument 'requires_grad' (position 1) must be bool, not "
                f"{type(requires_grad).__name__}"
            )
        if self._edge is not None:
            raise RuntimeError(
                "you can only change requires_grad flags of leaf variables."
                + (
                    ""
                    if requires_grad
                    else " If you want to use a computed variable in a subgraph that doesn't "
                    "require "
                    "differentiation use var_no_grad = var.detach()."
                )
            )
        if requires_grad and not self._aval.differentiable:
            raise RuntimeError(
                "only Tensors of floating point and complex dtype can require gradients"
            )
        self._rg = bool(requires_grad)
        return self

    @property
    def is_leaf(self):
        """True for tensors that no recorded operation made."""
        if self._view is not None:
            _fresh_edge(self)
        return self._edge is None

    @property
    def grad_fn(self):
        """The node of the autograd graph that made the tensor; None for leaves."""
        if self._view is not None:
            _fresh_edge(self)
        return None if self._edge is None else tape.shown(self._edge[0])

    @property
    def output_nr(self):
        """Which output of `grad_fn` the tensor is."""
        return 0 if self._edge is None else self._edge[1]

    @property
    def grad(self):
        """The accumulated gradient, or None."""
        meta = self._meta
        return None if meta is None else meta.grad

    @grad.setter
    def grad(self, value):
        if value is not None:
            _check_grad(self, value)
        self._autograd_meta().grad = value

    @grad.deleter
    def grad(self):
        self._autograd_meta().grad = None

    def _autograd_meta(self):
        meta = self._meta
        if meta is None:
            meta = self._meta = Meta()
        return meta

    def _gradient_edge(self):
        """The edge gradients for this tensor flow along."""
        if self._view is not None:
            _fresh_edge(self)
        return self._edge or tape.leaf_edge(self, self._autograd_meta())

    @property
    def retains_grad(self):
        """True when `.grad` will be kept though the tensor is no leaf."""
        return self._meta is not None and self._meta.keeps_grad

    def retain_grad(self):
        """Keep the gradient of a non-leaf tensor in `.grad`."""
        if not self.requires_grad:
            raise RuntimeError("can't retain_grad on Tensor that has requires_grad=False")
        if self._edge is None or self.retains_grad:
            return
        self._autograd_meta().keeps_grad = True
        node, nr = self._edge
        ref = weakref.ref(self)

        def keep(g):
            target = ref()
            if target is not None:
                old = target.grad
                target._autograd_meta().grad = g if old is None else old + g

        node.retained = node.retained or {}
        node.retained[nr] = keep

    def register_hook(self, hook):
        """Call `hook(grad)` when the tensor's gradient is computed; a tensor it returns replaces
        the gradient.
        """
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge is None:
            meta = self._autograd_meta()
            meta.hooks = {} if meta.hooks is None else meta.hooks
            return tape.HookHandle(meta.hooks, hook)
        node, nr = self._edge
        node.pre_hooks = {} if node.pre_hooks is None else node.pre_hooks
        return tape.HookHandle(node.pre_hooks, tape.TensorHook(nr, hook))

    def register_post_accumulate_grad_hook(self, hook):
        """Call `hook(tensor)` after a leaf's gradient was accumulated."""
        if not self.requires_grad:
            raise RuntimeError("cannot register a hook on a tensor that doesn't require gradient")
        if self._edge is not None:
            raise RuntimeError(
                "post accumulate grad hooks cannot be registered on non-leaf tensors"
            )
        meta = self._autograd_meta()
        meta.post_hooks = {} if meta.post_hooks is None else meta.post_hooks
        return tape.HookHandle(meta.post_hooks, hook)

    def _check_usable(self, op):
        """Raise in subclasses whose instances are no operands of the operation."""

    # ---- data ----

    def _array(self, reason="value"):
        """The contents as a NumPy or JAX array, computed now if pending."""
        array = trace.force(value_of(self), reason)
        if array is META:
            raise NotImplementedError("Cannot copy out of meta tensor; no data!")
        return array

    def _host(self, reason="value"):
        """The contents as a NumPy array that must not be written to."""
        return np.asarray(self._array(reason))

    @property
    def data(self):
        """A tensor that shares the memory but neither history nor version."""
        t = _share(self)
        t._vc = [0]
        return t

    @data.setter
    def data(self, other):
        if not isinstance(other, Tensor):
            raise TypeError(f"Variable data has to be a tensor, but got {type(other).__name__}")
        self._st, self._aval = other._st, other._aval
        self._view = None if other._view is None else _without_base(value_of(other), other._view)

    def detach(self):
        """A tensor that shares the memory and is cut from the graph."""
        return _share(self)

    def detach_(self):
        """Cut the tensor from the graph, in place."""
        if self._view is not None and self._view.base is not None:
            raise RuntimeError("Can't detach views in-place. Use detach() instead.")
        self._edge, self._rg = None, False
        return self

    def _is_view(self):
        return self._view is not None and self._view.base is not None

    @property
    def _base(self):
        return None if self._view is None else self._view.base

    def _set_data(self, other):
        """Replace the contents by those of `other`, of equal shape and dtype, outside autograd."""
        _replace(self, value_of(other))

    def _storage_numpy(self):
        """The whole storage, flat and in storage order, as a NumPy array that must not be written
        to.
        """
        st = self._st
        array = np.asarray(trace.force(st.value if st.alias is None else st.read(), "save"))
        if st.layout is not None:
            array = array.transpose(st.layout)
        return array.reshape(-1)


def _wrap_dim(dim, n):
    if not -n <= dim < max(n, 1) and not (n == 0 and dim in (-1, 0)):
        low, high = (-n, n - 1) if n else (-1, 0)
        raise IndexError(
            f"Dimension out of range (expected to be in range of [{low}, {high}], but got {dim})"
        )
    if n == 0:
        raise IndexError("dimension specified as 0 but tensor has no dimensions")
    return dim


def _check_grad(tensor, value):
    if not isinstance(value, Tensor):
        raise TypeError(
            "assigned grad expected to be a Tensor or None but got grad of type "
            f"{type(value).__name__}"
        )
    if value is tensor:
        raise RuntimeError("can't assign Variable as its own grad")
    if value._aval.shape != tensor._aval.shape:
        raise RuntimeError(
            f"attempting to assign a gradient of size '{list(value.shape)}' to a tensor of size "
            f"'{list(tensor.shape)}'. Please ensure that the gradient and the tensor are the same "
            "size"
        )
    if value._aval.dtype is not tensor._aval.dtype:
        raise RuntimeError(
            f"assigned grad has data of a different type: {value.dtype}, expected {tensor.dtype}"
        )


_new = object.__new__


def wrap(value, edge=None):
    """A new tensor with storage of its own."""
    st = _new(Storage)
    st.value = value
    st.aval = aval = value.aval
    st.version = st._address = 0
    st.alias = st.layout = None
    t = _new(Tensor)
    t._st = st
    t._view = None
    t._aval = aval
    t._edge = edge
    t._rg = edge is not None
    t._meta = None
    t._vc = [0]
    return t


wrap = compiled_form(wrap, python_wrap=wrap, Tensor=Tensor, Storage=Storage, Value=Value)


def wrap_strided(value, edge, strides):
    """A new tensor whose storage is dense but not row-major."""
    return set_strides(wrap(value, edge), strides)


def set_strides(t, strides):
    """Let the storage of a new tensor, which nobody shares yet, be dense in another order."""
    if strides != t._aval.strides:
        order = sorted(range(len(strides)), key=lambda d: (-strides[d], d))
        t._st.layout = tuple(order)
        t._view = View((), None, None, 0, None, strides, 0)
    return t


def from_array(array, device=devices.cpu):
    """A tensor over a NumPy or JAX array that nobody will write to."""
    return wrap(Value(make_aval(array.shape, dtypes.from_np(array.dtype), device), array))


def value_of(t):
    """The current Value of a tensor, replaying its view chain if the storage has changed."""
    view = t._view
    if view is None:
        v = t._st.value
        return v if v is not None else t._st.read()
    if not view.chain:
        v = t._st.value
        return v if v is not None else t._st.read()
    if view.seen != t._st.version or t._st.alias is not None:
        _refresh(t)
    return view.value


def _fresh_edge(t):
    view = t._view
    if view.chain and (view.seen != t._st.version or _base_moved(view)):
        _refresh(t)
    if not t._rg and view.base is not None and view.base._rg and t._aval.differentiable:
        # Made under no_grad, or before its base was told to require grad: a view without history,
        # yet no constant.
        t._rg = True


def _base_moved(view):
    return view.base is not None and view.base._edge is not view.base_edge


def _refresh(t):
    """Replay the chain of a view whose storage changed, on the tape when the base's history changed
    too.
    """
    view, st = t._view, t._st
    moved = _base_moved(view) and tape.mode is not None
    if st.alias is not None and not moved and st.alias.alive() and t._aval.dtype is st.aval.dtype:
        view.value = Value(
            t._aval, strided(st.alias.array, t._aval.shape, view.strides, view.offset).copy()
        )
        view.seen = st.version
        return
    value = st.value if st.value is not None else st.read()
    edge = view.base._gradient_edge() if moved and view.base._rg else None
    for op, attrs in view.chain:
        value, edge = _apply_link(op, attrs, value, edge)
    view.value, view.seen = value, st.version
    if moved:
        view.base_edge = view.base._edge
        t._edge, t._rg = edge, edge is not None


def _apply_link(op, attrs, value, edge):
    static, numbers, kinds = split_runtime(attrs)
    sig = op.operation.signature((static, value.aval, *kinds))
    operands = (value, *numbers)
    if edge is None or not sig.differentiable:
        return trace.record(sig, operands), None
    made, node = tape.record_differentiable(sig, operands, (edge, *[None] * len(numbers)))
    return made, (node, 0)


def _share(t):
    """A tensor on the same storage, without history."""
    value = value_of(t)
    if value.__class__ is SparseValue:
        # Only the indices and values are shared: in place, a sparse tensor gets others.
        return wrap(
            SparseValue(value.aval, value.indices, value.values, value.coalesced, value.kept)
        )
    s = _new(Tensor)
    s._st, s._aval, s._vc = t._st, t._aval, t._vc
    s._edge, s._rg, s._meta = None, False, None
    s._view = None if t._view is None else _without_base(value, t._view)
    return s


def _without_base(value, view):
    return View(
        view.chain, None, value if view.chain else None, view.seen, None, view.strides, view.offset
    )


def make_view(t, op, attrs, value, edge):
    """The tensor for a view operation on `t` that gave `value`."""
    view = t._view
    s = _new(Tensor)
    s._st, s._vc, s._aval = t._st, t._vc, value.aval
    s._edge, s._rg, s._meta = edge, edge is not None, None
    if view is None:
        chain, base, strides, offset = ((op, attrs),), t, t._aval.strides, 0
    else:
        chain, base = (*view.chain, (op, attrs)), t if view.base is None else view.base
        strides, offset = view.strides, view.offset
    if edge is not None and view is not None:
        _inherit_refusal(s, t, base)
    geometry = op.geometry(t._aval.shape, strides, offset, attrs, value.aval)
    s._view = View(chain, base, value, t._st.version, base._edge, *geometry)
    return s


MADE_WITHOUT_GRAD = (
    "A view was created in no_grad mode and is being modified inplace with grad mode enabled. "
    "Given that this use case is "
    "ambiguous and error-prone, it is forbidden. You can clarify your code by moving both the view "
    "and the inplace either both "
    "inside the no_grad block (if you don't want the inplace to be tracked) or both outside (if "
    "you want the inplace to be "
    "tracked)."
)


def _inherit_refusal(s, t, base):
    """A view of a view that may not be written to in place may not be either."""
    reason = t._meta.refusal if t._meta is not None else None
    if reason is None and t._edge is None and base._edge is not None:
        reason = MADE_WITHOUT_GRAD
    if reason is not None:
        s._meta = Meta()
        s._meta.refusal = reason


def make_storage_view(t, other):
    """Turn `t` into what `other` is: the same storage, view and history."""
    t._st, t._view, t._aval = other._st, other._view, other._aval
    t._edge, t._rg = other._edge, other._rg
    if other._view is not None and other._view.base is t:
        # A view of itself would be a cycle; what `t` was becomes the base.
        t._view = _without_base(other._view.value, other._view)
    t._vc[0] += 1


def _replace(t, value, edge=None):
    """Make `value` the contents of `t`, and of everything that shares its memory; `edge` is where
    it came from.
    """
    view, st = t._view, t._st
    t._vc[0] += 1
    if view is None or not view.chain:
        st.put(value)
        if edge is not None:
            t._edge, t._rg = edge, True
        elif tape.mode.enabled and t._edge is not None:
            t._edge, t._rg = None, False
        return
    base = view.base
    differentiable = (
        tape.mode.enabled and base is not None and (edge is not None or base._edge is not None)
    )
    _put_through(t, view, st, value, edge, differentiable)
    view.value, view.seen = value, st.version
    if differentiable:
        view.base_edge = base._edge
        t._edge, t._rg = edge, edge is not None


def _put_through(t, view, st, value, edge, differentiable):
    base_value = st.value if st.value is not None else st.read()
    base_edge = view.base._edge if differentiable else None
    stages = [(base_value, base_edge)]
    chain = _writable_chain(t, view, st)
    for op, attrs in chain[:-1]:
        stages.append(_apply_link(op, attrs, *stages[-1]))
    for (op, attrs), (into, into_edge) in zip(reversed(chain), reversed(stages)):
        static, numbers, kinds = split_runtime(attrs)
        sig = op.put.signature((static, into.aval, value.aval, *kinds))
        operands = (into, value, *numbers)
        if differentiable and sig.differentiable and (into_edge is not None or edge is not None):
            edges = (into_edge, edge, *[None] * len(numbers))
            value, node = tape.record_differentiable(
                sig, operands, edges, label="torch::autograd::CopySlices"
            )
            edge = (node, 0)
        else:
            value, edge = trace.record(sig, operands), None
    st.put(value)
    if differentiable:
        view.base._edge, view.base._rg = edge, edge is not None


# The view operation that goes by strides alone: (sizes, strides, offset). Set by the layer that
# declares it.
by_strides = None


def _writable_chain(t, view, st):
    """The chain to write through: one step by strides where a step of the view's own chain cannot
    be undone.
    """
    for op, _ in view.chain:
        if op.put is None:
            if st.layout is not None or t._aval.dtype is not st.aval.dtype:
                raise RuntimeError("an expanded tensor can not be written to")
            return ((by_strides, (t._aval.shape, view.strides, view.offset)),)
    return view.chain


def swap(a, b):
    """Let each of two tensors be what the other was: contents, history, class and attributes.

    Raises RuntimeError when a tensor is what a node of the graph accumulates gradients into.
    """
    for t in (a, b):
        if t._meta is not None and t._meta.accumulate is not None:
            raise RuntimeError(
                "Trying to swap a tensor whose AccumulateGrad node is part of a graph; this would "
                "break its gradient"
            )
    for name in ("_st", "_view", "_aval", "_edge", "_rg", "_meta", "_vc", "__dict__", "__class__"):
        mine, theirs = getattr(a, name), getattr(b, name)
        setattr(a, name, theirs)
        setattr(b, name, mine)


def copied_storage(t, storage):
    """What `t` is of its own storage, of another storage with the same layout; without history."""
    s = _share(t)
    s._st = storage
    s._vc = [0]
    if s._view is not None:
        s._view.seen = storage.version if s._view.value is not None and storage.version == 0 else -1
    return s


def to_numpy(t):
    """A NumPy array sharing the tensor's memory: writes are seen on both sides while both live."""
    st = t._st
    if st.alias is None or not st.alias.alive():
        _lend(st)
    array = st.alias.hand_out()
    if t._view is None:
        return array
    if array.dtype != t._aval.dtype.np:
        # A view that reads the memory as another type: strides and offset count in that type.
        memory = np.lib.stride_tricks.as_strided(array, (array.size,), (array.itemsize,))
        array = memory.view(t._aval.dtype.np)
    return strided(array, t._aval.shape, t._view.strides, t._view.offset)


def _lend(st):
    value = st.value if st.alias is None else st.read()
    source = np.asarray(trace.force(value, "numpy"))
    perm = st.layout
    flat = np.array(source if perm is None else source.transpose(perm), order="C", copy=True)
    st.alias = Alias(
        flat if perm is None else flat.transpose(np.argsort(perm)), trace.force, lent=False
    )
    st.value = None


def from_numpy(array):
    """A tensor sharing the memory of a NumPy array."""
    dtype = dtypes.from_np(array.dtype)
    if any(s < 0 for s in array.strides):
        raise ValueError(
            "At least one stride in the given numpy array is negative, and tensors with negative "
            "strides are not "
            "currently supported. (You can probably work around this by making a copy of your "
            "array with array.copy().)"
        )
    t = wrap(Value(make_aval(array.shape, dtype, devices.cpu), array))
    st = t._st
    st.alias, st.value = Alias(array, trace.force, lent=True), None
    strides = tuple(s // array.itemsize for s in array.strides)
    if array.size and not array.flags.c_contiguous:
        order = sorted(range(len(strides)), key=lambda d: (-strides[d], d))
        st.layout = tuple(order)
        t._view = View((), None, None, 0, None, strides, 0)
    return t


def storage_from_numpy(flat, device=devices.cpu):
    """A storage with the contents of a flat NumPy array, which nobody else may write to."""
    return Storage(Value(make_aval(flat.shape, dtypes.from_np(flat.dtype), device), flat))
