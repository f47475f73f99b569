"""`torch.onnx`: not supported yet."""


def export(*args, **kwargs):
    """Not supported."""
    raise NotImplementedError(
        "torch.onnx.export is not supported by jtorch; use jax.export on the model's forward "
        "function"
    )


def is_in_onnx_export():
    """False."""
    return False
