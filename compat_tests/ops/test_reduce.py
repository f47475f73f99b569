"""Reductions and cumulative ops against torch."""

import numpy as np
import pytest

from compat_tests.harness import expression

RNG = np.random.RandomState(11)


def floats(*shape, dtype=np.float32):
    """Normal random numbers."""
    return RNG.randn(*shape).astype(dtype)


TIES = np.array([[1.0, 3.0, 3.0], [2.0, 2.0, 0.0]], np.float32)
OPERANDS = {
    "x": floats(2, 3, 4),
    "d": floats(3, 4, dtype=np.float64),
    "h": floats(3, 5).astype(np.float16),
    "z": (floats(3, 4) + 1j * floats(3, 4)).astype(np.complex64),
    "i": RNG.randint(-5, 5, (3, 4)),
    "u": np.array([1, 2, 0], np.uint8),
    "b": RNG.rand(3, 4) > 0.4,
    "t": TIES,
    "n": np.array([[1.0, np.nan, 3.0], [2.0, 5.0, 1.0]], np.float32),
    "v": np.array([2.0, 0.0, 3.0], np.float32),
    "vv": np.array([0.0, 0.0, 3.0], np.float32),
    "s": np.array(2.5, np.float32),
    "e": np.zeros((0, 3), np.float32),
    "o": np.zeros(0, np.float32),
    "c": np.full((2, 3), 4.0, np.float32),
    "r": np.array([1.0, 2.0, 4.0, 7.0], np.float32),
    "f": np.full((2, 2), -np.inf, np.float32),
}

PROGRAMS = """
torch.{r}(x)
torch.{r}(x, 1)
torch.{r}(x, dim=-1, keepdim=True)
torch.{r}(d, 0)
torch.{r}(i)
torch.{r}(i, 0)
torch.{r}(b)
torch.{r}(b, 1)
torch.{r}(s)
torch.{r}(s, 0)
torch.{r}(n)
torch.{r}(n, 1)
torch.{r}(t, 1)
torch.{r}(t)
torch.{r}(h, 1)
torch.{r}(z)
torch.{r}(x, 3)
torch.{r}(e, 1)
torch.{r}(e, 0)
torch.{r}(o)
""".strip().split("\n")

REDUCTIONS = """sum mean prod max min amax amin argmax argmin all any std var nansum nanmean median
nanmedian norm count_nonzero logsumexp mode""".split()


def run(source, **options):
    """Compare a program that names some of OPERANDS."""
    names = compile(source, "<program>", "eval").co_names
    expression(source, {n: OPERANDS[n] for n in names if n in OPERANDS}, **options)


@pytest.mark.parametrize("name", REDUCTIONS)
def test_reduction(name):
    """All forms of every reduction: dims, dtypes, ties, NaN, nothing to reduce."""
    for source in PROGRAMS:
        source = source.format(r=name)
        if name == "norm" and (", " in source):
            source = source.replace(", ", ", 2, ", 1)
        if name in ("logsumexp", "mode") and ", " not in source:
            continue
        if name == "mode" and "(n" in source:
            continue
        # torch divides the product by the NaN, jax leaves that element out.
        plain = "(h" in source or (name == "prod" and "(n" in source)
        run(source, scale=4, grad=not plain)


OTHERS = """
torch.sum(x, (0, 2))
torch.sum(x, ())
torch.sum(x, (0, 0))
torch.sum(i, dtype=torch.float64)
torch.sum(x, dtype=torch.float64)
torch.sum(x.detach() * 5, 1, dtype=torch.int64)
torch.mean(i)
torch.mean(i, dtype=torch.float32)
torch.mean(x, dtype=torch.int64)
torch.mean(x, (0, 1), True)
torch.prod(v)
torch.prod(vv)
torch.prod(x, 1, True, dtype=torch.float64)
torch.all(x > 0, dim=(0, 1))
torch.any(u)
torch.all(u)
torch.any(b, dim=())
torch.std(x, False)
torch.std(x, 0, False)
torch.std(x, dim=1, unbiased=False)
torch.std(x, dim=(0, 1), keepdim=True)
torch.var(x, correction=0)
torch.var(x.detach(), 0, correction=2)
torch.var(x.detach(), dim=1, correction=9)
torch.std(c)
torch.std(c, 1)
torch.std(s)
torch.var(z, 1)
torch.std(i)
torch.std_mean(x, 1)
torch.var_mean(x)
torch.var_mean(x, 1, False)
torch.norm(x)
torch.norm(x, dim=1)
torch.norm(x, 1)
torch.norm(x, p=3, dim=(0, 1), keepdim=True)
torch.norm(x, float("inf"))
torch.norm(x, float("-inf"), 1)
torch.norm(x, 0, 1)
torch.norm(x, 0.5)
torch.norm(x * 0)
torch.norm(x * 0, dim=1)
torch.norm(x * 0, 3)
torch.norm(x * 0, 1)
torch.norm(z)
torch.norm(i)
torch.norm(d, p="nuc")
torch.norm(d, "fro")
torch.nuclear_norm(d)
torch.frobenius_norm(x, (1, 2))
torch.norm(x, dtype=torch.float64)
torch.dist(x, x * 2)
torch.dist(x, x)
torch.dist(x, x * 2, 1)
torch.dist(i, i)
torch.amax(t, (0, 1))
torch.amin(x, (0, 2), True)
torch.amax(x, ())
torch.aminmax(x)
torch.aminmax(x, dim=1, keepdim=True)
torch.aminmax(o)
torch.max(x, x * 2)
torch.max(x, other=x * 2)
torch.min(t, torch.tensor([1.0, 2.0, 3.0]))
torch.max(x, 1).values
torch.max(x, 1)[1]
torch.max(x, 1, True).indices
torch.max(z)
torch.argmax(x, keepdim=True)
torch.argmax(t, 1)
torch.argmin(n)
torch.argmax(b)
torch.logsumexp(f, 1)
torch.logsumexp(x, (0, 2), True)
torch.logsumexp(i, 1)
torch.count_nonzero(i, (0, 1))
torch.count_nonzero(i, 1)
torch.kthvalue(x, 2)
torch.kthvalue(x, 3, 1, True)
torch.kthvalue(x, 9)
torch.quantile(x, 0.3)
torch.quantile(x, 0.3, 1)
torch.quantile(x, torch.tensor([0.1, 0.5, 0.9]), 1)
torch.quantile(x, torch.tensor([0.1, 0.5]), dim=-1, keepdim=True)
torch.quantile(x, 0.5, keepdim=True)
torch.quantile(x, 0.4, 1, interpolation="lower")
torch.quantile(x, 0.4, 1, interpolation="higher")
torch.quantile(x, 0.4, 1, interpolation="nearest")
torch.quantile(x, 0.4, 1, interpolation="midpoint")
torch.quantile(x, 1.5)
torch.quantile(x, torch.tensor([0.5, 1.5]))
torch.quantile(i, 0.5)
torch.quantile(x, 0.5, interpolation="other")
torch.quantile(n, 0.5, 1)
torch.nanquantile(n, 0.5, 1)
torch.nanquantile(n, 0.5)
torch.cumsum(x, 1)
torch.cumsum(i, 0)
torch.cumsum(b, 0)
torch.cumsum(x, 1, dtype=torch.float64)
torch.cumsum(s, 0)
torch.cumsum(x, 5)
torch.cumsum(h, 1)
torch.cumprod(x, 1)
torch.cumprod(v, 0)
torch.cumprod(vv, 0)
torch.cumprod(i, 1)
torch.cummax(x, 1)
torch.cummax(t, 1)
torch.cummin(t, 1)
torch.cummin(n, 1)
torch.cummax(i, 0)
torch.cummax(s, 0)
torch.cummax(b, 0)
torch.logcumsumexp(x, 1)
torch.logcumsumexp(x * 30, 2)
torch.diff(x)
torch.diff(x, 2, 1)
torch.diff(i, n=5)
torch.diff(b)
torch.diff(r, prepend=torch.zeros(1))
torch.diff(r, append=torch.zeros(2), prepend=torch.ones(1))
torch.diff(s)
torch.trapezoid(r)
torch.trapezoid(r, dx=0.5)
torch.trapezoid(x, r)
torch.trapezoid(x, x * 2, dim=1)
torch.trapezoid(i)
torch.trapz(r)
torch.cumulative_trapezoid(x)
torch.cumulative_trapezoid(x, r)
torch.cumulative_trapezoid(r, dx=2)
torch.gradient(r)
torch.gradient(d, spacing=2.0)
torch.gradient(d, spacing=[0.5, 2.0], edge_order=2)
torch.gradient(d, spacing=(r.double(),), dim=1)
""".strip().split("\n")


@pytest.mark.parametrize("source", OTHERS)
def test_program(source):
    """One call each: options, errors, special points."""
    run(source, scale=6)


def test_half_precision_accumulates_in_single():
    """4096 times 1/3 in float16 keeps its digits."""
    expression("torch.sum(x)", {"x": np.full(4096, 1 / 3, np.float16)}, grad=False)
    expression("torch.mean(x)", {"x": np.full(4096, 1 / 3, np.float16)}, grad=False)


FORMS = """
x.sum(axis=1)
x.sum(1, keepdims=True)
x.mean((0, 2))
x.max()
x.max(1)[0]
x.max(dim=-1, keepdim=True).values
x.max(x * 2)
x.min(axis=2).indices
x.std(0, unbiased=False)
x.var(dim=(1, 2), keepdim=True, unbiased=False)
x.norm()
x.norm(p=2, dim=-1, keepdim=True)
x.norm(1, 2)
x.argmax(-1)
x.argmax(axis=1, keepdims=True)
x.prod(1)
x.amax((1, 2), keepdim=True)
x.logsumexp(-1)
x.cumsum(axis=1)
x.clone().cumsum_(1)
x.clone().cumprod_(1)
x.all()
x.any(1)
x.median()
x.median(1).values
x.quantile(0.5, axis=1)
x.dist(x + 1)
x.diff(dim=0)
x.aminmax()
i.sum(dtype=torch.float32)
torch.max(x.detach(), 1, out=(torch.zeros(2, 4), torch.zeros(2, 4, dtype=torch.int64)))
torch.sum(x.detach(), 0, out=torch.zeros(3, 4))
torch.mean(x.detach(), 0, out=torch.zeros(3, 4))
torch.max(x, dim=1, keepdim=True, foo=1)
torch.sum(x, "a")
torch.cumsum(x)
""".strip().split("\n")


@pytest.mark.parametrize("source", FORMS)
def test_forms(source):
    """Methods, aliases of arguments, in-place forms, `out=`."""
    run(source, scale=6)


@pytest.mark.parametrize(
    "source",
    [
        "x.bfloat16().sum(1)",
        "x.bfloat16().mean()",
        "x.bfloat16().max(1).values",
        "x.bfloat16().std(1)",
        "x.bfloat16().norm()",
        "x.bfloat16().cumsum(1)",
        "x.bfloat16().logsumexp(1)",
        "x.bfloat16() * 2 + x.bfloat16()",
        "x.bfloat16().sigmoid()",
        "x.bfloat16().clamp(-1, 1)",
        "torch.where(x > 0, x.bfloat16(), 0)",
        "x.bfloat16() ** 2",
        "x.half() / 3",
        "x.half().pow(3)",
        "torch.maximum(x.bfloat16(), x.half())",
        "x.bfloat16().sort(1).values",
        "x.bfloat16().topk(2)[0]",
        "x.bfloat16() + 1.5",
        "x.half().var(1)",
        "x.bfloat16().abs().sqrt()",
    ],
)
def test_half_types(source):
    """bfloat16 and float16: result dtype and digits."""
    run(source, grad=False)
    # In single precision the tolerance would be that of single precision.
    run(f"({source}).float()", scale=1e3)
