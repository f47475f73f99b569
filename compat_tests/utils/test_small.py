"""The small functions of torch.utils."""

import numpy as np

import jtorch
from compat_tests.harness import both


def test_swapped_tensors_have_changed_places():
    def run(lib):
        a, b = lib.nn.Parameter(lib.ones(2)), lib.zeros(3)
        a.note = "parameter"
        lib.utils.swap_tensors(a, b)
        return [a, b, type(a).__name__, type(b).__name__, hasattr(a, "note"), b.note]

    both(run)


def test_dlpack_goes_to_numpy_and_back():
    made = jtorch.utils.dlpack.from_dlpack(np.arange(4.0))
    assert made.tolist() == [0, 1, 2, 3]
    capsule = jtorch.utils.dlpack.to_dlpack(made)
    assert type(capsule).__name__ == "PyCapsule"
