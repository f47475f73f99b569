"""Averages of weights over training steps."""

import itertools
import math
from copy import deepcopy

from .._engine.dtypes import int64
from .._engine.tensor import Tensor
from ..autograd import no_grad
from ..nn.modules.batchnorm import _BatchNorm
from ..nn.modules.module import Module
from ..ops.registry import ops
from ._schedule import LRScheduler, per_group

__all__ = [
    "SWALR",
    "AveragedModel",
    "get_ema_avg_fn",
    "get_ema_multi_avg_fn",
    "get_swa_avg_fn",
    "get_swa_multi_avg_fn",
    "update_bn",
]


def _check_decay(decay):
    if not 0.0 <= decay <= 1.0:
        raise ValueError(
            f"Invalid decay value {decay} provided. Please provide a value in [0,1] range."
        )


def _move(means, values, weight):
    """Move averages towards values, all in one operation. Returns the pairs of integers, which are
    left.
    """
    pairs = list(zip(means, values, strict=True))
    floats = [(m, v) for m, v in pairs if m.is_floating_point() or m.is_complex()]
    if floats:
        moved = ops.optim_lerp(*zip(*floats, strict=True), weight, low=abs(weight) < 0.5)
        for (mean, _), new in zip(floats, moved, strict=True):
            mean._set_data(new)
    return [(m, v) for m, v in pairs if not (m.is_floating_point() or m.is_complex())]


def get_ema_multi_avg_fn(decay=0.999):
    """A function that moves lists of averages towards lists of parameters."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param_list, current_param_list, _):
        for ema, current in _move(ema_param_list, current_param_list, 1 - decay):
            ema.copy_(ema * decay + current * (1 - decay))

    return ema_update


def get_swa_multi_avg_fn():
    """A function that takes lists of parameters into lists of equal-weight averages."""

    @no_grad()
    def swa_update(averaged_param_list, current_param_list, num_averaged):
        weight = 1 / (float(num_averaged) + 1)
        for mean, current in _move(averaged_param_list, current_param_list, weight):
            mean.copy_(mean + (current - mean) / (num_averaged + 1))

    return swa_update


def get_ema_avg_fn(decay=0.999):
    """A function that gives the exponential moving average of one parameter."""
    _check_decay(decay)

    @no_grad()
    def ema_update(ema_param, current_param, num_averaged):
        return decay * ema_param + (1 - decay) * current_param

    return ema_update


def get_swa_avg_fn():
    """A function that gives the equal-weight average of one parameter."""

    @no_grad()
    def swa_update(averaged_param, current_param, num_averaged):
        return averaged_param + (current_param - averaged_param) / (num_averaged + 1)

    return swa_update


def _take(target, source):
    """`target.copy_(source)`, without a copy where both are alike: contents are never written
    over.
    """
    if target._aval is source._aval:
        target._set_data(source)
    else:
        target.copy_(source)


class AveragedModel(Module):
    """A copy of a module whose parameters are averages of the module's (Izmailov et al. 2018)."""

    def __init__(self, model, device=None, avg_fn=None, multi_avg_fn=None, use_buffers=False):
        super().__init__()
        if avg_fn is not None and multi_avg_fn is not None:
            raise AssertionError("Only one of avg_fn and multi_avg_fn should be provided")
        self.module = deepcopy(model)
        if device is not None:
            self.module = self.module.to(device)
        self.register_buffer("n_averaged", ops.tensor(0, dtype=int64, device=device))
        self.avg_fn = avg_fn
        self.multi_avg_fn = multi_avg_fn
        self.use_buffers = use_buffers

    def forward(self, *args, **kwargs):
        """Call the averaged copy."""
        return self.module(*args, **kwargs)

    def _pairs(self, model):
        ours, theirs = self.module.parameters(), model.parameters()
        if self.use_buffers:
            ours = itertools.chain(ours, self.module.buffers())
            theirs = itertools.chain(theirs, model.buffers())
        pairs = list(zip(ours, theirs, strict=False))
        return [a.detach() for a, _ in pairs], [b.detach().to(a.device) for a, b in pairs]

    def update_parameters(self, model):
        """Take the current parameters of `model` into the averages."""
        means, values = self._pairs(model)
        seen = int(self.n_averaged)
        if seen == 0:
            for mean, value in zip(means, values, strict=True):
                _take(mean, value)
        elif self.multi_avg_fn is not None:
            self.multi_avg_fn(means, values, self.n_averaged)
        elif self.avg_fn is not None:
            for mean, value in zip(means, values, strict=True):
                mean.copy_(self.avg_fn(mean, value, self.n_averaged))
        else:
            get_swa_multi_avg_fn()(means, values, seen)
        if not self.use_buffers:
            for ours, theirs in zip(self.module.buffers(), model.buffers(), strict=False):
                _take(ours.detach(), theirs.detach().to(ours.device))
        self.n_averaged += 1


@no_grad()
def update_bn(loader, model, device=None):
    """Compute the running statistics of all batch norms anew, over one pass of `loader`."""
    norms = [m for m in model.modules() if isinstance(m, _BatchNorm)]
    if not norms:
        return
    momenta = [norm.momentum for norm in norms]
    was_training = model.training
    model.train()
    for norm in norms:
        norm.reset_running_stats()
        # the cumulative average
        norm.momentum = None
    for batch in loader:
        inputs = batch[0] if isinstance(batch, (list, tuple)) else batch
        if device is not None and isinstance(inputs, Tensor):
            inputs = inputs.to(device)
        model(inputs)
    for norm, momentum in zip(norms, momenta, strict=True):
        norm.momentum = momentum
    model.train(was_training)


class SWALR(LRScheduler):
    """Goes from the current rate to `swa_lr` in `anneal_epochs` steps, and stays there."""

    def __init__(self, optimizer, swa_lr, anneal_epochs=10, anneal_strategy="cos", last_epoch=-1):
        rates = per_group("swa_lr", optimizer, swa_lr)
        for rate, group in zip(rates, optimizer.param_groups, strict=True):
            group["swa_lr"] = rate
        if anneal_strategy not in ("cos", "linear"):
            raise ValueError(
                f"anneal_strategy must be one of 'cos' or 'linear', instead got {anneal_strategy}"
            )
        if not isinstance(anneal_epochs, int) or anneal_epochs < 0:
            raise ValueError(f"anneal_epochs must be equal or greater than 0, got {anneal_epochs}")
        self._anneal_strategy = anneal_strategy
        self.anneal_epochs = anneal_epochs
        super().__init__(optimizer, last_epoch)

    def _share(self, t):
        """How much of the way is done at time t in [0, 1]."""
        return t if self._anneal_strategy == "linear" else (1 - math.cos(math.pi * t)) / 2

    def get_lr(self):
        """The next rates, from the current ones."""
        self._note_get_lr()
        step = self._step_count - 1
        length = max(1, self.anneal_epochs)
        before = self._share(max(0, min(1, (step - 1) / length)))
        now = self._share(max(0, min(1, step / length)))
        rates = []
        for group in self.optimizer.param_groups:
            target = group["swa_lr"]
            # undo the part that is done, to know where this group started
            start = target if before == 1 else (group["lr"] - before * target) / (1 - before)
            rates.append(target * now + start * (1 - now))
        return rates
