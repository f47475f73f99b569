"""The functions of `torch.nn.functional`: those that the operations declare for it."""

from ..ops.registry import public

GRID_SAMPLE_INTERPOLATION_MODES = {"bilinear": 0, "nearest": 1, "bicubic": 2}
GRID_SAMPLE_PADDING_MODES = {"zeros": 0, "border": 1, "reflection": 2}

globals().update(public["nn.functional"])


def _unsupported(name, instead):
    """A function that exists in torch and says that jtorch has nothing in its place."""

    def function(*args, **kwargs):
        raise NotImplementedError(
            f"torch.nn.functional.{name} is not supported by jtorch; use {instead} instead"
        )

    function.__name__ = function.__qualname__ = name
    function.__doc__ = f"Not supported: raises NotImplementedError. Use {instead}."
    return function


grouped_mm = _unsupported("grouped_mm", "torch.bmm, or torch.mm for each group")
scaled_mm = _unsupported("scaled_mm", "torch.mm on tensors that were scaled before")
scaled_grouped_mm = _unsupported("scaled_grouped_mm", "torch.mm for each group")

__all__ = sorted(n for n in globals() if not n.startswith("_") and n != "public")
