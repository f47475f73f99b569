"""autocast against torch: where it is on, the cache of weights, decorators, autograd functions."""

import threading
import warnings

import numpy as np
import pytest
import torch

import jtorch
from jtorch._engine import call

LIBS = (torch, jtorch)


def both(program):
    """`program(lib)` gives the same in both libraries."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        want, got = program(torch), program(jtorch)
    assert got == want
    # nothing is left on
    assert call.autocast is None


def name(t):
    return str(t.dtype)


def matrix(lib, dtype="float32", **options):
    return lib.ones(3, 3, dtype=getattr(lib, dtype), **options)


def test_nesting():
    """Inner contexts win, and the outer state comes back."""

    def program(lib):
        a = matrix(lib)
        seen = [name(a @ a)]
        with lib.autocast("cpu"):
            seen += [name(a @ a), lib.is_autocast_enabled("cpu"), lib.is_autocast_enabled()]
            with lib.autocast("cpu", enabled=False):
                seen += [name(a @ a), lib.is_autocast_enabled("cpu")]
                with lib.autocast("cpu", dtype=lib.float16):
                    seen += [name(a @ a), str(lib.get_autocast_dtype("cpu"))]
            seen += [name(a @ a), str(lib.get_autocast_dtype("cpu"))]
        return [*seen, name(a @ a), lib.is_autocast_enabled("cpu")]

    both(program)


@pytest.mark.parametrize(
    "source",
    [
        "a @ a",
        "a.half() @ a",
        "a.double() @ a.double()",
        "torch.mm(a, a)",
        "torch.addmm(a, a, a)",
        "a.clone().addmm_(a, a)",
        "torch.mm(a, a, out=torch.zeros(3, 3))",
        "torch.mv(a, a[0])",
        "torch.dot(a[0], a[0])",
        "torch.inner(a, a)",
        "torch.inner(a[0], a[0])",
        "torch.einsum('ij,jk->ik', a, a)",
        "torch.einsum('ij,ij->ij', a, a)",
        "torch.einsum('ij,jk,k->ik', a, a, a[0])",
        "torch.tensordot(a, a, 1)",
        "torch.tensordot(a, a, 2)",
        "torch.linalg.multi_dot([a, a, a])",
        "torch.linalg.matrix_power(a, 3)",
        "torch.linalg.matrix_power(a, 1)",
        "F.linear(a, a, a[0])",
        "F.bilinear(a, a, torch.ones(2, 3, 3))",
        "F.conv1d(a[None], torch.ones(2, 3, 1))",
        "F.scaled_dot_product_attention(a, a, a, a)",
        "F.mse_loss(a.bfloat16(), a)",
        "F.cross_entropy(a.bfloat16(), torch.tensor([0, 1, 2]))",
        "F.softmax(a.bfloat16(), 0)",
        "F.layer_norm(a.bfloat16(), (3,))",
        "F.gelu(a @ a)",
        "F.pad(a.bfloat16()[None], (1, 1), 'reflect')",
        "F.pad(a.bfloat16()[None], (1, 1), 'circular')",
        "a.bfloat16().prod()",
        "a.bfloat16().sum()",
        "torch.cat([a, a.bfloat16()])",
        "torch.cat([a.half(), a.bfloat16()])",
        "torch.cat([a.double(), a])",
        "torch.stack([a.bfloat16(), a.bfloat16()])",
        "nn.LSTM(3, 2)(a)[0]",
        "nn.GRU(3, 2)(a)[0]",
        "nn.RNN(3, 2)(a)[0]",
        "nn.LSTMCell(3, 2)(a)[0]",
        "nn.MultiheadAttention(4, 2)(*[torch.ones(3, 4)] * 3)[0]",
        "nn.TransformerEncoderLayer(4, 2, 8)(torch.ones(3, 1, 4))",
        "nn.BatchNorm1d(3)(a @ a)",
    ],
)
def test_result_dtype(source):
    """What comes out under autocast, or the class of the error."""

    def program(lib):
        scope = {"torch": lib, "nn": lib.nn, "F": lib.nn.functional, "a": matrix(lib)}
        with lib.autocast("cpu"):
            try:
                return name(eval(source, scope))
            except Exception as error:
                return type(error).__name__

    both(program)


def test_weights_are_cast_once():
    """Uses of a weight share one cast, until the outermost context is left; inputs do not."""

    def program(lib):
        w, x = lib.nn.Parameter(matrix(lib)), matrix(lib, requires_grad=True)
        seen = []
        for enabled in (True, False):
            with lib.autocast("cpu", cache_enabled=enabled):
                first, second = x @ w, (x * 1) @ w
                casts = [y.grad_fn.next_functions[1][0] for y in (first, second)]
                seen.append((casts[0] is casts[1], lib.is_autocast_cache_enabled()))
        with lib.autocast("cpu"):
            before = float((x @ w).sum().detach())
            with lib.no_grad():
                w.zero_()
            seen += [before, float((x @ w).sum().detach())]
        with lib.autocast("cpu"):
            seen.append(float((x @ w).sum().detach()))
        return seen

    both(program)


def test_gradients():
    """Gradients come in the dtypes of what was cast; training agrees to bfloat16."""
    seen = []
    for lib in LIBS:
        rng = np.random.default_rng(0)
        data = lib.tensor(rng.standard_normal((8, 4)).astype("float32"))
        model = lib.nn.Sequential(lib.nn.Linear(4, 8), lib.nn.Tanh(), lib.nn.Linear(8, 1))
        for p in model.parameters():
            value = lib.tensor(0.3 * rng.standard_normal(tuple(p.shape)).astype("float32"))
            p.data.copy_(value)
        opt = lib.optim.SGD(model.parameters(), lr=0.1)
        losses = []
        for _ in range(5):
            opt.zero_grad()
            with lib.autocast("cpu", dtype=lib.bfloat16):
                out = model(data)
                loss = lib.nn.functional.mse_loss(out, data[:, :1])
            loss.backward()
            opt.step()
            losses.append(float(loss.detach()))
        seen.append((losses, [name(p.grad) for p in model.parameters()], name(out), name(loss)))
    np.testing.assert_allclose(seen[1][0], seen[0][0], rtol=2e-2)
    assert seen[1][1:] == seen[0][1:]


def test_decorator():
    def program(lib):
        @lib.autocast("cpu", dtype=lib.float16)
        def product(a):
            """Text."""
            return a @ a

        return [name(product(matrix(lib))), product.__name__, product.__doc__]

    both(program)


@pytest.mark.parametrize("cast_inputs", [None, "float32"])
@pytest.mark.parametrize("enabled", [True, False])
def test_custom_function(enabled, cast_inputs):
    """custom_fwd and custom_bwd: the state of autocast in forward and backward."""

    def program(lib):
        seen = []
        cast = None if cast_inputs is None else getattr(lib, cast_inputs)

        class Product(lib.autograd.Function):
            @staticmethod
            @lib.amp.custom_fwd(device_type="cpu", cast_inputs=cast)
            def forward(ctx, x):
                ctx.save_for_backward(x)
                seen.append((name(x), lib.is_autocast_enabled("cpu"), ctx._fwd_used_autocast))
                return x @ x

            @staticmethod
            @lib.amp.custom_bwd(device_type="cpu")
            def backward(ctx, g):
                (x,) = ctx.saved_tensors
                seen.append((name(g), lib.is_autocast_enabled("cpu"), name(x @ x)))
                return x

        x = matrix(lib, requires_grad=True)
        with lib.autocast("cpu", enabled=enabled):
            y = Product.apply(x)
        y.sum().backward()
        return [*seen, name(y), name(x.grad)]

    both(program)


def test_other_threads_are_not_affected():
    def program(lib):
        seen = []

        def work():
            seen.append(name(matrix(lib) @ matrix(lib)))

        with lib.autocast("cpu"):
            thread = threading.Thread(target=work)
            thread.start()
            thread.join()
        return seen

    both(program)


def test_switches():
    """The functions that libraries use to read and set the state."""

    def program(lib):
        a = matrix(lib)
        seen = [lib.autocast_increment_nesting()]
        lib.set_autocast_enabled("cpu", True)
        lib.set_autocast_dtype("cpu", lib.float16)
        seen += [name(a @ a), lib.is_autocast_cpu_enabled(), str(lib.get_autocast_cpu_dtype())]
        lib.set_autocast_enabled(True)
        seen += [lib.is_autocast_enabled(), lib.is_autocast_enabled("cuda")]
        lib.set_autocast_enabled(False)
        lib.set_autocast_enabled("cpu", False)
        lib.set_autocast_dtype("cpu", lib.bfloat16)
        seen += [lib.autocast_decrement_nesting(), str(lib.get_autocast_gpu_dtype())]
        lib.set_autocast_cache_enabled(False)
        seen.append(lib.is_autocast_cache_enabled())
        lib.set_autocast_cache_enabled(True)
        lib.clear_autocast_cache()
        kinds = ("cpu", "cuda", "xla", "meta")
        seen += [lib.amp.is_autocast_available(kind) for kind in kinds]
        mode = lib.amp.autocast_mode._enter_autocast("cpu", lib.float16, True, True)
        seen.append(name(a @ a))
        lib.amp.autocast_mode._exit_autocast(mode)
        return [*seen, str(lib.get_autocast_dtype("xla"))]

    both(program)


@pytest.mark.parametrize(
    "source",
    [
        "torch.autocast(3)",
        "torch.autocast('meta')",
        "torch.autocast('cpu', dtype=torch.float64)._enabled",
        "torch.autocast('cuda')._enabled",
        "torch.cuda.amp.autocast()._enabled",
        "torch.cpu.amp.autocast()._enabled",
        "torch.cuda.amp.custom_fwd(len)",
        "torch.cuda.amp.custom_bwd(len)",
        "torch.amp.custom_fwd(device_type=3)",
        "torch.amp.custom_bwd(device_type=3)",
        "torch.get_autocast_dtype('meta')",
        "torch.is_autocast_cpu_enabled()",
        "torch.cuda.amp.GradScaler().state_dict()",
        "torch.cpu.amp.GradScaler().state_dict()",
        "torch.amp.GradScaler().is_enabled()",
        "torch.cuda.amp.common.amp_definitely_not_available()",
    ],
)
def test_errors_and_warnings(source):
    """The same errors, warnings and answers without a GPU."""
    seen = []
    for lib in LIBS:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always")
            try:
                result = eval(source, {"torch": lib})
                result = None if callable(result) else result
            except Exception as error:
                result = (type(error), str(error))
        shown = [(w.category, str(w.message).split(" (Triggered")[0]) for w in caught]
        seen.append((result, shown))
    assert seen[1] == seen[0]


def test_cast():
    """`_cast` goes through containers and leaves integers and double precision alone."""

    def program(lib):
        cast = lib.amp.autocast_mode._cast
        value = {"a": [matrix(lib), matrix(lib, "int64")], "b": (matrix(lib, "float64"), "text", 3)}
        made = cast(value, "cpu", lib.bfloat16)
        return [
            [name(t) for t in made["a"]],
            name(made["b"][0]),
            made["b"][1:],
            cast(None, "cpu", lib.bfloat16),
        ]

    both(program)
