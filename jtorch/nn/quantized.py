"""`torch.nn.quantized`: of it there is FloatFunctional, which computes with ordinary tensors."""

from ..ops.registry import ops
from ._absent import absent
from .modules.linear import Identity
from .modules.module import Module

__getattr__ = absent("torch.nn.quantized", "use the floating-point layers of torch.nn")


class FloatFunctional(Module):
    """Arithmetic as a module, so that what it gives passes `activation_post_process`."""

    def __init__(self):
        super().__init__()
        self.activation_post_process = Identity()

    def forward(self, x):
        """Not there to be called: raises RuntimeError."""
        raise RuntimeError(
            "FloatFunctional is not intended to use the 'forward'. Please use the underlying "
            "operation"
        )

    def add(self, x, y):
        """x + y."""
        return self.activation_post_process(ops.add(x, y))

    def add_scalar(self, x, y):
        """x + y with a number y."""
        return ops.add(x, y)

    def mul(self, x, y):
        """x * y."""
        return self.activation_post_process(ops.mul(x, y))

    def mul_scalar(self, x, y):
        """x * y with a number y."""
        return ops.mul(x, y)

    def cat(self, x, dim=0):
        """The tensors joined along `dim`."""
        return self.activation_post_process(ops.cat(x, dim=dim))

    def add_relu(self, x, y):
        """relu(x + y)."""
        return self.activation_post_process(ops.relu(ops.add(x, y)))

    def matmul(self, x, y):
        """The matrix product of x and y."""
        return self.activation_post_process(ops.matmul(x, y))
