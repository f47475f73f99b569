"""Pruning: parameters multiplied by masks before each forward.

A pruned parameter `name` is split into the parameter `name_orig` and the buffer `name_mask`; their
product is the plain attribute `name`, made anew by a forward pre-hook.
"""

import numbers
from abc import ABC, abstractmethod
from collections.abc import Iterable

from ..._engine.formats import contiguous_format
from ...autograd import no_grad
from ...ops.registry import ops
from .convert_parameters import parameters_to_vector

__all__ = [
    "BasePruningMethod",
    "CustomFromMask",
    "Identity",
    "L1Unstructured",
    "LnStructured",
    "PruningContainer",
    "RandomStructured",
    "RandomUnstructured",
    "custom_from_mask",
    "global_unstructured",
    "identity",
    "is_pruned",
    "l1_unstructured",
    "ln_structured",
    "random_structured",
    "random_unstructured",
    "remove",
]


# ---- what all methods share ----


class BasePruningMethod(ABC):
    """A way to choose a mask. Subclasses say what they prune with PRUNING_TYPE ("unstructured",
    "structured" or "global") and define `compute_mask`.
    """

    _tensor_name: str

    def __call__(self, module, inputs):
        setattr(module, self._tensor_name, self.apply_mask(module))

    @abstractmethod
    def compute_mask(self, t, default_mask):
        """The mask for a tensor of importances; where `default_mask` is 0 it has to be 0 too."""

    def apply_mask(self, module):
        """The original parameter times the mask."""
        name = self._own_name(module, "pruned before pruning can be applied")
        mask = getattr(module, name + "_mask")
        original = getattr(module, name + "_orig")
        return mask.to(dtype=original.dtype) * original

    def _own_name(self, module, what):
        name = getattr(self, "_tensor_name", None)
        if name is None:
            raise AssertionError(f"Module {module} has to be {what}")
        return name

    @classmethod
    def apply(cls, module, name, *args, importance_scores=None, **kwargs):
        """Prune the parameter `name` of `module`; on top of what pruned it before.

        importance_scores: judge by these instead of by the parameter. Returns the method.
        """
        method, container = cls(*args, **kwargs), None
        method._tensor_name = name
        earlier = _take_hook(module, name)
        if earlier is not None:
            is_container = isinstance(earlier, PruningContainer)
            container = earlier if is_container else PruningContainer(earlier)
            container.add_pruning_method(method)
        hook = method if container is None else container
        hook._prune(module, name, importance_scores, first=container is None)
        return hook

    def _prune(self, module, name, scores, first):
        tensor = getattr(module, name)
        if scores is not None and scores.shape != tensor.shape:
            raise AssertionError(
                f"importance_scores should have the same shape as parameter {name} of {module}"
            )
        scores = tensor if scores is None else scores
        if first:
            original = module._parameters.pop(name)
            module.register_parameter(name + "_orig", original)
            default = ops.ones_like(original)
        else:
            mask = getattr(module, name + "_mask")
            default = mask.detach().clone(memory_format=contiguous_format)
        try:
            with no_grad():
                mask = self.compute_mask(scores, default_mask=default)
            module.register_buffer(name + "_mask", mask)
            setattr(module, name, self.apply_mask(module))
            module.register_forward_pre_hook(self)
        except Exception:
            if first:
                module.register_parameter(name, module._parameters.pop(name + "_orig"))
            raise

    def prune(self, t, default_mask=None, importance_scores=None):
        """A pruned version of any tensor."""
        if importance_scores is None:
            importance_scores = t
        elif importance_scores.shape != t.shape:
            raise AssertionError("importance_scores should have the same shape as tensor t")
        default_mask = ops.ones_like(t) if default_mask is None else default_mask
        return t * self.compute_mask(importance_scores, default_mask=default_mask)

    def remove(self, module):
        """Make the pruned values the parameter's own, without mask."""
        name = self._own_name(module, "pruned before pruning can be removed")
        weight = self.apply_mask(module)
        if hasattr(module, name):
            delattr(module, name)
        original = module._parameters.pop(name + "_orig")
        original.data = weight.data
        del module._buffers[name + "_mask"]
        setattr(module, name, original)


def _take_hook(module, name):
    """Remove and return the hook that prunes `name`; None when there is none."""
    keys = [
        key
        for key, hook in module._forward_pre_hooks.items()
        if isinstance(hook, BasePruningMethod) and hook._tensor_name == name
    ]
    if len(keys) > 1:
        raise AssertionError(
            f"Avoid adding multiple pruning hooks to the\nsame tensor {name} of module {module}. "
            "Use a PruningContainer."
        )
    return module._forward_pre_hooks.pop(keys[0]) if keys else None


class PruningContainer(BasePruningMethod):
    """Several methods one after the other on one parameter."""

    def __init__(self, *args):
        self._pruning_methods = ()
        if len(args) == 1:
            self._tensor_name = args[0]._tensor_name
        for method in args:
            self.add_pruning_method(method)

    def add_pruning_method(self, method):
        """Append a method for the same parameter. Raises TypeError, ValueError."""
        if method is not None and not isinstance(method, BasePruningMethod):
            raise TypeError(f"{type(method)} is not a BasePruningMethod subclass")
        if method is not None and self._tensor_name != method._tensor_name:
            raise ValueError(
                "Can only add pruning methods acting on the parameter named "
                f"'{self._tensor_name}' to PruningContainer {self}. Found "
                f"'{method._tensor_name}'"
            )
        self._pruning_methods += (method,)

    def __len__(self):
        return len(self._pruning_methods)

    def __iter__(self):
        return iter(self._pruning_methods)

    def __getitem__(self, idx):
        return self._pruning_methods[idx]

    def compute_mask(self, t, default_mask):
        """What the newest method makes of the part that is not pruned yet."""
        method = self._pruning_methods[-1]
        kept = _kept(method, t, default_mask)
        mask = default_mask.to(dtype=t.dtype)
        if mask is default_mask:
            mask = mask.clone()
        part = method.compute_mask(t[kept], default_mask=default_mask[kept])
        mask[kept] = part.to(dtype=mask.dtype)
        return mask


def _kept(method, t, mask):
    """The index of what a method may still choose from."""
    if method.PRUNING_TYPE == "unstructured":
        return mask == 1
    everything = [slice(None)] * t.dim()
    if method.PRUNING_TYPE == "global":
        return tuple(everything)
    if method.PRUNING_TYPE != "structured":
        raise ValueError(f"Unrecognized PRUNING_TYPE {method.PRUNING_TYPE}")
    if not hasattr(method, "dim"):
        raise AttributeError(
            'Pruning methods of PRUNING_TYPE "structured" need to have the attribute `dim` defined.'
        )
    dim = method.dim + t.dim() if method.dim < 0 else method.dim
    if dim < 0:
        raise IndexError(f"Index is out of bounds for tensor with dimensions {t.dim()}")
    everything[dim] = mask.sum(dim=[d for d in range(t.dim()) if d != dim]) != 0
    return tuple(everything)


# ---- the methods ----


class Identity(BasePruningMethod):
    """Prunes nothing, but sets everything up."""

    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """The mask there is."""
        return default_mask

    @classmethod
    def apply(cls, module, name):
        """Set up pruning of the parameter `name`."""
        return super().apply(module, name)


class _ByAmount(BasePruningMethod):
    """Prunes `amount` elements or channels: a fraction in [0, 1], or a number of them."""

    def __init__(self, amount):
        _validate_pruning_amount_init(amount)
        self.amount = amount

    def _count(self, size):
        count = _compute_nparams_toprune(self.amount, size)
        _validate_pruning_amount(count, size)
        return count


class _Unstructured(_ByAmount):
    PRUNING_TYPE = "unstructured"

    def compute_mask(self, t, default_mask):
        """The mask there is, without the chosen elements."""
        count = self._count(t.nelement())
        mask = default_mask.clone(memory_format=contiguous_format)
        if count:
            mask.view(-1)[self._choose(t, count)] = 0
        return mask


class RandomUnstructured(_Unstructured):
    """Prunes elements at random."""

    def _choose(self, t, count):
        return ops.topk(ops.rand_like(t).view(-1), k=count).indices

    @classmethod
    def apply(cls, module, name, amount):
        """Prune `amount` elements of the parameter `name`."""
        return super().apply(module, name, amount=amount)


class L1Unstructured(_Unstructured):
    """Prunes the elements of smallest magnitude."""

    def _choose(self, t, count):
        return ops.topk(t.abs().view(-1), k=count, largest=False).indices

    @classmethod
    def apply(cls, module, name, amount, importance_scores=None):
        """Prune `amount` elements of the parameter `name`."""
        return super().apply(module, name, amount=amount, importance_scores=importance_scores)


class _Structured(_ByAmount):
    PRUNING_TYPE = "structured"

    def __init__(self, amount, dim=-1):
        super().__init__(amount)
        self.dim = dim

    def compute_mask(self, t, default_mask):
        """The mask there is, without the chosen channels along `dim`."""
        _validate_structured_pruning(t)
        _validate_pruning_dim(t, self.dim)
        size = t.shape[self.dim]
        count = self._count(size)
        if count == 0:
            return default_mask
        index = [slice(None)] * t.dim()
        index[self.dim] = self._keep(t, size, count)
        mask = ops.zeros_like(t)
        mask[tuple(index)] = 1
        mask *= default_mask.to(dtype=mask.dtype)
        return mask


class RandomStructured(_Structured):
    """Prunes whole channels at random."""

    def _keep(self, t, size, count):
        draws = ops.rand(size)
        return draws > ops.kthvalue(draws, k=count).values

    @classmethod
    def apply(cls, module, name, amount, dim=-1):
        """Prune `amount` channels along `dim` of the parameter `name`."""
        return super().apply(module, name, amount=amount, dim=dim)


class LnStructured(_Structured):
    """Prunes the channels with the smallest n-norm."""

    def __init__(self, amount, n, dim=-1):
        super().__init__(amount, dim)
        self.n = n

    def _keep(self, t, size, count):
        return ops.topk(_compute_norm(t, self.n, self.dim), k=size - count, largest=True).indices

    @classmethod
    def apply(cls, module, name, amount, n, dim, importance_scores=None):
        """Prune `amount` channels along `dim` of the parameter `name`."""
        scores = {"importance_scores": importance_scores}
        return super().apply(module, name, amount=amount, n=n, dim=dim, **scores)


class CustomFromMask(BasePruningMethod):
    """Prunes where a given mask is 0."""

    PRUNING_TYPE = "global"

    def __init__(self, mask):
        self.mask = mask

    def compute_mask(self, t, default_mask):
        """Both masks together."""
        if default_mask.shape != self.mask.shape:
            raise AssertionError(
                f"mask shape {self.mask.shape} must match default_mask shape {default_mask.shape}"
            )
        return default_mask * self.mask.to(dtype=default_mask.dtype)

    @classmethod
    def apply(cls, module, name, mask):
        """Prune the parameter `name` by a mask."""
        return super().apply(module, name, mask=mask)


# ---- as functions ----


def identity(module, name):
    """Set up pruning of a parameter without pruning anything. Returns the module."""
    Identity.apply(module, name)
    return module


def random_unstructured(module, name, amount):
    """Prune `amount` elements (a fraction or a number) at random. Returns the module."""
    RandomUnstructured.apply(module, name, amount)
    return module


def l1_unstructured(module, name, amount, importance_scores=None):
    """Prune the `amount` elements of smallest magnitude. Returns the module."""
    L1Unstructured.apply(module, name, amount=amount, importance_scores=importance_scores)
    return module


def random_structured(module, name, amount, dim):
    """Prune `amount` channels along `dim` at random. Returns the module."""
    RandomStructured.apply(module, name, amount, dim)
    return module


def ln_structured(module, name, amount, n, dim, importance_scores=None):
    """Prune the `amount` channels along `dim` with the smallest n-norm. Returns the module."""
    LnStructured.apply(module, name, amount, n, dim, importance_scores=importance_scores)
    return module


def global_unstructured(parameters, pruning_method, importance_scores=None, **kwargs):
    """Prune (module, name) pairs together, as if their parameters were one vector.

    importance_scores: {(module, name): tensor}. kwargs: for the pruning method.
    """
    if not isinstance(parameters, Iterable):
        raise TypeError("global_unstructured(): parameters is not an Iterable")
    importance_scores = {} if importance_scores is None else importance_scores
    if not isinstance(importance_scores, dict):
        raise TypeError("global_unstructured(): importance_scores must be of type dict")
    parameters = list(parameters)
    tensors = [getattr(module, name) for module, name in parameters]
    scores = [
        importance_scores.get(where, tensor)
        for where, tensor in zip(parameters, tensors, strict=True)
    ]
    masks = [
        getattr(module, name + "_mask", ops.ones_like(tensor))
        for (module, name), tensor in zip(parameters, tensors, strict=True)
    ]
    container = PruningContainer()
    container._tensor_name = "temp"
    method = pruning_method(**kwargs)
    method._tensor_name = "temp"
    if method.PRUNING_TYPE != "unstructured":
        raise TypeError(
            'Only "unstructured" PRUNING_TYPE supported for the `pruning_method`. Found method '
            f"{pruning_method} of type {method.PRUNING_TYPE}"
        )
    container.add_pruning_method(method)
    with no_grad():
        whole = container.compute_mask(parameters_to_vector(scores), parameters_to_vector(masks))
    at = 0
    for (module, name), tensor in zip(parameters, tensors, strict=True):
        custom_from_mask(module, name, mask=whole[at : at + tensor.numel()].view_as(tensor))
        at += tensor.numel()


def custom_from_mask(module, name, mask):
    """Prune a parameter where `mask` is 0. Returns the module."""
    CustomFromMask.apply(module, name, mask)
    return module


def remove(module, name):
    """Make the pruned values permanent. Raises ValueError when `name` is not pruned."""
    hook = _take_hook(module, name)
    if hook is None:
        raise ValueError(
            f"Parameter '{name}' of module {module} has to be pruned before pruning can be removed"
        )
    hook.remove(module)
    return module


def is_pruned(module):
    """True when something in the module or below it is pruned."""
    return any(
        isinstance(hook, BasePruningMethod)
        for submodule in module.modules()
        for hook in submodule._forward_pre_hooks.values()
    )


# ---- amounts and norms ----


def _validate_pruning_amount_init(amount):
    """Raises TypeError unless it is a number, ValueError unless a fraction or a count."""
    if not isinstance(amount, numbers.Real):
        raise TypeError(f"Invalid type for amount: {amount}. Must be int or float.")
    if amount < 0 or (not isinstance(amount, numbers.Integral) and amount > 1.0):
        raise ValueError(
            f"amount={amount} should either be a float in the range [0, 1] or a non-negative "
            "integer"
        )


def _validate_pruning_amount(amount, tensor_size):
    """Raises ValueError for more than there is."""
    if isinstance(amount, numbers.Integral) and amount > tensor_size:
        raise ValueError(
            f"amount={amount} should be smaller than the number of parameters to "
            f"prune={tensor_size}"
        )


def _validate_structured_pruning(t):
    """Raises ValueError for a vector, which has no channels."""
    if t.dim() <= 1:
        raise ValueError(
            "Structured pruning can only be applied to multidimensional tensors. Found tensor of "
            f"shape {t.shape} with {t.dim()} dims"
        )


def _validate_pruning_dim(t, dim):
    """Raises IndexError for a dimension that is not there."""
    if dim >= t.dim():
        raise IndexError(f"Invalid index {dim} for tensor of size {t.shape}")


def _compute_nparams_toprune(amount, tensor_size):
    """A fraction as a count."""
    return amount if isinstance(amount, numbers.Integral) else round(amount * tensor_size)


def _compute_norm(t, n, dim):
    """The n-norm over all dimensions but `dim`."""
    dim = dim + t.dim() if dim < 0 else dim
    return ops.norm(t, p=n, dim=[d for d in range(t.dim()) if d != dim])
