"""Steps that go like the one before, and what interrupts them, against torch."""

import copy

import numpy as np
import pytest
import torch

import jtorch

START = [np.linspace(-1, 1, 6).reshape(2, 3), np.array([0.5, -2.0, 3.0])]
OPTIMIZERS = ("Adam", "AdamW", "SGD", "RMSprop", "Adagrad", "NAdam", "Adamax", "RAdam", "Rprop")


def backward(lib, params, skip=()):
    for p in params:
        p.grad = None
    loss = sum(((p - 9) ** 2).sum() for k, p in enumerate(params) if k not in skip)
    loss.backward()


def set_group(**settings):
    return lambda lib, optimizer, params: optimizer.param_groups[0].update(settings)


def look_at_step(lib, optimizer, params):
    state = optimizer.state[params[0]]
    if "step" in state:
        assert float(state["step"]) > 0


def write_step(lib, optimizer, params):
    for p in params:
        if "step" in optimizer.state[p]:
            optimizer.state[p]["step"] += 5


def scale_state(lib, optimizer, params):
    for t in optimizer.state[params[1]].values():
        if isinstance(t, lib.Tensor) and t.ndim:
            t.mul_(0.5)


def replace_state(lib, optimizer, params):
    state = optimizer.state[params[0]]
    state.update({k: t.clone() * 2 for k, t in state.items() if t.ndim})


def replace_states(lib, optimizer, params):
    for p in params:
        state = optimizer.state[p]
        optimizer.state[p] = {k: t.clone() for k, t in state.items()}


def reset_state(lib, optimizer, params):
    optimizer.state.clear()


def reload(lib, optimizer, params):
    saved = copy.deepcopy(optimizer.state_dict())
    saved["param_groups"][0]["lr"] *= 0.5
    optimizer.load_state_dict(saved)


def assign_data(lib, optimizer, params):
    params[0].data = lib.ones(2, 3)


def write_parameter(lib, optimizer, params):
    with lib.no_grad():
        params[1].mul_(0.9)


def another_group(lib, optimizer, params):
    params.append(lib.nn.Parameter(lib.ones(2)))
    optimizer.add_param_group({"params": [params[-1]], "lr": 0.02})


def regroup(lib, optimizer, params):
    optimizer.param_groups[0]["params"].reverse()


def view_as_gradient(lib, optimizer, params):
    params[0].grad = lib.arange(12.0).reshape(2, 6)[:, ::2]


def share_memory(lib, optimizer, params):
    params[1].detach().numpy()[0] = 0.25


INTERRUPTIONS = {
    "lr": set_group(lr=0.05),
    "weight_decay": set_group(weight_decay=0.1),
    "maximize": set_group(maximize=True),
    "look at step": look_at_step,
    "write step": write_step,
    "scale state": scale_state,
    "replace state": replace_state,
    "replace states": replace_states,
    "reset state": reset_state,
    "reload": reload,
    "assign data": assign_data,
    "write parameter": write_parameter,
    "another group": another_group,
    "regroup": regroup,
    "view as gradient": view_as_gradient,
    "share memory": share_memory,
    "nothing": lambda lib, optimizer, params: None,
}


def trajectory(lib, name, interruption):
    """Parameters after every one of 9 steps, in the middle of which the interruption comes."""
    params = [lib.nn.Parameter(lib.tensor(a, dtype=lib.float32)) for a in START]
    more = {"momentum": 0.9} if name == "SGD" else {}
    optimizer = getattr(lib.optim, name)(params, lr=0.1, **more)
    found = []
    for step in range(9):
        backward(lib, params, skip=(1,) if step == 7 else ())
        if step == 4:
            interruption(lib, optimizer, params)
        optimizer.step()
        found.append([p.detach().clone().numpy() for p in params])
    counts = [float(optimizer.state[p].get("step", 0)) for p in params]
    return found, counts


@pytest.mark.parametrize("what", INTERRUPTIONS)
@pytest.mark.parametrize("name", OPTIMIZERS)
def test_interrupted_steps(name, what):
    if what == "weight_decay" and name == "Rprop":
        what = "lr"  # it has no weight decay
    ours, theirs = (trajectory(lib, name, INTERRUPTIONS[what]) for lib in (jtorch, torch))
    for got, want in zip(ours[0], theirs[0], strict=True):
        for a, b in zip(got, want, strict=True):
            np.testing.assert_allclose(a, b, rtol=2e-5, atol=1e-6)
    assert ours[1] == theirs[1]


def test_steps_do_repeat():
    params = [jtorch.nn.Parameter(jtorch.ones(3))]
    optimizer = jtorch.optim.Adam(params)
    done = []
    for _ in range(4):
        backward(jtorch, params)
        done.append(optimizer._repeat(optimizer.param_groups[0]))
        if not done[-1]:
            optimizer.step()
    assert done == [False, True, True, True]
    assert float(optimizer.state[params[0]]["step"]) == 4


def test_an_optimizer_that_is_copied_or_pickled_steps_on():
    params = [jtorch.nn.Parameter(jtorch.ones(3))]
    optimizer = jtorch.optim.Adam(params)
    for _ in range(3):
        backward(jtorch, params)
        optimizer.step()
    twin = copy.deepcopy(optimizer)
    (copied,) = twin.param_groups[0]["params"]
    for _ in range(2):
        backward(jtorch, [copied])
        twin.step()
    assert float(twin.state[copied]["step"]) == 5
    assert float(optimizer.state[params[0]]["step"]) == 3


def test_state_has_the_methods_of_a_dict():
    params = [jtorch.nn.Parameter(jtorch.ones(3))]
    optimizer = jtorch.optim.Adam(params)
    backward(jtorch, params)
    optimizer.step()
    state = optimizer.state[params[0]]
    state.update(step=7)
    assert state["step"].item() == 7 and isinstance(state["step"], jtorch.Tensor)
    assert state.setdefault("step", 1).item() == 7
    assert state.setdefault("mine", "x") == "x"
    assert state.popitem() == ("mine", "x")
    state |= {"step": 3.0}
    assert state["step"].item() == 3
    state.clear()
    assert not state and "step" not in state
