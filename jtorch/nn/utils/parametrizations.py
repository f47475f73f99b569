"""Ready-made parametrizations."""

import enum

from ..._engine.tensor import Tensor
from ...autograd import no_grad
from ...ops.registry import ops
from ...types_info import finfo
from .. import functional as F
from ..modules.module import Module
from .parametrize import register_parametrization

__all__ = ["orthogonal", "spectral_norm", "weight_norm"]


class _WeightNorm(Module):
    def __init__(self, dim=0):
        super().__init__()
        self.dim = -1 if dim is None else dim

    def forward(self, weight_g, weight_v):
        """weight_g times the direction of weight_v."""
        return weight_v * (weight_g / norm_except_dim(weight_v, self.dim))

    def right_inverse(self, weight):
        """Length and direction of `weight`."""
        return norm_except_dim(weight, self.dim), weight


def norm_except_dim(v, dim):
    """2-norm over all dimensions but `dim`, which stays (-1: over all)."""
    if dim == -1:
        return v.norm()
    others = [d for d in range(v.dim()) if d != dim % v.dim()]
    return ops.vector_norm(v, 2, others, keepdim=True)


def weight_norm(module, name="weight", dim=0):
    """Train length and direction of a weight apart (Salimans and Kingma 2016)."""
    register_parametrization(module, name, _WeightNorm(dim), unsafe=True)

    def rename_old_keys(state_dict, prefix, *rest):
        old = [f"{prefix}{name}_{part}" for part in "gv"]
        if all(key in state_dict for key in old):
            for i, key in enumerate(old):
                new = f"{prefix}parametrizations.{name}.original{i}"
                state_dict[new] = state_dict.pop(key)

    module._register_load_state_dict_pre_hook(rename_old_keys)
    return module


class _SpectralNorm(Module):
    def __init__(self, weight, n_power_iterations=1, dim=0, eps=1e-12):
        super().__init__()
        if dim >= weight.ndim or dim < -weight.ndim:
            raise IndexError(
                "Dimension out of range (expected to be in range of "
                f"[-{weight.ndim}, {weight.ndim - 1}] but got {dim})"
            )
        if n_power_iterations <= 0:
            raise ValueError(
                "Expected n_power_iterations to be positive, "
                f"but got n_power_iterations={n_power_iterations}"
            )
        self.dim = dim if dim >= 0 else dim + weight.ndim
        self.eps = eps
        if weight.ndim == 1:
            return
        self.n_power_iterations = n_power_iterations
        with no_grad():
            matrix = self._matrix(weight)
            height, width = matrix.shape
            u = matrix.new_empty(height).normal_(0, 1)
            v = matrix.new_empty(width).normal_(0, 1)
            self.register_buffer("_u", F.normalize(u, dim=0, eps=eps))
            self.register_buffer("_v", F.normalize(v, dim=0, eps=eps))
            self._power_method(matrix, 15)

    def _matrix(self, weight):
        if self.dim != 0:
            rest = [d for d in range(weight.dim()) if d != self.dim]
            weight = weight.permute(self.dim, *rest)
        return weight.flatten(1)

    def _power_method(self, matrix, n):
        with no_grad():
            for _ in range(n):
                self._u.copy_(F.normalize(matrix.mv(self._v), dim=0, eps=self.eps))
                self._v.copy_(F.normalize(matrix.t().mv(self._u), dim=0, eps=self.eps))

    def forward(self, weight):
        """`weight` divided by its largest singular value."""
        if weight.ndim == 1:
            return F.normalize(weight, dim=0, eps=self.eps)
        matrix = self._matrix(weight)
        if self.training:
            self._power_method(matrix, self.n_power_iterations)
        # later steps overwrite the buffers
        u = self._u.clone()
        v = self._v.clone()
        return weight / ops.vdot(u, matrix.mv(v))

    def right_inverse(self, value):
        """The norm has no inverse; the value is taken as it is."""
        return value


def spectral_norm(module, name="weight", n_power_iterations=1, eps=1e-12, dim=None):
    """Keep the largest singular value of a weight at 1 (Miyato et al. 2018)."""
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if dim is None:
        transposed = type(module).__name__.startswith("ConvTranspose")
        dim = 1 if transposed else 0
    register_parametrization(module, name, _SpectralNorm(weight, n_power_iterations, dim, eps))
    return module


class _OrthMaps(enum.Enum):
    """How any matrix is made into an orthogonal one."""

    matrix_exp = enum.auto()
    cayley = enum.auto()
    householder = enum.auto()


class _Orthogonal(Module):
    def __init__(self, weight, orthogonal_map, *, use_trivialization=True):
        super().__init__()
        if weight.is_complex() and orthogonal_map is _OrthMaps.householder:
            raise ValueError("The householder parametrization does not support complex tensors.")
        self.shape = weight.shape
        self.orthogonal_map = orthogonal_map
        if use_trivialization:
            # The map starts at an orthogonal matrix of its own, so that any one can be assigned.
            self.register_buffer("base", None)

    def forward(self, X):
        """An orthogonal (or unitary) matrix (*, n, k): its columns if n >= k, else its rows."""
        wide = X.size(-2) < X.size(-1)
        X = X.mT if wide else X
        if self.orthogonal_map is _OrthMaps.householder:
            Q = self._reflected(X)
        else:
            Q = self._rotated(X)
        if hasattr(self, "base"):
            Q = self.base @ Q
        return Q.mT if wide else Q

    def _reflected(self, X):
        below = X.tril(diagonal=-1)
        tau = 2.0 / (1.0 + (below * below).sum(dim=-2))
        signs = X.diagonal(dim1=-2, dim2=-1).int().unsqueeze(-2)
        return ops.householder_product(below, tau) * signs

    def _rotated(self, X):
        n, k = X.size(-2), X.size(-1)
        X = X.tril()
        if n != k:
            X = ops.cat([X, X.new_zeros(n, n - k).expand(*X.shape[:-2], -1, -1)], dim=-1)
        skew = X - X.mH
        if self.orthogonal_map is _OrthMaps.matrix_exp:
            Q = ops.matrix_exp(skew)
        else:
            one = ops.eye(n, dtype=skew.dtype, device=skew.device)
            Q = ops.solve(one - 0.5 * skew, one + 0.5 * skew)
        return Q if n == k else Q[..., :k]

    def right_inverse(self, Q):
        """What is mapped to an orthogonal matrix `Q`; the one next to `Q` if it is not."""
        with no_grad():
            if Q.shape != self.shape:
                raise ValueError(
                    f"Expected a matrix or batch of matrices of shape {self.shape}. "
                    f"Got a tensor of shape {Q.shape}."
                )
            wide = Q.size(-2) < Q.size(-1)
            tall = Q.mT if wide else Q
            if hasattr(self, "base"):
                self.base = _whole_orthogonal(tall)
                # The householder map takes the diagonal for signs; -1 gives the identity in all.
                start = ops.zeros_like(Q)
                start.diagonal(dim1=-2, dim2=-1).fill_(-1.0)
                return start
            if self.orthogonal_map is not _OrthMaps.householder:
                raise NotImplementedError(
                    "It is not possible to assign to the matrix exponential or the Cayley "
                    "parametrizations when use_trivialization=False."
                )
            reflectors, tau = ops.geqrf(tall)
            diagonal = reflectors.diagonal(dim1=-2, dim2=-1)
            diagonal.sign_()
            # Nothing is reflected where tau is 0, and then the sign is the other one.
            diagonal[tau == 0.0] *= -1
            return reflectors.mT if wide else reflectors


def _whole_orthogonal(Q):
    """A square orthogonal matrix whose first columns are those of Q (n >= k), made orthogonal."""
    n, k = Q.size(-2), Q.size(-1)
    if n == k:
        return Q.clone() if _is_orthogonal(Q) else _make_orthogonal(Q)
    rest = ops.randn(*Q.shape[:-2], n, n - k, dtype=Q.dtype, device=Q.device)
    return _make_orthogonal(ops.cat([Q, rest], dim=-1))


def _is_orthogonal(Q, eps=None):
    """True when the columns are orthonormal, to `eps`."""
    n, k = Q.size(-2), Q.size(-1)
    eps = 10.0 * n * finfo(Q.dtype).eps if eps is None else eps
    return ops.allclose(Q.mH @ Q, ops.eye(k, dtype=Q.dtype, device=Q.device), atol=eps)


def _make_orthogonal(A):
    """The orthogonal factor of the QR decomposition with a positive diagonal in R."""
    reflectors, tau = ops.geqrf(A)
    Q = ops.householder_product(reflectors, tau)
    return Q * reflectors.diagonal(dim1=-2, dim2=-1).sgn().unsqueeze(-2)


def orthogonal(module, name="weight", orthogonal_map=None, *, use_trivialization=True):
    """Keep a matrix (or the last two dimensions of a tensor) orthogonal, or unitary.

    orthogonal_map: "matrix_exp", "cayley" or "householder"; by default the first for square or
    complex weights, the last for others. use_trivialization: any orthogonal matrix can be assigned.
    Raises ValueError for a vector or an unknown map.
    """
    weight = getattr(module, name, None)
    if not isinstance(weight, Tensor):
        raise ValueError(f"Module '{module}' has no parameter or buffer with name '{name}'")
    if weight.ndim < 2:
        raise ValueError(
            f"Expected a matrix or batch of matrices. Got a tensor of {weight.ndim} dimensions."
        )
    if orthogonal_map is None:
        square = weight.size(-2) == weight.size(-1)
        orthogonal_map = "matrix_exp" if square or weight.is_complex() else "householder"
    if orthogonal_map not in _OrthMaps.__members__:
        raise ValueError(
            'orthogonal_map has to be one of "matrix_exp", "cayley", "householder". '
            f"Got: {orthogonal_map}"
        )
    made = _Orthogonal(weight, _OrthMaps[orthogonal_map], use_trivialization=use_trivialization)
    return register_parametrization(module, name, made, unsafe=True)
