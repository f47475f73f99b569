"""Hooks of modules: their registration, the call that runs them, and hooks for all modules."""

import warnings
import weakref
from collections import OrderedDict

from ..._engine.tensor import Tensor
from ...autograd import Function
from ...autograd.grad_mode import is_grad_enabled
from ._removable import RemovableHandle

_global_backward_pre_hooks = OrderedDict()
_global_backward_hooks = OrderedDict()
_global_forward_pre_hooks = OrderedDict()
_global_forward_hooks = OrderedDict()
_global_forward_hooks_always_called = OrderedDict()
_global_forward_hooks_with_kwargs = OrderedDict()
_global_buffer_registration_hooks = OrderedDict()
_global_module_registration_hooks = OrderedDict()
_global_parameter_registration_hooks = OrderedDict()

# None until a global backward hook exists, then whether those hooks are full ones
_global_kind = [None]

_MIXED_GLOBAL = (
    "Cannot use both regular backward hooks and full backward hooks as a global Module hook. "
    "Please use only one of them."
)
_MIXED = (
    "Cannot use both regular backward hooks and full backward hooks on a single Module. "
    "Please use only one of them."
)


def _has_any_global_hook():
    return bool(
        _global_forward_hooks
        or _global_forward_pre_hooks
        or _global_backward_hooks
        or _global_backward_pre_hooks
    )


def _add(hooks, hook, *extra, prepend=False):
    """Put `hook` into `hooks`; `extra` dicts mark the hook's id (kwargs, always called)."""
    handle = RemovableHandle(hooks, extra_dict=list(extra) or None)
    hooks[handle.id] = hook
    for marks in extra:
        marks[handle.id] = True
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


# --------------------------------------------------------------- hooks for every module
def register_module_buffer_registration_hook(hook):
    """Call `hook(module, name, buffer)` at every `register_buffer`; it may replace the buffer."""
    return _add(_global_buffer_registration_hooks, hook)


def register_module_module_registration_hook(hook):
    """Call `hook(module, name, submodule)` at every `register_module`."""
    return _add(_global_module_registration_hooks, hook)


def register_module_parameter_registration_hook(hook):
    """Call `hook(module, name, param)` at every `register_parameter`."""
    return _add(_global_parameter_registration_hooks, hook)


def register_module_forward_pre_hook(hook):
    """Call `hook(module, args)` before the forward of every module."""
    return _add(_global_forward_pre_hooks, hook)


def register_module_forward_hook(hook, *, with_kwargs=False, always_call=False):
    """Call `hook(module, args, output)` after the forward of every module."""
    extra = []
    if with_kwargs:
        extra.append(_global_forward_hooks_with_kwargs)
    if always_call:
        extra.append(_global_forward_hooks_always_called)
    return _add(_global_forward_hooks, hook, *extra)


def register_module_backward_hook(hook):
    """Old-style backward hook for every module; see `register_module_full_backward_hook`."""
    if _global_kind[0] is True:
        raise RuntimeError(_MIXED_GLOBAL)
    _global_kind[0] = False
    return _add(_global_backward_hooks, hook)


def register_module_full_backward_pre_hook(hook):
    """Call `hook(module, grad_output)` before the gradients of every module are computed."""
    return _add(_global_backward_pre_hooks, hook)


def register_module_full_backward_hook(hook):
    """Call `hook(module, grad_input, grad_output)` after those of every module are computed."""
    if _global_kind[0] is False:
        raise RuntimeError(_MIXED_GLOBAL)
    _global_kind[0] = True
    return _add(_global_backward_hooks, hook)


# ------------------------------------------------------------------- full backward hooks
class _Boundary:
    """What the two identity nodes around a module's forward share during its backward."""

    def __init__(self, module, hooks, pre_hooks):
        self.module = module
        self.hooks = hooks
        self.pre_hooks = pre_hooks
        self.grad_outputs = None
        self.input_slots = None
        self.n_inputs = 0
        self.output_slots = None
        self.n_outputs = 0

    def wrap_inputs(self, args):
        """Route the tensors among `args` through a node that sees their gradients."""
        self.n_inputs = len(args)
        slots = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        tensors = [args[i] for i in slots]
        if not (is_grad_enabled() and any(t.requires_grad for t in tensors)):
            return args
        self.input_slots = slots
        return _replace(args, slots, BackwardHookFunction.apply(self.on_grad_inputs, *tensors))

    def wrap_outputs(self, result):
        """Route the output tensors through a node that sees the gradients flowing in."""
        if isinstance(result, Tensor):
            args = (result,)
        elif isinstance(result, tuple):
            args = result
        else:
            warnings.warn(
                "For backward hooks to be called, module output should be a Tensor or a tuple of "
                f"Tensors but received {type(result)}",
                stacklevel=4,
            )
            return result
        self.n_outputs = len(args)
        self.output_slots = [i for i, a in enumerate(args) if isinstance(a, Tensor)]
        tensors = [args[i] for i in self.output_slots]
        if not (is_grad_enabled() and any(t.requires_grad for t in tensors)):
            return result
        wrapped = BackwardHookFunction.apply(self.on_grad_outputs, *tensors)
        new = _replace(args, self.output_slots, wrapped)
        if isinstance(result, Tensor):
            return new[0]
        return new if type(result) is tuple else type(result)(*new)

    def on_grad_outputs(self, grads):
        """Run the pre hooks; where no input has a gradient, the hooks as well."""
        packed = _pack(self.output_slots, grads, self.n_outputs)
        for hook in self.pre_hooks:
            new = hook(self.module, packed)
            if new is not None:
                packed = _same_length(new, packed, "grad_output")
        self.grad_outputs = packed
        if self.input_slots is None:
            self._run_without_inputs()
        return tuple(packed[i] for i in self.output_slots)

    def _run_without_inputs(self):
        if self.hooks:
            warnings.warn(
                "Full backward hook is firing when gradients are computed with respect to module "
                "outputs since no inputs require gradients. See "
                "https://docs.pytorch.org/docs/main/generated/torch.nn.Module.html"
                "#torch.nn.Module.register_full_backward_hook for more details.",
                stacklevel=5,
            )
        empty = (None,) * self.n_inputs
        for hook in self.hooks:
            new = hook(self.module, empty, self.grad_outputs)
            if new is not None and any(g is not None for g in new):
                raise RuntimeError(
                    "Backward hook for Modules where no input requires gradient should always "
                    "return None or None for all gradients."
                )
        self.grad_outputs = None

    def on_grad_inputs(self, grads):
        """Run the hooks with the gradients on both sides of the module."""
        if self.grad_outputs is None:
            # the output node was not reached: a hook has nothing to report
            return grads
        packed = _pack(self.input_slots, grads, self.n_inputs)
        for hook in self.hooks:
            new = hook(self.module, packed, self.grad_outputs)
            if new is not None:
                packed = _same_length(new, packed, "grad_input")
        self.grad_outputs = None
        return tuple(packed[i] for i in self.input_slots)


def _replace(args, slots, tensors):
    new = list(args)
    for i, t in zip(slots, tensors, strict=True):
        new[i] = t
    return tuple(new)


def _pack(slots, grads, size):
    packed = [None] * size
    for i, g in zip(slots, grads, strict=True):
        packed[i] = g
    return tuple(packed)


def _same_length(new, old, what):
    new = new if isinstance(new, tuple) else (new,)
    if len(new) != len(old):
        raise RuntimeError(
            f"Backward hook returned an invalid number of {what}, got {len(new)}, "
            f"but expected {len(old)}"
        )
    return new


class BackwardHookFunction(Function):
    """Identity on tensors; in the backward pass a callable sees and may change the gradients."""

    @staticmethod
    def forward(ctx, on_grads, *tensors):
        ctx.set_materialize_grads(False)
        ctx.on_grads = on_grads
        ctx.mark_non_differentiable(*[t for t in tensors if not t.requires_grad])
        return tensors

    @staticmethod
    def backward(ctx, *grads):
        return (None, *ctx.on_grads(grads))


class _WrappedHook:
    """A hook that remembers its module weakly, and survives pickling and copying."""

    def __init__(self, hook, module=None):
        self.hook = hook
        self.with_module = module is not None
        self.module = weakref.ref(module) if self.with_module else None

    def __call__(self, *args, **kwargs):
        if not self.with_module:
            return self.hook(*args, **kwargs)
        module = self.module()
        if module is None:
            raise RuntimeError("You are trying to call the hook of a dead Module!")
        return self.hook(module, *args, **kwargs)

    def __getstate__(self):
        state = {"hook": self.hook, "with_module": self.with_module}
        if self.with_module:
            state["module"] = self.module()
        return state

    def __setstate__(self, state):
        self.hook = state["hook"]
        self.with_module = state["with_module"]
        self.module = None
        if self.with_module:
            if state["module"] is None:
                raise RuntimeError("You are trying to revive the hook of a dead Module!")
            self.module = weakref.ref(state["module"])


# ----------------------------------------------------------------------- the hooked call
def call_with_hooks(module, args, kwargs):
    """`module.forward` with every hook that applies to it."""
    done = set()
    state = [None]
    try:
        return _call(module, args, kwargs, done, state)
    except Exception:
        _always_called(module, args, kwargs, done, state[0])
        raise


def _call(module, args, kwargs, done, state):
    args, kwargs = _run_pre_hooks(module, args, kwargs)
    full, regular, pre = _backward_hooks_of(module)
    boundary = None
    if full or pre:
        boundary = _Boundary(module, full, pre)
        args = boundary.wrap_inputs(args)
    result = module.forward(*args, **kwargs)
    state[0] = result
    for hook_id, hook, with_kwargs, _always in _forward_hooks_of(module):
        done.add(hook_id)
        new = hook(module, args, kwargs, result) if with_kwargs else hook(module, args, result)
        if new is not None:
            result = state[0] = new
    if boundary is not None:
        result = boundary.wrap_outputs(result)
    if regular:
        _attach_regular(module, regular, args, result)
    return result


def _run_pre_hooks(module, args, kwargs):
    for hook in tuple(_global_forward_pre_hooks.values()):
        args = _new_args(hook(module, args), args)
    for hook_id, hook in tuple(module._forward_pre_hooks.items()):
        if hook_id not in module._forward_pre_hooks_with_kwargs:
            args = _new_args(hook(module, args), args)
            continue
        new = hook(module, args, kwargs)
        if new is None:
            continue
        if not (isinstance(new, tuple) and len(new) == 2):
            raise RuntimeError(
                "forward pre-hook must return None or a tuple "
                f"of (new_args, new_kwargs), but got {new}."
            )
        args, kwargs = new
    return args, kwargs


def _new_args(new, args):
    if new is None:
        return args
    return new if isinstance(new, tuple) else (new,)


def _backward_hooks_of(module):
    """(full hooks, regular hooks, pre hooks), the global ones first."""
    full = []
    regular = []
    if _global_kind[0] is not None:
        (full if _global_kind[0] else regular).extend(_global_backward_hooks.values())
    if module._is_full_backward_hook is not None:
        kind = full if module._is_full_backward_hook else regular
        kind.extend(module._backward_hooks.values())
    pre = [*_global_backward_pre_hooks.values(), *module._backward_pre_hooks.values()]
    return full, regular, pre


def _forward_hooks_of(module):
    """(id, hook, takes kwargs, always called) in the order of their calls."""
    found = []
    for hook_id, hook in _global_forward_hooks.items():
        with_kwargs = hook_id in _global_forward_hooks_with_kwargs
        always = hook_id in _global_forward_hooks_always_called
        found.append((hook_id, hook, with_kwargs, always))
    for hook_id, hook in module._forward_hooks.items():
        with_kwargs = hook_id in module._forward_hooks_with_kwargs
        always = hook_id in module._forward_hooks_always_called
        found.append((hook_id, hook, with_kwargs, always))
    return found


def _always_called(module, args, kwargs, done, result):
    """After an error: the hooks that asked to be called in any case."""
    for hook_id, hook, with_kwargs, always in _forward_hooks_of(module):
        if not always or hook_id in done:
            continue
        try:
            if with_kwargs:
                hook(module, args, kwargs, result)
            else:
                hook(module, args, result)
        except Exception as error:
            warnings.warn(
                "module forward hook with ``always_call=True`` raised an exception "
                f"that was silenced as another error was raised in forward: {error}",
                stacklevel=4,
            )


def _attach_regular(module, hooks, args, result):
    """Old-style backward hooks sit on the node that made the (first) output tensor."""
    first = result
    while not isinstance(first, Tensor):
        if isinstance(first, dict):
            first = next(v for v in first.values() if isinstance(v, Tensor))
        else:
            first = first[0]
    grad_fn = first.grad_fn
    if grad_fn is None:
        return
    for hook in hooks:
        grad_fn.register_hook(_WrappedHook(hook, module))
    module._maybe_warn_non_full_backward_hook(args, result, grad_fn)


class HookMixin:
    """The registration of hooks on one module."""

    def register_full_backward_pre_hook(self, hook, prepend=False):
        """Call `hook(module, grad_output)` before the module's gradients are computed."""
        return _add(self._backward_pre_hooks, hook, prepend=prepend)

    def register_backward_hook(self, hook):
        """Old-style backward hook; see `register_full_backward_hook`."""
        if self._is_full_backward_hook is True:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = False
        return _add(self._backward_hooks, hook)

    def register_full_backward_hook(self, hook, prepend=False):
        """Call `hook(module, grad_input, grad_output)`; it may return a new grad_input."""
        if self._is_full_backward_hook is False:
            raise RuntimeError(_MIXED)
        self._is_full_backward_hook = True
        return _add(self._backward_hooks, hook, prepend=prepend)

    def register_forward_pre_hook(self, hook, *, prepend=False, with_kwargs=False):
        """Call `hook(module, args)` before forward; it may return new arguments."""
        extra = [self._forward_pre_hooks_with_kwargs] if with_kwargs else []
        return _add(self._forward_pre_hooks, hook, *extra, prepend=prepend)

    def register_forward_hook(self, hook, *, prepend=False, with_kwargs=False, always_call=False):
        """Call `hook(module, args, output)` after forward; it may return a new output."""
        extra = []
        if with_kwargs:
            extra.append(self._forward_hooks_with_kwargs)
        if always_call:
            extra.append(self._forward_hooks_always_called)
        return _add(self._forward_hooks, hook, *extra, prepend=prepend)

    def _get_backward_hooks(self):
        full, regular, _ = _backward_hooks_of(self)
        return full, regular

    def _get_backward_pre_hooks(self):
        return _backward_hooks_of(self)[2]

    def _maybe_warn_non_full_backward_hook(self, inputs, result, grad_fn):
        problem = _not_tensors(inputs, result) or _several_nodes(inputs, result, grad_fn)
        if problem:
            warnings.warn(problem, FutureWarning, stacklevel=5)


def _not_tensors(inputs, result):
    for value, what, side in (
        (result, "return a single Tensor or a tuple of Tensors", "grad_output"),
        (inputs, "take as input a single Tensor or a tuple of Tensors", "grad_input"),
    ):
        values = value if isinstance(value, tuple) else (value,)
        if not all(isinstance(v, Tensor) for v in values):
            return (
                f"Using non-full backward hooks on a Module that does not {what} is deprecated "
                f"and will be removed in future versions. This hook will be missing some of the "
                f"{side}. Please use register_full_backward_hook to get the documented behavior."
            )
    return None


def _several_nodes(inputs, result, grad_fn):
    results = result if isinstance(result, tuple) else (result,)
    if len({r.grad_fn for r in results} - {None}) > 1:
        return (
            "Using a non-full backward hook when outputs are generated by different autograd "
            "Nodes is deprecated and will be removed in future versions. This hook will be "
            "missing some grad_output. Please use register_full_backward_hook to get the "
            "documented behavior."
        )
    before = {i.grad_fn for i in inputs if i.grad_fn is not None}
    if before != {node for node, _ in grad_fn.next_functions}:
        return (
            "Using a non-full backward hook when the forward contains multiple autograd Nodes is "
            "deprecated and will be removed in future versions. This hook will be missing some "
            "grad_input. Please use register_full_backward_hook to get the documented behavior."
        )
    return None
