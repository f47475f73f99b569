"""Running one call in one library, with its gradients, into plain NumPy values."""

import copy
import functools
import warnings

import numpy as np
import torch

ORDERS = ("forward", "grad", "gradgrad")


class Seen:
    """All that is compared of one tensor."""

    def __init__(self, lib, t, inputs):
        self.dtype = str(t.dtype)
        self.shape = tuple(t.shape)
        self.layout = str(t.layout)
        self.array = plain(t)
        self.requires_grad = bool(t.requires_grad)
        self.contiguous = dense(t) and t.is_contiguous()
        self.view = self.array.size > 0 and any(_shared(t, i) for i in inputs)

    def replaced(self, array):
        """The same with other numbers."""
        made = copy.copy(self)
        made.array = array
        return made


class Evaluation:
    """What a call gave, stage by stage, up to the first error."""

    def __init__(self):
        self.stages = {}
        self.error = None
        self.stage = None


def dense(t):
    """True for a tensor with strides."""
    return str(t.layout) == "torch.strided"


def _shared(a, b):
    """True when two tensors lie in the same memory; of sparse ones nothing is said."""
    if not (dense(a) and dense(b)):
        return False
    return a.untyped_storage().data_ptr() == b.untyped_storage().data_ptr()


def plain(t):
    """A tensor's values in NumPy, those of a sparse one with its zeros; bfloat16 as float32."""
    t = t.detach()
    if not dense(t):
        t = t.to_dense()
    if str(t.dtype) == "torch.bfloat16":
        t = t.float()
    # torch keeps some zeros without memory, and hands them to NumPy only when forced.
    return np.array(t.numpy(force=True) if isinstance(t, torch.Tensor) else t.numpy())


def tensors(lib, value):
    """The tensors in nested sequences and dictionaries, in order."""
    return [leaf for leaf in leaves(lib, value) if isinstance(leaf, lib.Tensor)]


def leaves(lib, value):
    """What lies in nested sequences and dictionaries, in order; sizes count as one leaf."""
    if isinstance(value, dict):
        value = tuple(value.values())
    if isinstance(value, lib.Size):
        return [("size", *value)]
    if isinstance(value, (tuple, list)):
        return [leaf for v in value for leaf in leaves(lib, v)]
    return [value]


def _look(lib, value, inputs):
    return [
        Seen(lib, leaf, inputs) if isinstance(leaf, lib.Tensor) else leaf
        for leaf in leaves(lib, value)
    ]


@functools.lru_cache(64)
def _numbers(shape, stage, is_complex):
    rng = np.random.RandomState(stage)
    numbers = rng.uniform(0.5, 1.5, shape)
    if is_complex:
        numbers = numbers + 1j * rng.uniform(0.5, 1.5, shape)
    return np.array(numbers)


def _weights(lib, t, stage):
    """A cotangent for a result: the same numbers in both libraries."""
    return lib.tensor(_numbers(tuple(t.shape), stage, t.dtype.is_complex)).to(t.dtype)


def seed(lib):
    """Restart a library's generator. torch.manual_seed would also seed the accelerators to come,
    and keep a formatted stack for each, which takes longer than many a call.
    """
    (lib.default_generator if lib is torch else lib).manual_seed(0)


def _gradients(lib, results, wanted, stage, last):
    """Gradients of the results that have any, by `wanted`; None where there is no connection."""
    results = [t for t in results if t is not None and t.requires_grad]
    if not results:
        return [None] * len(wanted)
    weights = [_weights(lib, t, stage) for t in results]
    return lib.autograd.grad(results, wanted, weights, allow_unused=True, create_graph=not last)


def evaluate(lib, call, arguments, order=0, finish=None):
    """Run `call()` and look at its results and, up to `order`, at the gradients by its arguments.

    `finish` makes of a result what is differentiated (for results that are not unique).
    """
    found = Evaluation()
    inputs = tensors(lib, arguments)
    wanted = [t for t in inputs if t.requires_grad]
    seed(lib)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        try:
            found.stage = "forward"
            value = call()
            found.stages["forward"] = _look(lib, value, inputs)
            current = tensors(lib, finish(value) if finish and order else value)
            for stage in range(1, order + 1) if wanted else ():
                found.stage = ORDERS[stage]
                current = _gradients(lib, current, wanted, stage, stage == order)
                found.stages[found.stage] = _look(lib, current, ())
        except Exception as error:
            found.error = error
    return found
