"""JAX arrays as tensors, and torch functions under JAX's transformations."""

import jax
import jax.numpy as jnp
import numpy as np
import pytest

import jtorch as torch
import jtorch.nn.functional as F
from jtorch import nn


def test_arrays_there_and_back_without_a_copy():
    array = jnp.arange(6.0, dtype=jnp.float32).reshape(2, 3)
    t = torch.from_jax(array)
    assert t.dtype is torch.float32 and t.shape == (2, 3)
    assert t.jax() is array
    assert (t * 2).jax().tolist() == [[0.0, 2.0, 4.0], [6.0, 8.0, 10.0]]
    with pytest.raises(TypeError):
        torch.from_jax(np.ones(3))


def test_dlpack_both_ways():
    t = torch.from_dlpack(np.arange(4.0, dtype=np.float32))
    assert t.tolist() == [0.0, 1.0, 2.0, 3.0]
    assert np.from_dlpack(t * 2).tolist() == [0.0, 2.0, 4.0, 6.0]


def test_an_in_place_write_leaves_the_jax_array_alone():
    array = jnp.ones(3)
    t = torch.from_jax(array)
    t.add_(1)
    assert t.tolist() == [2.0] * 3 and array.tolist() == [1.0] * 3


def _score(x, w):
    h = F.gelu(x @ w)
    h[0] = 0.0
    return F.softmax(h, dim=-1).log().sum()


def test_jit_vmap_and_grad_of_a_torch_function():
    rng = np.random.default_rng(0)
    x = jnp.asarray(rng.standard_normal((5, 4, 3)), jnp.float32)
    w = jnp.asarray(rng.standard_normal((3, 2)), jnp.float32)
    fn = torch.to_jax(_score)
    one_by_one = [float(fn(row, w)) for row in x]
    np.testing.assert_allclose(
        jax.jit(jax.vmap(fn, in_axes=(0, None)))(x, w), one_by_one, rtol=1e-5
    )
    t = torch.from_jax(w).clone().requires_grad_()
    _score(torch.from_jax(x[0]), t).backward()
    np.testing.assert_allclose(
        jax.grad(fn, argnums=1)(x[0], w), t.grad.numpy(), rtol=1e-4, atol=1e-6
    )


def test_autograd_inside_a_traced_function():
    def slope(x):
        t = x.clone().requires_grad_()
        return torch.autograd.grad((t**3).sum(), t)[0]

    assert jax.jit(torch.to_jax(slope))(jnp.array([1.0, 2.0])).tolist() == [3.0, 12.0]


def test_a_module_under_jit():
    torch.manual_seed(0)
    net = nn.Sequential(nn.Linear(3, 8), nn.LayerNorm(8), nn.ReLU(), nn.Linear(8, 2))
    x = torch.randn(4, 3)
    with torch.no_grad():
        eager = net(x).tolist()
        compiled = jax.jit(torch.to_jax(net))(x.jax())
    np.testing.assert_allclose(compiled, eager, rtol=1e-5, atol=1e-6)
    # Outside again, operations are recorded as before.
    assert (x + 1).sum().item() == pytest.approx(x.sum().item() + 12, rel=1e-5)


def test_what_is_missing_says_what_to_use():
    message = r"torch\.quantize_per_tensor.*floating-point"
    with pytest.raises(NotImplementedError, match=message):
        torch.quantize_per_tensor(torch.ones(2), 1.0, 0, torch.qint8)
    with pytest.raises(NotImplementedError, match=r"torch\.Tensor\.int_repr"):
        torch.ones(2).int_repr()
