"""The examples run unchanged on both libraries and give the same losses from the same seed."""

import math
import re
from pathlib import Path

import pytest

from compat_tests.processes import output_of, run, run_jtorch

EXAMPLES = Path(__file__).parent.parent / "examples"
STEPS = 100
# (script, further arguments)
CASES = [
    ("mnist.py", ()),
    ("char_gpt.py", ("--generate", "0")),
    ("char_lstm.py", ("--generate", "0")),
]

pytestmark = pytest.mark.skipif(not EXAMPLES.is_dir(), reason="needs a checkout")


def losses(output):
    """The losses that the lines `step 1 loss 2.3` tell."""
    return [float(x) for x in re.findall(r"^step \d+ loss (\S+)$", output, re.MULTILINE)]


def same_to_four_digits(a, b):
    """True when two numbers differ by less than half a unit of the fourth significant digit of the
    first.
    """
    return abs(a - b) <= 0.5 * 10 ** (math.floor(math.log10(abs(a))) - 3)


@pytest.mark.parametrize("script, extra", CASES, ids=[c[0] for c in CASES])
def test_same_losses_as_torch(script, extra, tmp_path):
    arguments = (EXAMPLES / script, "--steps", STEPS, *extra)
    theirs = losses(output_of(run(*arguments, cwd=tmp_path, timeout=900, OMP_NUM_THREADS="2")))
    ours = losses(output_of(run_jtorch(*arguments, cwd=tmp_path, timeout=900)))
    assert len(ours) == len(theirs) == STEPS
    differing = [
        (i + 1, a, b) for i, (a, b) in enumerate(zip(theirs, ours)) if not same_to_four_digits(a, b)
    ]
    assert not differing


@pytest.mark.full
def test_mnist_reaches_97_percent(tmp_path):
    output = output_of(run_jtorch(EXAMPLES / "mnist.py", cwd=tmp_path, timeout=900))
    accuracy = float(re.search(r"^test accuracy (\S+) %$", output, re.MULTILINE).group(1))
    assert accuracy >= 97.0
    assert (tmp_path / "mnist.pt").exists()
    # What jtorch saved, torch reads.
    read = (
        "import torch; c = torch.load('mnist.pt'); print(sorted(c), c['model']['fc2.bias'].shape)"
    )
    assert output_of(run("-c", read, cwd=tmp_path)) == "['model', 'optimizer'] torch.Size([10])\n"


@pytest.mark.parametrize("script", ["char_gpt.py", "char_lstm.py"])
def test_text_is_written(script, tmp_path):
    output = output_of(run_jtorch(EXAMPLES / script, "--steps", 2, "--generate", 40, cwd=tmp_path))
    text = output.split("step 2 loss")[1].partition("\n")[2]
    assert len(text.rstrip("\n")) >= 30
