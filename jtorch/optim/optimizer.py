"""Optimizer: parameter groups, state, hooks, and the frame of a step."""

import functools
import itertools
import operator
import warnings
from collections import OrderedDict, defaultdict
from collections.abc import Iterable
from copy import deepcopy

from .._engine import call, trace
from .._engine.signature import Aval
from .._engine.tensor import Tensor
from ..autograd import enable_grad, set_grad_enabled
from ..nn.modules._removable import RemovableHandle
from ..nn.modules._typename import typename
from ..ops.registry import ops
from ._authoring import *  # noqa: F403  (libraries import these names from here)
from ._authoring import Authoring, _get_capturable_supported_devices
from ._check import check_fused, check_settings
from ._state import NUMBERS, ParamState, changes

__all__ = [
    "Optimizer",
    "register_optimizer_step_post_hook",
    "register_optimizer_step_pre_hook",
]

_global_optimizer_pre_hooks = OrderedDict()
_global_optimizer_post_hooks = OrderedDict()


class _RequiredParameter:
    """Stands for a setting that has no default."""

    def __repr__(self):
        return "<required parameter>"


required = _RequiredParameter()


def register_optimizer_step_pre_hook(hook):
    """Call `hook(optimizer, args, kwargs)` before the step of every optimiser."""
    return _add(_global_optimizer_pre_hooks, hook)


def register_optimizer_step_post_hook(hook):
    """Call `hook(optimizer, args, kwargs)` after the step of every optimiser."""
    return _add(_global_optimizer_post_hooks, hook)


def _add(hooks, hook, prepend=False):
    handle = RemovableHandle(hooks)
    hooks[handle.id] = hook
    if prepend:
        hooks.move_to_end(handle.id, last=False)
    return handle


def _framed(step):
    """`step` with its hooks before and after, and execution of what is pending at the end."""

    @functools.wraps(step)
    def wrapper(self, *args, **kwargs):
        if _global_optimizer_pre_hooks or self._optimizer_step_pre_hooks:
            args, kwargs = _before(self, step, args, kwargs)
        out = step(self, *args, **kwargs)
        if self._optimizer_step_post_hooks or _global_optimizer_post_hooks:
            after = (
                *self._optimizer_step_post_hooks.values(),
                *_global_optimizer_post_hooks.values(),
            )
            for hook in after:
                hook(self, args, kwargs)
        trace.step_boundary()
        return out

    wrapper.hooked = True
    return wrapper


def _before(optimizer, step, args, kwargs):
    """Call the hooks before a step: the arguments to go on with."""
    hooks = (*_global_optimizer_pre_hooks.values(), *optimizer._optimizer_step_pre_hooks.values())
    for hook in hooks:
        result = hook(optimizer, args, kwargs)
        if result is None:
            continue
        if not (isinstance(result, tuple) and len(result) == 2):
            raise RuntimeError(
                f"{step} must return None or a tuple of (new_args, new_kwargs), but got {result}."
            )
        args, kwargs = result
    return args, kwargs


# What was added to the optimisers after their first release: a checkpoint may lack it.
_ADDED = {
    "amsgrad": False,
    "capturable": False,
    "centered": False,
    "decoupled_weight_decay": False,
    "differentiable": False,
    "foreach": None,
    "fused": None,
    "maximize": False,
    "momentum": 0,
    "nesterov": False,
}


class Optimizer(Authoring):
    """Base class of all optimisers.

    params: tensors, (name, tensor) pairs, or dicts that define parameter groups with settings of
    their own. defaults: settings for groups that lack them.

    Subclasses here name their operation in `_operation` and their settings, in torch's order, in
    `_settings`; `_buffers` and `_arguments` say what the operation takes. Where that is not enough
    they define `_update(group, count, params, grads, states)`. Others may define `step` as in
    torch.
    """

    _settings = ""
    _operation = None
    # Whether `_update_sparse(group, parameter, state)` takes parameters with a sparse gradient.
    _takes_sparse = False
    # what must be on an accelerator when capturable=True, in torch's words
    _captured = "params and state_steps"

    def __init__(self, params, defaults):
        self.defaults = defaults
        # by the ids of the groups
        self._plans = {}
        self._make_hooks()
        self._patch_step_function()
        if isinstance(params, Tensor):
            raise TypeError(
                "params argument given to the optimizer should be "
                f"an iterable of Tensors or dicts, but got {typename(params)}"
            )
        self.state = defaultdict(dict)
        self.param_groups = []
        groups = list(params)
        if len(groups) == 0:
            raise ValueError("optimizer got an empty parameter list")
        if not isinstance(groups[0], dict):
            groups = [{"params": groups}]
        for group in groups:
            self.add_param_group(dict(group))

    def _configure(self, params, given, checks=""):
        """`__init__` with the settings among the caller's arguments `given`; `checks` names those
        whose range is checked, in torch's order.
        """
        settings = {name: given[name] for name in self._settings.split()}
        check_settings(settings, checks.split())
        Optimizer.__init__(self, params, settings)
        check_fused(settings)

    def _make_hooks(self):
        self._optimizer_step_pre_hooks = OrderedDict()
        self._optimizer_step_post_hooks = OrderedDict()
        self._optimizer_state_dict_pre_hooks = OrderedDict()
        self._optimizer_state_dict_post_hooks = OrderedDict()
        self._optimizer_load_state_dict_pre_hooks = OrderedDict()
        self._optimizer_load_state_dict_post_hooks = OrderedDict()

    def _patch_step_function(self):
        self._zero_grad_profile_name = f"Optimizer.zero_grad#{self.__class__.__name__}.zero_grad"
        cls = self.__class__
        if not getattr(cls.step, "hooked", None):
            cls.step = _framed(cls.step)

    def __getstate__(self):
        return {
            "defaults": self.defaults,
            "state": self.state,
            "param_groups": self.param_groups,
        }

    def __setstate__(self, state):
        self.__dict__.update(state)
        self._plans = {}
        if "_optimizer_step_pre_hooks" not in self.__dict__:
            self._make_hooks()
        self._patch_step_function()
        self.defaults.setdefault("differentiable", False)
        added = [name for name in self._settings.split() if name in _ADDED]
        for group in self.param_groups:
            for name in added:
                group.setdefault(name, _ADDED[name])

    def __repr__(self):
        lines = [self.__class__.__name__ + " ("]
        for i, group in enumerate(self.param_groups):
            lines.append(f"\nParameter Group {i}\n")
            lines += [f"    {key}: {group[key]}\n" for key in sorted(group) if key != "params"]
        return "".join(lines) + ")"

    # --------------------------------------------------------------------------- hooks
    def register_step_pre_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` before `step`; it may return new arguments."""
        return _add(self._optimizer_step_pre_hooks, hook)

    def register_step_post_hook(self, hook):
        """Call `hook(optimizer, args, kwargs)` after `step`."""
        return _add(self._optimizer_step_post_hooks, hook)

    def register_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` before `state_dict`."""
        return _add(self._optimizer_state_dict_pre_hooks, hook, prepend)

    def register_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` after `state_dict`; it may return another."""
        return _add(self._optimizer_state_dict_post_hooks, hook, prepend)

    def register_load_state_dict_pre_hook(self, hook, prepend=False):
        """Call `hook(optimizer, state_dict)` before loading; it may return another."""
        return _add(self._optimizer_load_state_dict_pre_hooks, hook, prepend)

    def register_load_state_dict_post_hook(self, hook, prepend=False):
        """Call `hook(optimizer)` after loading."""
        return _add(self._optimizer_load_state_dict_post_hooks, hook, prepend)

    # --------------------------------------------------------------------------- state
    def state_dict(self):
        """{"state": state by parameter number, "param_groups": settings with the numbers}."""
        for hook in self._optimizer_state_dict_pre_hooks.values():
            hook(self)
        every = [p for group in self.param_groups for p in group["params"]]
        numbers = {}
        for p in every:
            numbers.setdefault(id(p), len(numbers))
        groups = [
            {
                **{k: v for k, v in group.items() if k != "params"},
                "params": [numbers[id(p)] for p in group["params"]],
            }
            for group in self.param_groups
        ]
        state = {
            numbers[id(k)] if isinstance(k, Tensor) else k: _exported(v)
            for k, v in self.state.items()
        }
        result = {"state": state, "param_groups": groups}
        for hook in self._optimizer_state_dict_post_hooks.values():
            new = hook(self, result)
            if new is not None:
                result = new
        return result

    def load_state_dict(self, state_dict):
        """Take over the state and settings of a `state_dict()`, cast to the parameters' dtypes.

        Raises ValueError when its groups do not match.
        """
        state_dict = state_dict.copy()
        for hook in self._optimizer_load_state_dict_pre_hooks.values():
            new = hook(self, state_dict)
            if new is not None:
                state_dict = new
        groups = self.param_groups
        saved = deepcopy(state_dict["param_groups"])
        if len(groups) != len(saved):
            raise ValueError("loaded state dict has a different number of parameter groups")
        if any(len(a["params"]) != len(b["params"]) for a, b in zip(groups, saved, strict=True)):
            raise ValueError(
                "loaded state dict contains a parameter group "
                "that doesn't match the size of optimizer's group"
            )
        params = {
            number: p
            for old, new in zip(saved, groups, strict=True)
            for number, p in zip(old["params"], new["params"], strict=True)
        }
        state = defaultdict(dict)
        for key, value in state_dict["state"].items():
            if key in params:
                state[params[key]] = _cast(params[key], value)
            else:
                state[key] = value
        for old, new in zip(groups, saved, strict=True):
            new["params"] = old["params"]
            if "param_names" in old and "param_names" not in new:
                new["param_names"] = old["param_names"]
        self.__setstate__({"state": state, "param_groups": saved})
        for hook in self._optimizer_load_state_dict_post_hooks.values():
            hook(self)

    def zero_grad(self, set_to_none=True):
        """Clear the gradients of all parameters (or fill them with zeros)."""
        for group in self.param_groups:
            for p in group["params"]:
                if p._meta is None or p._meta.grad is None:
                    continue
                if set_to_none:
                    p._meta.grad = None
                    continue
                if p.grad.grad_fn is not None:
                    p.grad.detach_()
                else:
                    p.grad.requires_grad_(False)
                p.grad.zero_()

    # ---------------------------------------------------------------------- parameters
    def add_param_group(self, param_group):
        """Add a dict with "params" and settings. Raises TypeError, ValueError."""
        if not isinstance(param_group, dict):
            raise TypeError(f"param_group must be a dict, but got {type(param_group)}")
        params = param_group["params"]
        if isinstance(params, Tensor):
            params = [params]
        elif isinstance(params, set):
            raise TypeError(
                "optimizer parameters need to be organized in ordered collections, but the "
                "ordering of tensors in sets will change between runs. Please use a list instead."
            )
        params, names = _split_names(list(params))
        param_group["params"] = params
        if names:
            param_group["param_names"] = names
        self._check_params(params)
        for name, default in self.defaults.items():
            if default is required and name not in param_group:
                raise ValueError(
                    "parameter group didn't specify a value of required optimization "
                    f"parameter {name}"
                )
            param_group.setdefault(name, default)
        self._check_overlap(param_group)
        self.param_groups.append(param_group)

    def _check_params(self, params):
        for p in params:
            if not isinstance(p, Tensor):
                raise TypeError(
                    f"optimizer can only optimize Tensors, but one of the params is {typename(p)}"
                )
            if not self.defaults.get("differentiable") and not (p.is_leaf or p.retains_grad):
                raise ValueError("can't optimize a non-leaf Tensor")

    def _check_overlap(self, param_group):
        ids = {id(p) for p in param_group["params"]}
        if len(ids) != len(param_group["params"]):
            warnings.warn(
                "optimizer contains a parameter group with duplicate parameters; in future, "
                "this will cause an error; see github.com/pytorch/pytorch/issues/40967 for more "
                "information",
                stacklevel=4,
            )
        for group in self.param_groups:
            if ("param_names" in param_group) != ("param_names" in group):
                kind = "with names" if "param_names" in param_group else "without names"
                raise ValueError(
                    "all optimizer param groups should be with/without names. "
                    f"cannot add param group {kind} to the optimizer"
                )
        used = itertools.chain.from_iterable(group["params"] for group in self.param_groups)
        if any(id(p) in ids for p in used):
            raise ValueError("some parameters appear in more than one parameter group")

    # ---------------------------------------------------------------------------- step
    def step(self, closure=None):
        """Do one optimisation step; `closure` recomputes the loss, which is returned."""
        if self._operation is None:
            raise NotImplementedError
        loss = None
        with set_grad_enabled(self.defaults.get("differentiable", False)):
            if closure is not None:
                with enable_grad():
                    loss = closure()
            for group in self.param_groups:
                if self._repeat(group):
                    continue
                self._plans.pop(id(group), None)
                usual = self._usual_batch(group)
                if usual is not None:
                    self._update(group, *usual)
                    continue
                for count, params in self._batches(group):
                    grads = [p.grad for p in params]
                    # get: SGD without momentum has no state, and shall not get an empty one
                    states = [self.state.get(p) for p in params]
                    self._update(group, count, params, grads, states)
        return loss

    def _repeat(self, group):
        """Do the step of a group as the last one, if it can be. Returns whether it could."""
        plan = self._plans.get(id(group))
        if plan is None or plan.changes != changes[0]:
            return False
        params = group["params"]
        states = list(map(self.state.get, params))
        grads = _dense_gradients(params)
        if (
            grads is None
            or len(states) != len(plan.states)
            or not all(map(operator.is_, states, plan.states))
            or group.get("capturable")
            or group.get("differentiable")
        ):
            return False
        count = plan.count + 1
        operands, attributes = self._given(group, count, params, states)
        if attributes != plan.attributes or {float}.symmetric_difference(map(type, operands)):
            return False
        call.assign(
            plan.operation, (*params, *grads, *plan.buffers, *operands), plan.static, plan.into
        )
        plan.count = count
        for numbers in plan.numbers:
            numbers["step"] = count
        return True

    def _usual_batch(self, group):
        """(steps done, parameters, gradients, states) when that is the same number of steps for
        all parameters of a group: the usual case, found without a loop. None in any other.
        """
        params = group["params"]
        states = list(map(self.state.get, params))
        if {ParamState}.symmetric_difference(map(type, states)) or any(map(_shown, states)):
            return None
        try:
            counts = set(map(_step, map(_numbers, states)))
        except KeyError:
            return None
        grads = _dense_gradients(params)
        if (
            len(counts) != 1
            or grads is None
            or len(set(map(id, map(_device, params)))) != 1
            or group.get("capturable")
        ):
            return None
        return counts.pop(), params, grads, states

    def _batches(self, group):
        """(steps done, parameters): those with a gradient, by how often they were updated
        and by device.
        """
        if group.get("capturable"):
            self._check_capturable(group["params"])
        batches = {}
        for p in group["params"]:
            grad = p.grad
            if grad is None:
                continue
            if grad.is_sparse and not self._takes_sparse:
                name = type(self).__name__
                hint = ", please consider SparseAdam instead" if name.startswith("Adam") else ""
                raise RuntimeError(f"{name} does not support sparse gradients{hint}")
            state = self.state[p]
            if type(state) is not ParamState:
                # new, or put in from outside
                state = self.state[p] = ParamState(state)
            if not state:
                self._init_state(group, p, state)
            if grad.is_sparse:
                self._update_sparse(group, p, state)
                continue
            count = state.number("step") if "step" in state else 0.0
            batches.setdefault((count, p._aval.device), []).append(p)
        return [(count, params) for (count, _), params in batches.items()]

    def _check_capturable(self, params):
        known = _get_capturable_supported_devices()
        if any(p.device.type not in known for p in params):
            raise AssertionError(
                f"If capturable=True, {self._captured} must be on supported devices: {known}."
            )

    def _buffers(self, group):
        """Names of the state tensors that the operation takes and gives; None for one that the
        settings do without.
        """
        return ()

    def _arguments(self, group, count, params, states):
        """(operands, attributes) of the operation after parameters, gradients and buffers, in the
        step number `count`.
        """
        raise NotImplementedError

    def _init_state(self, group, param, state):
        """Fill the empty state of a parameter: its buffers begin with zeros."""
        state["step"] = 0.0
        for name in self._buffers(group):
            if name is not None:
                state[name] = ops.zeros_like(param)

    def _update(self, group, count, params, grads, states):
        """Update parameters that have been updated `count` times before."""
        count += 1
        names = self._buffers(group)
        buffers = [_column(states, name) if name else [] for name in names]
        before = changes[0]
        operands, attributes = self._given(group, count, params, states)
        plan = self._run(
            group, (params, *buffers), params, grads, *buffers, *operands, **attributes
        )
        self._count_step(states, count)
        # What sets numbers of its own in every step goes the long way.
        if plan is not None and before == changes[0] and len(params) == len(group["params"]):
            plan.changes, plan.count, plan.attributes = before, count, attributes
            plan.states, plan.numbers = states, [s._numbers for s in states if "step" in s]
            plan.buffers = list(itertools.chain(*buffers))
            self._plans[id(group)] = plan

    def _given(self, group, count, params, states):
        """`_arguments`, with the attribute that all operations have."""
        operands, attributes = self._arguments(group, count, params, states)
        if "maximize" in group:
            attributes["maximize"] = group["maximize"]
        return operands, attributes

    def _run(self, group, targets, *arguments, **attributes):
        """Call the operation; its results become the contents of the tensors in the lists
        `targets`. Returns the begin of a plan for steps like this, None when there is none.
        """
        operation = getattr(ops, self._operation)
        into = list(itertools.chain(*targets))
        if not group.get("differentiable", False):
            return operation(*arguments, into=_Plan(into), **attributes)
        for target, result in zip(into, operation(*arguments, **attributes), strict=True):
            if result._edge is not None:
                # the operation has kept values, not tensors that are about to change
                result._edge[0].versions = None
            target.copy_(result)
        return None

    @staticmethod
    def _count_step(states, count):
        for state in states:
            if state._shown:
                state.set_number("step", count)
            elif "step" in state:
                state._numbers["step"] = count


class _Plan:
    """How a step of a parameter group went: what was called on what.

    operation, static: the operation and its static attributes. into: the tensors that get the
    results. attributes: those that `static` was made from. buffers: the state tensors among the
    operands. states, numbers: the states of the parameters and their numbers. changes: that count
    then. count: the steps done.
    """

    __slots__ = (
        "attributes",
        "buffers",
        "changes",
        "count",
        "into",
        "numbers",
        "operation",
        "states",
        "static",
    )

    def __init__(self, into):
        self.into = into

    def __call__(self, operation, operands, static):
        """Call the operation, and remember it."""
        self.operation, self.static = operation, static
        call.assign(operation, operands, static, self.into)
        return self


_shown = operator.attrgetter("_shown")
_numbers = operator.attrgetter("_numbers")
_step = operator.itemgetter("step")
_grad = operator.attrgetter("_meta.grad")
_aval = operator.attrgetter("_aval")
_device = operator.attrgetter("_aval.device")


def _dense_gradients(params):
    """The gradients of parameters of which each has a dense one; None when that is not so."""
    try:
        grads = list(map(_grad, params))
        sparse = {Aval}.symmetric_difference(map(type, map(_aval, grads)))
    except AttributeError:  # a parameter without a gradient
        return None
    return None if sparse else grads


def _column(states, name):
    """The entries called `name` of the states that have one."""
    found = list(map(dict.get, states, itertools.repeat(name)))
    # the general way: a number, or a state without the entry
    return [s[name] for s in states if name in s] if type(None) in map(type, found) else found


def _split_names(params):
    """Tensors and names of a list that may hold (name, tensor) pairs."""
    names = [p[0] for p in params if isinstance(p, tuple)]
    if names and len(names) != len(params):
        raise ValueError(
            "all optimizer params should be with/without names. Some param names are missing"
        )
    return [p[1] if isinstance(p, tuple) else p for p in params], names


def _exported(state):
    return state.export() if isinstance(state, ParamState) else state


def _cast(param, value, key=None):
    """A copy of loaded state on the parameter's device, in its dtype if that is floating."""
    if isinstance(value, Tensor):
        if key in NUMBERS:
            return value.detach().clone()
        dtype = param.dtype if param.is_floating_point() else None
        moved = value.detach().to(device=param.device, dtype=dtype)
        if moved.is_sparse:
            return moved.clone()
        # torch shares what needs no cast; a copy keeps two optimisers apart
        return moved.clone() if moved.data_ptr() == value.data_ptr() else moved
    if isinstance(value, dict):
        cast = {k: _cast(param, v, k) for k, v in value.items()}
        # a step that is a plain number belongs to an optimiser that counts for itself
        return ParamState(cast) if isinstance(cast.get("step"), Tensor) else cast
    if isinstance(value, Iterable) and not isinstance(value, str):
        return type(value)(_cast(param, v) for v in value)
    return value


def is_low(beta):
    """True when 1 - beta is below one half, where torch's lerp changes its form."""
    return abs(1 - float(beta)) < 0.5
