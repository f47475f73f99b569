"""`torch.nested`: not supported. Sequences of several lengths are padded, or packed."""

__all__ = ["as_nested_tensor", "nested_tensor", "nested_tensor_from_jagged", "to_padded_tensor"]


def _refuse(name):
    def refused(*args, **kwargs):
        raise NotImplementedError(
            f"torch.nested.{name} is not supported by jtorch; use torch.nn.utils.rnn.pad_sequence "
            "and a mask, or pack_padded_sequence"
        )

    refused.__name__ = refused.__qualname__ = name
    refused.__doc__ = "Not supported: raises NotImplementedError."
    return refused


as_nested_tensor = _refuse("as_nested_tensor")
nested_tensor = _refuse("nested_tensor")
nested_tensor_from_jagged = _refuse("nested_tensor_from_jagged")
to_padded_tensor = _refuse("to_padded_tensor")
