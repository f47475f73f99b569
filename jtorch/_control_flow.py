"""`torch.cond` and `torch.while_loop`: run as they stand, as PyTorch does outside torch.compile."""

from ._engine.tensor import Tensor


def cond(pred, true_fn, false_fn, operands=()):
    """What `true_fn` gives of the operands, or `false_fn` if the single element of `pred` is false.

    Looks at `pred`. Raises RuntimeError for a predicate of more than one element or another type.
    """
    if not isinstance(pred, (bool, int, float, Tensor)):
        raise RuntimeError(f"Expected pred to be bool or tensor, but got {pred}.")
    if isinstance(pred, Tensor) and pred.numel() != 1:
        raise RuntimeError(f"Expected pred to be bool or single-element tensor, but got {pred}.")
    if not (callable(true_fn) and callable(false_fn)):
        raise RuntimeError("Expect both branches to be callable.")
    if not isinstance(operands, (tuple, list)):
        raise RuntimeError(
            "Expect operands to be a tuple of possibly nested dict/list/tuple that only consists "
            f"of tensor leaves, but got {operands}."
        )
    return true_fn(*operands) if bool(pred) else false_fn(*operands)


def while_loop(cond_fn, body_fn, carried_inputs):
    """`body_fn` of the carried tensors, again and again while `cond_fn` of them is true: a tuple.

    Looks at the condition in every turn.
    """
    if not isinstance(carried_inputs, (tuple, list)):
        raise RuntimeError(f"carried_inputs must be a tuple or list, got {type(carried_inputs)}")
    carried = tuple(carried_inputs)
    while bool(cond_fn(*carried)):
        made = body_fn(*carried)
        made = (
            made if isinstance(made, tuple) else tuple(made) if isinstance(made, list) else (made,)
        )
        if len(made) != len(carried):
            raise RuntimeError(
                "body_fn should return the same number of elements as carried_inputs, "
                f"{len(carried)}"
            )
        carried = made
    return carried
