"""jtorch works where no torch is installed, and never loads one that is."""

from compat_tests.processes import output_of, run, run_jtorch

FORBID_TORCH = """
import sys

class Guard:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("torch", "torchvision", "functorch"):
            raise AssertionError(f"somebody imports {name}")

sys.meta_path.insert(0, Guard())
"""

USE = """
import io
import jtorch as torch
from jtorch.utils.data import DataLoader, TensorDataset

torch.manual_seed(0)
model = torch.nn.Sequential(torch.nn.Linear(4, 8), torch.nn.ReLU(), torch.nn.Linear(8, 2))
optimizer = torch.optim.Adam(model.parameters())
data = TensorDataset(torch.randn(20, 4), torch.randint(0, 2, (20,)))
for x, y in DataLoader(data, batch_size=5, shuffle=True):
    optimizer.zero_grad()
    torch.nn.functional.cross_entropy(model(x), y).backward()
    optimizer.step()
file = io.BytesIO()
torch.save({"model": model.state_dict(), "optimizer": optimizer.state_dict()}, file)
file.seek(0)
loaded = torch.load(file)
model.load_state_dict(loaded["model"])
print(model, repr(model[0].weight.dtype))
assert "torch" not in sys.modules
print("done")
"""

ALIASED = """
import sys
import torch
import torch.nn.functional as F
import jtorch
assert torch is jtorch and F is jtorch.nn.functional
files = {n: getattr(m, "__file__", None) or "" for n, m in sys.modules.items()}
foreign = [n for n, f in files.items() if "/site-packages/torch/" in f]
assert not foreign, foreign
print("done")
"""


def test_importing_and_training_needs_no_torch():
    assert output_of(run("-c", FORBID_TORCH + USE)).endswith("done\n")


def test_the_alias_never_loads_a_real_torch(tmp_path):
    script = tmp_path / "script.py"
    script.write_text(ALIASED)
    assert output_of(run_jtorch(script)) == "done\n"
