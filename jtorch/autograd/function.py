"""`autograd.Function`: operations with gradients of the user's own."""

import functools

from .._engine import tape
from .._engine.call import cast
from .._engine.tensor import Tensor, _replace, value_of, wrap
from .grad_mode import no_grad


class FunctionCtx:
    """What a Function's forward and backward share."""

    def save_for_backward(self, *tensors):
        """Keep tensors for backward, where `saved_tensors` has them."""
        self.to_save = tensors

    def save_for_forward(self, *tensors):
        """Keep tensors for `jvp`."""
        self.saved_for_forward = tensors

    def mark_dirty(self, *tensors):
        """Declare inputs that forward modified in place."""
        self.dirty_tensors = tensors

    def mark_non_differentiable(self, *tensors):
        """Declare outputs that have no gradient."""
        self.non_differentiable = tensors

    def set_materialize_grads(self, value):
        """Whether missing gradients reach backward as zeros (the default) or None."""
        self.materialize_grads = value


class BackwardNode(tape.Node, FunctionCtx):
    """The node of a Function in the graph: the `ctx` that forward and backward receive."""

    _forward_cls = None

    def __init__(self):
        tape.Node.__init__(self, ())
        self.to_save = ()
        self.dirty_tensors = ()
        self.non_differentiable = ()
        self.materialize_grads = True
        self.needs_input_grad = ()
        self._saved = ()
        self._freed = False
        self._outs = self._differentiable = ()

    @property
    def outs(self):
        """The avals of the outputs; None for those that are no tensors."""
        return self._outs

    @property
    def n_outs(self):
        """How many results forward returned."""
        return len(self._outs)

    @property
    def saved_tensors(self):
        """What forward saved. Raises RuntimeError when it was freed, or modified in place since."""
        if self._freed:
            raise RuntimeError(tape.SECOND_BACKWARD)
        for t, cell, version, _ in self._saved:
            if t is not None and cell[0] != version:
                raise RuntimeError(
                    "one of the variables needed for gradient computation has been modified by an "
                    "inplace operation: "
                    f"[{t.type()} {list(t.shape)}], is at version {cell[0]}; expected version "
                    f"{version} instead. Hint: "
                    "enable anomaly detection to find the operation that failed to compute its "
                    "gradient, with "
                    "torch.autograd.set_detect_anomaly(True)."
                )
        return tuple(self._unpacked(t, nr) for t, _, _, nr in self._saved)

    saved_variables = saved_tensors

    def keep_saved(self, outputs):
        """Freeze what forward saved; an output among it is kept without its edge, which would be a
        cycle.
        """
        self._saved = tuple([self._frozen(t, outputs) for t in self.to_save])
        self.to_save = ()

    def _frozen(self, t, outputs):
        if t is None:
            return None, None, 0, None
        nr = next((i for i, o in enumerate(outputs) if o is t), None)
        return t if nr is None else t.detach(), t._vc, t._vc[0], nr

    def _unpacked(self, t, nr):
        if nr is None or not self._differentiable[nr]:
            return t
        output = t.detach()
        output._edge, output._rg = (self, nr), True
        return output

    def free(self):
        """Let go of what was saved."""
        if self._saved:
            self._saved, self._freed = (), True

    def run_tensors(self, grads, create_graph):
        """The gradients of the inputs, by the user's backward."""
        if self.materialize_grads:
            grads = [
                wrap(tape.zeros(o)) if g is None and o is not None else g
                for g, o in zip(grads, self._outs)
            ]
        fn = (
            self._forward_cls.vjp
            if self._forward_cls.vjp is not Function.vjp
            else self._forward_cls.backward
        )
        result = fn(self, *grads)
        result = result if isinstance(result, tuple) else (result,)
        result = self._trimmed(result)
        return [self._fitted(i, g, e) for i, (g, e) in enumerate(zip(result, self.edges))]

    def _fitted(self, i, g, edge):
        """A gradient in the shape and dtype of the input it is for; broadcast dimensions are
        summed.
        """
        if g is None or edge is None:
            return None
        aval = edge[0].outs[edge[1]]
        if g.shape != aval.shape:
            if not _expandable(aval.shape, g._aval.shape):
                raise RuntimeError(
                    f"Function {self._forward_cls.__name__}Backward returned an invalid gradient "
                    f"at index {i} - got "
                    f"{list(g.shape)} but expected shape compatible with {list(aval.shape)}"
                )
            g = g.sum_to_size(aval.shape)
        return cast(g, aval.dtype)

    def _trimmed(self, result):
        n = len(self.edges)
        name = self._forward_cls.__name__
        if len(result) > n and all(g is None for g in result[n:]):
            result = result[:n]
        if len(result) != n:
            raise RuntimeError(
                f"function {name}Backward returned an incorrect number of gradients (expected {n}, "
                f"got {len(result)})"
            )
        for i, g in enumerate(result):
            if g is not None and not isinstance(g, Tensor):
                raise TypeError(
                    f"function {name}Backward: gradient {i} must be a Tensor or None, not "
                    f"{type(g).__name__}"
                )
        return result


def _expandable(own, target):
    return len(own) <= len(target) and all(a in (1, b) for a, b in zip(own[::-1], target[::-1]))


class _FunctionMeta(type):
    """Gives every Function its own class of backward node."""

    def __init__(cls, name, bases, members):
        super().__init__(name, bases, members)
        cls._backward_cls = type(name + "Backward", (BackwardNode,), {"_forward_cls": cls})


class Function(metaclass=_FunctionMeta):
    """Base of custom operations: define static `forward` and `backward`, call `apply`.

    Both styles are supported: `forward(ctx, *args)`, and `forward(*args)` with `setup_context(ctx,
    inputs, output)`.
    """

    generate_vmap_rule = False

    @staticmethod
    def forward(*args, **kwargs):
        """The computation, on tensors that record nothing."""
        raise NotImplementedError(
            "You must implement the forward function for custom autograd.Function."
        )

    @staticmethod
    def setup_context(ctx, inputs, output):
        """Save what backward needs, when forward takes no ctx."""
        raise NotImplementedError("setup_context is not implemented.")

    @staticmethod
    def backward(ctx, *grad_outputs):
        """The gradients of forward's inputs, None for those that have none."""
        raise NotImplementedError(
            "You must implement either the backward or vjp method for your custom "
            "autograd.Function to use it with backward "
            "mode AD."
        )

    vjp = backward

    @staticmethod
    def jvp(ctx, *grad_inputs):
        """The tangent of the outputs."""
        raise NotImplementedError(
            "You must implement the jvp function for custom autograd.Function to use it with "
            "forward mode AD."
        )

    @classmethod
    def apply(cls, *args, **kwargs):
        """Run forward and put the function on the tape."""
        ctx = cls._backward_cls()
        inputs = args
        ctx.needs_input_grad = tuple(isinstance(a, Tensor) and a.requires_grad for a in inputs)
        versions = [a._vc[0] if isinstance(a, Tensor) else None for a in inputs]
        with no_grad():
            if cls.setup_context is not Function.setup_context:
                output = cls.forward(*args, **kwargs)
                cls.setup_context(ctx, args, output)
            else:
                output = cls.forward(ctx, *args, **kwargs)
        if not (tape.mode.enabled and any(ctx.needs_input_grad)):
            return output
        ctx.edges = tuple(
            a._gradient_edge() if need else None for a, need in zip(inputs, ctx.needs_input_grad)
        )
        ctx.seq = next(tape._sequence)
        return _attach(ctx, inputs, versions, output)


def _attach(ctx, inputs, versions, output):
    """Make what forward returned the outputs of the node; what is no tensor gets no gradient."""
    single = not isinstance(output, (tuple, list))
    given = (output,) if single else tuple(output)
    outputs = [_output(ctx, inputs, o) if isinstance(o, Tensor) else o for o in given]
    ctx._outs = tuple(o._aval if isinstance(o, Tensor) else None for o in outputs)
    ctx._differentiable = tuple(_is_differentiable(ctx, o) for o in outputs)
    ctx.keep_saved(given)
    for nr, o in enumerate(outputs):
        if not ctx._differentiable[nr]:
            continue
        if any(o is d for d in ctx.dirty_tensors):
            # Written in place: what it is a view of has the node in its history too.
            _replace(o, value_of(o), (ctx, nr))
        else:
            o._edge, o._rg = (ctx, nr), True
    return (
        outputs[0]
        if single
        else type(output)(outputs)
        if not hasattr(output, "_fields")
        else type(output)(*outputs)
    )


def _is_differentiable(ctx, o):
    if not isinstance(o, Tensor) or not o._aval.differentiable:
        return False
    return not any(o is n or o._st is n._st for n in ctx.non_differentiable)


def _output(ctx, inputs, o):
    if any(o is d for d in ctx.dirty_tensors):
        if o.requires_grad and o.is_leaf:
            raise RuntimeError(
                "a leaf Variable that requires grad has been used in an in-place operation."
            )
        return o
    if any(o is a for a in inputs):
        # An input returned as it is becomes a new tensor on the same memory.
        return o.detach()
    return o if o._edge is None and o._meta is None else wrap(value_of(o))


def once_differentiable(fn):
    """Declare a backward that cannot itself be differentiated."""

    @functools.wraps(fn)
    def wrapper(ctx, *args):
        with no_grad():
            outputs = fn(ctx, *args)
        if not tape.mode.enabled or not any(
            isinstance(a, Tensor) and a.requires_grad for a in args
        ):
            return outputs
        return _refuse_second(outputs)

    return wrapper


class _Refusal(tape.Node):
    """A node whose backward is an error."""

    n_outs = 1

    def __init__(self, aval):
        super().__init__(())
        self.outs = (aval,)

    def free(self):
        """Nothing is saved."""

    def run_tensors(self, grads, create_graph):
        """Refuse."""
        raise RuntimeError(
            "trying to differentiate twice a function that was marked with @once_differentiable"
        )


def _refuse_second(outputs):
    single = not isinstance(outputs, tuple)
    refused = []
    for o in (outputs,) if single else outputs:
        if isinstance(o, Tensor):
            o = o.detach()
            o._edge, o._rg = (_Refusal(o._aval), 0), True
        refused.append(o)
    return refused[0] if single else tuple(refused)


InplaceFunction = Function
__all__ = ["Function", "FunctionCtx", "InplaceFunction", "once_differentiable"]
