"""Copies of a module on several devices, whose gradients flow back to the original."""

from ..._engine.device import device as Device

__all__ = ["replicate"]


def replicate(network, devices, detach=False):
    """A copy of `network` for each device; parameters and buffers are moved there.

    The copies' parameters are plain tensors made from the original's parameters (constants if
    `detach`). On the device of the original, buffers are the original's own.
    """
    return [_copy(network, Device(device), detach, {}, {}) for device in devices]


def _copy(module, device, detach, copies, moved):
    if module in copies:
        return copies[module]
    copy = copies[module] = module._replicate_for_data_parallel()
    former = {}
    for name, param in module._parameters.items():
        if param is not None:
            param = _moved(param, device, detach, moved)
            former[name] = param
        # Not a parameter of the copy: those are leaves, and this one has a history.
        object.__setattr__(copy, name, param)
    copy._former_parameters = former
    for name, buffer in module._buffers.items():
        if buffer is not None:
            copy._buffers[name] = buffer.detach().to(device) if detach else buffer.to(device)
    for name, child in module._modules.items():
        if child is not None:
            copy._modules[name] = _copy(child, device, detach, copies, moved)
    return copy


def _moved(param, device, detach, moved):
    # A parameter that several modules share is moved once.
    if param not in moved:
        source = param.detach() if detach else param
        moved[param] = source.view_as(source).to(device)
    return moved[param]
