"""Operations that jtorch does not have: they say so, and what to use instead."""

from .registry import composite

_QUANTISED = "use floating-point tensors"
_NAMED = "use positions of dimensions"

FUNCTIONS = {
    "quantize_per_tensor": _QUANTISED,
    "quantize_per_channel": _QUANTISED,
    "vmap": "use jax.vmap on jtorch.to_jax(fn)",
}
METHODS = {
    "dequantize": _QUANTISED,
    "int_repr": _QUANTISED,
    "rename": _NAMED,
    "refine_names": _NAMED,
    "align_to": _NAMED,
    "to_mkldnn": "tensors are laid out by XLA",
    "to_padded_tensor": "pad with torch.nn.utils.rnn.pad_sequence",
}


def _refuse(kind, name, advice):
    def refused(*args, **kwargs):
        raise NotImplementedError(f"{kind}.{name} is not supported by jtorch; {advice}")

    refused.__name__ = f"unsupported_{name}"
    refused.__doc__ = f"Not supported: {advice}."
    composite("f" if kind == "torch" else "m", name=name)(refused)


for _name, _advice in FUNCTIONS.items():
    _refuse("torch", _name, _advice)
for _name, _advice in METHODS.items():
    _refuse("torch.Tensor", _name, _advice)
