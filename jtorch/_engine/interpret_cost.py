"""Static cost estimates of jaxprs, for the decision between NumPy and XLA."""

from __future__ import annotations

from math import prod

import numpy as np
from jax.extend.core import Literal

# Operations per element, relative to an addition, as NumPy's loops perform them.
_WEIGHTS = {
    "exp": 6.0,
    "exp2": 6.0,
    "log": 6.0,
    "sin": 8.0,
    "cos": 8.0,
    "div": 2.0,
    "sqrt": 2.0,
    "rsqrt": 4.0,
    "logistic": 10.0,
    "rem": 8.0,
    "pow": 30.0,
    "tanh": 12.0,
    "tan": 20.0,
    "expm1": 12.0,
    "log1p": 12.0,
    "erf": 40.0,
    "erfc": 50.0,
    "erf_inv": 300.0,
    "digamma": 200.0,
    "lgamma": 200.0,
    "cbrt": 20.0,
    "asin": 12.0,
    "acos": 12.0,
    "atan": 12.0,
    "atan2": 25.0,
    "sinh": 20.0,
    "cosh": 20.0,
    "asinh": 25.0,
    "acosh": 25.0,
    "atanh": 25.0,
    "cumlogsumexp": 30.0,
    "gather": 4.0,
    "scatter": 8.0,
    "scatter-add": 8.0,
    "scatter-mul": 20.0,
    "scatter-min": 20.0,
    "scatter-max": 20.0,
}
# No arithmetic and, as views, no traffic worth counting.
_FREE = frozenset(
    """broadcast_in_dim reshape transpose squeeze slice rev copy copy_p stop_gradient iota
    optimization_barrier sharding_constraint name device_put split""".split()
)
# 16-bit floats have no vector loops in NumPy.
_HALF_FACTOR = 8.0

# Beyond these an XLA executable repays its compile within a few calls, or NumPy's way (im2col,
# an interpreted loop body, sorting) is much slower than XLA's from the first call.
_HEAVY_CONV_FLOPS = 3e8
_HEAVY_LOOP_EQUATIONS = 20_000
_HEAVY_ELEMENT_FLOPS = 1e10


def cost(closed_jaxpr) -> tuple[float, float]:
    """(flops, bytes) of one run: a static estimate, nested jaxprs and loop trip counts included.

    A multiply-add counts 2, an elementwise operation 1 per element, a transcendental its weight.
    The trip count of a `while` is not static: it counts as 10.
    """
    return _jaxpr_cost(closed_jaxpr.jaxpr)


def is_heavy(closed_jaxpr) -> bool:
    """True where XLA is the better choice although NumPy rules may exist.

    That is: convolutions that are not small, loops whose interpretation would take many steps, and
    elementwise work on 16-bit floats or special functions that NumPy is slow at in bulk.
    """
    conv, steps = _weights(closed_jaxpr.jaxpr, 1.0)
    if conv > _HEAVY_CONV_FLOPS or steps > _HEAVY_LOOP_EQUATIONS:
        return True
    return _jaxpr_cost(closed_jaxpr.jaxpr, dots=False)[0] > _HEAVY_ELEMENT_FLOPS


def _jaxpr_cost(jaxpr, dots: bool = True) -> tuple[float, float]:
    flops = moved = 0.0
    for eqn in jaxpr.eqns:
        f, b = _eqn_cost(eqn, dots)
        flops += f
        moved += b
    return flops, moved


def _eqn_cost(eqn, dots: bool) -> tuple[float, float]:
    nested = _nested(eqn)
    if nested:
        times = _trips(eqn)
        parts = [_jaxpr_cost(inner, dots) for inner in nested]
        if eqn.primitive.name == "cond":
            return max(p[0] for p in parts), max(p[1] for p in parts)
        return times * sum(p[0] for p in parts), times * sum(p[1] for p in parts)
    name = eqn.primitive.name
    if name in _FREE:
        return 0.0, 0.0
    moved = sum(_nbytes(a.aval) for a in eqn.invars if not isinstance(a, Literal))
    moved += sum(_nbytes(v.aval) for v in eqn.outvars)
    if name == "dot_general":
        return (_dot_flops(eqn) if dots else 0.0), float(moved)
    if name == "conv_general_dilated":
        return _conv_flops(eqn), float(moved)
    return _element_flops(name, eqn), float(moved)


def _element_flops(name: str, eqn) -> float:
    out = eqn.outvars[0].aval
    size = float(_size(out))
    if name.startswith(("reduce_window", "select_and_")):
        size *= prod(eqn.params.get("window_dimensions", ()))
    elif name.startswith(("reduce", "arg", "cum", "sort", "top_k")):
        size = float(_size(eqn.invars[0].aval))
        if name in ("sort", "top_k"):
            axis = eqn.params.get("dimension", eqn.params.get("axis", -1))
            size *= 4.0 * np.log2(max(eqn.invars[0].aval.shape[axis], 2))
    elif name.startswith("scatter"):
        size = float(_size(eqn.invars[2].aval))
    elif name in _CUBIC:
        shape = eqn.invars[0].aval.shape
        size = 4.0 * prod(shape) * min(shape[-2:], default=1)
    dtype = getattr(out, "dtype", None)
    half = getattr(dtype, "name", "") in ("float16", "bfloat16")
    return size * _WEIGHTS.get(name, 1.0) * (_HALF_FACTOR if half else 1.0)


_CUBIC = frozenset("cholesky lu qr svd eigh eig triangular_solve householder_product geqrf".split())


def _dot_flops(eqn) -> float:
    (contract, _), _ = eqn.params["dimension_numbers"]
    shape = eqn.invars[0].aval.shape
    return 2.0 * _size(eqn.outvars[0].aval) * prod([shape[d] for d in contract])


def _conv_flops(eqn) -> float:
    spec = eqn.params["dimension_numbers"].rhs_spec
    shape = eqn.invars[1].aval.shape
    window = prod([shape[d] for d in spec[1:]])
    return 2.0 * _size(eqn.outvars[0].aval) * window


def _size(aval) -> int:
    return prod(getattr(aval, "shape", ()))


def _nbytes(aval) -> int:
    dtype = getattr(aval, "dtype", None)
    return _size(aval) * getattr(dtype, "itemsize", 8)


def _trips(eqn) -> float:
    if eqn.primitive.name == "scan":
        return float(eqn.params["length"])
    return 10.0 if eqn.primitive.name == "while" else 1.0


# Small jaxprs that describe an operator and are not run as a body.
_NOT_BODIES = frozenset(("update_jaxpr", "jaxprs", "jvp_jaxpr_fun", "fwd_jaxpr_thunk", "bwd"))


def _nested(eqn) -> list:
    """The jaxprs an equation runs."""
    found = []
    for key, value in eqn.params.items():
        if key in _NOT_BODIES:
            continue
        for item in value if isinstance(value, (tuple, list)) else (value,):
            inner = getattr(item, "jaxpr", item)
            if hasattr(inner, "eqns"):
                found.append(inner)
    return found


def _weights(jaxpr, times: float) -> tuple[float, float]:
    """(flops in convolutions, equations run inside loops)."""
    conv = steps = 0.0
    for eqn in jaxpr.eqns:
        if eqn.primitive.name == "conv_general_dilated":
            conv += times * _conv_flops(eqn)
        nested = _nested(eqn)
        for inner in nested:
            c, s = _weights(inner, times * _trips(eqn))
            conv += c
            steps += s
        if times > 1.0 and not nested:
            steps += times
    return conv, steps
