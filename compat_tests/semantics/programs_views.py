"""Views: what shares memory, with which strides, and writes through them."""

import copy
import pickle

from compat_tests.semantics.observe import attempt


def _grid(torch, *shape):
    n = 1
    for s in shape:
        n *= s
    return torch.arange(n, dtype=torch.float32).reshape(shape)


def _aliases(a, b):
    return a.data_ptr() == b.data_ptr()


def select_row_add(torch):
    x = _grid(torch, 3, 4)
    x[0] += 1
    return x, x[0], x._version


def transpose_zero(torch):
    x = _grid(torch, 3, 4)
    x.t()[1].zero_()
    return x, x.t(), x._version


def strided_column_assign(torch):
    x = _grid(torch, 3, 6)
    x[:, ::2] = torch.tensor([10.0, 20.0, 30.0])
    return x, x[:, ::2], x[1:, 1::3]


def negative_index_views(torch):
    x = _grid(torch, 3, 4, 5)
    return x[-1], x[:, -2], x[..., -1], x[-2:, :-1, 1:-1], x[..., None, 0]


def data_add(torch):
    p = torch.ones(3, requires_grad=True)
    p.data.add_(2)
    return p, p._version, p.data, p.data._version


def data_ptr_of_data(torch):
    p = torch.ones(3, requires_grad=True)
    return _aliases(p, p.data), _aliases(p, p.detach()), p.data is p.data


def mask_assign(torch):
    x = _grid(torch, 3, 4)
    x[x > 5] = 0
    return x, x._version


def mask_assign_tensor(torch):
    x = _grid(torch, 3, 4)
    m = x % 2 == 0
    x[m] = torch.arange(6.0) * 10
    return x, x[m]


def mask_rows(torch):
    x = _grid(torch, 3, 4)
    x[torch.tensor([True, False, True])] = -1
    return x, x[torch.tensor([False, True, False])]


def out_argument(torch):
    x = _grid(torch, 3)
    out = torch.empty(3)
    same = torch.add(x, 1, out=out)
    return out, same is out, out._version


def out_into_view(torch):
    x = _grid(torch, 3, 4)
    y = torch.zeros(2, 3, 4)
    torch.mul(x, 2, out=y[1])
    return y


def out_into_strided_view(torch):
    y = torch.zeros(4, 3)
    torch.exp(torch.zeros(3, 4), out=y.t())
    return y, y.t()


def out_resizes_empty(torch):
    out = torch.empty(0)
    torch.add(torch.ones(2, 2), 1, out=out)
    return out


def out_wrong_dtype(torch):
    return torch.add(torch.ones(2), 1.5, out=torch.empty(2, dtype=torch.int64))


def out_wider_dtype(torch):
    out = torch.empty(2, dtype=torch.float64)
    torch.add(torch.ones(2), 1.5, out=out)
    return out


def copy_broadcasts(torch):
    x = _grid(torch, 3, 4)
    x.copy_(torch.arange(4))
    return x, x._version


def copy_into_view(torch):
    x = _grid(torch, 3, 4)
    x[:, 1].copy_(torch.tensor([7.0, 8.0, 9.0]))
    return x


def copy_converts(torch):
    x = torch.zeros(3, dtype=torch.int64)
    x.copy_(torch.tensor([1.7, -1.7, 2.0]))
    return x


def copy_wrong_shape(torch):
    return torch.zeros(3).copy_(torch.zeros(4))


def set_shares(torch):
    x = torch.zeros(0)
    y = _grid(torch, 2, 3)
    x.set_(y)
    x[0, 0] = 9
    return x, y, _aliases(x, y)


def set_with_geometry(torch):
    x = torch.zeros(0)
    y = _grid(torch, 6)
    x.set_(y.untyped_storage() if False else y, 1, (2, 2), (2, 1))
    return x


def detach_shares(torch):
    x = torch.ones(3, requires_grad=True)
    d = x.detach()
    d[0] = 5
    return x, d, x._version, d._version, _aliases(x, d)


def detach_of_view(torch):
    x = _grid(torch, 3, 4)
    d = x[1].detach()
    d += 100
    return x, d


def expanded_write_refused(torch):
    x = torch.ones(3, 1).expand(3, 4)
    return attempt(x.add_, 1), attempt(x.__setitem__, 0, 5.0), x


def expanded_zero(torch):
    return torch.ones(1).expand(4).zero_()


def expanded_base_write_seen(torch):
    b = torch.ones(3, 1)
    x = b.expand(3, 4)
    b[1] = 7
    return x, x.stride()


def expanded_slice_writable(torch):
    x = torch.ones(3, 1).expand(3, 4)
    x[:, 0] = 2
    return x


def as_strided_windows(torch):
    x = _grid(torch, 8)
    w = x.as_strided((3, 4), (2, 1), 1)
    x.neg_()
    return w, w.storage_offset()


def as_strided_write(torch):
    x = _grid(torch, 3, 4)
    x.as_strided((3,), (5,)).fill_(-1)
    return x


def as_strided_of_view(torch):
    x = _grid(torch, 4, 4)
    v = x[1:]
    return v.as_strided((2, 2), (1, 4)), v.as_strided((2, 2), (1, 4), 0)


def as_strided_out_of_bounds(torch):
    return torch.zeros(4).as_strided((3, 3), (2, 1))


def diagonal_views(torch):
    x = _grid(torch, 3, 4)
    return x.diagonal(), x.diagonal(1), x.diagonal(-1), x.diagonal(offset=5)


def diagonal_write(torch):
    x = _grid(torch, 2, 3, 3)
    x.diagonal(0, 1, 2).fill_(0)
    x.diagonal(1, dim1=-2, dim2=-1).add_(100)
    return x


def diag_is_copy(torch):
    x = _grid(torch, 3, 3)
    d = torch.diag(x)
    d[0] = 50
    return x, d


def unfold_view(torch):
    x = _grid(torch, 7)
    u = x.unfold(0, 3, 2)
    x[2] = -1
    return u


def unfold_overlapping_write(torch):
    # Of windows that overlap torch does not say what a write gives, but takes it.
    x = _grid(torch, 7)
    return attempt(x.unfold(0, 3, 2).add_, 1)


def unfold_disjoint_write(torch):
    x = _grid(torch, 6)
    x.unfold(0, 2, 2).mul_(10)
    return x


def unfold_two_dims(torch):
    x = _grid(torch, 4, 4)
    return x.unfold(0, 2, 2).unfold(1, 2, 2)


def chunk_writes(torch):
    x = _grid(torch, 5, 2)
    a, b, c = x.chunk(3)
    a += 10
    c.zero_()
    return x, a, b, c


def split_writes(torch):
    x = _grid(torch, 6)
    parts = x.split([1, 2, 3])
    parts[1].neg_()
    return x, parts, [p.storage_offset() for p in parts]


def unbind_writes(torch):
    x = _grid(torch, 2, 3)
    rows = x.unbind()
    rows[1].fill_(4)
    cols = x.unbind(1)
    cols[0].fill_(5)
    return x, rows, cols


def tensor_split_views(torch):
    x = _grid(torch, 7)
    return x.tensor_split(3), x.tensor_split((1, 4)), torch.hsplit(x, [2])


def real_imag_write(torch):
    z = torch.tensor([1 + 2j, 3 - 4j])
    z.real.add_(10)
    z.imag[0] = 0
    return z, z.real, z.imag


def view_as_real_write(torch):
    z = torch.tensor([1 + 2j, 3 - 4j])
    r = torch.view_as_real(z)
    r[1, 0] = 9
    return z, r


def view_as_complex_write(torch):
    x = _grid(torch, 3, 2)
    z = torch.view_as_complex(x)
    z[0] = 1j
    return x, z


def view_dtype_same_size(torch):
    x = torch.tensor([1.0, -2.0])
    i = x.view(torch.int32)
    i[0] = 0
    return x, i


def view_dtype_narrower(torch):
    x = torch.tensor([1, 256, -1], dtype=torch.int32)
    return x.view(torch.int16), x.view(torch.uint8)


def view_dtype_wider(torch):
    x = torch.tensor([1, 0, 0, 1], dtype=torch.int32)
    return x.view(torch.int64), attempt(x[:3].view, torch.int64)


def channels_last_strides(torch):
    x = _grid(torch, 2, 3, 4, 5).contiguous(memory_format=torch.channels_last)
    y = x * 2
    return (
        x.stride(),
        y.stride(),
        x.is_contiguous(),
        x.is_contiguous(memory_format=torch.channels_last),
        y.clone().stride(),
        torch.zeros_like(x).stride(),
        x.contiguous().stride(),
        x.permute(0, 2, 3, 1).is_contiguous(),
    )


def channels_last_values(torch):
    x = _grid(torch, 1, 2, 2, 2).to(memory_format=torch.channels_last)
    x[0, 1] = -1
    return x, x.flatten(), x.permute(0, 2, 3, 1).reshape(-1)


def elementwise_strides(torch):
    x = _grid(torch, 3, 4).t()
    return x + 1, x.exp(), x + torch.ones(4, 3), torch.ones(4, 3) + x, x * x.contiguous(), x > 3


def elementwise_strides_three_dims(torch):
    x = _grid(torch, 2, 3, 4).permute(2, 0, 1)
    return x * 2, x + torch.ones(4, 2, 3), x[::2] + 1, x.expand(4, 2, 3) - 1, x[:, :1] * 2


def view_fails_on_transposed(torch):
    return torch.zeros(3, 4).t().view(12)


def view_partial_on_transposed(torch):
    x = _grid(torch, 2, 3, 4).transpose(0, 1)
    return x.view(3, 2, 2, 2), attempt(x.view, 6, 4), attempt(x.view, -1)


def view_of_slice(torch):
    x = _grid(torch, 4, 6)
    return x[1:3].view(12), x[1:3].view(-1, 3), attempt(x[:, 1:].view, -1)


def reshape_views_or_copies(torch):
    x = _grid(torch, 3, 4)
    v = x.reshape(4, 3)
    c = x.t().reshape(12)
    x[0, 0] = 99
    return _aliases(x, v), _aliases(x, c), v, c


def flatten_views_or_copies(torch):
    x = _grid(torch, 2, 3)
    f, g = x.flatten(), x.t().flatten()
    x.zero_()
    return f, g, _aliases(f, x), x.ravel().data_ptr() == x.data_ptr()


def contiguous_same_object(torch):
    x = _grid(torch, 2, 3)
    y = x.t()
    c = y.contiguous()
    return x.contiguous() is x, c is y, c, _aliases(c, y)


def squeeze_unsqueeze_share(torch):
    x = _grid(torch, 1, 3, 1)
    s = x.squeeze()
    s[1] = 10
    u = s.unsqueeze(0)
    u[0, 2] = 20
    return x, s, u, x.squeeze(0), x.squeeze(1), x.squeeze((0, 2)), s.unsqueeze(-1)


def movedim_swap(torch):
    x = _grid(torch, 2, 3, 4)
    return x.movedim(0, -1), x.swapaxes(0, 2), torch.moveaxis(x, (0, 1), (1, 2)), x.mT


def transposed_properties(torch):
    x = _grid(torch, 2, 3)
    z = torch.tensor([[1 + 1j, 2 - 1j]])
    return x.T, x.mT, x.H, z.H, z.mH, z.T


def narrow_and_select(torch):
    x = _grid(torch, 4, 3)
    n = x.narrow(0, 1, 2)
    n.add_(100)
    s = x.select(1, -1)
    s.zero_()
    return x, n, s, torch.narrow(x, 1, -2, 1)


def chained_views_refresh(torch):
    x = _grid(torch, 2, 3, 4)
    v = x[1].t()[1:3].unsqueeze(0)
    w = x.transpose(0, 2)
    v += 1000
    x[1, 0] = 0
    return x, v, w


def two_views_same_memory(torch):
    x = _grid(torch, 6)
    a, b = x[:4], x[2:]
    a.fill_(1)
    b.mul_(3)
    return x, a, b, a._version, b._version


def version_shared(torch):
    x = torch.zeros(4)
    v = x[1:]
    d = x.detach()
    before = x._version, v._version, d._version
    v.add_(1)
    d.add_(1)
    return before, x._version, v._version, d._version


def base_attribute(torch):
    x = torch.zeros(4)
    v = x[1:]
    w = v[1:]
    return v._base is x, w._base is x, x._base, v._is_view(), x._is_view(), x.detach()._is_view()


def storage_offsets(torch):
    x = _grid(torch, 4, 5)
    v = x[1:, 2:]
    return (
        v.storage_offset(),
        v[1].storage_offset(),
        v.t()[1].storage_offset(),
        v.data_ptr() - x.data_ptr(),
    )


def size_one_strides(torch):
    x = torch.zeros(3, 1, 2)
    return (
        x[:, :, :1].stride(),
        x[0:1].stride(),
        x.expand(3, 4, 2).stride(),
        x.unsqueeze(1).stride(),
        x[None].stride(),
    )


def empty_views(torch):
    x = torch.zeros(3, 4)
    return x[3:], x[:, 2:2], x[5:9].shape, x[2:1].sum(), torch.zeros(0, 3).view(3, 0)


def clone_preserves_strides(torch):
    x = _grid(torch, 3, 4)
    return (
        x.t().clone(),
        x[:, ::2].clone(),
        x.t().clone(memory_format=torch.contiguous_format),
        x[0:1].expand(3, 4).clone(),
    )


def like_functions_strides(torch):
    x = _grid(torch, 3, 4).t()
    return (
        torch.zeros_like(x),
        torch.ones_like(x, dtype=torch.int32),
        torch.full_like(x[::2], 2.0),
        x.new_zeros(2, 2),
    )


def setitem_scalar_and_broadcast(torch):
    x = torch.zeros(2, 3)
    x[0, 1] = 5
    x[1] = torch.tensor([1.0, 2.0, 3.0])
    x[:, 0:1] = torch.tensor([[7], [8]])
    x[..., -1] = True
    return x


def setitem_wrong_shape(torch):
    x = torch.zeros(2, 3)
    x[0] = torch.zeros(2)
    return x


def setitem_extra_ones(torch):
    x = torch.zeros(3)
    x[:] = torch.ones(1, 1, 3)
    return x


def setitem_self_overlap(torch):
    x = _grid(torch, 5)
    x[1:] = x[:-1].clone()
    return x


def advanced_index_is_copy(torch):
    x = _grid(torch, 4, 3)
    y = x[[0, 2]]
    y.zero_()
    z = x[torch.tensor([1, 1, 3]), 1:]
    z += 1
    return x, y, z


def advanced_setitem(torch):
    x = _grid(torch, 4, 3)
    x[[0, 2], 1] = -1
    x[torch.tensor([3, -3]), :] = torch.tensor([[1.0], [2.0]])
    x[1, [0, 0]] += 5
    return x


def advanced_layouts(torch):
    x = _grid(torch, 2, 3, 4)
    i = torch.tensor([0, 1])
    return (
        x[i, :, i],
        x[:, i, i],
        x[:, i],
        x[i[:, None], i],
        x[None, :, i],
        x[..., [1, 2]],
        x[0, :, [1]],
    )


def index_put_accumulate(torch):
    x = torch.zeros(4)
    x.index_put_((torch.tensor([0, 0, 2]),), torch.tensor([1.0, 2.0, 3.0]), accumulate=True)
    return x


def index_methods_in_place(torch):
    x = torch.zeros(4, 2)
    i = torch.tensor([1, 3])
    x.index_add_(0, i, torch.ones(2, 2))
    x.index_fill_(0, torch.tensor([0]), 7)
    x.index_copy_(0, torch.tensor([2]), torch.tensor([[5.0, 6.0]]))
    x.masked_fill_(x == 1, -1)
    return x


def scatter_through_view(torch):
    x = torch.zeros(3, 4)
    x.t().scatter_(0, torch.tensor([[0, 1, 2]]), 5.0)
    x[0].scatter_add_(0, torch.tensor([3, 3]), torch.ones(2))
    return x


def bool_scalar_index(torch):
    x = _grid(torch, 2, 2)
    return x[True], x[False].shape, x[None, True].shape, x[torch.tensor(True)]


def resize_keeps_data(torch):
    x = _grid(torch, 2, 3)
    x.resize_(2, 2)
    y = x.clone()
    return y, x._version


def in_place_view_methods(torch):
    x = _grid(torch, 2, 3)
    y = x.t_()
    x.unsqueeze_(0)
    x.transpose_(0, 1)
    return x, y is x


def squeeze_in_place(torch):
    x = _grid(torch, 1, 3)
    x.squeeze_()
    x[0] = 4
    return x


def fill_diagonal(torch):
    x = torch.zeros(4, 2)
    x.fill_diagonal_(3, wrap=True)
    return x, torch.zeros(3, 3, 3).fill_diagonal_(1)


def view_as_and_expand_as(torch):
    x = _grid(torch, 6)
    return (
        x.view_as(torch.zeros(2, 3)),
        torch.ones(1, 3).expand_as(torch.zeros(2, 3)),
        x.reshape_as(torch.zeros(3, 2)),
    )


def broadcast_to_shares(torch):
    x = _grid(torch, 3)
    b = torch.broadcast_to(x, (2, 3))
    x[0] = 9
    a, c = torch.broadcast_tensors(x, torch.zeros(2, 1))
    return b, a, c


def atleast_and_meshgrid(torch):
    a, b = torch.meshgrid(torch.arange(2), torch.arange(3), indexing="ij")
    return torch.atleast_2d(torch.arange(3)), torch.atleast_3d(torch.arange(3)), a, b


def unflatten_view(torch):
    x = _grid(torch, 2, 6)
    u = x.unflatten(1, (2, -1))
    u[0, 0] = -1
    return x, u


def swap_rows(torch):
    x = _grid(torch, 3, 2)
    x[[0, 2]] = x[[2, 0]]
    return x


def augmented_slices(torch):
    x = _grid(torch, 4, 4)
    x[1:3, 1:3] *= 10
    x[:, 0] -= 1
    x[-1] /= 2
    x[0] **= 2
    return x, x._version


def iterate_and_write(torch):
    x = _grid(torch, 3, 2)
    for row in x:
        row.mul_(2)
    return x


def loop_over_many_positions(torch):
    x = torch.zeros(30)
    for i in range(30):
        x[i] = i * i
    y = x.view(5, 6)
    for i in range(5):
        y[i, i] += 1
    return x, y.sum()


def contiguous_is_contiguous(torch):
    x = torch.zeros(2, 3, 4)
    return [
        t.is_contiguous()
        for t in (
            x,
            x[0],
            x[:, 0],
            x[..., 0],
            x.transpose(0, 1),
            x[:1],
            x[:, :1],
            x.expand(2, 3, 4),
            x[:0],
        )
    ]


def deepcopy_view(torch):
    x = _grid(torch, 3, 4)
    c = copy.deepcopy(x.t())
    x.zero_()
    return c


def deepcopy_keeps_sharing(torch):
    x = _grid(torch, 4)
    a, b = copy.deepcopy([x, x[1:]])
    a[1] = 100
    return a, b


def pickle_keeps_strides(torch):
    x = _grid(torch, 3, 4)
    return pickle.loads(pickle.dumps(x.t())), pickle.loads(pickle.dumps(x[1:, ::2]))
