"""Module: the base class of everything that has parameters."""

import itertools
import warnings
from collections import OrderedDict
from typing import TypeVar

from ..._engine.device import device as Device
from ..._engine.dtypes import dtype as DType
from ..._engine.tensor import Tensor
from ...autograd import no_grad
from ...ops.registry import ops
from ..parameter import Buffer, Parameter, is_lazy
from . import _hooks
from ._hooks import (
    HookMixin,
    _global_backward_hooks,
    _global_backward_pre_hooks,
    _global_buffer_registration_hooks,
    _global_forward_hooks,
    _global_forward_hooks_always_called,
    _global_forward_hooks_with_kwargs,
    _global_forward_pre_hooks,
    _global_module_registration_hooks,
    _global_parameter_registration_hooks,
    _has_any_global_hook,
    _WrappedHook,
    register_module_backward_hook,
    register_module_buffer_registration_hook,
    register_module_forward_hook,
    register_module_forward_pre_hook,
    register_module_full_backward_hook,
    register_module_full_backward_pre_hook,
    register_module_module_registration_hook,
    register_module_parameter_registration_hook,
)
from ._state import _EXTRA_STATE_KEY_SUFFIX, StateMixin, _IncompatibleKeys
from ._typename import typename

__all__ = [
    "Module",
    "register_module_backward_hook",
    "register_module_buffer_registration_hook",
    "register_module_forward_hook",
    "register_module_forward_pre_hook",
    "register_module_full_backward_hook",
    "register_module_full_backward_pre_hook",
    "register_module_module_registration_hook",
    "register_module_parameter_registration_hook",
]

# libraries read these from torch.nn.modules.module
_REEXPORTED = (
    _IncompatibleKeys,
    _EXTRA_STATE_KEY_SUFFIX,
    _WrappedHook,
    _has_any_global_hook,
    _global_forward_hooks_always_called,
    _global_forward_hooks_with_kwargs,
)


def _addindent(text, spaces):
    first, newline, rest = text.partition("\n")
    if not newline:
        return text
    pad = " " * spaces
    return first + "\n" + "\n".join(pad + line for line in rest.split("\n"))


def _forward_unimplemented(self, *input):
    """Define the computation; every subclass has to."""
    raise NotImplementedError(
        f'Module [{type(self).__name__}] is missing the required "forward" function'
    )


def _check_name(module, name, kind, members):
    if not isinstance(name, str):
        raise TypeError(f"{kind} name should be a string. Got {typename(name)}")
    if kind == "module" and hasattr(module, name) and name not in members:
        raise KeyError(f"attribute '{name}' already exists")
    if "." in name:
        got = f", got: {name}" if kind == "module" else ""
        raise KeyError(f'{kind} name can\'t contain "."{got}')
    if name == "":
        raise KeyError(f'{kind} name can\'t be empty string ""')
    if hasattr(module, name) and name not in members:
        raise KeyError(f"attribute '{name}' already exists")


def _run_registration(hooks, module, name, value):
    for hook in hooks.values():
        new = hook(module, name, value)
        if new is not None:
            value = new
    return value


_TO = ("device", "dtype", "non_blocking", "copy", "memory_format")


def _check_to(args, kwargs):
    if len(args) > 4:
        raise TypeError(f"to() takes from 0 to 4 positional arguments but {len(args)} were given")
    if not kwargs.keys() <= set(_TO):
        got = [type(a).__name__ for a in args]
        got += [f"{name}={type(value).__name__}" for name, value in kwargs.items()]
        raise TypeError(
            f"to() received an invalid combination of arguments - got ({', '.join(got)}, ), "
            "but expected a device, a dtype or a tensor"
        )


def _parse_to(device=None, dtype=None, non_blocking=False, copy=False, *, memory_format=None):
    """The argument forms of `Module.to`, as (device, dtype, non_blocking, memory_format)."""
    if isinstance(device, Tensor):
        return device.device, device.dtype, non_blocking or bool(dtype), memory_format
    if isinstance(device, DType):
        # to(dtype, non_blocking)
        return None, device, non_blocking or bool(dtype), memory_format
    if device is not None and not isinstance(device, Device):
        device = Device(device) if isinstance(device, str) else Device("cuda", device)
    return device, dtype, non_blocking, memory_format


_LATE_ATTRIBUTES = (
    ("_forward_pre_hooks", OrderedDict),
    ("_forward_pre_hooks_with_kwargs", OrderedDict),
    ("_forward_hooks_with_kwargs", OrderedDict),
    ("_forward_hooks_always_called", OrderedDict),
    ("_state_dict_hooks", OrderedDict),
    ("_state_dict_pre_hooks", OrderedDict),
    ("_load_state_dict_pre_hooks", OrderedDict),
    ("_load_state_dict_post_hooks", OrderedDict),
    ("_non_persistent_buffers_set", set),
    ("_is_full_backward_hook", lambda: None),
    ("_backward_pre_hooks", OrderedDict),
)

_OWN = ("_parameters", "_buffers", "_modules")


class Module(HookMixin, StateMixin):
    """Base class of all neural network modules.

    Parameters, buffers and submodules assigned as attributes are found by `parameters()`,
    `state_dict()`, `to()` and the like. Subclasses define `forward`.
    """

    T_destination = TypeVar("T_destination", bound=dict)

    dump_patches = False
    _version = 1
    training: bool
    call_super_init = False
    _compiled_call_impl = None

    def __init__(self, *args, **kwargs):
        if self.call_super_init is False and kwargs:
            raise TypeError(
                f"{type(self).__name__}.__init__() got an unexpected keyword argument "
                f"'{next(iter(kwargs))}'"
            )
        if self.call_super_init is False and args:
            raise TypeError(
                f"{type(self).__name__}.__init__() takes 1 positional argument but "
                f"{len(args) + 1} were given"
            )
        # straight into __dict__: our own __setattr__ needs these to exist
        self.__dict__.update(
            training=True,
            _parameters={},
            _buffers={},
            _non_persistent_buffers_set=set(),
            _backward_pre_hooks=OrderedDict(),
            _backward_hooks=OrderedDict(),
            _is_full_backward_hook=None,
            _forward_hooks=OrderedDict(),
            _forward_hooks_with_kwargs=OrderedDict(),
            _forward_hooks_always_called=OrderedDict(),
            _forward_pre_hooks=OrderedDict(),
            _forward_pre_hooks_with_kwargs=OrderedDict(),
            _state_dict_hooks=OrderedDict(),
            _state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_pre_hooks=OrderedDict(),
            _load_state_dict_post_hooks=OrderedDict(),
            _modules={},
        )
        if self.call_super_init:
            super().__init__(*args, **kwargs)

    forward = _forward_unimplemented

    def __call__(self, *args, **kwargs):
        if self._compiled_call_impl is not None:
            return self._compiled_call_impl(*args, **kwargs)
        if (
            self._forward_hooks
            or self._forward_pre_hooks
            or self._backward_hooks
            or self._backward_pre_hooks
            or _global_forward_hooks
            or _global_forward_pre_hooks
            or _global_backward_hooks
            or _global_backward_pre_hooks
        ):
            return _hooks.call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    def _call_impl(self, *args, **kwargs):
        if _has_any_global_hook() or any(
            (
                self._forward_hooks,
                self._forward_pre_hooks,
                self._backward_hooks,
                self._backward_pre_hooks,
            )
        ):
            return _hooks.call_with_hooks(self, args, kwargs)
        return self.forward(*args, **kwargs)

    _wrapped_call_impl = __call__

    def compile(self, *args, **kwargs):
        """Accepted for compatibility: repeated steps are compiled as they run."""

    # ------------------------------------------------------------------- registration
    def register_buffer(self, name, tensor, persistent=True):
        """Add a tensor that is state but no parameter; persistent ones are in `state_dict`."""
        if "_buffers" not in self.__dict__:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        _check_name(self, name, "buffer", self._buffers)
        if tensor is not None and not isinstance(tensor, Tensor):
            if not hasattr(tensor, "__torch_function__"):
                raise TypeError(
                    f"cannot assign '{typename(tensor)}' object to buffer '{name}' "
                    "(torch Tensor or None required)"
                )
        self._buffers[name] = _run_registration(
            _global_buffer_registration_hooks, self, name, tensor
        )
        if persistent:
            self._non_persistent_buffers_set.discard(name)
        else:
            self._non_persistent_buffers_set.add(name)

    def register_parameter(self, name, param):
        """Add a Parameter (or None, which keeps the name free for one)."""
        if "_parameters" not in self.__dict__:
            raise AttributeError("cannot assign parameter before Module.__init__() call")
        _check_name(self, name, "parameter", self._parameters)
        if param is None:
            self._parameters[name] = None
            return
        if not isinstance(param, Parameter):
            raise TypeError(
                f"cannot assign '{typename(param)}' object to parameter '{name}' "
                "(torch.nn.Parameter or None required)"
            )
        if param.grad_fn is not None:
            raise ValueError(
                f"Cannot assign non-leaf Tensor to parameter '{name}'. Model parameters must be "
                f"created explicitly. To express '{name}' as a function of another Tensor, "
                "compute the value in the forward() method."
            )
        self._parameters[name] = _run_registration(
            _global_parameter_registration_hooks, self, name, param
        )

    def add_module(self, name, module):
        """Add a child module under `name`."""
        if not isinstance(module, Module) and module is not None:
            raise TypeError(f"{typename(module)} is not a Module subclass")
        _check_name(self, name, "module", self._modules)
        self._modules[name] = _run_registration(
            _global_module_registration_hooks, self, name, module
        )

    def register_module(self, name, module):
        """The same as `add_module`."""
        self.add_module(name, module)

    # ---------------------------------------------------------------- access by dotted path
    def get_submodule(self, target):
        """The submodule at a dotted path; "" is the module itself. Raises AttributeError."""
        module = self
        for name in target.split(".") if target else ():
            if not hasattr(module, name):
                raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
            module = getattr(module, name)
            if not isinstance(module, Module):
                raise AttributeError(f"`{name}` is not an nn.Module")
        return module

    def set_submodule(self, target, module, strict=False):
        """Put `module` at a dotted path; strict: there must be one already."""
        if target == "":
            raise ValueError("Cannot set the submodule without a target name!")
        if not isinstance(module, Module):
            raise ValueError(f"`module` is not an nn.Module, found {type(module)}")
        path, _, name = target.rpartition(".")
        parent = self.get_submodule(path)
        if strict and not hasattr(parent, name):
            raise AttributeError(f"{parent._get_name()} has no attribute `{name}`")
        if hasattr(parent, name) and not isinstance(getattr(parent, name), Module):
            raise AttributeError(f"`{name}` is not an nn.Module")
        setattr(parent, name, module)

    def get_parameter(self, target):
        """The parameter at a dotted path. Raises AttributeError."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        param = getattr(module, name)
        if not isinstance(param, Parameter):
            raise AttributeError(f"`{name}` is not an nn.Parameter")
        return param

    def get_buffer(self, target):
        """The buffer at a dotted path. Raises AttributeError."""
        path, _, name = target.rpartition(".")
        module = self.get_submodule(path)
        if not hasattr(module, name):
            raise AttributeError(f"{module._get_name()} has no attribute `{name}`")
        if name not in module._buffers:
            raise AttributeError(f"`{name}` is not a buffer")
        return module._buffers[name]

    # ------------------------------------------------------------------- conversions
    def _apply(self, fn, recurse=True):
        if recurse:
            for module in self.children():
                module._apply(fn)
        for param in self._parameters.values():
            if param is None:
                continue
            grad = param.grad
            with no_grad():
                applied = fn(param)
            if applied is not param:
                param.data = applied
            if grad is not None:
                with no_grad():
                    grad_applied = fn(grad)
                if grad_applied is not grad:
                    # .grad must keep the parameter's dtype and device, so it goes in afresh
                    param.grad = grad_applied.requires_grad_(grad.requires_grad)
        for key, buf in self._buffers.items():
            if buf is not None:
                applied = fn(buf)
                if is_lazy(buf):
                    # A conversion leaves the buffer as it is: without a shape.
                    applied.__class__ = type(buf)
                self._buffers[key] = applied
        return self

    def apply(self, fn):
        """Call `fn` on every submodule (children first) and then on this module."""
        for module in self.children():
            module.apply(fn)
        fn(self)
        return self

    def cuda(self, device=None):
        """Move all parameters and buffers to the GPU."""
        return self._apply(lambda t: t.cuda(device))

    def xpu(self, device=None):
        """Move all parameters and buffers to the XPU."""
        return self._apply(lambda t: t.xpu(device))

    def ipu(self, device=None):
        """Move all parameters and buffers to the IPU."""
        return self._apply(lambda t: t.ipu(device))

    def mtia(self, device=None):
        """Move all parameters and buffers to the MTIA device."""
        return self._apply(lambda t: t.mtia(device))

    def cpu(self):
        """Move all parameters and buffers to the CPU."""
        return self._apply(lambda t: t.cpu())

    def type(self, dst_type):
        """Cast all parameters and buffers to `dst_type`."""
        return self._apply(lambda t: t.type(dst_type))

    def float(self):
        """Cast floating-point parameters and buffers to float32."""
        return self._apply(lambda t: t.float() if t.is_floating_point() else t)

    def double(self):
        """Cast floating-point parameters and buffers to float64."""
        return self._apply(lambda t: t.double() if t.is_floating_point() else t)

    def half(self):
        """Cast floating-point parameters and buffers to float16."""
        return self._apply(lambda t: t.half() if t.is_floating_point() else t)

    def bfloat16(self):
        """Cast floating-point parameters and buffers to bfloat16."""
        return self._apply(lambda t: t.bfloat16() if t.is_floating_point() else t)

    def to_empty(self, *, device, recurse=True):
        """Move to `device` without copying the values."""
        return self._apply(lambda t: ops.empty_like(t, device=device), recurse=recurse)

    def to(self, *args, **kwargs):
        """Move and/or cast: `to(device)`, `to(dtype)`, `to(device, dtype)`, `to(tensor)`.

        Only floating-point and complex members are cast. Raises TypeError for another dtype.
        """
        if "tensor" in kwargs:
            args = (kwargs.pop("tensor"), *args)
        _check_to(args, kwargs)
        device, dtype, non_blocking, memory_format = _parse_to(*args, **kwargs)
        if dtype is not None:
            if not (dtype.is_floating_point or dtype.is_complex):
                raise TypeError(
                    "nn.Module.to only accepts floating point or complex "
                    f"dtypes, but got desired dtype={dtype}"
                )
            if dtype.is_complex:
                warnings.warn(
                    "Complex modules are a new feature under active development whose design "
                    "may change, and some modules might not work as expected when using complex "
                    "tensors as parameters or buffers.",
                    stacklevel=2,
                )

        def convert(t):
            if t.is_meta and device is not None and device.type != "meta":
                raise NotImplementedError(
                    "Cannot copy out of meta tensor; no data! Please use "
                    "torch.nn.Module.to_empty() instead of torch.nn.Module.to() when moving "
                    "module from meta to a different device."
                )
            target = dtype if t.is_floating_point() or t.is_complex() else None
            if memory_format is not None and t.dim() in (4, 5):
                return t.to(device, target, non_blocking, memory_format=memory_format)
            return t.to(device, target, non_blocking)

        return self._apply(convert)

    def share_memory(self):
        """See `Tensor.share_memory_`."""
        return self._apply(lambda t: t.share_memory_())

    # --------------------------------------------------------------------- attributes
    def __getstate__(self):
        state = self.__dict__.copy()
        state.pop("_compiled_call_impl", None)
        return state

    def __setstate__(self, state):
        self.__dict__.update(state)
        # modules pickled by older versions lack some of these
        for name, make in _LATE_ATTRIBUTES:
            if name not in self.__dict__:
                self.__dict__[name] = make()

    def __getattr__(self, name):
        # spelled out, because every `self.weight` of every forward comes through here
        members = self.__dict__
        params = members.get("_parameters")
        if params is not None and name in params:
            return params[name]
        modules = members.get("_modules")
        if modules is not None and name in modules:
            return modules[name]
        buffers = members.get("_buffers")
        if buffers is not None and name in buffers:
            return buffers[name]
        raise AttributeError(f"'{type(self).__name__}' object has no attribute '{name}'")

    def _forget(self, name, *keep):
        """Remove `name` from wherever it is registered, except in the dicts named."""
        self.__dict__.pop(name, None)
        for kind in _OWN:
            if kind not in keep:
                self.__dict__[kind].pop(name, None)
        if "_buffers" not in keep:
            self._non_persistent_buffers_set.discard(name)

    def __setattr__(self, name, value):
        members = self.__dict__
        if not isinstance(value, (Tensor, Module)):
            params = members.get("_parameters")
            if params is None or not (
                name in params or name in members["_modules"] or name in members["_buffers"]
            ):
                object.__setattr__(self, name, value)
                return
        if isinstance(value, Parameter):
            if "_parameters" not in members:
                raise AttributeError("cannot assign parameters before Module.__init__() call")
            self._forget(name, "_parameters")
            self.register_parameter(name, value)
            return
        if name in members.get("_parameters", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as parameter '{name}' "
                    "(torch.nn.Parameter or None expected)"
                )
            self.register_parameter(name, value)
            return
        if isinstance(value, Module):
            if "_modules" not in members:
                raise AttributeError("cannot assign module before Module.__init__() call")
            self._forget(name, "_modules")
        elif name in members.get("_modules", ()):
            if value is not None:
                raise TypeError(
                    f"cannot assign '{typename(value)}' as child module '{name}' "
                    "(torch.nn.Module or None expected)"
                )
        else:
            self._set_buffer_or_plain(name, value)
            return
        hooks = _global_module_registration_hooks
        members["_modules"][name] = _run_registration(hooks, self, name, value)

    def _set_buffer_or_plain(self, name, value):
        buffers = self.__dict__.get("_buffers")
        is_buffer = isinstance(value, Buffer)
        if not is_buffer and (buffers is None or name not in buffers):
            object.__setattr__(self, name, value)
            return
        if buffers is None:
            raise AttributeError("cannot assign buffer before Module.__init__() call")
        if value is not None and not isinstance(value, Tensor):
            if not hasattr(value, "__torch_function__"):
                raise TypeError(
                    f"cannot assign '{typename(value)}' as buffer '{name}' "
                    "(torch.nn.Buffer, torch.Tensor or None expected)"
                )
        persistent = name not in self._non_persistent_buffers_set
        if is_buffer:
            persistent = value.persistent
            self._forget(name, "_buffers")
        self._reregister_buffer(name, value, persistent)

    def _reregister_buffer(self, name, value, persistent):
        if type(self).register_buffer is Module.register_buffer:
            self.register_buffer(name, value, persistent)
            return
        # an overriding method may lack the third argument
        code = getattr(type(self).register_buffer, "__code__", None)
        if code is not None and "persistent" in code.co_varnames[: code.co_argcount + 8]:
            self.register_buffer(name, value, persistent)
            return
        if not persistent:
            raise RuntimeError(
                "Registering a non-persistent buffer on a Module subclass that implements "
                "register_buffer() without the persistent argument is not allowed."
            )
        self.register_buffer(name, value)

    def __delattr__(self, name):
        for kind in _OWN:
            if name in self.__dict__[kind]:
                del self.__dict__[kind][name]
                self._non_persistent_buffers_set.discard(name)
                return
        super().__delattr__(name)

    # ------------------------------------------------------------------------ walking
    def _named_members(self, get_members_fn, prefix="", recurse=True, remove_duplicate=True):
        """Yield (name, member) over all modules; each member once if `remove_duplicate`."""
        seen = set()
        modules = (
            self.named_modules(prefix=prefix, remove_duplicate=remove_duplicate)
            if recurse
            else ((prefix, self),)
        )
        for path, module in modules:
            for name, value in get_members_fn(module):
                if value is None or value in seen:
                    continue
                if remove_duplicate:
                    seen.add(value)
                yield (f"{path}.{name}" if path else name), value

    def parameters(self, recurse=True):
        """All parameters, each once."""
        for _name, param in self.named_parameters(recurse=recurse):
            yield param

    def named_parameters(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, parameter) pairs."""
        yield from self._named_members(
            lambda module: module._parameters.items(), prefix, recurse, remove_duplicate
        )

    def buffers(self, recurse=True):
        """All buffers, each once."""
        for _name, buf in self.named_buffers(recurse=recurse):
            yield buf

    def named_buffers(self, prefix="", recurse=True, remove_duplicate=True):
        """(dotted name, buffer) pairs."""
        yield from self._named_members(
            lambda module: module._buffers.items(), prefix, recurse, remove_duplicate
        )

    def children(self):
        """The immediate child modules, each once."""
        for _name, module in self.named_children():
            yield module

    def named_children(self):
        """(name, child module) pairs, each child once."""
        seen = set()
        for name, module in self._modules.items():
            if module is not None and module not in seen:
                seen.add(module)
                yield name, module

    def modules(self, remove_duplicate=True):
        """This module and all below it, each once."""
        for _name, module in self.named_modules(remove_duplicate=remove_duplicate):
            yield module

    def named_modules(self, memo=None, prefix="", remove_duplicate=True):
        """(dotted name, module) pairs of this module ("") and all below it."""
        memo = set() if memo is None else memo
        if self in memo:
            return
        if remove_duplicate:
            memo.add(self)
        yield prefix, self
        for name, module in self._modules.items():
            if module is not None:
                path = f"{prefix}.{name}" if prefix else name
                yield from module.named_modules(memo, path, remove_duplicate)

    # -------------------------------------------------------------------------- modes
    def train(self, mode=True):
        """Set training mode here and in all children. Raises ValueError if not a bool."""
        if not isinstance(mode, bool):
            raise ValueError("training mode is expected to be boolean")
        self.training = mode
        for module in self.children():
            module.train(mode)
        return self

    def eval(self):
        """The same as `train(False)`."""
        return self.train(False)

    def requires_grad_(self, requires_grad=True):
        """Set `requires_grad` of all parameters."""
        for param in self.parameters():
            param.requires_grad_(requires_grad)
        return self

    def zero_grad(self, set_to_none=True):
        """Clear the gradients of all parameters (or fill them with zeros)."""
        for param in self.parameters():
            if param.grad is None:
                continue
            if set_to_none:
                param.grad = None
                continue
            if param.grad.grad_fn is not None:
                param.grad.detach_()
            else:
                param.grad.requires_grad_(False)
            param.grad.zero_()

    # --------------------------------------------------------------------------- text
    def _get_name(self):
        return self.__class__.__name__

    def extra_repr(self):
        """What stands between the parentheses of the repr; override in subclasses."""
        return ""

    def __repr__(self):
        extra = self.extra_repr()
        lines = extra.split("\n") if extra else []
        if len(lines) == 1 and not self._modules:
            return f"{self._get_name()}({lines[0]})"
        lines += [
            f"({name}): {_addindent(repr(module), 2)}" for name, module in self._modules.items()
        ]
        if not lines:
            return f"{self._get_name()}()"
        return f"{self._get_name()}(\n  " + "\n  ".join(lines) + "\n)"

    def __dir__(self):
        names = itertools.chain(
            dir(self.__class__),
            self.__dict__,
            self._parameters,
            self._modules,
            self._buffers,
        )
        # names that start with a digit (children of Sequential) are no attribute names
        return sorted(name for name in names if not name[0].isdigit())

    def _replicate_for_data_parallel(self):
        replica = self.__new__(type(self))
        replica.__dict__ = self.__dict__.copy()
        replica._parameters = {}
        replica._buffers = replica._buffers.copy()
        replica._modules = replica._modules.copy()
        replica._is_replica = True
        return replica
