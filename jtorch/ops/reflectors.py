"""QR factorizations as LAPACK keeps them: products of Householder reflectors."""

import numpy as np

from .decomp import reflected
from .layouts import as_columns, columns
from .linalg import adjoint
from .registry import SAME, T, check, composite, from_host, host, op, return_type


@composite("f m o")
def geqrf(input):
    """(a, tau) of `input` (*, m, n): R in the upper triangle of a, below it and in tau (*, min(m,
    n))
    the reflectors whose product is Q.
    """
    check(input.ndim >= 2, "torch.geqrf: input must have at least 2 dimensions.")
    array = host(input)
    reflectors, tau = np.linalg.qr(array, mode="raw")
    packed = np.ascontiguousarray(np.swapaxes(reflectors, -1, -2)).astype(array.dtype)
    results = (packed, tau.astype(array.dtype))
    return return_type("geqrf", "a tau")(
        [as_columns(from_host(results[0], input.device)), from_host(results[1], input.device)]
    )


@op(SAME, accepts="fc", variants="f m o", layout=columns(0))
def ormqr(input: T, input2: T, input3: T, left: bool = True, transpose: bool = False):
    """Q @ input3, or input3 @ Q unless `left`, with Q the (m, m) product of the reflectors (input,
    input2).

    `transpose` takes the adjoint of Q. RuntimeError when the sizes do not fit.
    """
    check(input.ndim >= 2, "torch.ormqr: input must have at least 2 dimensions.")
    check(input3.ndim >= 2, "torch.ormqr: other must have at least 2 dimensions.")
    side = input3.shape[-2 if left else -1]
    check(
        side == input.shape[-2],
        f"torch.ormqr: other.shape[{-2 if left else -1}] must be equal to input.shape[-2]",
    )
    check(
        side >= input2.shape[-1],
        f"torch.ormqr: other.shape[{-2 if left else -1}] must be greater than or equal to "
        "tau.shape[-1]",
    )
    check(
        input.ndim == input3.ndim == input2.ndim + 1,
        "torch.ormqr: Expected input and other to have the same number of dimensions, and tau one "
        f"less, but got {input.ndim}, {input3.ndim} and {input2.ndim}",
    )
    Q = reflected(input, input2, side)
    Q = adjoint(Q) if transpose else Q
    return Q @ input3 if left else input3 @ Q
