"""GradScaler against torch: scaling, skipped steps, growth, state, errors."""

import copy
import pickle
import warnings

import numpy as np
import pytest
import torch

import jtorch

LIBS = (torch, jtorch)


def both(program):
    """`program(lib)` gives the same in both libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want, got = program(torch), program(jtorch)
    assert got == want


def start(lib, **options):
    p = lib.nn.Parameter(lib.tensor([1.0, 2.0]))
    opt = lib.optim.SGD([p], lr=0.5)
    return p, opt, lib.amp.GradScaler("cpu", init_scale=8.0, growth_interval=2, **options)


def test_steps_and_growth():
    """Steps with infinite gradients are left out; the scale shrinks, and grows again."""

    def program(lib):
        p, opt, scaler = start(lib, growth_factor=4.0, backoff_factor=0.25)
        seen = []
        for factor in (1.0, 1.0, float("inf"), 1.0, float("nan"), 1.0, 1.0, 1.0):
            opt.zero_grad()
            loss = (p * p).sum() * factor
            scaler.scale(loss).backward()
            scaler.step(opt)
            scaler.update()
            seen.append((p.tolist(), scaler.get_scale(), scaler._get_growth_tracker()))
        return [*seen, scaler.state_dict()]

    both(program)


def test_unscale_and_clip():
    """Gradients are clipped between `unscale_` and `step`."""

    def program(lib):
        p, opt, scaler = start(lib)
        scaler.scale((p * p).sum()).backward()
        seen = [p.grad.tolist()]
        scaler.unscale_(opt)
        seen.append(p.grad.tolist())
        seen.append(float(lib.nn.utils.clip_grad_norm_([p], 1.0)))
        seen.append(scaler.step(opt))
        scaler.update()
        return [*np.round(p.tolist(), 5), *seen[:2], np.round(seen[2], 5), seen[3]]

    both(program)


def test_two_optimizers():
    """One scaler for two optimisers and losses: only the bad one's step is left out."""

    def program(lib):
        p, first, scaler = start(lib)
        q, second, _ = start(lib)
        for loss in scaler.scale([(p * p).sum(), (q / 0.0).sum()]):
            loss.backward()
        scaler.step(first)
        scaler.step(second)
        scaler.update()
        return [p.tolist(), q.tolist(), scaler.get_scale()]

    both(program)


def test_state():
    """state_dict, load_state_dict, pickling, copies, and `update` with a value."""

    def program(lib):
        p, opt, scaler = start(lib)
        scaler.scale(p.sum()).backward()
        scaler.step(opt)
        scaler.update()
        other = lib.amp.GradScaler("cpu")
        other.load_state_dict(scaler.state_dict())
        seen = [other.state_dict(), pickle.loads(pickle.dumps(scaler)).state_dict()]
        seen.append(copy.deepcopy(scaler).state_dict())
        scaler.update(3.0)
        seen.append(scaler.get_scale())
        scaler.update(lib.tensor(5.0))
        seen.append(scaler.get_scale())
        scaler.set_growth_factor(3.0)
        scaler.set_backoff_factor(0.1)
        scaler.set_growth_interval(7)
        seen += [scaler.get_growth_factor(), scaler.get_backoff_factor()]
        return [*seen, scaler.get_growth_interval(), scaler.is_enabled()]

    both(program)


def test_disabled():
    """A disabled scaler changes nothing."""

    def program(lib):
        p = lib.nn.Parameter(lib.tensor([1.0, 2.0]))
        opt = lib.optim.SGD([p], lr=0.5)
        scaler = lib.amp.GradScaler("cpu", enabled=False)
        scaler.scale(p.sum()).backward()
        scaler.unscale_(opt)
        scaler.step(opt)
        scaler.update()
        return [p.tolist(), scaler.get_scale(), scaler.state_dict(), scaler.is_enabled()]

    both(program)


@pytest.mark.parametrize(
    "source",
    [
        "s.step(o)",
        "s.update()",
        "s.unscale_(o)",
        "s.scale(3)",
        "s.load_state_dict({})",
        "[s.scale(p.sum()).backward(), s.unscale_(o), s.unscale_(o)]",
        "[s.scale(p.sum()).backward(), s.step(o), s.unscale_(o)]",
        "[s.scale(p.sum()).backward(), s.step(o), s.step(o)]",
        "[s.scale(p.sum()), s.step(o)]",
        "[s.scale(p.sum()), s.update()]",
        "[s.scale(p.sum()).backward(), s.step(o, closure=len)]",
        "[s.scale(p.sum()).backward(), s.unscale_(o), pickle.dumps(s)]",
        "[s.scale(h.sum()).backward(), s.unscale_(torch.optim.SGD([h]))]",
        "torch.amp.GradScaler('cpu', growth_factor=0.5)",
        "torch.amp.GradScaler('cpu', backoff_factor=2.0)",
    ],
)
def test_errors(source):
    """The same exception class and message."""
    errors = []
    for lib in LIBS:
        p, opt, scaler = start(lib)
        half = lib.nn.Parameter(lib.ones(2, dtype=lib.float16))
        scope = {"torch": lib, "p": p, "o": opt, "s": scaler, "h": half, "pickle": pickle}
        with pytest.raises(Exception) as caught:
            eval(source, scope)
        errors.append((caught.type, str(caught.value)))
    assert errors[1] == errors[0]


def test_optimizer_that_unscales():
    """An optimiser that says so is handed the scale and the check instead."""

    def program(lib):
        seen = []

        class Own(lib.optim.SGD):
            def step(self, closure=None):
                seen.append((float(self.grad_scale), float(self.found_inf)))
                return 3

        p = lib.nn.Parameter(lib.tensor([1.0, 2.0]))
        opt = Own([p], lr=0.5)
        opt._step_supports_amp_scaling = True
        scaler = lib.amp.GradScaler("cpu", init_scale=8.0)
        scaler.scale((p / 0.0).sum()).backward()
        seen.append(scaler.step(opt))
        scaler.update()
        return [*seen, scaler.get_scale(), hasattr(opt, "grad_scale")]

    both(program)


def test_functions():
    """The functions that optimisers with kernels of their own call."""

    def program(lib):
        grads = [lib.tensor([2.0, 4.0]), lib.tensor([float("inf")])]
        found, inverse = lib.zeros(1), lib.tensor(0.5)
        lib._amp_foreach_non_finite_check_and_unscale_(grads[:1], found, inverse)
        seen = [grads[0].tolist(), found.tolist()]
        lib._amp_foreach_non_finite_check_and_unscale_(grads, found, inverse)
        seen += [grads[0].tolist(), found.tolist()]
        scale, tracker = lib.tensor(4.0), lib.tensor(1, dtype=lib.int32)
        for bad in (0.0, 1.0, 0.0, 0.0):
            lib._amp_update_scale_(scale, tracker, lib.tensor(bad), 2.0, 0.5, 2)
            seen.append((float(scale), int(tracker)))
        return seen

    both(program)
