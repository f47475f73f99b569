"""Averages of weights, and the schedule that goes with them, against torch."""

import warnings

import numpy as np
import pytest
import torch

import jtorch
from jtorch._engine import trace

LIBS = (torch, jtorch)


def network(lib, rng):
    model = lib.nn.Sequential(lib.nn.Linear(2, 3), lib.nn.BatchNorm1d(3), lib.nn.Linear(3, 1))
    with lib.no_grad():
        for p in model.parameters():
            p.copy_(lib.tensor(rng.standard_normal(tuple(p.shape))))
    return model


def averaged(lib, options):
    """Averages of four changes of a network, and its batch norms' statistics anew."""
    rng = np.random.default_rng(0)
    model, utils = network(lib, rng), lib.optim.swa_utils
    mean = eval(f"U.AveragedModel(m, {options})", {"U": utils, "m": model})
    data = lib.tensor(rng.standard_normal((8, 2))).float()
    for _ in range(4):
        with lib.no_grad():
            for p in model.parameters():
                p.add_(lib.tensor(rng.standard_normal(tuple(p.shape))))
        model(data)
        mean.update_parameters(model)
    before = [(k, v.double().tolist()) for k, v in mean.state_dict().items()]
    utils.update_bn([data, data * 2], mean)
    utils.update_bn([(data, 1), [data * 2]], mean)
    after = [(k, v.double().tolist()) for k, v in mean.state_dict().items()]
    return (
        before,
        after,
        mean.training,
        [m.momentum for m in mean.modules() if hasattr(m, "momentum")],
    )


def assert_close(got, want):
    assert [k for k, _ in got] == [k for k, _ in want]
    for (_, a), (_, b) in zip(got, want):
        np.testing.assert_allclose(a, b, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize(
    "options",
    [
        "",
        "device='cpu'",
        "use_buffers=True",
        "avg_fn=U.get_swa_avg_fn()",
        "avg_fn=U.get_ema_avg_fn(0.9), use_buffers=True",
        "avg_fn=lambda mean, new, n: 0.5 * (mean + new)",
        "multi_avg_fn=U.get_swa_multi_avg_fn()",
        "multi_avg_fn=U.get_ema_multi_avg_fn(0.9)",
        "multi_avg_fn=U.get_ema_multi_avg_fn(0.3), use_buffers=True",
    ],
)
def test_averages(options):
    """AveragedModel in all its ways, and update_bn."""
    want, got = averaged(torch, options), averaged(jtorch, options)
    assert_close(got[0], want[0])
    assert_close(got[1], want[1])
    assert got[2:] == want[2:]


@pytest.mark.parametrize("dtype", ["int64", "bfloat16", "complex64"])
@pytest.mark.parametrize("options", ["", "multi_avg_fn=U.get_ema_multi_avg_fn(0.9), "])
def test_buffers_of_other_dtypes(options, dtype):
    """Integers are rounded as torch does it."""
    seen = []
    for lib in LIBS:
        model, utils = lib.nn.Module(), lib.optim.swa_utils
        kind = getattr(lib, dtype)
        model.register_buffer("b", lib.tensor([3, 7]).to(kind))
        source = f"U.AveragedModel(m, {options}use_buffers=True)"
        mean = eval(source, {"U": utils, "m": model})
        for step in (3, 5, 1):
            model.b += lib.tensor(step).to(kind)
            mean.update_parameters(model)
        seen.append([complex(x) for x in mean.module.b.tolist()])
    np.testing.assert_allclose(seen[1], seen[0], rtol=1e-2 if dtype == "bfloat16" else 1e-6)


@pytest.mark.parametrize(
    "source",
    [
        "U.SWALR(o, 0.01)",
        "U.SWALR(o, [0.01, 0.02], anneal_epochs=4, anneal_strategy='linear')",
        "U.SWALR(o, 0.01, anneal_epochs=0)",
        "U.SWALR(o, 0.01, anneal_epochs=-1)",
        "U.SWALR(o, 0.01, anneal_strategy='x')",
        "U.SWALR(o, [0.1])",
        "U.SWALR(3, 0.1)",
        "U.get_ema_avg_fn(2)",
        "U.get_ema_multi_avg_fn(-1)",
        "U.AveragedModel(None, avg_fn=1, multi_avg_fn=2)",
    ],
)
def test_schedule_and_errors(source):
    """The rates of sixty steps and the names in the state, or the same error."""
    seen = []
    for lib in LIBS:
        params = [lib.nn.Parameter(lib.ones(2)) for _ in range(2)]
        groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.5}]
        opt = lib.optim.SGD(groups, lr=0.1)
        rates = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            try:
                scheduler = eval(source, {"U": lib.optim.swa_utils, "o": opt})
                for _ in range(60):
                    opt.step()
                    scheduler.step()
                    rates += [group["lr"] for group in opt.param_groups]
                seen.append((rates, sorted(scheduler.state_dict())))
            except Exception as error:
                seen.append((rates, [type(error).__name__, str(error)]))
    assert seen[1][0] == pytest.approx(seen[0][0], rel=1e-12)
    assert seen[1][1] == seen[0][1]


def test_few_nodes():
    """An update of the averages of many parameters is one node."""
    model = jtorch.nn.ParameterList([jtorch.nn.Parameter(jtorch.ones(3)) for _ in range(50)])
    mean = jtorch.optim.swa_utils.AveragedModel(
        model, multi_avg_fn=jtorch.optim.swa_utils.get_ema_multi_avg_fn(0.9)
    )
    for _ in range(2):
        mean.update_parameters(model)
        trace.step_boundary()
    mean.update_parameters(model)
    assert len(trace.state.trace.nodes) <= 3
