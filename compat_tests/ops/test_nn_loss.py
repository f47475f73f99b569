"""Loss functions against torch: values, gradients, reductions, errors."""

import numpy as np
import pytest

from compat_tests.harness import expression

RNG = np.random.RandomState(13)


def randn(*shape):
    """Normal random numbers."""
    return RNG.randn(*shape).astype(np.float32)


X, Y, W = randn(6, 5), randn(6, 5), np.abs(randn(5)) + 0.1
IMAGE = randn(2, 5, 3, 4)
T = np.array([0, 4, 2, 2, 1, -100])
LABELS = RNG.randint(0, 5, (2, 3, 4))
SIGNS = np.where(RNG.rand(6) > 0.5, 1, -1)
PROB = RNG.rand(6, 5).astype(np.float32) * 0.98 + 0.01
OPERANDS = {"x": X, "y": Y, "w": W, "t": T, "s": SIGNS, "p": PROB, "z": IMAGE, "k": LABELS}
REDUCTIONS = ("none", "mean", "sum")

REDUCED = [
    "F.cross_entropy(x, t, reduction='R')",
    "F.cross_entropy(x, t, w.detach(), reduction='R')",
    "F.cross_entropy(x, t, w.detach(), label_smoothing=0.2, reduction='R')",
    "F.cross_entropy(x, t, label_smoothing=0.1, reduction='R')",
    "F.cross_entropy(x, t.abs() % 5, ignore_index=2, reduction='R')",
    "F.cross_entropy(z, k, reduction='R')",
    "F.cross_entropy(z, k, w.detach(), label_smoothing=0.2, reduction='R')",
    "F.cross_entropy(x, p, reduction='R')",
    "F.cross_entropy(x, p, w.detach(), label_smoothing=0.3, reduction='R')",
    "F.cross_entropy(x[0], t[1], reduction='R')",
    "F.cross_entropy(x[0], p[0], reduction='R')",
    "F.nll_loss(F.log_softmax(x, 1), t, reduction='R')",
    "F.nll_loss(F.log_softmax(x, 1), t, w.detach(), reduction='R')",
    "F.nll_loss(z, k, reduction='R')",
    "F.nll_loss(x[0], t[1], reduction='R')",
    "F.mse_loss(x, y, reduction='R')",
    "F.mse_loss(x, y[:1], reduction='R')",
    "F.l1_loss(x, y, reduction='R')",
    "F.smooth_l1_loss(x, y, reduction='R')",
    "F.smooth_l1_loss(x, y, beta=0.3, reduction='R')",
    "F.huber_loss(x, y, delta=0.7, reduction='R')",
    "F.binary_cross_entropy(p, p.detach().flip(0), reduction='R')",
    "F.binary_cross_entropy(p, (p.detach() > 0.5).float(), w.detach(), reduction='R')",
    "F.binary_cross_entropy_with_logits(x, p, reduction='R')",
    "F.binary_cross_entropy_with_logits(x, p, w.detach(), pos_weight=w.detach(), reduction='R')",
    "F.kl_div(F.log_softmax(x, 1), p, reduction='R')",
    "F.kl_div(F.log_softmax(x, 1), y, reduction='R', log_target=True)",
    "F.poisson_nll_loss(x, p * 4, full=True, reduction='R')",
    "F.poisson_nll_loss(p, p.flip(0) * 4, log_input=False, reduction='R')",
    "F.gaussian_nll_loss(x, y, p, reduction='R')",
    "F.gaussian_nll_loss(x, y, p[:, :1], full=True, reduction='R')",
    "F.hinge_embedding_loss(x[:, 0], s, reduction='R')",
    "F.margin_ranking_loss(x[:, 0], y[:, 0], s, 0.3, reduction='R')",
    "F.cosine_embedding_loss(x, y, s, 0.1, reduction='R')",
    "F.triplet_margin_loss(x, y, p, reduction='R')",
    "F.triplet_margin_loss(x, y, p, 0.5, 1.0, swap=True, reduction='R')",
    "F.triplet_margin_with_distance_loss(x, y, p, swap=True, reduction='R')",
    "F.multi_margin_loss(x, t.abs() % 5, reduction='R')",
    "F.multi_margin_loss(x, t.abs() % 5, 2, 0.5, w.detach(), reduction='R')",
    "F.multilabel_margin_loss(x, torch.tensor([[0, 3, -1, 2, 1]] * 6), reduction='R')",
    "F.multilabel_soft_margin_loss(x, (p.detach() > 0.5).float(), w.detach(), reduction='R')",
    "F.soft_margin_loss(x[:, 0], s.float(), reduction='R')",
]


@pytest.mark.parametrize("program", REDUCED)
def test_loss(program):
    for reduction in REDUCTIONS:
        expression(program.replace("'R'", f"'{reduction}'"), OPERANDS, scale=5.0)


SINGLE = [
    "F.kl_div(F.log_softmax(x, 1), p, reduction='batchmean')",
    "F.mse_loss(x, y, size_average=False)",
    "F.mse_loss(x, y, reduce=False)",
    "F.cross_entropy(x, t, size_average=True)",
    "F.binary_cross_entropy_with_logits(x * 1000, p)",
    "F.cross_entropy(x * 1e4, t)",
    "F.cross_entropy(x, torch.full((6,), -100))",
    "F.mse_loss(x, y, weight=p)",
    "F.l1_loss(x, x.detach())",
    "F.nll_loss(x.double(), t)",
]


@pytest.mark.parametrize("program", SINGLE)
def test_special(program):
    expression(program, OPERANDS, scale=5.0)


def test_half():
    expression("F.cross_entropy(x.bfloat16(), t)", OPERANDS, scale=100.0)


ERRORS = [
    "F.cross_entropy(x, t + 1)",
    "F.cross_entropy(x, t[:4])",
    "F.cross_entropy(x, t.reshape(6, 1))",
    "F.cross_entropy(x, t.float())",
    "F.cross_entropy(x, t, torch.ones(4))",
    "F.cross_entropy(x, t, reduction='avg')",
    "F.cross_entropy(x, t, label_smoothing=2.0)",
    "F.cross_entropy(x.long(), t)",
    "F.nll_loss(x, t + 1)",
    "F.nll_loss(x, t - 1)",
    "F.mse_loss(x, y[:2])",
    "F.mse_loss(x, y, reduction='avg')",
    "F.binary_cross_entropy(x, p)",
    "F.binary_cross_entropy(p, p[:2])",
    "F.binary_cross_entropy_with_logits(x, p[:2])",
    "F.gaussian_nll_loss(x, y, p[:2])",
    "F.gaussian_nll_loss(x, y, -p)",
    "F.smooth_l1_loss(x, y, beta=-1.0)",
    "F.huber_loss(x, y, delta=0.0)",
    "F.multi_margin_loss(x, t, p=3)",
    "F.cosine_embedding_loss(x, y, x)",
    "F.margin_ranking_loss(x, y[0], s)",
]


@pytest.mark.parametrize("program", ERRORS)
def test_errors(program):
    expression(program, OPERANDS)


LOGITS = randn(12, 3, 6)
CTC = {
    "x": LOGITS,
    "r": np.array([[1, 2, 3, 3], [2, 2, 1, 0], [4, 5, 1, 2]]),
    "v": np.array([1, 2, 3, 3, 2, 2, 1, 4, 5, 1, 2]),
}


@pytest.mark.parametrize("reduction", REDUCTIONS)
def test_ctc(reduction):
    start = "lp = F.log_softmax(x, -1); "
    for targets in ("r", "v"):
        call = f"out = F.ctc_loss(lp, {targets}, (12, 10, 11), (4, 3, 4), reduction='{reduction}')"
        expression(start + call, CTC, scale=10.0)
    call = "out = F.ctc_loss(x, r, (12, 2, 11), (4, 3, 4), zero_infinity=True, "
    call += f"reduction='{reduction}')"
    expression(call, CTC, scale=10.0)


def test_ctc_errors():
    expression("F.ctc_loss(x, r, (13, 12, 12), (4, 3, 4))", CTC)
    expression("F.ctc_loss(x, r, (12, 12), (4, 3, 4))", CTC)
