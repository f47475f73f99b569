"""The random stream against torch's: the numbers, bit for bit, and the state left behind."""

# Calls are handed over as lambdas and made at once, so a loop variable cannot change under them.
# ruff: noqa: B023

import warnings

import ml_dtypes
import numpy as np
import pytest
import torch

from jtorch._engine import random

NUMPY = {
    torch.float32: np.dtype(np.float32),
    torch.float64: np.dtype(np.float64),
    torch.float16: np.dtype(np.float16),
    torch.bfloat16: np.dtype(ml_dtypes.bfloat16),
    torch.int64: np.dtype(np.int64),
    torch.int32: np.dtype(np.int32),
    torch.int16: np.dtype(np.int16),
    torch.int8: np.dtype(np.int8),
    torch.uint8: np.dtype(np.uint8),
    torch.uint16: np.dtype(np.uint16),
    torch.uint32: np.dtype(np.uint32),
    torch.uint64: np.dtype(np.uint64),
    torch.bool: np.dtype(np.bool_),
    torch.complex64: np.dtype(np.complex64),
    torch.complex128: np.dtype(np.complex128),
}
FLOATS = [torch.float32, torch.float64, torch.float16, torch.bfloat16]
SIZES = [0, 1, 2, 7, 15, 16, 17, 31, 32, 33, 1003, 40000]


def to_numpy(tensor):
    if tensor.dtype == torch.bfloat16:
        return tensor.float().numpy().astype(ml_dtypes.bfloat16)
    return tensor.numpy()


def same_state():
    theirs = torch.get_rng_state().numpy()
    return np.array_equal(theirs, random.default_generator.state_bytes())


def compare(theirs, ours, seed=11):
    """Run both from the same seed; values, dtype, shape and the state afterwards must agree."""
    torch.manual_seed(seed)
    random.default_generator.reseed(seed)
    expected = to_numpy(theirs())
    got = ours()
    assert got.dtype == expected.dtype
    assert got.shape == expected.shape
    np.testing.assert_array_equal(got, expected)
    assert same_state()


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_uniform(n, dtype):
    for low, high in ((0, 1), (-0.3, 0.7), (1.1, 9.7), (-5, -0.3), (1000, 1000.001)):
        compare(
            lambda: torch.empty(n, dtype=dtype).uniform_(low, high),
            lambda: random.uniform(n, low, high, NUMPY[dtype]),
        )


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_normal(n, dtype):
    for mean, std in ((0, 1), (0.3, 2.7), (-1e3, 0.02), (5, 0)):
        compare(
            lambda: torch.empty(n, dtype=dtype).normal_(mean, std),
            lambda: random.normal(n, mean, std, NUMPY[dtype]),
        )


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("shape", [(2, 3), (8, 9), (40, 51)])
def test_normal_into_a_tensor_that_is_not_contiguous(shape, dtype):
    compare(
        lambda: torch.empty(shape, dtype=dtype).t().normal_(0.3, 2.7).t().contiguous(),
        lambda: random.normal(shape, 0.3, 2.7, NUMPY[dtype], contiguous=False),
    )


@pytest.mark.parametrize("dtype", [torch.complex64, torch.complex128], ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_complex(n, dtype):
    compare(lambda: torch.rand(n, dtype=dtype), lambda: random.uniform(n, dtype=NUMPY[dtype]))
    compare(lambda: torch.randn(n, dtype=dtype), lambda: random.normal(n, dtype=NUMPY[dtype]))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_continuous(n, dtype):
    d = NUMPY[dtype]

    def empty():
        return torch.empty(n, dtype=dtype)

    for rate in (1.0, 0.37):
        compare(lambda: empty().exponential_(rate), lambda: random.exponential(n, rate, d))
    for median, sigma in ((0, 1), (0.3, 2.7)):
        compare(lambda: empty().cauchy_(median, sigma), lambda: random.cauchy(n, median, sigma, d))
    for mean, std in ((1, 2), (0.3, 0.7)):
        compare(lambda: empty().log_normal_(mean, std), lambda: random.log_normal(n, mean, std, d))


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.int32, torch.int16], ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_geometric(n, dtype):
    for p in (0.05, 0.3, 0.9):
        compare(
            lambda: torch.empty(n, dtype=dtype).geometric_(p),
            lambda: random.geometric(n, p, NUMPY[dtype]),
        )


@pytest.mark.parametrize("dtype", [*FLOATS, torch.int64, torch.uint8, torch.bool], ids=str)
@pytest.mark.parametrize("n", SIZES)
def test_bernoulli(n, dtype):
    for p in (0.0, 0.1, 0.5, 1 / 3, 0.999999, 1.0):
        compare(
            lambda: torch.empty(n, dtype=dtype).bernoulli_(p),
            lambda: random.bernoulli(n, p, NUMPY[dtype]),
        )


@pytest.mark.parametrize("p_dtype", FLOATS, ids=str)
@pytest.mark.parametrize("dtype", [None, torch.float32, torch.int64], ids=str)
def test_bernoulli_with_a_probability_each(p_dtype, dtype):
    p = torch.linspace(0, 1, 5000, dtype=torch.float64).to(p_dtype)
    if dtype is None:
        compare(lambda: torch.bernoulli(p), lambda: random.bernoulli_each(to_numpy(p)))
        return
    compare(
        lambda: torch.empty(5000, dtype=dtype).bernoulli_(p),
        lambda: random.bernoulli_each(to_numpy(p), NUMPY[dtype]),
    )


@pytest.mark.parametrize("p", [0.1, 0.3, 0.5, 0.75])
def test_dropout_mask(p):
    compare(
        lambda: torch.nn.functional.dropout(torch.ones(100, 77), p) != 0,
        lambda: random.dropout_mask((100, 77), 1 - p),
    )


RANGES = [
    (0, 1),
    (0, 2),
    (0, 100),
    (-5, 20),
    (0, 30000),
    (-100000, 1 << 27),
    (0, (1 << 28) - 1),
    (5, (1 << 28) + 5),
    (0, 2**32 - 1),
    (0, 2**32),
    (-(2**40), 2**50),
    (-(2**63), 2**63 - 1),
    (0, None),
    (-3, None),
    (2**62, None),
    (-(2**63), None),
]


def same_error(theirs, ours):
    """Both raise the same class with the same first line; return whether they did."""
    try:
        theirs()
    except Exception as error:
        with pytest.raises(type(error)) as caught:
            ours()
        assert str(caught.value).splitlines()[0] == str(error).splitlines()[0]
        return True
    return False


@pytest.mark.parametrize("dtype", [d for d in NUMPY if not d.is_complex], ids=str)
@pytest.mark.parametrize("low, high", RANGES)
def test_randint(low, high, dtype):
    warnings.simplefilter("ignore")
    for n in (1, 2, 1003, 40000):
        theirs = lambda: torch.empty(n, dtype=dtype).random_(low, high)  # noqa: E731
        ours = lambda: random.randint(n, low, high, NUMPY[dtype])  # noqa: E731
        if same_error(theirs, ours):
            return
        compare(theirs, ours)


def test_randint_warns_where_floats_skip_integers():
    with pytest.warns(UserWarning, match="to - 1 is out of bounds"):
        random.randint(3, 0, 2**25, np.dtype(np.float32))


@pytest.mark.parametrize("dtype", [d for d in NUMPY if not d.is_complex], ids=str)
def test_random_over_the_whole_dtype(dtype):
    for n in (1, 1003, 40000):
        theirs = lambda: torch.empty(n, dtype=dtype).random_()  # noqa: E731
        ours = lambda: random.random(n, NUMPY[dtype])  # noqa: E731
        if same_error(theirs, ours):
            return
        compare(theirs, ours)


@pytest.mark.parametrize("n", [0, 1, 2, 10, 100, 127, 1000, 60000])
def test_randperm(n):
    compare(lambda: torch.randperm(n), lambda: random.randperm(n))


@pytest.mark.parametrize("dtype", list(NUMPY), ids=str)
@pytest.mark.parametrize("n", [5, 300, 3000])
def test_randperm_dtypes(n, dtype):
    theirs = lambda: torch.randperm(n, dtype=dtype)  # noqa: E731
    ours = lambda: random.randperm(n, NUMPY[dtype])  # noqa: E731
    if not same_error(theirs, ours):
        compare(theirs, ours)


def weights(dtype, n, scale):
    values = np.random.RandomState(0).rand(n) * scale + 1e-3
    return torch.tensor(values).to(dtype)


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("count, replacement", [(1, False), (1, True), (2, True), (30, True)])
def test_multinomial(count, replacement, dtype):
    for w in (weights(dtype, 600, 9), weights(dtype, 600, 0.5).reshape(60, 10)):
        compare(
            lambda: torch.multinomial(w, count, replacement),
            lambda: random.multinomial(to_numpy(w), count, replacement),
        )


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("count", [2, 5, 10])
def test_multinomial_without_replacement(count, dtype):
    w = weights(dtype, 600, 9).reshape(60, 10)
    compare(lambda: torch.multinomial(w, count), lambda: random.multinomial(to_numpy(w), count))


@pytest.mark.parametrize("dtype", FLOATS, ids=str)
@pytest.mark.parametrize("scale", [0.5, 9.0, 50.0, 5e4])
def test_poisson(scale, dtype):
    rates = weights(dtype, 1000, scale)
    compare(lambda: torch.poisson(rates), lambda: random.poisson(to_numpy(rates)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("scale", [0.5, 9.0, 1e5])
def test_gamma_and_dirichlet(scale, dtype):
    alpha = weights(dtype, 999, scale).reshape(333, 3)
    compare(lambda: torch._standard_gamma(alpha), lambda: random.standard_gamma(to_numpy(alpha)))
    compare(lambda: torch._sample_dirichlet(alpha), lambda: random.dirichlet(to_numpy(alpha)))


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64], ids=str)
@pytest.mark.parametrize("prob", [0.01, 0.2, 0.5, 0.77, 0.99])
def test_binomial(prob, dtype):
    for most in (5, 60, 1000):
        count = torch.tensor(np.random.RandomState(1).randint(0, most, 500)).to(dtype)
        chance = torch.full((500,), prob, dtype=dtype)
        compare(
            lambda: torch.binomial(count, chance),
            lambda: random.binomial(to_numpy(count), to_numpy(chance)),
        )


ERRORS = [
    (lambda: torch.empty(3).uniform_(1, 0), lambda: random.uniform(3, 1, 0)),
    (lambda: torch.empty(3).uniform_(-3e38, 3e38), lambda: random.uniform(3, -3e38, 3e38)),
    (lambda: torch.empty(3).uniform_(0, float("nan")), lambda: random.uniform(3, 0, float("nan"))),
    (lambda: torch.rand(3, dtype=torch.int64), lambda: random.uniform(3, dtype=np.int64)),
    (lambda: torch.rand(2, -1), lambda: random.uniform((2, -1))),
    (lambda: torch.empty(3).normal_(0, -1.5), lambda: random.normal(3, 0, -1.5)),
    (lambda: torch.randn(3, dtype=torch.int64), lambda: random.normal(3, dtype=np.int64)),
    (lambda: torch.empty(3).exponential_(0), lambda: random.exponential(3, 0)),
    (lambda: torch.empty(3).bernoulli_(1.25), lambda: random.bernoulli(3, 1.25)),
    (lambda: torch.bernoulli(torch.tensor([1.5])), lambda: random.bernoulli_each(np.array([1.5]))),
    (lambda: torch.bernoulli(torch.tensor([1])), lambda: random.bernoulli_each(np.array([1]))),
    (lambda: torch.empty(3).geometric_(0), lambda: random.geometric(3, 0)),
    (lambda: torch.empty(3).cauchy_(0, -1), lambda: random.cauchy(3, 0, -1)),
    (lambda: torch.empty(3).log_normal_(0, -1), lambda: random.log_normal(3, 0, -1)),
    (lambda: torch.randint(5, 3, (2,)), lambda: random.randint(2, 5, 3)),
    (lambda: torch.poisson(torch.tensor([-1.0])), lambda: random.poisson(np.array([-1.0]))),
    (lambda: torch.multinomial(torch.zeros(2), 1), lambda: random.multinomial(np.zeros(2), 1)),
    (lambda: torch.multinomial(torch.ones(2), 3), lambda: random.multinomial(np.ones(2), 3)),
    (lambda: torch.multinomial(torch.ones(2), 0), lambda: random.multinomial(np.ones(2), 0)),
    (lambda: torch.multinomial(-torch.ones(2), 1), lambda: random.multinomial(-np.ones(2), 1)),
    (
        lambda: torch.multinomial(-torch.ones(2), 2, True),
        lambda: random.multinomial(-np.ones(2), 2, True),
    ),
]


@pytest.mark.parametrize("case", range(len(ERRORS)))
def test_errors(case):
    assert same_error(*ERRORS[case])


def mixed_calls(step):
    """A pair of (torch, jtorch) calls that use up the stream in different ways."""
    n = 1 + step * 5 % 37
    return [
        (lambda: torch.randn(n), lambda: random.normal(n)),
        (lambda: torch.rand(n), lambda: random.uniform(n)),
        (lambda: torch.randint(0, 10, (n,)), lambda: random.randint(n, 0, 10)),
        (lambda: torch.randperm(n), lambda: random.randperm(n)),
        (lambda: torch.randn(3), lambda: random.normal(3)),
        (
            lambda: torch._standard_gamma(torch.ones(n)),
            lambda: random.standard_gamma(np.ones(n, np.float32)),
        ),
        (
            lambda: torch.poisson(torch.full((n,), 4.0)),
            lambda: random.poisson(np.full(n, 4.0, np.float32)),
        ),
        (lambda: torch.randn(n, dtype=torch.float64), lambda: random.normal(n, dtype=np.float64)),
        (lambda: torch.empty(n).log_normal_(), lambda: random.log_normal(n)),
    ][step % 9]


def test_sequence_of_mixed_calls():
    torch.manual_seed(3)
    random.default_generator.reseed(3)
    for step in range(200):
        theirs, ours = mixed_calls(step)
        np.testing.assert_array_equal(ours(), theirs().numpy())
        assert same_state()


def test_state_interchange():
    torch.manual_seed(9)
    for k in range(40):
        torch.randn(1 + k % 5)
        state = torch.get_rng_state().numpy()
        random.default_generator.load_state_bytes(state)
        np.testing.assert_array_equal(random.default_generator.state_bytes(), state)
        np.testing.assert_array_equal(random.normal(5), torch.randn(5).numpy())
        random.uniform(100 * k)
        torch.set_rng_state(torch.from_numpy(random.default_generator.state_bytes()))
        np.testing.assert_array_equal(random.normal(5), torch.randn(5).numpy())


@pytest.mark.parametrize("drawn", [0, 1, 2, 623, 624, 625, 1248])
def test_state_bytes_after_some_draws(drawn):
    compare(lambda: torch.rand(drawn), lambda: random.uniform(drawn))


@pytest.mark.parametrize("seed", [0, 1, 2**32 - 1, 2**32, 2**63 + 5, 2**64 - 1, -1, -5])
def test_seeds(seed):
    compare(lambda: torch.rand(5), lambda: random.uniform(5), seed)
    assert torch.initial_seed() == random.default_generator.initial_seed()


@pytest.mark.parametrize("seed", [2**64, -(2**63) - 1])
def test_seeds_that_do_not_fit(seed):
    assert same_error(lambda: torch.manual_seed(seed), lambda: random.GeneratorCore(seed))


@pytest.mark.parametrize("size", [10, 5056])
def test_bad_states(size):
    state = np.zeros(size, np.uint8)
    assert same_error(
        lambda: torch.set_rng_state(torch.from_numpy(state)),
        lambda: random.default_generator.load_state_bytes(state),
    )


def test_generators_are_independent():
    mine = random.GeneratorCore(5)
    random.default_generator.reseed(5)
    first = random.uniform(10, generator=mine)
    np.testing.assert_array_equal(random.uniform(10), first)
    assert mine.fresh_seed() == mine.initial_seed()
    mine.copy_from(random.default_generator)
    np.testing.assert_array_equal(random.normal(7), random.normal(7, generator=mine))


def test_a_million_coins_are_quick():
    import time

    best = min(_timed(time.perf_counter) for _ in range(5))
    assert best < 0.05, f"{best * 1e3:.1f} ms; about 5 ms on an idle core"


def _timed(clock):
    start = clock()
    random.dropout_mask(1_000_000, 0.5)
    return clock() - start
