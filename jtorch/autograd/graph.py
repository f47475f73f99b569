"""`torch.autograd.graph`: looking at the graph, and at what it saves."""

import functools
import threading
from typing import NamedTuple

from .._engine import call, tape
from .._engine.tape import FREED, Node, TapeNode
from .._engine.tensor import Tensor, value_of, wrap
from .._engine.value import Value
from .grad_mode import no_grad


class GradientEdge(NamedTuple):
    """Where the gradient of a tensor enters the graph: a node, and which of its outputs."""

    node: Node
    output_nr: int
    ownership_token: object = None


def get_gradient_edge(tensor):
    """The edge of a tensor, which `grad` and `backward` take in its place.

    Raises RuntimeError for a tensor that does not require grad.
    """
    if not tensor.requires_grad:
        raise RuntimeError(
            "It is not possible to get the gradient edge for a Tensor that does not require "
            "gradients"
        )
    node, nr = tensor._gradient_edge()
    return GradientEdge(tape.shown(node), nr)


def increment_version(tensor):
    """Count one more modification of a tensor, or of each of several."""
    for t in (tensor,) if isinstance(tensor, Tensor) else tensor:
        t._vc[0] += 1


# ---- hooks on what is saved ----


class _Hooks(threading.local):
    def __init__(self):
        self.stack = []
        self.refusal = None


_hooks = _Hooks()


class _PackedNode(TapeNode):
    """A node that keeps, of the tensors its gradient needs, what a pack hook made of them."""

    __slots__ = ("packed", "unpack")

    def run(self, grads, walk):
        """Unpack, then do as any node does."""
        self.check()
        kept = self.saved
        self.saved = tuple(
            [
                value_of(self.unpack(p)) if v is None else v
                for v, p in zip(kept, self.packed, strict=True)
            ]
        )
        try:
            return super().run(grads, walk)
        finally:
            self.saved = kept

    def free(self):
        """Let go of what was packed."""
        self.packed, self.saved = None, FREED


def _make_node(pullback, operands, edges, versions=None, label=None):
    """A node whose saved tensors go through the innermost pack hook of this thread, if any."""
    if not _hooks.stack:
        return TapeNode(pullback, operands, edges, versions, label)
    pack, node_unpack = _hooks.stack[-1]
    node = _PackedNode(pullback, operands, edges, None, label)
    node.unpack = node_unpack
    with no_grad():
        node.packed = tuple([pack(wrap(v)) if v.__class__ is Value else None for v in node.saved])
    node.saved = tuple([None if v.__class__ is Value else v for v in node.saved])
    return node


class saved_tensors_hooks:
    """Inside, what operations save for backward is kept as `pack_hook(tensor)`.

    Backward uses what `unpack_hook` makes of that.
    """

    def __init__(self, pack_hook, unpack_hook):
        self.pack_hook = pack_hook
        self.unpack_hook = unpack_hook

    def __enter__(self):
        if _hooks.refusal is not None:
            raise RuntimeError(_hooks.refusal)
        _hooks.stack.append((self.pack_hook, self.unpack_hook))
        # Without hooks in use anywhere, recording does not even ask.
        call.TapeNode = _make_node

    def __exit__(self, *exc):
        _hooks.stack.pop()


class save_on_cpu(saved_tensors_hooks):
    """Inside, what operations save for backward is kept in the host's memory."""

    def __init__(self, pin_memory=False, device_type="cuda"):
        super().__init__(lambda t: (t.device, t.cpu()), lambda packed: packed[1].to(packed[0]))


class disable_saved_tensors_hooks:
    """Inside, setting hooks on saved tensors raises RuntimeError with the given message."""

    def __init__(self, error_message):
        self.error_message = error_message

    def __enter__(self):
        self.before = _hooks.refusal
        if _hooks.stack:
            raise RuntimeError(self.error_message)
        _hooks.refusal = self.error_message

    def __exit__(self, *exc):
        _hooks.refusal = self.before

    def __call__(self, fn):
        @functools.wraps(fn)
        def wrapped(*args, **kwargs):
            with disable_saved_tensors_hooks(self.error_message):
                return fn(*args, **kwargs)

        return wrapped


__all__ = [
    "GradientEdge",
    "Node",
    "disable_saved_tensors_hooks",
    "get_gradient_edge",
    "increment_version",
    "save_on_cpu",
    "saved_tensors_hooks",
]
