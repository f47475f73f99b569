"""Hooks on tensors, leaves and nodes; custom `autograd.Function`s in both styles."""

from compat_tests.semantics.observe import attempt


def _leaf(torch, *values):
    return torch.tensor(values or (1.0, 2.0, 3.0), requires_grad=True)


def tensor_hook_sees_and_replaces(torch):
    x = _leaf(torch)
    y = x * 2
    log = []
    y.register_hook(lambda g: log.append(g.clone()))
    y.register_hook(lambda g: g * 10)
    y.register_hook(lambda g: log.append(g.clone()))
    (y * 3).sum().backward()
    return log, x.grad


def leaf_hook_replaces(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: g + 1)
    (x * 2).sum().backward()
    (x * 2).sum().backward()
    return x.grad


def leaf_hook_runs_once_on_sum(torch):
    x = _leaf(torch)
    log = []
    x.register_hook(lambda g: log.append(g.clone()))
    (x * 2 + x * 3).sum().backward()
    return log


def leaf_hook_in_autograd_grad(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: g * 10)
    return torch.autograd.grad((x * 2).sum(), x)


def hook_removed(torch):
    x = _leaf(torch)
    handle = x.register_hook(lambda g: g * 100)
    handle.remove()
    handle.remove()
    with x.register_hook(lambda g: g * 5):
        x.sum().backward()
    x.sum().backward()
    return x.grad


def hook_order(torch):
    x = _leaf(torch)
    y = x * 2
    log = []
    x.register_hook(lambda g: log.append("x"))
    y.register_hook(lambda g: log.append("y"))
    z = y.sum()
    z.register_hook(lambda g: log.append("z"))
    z.backward()
    return log


def hook_registration_errors(torch):
    x = torch.ones(2)
    y = _leaf(torch) * 2
    return (
        attempt(x.register_hook, print),
        attempt(x.register_post_accumulate_grad_hook, print),
        attempt(y.register_post_accumulate_grad_hook, print),
    )


def hook_wrong_return(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: "text")
    return attempt(x.sum().backward)


def hook_wrong_shape(torch):
    x = _leaf(torch)
    y = x * 2
    y.register_hook(lambda g: torch.ones(2))
    return attempt(y.sum().backward)


def hook_raises(torch):
    x = _leaf(torch)

    def hook(g):
        raise KeyError("mine")

    x.register_hook(hook)
    return attempt(x.sum().backward), x.grad


def post_accumulate_hook(torch):
    x = _leaf(torch)
    log = []

    def step(t):
        log.append((t is x, t.grad.clone()))
        with torch.no_grad():
            t.sub_(t.grad)
        t.grad = None

    x.register_post_accumulate_grad_hook(step)
    (x * 2).sum().backward()
    return log, x, x.grad


def node_hook(torch):
    x = _leaf(torch)
    y = x * 2
    log = []
    y.grad_fn.register_hook(
        lambda gi, go: log.append((len(gi), len(go), go[0].clone(), gi[0].clone()))
    )
    (y * 3).sum().backward()
    return log, x.grad


def node_hook_replaces(torch):
    x = _leaf(torch)
    y = x.exp()
    y.grad_fn.register_hook(lambda gi, go: (gi[0] * 0 + 7,))
    y.sum().backward()
    return x.grad


def node_prehook(torch):
    x = _leaf(torch)
    y = x * 2
    y.grad_fn.register_prehook(lambda go: (go[0] * 100,))
    y.sum().backward()
    return x.grad


def accumulate_grad_node_hook(torch):
    x = _leaf(torch)
    log = []
    node = (x * 1).grad_fn.next_functions[0][0]
    node.register_hook(lambda gi, go: log.append((len(gi), go[0].clone())))
    (x * 2).sum().backward()
    return log, x.grad, node.variable is x


def accumulate_grad_prehook(torch):
    x = _leaf(torch)
    node = x.expand_as(x).grad_fn.next_functions[0][0]
    node.register_prehook(lambda go: (go[0] * 4,))
    (x * 2).sum().backward()
    return x.grad


def hook_before_in_place(torch):
    x = _leaf(torch)
    y = x * 2
    log = []
    y.register_hook(lambda g: log.append(g.clone()))
    y.mul_(5)
    y.sum().backward()
    return log, x.grad


def hook_on_view(torch):
    x = _leaf(torch)
    log = []
    v = x[1:]
    v.register_hook(lambda g: log.append(g.clone()))
    (v * 2).sum().backward()
    return log, x.grad


def hook_with_create_graph(torch):
    x = _leaf(torch)
    x.register_hook(lambda g: g * x)
    (x**2).sum().backward(create_graph=True)
    return x.grad.detach(), x.grad.requires_grad


def hooks_dictionary_of_gradients(torch):
    x = _leaf(torch)
    grads = {}
    h = x
    for i in range(3):
        h = h * (i + 1)
        h.register_hook(lambda g, i=i: grads.__setitem__(i, g.tolist()))
    h.sum().backward()
    return grads


def node_metadata(torch):
    y = _leaf(torch) * 2
    y.grad_fn.metadata["k"] = 1
    return y.grad_fn.metadata, y.grad_fn is y.grad_fn


def multi_output_hooks(torch):
    x = _leaf(torch, 3.0, 1.0, 2.0, 4.0)
    a, b = (x * 1).split(2)
    log = []
    a.register_hook(lambda g: log.append(("a", g * 1)))
    b.register_hook(lambda g: log.append(("b", g * 1)) if g is not None else None)
    (a * 2).sum().backward()
    return log, x.grad


# ---- custom functions ----


def _square(torch):
    class Square(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x * x

        @staticmethod
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 2 * x * g

    return Square


def function_classic(torch):
    x = _leaf(torch)
    y = _square(torch).apply(x)
    y.sum().backward()
    return y, x.grad, y.grad_fn.name(), type(y.grad_fn).__name__


def function_setup_context(torch):
    class Scale(torch.autograd.Function):
        @staticmethod
        def forward(x, k):
            return x * k

        @staticmethod
        def setup_context(ctx, inputs, output):
            ctx.k = inputs[1]

        @staticmethod
        def backward(ctx, g):
            return g * ctx.k, None

    x = _leaf(torch)
    y = Scale.apply(x, 3)
    y.sum().backward()
    return y, x.grad


def function_double_backward(torch):
    x = _leaf(torch)
    (g,) = torch.autograd.grad(_square(torch).apply(x).sum(), x, create_graph=True)
    (h,) = torch.autograd.grad(g.sum(), x)
    return g.detach(), h


def function_once_differentiable(torch):
    class Cube(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.save_for_backward(x)
            return x**3

        @staticmethod
        @torch.autograd.function.once_differentiable
        def backward(ctx, g):
            (x,) = ctx.saved_tensors
            return 3 * x**2 * g

    x = _leaf(torch)
    (g,) = torch.autograd.grad(Cube.apply(x).sum(), x, create_graph=True)
    return g.detach(), g.requires_grad, attempt(g.sum().backward)


def function_needs_input_grad(torch):
    seen = []

    class Mul(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b, c):
            ctx.save_for_backward(a, b)
            seen.append(ctx.needs_input_grad)
            return a * b

        @staticmethod
        def backward(ctx, g):
            a, b = ctx.saved_tensors
            seen.append(ctx.needs_input_grad)
            return g * b, g * a if ctx.needs_input_grad[1] else None, None

    x = _leaf(torch)
    Mul.apply(x, torch.ones(3), "text").sum().backward()
    return seen, x.grad


def function_mark_dirty(torch):
    class AddOne(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            x.add_(1)
            ctx.mark_dirty(x)
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 5

    x = _leaf(torch)
    y = x * 2
    z = AddOne.apply(y)
    z.sum().backward()
    return z is y, z, x.grad, y._version, attempt(AddOne.apply, _leaf(torch))


def function_non_differentiable(torch):
    class Sorted(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            values, order = x.sort()
            ctx.mark_non_differentiable(order)
            ctx.save_for_backward(order)
            return values, order

        @staticmethod
        def backward(ctx, g, g_order):
            (order,) = ctx.saved_tensors
            out = torch.zeros_like(g)
            out[order] = g
            return out

    x = _leaf(torch, 3.0, 1.0, 2.0)
    v, o = Sorted.apply(x)
    (v * torch.tensor([1.0, 10.0, 100.0])).sum().backward()
    return v, o, x.grad


def function_non_differentiable_float(torch):
    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            a, b = x * 2, x * 3
            ctx.mark_non_differentiable(b)
            return a, b

        @staticmethod
        def backward(ctx, ga, gb):
            return ga * 2 + gb

    x = _leaf(torch)
    a, b = Two.apply(x)
    a.sum().backward()
    return a, b, x.grad


def function_several_outputs(torch):
    seen = []

    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, ga, gb):
            seen.append((ga.tolist(), gb.tolist()))
            return ga * 2 + gb * 3

    x = _leaf(torch)
    a, b = Two.apply(x)
    a.sum().backward()
    return seen, x.grad, b.grad_fn is a.grad_fn, b.output_nr


def function_no_materialize(torch):
    seen = []

    class Two(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            ctx.set_materialize_grads(False)
            return x * 2, x * 3

        @staticmethod
        def backward(ctx, ga, gb):
            seen.append(gb is None)
            return ga * 2

    x = _leaf(torch)
    Two.apply(x)[0].sum().backward()
    return seen, x.grad


def function_returns_input(torch):
    class Same(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x

        @staticmethod
        def backward(ctx, g):
            return g * 3

    x = _leaf(torch)
    y = Same.apply(x)
    y.sum().backward()
    return y is x, y.data_ptr() == x.data_ptr(), x.grad, y.is_leaf


def function_returns_view(torch):
    class View(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x.view(3, 1)

        @staticmethod
        def backward(ctx, g):
            return g.view(3) * 2

    x = _leaf(torch)
    y = View.apply(x)
    y.sum().backward()
    return y, y.data_ptr() == x.data_ptr(), x.grad


def function_saved_output(torch):
    class Exp(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x.exp()
            ctx.save_for_backward(y)
            return y

        @staticmethod
        def backward(ctx, g):
            return g * ctx.saved_tensors[0]

    x = _leaf(torch)
    (g,) = torch.autograd.grad(Exp.apply(x).sum(), x, create_graph=True)
    return g.detach(), torch.autograd.grad(g.sum(), x)


def function_saved_modified(torch):
    x = _leaf(torch)
    h = x * 1
    y = _square(torch).apply(h)
    h.add_(1)
    return attempt(y.sum().backward)


def function_saved_freed(torch):
    x = _leaf(torch)
    y = _square(torch).apply(x).sum()
    y.backward()
    return attempt(y.backward)


def function_wrong_count(torch):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a, b):
            return a * b

        @staticmethod
        def backward(ctx, g):
            return g

    return attempt(Bad.apply(_leaf(torch), _leaf(torch)).sum().backward)


def function_extra_none(torch):
    class Extra(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g * 2, None, None

    x = _leaf(torch)
    Extra.apply(x).sum().backward()
    return x.grad


def function_wrong_shape(torch):
    class Bad(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(5)

    return attempt(Bad.apply(_leaf(torch)).sum().backward)


def function_sums_broadcast_gradient(torch):
    class Wide(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return torch.ones(4, 3)

    x = _leaf(torch)
    Wide.apply(x).sum().backward()
    return x.grad


def function_gradient_of_other_dtype(torch):
    class Wide(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return g.double() * 2

    x = _leaf(torch)
    Wide.apply(x).sum().backward()
    return x.grad


def function_returns_none_gradient(torch):
    class Cut(torch.autograd.Function):
        @staticmethod
        def forward(ctx, a):
            return a * 2

        @staticmethod
        def backward(ctx, g):
            return None

    x = _leaf(torch)
    Cut.apply(x).sum().backward()
    return x.grad


def function_without_grad_inputs(torch):
    y = _square(torch).apply(torch.ones(2))
    with torch.no_grad():
        z = _square(torch).apply(_leaf(torch))
    return y, z


def function_grad_mode_inside(torch):
    seen = []

    class Look(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            y = x * 2
            seen.append((torch.is_grad_enabled(), y.requires_grad, x.requires_grad))
            return y

        @staticmethod
        def backward(ctx, g):
            seen.append((torch.is_grad_enabled(), g.requires_grad))
            return g * 2

    x = _leaf(torch)
    Look.apply(x).sum().backward()
    Look.apply(x).sum().backward(create_graph=True)
    return seen


def function_non_tensor_output(torch):
    class Odd(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2, 7, None

        @staticmethod
        def backward(ctx, g, a, b):
            return g * (2 if a is None and b is None else 50)

    x = _leaf(torch)
    y, a, b = Odd.apply(x)
    y.sum().backward()
    return y, a, b, x.grad


def function_attributes_and_none_saved(torch):
    class Keep(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, w=None):
            ctx.save_for_backward(x, w)
            ctx.note = "kept"
            return x * 2

        @staticmethod
        def backward(ctx, g):
            _, w = ctx.saved_tensors
            return (g * 2 if w is None and ctx.note == "kept" else None), None

    x = _leaf(torch)
    Keep.apply(x, None).sum().backward()
    return x.grad


def function_not_implemented(torch):
    class Empty(torch.autograd.Function):
        pass

    class Forward(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            return x * 2

    x = _leaf(torch)
    return (
        attempt(Empty.apply, x),
        attempt(Forward.apply(x).sum().backward),
        attempt(_square(torch)),
    )


def function_in_nested_graph(torch):
    class Inner(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x):
            with torch.enable_grad():
                leaf = x.detach().requires_grad_()
                y = leaf.sin()
            ctx.pair = leaf, y
            return y.detach()

        @staticmethod
        def backward(ctx, g):
            leaf, y = ctx.pair
            (grad,) = torch.autograd.grad(y, leaf, g)
            return grad

    x = _leaf(torch)
    Inner.apply(x).sum().backward()
    return x.grad


def straight_through(torch):
    x = _leaf(torch, 0.2, 0.7, 1.4)
    hard = x.round()
    y = x + (hard - x).detach()
    (y * 2).sum().backward()
    return y, x.grad


def gradient_reversal(torch):
    class Reverse(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, k):
            ctx.k = k
            return x.view_as(x)

        @staticmethod
        def backward(ctx, g):
            return g.neg() * ctx.k, None

    x = _leaf(torch)
    y = Reverse.apply(x * 2, 0.5)
    (y * y).sum().backward()
    return y, x.grad


def function_apply_without_ctx_grad_needed(torch):
    class Pair(torch.autograd.Function):
        @staticmethod
        def forward(ctx, x, y):
            ctx.save_for_backward(x, y)
            return x * y

        @staticmethod
        def backward(ctx, g):
            x, y = ctx.saved_tensors
            return g * y, g * x

    w = _leaf(torch)
    Pair.apply(torch.ones(3), w).sum().backward()
    return w.grad
