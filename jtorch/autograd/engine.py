"""`backward` and `grad`."""

from .._engine import tape
from .._engine.call import cast
from .._engine.layouts import strided_layout
from .._engine.storage import is_dense
from .._engine.tensor import Tensor, _replace, value_of, wrap, wrap_strided


def _unwrap(tensor):
    return value_of(tensor), (tensor._edge or (tensor._gradient_edge() if tensor._rg else None))


def _accumulate(variable, gradient):
    """Add a gradient to a leaf's `.grad`, after its hooks."""
    meta = variable._meta or variable._autograd_meta()
    if meta.hooks:
        gradient = _hooked(meta, gradient)
    old = meta.grad
    if old is None:
        gradient = gradient if tape.mode.enabled or not gradient._rg else gradient.detach()
        meta.grad = gradient if variable._view is None else _laid_out_like(variable, gradient)
    elif tape.mode.enabled or old._aval.layout is not gradient._aval.layout:
        # A dense and a sparse gradient add up to a dense one, in this order only.
        dense_first = gradient._aval.layout is strided_layout
        meta.grad = gradient + old if dense_first else old + gradient
    else:
        _replace(old, value_of(old + gradient))
    if meta.post_hooks:
        for hook in list(meta.post_hooks.values()):
            hook(variable)


def _hooked(meta, gradient):
    """A leaf's gradient after the hooks on the leaf."""
    for hook in list(meta.hooks.values()):
        changed = hook(gradient)
        if changed is not None:
            tape.check_replacement(hook, gradient, changed)
            gradient = changed
    return gradient


def _laid_out_like(variable, gradient):
    """The first gradient of a dense leaf that is not row-major lies in memory as the leaf."""
    strides = variable.stride()
    if gradient.layout is not strided_layout:
        return gradient
    if gradient.stride() == strides or not is_dense(variable.shape, strides):
        return gradient
    return wrap_strided(value_of(gradient), gradient._edge, strides)


def _as_tuple(value):
    if value is None:
        return None
    return (value,) if isinstance(value, Tensor) else tuple(value)


def _start_gradients(outputs, gradients):
    if gradients is None:
        gradients = (None,) * len(outputs)
    if len(gradients) < len(outputs):
        raise RuntimeError(f"got {len(outputs)} tensors and {len(gradients)} gradients")
    return [_start_gradient(o, g) for o, g in zip(outputs, gradients)]


def _start_gradient(output, gradient):
    if gradient is None:
        aval = output._aval
        if output.requires_grad and (aval.numel != 1 or not aval.dtype.is_floating_point):
            if aval.numel != 1:
                raise RuntimeError("grad can be implicitly created only for scalar outputs")
            raise RuntimeError(
                f"grad can be implicitly created only for real scalar outputs but got {aval.dtype}"
            )
        return wrap(tape.ones(aval))
    if not isinstance(gradient, Tensor):
        raise TypeError(
            f"gradients can be either Tensors or None, but got {type(gradient).__name__}"
        )
    if gradient.shape != output.shape:
        raise RuntimeError(
            f"Mismatch in shape: grad_output[0] has a shape of {gradient.shape} and output[0] has "
            f"a shape of {output.shape}."
        )
    if gradient.dtype.is_complex != output.dtype.is_complex:
        raise RuntimeError(
            "For complex Tensors, both grad_output and output are required to have the same dtype. "
            "Mismatch in dtype: "
            f"grad_output[0] has a dtype of {gradient.dtype} and output[0] has a dtype of "
            f"{output.dtype}."
        )
    if gradient.layout is not output.layout and output.layout is strided_layout:
        gradient = gradient.to_dense()
    return gradient if gradient.dtype is output.dtype else cast(gradient, output.dtype)


def _roots(outputs):
    for o in outputs:
        if not o.requires_grad:
            raise RuntimeError(
                "element 0 of tensors does not require grad and does not have a grad_fn"
            )
    return [o._gradient_edge() for o in outputs]


def _walk(roots, starts, keep_graph, create_graph, targets=None, accumulate=None):
    with tape.recording(create_graph):
        return tape.walk_back(
            roots,
            starts,
            wrap=wrap,
            unwrap=_unwrap,
            keep_graph=keep_graph,
            create_graph=create_graph,
            targets=targets,
            accumulate=accumulate,
        )


def backward(
    tensors,
    grad_tensors=None,
    retain_graph=None,
    create_graph=False,
    grad_variables=None,
    inputs=None,
):
    """Accumulate the gradients of `tensors` into the leaves they came from (or into `inputs` only).

    Raises RuntimeError for non-scalar outputs without a gradient, tensors that do not require grad,
    and graphs whose
    saved values were freed by an earlier backward.
    """
    outputs = _as_tuple(tensors)
    if inputs is not None and len(_as_tuple(inputs)) == 0:
        raise RuntimeError("'inputs' argument to backward() cannot be empty.")
    starts = _start_gradients(
        outputs, _as_tuple(grad_tensors if grad_tensors is not None else grad_variables)
    )
    roots = _roots(outputs)
    keep = create_graph if retain_graph is None else retain_graph
    if inputs is None:
        _walk(roots, starts, keep, create_graph, accumulate=_accumulate)
        return
    inputs = _as_tuple(inputs)
    targets = [_target(t) for t in inputs]
    found = _walk(roots, starts, keep, create_graph, targets=targets)
    with tape.recording(create_graph):
        for t, g in zip(inputs, found):
            if g is not None:
                _accumulate(t, g)


def _target(t):
    if not isinstance(t, Tensor):
        return (t.node, t.output_nr)
    if not t.requires_grad:
        raise RuntimeError("One of the differentiated Tensors does not require grad")
    return t._gradient_edge()


def grad(
    outputs,
    inputs,
    grad_outputs=None,
    retain_graph=None,
    create_graph=False,
    allow_unused=None,
    is_grads_batched=False,
    materialize_grads=False,
    only_inputs=True,
):
    """The gradients of `outputs` with respect to `inputs`, without touching any `.grad`.

    Raises RuntimeError when an input did not take part, unless `allow_unused` or
    `materialize_grads`.
    """
    if is_grads_batched:
        raise NotImplementedError(
            "torch.autograd.grad: is_grads_batched=True is not supported by jtorch; call grad for "
            "each row of grad_outputs"
        )
    if allow_unused is False and materialize_grads:
        raise ValueError(
            "Expected allow_unused to be True or not passed when materialize_grads=True, but got: "
            "allow_unused=False."
        )
    outputs, inputs = _as_tuple(outputs), _as_tuple(inputs)
    if not inputs:
        raise RuntimeError("`inputs` argument to `grad()` cannot be empty.")
    starts = _start_gradients(outputs, _as_tuple(grad_outputs))
    roots = _roots(outputs)
    targets = [_target(t) for t in inputs]
    keep = create_graph if retain_graph is None else retain_graph
    found = _walk(roots, starts, keep, create_graph, targets=targets)
    if materialize_grads:
        found = [wrap(tape.zeros(t._aval)) if g is None else g for t, g in zip(inputs, found)]
    elif not allow_unused and any(g is None for g in found):
        unused = [g is None for g in found].index(True)
        raise RuntimeError(
            f"The differentiated Tensor at index {unused} appears to not have been used in the "
            "graph. Set allow_unused=True "
            "if this is the desired behavior."
        )
    return tuple(_after_hooks(t, g) for t, g in zip(inputs, found))


def _after_hooks(t, g):
    """A leaf's hooks act on captured gradients too."""
    meta = t._meta if isinstance(t, Tensor) else None
    if g is None or meta is None or not meta.hooks or t._edge is not None:
        return g
    return _hooked(meta, g)


def tensor_backward(self, gradient=None, retain_graph=None, create_graph=False, inputs=None):
    """Accumulate this tensor's gradient into the leaves it came from."""
    backward(self, gradient, retain_graph, create_graph, inputs=inputs)


Tensor.backward = tensor_backward
