"""Gradients: the walk, its options, accumulation, errors, subgradients, grad modes."""

from compat_tests.semantics.observe import attempt


def _leaf(torch, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def accumulation_same_object(torch):
    x = _leaf(torch)
    (x * 2).sum().backward()
    g = x.grad
    (x * 3).sum().backward()
    return g is x.grad, g, x.grad, g._version


def accumulation_first_is_new(torch):
    x = _leaf(torch)
    seed = torch.ones(3)
    x.clone().backward(seed)
    return x.grad is seed, x.grad.data_ptr() == seed.data_ptr(), x.grad


def accumulation_into_assigned(torch):
    x = _leaf(torch)
    x.grad = torch.full((3,), 10.0)
    mine = x.grad
    x.sum().backward()
    return mine is x.grad, mine


def accumulation_create_graph(torch):
    x = _leaf(torch)
    (x * x).sum().backward(create_graph=True)
    g = x.grad
    (x * x).sum().backward(create_graph=True)
    return g is x.grad, x.grad.requires_grad, x.grad


def second_backward_error(torch):
    x = _leaf(torch)
    y = (x * x).sum()
    y.backward()
    return attempt(y.backward), x.grad


def second_backward_without_saved(torch):
    x = _leaf(torch)
    y = (x + 1).sum()
    y.backward()
    y.backward()
    return x.grad


def second_backward_shared_part(torch):
    x = _leaf(torch)
    h = x.exp()
    h.sum().backward()
    return attempt((h * 2).sum().backward)


def retain_graph_twice(torch):
    x = _leaf(torch)
    y = (x * x).sum()
    y.backward(retain_graph=True)
    y.backward()
    return x.grad, attempt(y.backward)


def non_scalar_backward_error(torch):
    return attempt((_leaf(torch) * 2).backward), attempt(
        torch.autograd.grad, _leaf(torch) * 2, _leaf(torch)
    )


def one_element_backward(torch):
    x = _leaf(torch, 3.0)
    (x * x).backward()
    return x.grad


def backward_with_gradient(torch):
    x = _leaf(torch)
    (x * x).backward(torch.tensor([1.0, 0.5, 0.0]))
    return x.grad


def backward_gradient_errors(torch):
    x = _leaf(torch)
    y = x * x
    return (
        attempt(y.backward, torch.ones(2)),
        attempt(y.backward, 1.0),
        attempt(torch.ones(1).backward),
        attempt(torch.ones(2, dtype=torch.int64).sum().backward),
    )


def backward_inputs(torch):
    x, w = _leaf(torch), _leaf(torch)
    y = (x * w).sum()
    y.backward(inputs=[x])
    return x.grad, w.grad


def backward_inputs_non_leaf(torch):
    x = _leaf(torch)
    h = x * 2
    y = (h * h).sum()
    y.backward(inputs=[h, x])
    return h.grad, x.grad


def backward_inputs_empty(torch):
    return attempt(_leaf(torch).sum().backward, inputs=[])


def grad_basic(torch):
    x, w = _leaf(torch), _leaf(torch)
    y = (x * w * w).sum()
    gx, gw = torch.autograd.grad(y, (x, w))
    return gx, gw, x.grad, w.grad


def grad_of_non_leaf(torch):
    x = _leaf(torch)
    h = x * 2
    y = (h**3).sum()
    return torch.autograd.grad(y, [h, x])


def grad_unused(torch):
    x, w = _leaf(torch), _leaf(torch)
    y = (x * 2).sum()
    return (
        attempt(torch.autograd.grad, y, (x, w), retain_graph=True),
        torch.autograd.grad(y, (x, w), allow_unused=True, retain_graph=True),
        torch.autograd.grad(y, (x, w), materialize_grads=True, retain_graph=True),
        attempt(torch.autograd.grad, y, (x, w), allow_unused=False, materialize_grads=True),
    )


def grad_input_without_grad(torch):
    x = _leaf(torch)
    return attempt(torch.autograd.grad, (x * 2).sum(), torch.ones(3))


def grad_outputs_option(torch):
    x = _leaf(torch)
    a, b = x * 2, x**2
    return torch.autograd.grad(
        [a, b], x, grad_outputs=[torch.ones(3), torch.tensor([1.0, 2.0, 3.0])]
    )


def grad_outputs_none_for_scalar(torch):
    x = _leaf(torch)
    return torch.autograd.grad([x.sum(), x * 2], x, grad_outputs=[None, torch.ones(3)])


def grad_outputs_wrong_shape(torch):
    x = _leaf(torch)
    return attempt(torch.autograd.grad, x * 2, x, grad_outputs=torch.ones(2))


def grad_outputs_wrong_count(torch):
    x = _leaf(torch)
    return attempt(torch.autograd.grad, [x * 2], [x], grad_outputs=[torch.ones(3), torch.ones(3)])


def grad_of_itself(torch):
    x = _leaf(torch, 2.0)
    return torch.autograd.grad(x, x), attempt(torch.autograd.grad, x.detach(), x)


def grad_frees_graph(torch):
    x = _leaf(torch)
    y = (x * x).sum()
    torch.autograd.grad(y, x)
    return attempt(torch.autograd.grad, y, x)


def double_backward(torch):
    x = _leaf(torch)
    (g,) = torch.autograd.grad((x**3).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    return g.detach(), h, g.requires_grad


def triple_backward(torch):
    x = _leaf(torch, 0.5)
    g = x.sin()
    out = []
    for _ in range(3):
        (g,) = torch.autograd.grad(g.sum(), x, create_graph=True)
        out.append(g.detach())
    return out


def gradient_penalty(torch):
    x, w = _leaf(torch), _leaf(torch)
    (g,) = torch.autograd.grad((x.tanh() * w).sum(), x, create_graph=True)
    (g.pow(2).sum()).backward()
    return x.grad, w.grad


def create_graph_through_matmul(torch):
    a = torch.arange(6.0).view(2, 3).requires_grad_()
    b = torch.ones(3, 2, requires_grad=True)
    (g,) = torch.autograd.grad((a @ b).pow(2).sum(), a, create_graph=True)
    g.sum().backward()
    return a.grad, b.grad


def hessian_vector_product(torch):
    x, v = _leaf(torch), torch.tensor([1.0, -1.0, 0.5])
    (g,) = torch.autograd.grad((x.exp() * x.roll(1)).sum(), x, create_graph=True)
    return torch.autograd.grad(g, x, v)


def functional_jacobian_hessian(torch):
    x = torch.tensor([1.0, 2.0])
    f = torch.autograd.functional
    return (
        f.jacobian(lambda t: t**2, x),
        f.hessian(lambda t: (t**3).sum(), x),
        f.vjp(lambda t: t**2, x, torch.ones(2)),
    )


def grad_fn_names(torch):
    x = torch.arange(1.0, 5.0).view(2, 2).requires_grad_()
    made = (
        x + 1,
        x - x,
        x * 2,
        x / 2,
        x**2,
        2**x,
        -x,
        x @ x,
        x.sum(),
        x.mean(),
        x.t(),
        x[0],
        x[:, 1:],
        x.view(4),
        x.exp(),
        x.log(),
        x.sqrt(),
        x.abs(),
        x.relu(),
        x.sigmoid(),
        x.tanh(),
        x.max(),
        x.max(0).values,
        x.clone(),
        x.expand(3, 2, 2),
        x.reshape(4, 1),
        x.transpose(0, 1),
        x.permute(1, 0),
        x.squeeze(),
        x.unsqueeze(0),
        torch.cat([x, x]),
        torch.stack([x, x]),
        x.clamp(0, 1),
        x.softmax(0),
        x.log_softmax(1),
        x.norm(),
        x.double(),
        x[x > 2],
        x[[0, 1]],
        x.sum(0),
        x.mean(1),
        x.std(),
        x.prod(),
        x.cumsum(0),
        x.diagonal(),
        x.unbind()[0],
        x.split(1)[0],
        x.chunk(2)[1],
        x.repeat(2, 1),
        x.flatten(),
        x.sort().values,
        torch.where(x > 2, x, x * 2),
        x.masked_fill(x > 2, 0.0),
        x.gather(0, torch.zeros(1, 2, dtype=torch.int64)),
    )
    return [t.grad_fn.name() for t in made]


def grad_fn_names_more(torch):
    x = torch.arange(1.0, 5.0).view(2, 2).requires_grad_()
    F = torch.nn.functional
    w = torch.ones(3, 2, requires_grad=True)
    made = (
        F.linear(x, w),
        F.linear(x, w, torch.ones(3)),
        F.mse_loss(x, torch.zeros(2, 2)),
        F.gelu(x),
        F.silu(x),
        F.leaky_relu(x),
        F.elu(x),
        F.softplus(x),
        F.layer_norm(x, (2,)),
        F.nll_loss(x, torch.tensor([0, 1])),
        F.cross_entropy(x, torch.tensor([0, 1])),
        F.embedding(torch.tensor([0]), x),
        F.pad(x, (1, 1)),
        torch.bmm(x[None], x[None]),
        torch.addmm(x, x, x),
        x.mv(x[0]),
        x[0].dot(x[1]),
        x.var(),
        x.logsumexp(0),
        x.argmax().float() + x.sum(),
        x.floor(),
        x.sign(),
        x.min(),
        x.topk(1).values,
        torch.einsum("ij,jk->ik", x, x),
        x.tril(),
        x.index_select(0, torch.tensor([0])),
        x.minimum(x + 1),
        x.erf(),
    )
    return [t.grad_fn.name() for t in made]


def next_functions_chain(torch):
    x = _leaf(torch)
    y = (x * 2).sum()
    node = y.grad_fn
    mul = node.next_functions[0][0]
    return (
        node.name(),
        mul.name(),
        mul.next_functions[0][0].name(),
        mul.next_functions[0][0].variable is x,
        len(mul.next_functions),
    )


def leaves_and_flags(torch):
    x = _leaf(torch)
    y = x * 2
    return [
        (t.requires_grad, t.is_leaf, t.grad_fn is None)
        for t in (x, y, x.detach(), y.detach(), torch.ones(1), y.data)
    ]


def comparison_has_no_gradient(torch):
    x = _leaf(torch)
    return x > 1, x.argmax(), x.sign(), x.round(), x.long(), x == x, torch.isnan(x)


def integer_results_no_gradient(torch):
    x = _leaf(torch)
    values, indices = x.sort(descending=True)
    return values, indices, x.topk(2).indices.requires_grad


def grad_assignment_errors(torch):
    x = _leaf(torch)
    return (
        attempt(setattr, x, "grad", torch.ones(2)),
        attempt(setattr, x, "grad", 1.0),
        attempt(setattr, x, "grad", torch.ones(3, dtype=torch.float64)),
        attempt(setattr, x, "grad", x),
        x.grad,
    )


def grad_set_none_and_delete(torch):
    x = _leaf(torch)
    x.sum().backward()
    x.grad = None
    first = x.grad
    x.sum().backward()
    del x.grad
    return first, x.grad


def grad_of_non_leaf_is_none(torch):
    x = _leaf(torch)
    y = x * 2
    y.sum().backward()
    return y.grad, x.grad


def retain_grad_keeps(torch):
    x = _leaf(torch)
    y = x * 2
    y.retain_grad()
    z = y**2
    z.sum().backward()
    return y.grad, y.retains_grad, x.retains_grad, x.grad


def retain_grad_errors(torch):
    x = _leaf(torch)
    x.retain_grad()
    return attempt(torch.ones(1).retain_grad), x.retains_grad


def retain_grad_after_hook(torch):
    x = _leaf(torch)
    y = x * 2
    y.retain_grad()
    y.register_hook(lambda g: g * 10)
    y.sum().backward()
    return y.grad, x.grad


def gradient_layout(torch):
    x = torch.arange(6.0).view(2, 3).requires_grad_()
    (x.t() * torch.arange(6.0).view(3, 2)).sum().backward()
    y = torch.arange(6.0).view(2, 3).t().requires_grad_()
    (y * 2).sum().backward()
    return x.grad, y.grad


def gradient_dtype_follows_input(torch):
    x = torch.ones(2, dtype=torch.float16, requires_grad=True)
    w = torch.ones(2, dtype=torch.float64, requires_grad=True)
    (x * w).sum().backward()
    return x.grad, w.grad


def gradient_of_casts(torch):
    x = _leaf(torch)
    (x.double() * 2).float().sum().backward()
    return x.grad


def broadcast_gradients(torch):
    x, y, s = (
        torch.ones(2, 3, requires_grad=True),
        torch.ones(3, requires_grad=True),
        torch.tensor(2.0, requires_grad=True),
    )
    (x * y * s + torch.ones(4, 1, 1)).sum().backward()
    return x.grad, y.grad, s.grad


def no_grad_context(torch):
    x = _leaf(torch)
    with torch.no_grad():
        a = x * 2
        inside = torch.is_grad_enabled()
        with torch.enable_grad():
            b = x * 2
        leaf = torch.ones(1, requires_grad=True)
    return a, b, inside, torch.is_grad_enabled(), leaf


def no_grad_decorators(torch):
    x = _leaf(torch)

    @torch.no_grad()
    def f(t):
        return t * 2

    @torch.no_grad
    def g(t):
        return t * 2

    @torch.enable_grad()
    def h(t):
        return t * 2

    with torch.no_grad():
        made = h(x)
    return f(x), g(x), made, f.__name__


def no_grad_generator(torch):
    @torch.no_grad()
    def numbers():
        yield torch.is_grad_enabled()
        yield torch.is_grad_enabled()

    out = []
    for n in numbers():
        out += [n, torch.is_grad_enabled()]
    return out


def no_grad_restores_after_error(torch):
    try:
        with torch.no_grad():
            raise ValueError
    except ValueError:
        pass
    return torch.is_grad_enabled()


def set_grad_enabled_uses(torch):
    x = _leaf(torch)
    with torch.set_grad_enabled(False):
        a = x * 2
    torch.set_grad_enabled(False)
    b = x * 2
    torch.set_grad_enabled(True)
    c = x * 2

    @torch.set_grad_enabled(False)
    def f(t):
        return t * 2

    return a, b, c, f(x), torch.is_grad_enabled()


def inference_mode_uses(torch):
    x = _leaf(torch)
    with torch.inference_mode():
        a = x * 2
        inside = torch.is_inference_mode_enabled(), torch.is_grad_enabled()
    with torch.inference_mode(False):
        b = x * 2

    @torch.inference_mode()
    def f(t):
        return t * 3

    return a, b, inside, f(x).requires_grad, torch.is_inference_mode_enabled()


def inference_tensor_rules(torch):
    x = _leaf(torch)
    with torch.inference_mode():
        a = torch.ones(3)
    return (
        a.is_inference(),
        attempt(a.requires_grad_),
        attempt(lambda: (a * x).sum().backward()),
        attempt(a.add_, 1),
    )


def view_of_leaf_under_no_grad(torch):
    x = _leaf(torch)
    with torch.no_grad():
        v = x[1:]
    return v.requires_grad, v.is_leaf


def parameter_under_no_grad(torch):
    with torch.no_grad():
        p = torch.nn.Parameter(torch.ones(2))
    (p * 2).sum().backward()
    return p.grad, type(p).__name__, isinstance(p, torch.Tensor)


def detach_cuts(torch):
    x = _leaf(torch)
    y = x * 2
    (y.detach() * x).sum().backward()
    return x.grad


def stop_gradient_target(torch):
    x = _leaf(torch)
    loss = (x.pow(2) - x.detach()).pow(2).sum()
    loss.backward()
    return x.grad


def abs_at_zero(torch):
    x = _leaf(torch, -1.0, 0.0, 2.0)
    x.abs().sum().backward()
    return x.grad


def clamp_at_bounds(torch):
    x = _leaf(torch, 0.0, 0.5, 1.0, 2.0)
    x.clamp(0, 1).sum().backward()
    y = _leaf(torch, 0.0, 0.5, 1.0, 2.0)
    (y.clamp(min=0.5) + y.clamp(max=1.0)).sum().backward()
    return x.grad, y.grad


def clamp_tensor_bounds(torch):
    x, lo = _leaf(torch, 0.0, 1.0, 2.0), _leaf(torch, 0.0, 2.0, 1.0)
    torch.clamp(x, lo, torch.tensor([1.0, 3.0, 2.0])).sum().backward()
    return x.grad, lo.grad


def max_ties_all(torch):
    x, y = _leaf(torch, 2.0, 2.0, 1.0), _leaf(torch, 1.0, 1.0, 3.0)
    (x.max() + y.min()).backward()
    return x.grad, y.grad


def max_ties_along_dim(torch):
    x = torch.tensor([[1.0, 1.0], [2.0, 0.0]], requires_grad=True)
    (x.max(1).values.sum() + x.min(0)[0].sum()).backward()
    return x.grad


def amax_ties(torch):
    x = torch.tensor([[1.0, 1.0], [2.0, 0.0]], requires_grad=True)
    x.amax(1).sum().backward()
    return x.grad


def maximum_ties(torch):
    x, y = _leaf(torch, 1.0, 2.0, 3.0), _leaf(torch, 1.0, 1.0, 4.0)
    torch.maximum(x, y).sum().backward()
    return x.grad, y.grad


def median_and_mode(torch):
    x = _leaf(torch, 3.0, 1.0, 1.0, 2.0)
    (x.median() + x.mode().values).backward()
    return x.grad


def norm_at_zero(torch):
    grads = []
    for p in (2, 1, float("inf"), 3, 0.5):
        x = torch.zeros(3, requires_grad=True)
        x.norm(p).backward()
        grads.append(x.grad)
    return grads


def norm_along_dim_zero_row(torch):
    x = torch.tensor([[0.0, 0.0], [3.0, 4.0]], requires_grad=True)
    x.norm(dim=1).sum().backward()
    return x.grad


def sqrt_at_zero(torch):
    x = _leaf(torch, 0.0, 4.0)
    x.sqrt().sum().backward()
    return x.grad


def pow_at_zero(torch):
    grads = []
    for e in (0, 1, 2, 0.5, -1):
        x = _leaf(torch, 0.0, 2.0)
        (x**e).sum().backward()
        grads.append(x.grad)
    return grads


def pow_tensor_exponent(torch):
    x, e = _leaf(torch, 0.0, 2.0, 0.0), _leaf(torch, 2.0, 3.0, 0.0)
    (x**e).sum().backward()
    return x.grad, e.grad


def prod_with_zeros(torch):
    one, two = _leaf(torch, 2.0, 0.0, 3.0), _leaf(torch, 0.0, 0.0, 3.0)
    (one.prod() + two.prod()).backward()
    return one.grad, two.grad


def std_of_equal_values(torch):
    x = _leaf(torch, 2.0, 2.0, 2.0)
    x.std().backward()
    y = _leaf(torch, 2.0)
    y.var(unbiased=False).backward()
    return x.grad, y.grad


def relu_family_at_zero(torch):
    F = torch.nn.functional
    out = []
    for f in (
        F.relu,
        F.leaky_relu,
        F.elu,
        F.relu6,
        F.hardtanh,
        F.softplus,
        F.selu,
        F.hardswish,
        F.hardsigmoid,
        F.silu,
        F.softshrink,
    ):
        x = _leaf(torch, -3.0, -1.0, 0.0, 1.0, 3.0, 6.0)
        f(x).sum().backward()
        out.append(x.grad)
    return out


def losses_at_kinks(torch):
    F = torch.nn.functional
    out = []
    for f in (F.l1_loss, F.smooth_l1_loss, F.huber_loss, F.mse_loss):
        x = _leaf(torch, 0.0, 1.0, 2.0)
        f(x, torch.tensor([0.0, 0.0, 1.0])).backward()
        out.append(x.grad)
    return out


def where_gradient(torch):
    x = _leaf(torch, -1.0, 0.0, 4.0)
    torch.where(x > 0, x.sqrt(), torch.zeros(())).sum().backward()
    return x.grad


def log_and_division_at_zero(torch):
    x = _leaf(torch, 0.0, 1.0)
    (x.log() + 1 / x).sum().backward()
    return x.grad


def atan2_hypot_at_zero(torch):
    x, y = _leaf(torch, 0.0, 1.0), _leaf(torch, 0.0, 0.0)
    (torch.atan2(x, y) + torch.hypot(x, y)).sum().backward()
    return x.grad, y.grad


def sign_floor_gradients(torch):
    x = _leaf(torch, -1.5, 0.0, 1.5)
    (x.sign() + x.floor() + x.round() + x.frac() + x.trunc()).sum().backward()
    return x.grad


def remainder_fmod_gradients(torch):
    x, y = _leaf(torch, -5.0, 5.0, 7.5), _leaf(torch, 3.0, -3.0, 2.0)
    (x.remainder(y) + x.fmod(y)).sum().backward()
    return x.grad, y.grad


def sort_ties_gradient(torch):
    x = _leaf(torch, 2.0, 1.0, 2.0)
    (x.sort(stable=True).values * torch.tensor([1.0, 2.0, 3.0])).sum().backward()
    return x.grad


def cumulative_gradients(torch):
    x = _leaf(torch, 2.0, 0.0, 2.0)
    (x.cumsum(0) + x.cumprod(0) + x.cummax(0).values).sum().backward()
    return x.grad


def repeated_index_gradient(torch):
    x = _leaf(torch)
    x[[0, 0, 2]].pow(2).sum().backward()
    y = _leaf(torch)
    y.gather(0, torch.tensor([1, 1])).sum().backward()
    return x.grad, y.grad


def embedding_padding_gradient(torch):
    w = torch.ones(4, 2, requires_grad=True)
    torch.nn.functional.embedding(torch.tensor([0, 1, 1, 3]), w, padding_idx=0).sum().backward()
    return w.grad


def complex_gradients(torch):
    z = torch.tensor([1 + 2j, 3 - 4j], requires_grad=True)
    (z * z.conj()).real.sum().backward()
    return z.grad


def complex_abs_angle(torch):
    z = torch.tensor([1 + 2j, 0j], requires_grad=True)
    z.abs().sum().backward()
    w = torch.tensor([1 + 1j], requires_grad=True)
    w.angle().sum().backward()
    return z.grad, w.grad


def complex_backward_errors(torch):
    z = torch.tensor([1 + 2j], requires_grad=True)
    return attempt((z * 2).sum().backward), attempt((z * 2).backward, torch.ones(1))


def complex_seed(torch):
    z = torch.tensor([1 + 2j], requires_grad=True)
    (z * z).backward(torch.tensor([1j]))
    return z.grad


def complex_mixed_with_real(torch):
    x, z = _leaf(torch), torch.tensor([1j, 2.0, 1 - 1j])
    (x * z).abs().sum().backward()
    return x.grad


def real_imag_gradient(torch):
    z = torch.tensor([1 + 2j, 3 - 4j], requires_grad=True)
    (z.real * 2 + z.imag * 3).sum().backward()
    return z.grad


def view_as_real_gradient(torch):
    z = torch.tensor([1 + 2j], requires_grad=True)
    torch.view_as_real(z).pow(2).sum().backward()
    x = torch.ones(1, 2, requires_grad=True)
    torch.view_as_complex(x).exp().real.sum().backward()
    return z.grad, x.grad


def complex_exp_log_pow(torch):
    out = []
    for f in (
        torch.exp,
        torch.log,
        torch.sin,
        torch.sqrt,
        lambda t: t**2,
        lambda t: t**3.0,
        torch.tanh,
        torch.reciprocal,
    ):
        z = torch.tensor([0.5 + 0.25j], requires_grad=True)
        f(z).imag.sum().backward()
        out.append(z.grad)
    return out


def anomaly_mode(torch):
    x = _leaf(torch, 0.0)
    with torch.autograd.detect_anomaly(check_nan=True):
        y = (x.sqrt() * 0).sum()
        error = attempt(y.backward)
    return error, torch.is_anomaly_enabled()


def unused_branch_no_gradient(torch):
    x, w = _leaf(torch), _leaf(torch)
    (x * w).sum()
    (x * 2).sum().backward()
    return x.grad, w.grad


def diamond_graph(torch):
    x = _leaf(torch)
    a = x * 2
    b, c = a.exp(), a.sin()
    (b * c + a).sum().backward()
    return x.grad


def long_chain(torch):
    x = _leaf(torch)
    y = x
    for _ in range(300):
        y = y * 1.001
    y.sum().backward()
    return x.grad


def several_roots(torch):
    x = _leaf(torch)
    a, b = x.sum(), (x**2).sum()
    torch.autograd.backward([a, b])
    first = x.grad.clone()
    torch.autograd.backward([x * 1, x * 2], [torch.ones(3), torch.ones(3)])
    return first, x.grad


def backward_of_leaf(torch):
    x = _leaf(torch, 5.0)
    x.backward()
    return x.grad


def backward_into_view_leaf(torch):
    base = torch.ones(4)
    leaf = base[1:3].requires_grad_()
    (leaf * 3).sum().backward()
    return leaf.grad, base.requires_grad


def checkpoint_gradients(torch):
    from importlib import import_module

    checkpoint = import_module(f"{torch.__name__}.utils.checkpoint").checkpoint
    x = _leaf(torch)
    checkpoint(lambda t: t.exp() * t, x, use_reentrant=False).sum().backward()
    return x.grad


def saved_tensors_hooks(torch):
    x = _leaf(torch)
    log = []

    def pack(t):
        log.append("pack")
        return t * 1

    def unpack(t):
        log.append("unpack")
        return t

    with torch.autograd.graph.saved_tensors_hooks(pack, unpack):
        y = x.exp()
    y.sum().backward()
    return x.grad


def gradient_edges(torch):
    x = _leaf(torch)
    edge = torch.autograd.graph.get_gradient_edge(x * 2)
    return edge.node.name(), edge.output_nr


def vmap_and_func_grad(torch):
    return torch.func.grad(lambda t: (t**2).sum())(torch.ones(2)), torch.func.vmap(lambda t: t * 2)(
        torch.ones(2, 3)
    )
