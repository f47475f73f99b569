"""Names of quantisation schemes: programs may name and compare them."""


class qscheme:
    """A quantisation scheme's name. There are no quantised tensors in jtorch."""

    __slots__ = ("name",)
    __module__ = "torch"

    def __init__(self, name):
        self.name = name

    def __repr__(self):
        return f"torch.{self.name}"

    def __reduce__(self):
        return (SCHEMES.__getitem__, (self.name,))


SCHEMES = {
    name: qscheme(name)
    for name in (
        "per_channel_affine",
        "per_channel_affine_float_qparams",
        "per_channel_symmetric",
        "per_tensor_affine",
        "per_tensor_symmetric",
    )
}
