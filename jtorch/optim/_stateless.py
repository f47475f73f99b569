"""Steps on parameters and state that are lent to an optimiser for a while."""

import contextlib
from collections import defaultdict

from .._engine.tensor import Tensor

__all__ = ["swap_in_optimizer_params_and_state"]

_NAME = "swap_in_optimizer_params_and_state"


def _require(condition, message):
    if not condition:
        raise RuntimeError(message)


def _check_state(state):
    _require(
        isinstance(state, dict),
        f"{_NAME} requires swapin_optim_state['state'] to be a dict mapping packed parameter ids "
        f"to per-param state dicts, got {type(state).__name__}.",
    )
    _require(
        not any(isinstance(key, Tensor) for key in state),
        f"{_NAME} requires optimizer.state_dict()-style state keyed by packed parameter ids.",
    )
    _require(
        all(isinstance(v, dict) for key, v in state.items() if isinstance(key, int)),
        f"{_NAME} requires per-parameter optimizer state entries to be dictionaries.",
    )


def _check_group(i, live, lent):
    _require(
        isinstance(lent, dict),
        f"{_NAME} requires each optimizer param group to be a dictionary.",
    )
    numbers = lent.get("params")
    _require(
        isinstance(numbers, list) and all(isinstance(n, int) for n in numbers),
        f"{_NAME} requires optimizer.state_dict()-style param_groups[*]['params'] entries keyed by "
        "packed parameter ids.",
    )
    _require(
        len(live["params"]) == len(numbers),
        f"swapin_optim_state param group {i} has a different number of params than the live "
        "optimizer param group.",
    )
    only = [k for k in lent if k not in live], [k for k in live if k not in lent]
    _require(
        not any(only),
        f"{_NAME} requires optimizer.state_dict()-style param group keys to exactly match the live "
        f"optimizer group keys for group {i}. Keys only in swap-in: {only[0]}. Keys only in live: "
        f"{only[1]}.",
    )


def _checked(optimizer, lent):
    """The state and the groups of a state dict that fits the optimiser."""
    _require(optimizer.state, f"{_NAME} requires initialized optimizer state.")
    _require(isinstance(lent, dict), f"{_NAME} requires a DCP-style optimizer state_dict.")
    state, groups = lent.get("state"), lent.get("param_groups")
    _check_state(state)
    _require(
        isinstance(groups, list),
        f"{_NAME} requires swapin_optim_state['param_groups'] to be a list of param-group dicts, "
        f"got {type(groups).__name__}.",
    )
    _require(
        len(optimizer.param_groups) == len(groups),
        "swapin_optim_state has a different number of parameter groups than the live optimizer.",
    )
    for i, (live, group) in enumerate(zip(optimizer.param_groups, groups, strict=True)):
        _check_group(i, live, group)
    known = {number for group in groups for number in group["params"]}
    extra = [key for key in state if key not in known]
    _require(
        not extra,
        f"{_NAME} requires swapin_optim_state['state'] to be keyed only by packed parameter ids "
        f"from param_groups[*]['params']; got extra keys {extra!r}.",
    )
    return state, groups


@contextlib.contextmanager
def swap_in_optimizer_params_and_state(optimizer, swapin_parameters, swapin_optim_state):
    """Inside, the optimiser has other parameters, settings and state: `swapin_parameters` in the
    order of its own, and a `state_dict()` for them, whose tensors are written into.

    Raises RuntimeError for a state dict that does not fit.
    """
    state, groups = _checked(optimizer, swapin_optim_state)
    params = list(swapin_parameters.values())
    _require(
        len(params) >= sum(len(group["params"]) for group in groups),
        f"{_NAME} requires the explicit parameter state to match optimizer.param_groups ordering.",
    )
    own_state, own_groups = optimizer.state, [dict(group) for group in optimizer.param_groups]
    lent = defaultdict(dict)
    params = iter(params)
    try:
        for live, group in zip(optimizer.param_groups, groups, strict=True):
            live.update(group)
            live["params"] = [next(params) for _ in group["params"]]
            for p, number in zip(live["params"], group["params"], strict=True):
                lent[p] = dict(state.get(number, {}))
        optimizer.state = lent
        yield
    finally:
        for live, own in zip(optimizer.param_groups, own_groups, strict=True):
            live.clear()
            live.update(own)
        optimizer.state = own_state
