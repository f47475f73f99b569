"""Parameters as one vector."""

from ...ops.registry import ops

__all__ = ["parameters_to_vector", "vector_to_parameters"]


def _check_device(param, device):
    """The common device; TypeError when `param` lies elsewhere."""
    if device is not None and param.device != device:
        raise TypeError(
            "Found two parameters on different devices, this is currently not supported."
        )
    return param.device


def parameters_to_vector(parameters):
    """All parameters flattened into one vector."""
    device = None
    parts = []
    for param in parameters:
        device = _check_device(param, device)
        parts.append(param.view(-1))
    return ops.cat(parts)


def vector_to_parameters(vec, parameters):
    """Slices of `vec` as the data of the parameters. Raises TypeError unless it is a tensor."""
    if not hasattr(vec, "view"):
        raise TypeError(f"expected torch.Tensor, but got: {type(vec).__name__}")
    device = None
    at = 0
    for param in parameters:
        device = _check_device(param, device)
        size = param.numel()
        param.data = vec[at : at + size].view_as(param).data
        at += size
