"""Expressions over the operands of `observe.SETUP`, by what they are about."""

FACTS = """
s.layout; s.is_sparse; c.is_sparse; c.is_sparse_csr; k.is_sparse_csr; c.layout; k.layout; b.layout
s.shape; s.size(1); s.dim(); s.numel(); s.dtype; s.device; s.element_size(); len(s); s.stride()
s.is_contiguous(); s.is_floating_point(); s.is_signed(); s.type(); h.type(); c.stride(); s.nbytes
s.sparse_dim(); s.dense_dim(); h.sparse_dim(); h.dense_dim(); d.sparse_dim(); d.dense_dim()
c.sparse_dim(); c.dense_dim(); b.sparse_dim(); s._dimI(); h._dimV(); s._nnz(); c._nnz(); b._nnz()
s._indices(); s._values(); s.indices(); s.values(); o.indices(); o.values(); h._values()
z._indices(); c.crow_indices(); c.col_indices(); c.values(); k.ccol_indices(); k.row_indices()
k.values(); b.crow_indices(); b.col_indices(); b.values(); c.ccol_indices(); k.crow_indices()
s.crow_indices(); c.indices(); c.is_coalesced(); c.coalesce(); d.indices(); d.values()
d.coalesce(); d.crow_indices(); d.is_coalesced(); d._indices(); d._nnz(); d._values()
s.is_coalesced(); o.is_coalesced(); u.coalesce(); u.coalesce()._nnz(); u.coalesce().is_coalesced()
u._nnz(); o.coalesce() is o; z.is_coalesced(); z._nnz(); isinstance(s, torch.sparse.FloatTensor)
isinstance(s, torch.FloatTensor); isinstance(s, torch.sparse.DoubleTensor)
isinstance(d, torch.sparse.FloatTensor); isinstance(s, torch.Tensor); torch.is_tensor(s)
s.is_leaf; s.grad_fn; s.is_cuda; s._is_view(); s.numpy(); s.tolist(); s.item(); c.numpy(); bool(s)
float(s); s.untyped_storage().data_ptr(); torch.result_type(s, d); s.is_same_size(d)
s._coalesced_(True).is_coalesced(); hash(s) == hash(s); np.asarray(s)
"""

CONSTRUCTION = """
torch.sparse_coo_tensor(i, v); torch.sparse_coo_tensor(i, v, (2, 3))
torch.sparse_coo_tensor(i, v, (5, 4)); torch.sparse_coo_tensor([[0, 1], [1, 0]], [1, 2])
torch.sparse_coo_tensor((2, 3)); torch.sparse_coo_tensor(size=(2, 3), dtype=torch.float64)
torch.sparse_coo_tensor(i.int(), v, (2, 3)); torch.sparse_coo_tensor(i.float(), v, (2, 3))
torch.sparse_coo_tensor(i, v.double(), dtype=torch.float32)
torch.sparse_coo_tensor(i, v, (2, 3), is_coalesced=True).is_coalesced()
torch.sparse_coo_tensor(i, torch.ones(3, 2))
torch.sparse_coo_tensor(i, torch.ones(3, 2), (2, 3, 2))
torch.sparse_coo_tensor(i, v.bool(), (2, 3))
torch.sparse_coo_tensor(i, v, (2, 3), requires_grad=True)
torch.sparse_coo_tensor(i, v, (2, 3, 4)); torch.sparse_coo_tensor(i, v[:2], (2, 3))
torch.sparse_coo_tensor(i[0], v, (2, 3))
torch.sparse_coo_tensor(i, v.long(), (2, 3), requires_grad=True)
torch.sparse_coo_tensor(i, v, (2, 3), check_invariants=True)
torch.sparse_coo_tensor(i, v, (1, 1), check_invariants=True)
torch.sparse_coo_tensor(-i, v, (2, 3), check_invariants=True)
torch.sparse_coo_tensor(torch.empty(2, 0).long(), torch.empty(0), (2, 3))
torch.sparse_coo_tensor(torch.empty(1, 0), torch.empty(0, 2), (2, 2))
torch.sparse_csr_tensor([0, 1, 2], [0, 1], [1.0, 2.0])
torch.sparse_csr_tensor([0, 1, 2], [0, 1], [1, 2])
torch.sparse_csr_tensor([0, 1, 2], [0, 1], [1.0, 2.0], size=(2, 5), dtype=torch.float64)
torch.sparse_csr_tensor([0, 1, 2], [0, 1], [1.0, 2.0], (2, 5))
torch.sparse_csr_tensor(crow_indices=[0, 1, 2], col_indices=[0, 1], values=[1.0, 2.0])
torch.sparse_csr_tensor([0, 1, 3], [0, 1], [1.0, 2.0], size=(2, 5), check_invariants=True)
torch.sparse_csr_tensor([1, 1, 2], [0, 1], [1.0, 2.0], size=(2, 5), check_invariants=True)
torch.sparse_csr_tensor([0, 1, 2], [0, 7], [1.0, 2.0], size=(2, 5), check_invariants=True)
torch.sparse_csr_tensor([0, 2, 2], [1, 0], [1.0, 2.0], size=(2, 5), check_invariants=True)
torch.sparse_csr_tensor([0, 2, 1], [0, 1], [1.0, 2.0], size=(2, 5), check_invariants=True)
torch.sparse_csc_tensor([0, 1, 2], [0, 1], [1.0, 2.0])
torch.sparse_bsr_tensor([0, 1, 2], [0, 1], torch.ones(2, 2, 2))
torch.sparse_bsc_tensor([0, 1, 2], [0, 1], torch.ones(2, 2, 3))
torch.sparse_compressed_tensor([0, 1, 2], [0, 1], [1.0, 2.0], layout=torch.sparse_csr)
torch.sparse_compressed_tensor([0, 1, 2], [0, 1], [1.0, 2.0], layout=torch.sparse_coo)
torch.sparse_compressed_tensor([0, 1, 2], [0, 1], [1.0, 2.0])
torch.sparse.FloatTensor(i, v, torch.Size([2, 3])); torch.sparse.FloatTensor(i, v)
torch.sparse.FloatTensor(2, 3); torch.sparse.FloatTensor()
torch.sparse.DoubleTensor(i, v.double(), torch.Size([2, 3])); torch.sparse.LongTensor(i, v.long())
s.new(torch.tensor([[0], [1]]), torch.tensor([1.0]), torch.Size([2, 2])); torch.zeros_like(s)
torch.empty_like(s); torch.ones_like(s); torch.full_like(s, 2.0); torch.zeros_like(c)
torch.zeros_like(h); torch.zeros(2, 3, layout=torch.sparse_coo)
torch.empty(2, 3, layout=torch.sparse_coo); torch.zeros(2, 3, layout=torch.sparse_csr)
torch.ones(2, 3, layout=torch.sparse_coo); torch.zeros_like(d, layout=torch.sparse_coo)
torch.zeros_like(s, layout=torch.strided)
torch.sparse.spdiags(torch.arange(6.0).reshape(2, 3), torch.tensor([0, 1]), (3, 3))
torch.sparse.spdiags(d, torch.tensor([-1, 2]), (4, 3), layout=torch.sparse_csr)
torch.sparse.spdiags(torch.ones(2, 3), torch.tensor([0, 0]), (3, 3))
torch.sparse.spdiags(torch.ones(3), torch.tensor(1), (3, 3))
torch.sparse.spdiags(torch.ones(2, 3), torch.tensor([0]), (3, 3))
torch.sparse.check_sparse_tensor_invariants.is_enabled()
"""

CONVERSION = """
s.to_dense(); u.to_dense(); h.to_dense(); z.to_dense(); c.to_dense(); k.to_dense(); b.to_dense()
d.to_dense(); s.to_dense(dtype=torch.float64); d.to_dense(torch.float64); s.to_sparse()
s.to_sparse(2); s.to_sparse(1); d.to_sparse(); d.to_sparse(1); d.to_sparse(0); d.to_sparse(3)
d.to_sparse(sparse_dim=1); d.to_sparse_coo(); d.to_sparse(layout=torch.sparse_coo)
d.to_sparse(layout=torch.sparse_csr); d.to_sparse(layout=torch.sparse_csc)
d.to_sparse(layout=torch.strided); d.to_sparse(layout=torch.sparse_bsr, blocksize=(1, 3))
d.to_sparse(layout=torch.sparse_bsr); d.to_sparse(layout=torch.sparse_csr, blocksize=(1, 1))
d.to_sparse(layout=torch.sparse_coo, dense_dim=1); d.to_sparse_csr(); d.to_sparse_csc()
d.to_sparse_bsr((2, 1)); d.to_sparse_bsc((1, 3)); d.to_sparse_bsr((2, 2))
q.to_sparse_bsr((2, 4)).values(); q.to_sparse_bsc((4, 2)).values()
q.to_sparse_bsc((1, 2)).row_indices(); b.to_sparse(); torch.ones(2, 3, 4).to_sparse(2)
torch.ones(2, 3, 4).to_sparse_csr(); torch.ones(2, 3, 4).to_sparse_csr(dense_dim=1)
torch.ones(2, 3, 4).to_sparse_csr().crow_indices()
torch.ones(2, 3, 4).to_sparse_csr(dense_dim=1).values()
torch.arange(8.0).reshape(2, 2, 2).to_sparse_csr(); torch.tensor(2.0).to_sparse(); w.to_sparse()
torch.zeros(2, 3).to_sparse(); torch.zeros(2, 3).to_sparse_csr(); d.bool().to_sparse()
d.long().to_sparse(); d.cfloat().to_sparse(); s.to_sparse_csr(); s.to_sparse_csc()
u.to_sparse_csr(); s.to_sparse_bsr((1, 3)); s.to_sparse(layout=torch.sparse_csr); c.to_sparse()
c.to_sparse_coo(); c.to_sparse_csc(); c.to_sparse_csr() is c; c.to_sparse_bsr((1, 1))
k.to_sparse(); k.to_sparse_csr(); c.to_sparse().is_coalesced(); k.to_sparse().is_coalesced()
d.to_sparse().is_coalesced(); h.to_sparse_csr(); k.to_dense().to_sparse(); s.double(); s.half()
s.long(); s.int(); s.bool(); s.to(torch.float64); s.to("cpu"); s.cpu(); s.float() is s; s.clone()
s.detach(); c.double(); c.to(torch.float16); c.cpu(); c.clone(); c.detach(); s.data; u.double()
s.type_as(o.double()); o.double().is_coalesced(); d.sparse_mask(s); d.sparse_mask(o)
d.sparse_mask(u); d.sparse_mask(c); d.sparse_mask(d); s.sparse_mask(o); p.sparse_mask(o)
s.sparse_mask(p); m.sparse_mask(s); z.sparse_mask(o); o.sparse_mask(z)
s.clone().sparse_resize_((4, 4), 2, 0); s.clone().sparse_resize_((1, 3), 2, 0)
s.clone().sparse_resize_and_clear_((4, 4, 2), 2, 1); s.clone().sparse_resize_((2, 3), 1, 1)
s.clone().zero_(); c.clone().zero_(); s.clone().copy_(p); s.clone().copy_(d); d.clone().copy_(s)
s.clone().fill_(1); s.clone().requires_grad_()
"""

ARITHMETIC = """
torch.add(c, d, alpha=2); d.double() + s; s + s.double(); torch.add(s, s, alpha=1 + 2j)
s + s; s + p; o + p; u + u; u + s; s - p; o - p; s - s; s + d; d + s; d - s; s - d; s + 1; 1 + s
s + z; z + z; h + h; torch.add(s, p, alpha=2); torch.sub(s, p, alpha=2)
torch.add(d, s, alpha=0.5); torch.sub(d, s, alpha=3); d + m.t().to_sparse()
(o + p).is_coalesced(); (o + o).is_coalesced(); s * s; s * p; u * u; s * d; d * s; u * d; s * 2
2 * s; s * 0.5; s * True; s * torch.tensor(2.0); torch.tensor(2.0) * s
s * torch.tensor(2.0, dtype=torch.float64); s.double() * d; s.long() * 2; s.long() * 1.5; s / 2
s / torch.tensor(2.0); s / d; s / s; 2 / s; d / s; s.long() / 2; s // 2; s % 2; s ** 2; u ** 2
s ** 0.5; s ** s; 2 ** s; s ** 0; s.pow(-1); s.pow(3.5); s.pow(3); -s; +s; -u; abs(s); s.neg()
s == s; s == d; s != s; s > 0; s < s; torch.equal(s, s); torch.allclose(s, s); s.isclose(s)
s.clone().add_(p); d.clone().add_(s); d.clone().sub_(s, alpha=2); s.clone().mul_(2)
s.clone().div_(2); s.clone().sub_(p); s.clone().neg_(); s.clone().add_(d); s.clone().mul_(s)
s.div(2, rounding_mode="floor"); s.div(2, rounding_mode="trunc"); c + c; c + d; d + c; c + 1
c * 2; 2 * c; c * c; c * d; d * c; -c; abs(c); c + d.flip(1).to_sparse_csr(); k + k; k * 2; b + b
b * 2; s + c; c + s; s * c; s & s; s.logical_not(); torch.mul(s, 3); torch.neg(s); torch.add(s, s)
s.addcmul(s, s); s.maximum(s); s.bool() * 2
"""

UNARY = [
    f"{operand}.{name}()"
    for operand in ("s", "u", "c")
    for name in """
    abs asin asinh atan atanh ceil conj_physical deg2rad erf erfinv expm1 floor frac isinf isnan
    isneginf isposinf log1p neg positive rad2deg relu round sgn sign signbit sin sinh sqrt square
    tan tanh trunc conj exp cos sigmoid reciprocal log isfinite
    """.split()
    if not (operand == "c" and name == "square")
] + ["F.relu(s)", "s.nan_to_num()", "torch.sin(s)", "s.clamp(0, 1)", "s.real"]

REDUCTIONS = """
s.sum(); u.sum(); s.sum(0); s.sum(1); s.sum(-1); s.sum(1, keepdim=True); s.sum((0, 1))
s.sum(dtype=torch.float64); h.sum(1); h.sum(0); s.long().sum(); torch.sum(s); torch.sparse.sum(s)
torch.sparse.sum(u); torch.sparse.sum(s, 0); torch.sparse.sum(u, 1); torch.sparse.sum(s, (0, 1))
torch.sparse.sum(s, 1, dtype=torch.float64); torch.sparse.sum(s, dtype=torch.float64)
torch.sparse.sum(h, 1); torch.sparse.sum(h, 0); torch.sparse.sum(s.long()); torch.sparse.sum(d)
torch.sparse.sum(c); torch.sparse.sum(s, 2); torch.sparse.sum(z); c.sum(); c.sum(0)
c.sum(1, keepdim=True); c.sum(0, keepdim=True); k.sum(); s.mean(); s.norm(); u.norm(); s.norm(1)
s.max(); s.any(); s.all(); s.prod(); s.std(); torch.sparse.softmax(s, 0)
torch.sparse.softmax(s, 1); torch.sparse.softmax(u, 1)
torch.sparse.softmax(s, 1, dtype=torch.float64); torch.sparse.log_softmax(s, 0)
torch.sparse.log_softmax(s, -1); torch.sparse.softmax(h, 0); torch.sparse.softmax(h, 1)
torch.sparse.softmax(d, 1); s.softmax(1); torch.softmax(s, 1); s.argmax(); s.cumsum(0)
s.nonzero(); torch.var(s); s.amax(); torch.unique(s)
"""

PRODUCTS = """
s @ m; u @ m; s.mm(m); torch.mm(s, m); torch.spmm(s, m); torch.dsmm(s, m); torch.matmul(s, m)
m @ s; torch.mm(m, s); torch.sparse.mm(s, m); torch.sparse.mm(m, s); torch.sparse.mm(d, m)
s @ s.t(); u @ s.t(); torch.mm(s, p.t()); torch.sparse.mm(s, s.t()); (s @ s.t()).is_coalesced()
s @ w; s.mv(w); torch.mv(s, w); torch.ones(2) @ s; w @ s.t(); s @ d; s @ m.double()
s.double() @ m.double(); z @ m; s @ z.t(); torch.smm(s, m); torch.hspmm(s, m); torch.hsmm(s, m)
torch.sspaddmm(torch.ones(2, 2).to_sparse(), s, m)
torch.sspaddmm(torch.ones(2, 2).to_sparse(), s, m, beta=2, alpha=3); torch.saddmm(s, s, m)
s.smm(m); torch.smm(d, m); torch.hspmm(d, m); torch.addmm(torch.ones(2, 2), s, m)
torch.addmm(torch.ones(2, 2), s, m, beta=2, alpha=3); torch.sparse.addmm(torch.ones(2, 2), s, m)
torch.sparse.addmm(torch.ones(2, 2), s, m, beta=2, alpha=3); torch.addmm(torch.ones(2), s, m)
torch.bmm(torch.stack([s, s]), torch.ones(2, 3, 2)); F.linear(d, s); F.linear(s, d)
F.linear(s, d, torch.ones(2)); torch.matmul(torch.ones(2, 2, 3), s.t()); s.dot(s)
torch.einsum("ij,jk->ik", s, m); h @ m.t(); s.long() @ m.long(); c @ m; c @ d.t(); d.t() @ c
c.mv(w); c @ w; torch.mm(c, m); torch.sparse.mm(c, m); c @ c.t(); k @ m; b @ torch.ones(4, 2)
torch.addmm(torch.ones(2, 2), c, m); torch.sparse.addmm(torch.ones(2, 2), c, m); m @ c; m @ k
torch.sparse.sampled_addmm(c, torch.ones(2, 2), d)
torch.sparse.sampled_addmm(c, m.t() @ m, d, beta=0.5, alpha=2.0)
torch.sparse.sampled_addmm(d, torch.ones(2, 2), d)
torch.sparse.sampled_addmm(s, torch.ones(2, 2), d); torch.sparse.sampled_addmm(c, d, d)
torch.sparse.mm(c, m, "sum"); torch.sparse.mm(c, m, "mean"); torch.sparse.mm(c, m, "amax")
torch.sparse.mm(c, m, "amin"); torch.sparse.mm(c, m, "max"); torch.sparse.mm(s, m, "sum")
torch.sparse.spsolve(q.to_sparse_csr(), torch.ones(4)); torch.outer(s, s); torch.bmm(s, m)
"""

SHAPES = """
s.__setitem__(0, 1.0)
s.t(); s.T; s.mT; s.H; s.transpose(0, 1); s.transpose(1, 1); s.permute(1, 0); s.swapaxes(0, 1)
h.t(); torch.stack([s, p]).permute(2, 0, 1); s.t().is_coalesced(); c.t(); c.transpose(0, 1); k.t()
b.t(); c.t().t(); s[0]; s[1]; s[-1]; s[0, 1]; s[0, 2]; u[1, 0]; s[:, 2]; s[..., 1]; s[None]
s[0:1]; s[torch.tensor([1])]; s[d > 0]; s[2]; h[1]; h[0, 1]; h[:, 1]; c[0]; c[0, 1]
c.select(0, 1); s.select(0, 1); s.select(1, 2); s.unsqueeze(0); s.unsqueeze(1); s.unsqueeze(-1)
h.unsqueeze(2); h.unsqueeze(1); s.squeeze(); s.narrow(1, 1, 2); s.narrow_copy(1, 1, 2)
s.index_select(1, torch.tensor([2, 0])); s.index_select(0, torch.tensor([1, 1, 0]))
s.index_select(1, torch.tensor([3])); h.index_select(1, torch.tensor([1]))
u.index_select(0, torch.tensor([1])); torch.index_select(s, 1, torch.tensor([0, 2, 2]))
c.index_select(0, torch.tensor([0])); torch.cat([s, p]); torch.cat([s, p], 1)
torch.cat([s, p], -1); torch.cat([s, s]).is_coalesced(); torch.cat([s, d]); torch.cat([d, s])
torch.cat([s, m.to_sparse()]); torch.cat([h, h]); torch.cat([h, h], 1); torch.stack([s, p])
torch.stack([s, p], 1); torch.stack([s, p], -1); torch.vstack([s, p]); s.unbind(); list(s)[1]
s.reshape(3, 2); s.view(3, 2); s.flatten(); s.expand(2, 2, 3); s.repeat(2, 1); s.flip(0)
s.diagonal(); s.tril(); s.split(1); s.chunk(2); torch.where(d > 0, s, d); s.roll(1)
s.resize_as_sparse_(p)
"""

# Expressions whose gradients by the operands named are compared, layouts included.
GRADIENTS = """
s.to_dense() : s
s.coalesce().to_dense() : s
u.coalesce().to_dense() : u
s.to_dense(masked_grad=False) : s
h.to_dense() : h
s.coalesce().values() : s
torch.sparse.mm(s, m) : s m
torch.sparse.mm(u, m) : u m
torch.mm(s, m) : s m
s @ m : s m
torch.spmm(s, m) : s m
m @ s : m s
s.mv(w) : s w
torch.addmm(d @ m, s, m) : s m
torch.sparse.addmm(d @ m, s, m, beta=2, alpha=3) : s m d
torch.sparse.mm(o, p.t()) : p
s.sum() : s
torch.sparse.sum(s) : s
torch.sparse.sum(s, 0) : s
torch.sparse.sum(h, 1) : h
s * d : s
s * p : s
s * 2 : s
s / 4 : s
o + o : o
o + p : o p
d + s : d s
torch.add(d, s, alpha=3) : d s
-s : s
d.double() + s : d s
s * d.double() : s
s.to(torch.complex64) * (1 + 2j) : s
torch.sparse.mm(s.cfloat(), m * (1 + 2j)) : s
s.pow(2) : s
s.abs() : s
s.t() : s
s.clone() : s
s.double() : s
torch.sparse.softmax(s, 1) : s
torch.sparse.log_softmax(s, 0) : s
torch.sparse.softmax(h, 1) : h
d.sparse_mask(o) : d
d.to_sparse() : d
d.to_sparse(1) : d
d.to_sparse_csr() : d
d.to_sparse() @ m : d m
torch.sparse.mm(d.to_sparse(), m) : d m
torch.sparse.mm(d.to_sparse_csr(), m) : d m
torch.sparse_coo_tensor(i, v, (2, 3)) : v
torch.sparse_coo_tensor(i, v, (2, 3)).coalesce() @ m : v m
torch.sparse_coo_tensor(i, v, (2, 3)) @ m : v m
torch.sparse.mm(torch.sparse_coo_tensor(i, v, (2, 3)), m) : v m
torch.sparse.mm(torch.sparse_coo_tensor(i[:, [1, 1, 0]], v, (2, 3)), m) : v m
torch.sparse_coo_tensor(i, v * 2, (2, 3)).to_dense() * d : v d
torch.sparse_csr_tensor(torch.tensor([0, 1, 3]), torch.tensor([2, 0, 2]), v, (2, 3)) @ m : v m
torch.sparse_csr_tensor(torch.tensor([0, 1, 3]), torch.tensor([2, 0, 2]), v, (2, 3)).to_dense() : v
torch.sparse.softmax(torch.sparse_coo_tensor(i, v, (2, 3)), 1).to_dense() : v
torch.sparse.sum(torch.sparse_coo_tensor(i, v, (2, 3))) : v
c.to_dense() : c
c @ m : c m
torch.sparse.mm(c, m) : c m
c.sum() : c
c * 2 : c
c + c : c
-c : c
c.t() : c
c.values() : c
c.to_sparse() : c
s.to_sparse_csr() : s
c.mv(w) : c w
torch.addmm(d @ m, c, m) : c m
torch.sparse.mm(c, m, "sum") : c m
torch.sparse.mm(c, m, "mean") : c m
torch.sparse.mm(c, m, "amax") : c m
torch.sparse.sampled_addmm(c, m.t(), torch.ones(3, 3)) : c m
F.linear(d, s) : d s
F.embedding(torch.tensor([[1, 0], [1, 2]]), m, sparse=True) : m
F.embedding(torch.tensor([[1, 0], [1, 2]]), m, padding_idx=1, sparse=True) : m
F.embedding(torch.tensor([[1, 0], [1, 2]]), m, scale_grad_by_freq=True, sparse=True) : m
F.embedding(torch.tensor([1, 0, 1]), m, sparse=True) + m : m
F.embedding(torch.tensor([1, 0, 1]), m, sparse=True) @ m.t() : m
F.embedding_bag(torch.tensor([[1, 0], [1, 2]]), m, sparse=True, mode="sum") : m
F.embedding_bag(torch.tensor([[1, 0], [1, 2]]), m, sparse=True, mode="mean") : m
F.embedding_bag(torch.tensor([1, 0, 1]), m, torch.tensor([0, 2]), sparse=True) : m
F.embedding_bag(torch.tensor([[1, 0], [1, 2]]), m, sparse=True, mode="sum", padding_idx=1) : m
F.embedding_bag(torch.tensor([[1, 0], [1, 2]]), m, sparse=True, mode="max") : m
"""

PRINTED = """
s; o; u; h; z; c; k; b; s.double(); s.bool(); s.long(); c.double(); torch.eye(30).to_sparse()
torch.eye(30).to_sparse_csr(); torch.sparse_coo_tensor(i, v, (2, 3), requires_grad=True)
c.clone().requires_grad_(); torch.ones(2, 3, 3).to_sparse_csr()
torch.sparse_coo_tensor(i, v.clone().requires_grad_(), (2, 3)); torch.ones(40, 40).to_sparse()
torch.ones(2, 2, 2).to_sparse(2); torch.nn.Parameter(s); torch.zeros(0, 3).to_sparse(); [s]
torch.sparse_coo_tensor(i, v.clone().requires_grad_(), (2, 3)) * 2
"""

PROGRAMS = {
    "grad accumulates sparse on sparse": """
e = torch.nn.Parameter(m.clone())
for rows in ([0, 1], [1, 2]):
    F.embedding(torch.tensor(rows), e, sparse=True).sum().backward()
out = [e.grad, e.grad.coalesce()._nnz()]
""",
    "grad accumulates dense on sparse": """
e = torch.nn.Parameter(m.clone())
F.embedding(torch.tensor([1, 1]), e, sparse=True).sum().backward()
e.sum().backward()
out = e.grad
""",
    "grad accumulates sparse on dense": """
e = torch.nn.Parameter(m.clone())
e.sum().backward()
F.embedding(torch.tensor([1, 1]), e, sparse=True).sum().backward()
out = e.grad
""",
    "hooks see sparse gradients": """
e = torch.nn.Parameter(m.clone())
seen = []
e.register_hook(lambda g: seen.append(g) or g * 2)
F.embedding(torch.tensor([1, 1]), e, sparse=True).sum().backward()
out = [seen[0], e.grad]
""",
    "autograd.grad by a sparse leaf": """
s.requires_grad_()
out = torch.autograd.grad(torch.sparse.mm(s, m).sum(), s)[0]
""",
    "retain_grad on a sparse tensor": """
v.requires_grad_()
t = torch.sparse_coo_tensor(i, v, (2, 3))
t.retain_grad()
torch.sparse.mm(t, m).sum().backward()
out = [t.grad, v.grad]
""",
    "a custom function over sparse tensors": """
class Product(torch.autograd.Function):
    @staticmethod
    def forward(ctx, indices, values, shape, other):
        a = torch.sparse_coo_tensor(indices, values, shape)
        ctx.save_for_backward(a, other)
        return torch.matmul(a, other)
    @staticmethod
    def backward(ctx, g):
        a, other = ctx.saved_tensors
        dense = g.matmul(other.t())
        at = a._indices()[0] * a.shape[1] + a._indices()[1]
        return None, dense.view(-1)[at], None, a.t().matmul(g)
v.requires_grad_(); m.requires_grad_()
Product.apply(i, v, torch.Size([2, 3]), m).sum().backward()
out = [v.grad, m.grad]
""",
    "values share memory": """
s._values().mul_(2)
t = torch.sparse_coo_tensor(i, v, (2, 3))
v.add_(1)
out = [s, t, s.detach().mul_(3), s]
""",
    "deep copies and state": """
import copy
class Net(torch.nn.Module):
    def __init__(self):
        super().__init__()
        self.register_buffer("adjacency", s)
net = Net()
twin = copy.deepcopy(net)
twin.adjacency.mul_(2)
other = Net()
other.load_state_dict(twin.state_dict())
out = [net.adjacency, copy.copy(s), copy.deepcopy(s), list(net.state_dict())]
out.append(net.double().adjacency)
""",
    "invariants as a context": """
found = []
with torch.sparse.check_sparse_tensor_invariants():
    found.append(torch.sparse.check_sparse_tensor_invariants.is_enabled())
    try:
        torch.sparse_coo_tensor(i, v, (1, 1))
    except RuntimeError:
        found.append("refused")
@torch.sparse.check_sparse_tensor_invariants(True)
def f():
    return torch.sparse.check_sparse_tensor_invariants.is_enabled()
torch.sparse.check_sparse_tensor_invariants.enable()
found.append(torch.sparse.check_sparse_tensor_invariants.is_enabled())
torch.sparse.check_sparse_tensor_invariants.disable()
out = [*found, f(), torch.sparse.check_sparse_tensor_invariants.is_enabled()]
""",
    "a graph network": """
x = torch.linspace(-1, 1, 12).reshape(4, 3)
edges = torch.tensor([[0, 1, 2, 3, 0], [1, 2, 3, 0, 2]])
a = torch.sparse_coo_tensor(edges, torch.ones(5), (4, 4))
a = (a + a.t()).coalesce()
degree = torch.sparse.sum(a, 1).to_dense()
values = a.values() / degree[a.indices()[0]]
a = torch.sparse_coo_tensor(a.indices(), values, a.shape)
w1 = torch.linspace(-1, 1, 15).reshape(3, 5).requires_grad_()
w2 = torch.linspace(1, -1, 10).reshape(5, 2).requires_grad_()
losses = []
for _ in range(5):
    y = torch.spmm(a, torch.relu(torch.spmm(a, x @ w1)) @ w2)
    loss = F.cross_entropy(y, torch.tensor([0, 1, 0, 1]))
    g1, g2 = torch.autograd.grad(loss, (w1, w2))
    w1 = (w1 - 0.5 * g1).detach().requires_grad_()
    w2 = (w2 - 0.5 * g2).detach().requires_grad_()
    losses.append(float(round(loss.item(), 4)))
out = [w1, w2, *losses]
""",
    "indices changed before backward": """
rows = torch.tensor([1, 0])
e = torch.nn.Parameter(m.clone())
f = F.embedding(rows, e, sparse=True).pow(2).sum()
rows.fill_(2)
out = f.backward()
""",
    "an operand changed before backward": """
s.requires_grad_()
x = m.clone()
r = (s @ x).sum()
x.add_(1)
out = r.backward()
""",
    "an operand of a product changed before backward": """
s.requires_grad_()
x = d.clone()
r = torch.sparse.sum(s * x)
x.add_(1)
out = r.backward()
""",
    "a conversion to integers has no history": """
s.requires_grad_()
out = s.long()
""",
    "indices changed in place": """
found = [s.to_dense(), s @ m]
i[1, 0] = 1
out = [*found, s, s @ m, s.to_dense()]
""",
    "products under autocast": """
layer = torch.nn.Linear(2, 2)
with torch.autocast("cpu", torch.bfloat16):
    found = [s @ m, torch.sparse.mm(s, layer(m)), torch.spmm(s, layer(m)), s * 2, s.to_dense()]
out = [str(t.dtype) for t in found]
""",
    "a sparse leaf learns": """
a = s.clone().requires_grad_()
for _ in range(3):
    loss = (torch.sparse.mm(a, m) - 1).pow(2).sum()
    a.grad = None
    loss.backward()
    a = (a.detach() - a.grad * 0.01).requires_grad_()
out = a
""",
}
for _options in (
    "SGD(e.parameters(), lr=0.1)",
    "SGD(e.parameters(), lr=0.1, momentum=0.9)",
    "SGD(e.parameters(), lr=0.1, momentum=0.9, nesterov=True, maximize=True)",
    "SGD(e.parameters(), lr=0.1, weight_decay=0.1)",
    "Adagrad(e.parameters(), lr=0.1)",
    "Adagrad(e.parameters(), lr=0.1, lr_decay=0.1, initial_accumulator_value=0.5)",
    "Adagrad(e.parameters(), lr=0.1, weight_decay=0.1)",
    "SparseAdam(list(e.parameters()), lr=0.1)",
    "SparseAdam(list(e.parameters()), lr=0.1, betas=(0.5, 0.7), maximize=True)",
    "SparseAdam(list(e.parameters()), lr=0.0)",
    "Adam(e.parameters())",
    "RMSprop(e.parameters())",
):
    PROGRAMS[f"optim.{_options}"] = f"""
e = torch.nn.Embedding(4, 2, sparse=True)
e.weight.data = torch.linspace(-1, 1, 8).reshape(4, 2)
optimizer = torch.optim.{_options}
for rows in ([0, 1, 1], [1, 3, 3], [0, 0, 1]):
    optimizer.zero_grad()
    e(torch.tensor(rows)).pow(2).sum().backward()
    optimizer.step()
state = optimizer.state_dict()["state"].get(0, dict())
out = [e.weight, *[state[n] for n in sorted(state) if state[n] is not None]]
"""


def listed(text):
    """The expressions of a block."""
    return [e.strip() for line in text.strip().splitlines() for e in line.split(";") if e.strip()]
