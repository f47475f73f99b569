"""In-place operations: what is refused, what history becomes, versions; sharing with NumPy."""

import numpy as np

from compat_tests.semantics.observe import attempt


def _leaf(torch, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def leaf_in_place_refused(torch):
    x = _leaf(torch)
    return attempt(x.add_, 1), attempt(x.zero_), attempt(x.__setitem__, 0, 1.0), x, x._version


def leaf_view_in_place_refused(torch):
    x = _leaf(torch)
    return attempt(x[1:].add_, 1), attempt(x.view(3, 1).zero_), attempt(x[0].fill_, 2), x


def leaf_in_place_without_grad(torch):
    x = _leaf(torch)
    with torch.no_grad():
        x.add_(1)
        x[0] = 7
        x.t().mul_(2)
    return x, x._version, x.is_leaf


def leaf_detached_write(torch):
    x = _leaf(torch)
    x.detach().mul_(3)
    y = (x * x).sum()
    y.backward()
    return x, x.grad


def non_leaf_add(torch):
    x = _leaf(torch)
    y = x * 2
    z = y.add_(1)
    y.sum().backward()
    return y, z is y, x.grad, y._version


def non_leaf_mul_chain(torch):
    x = _leaf(torch)
    y = x.clone()
    y *= 3
    y += x
    y.sum().backward()
    return y, x.grad


def copy_slices(torch):
    x = _leaf(torch)
    y = x * 1
    y[0] = y[1] * 10
    y.sum().backward()
    return y, x.grad, y.grad_fn.name()


def copy_slices_through_views(torch):
    x = torch.arange(6.0).view(2, 3).requires_grad_()
    y = x * 2
    v = y.t()
    v[1].mul_(5)
    (y * y).sum().backward()
    return y, v, x.grad, y.grad_fn.name(), v.requires_grad


def view_of_non_leaf_history(torch):
    x = _leaf(torch)
    y = x * 2
    v = y[1:]
    v.mul_(3)
    first = y.grad_fn.name()
    y.sum().backward()
    return first, x.grad


def view_before_base_write(torch):
    x = _leaf(torch)
    y = x * 2
    v = y[:2]
    y.mul_(10)
    v.sum().backward()
    return v, x.grad


def write_grad_into_plain_tensor(torch):
    x = _leaf(torch)
    buf = torch.zeros(4)
    buf[1:] = x * 2
    buf.sum().backward()
    return buf, x.grad, buf.is_leaf


def write_grad_into_view_of_plain(torch):
    x = _leaf(torch)
    buf = torch.zeros(2, 3)
    row = buf[0]
    row.copy_(x)
    (buf * 3).sum().backward()
    return buf, row.requires_grad, x.grad


def fill_buffer_in_loop(torch):
    x = _leaf(torch)
    out = torch.zeros(3, 3)
    for i in range(3):
        out[i] = x * i
    out.sum().backward()
    return out, x.grad


def overwrite_cuts_gradient(torch):
    x = _leaf(torch)
    y = x * 2
    y[1] = 0
    y.zero_() if False else None
    y.sum().backward()
    return x.grad


def zero_cuts_history(torch):
    x = _leaf(torch)
    y = x * 2
    y.zero_()
    y.sum().backward()
    return y, x.grad


def setitem_gradient_to_value(torch):
    x, v = _leaf(torch), torch.tensor(5.0, requires_grad=True)
    y = x * 2
    y[:2] = v
    (y * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    return x.grad, v.grad


def masked_assign_gradient(torch):
    x = _leaf(torch)
    y = x * 2
    y[x > 1.5] = -1
    y.sum().backward()
    return y, x.grad


def masked_assign_tensor_gradient(torch):
    x, v = _leaf(torch), torch.tensor([4.0, 5.0], requires_grad=True)
    y = x * 2
    y[torch.tensor([True, False, True])] = v * v
    y.sum().backward()
    return y, x.grad, v.grad


def index_put_gradient(torch):
    x, v = _leaf(torch), torch.ones(2, requires_grad=True)
    y = x * 1
    y.index_put_((torch.tensor([0, 0]),), v * 3, accumulate=True)
    (y * y).sum().backward()
    return y, x.grad, v.grad


def version_error_mul(torch):
    x = _leaf(torch)
    y = x * 2
    z = y * y
    y.add_(1)
    return attempt(z.sum().backward)


def version_error_operand_of_product(torch):
    x, w = _leaf(torch), torch.ones(3)
    z = x * w
    w.add_(1)
    return attempt(z.sum().backward)


def version_error_through_view(torch):
    x = _leaf(torch)
    y = x * 2
    z = y * y
    y[0] = 0
    return attempt(z.sum().backward)


def version_error_of_base(torch):
    x = _leaf(torch)
    y = x * 2
    v = y[:2]
    z = v * v
    y.add_(1)
    return attempt(z.sum().backward)


def version_error_matmul_weight(torch):
    x = torch.ones(2, 2, requires_grad=True)
    w = torch.ones(2, 2)
    y = x @ w
    w.mul_(2)
    return attempt(y.sum().backward)


def version_error_parameter_step(torch):
    w = _leaf(torch)
    y = (w * w).sum()
    with torch.no_grad():
        w.sub_(0.1)
    return attempt(y.backward)


def no_version_error_through_data(torch):
    w = _leaf(torch)
    y = (w * w).sum()
    w.data.sub_(1.0)
    return attempt(y.backward), w


def version_error_exp_result(torch):
    x = _leaf(torch)
    y = x.exp()
    y.add_(1)
    return attempt(y.sum().backward)


def version_error_sigmoid_result(torch):
    x = _leaf(torch)
    y = x.sigmoid()
    y.mul_(2)
    return attempt(y.sum().backward)


def version_error_tanh_sqrt_softmax(torch):
    errors = []
    for f in (torch.tanh, torch.sqrt, lambda t: torch.softmax(t, 0), torch.relu, torch.reciprocal):
        x = _leaf(torch)
        y = f(x)
        y.add_(1)
        errors.append(attempt(y.sum().backward))
    return errors


def no_version_error_input_of_exp(torch):
    x = _leaf(torch)
    y = x * 1
    z = y.exp()
    y.add_(100)
    z.sum().backward()
    return x.grad


def no_version_error_input_of_sum(torch):
    x = _leaf(torch)
    y = x * 1
    z = y.sum() + y.mean() + (y + 1).sum() + (2 * y).sum()
    y.mul_(5)
    z.backward()
    return x.grad


def no_version_error_result_of_log(torch):
    x = _leaf(torch)
    z = x.log()
    z.add_(1)
    z.sum().backward()
    return x.grad


def no_version_error_relu_in_place(torch):
    x = _leaf(torch, -1.0, 0.0, 2.0)
    y = x * 2
    torch.relu_(y)
    y.sum().backward()
    return y, x.grad


def version_error_relu_before(torch):
    x = _leaf(torch)
    y = x.exp()
    y.relu_()
    return attempt(y.sum().backward)


def in_place_unary_chain(torch):
    x = _leaf(torch, 0.5, 1.5, 2.5)
    y = x.clone()
    y.exp_().sqrt_().neg_()
    y.sum().backward()
    return y, x.grad


def in_place_sin_keeps_input(torch):
    x = _leaf(torch, 0.5, 1.5, 2.5)
    y = x.clone().sin_().pow_(2)
    y.sum().backward()
    return y, x.grad


def in_place_mul_self(torch):
    x = _leaf(torch)
    y = x * 1
    y *= y
    y.sum().backward()
    return y, x.grad


def in_place_requires_grad_operand(torch):
    a = torch.ones(3)
    b = _leaf(torch)
    a += b
    a.sum().backward()
    return a, b.grad, a.is_leaf, a.requires_grad


def in_place_under_no_grad_of_non_leaf(torch):
    x = _leaf(torch)
    y = x * 2
    with torch.no_grad():
        y.add_(1)
    y.sum().backward()
    return y, x.grad


def in_place_promotion_errors(torch):
    i, b = torch.tensor([1, 2]), torch.tensor([True, False])
    return (
        attempt(i.add_, 1.5),
        attempt(i.mul_, torch.tensor([0.5, 0.5])),
        attempt(i.div_, 2),
        attempt(b.add_, 1),
        attempt(torch.ones(2).add_, 1j),
        attempt(i.sqrt_),
        attempt(b.__iand__, torch.tensor([1, 1])),
        i,
        b,
    )


def in_place_promotion_allowed(torch):
    f, i = torch.ones(2), torch.tensor([5, 7])
    f += i
    i += True
    h = torch.ones(2, dtype=torch.float16)
    h.mul_(torch.full((2,), 3.0, dtype=torch.float64))
    b = torch.tensor([True, False])
    b |= True
    u = torch.tensor([250], dtype=torch.uint8)
    u += 10
    return f, i, h, b, u


def in_place_floor_divide(torch):
    i = torch.tensor([7, -7])
    i //= 2
    f = torch.tensor([7.0, -7.0])
    f //= 2
    i %= 3
    return i, f


def in_place_shape_errors(torch):
    x = torch.ones(3)
    return (
        attempt(x.add_, torch.ones(2, 3)),
        attempt(x.mul_, torch.ones(4)),
        attempt(x.__iadd__, torch.ones(3, 1)),
    )


def in_place_comparison_methods(torch):
    x = torch.tensor([1.0, 2.0, 3.0])
    x.gt_(1.5)
    y = torch.tensor([1, 2, 3])
    y.eq_(2)
    return x, y


def in_place_returns_self(torch):
    x = torch.ones(2)
    return (
        x.add_(1) is x,
        x.zero_() is x,
        x.clamp_(0, 1) is x,
        x.copy_(torch.ones(2)) is x,
        x.requires_grad_() is x,
    )


def addcmul_addcdiv_lerp(torch):
    x = torch.ones(2)
    x.addcmul_(torch.ones(2), torch.ones(2) * 2, value=0.5).addcdiv_(
        torch.ones(2), torch.ones(2) * 4, value=2
    )
    x.lerp_(torch.zeros(2), 0.25)
    return x, x._version


def versions_of_operations(torch):
    x = torch.zeros(3)
    seen = [x._version]
    for write in (
        lambda: x.add_(1),
        lambda: x.copy_(torch.ones(3)),
        lambda: x.__setitem__(0, 1.0),
        lambda: x.zero_(),
        lambda: x[1:].fill_(2),
        lambda: torch.add(x, 1, out=x),
        lambda: x.detach().mul_(2),
        lambda: x.data.mul_(2),
        lambda: x.clamp_(0, 1),
        lambda: x.masked_fill_(x > 0, 1.0),
        lambda: x.uniform_(),
        lambda: x.requires_grad_(False),
        lambda: x[torch.tensor([0])].zero_(),
        lambda: x.index_fill_(0, torch.tensor([1]), 2.0),
    ):
        write()
        seen.append(x._version)
    return seen


def swap_through_copies(torch):
    a, b = torch.tensor([1.0]), torch.tensor([2.0])
    a_old = a.clone()
    a.copy_(b)
    b.copy_(a_old)
    return a, b


def momentum_by_hand(torch):
    w, v = _leaf(torch), torch.zeros(3)
    for _ in range(3):
        (w * w).sum().backward()
        with torch.no_grad():
            v.mul_(0.9).add_(w.grad)
            w.sub_(v, alpha=0.1)
            w.grad.zero_()
    return w, v, w.grad, w._version


def grad_zero_in_place(torch):
    w = _leaf(torch)
    (w * 3).sum().backward()
    g = w.grad
    w.grad.zero_()
    (w * 5).sum().backward()
    return g, g is w.grad, w.grad


def dropout_in_place_on_view(torch):
    x = torch.ones(2, 3)
    torch.nn.functional.relu(x[0].neg_(), inplace=True)
    torch.nn.functional.hardtanh(x[1].mul_(5), inplace=True)
    return x


def out_with_grad_refused(torch):
    x = _leaf(torch)
    return attempt(torch.add, x, 1, out=torch.empty(3)), attempt(torch.exp, torch.ones(3), out=x)


def numpy_shares_both_ways(torch):
    x = torch.zeros(3)
    a = x.numpy()
    a[0] = 5
    first = x.clone()
    x.add_(1)
    return first, a.tolist(), x, a.dtype.name


def from_numpy_shares_both_ways(torch):
    a = np.arange(4.0)
    x = torch.from_numpy(a)
    a[0] = 9
    first = x.clone()
    x[1] = 7
    x *= 2
    return first, a.tolist(), x


def from_numpy_view_writes(torch):
    a = np.arange(6.0).reshape(2, 3)
    x = torch.from_numpy(a)
    v = x.t()[1]
    a[:, 1] = -1
    seen = v.clone()
    v.fill_(4)
    return seen, a.tolist(), v


def from_numpy_of_strided_array(torch):
    a = np.arange(12.0).reshape(3, 4)
    x, y = torch.from_numpy(a.T), torch.from_numpy(a[:, ::2])
    y[0, 0] = 100
    return x, y, x.stride(), y.stride(), a.tolist()


def from_numpy_negative_stride(torch):
    return torch.from_numpy(np.arange(3.0)[::-1])


def numpy_of_view_shares(torch):
    x = torch.arange(6.0).view(2, 3)
    a = x[1].numpy()
    b = x.t().numpy()
    a[0] = 50
    b[0, 0] = 60
    return x, a.strides, b.strides, b.tolist()


def numpy_after_array_died(torch):
    x = torch.zeros(2)
    x.numpy()[0] = 3
    x.add_(1)
    y = x * 2
    a = x.numpy()
    a[1] = 7
    return x, y, x.numpy().tolist()


def numpy_detached_parameter(torch):
    w = _leaf(torch)
    a = w.detach().numpy()
    a *= 2
    return w, attempt(w.numpy), attempt((w * 1).numpy), w._version


def numpy_result_is_snapshot(torch):
    x = torch.zeros(2)
    a = x.numpy()
    y = x + 1
    a[0] = 5
    return y, x + 1


def numpy_pending_read_before_write(torch):
    a = np.zeros(2)
    x = torch.from_numpy(a)
    y = x * 10
    a += 1
    z = x * 10
    return y, z


def as_tensor_and_tensor(torch):
    a = np.ones(2)
    s, c = torch.as_tensor(a), torch.tensor(a)
    t = torch.as_tensor(a, dtype=torch.float32)
    a[0] = 4
    x = torch.ones(1)
    return s, c, t, torch.as_tensor(x) is x, torch.asarray(x) is x


def numpy_protocols(torch):
    x = torch.tensor([1.0, 4.0])
    return (
        np.asarray(x).tolist(),
        np.sqrt(x).tolist(),
        np.array(x, dtype=np.int32).tolist(),
        float(np.sum(x.numpy())),
    )


def numpy_on_the_right(torch):
    a = np.array([1.0, 2.0])
    x = torch.tensor([3.0, 4.0], dtype=torch.float64)
    return torch.tensor(a) * x, x * torch.from_numpy(a), np.float64(2) * torch.ones(1).item()


def numpy_scalar_operands(torch):
    x = torch.ones(2)
    return (
        x * np.float64(2),
        x + np.int64(1),
        x * np.float32(0.5),
        x > np.int32(0),
        torch.tensor(np.float32(3)),
    )


def numpy_dtypes(torch):
    kinds = (
        "bool",
        "uint8",
        "int8",
        "int16",
        "int32",
        "int64",
        "float16",
        "float32",
        "float64",
        "complex64",
        "complex128",
    )
    return [torch.from_numpy(np.zeros(1, k)).dtype for k in kinds], attempt(
        torch.from_numpy, np.array(["a"])
    )


def bfloat16_numpy_refused(torch):
    return attempt(torch.ones(1, dtype=torch.bfloat16).numpy), torch.ones(
        1, dtype=torch.bfloat16
    ).float()


def tolist_and_item(torch):
    x = torch.tensor([[1, 2], [3, 4]])
    return (
        x.tolist(),
        x[0, 0].item(),
        torch.tensor(2.5).tolist(),
        torch.tensor([True]).item(),
        attempt(x.item),
    )


def set_data(torch):
    w = _leaf(torch)
    w.data = torch.zeros(2, 2)
    return w, w.shape, w.is_leaf, w._version


def set_data_shares(torch):
    w, new = _leaf(torch), torch.full((3,), 8.0)
    w.data = new
    new[0] = 1
    return w, w.data_ptr() == new.data_ptr()


def data_write_then_backward(torch):
    w = _leaf(torch)
    y = w * w
    w.data = torch.tensor([10.0, 20.0, 30.0])
    z = (w * w).sum()
    z.backward()
    return w.grad, y


def detach_in_place(torch):
    x = _leaf(torch)
    y = x * 2
    y.detach_()
    v = (x * 2)[1:]
    return y, y.is_leaf, attempt(v.detach_)


def requires_grad_rules(torch):
    x = torch.ones(2)
    y = x.requires_grad_() * 2
    return (
        attempt(y.requires_grad_, False),
        attempt(torch.ones(2, dtype=torch.int64).requires_grad_),
        attempt(torch.tensor, [1, 2], requires_grad=True),
        x.requires_grad_(False).requires_grad,
        y.requires_grad_(),
    )


def requires_grad_attribute(torch):
    x = torch.ones(2)
    x.requires_grad = True
    y = x * 2
    z = x.detach().requires_grad_()
    v = torch.ones(3)[1:].requires_grad_()
    v.sum().backward()
    return y, z, v.grad, attempt(setattr, y, "requires_grad", False)


def view_requires_grad_after_base(torch):
    b = torch.zeros(3)
    v = b[1:]
    b.requires_grad_()
    return v.requires_grad, b[1:].requires_grad, v.is_leaf


def no_grad_view_then_write(torch):
    x = _leaf(torch)
    y = x * 1
    with torch.no_grad():
        v = y[:2]
    return attempt(v.mul_, 2), v.requires_grad


def split_view_in_place(torch):
    x = _leaf(torch, 1.0, 2.0, 3.0, 4.0)
    a, _ = (x * 1).split(2)
    return attempt(a.add_, 1), a.grad_fn.name()


def chunk_in_place_without_grad(torch):
    x = torch.ones(4)
    a, _ = x.chunk(2)
    a.mul_(3)
    return x


def expand_then_write_base_grad(torch):
    x = _leaf(torch)
    y = x * 1
    e = y.unsqueeze(0).expand(2, 3)
    y.mul_(2)
    e.sum().backward()
    return e, x.grad


def rnn_style_hidden_state(torch):
    w = torch.full((2, 2), 0.5, requires_grad=True)
    h = torch.zeros(2)
    outs = torch.zeros(3, 2)
    for i in range(3):
        h = torch.tanh(h @ w + i)
        outs[i] = h
    outs.sum().backward()
    return outs, w.grad


def abs_of_complex(torch):
    z = torch.tensor([3 + 4j, -1j])
    return attempt(z.abs_), attempt(z.absolute_), z, z.eq_(1)
