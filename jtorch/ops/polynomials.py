"""Orthogonal polynomials of torch.special, by their three-term recurrences."""

from typing import NamedTuple

import jax.numpy as jnp

from .registry import FLOAT, TS, composite, host, op, ops
from .safe import select


class Family(NamedTuple):
    """p1(x), and p[k+1] from (k, x, p[k], p[k-1])."""

    first: object
    following: object
    text: str


def _chebyshev(k, x, p, q):
    return 2 * x * p - q


_FAMILIES = {
    "chebyshev_polynomial_t": Family(
        lambda x: x, _chebyshev, "Chebyshev polynomial of the first kind"
    ),
    "chebyshev_polynomial_u": Family(
        lambda x: 2 * x, _chebyshev, "Chebyshev polynomial of the second kind"
    ),
    "chebyshev_polynomial_v": Family(
        lambda x: 2 * x - 1, _chebyshev, "Chebyshev polynomial of the third kind"
    ),
    "chebyshev_polynomial_w": Family(
        lambda x: 2 * x + 1, _chebyshev, "Chebyshev polynomial of the fourth kind"
    ),
    "hermite_polynomial_h": Family(
        lambda x: 2 * x,
        lambda k, x, p, q: 2 * (x * p - k * q),
        "Hermite polynomial as physicists define it",
    ),
    "hermite_polynomial_he": Family(
        lambda x: x,
        lambda k, x, p, q: x * p - k * q,
        "Hermite polynomial as probabilists define it",
    ),
    "laguerre_polynomial_l": Family(
        lambda x: 1 - x,
        lambda k, x, p, q: ((2 * k + 1 - x) * p - k * q) / (k + 1),
        "Laguerre polynomial",
    ),
    "legendre_polynomial_p": Family(
        lambda x: x,
        lambda k, x, p, q: ((2 * k + 1) * x * p - k * q) / (k + 1),
        "Legendre polynomial",
    ),
}


@op(FLOAT, accepts="buif", variants="p")
def orthogonal_polynomial(input: TS, n: TS, family: str, top: int):
    """The polynomial of degree n (at most `top`) of a family at input; 0 for n < 0."""
    x, degree = jnp.broadcast_arrays(input, jnp.trunc(n))
    if family.startswith("shifted_"):
        x = 2 * x - 1
    rule = _FAMILIES[family.removeprefix("shifted_")]
    before, now = jnp.ones_like(x), rule.first(x)
    out = select(degree == 0, before, 0)
    for k in range(1, top + 1):
        out = select(degree == k, now, out)
        before, now = now, rule.following(k, x, now, before)
    return out


def _declare(name, text):
    def polynomial(x, n):
        top = int(host(n).max(initial=0)) if hasattr(n, "dtype") else int(n)
        return ops.orthogonal_polynomial(x, n, name, max(top, 0))

    polynomial.__name__ = polynomial.__qualname__ = name
    polynomial.__doc__ = f"{text} of degree n at x. Shapes broadcast; 0 for n < 0."
    composite("S o")(polynomial)


for _name, _family in _FAMILIES.items():
    _declare(_name, _family.text)
    if _name.startswith("chebyshev"):
        _declare("shifted_" + _name, _family.text + ", shifted to [0, 1]")
