"""optax's transformations as torch optimisers, against loops written by hand in JAX."""

import jax
import jax.numpy as jnp
import numpy as np
import optax
import pytest
from optax import contrib

import jtorch

STEPS = 8
SHAPES = {"a": (4, 3), "b": (3,)}
RNG = np.random.default_rng(0)
START = {n: RNG.standard_normal(s).astype("float32") for n, s in SHAPES.items()}
GOAL = {n: RNG.standard_normal(s).astype("float32") for n, s in SHAPES.items()}

TRANSFORMATIONS = {
    "lion": lambda: optax.lion(1e-2),
    "adafactor with a schedule": lambda: optax.adafactor(
        optax.warmup_cosine_decay_schedule(0.0, 0.1, 3, 8), min_dim_size_to_factor=2
    ),
    "adabelief": lambda: optax.adabelief(1e-1),
    "adamw with a mask": lambda: optax.adamw(1e-2, mask={"a": True, "b": False}),
    "lamb": lambda: optax.lamb(1e-1),
    "sgd with a schedule": lambda: optax.sgd(optax.exponential_decay(0.1, 2, 0.5), 0.9, True),
    "novograd": lambda: optax.novograd(1e-1),
    "sm3": lambda: optax.sm3(1e-1),
    "lookahead of a chain": lambda: optax.chain(
        optax.clip_by_global_norm(1.0), optax.add_decayed_weights(1e-2), optax.adan(1e-1)
    ),
    "noisy_sgd": lambda: optax.noisy_sgd(1e-1, key=3),
    "by label": lambda: optax.multi_transform(
        {"fast": optax.adam(0.1), "slow": optax.sgd(0.01)}, {"a": "fast", "b": "slow"}
    ),
    "every second step": lambda: optax.MultiSteps(
        optax.adam(0.1), every_k_schedule=2
    ).gradient_transformation(),
    "muon": lambda: contrib.muon(1e-1),
    "galore": lambda: contrib.galore(1e-1, rank=2),
    "prodigy": lambda: contrib.prodigy(1.0),
    "schedule_free": lambda: contrib.schedule_free_adamw(1e-1),
    "ademamix": lambda: contrib.ademamix(1e-1),
    "momo": lambda: contrib.momo(1e-1),
    "polyak_sgd": lambda: optax.polyak_sgd(0.5),
    "reduce_on_plateau": lambda: optax.chain(
        optax.sgd(0.5), contrib.reduce_on_plateau(patience=1, factor=0.5)
    ),
}


def loss_of(params):
    return sum(((p - GOAL[n]) ** 2).sum() for n, p in params.items())


def by_hand(tx, steps=STEPS):
    """The same training, written in JAX."""
    params = {n: jnp.asarray(a) for n, a in START.items()}
    tx = optax.with_extra_args_support(tx)
    with jax.numpy_dtype_promotion("standard"):
        state = tx.init(params)
        for _ in range(steps):
            value, grads = jax.value_and_grad(loss_of)(params)
            updates, state = tx.update(grads, state, params, value=value)
            params = optax.apply_updates(params, updates)
    return params, state


class Training:
    def __init__(self, tx, start=START, **options):
        self.params = {n: jtorch.nn.Parameter(jtorch.tensor(a)) for n, a in start.items()}
        self.optimizer = jtorch.optim.from_optax(list(self.params.items()), tx, **options)

    def closure(self):
        self.optimizer.zero_grad()
        loss = sum(((p - jtorch.tensor(GOAL[n])) ** 2).sum() for n, p in self.params.items())
        loss.backward()
        return loss

    def go(self, steps=STEPS):
        for _ in range(steps):
            self.optimizer.step(self.closure)
        return self

    def values(self):
        return {n: np.array(p.detach().numpy()) for n, p in self.params.items()}


def assert_same(got, want, tolerance=2e-5):
    for n in want:
        np.testing.assert_allclose(got[n], np.asarray(want[n]), rtol=tolerance, atol=tolerance)


@pytest.mark.parametrize("name", TRANSFORMATIONS)
def test_like_by_hand(name, tmp_path):
    """Eight steps like a loop in JAX, with a checkpoint after the first three."""
    make = TRANSFORMATIONS[name]
    want, want_state = by_hand(make())
    first = Training(make()).go(3)
    jtorch.save(first.optimizer.state_dict(), tmp_path / "state.pt")
    second = Training(make(), first.values())
    second.optimizer.load_state_dict(jtorch.load(tmp_path / "state.pt"))
    second.go(STEPS - 3)
    # Newton-Schulz iterations and estimates of a step make much of rounding
    tolerance = 2e-3 if name in ("muon", "prodigy", "galore") else 2e-5
    assert_same(second.values(), want, tolerance)
    got_state = second.optimizer.optax_state()
    assert jax.tree.structure(got_state) == jax.tree.structure(want_state)
    for a, b in zip(jax.tree.leaves(got_state), jax.tree.leaves(want_state)):
        assert a.dtype == b.dtype


def test_injected_learning_rate_follows_a_scheduler():
    """optax.inject_hyperparams and torch's StepLR."""
    training = Training(optax.inject_hyperparams(optax.adam)(learning_rate=0.2))
    assert training.optimizer.param_groups[0]["lr"] == pytest.approx(0.2)
    scheduler = jtorch.optim.lr_scheduler.StepLR(training.optimizer, 3, 0.5)
    for _ in range(STEPS):
        training.go(1)
        scheduler.step()
    want, _ = by_hand(optax.adam(optax.exponential_decay(0.2, 3, 0.5, staircase=True)))
    assert_same(training.values(), want)


def test_learning_rates_of_groups():
    """With `lr`, each group scales what the transformation makes."""
    params = [jtorch.nn.Parameter(jtorch.ones(3)) for _ in range(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.5}]
    optimizer = jtorch.optim.from_optax(groups, optax.identity(), lr=0.1)
    for p in params:
        p.grad = jtorch.ones(3)
    optimizer.step()
    np.testing.assert_allclose([p[0].item() for p in params], [0.9, 0.5], rtol=1e-6)
    with pytest.raises(NotImplementedError, match="from_optax"):
        optimizer.step()
        optimizer._leaves()
        optimizer.add_param_group({"params": [jtorch.ones(1)]})


def test_evaluation_parameters():
    """What optax computes from its state can be computed from the optimiser's."""
    make = TRANSFORMATIONS["schedule_free"]
    params, state = by_hand(make())
    training = Training(make()).go()
    ours = {n: jnp.asarray(a) for n, a in training.values().items()}
    got = contrib.schedule_free_eval_params(training.optimizer.optax_state(), ours)
    assert_same(got, contrib.schedule_free_eval_params(state, params))


def test_half_precision():
    """State keeps its dtypes through a state dict, whatever those of the parameters."""
    p = jtorch.nn.Parameter(jtorch.ones(3, dtype=jtorch.bfloat16))
    tx = optax.adam(0.1, mu_dtype=jnp.float32)
    optimizer = jtorch.optim.from_optax([p], tx)
    p.grad = jtorch.ones(3, dtype=jtorch.bfloat16)
    optimizer.step()
    again = jtorch.optim.from_optax([p], tx)
    again.load_state_dict(optimizer.state_dict())
    kinds = [t.dtype for t in again.state[p]["optax"]]
    assert kinds == [jtorch.int32, jtorch.float32, jtorch.bfloat16]
    again.step()
    assert p.dtype is jtorch.bfloat16


def test_what_calls_the_loss_is_refused():
    training = Training(optax.lbfgs())
    with pytest.raises(NotImplementedError, match=r"torch\.optim\.LBFGS"):
        training.go(1)
