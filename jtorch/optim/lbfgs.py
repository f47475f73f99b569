"""L-BFGS."""

from collections import namedtuple

from ..autograd import enable_grad, no_grad
from ..ops.registry import ops
from .optimizer import Optimizer

__all__ = ["LBFGS"]

# a point of the line search: step size, loss, gradient, and the gradient along the direction
_Point = namedtuple("_Point", ["t", "f", "g", "slope"])


def _cubic_minimum(a, b, bounds=None):
    """Minimum of the cubic through two points with their slopes, kept within the bounds."""
    low, high = bounds or (min(a.t, b.t), max(a.t, b.t))
    d1 = a.slope + b.slope - 3 * (a.f - b.f) / (a.t - b.t)
    square = d1 * d1 - a.slope * b.slope
    if square < 0:
        return (low + high) / 2.0
    d2 = square**0.5
    if a.t <= b.t:
        t = b.t - (b.t - a.t) * ((b.slope + d2 - d1) / (b.slope - a.slope + 2 * d2))
    else:
        t = a.t - (a.t - b.t) * ((a.slope + d2 - d1) / (a.slope - b.slope + 2 * d2))
    return min(max(t, low), high)


class _WolfeSearch:
    """Line search for the strong Wolfe conditions (Nocedal and Wright, algorithms 3.5, 3.6).

    evaluate(t) gives loss and gradient at step size t along `direction`.
    """

    c1 = 1e-4
    c2 = 0.9

    def __init__(self, evaluate, direction, start, tolerance_change, max_evals):
        self.evaluate = evaluate
        self.direction = direction
        self.start = start
        self.tolerance = tolerance_change
        self.max_evals = max_evals
        self.reach = direction.abs().max().item()
        self.evals = 0
        self.rounds = 0

    def at(self, t):
        """The point at step size t."""
        f, g = self.evaluate(t)
        self.evals += 1
        return _Point(t, f, g, g.dot(self.direction).item())

    def too_high(self, point):
        """The loss did not go down enough."""
        return point.f > self.start.f + self.c1 * point.t * self.start.slope

    def flat(self, point):
        """The slope is small enough."""
        return abs(point.slope) <= -self.c2 * self.start.slope

    def run(self, t):
        """The point found, from a first step size t."""
        bracket, done = self.find_bracket(t)
        if not done:
            bracket = self.zoom(bracket)
        return bracket[0] if len(bracket) == 1 else min(bracket, key=lambda point: point.f)

    def find_bracket(self, t):
        """Two points around a minimum, or one point that will do."""
        before = self.start
        point = self.at(t)
        while self.rounds < self.max_evals:
            if self.too_high(point) or (self.rounds > 1 and point.f >= before.f):
                return [before, point], False
            if self.flat(point):
                return [point], True
            if point.slope >= 0:
                return [before, point], False
            bounds = (point.t + 0.01 * (point.t - before.t), point.t * 10)
            t = _cubic_minimum(before, point, bounds)
            before, point = point, self.at(t)
            self.rounds += 1
        return [self.start, point], False

    def zoom(self, bracket):
        """Narrow the bracket until a point in it will do."""
        stalled = False
        low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
        while self.rounds < self.max_evals:
            ends = (bracket[0].t, bracket[1].t)
            if abs(ends[1] - ends[0]) * self.reach < self.tolerance:
                break
            t, stalled = self.inside(_cubic_minimum(*bracket), ends, stalled)
            point = self.at(t)
            self.rounds += 1
            if self.too_high(point) or point.f >= bracket[low].f:
                bracket[high] = point
                low, high = (0, 1) if bracket[0].f <= bracket[1].f else (1, 0)
                continue
            if self.flat(point):
                return [point]
            if point.slope * (bracket[high].t - bracket[low].t) >= 0:
                bracket[high] = bracket[low]
            bracket[low] = point
        return [bracket[low]]

    @staticmethod
    def inside(t, ends, stalled):
        """Keep t off the ends of the bracket when it is there for the second time."""
        margin = 0.1 * (max(ends) - min(ends))
        if min(max(ends) - t, t - min(ends)) >= margin:
            return t, False
        if not (stalled or t >= max(ends) or t <= min(ends)):
            return t, True
        near_top = abs(t - max(ends)) < abs(t - min(ends))
        return (max(ends) - margin if near_top else min(ends) + margin), False


class LBFGS(Optimizer):
    """L-BFGS; `step` needs a closure and waits for its losses.

    line_search_fn: None, or "strong_wolfe". All parameters form one group.
    """

    _settings = "lr max_iter max_eval tolerance_grad tolerance_change history_size line_search_fn"

    def __init__(
        self,
        params,
        lr=1,
        max_iter=20,
        max_eval=None,
        tolerance_grad=1e-7,
        tolerance_change=1e-9,
        history_size=100,
        line_search_fn=None,
    ):
        if max_eval is None:
            max_eval = max_iter * 5 // 4
        self._configure(params, locals(), "lr")
        if len(self.param_groups) != 1:
            raise ValueError("LBFGS doesn't support per-parameter options (parameter groups)")
        self._params = self.param_groups[0]["params"]

    def __setstate__(self, state):
        super().__setstate__(state)
        self._params = self.param_groups[0]["params"]

    def _flat(self, tensor):
        if tensor.is_complex():
            tensor = ops.view_as_real(tensor)
        return tensor.reshape(-1)

    def _gather_flat_grad(self):
        parts = []
        for p in self._params:
            parts.append(self._flat(ops.zeros_like(p) if p.grad is None else p.grad))
        return ops.cat(parts, 0)

    def _add_grad(self, step_size, update):
        at = 0
        moves = []
        for p in self._params:
            like = ops.view_as_real(p.detach()) if p.is_complex() else p
            piece = update[at : at + like.numel()].view_as(like)
            moves.append(ops.view_as_complex(piece) if p.is_complex() else piece)
            at += like.numel()
        for p, new in zip(
            self._params, ops.optim_add(self._params, moves, float(step_size)), strict=True
        ):
            p._set_data(new)

    def _directional_evaluate(self, closure, saved, t, direction):
        self._add_grad(t, direction)
        loss = float(closure())
        grad = self._gather_flat_grad()
        for p, old in zip(self._params, saved, strict=True):
            p.copy_(old)
        return loss, grad

    @no_grad()
    def step(self, closure):
        """Up to max_iter iterations; `closure` clears gradients, computes and returns the loss."""
        closure = enable_grad()(closure)
        group = self.param_groups[0]
        state = self.state[self._params[0]]
        state.setdefault("func_evals", 0)
        state.setdefault("n_iter", 0)
        first_loss = closure()
        loss = float(first_loss)
        state["func_evals"] += 1
        grad = self._gather_flat_grad()
        if grad.abs().max().item() <= group["tolerance_grad"]:
            return first_loss
        evals = 1
        for i in range(group["max_iter"]):
            self._next_direction(state, grad, group["history_size"])
            state["prev_loss"] = loss
            t = group["lr"]
            if state["n_iter"] == 1:
                t = t * min(1.0, 1.0 / grad.abs().sum().item())
            state["t"] = t
            slope = grad.dot(state["d"]).item()
            if slope > -group["tolerance_change"]:
                break
            last = i == group["max_iter"] - 1
            loss, grad, used, small = self._move(
                group, state, closure, loss, grad, slope, evals, last
            )
            evals += used
            state["func_evals"] += used
            if last or evals >= group["max_eval"] or small:
                break
            if self._stuck(group, state, loss):
                break
        return first_loss

    def _stuck(self, group, state, loss):
        limit = group["tolerance_change"]
        reach = state["d"].mul(state["t"]).abs().max().item()
        return reach <= limit or abs(loss - state["prev_loss"]) < limit

    def _next_direction(self, state, grad, history_size):
        state["n_iter"] += 1
        if state["n_iter"] == 1:
            state.update(d=grad.neg(), old_dirs=[], old_stps=[], ro=[], H_diag=1)
        else:
            self._remember(state, grad, history_size)
            state["d"] = self._two_loops(state, grad, history_size)
        state["prev_flat_grad"] = grad.clone()

    def _remember(self, state, grad, history_size):
        change = grad.sub(state["prev_flat_grad"])
        moved = state["d"].mul(state["t"])
        curvature = change.dot(moved)
        if curvature.item() <= 1e-10:
            return
        if len(state["old_dirs"]) == history_size:
            for name in ("old_dirs", "old_stps", "ro"):
                state[name].pop(0)
        state["old_dirs"].append(change)
        state["old_stps"].append(moved)
        state["ro"].append(1.0 / curvature)
        state["H_diag"] = curvature / change.dot(change)

    def _two_loops(self, state, grad, history_size):
        """The inverse Hessian estimate times -grad (Nocedal 1980)."""
        history = list(zip(state["old_dirs"], state["old_stps"], state["ro"], strict=True))
        al = state.setdefault("al", [None] * history_size)
        q = grad.neg()
        for i, (y, s, ro) in reversed(list(enumerate(history))):
            al[i] = s.dot(q) * ro
            q = q - y * al[i]
        r = q * state["H_diag"]
        for i, (y, s, ro) in enumerate(history):
            r = r + s * (al[i] - y.dot(r) * ro)
        return r

    def _move(self, group, state, closure, loss, grad, slope, evals, last):
        """Go along the direction: (loss, gradient, evaluations, gradient is small)."""
        d, t = state["d"], state["t"]
        search = group["line_search_fn"]
        if search is None:
            self._add_grad(t, d)
            if last:
                # nobody needs the loss at the end
                return loss, grad, 0, False
            loss = float(closure())
            grad = self._gather_flat_grad()
            return loss, grad, 1, grad.abs().max().item() <= group["tolerance_grad"]
        if search != "strong_wolfe":
            raise RuntimeError("only 'strong_wolfe' is supported")
        saved = [p.clone() for p in self._params]
        wolfe = _WolfeSearch(
            lambda t: self._directional_evaluate(closure, saved, t, d),
            d,
            _Point(0, loss, grad, slope),
            # torch searches with this tolerance whatever the group says
            1e-9,
            group["max_eval"] - evals,
        )
        found = wolfe.run(float(t))
        state["t"] = found.t
        self._add_grad(found.t, d)
        small = found.g.abs().max().item() <= group["tolerance_grad"]
        return found.f, found.g, wolfe.evals, small
