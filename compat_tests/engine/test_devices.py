"""Several devices, simulated on the CPU; placement, transfers and the meta device."""

import os
import subprocess
import sys
import textwrap

import pytest

import jtorch as torch
from jtorch import nn

PROGRAMS = {
    "operations stay on their device": """
        x = torch.ones(2, 3, device="xla:3")
        y = x * 2 + 1
        assert y.device == torch.device("xla", 3)
        assert y.tolist() == [[3.0] * 3] * 2
        assert list(y._array().devices())[0].id == 3
        assert "device='xla:3'" in repr(y)
    """,
    "mixing devices is an error, except for 0-dim cpu tensors": """
        y = torch.ones(2, device="xla:3")
        try:
            y + torch.ones(2)
        except RuntimeError as error:
            assert "xla:3" in str(error) and "cpu" in str(error)
        else:
            raise AssertionError("no error")
        assert (y + torch.tensor(2.0)).tolist() == [3.0, 3.0]
    """,
    "transfers keep values and gradients": """
        a = torch.ones(3, requires_grad=True)
        b = a.to("xla:1")
        (b * 3).to("xla:6").sum().backward()
        assert a.grad.device.type == "cpu" and a.grad.tolist() == [3.0] * 3
        assert b.cpu().tolist() == [1.0] * 3
    """,
    "a module trains on another device": """
        from jtorch import nn
        torch.manual_seed(0)
        m = nn.Linear(3, 2).to("xla:2")
        opt = torch.optim.Adam(m.parameters(), lr=0.1)
        x = torch.randn(4, 3).to("xla:2")
        losses = []
        for _ in range(5):
            loss = m(x).square().mean()
            opt.zero_grad()
            loss.backward()
            opt.step()
            losses.append(loss.item())
        assert losses[-1] < losses[0]
        assert m.weight.device == torch.device("xla:2") == m.weight.grad.device
    """,
    "writes through views, masks and indices": """
        z = torch.zeros(4, device="xla:5")
        z[1] = 3
        z[z > 2] = 7
        assert z.tolist() == [0.0, 7.0, 0.0, 0.0] and z.device.index == 5
    """,
    "default device": """
        with torch.device("xla:4"):
            assert torch.randn(2).device == torch.arange(3).device == torch.device("xla:4")
        assert torch.ones(1).device == torch.device("cpu")
        torch.set_default_device("xla:1")
        assert torch.zeros(2).device == torch.device("xla:1")
        torch.set_default_device(None)
    """,
    "an index out of range on a device is an error when a value is looked at": """
        import jtorch.nn.functional as F
        weight = torch.ones(3, 2, device="xla:5")
        picked = F.embedding(torch.tensor([7], device="xla:5"), weight)
        try:
            picked.sum().item()
        except IndexError:
            pass
        else:
            raise AssertionError("no error")
    """,
    "a device that does not exist": """
        for name, error in (("xla:9", RuntimeError), ("cuda", AssertionError), ("nonsense",
        RuntimeError)):
            try:
                torch.ones(2, device=name)
            except error:
                continue
            raise AssertionError(name)
    """,
}


def test_programs_on_eight_devices():
    source = "import jtorch as torch\n"
    for i, program in enumerate(PROGRAMS.values()):
        source += f"def program_{i}():\n{textwrap.indent(textwrap.dedent(program), '    ')}\n"
    source += f"for i in range({len(PROGRAMS)}): globals()[f'program_{{i}}']()\nprint('done')"
    environment = dict(os.environ, XLA_FLAGS="--xla_force_host_platform_device_count=8")
    done = subprocess.run(
        [sys.executable, "-c", source], capture_output=True, text=True, env=environment
    )
    assert done.stdout == "done\n", done.stderr


def test_meta_tensors_have_shapes_and_no_data():
    with torch.device("meta"):
        layer = nn.Linear(1000, 1000)
    assert layer.weight.is_meta
    x = torch.ones(5, 1000, device="meta")
    assert layer(x).shape == (5, 1000)
    assert (x @ x.t()).shape == (5, 5)
    assert repr(torch.ones(2, 3, device="meta")) == "tensor(..., device='meta', size=(2, 3))"
    with pytest.raises(NotImplementedError, match="no data"):
        x.tolist()
