"""`python -m jtorch`, the alias, and the account of what was executed."""

import textwrap

import pytest

import jtorch
from compat_tests.processes import output_of, run, run_jtorch
from jtorch import _alias
from jtorch._engine import stats


def write(folder, name, text):
    path = folder / name
    path.write_text(textwrap.dedent(text))
    return path


# ---- scripts run as python would run them ----

LOOK_AROUND = """
    import importlib.metadata
    import importlib.util
    import pickle
    import sys

    import helper
    import torch
    import torch.nn.functional as F
    from torch.utils.data import DataLoader

    class Mine:
        pass

    assert isinstance(pickle.loads(pickle.dumps(Mine())), Mine)
    assert importlib.util.find_spec("torch") is not None
    assert importlib.metadata.version("torch") == torch.__version__
    assert sys.modules["__main__"].__dict__ is globals()
    assert torch.nn is sys.modules["jtorch.nn"]
    assert DataLoader.__module__.endswith("utils.data.dataloader")
    try:
        import torch.no_such_thing
    except ModuleNotFoundError as e:
        print(e.name)
    print(__name__, __file__, sys.argv, sys.path[0], helper.value)
    print(F.relu(torch.tensor([-1.0, 2.0])))
"""


@pytest.fixture
def program(tmp_path):
    write(tmp_path, "helper.py", "value = 42\n")
    return write(tmp_path, "program.py", LOOK_AROUND)


def expected_output(program, argv):
    return f"torch.no_such_thing\n__main__ {program} {argv} {program.parent} 42\ntensor([0., 2.])\n"


def test_a_script_sees_what_python_would_show_it(program):
    ran = run_jtorch(program, "a", "--b=1")
    assert output_of(ran) == expected_output(program, [str(program), "a", "--b=1"])


def test_a_module_sees_what_python_would_show_it(program):
    ran = run_jtorch("-m", "program", "x", cwd=program.parent)
    assert output_of(ran) == expected_output(program, [str(program), "x"])


ENDS = [
    ("import sys; sys.exit(7)", 7, ""),
    ("import sys; sys.exit('bye')", 1, "bye"),
    ("raise SystemExit", 0, ""),
    ("raise KeyboardInterrupt", 130, "KeyboardInterrupt"),
    ("x = (", 1, "SyntaxError: '(' was never closed"),
    ("1 / 0", 1, "ZeroDivisionError: division by zero"),
]


@pytest.mark.parametrize("source, status, said", ENDS)
def test_exit_status(source, status, said, tmp_path):
    ran = run_jtorch(write(tmp_path, "s.py", source))
    assert ran.returncode == status
    assert said in ran.stderr


def test_bad_command_lines(tmp_path):
    assert run_jtorch().returncode == 2
    assert run_jtorch("--no-such-option").returncode == 2
    missing = run_jtorch(tmp_path / "missing.py")
    assert missing.returncode == 2
    assert "missing.py" in missing.stderr
    assert "usage" in output_of(run_jtorch("--help"))


FAILS = """
    import torch

    def inner(x):
        return torch.ones(2, 3) @ x

    inner(torch.ones(2, 2))
"""


def test_tracebacks_show_the_users_lines_only(tmp_path):
    script = write(tmp_path, "fails.py", FAILS)
    ran = run_jtorch(script)
    assert ran.returncode == 1
    files = {line.split('"')[1] for line in ran.stderr.splitlines() if line.startswith("  File ")}
    assert files == {str(script)}
    assert "return torch.ones(2, 3) @ x" in ran.stderr
    assert ran.stderr.splitlines()[-1].startswith(
        "RuntimeError: mat1 and mat2 shapes cannot be multiplied"
    )
    assert "jtorch/ops" in run_jtorch(script, JTORCH_TRACEBACK="full").stderr


LATE_ERROR = """
    import torch

    table = torch.zeros(3, 2)
    row = torch.nn.functional.embedding(torch.tensor([2]) + 3, table)
"""


def test_an_error_in_what_nobody_looked_at_still_ends_the_program(tmp_path):
    ran = run_jtorch(write(tmp_path, "late.py", LATE_ERROR))
    assert ran.returncode == 1
    assert "IndexError" in ran.stderr
    # The frame when it was found at once, the text of the message when it was found later.
    assert 'late.py", line 5' in ran.stderr or "late.py:5" in ran.stderr


# ---- install and uninstall ----

INSTALLED = """
import sys
import jtorch
jtorch.install()
jtorch.install()
import torch
import torch.nn.modules.linear
from torch import nn
assert torch is jtorch and nn is jtorch.nn
assert torch.__spec__.name == "jtorch" and nn.__spec__.name == "jtorch.nn"
torch.nn.modules.linear.patched = 1
assert jtorch.nn.modules.linear.patched == 1
from jtorch import _alias
_alias.uninstall()
assert not [n for n in sys.modules if n.split(".")[0] == "torch"]
print("done")
"""


def test_install_and_uninstall():
    assert output_of(run("-c", INSTALLED)) == "done\n"


def test_install_refuses_when_another_torch_is_loaded():
    import torch

    assert torch is not jtorch
    with pytest.raises(RuntimeError, match="before torch is imported"):
        _alias.install()


# ---- the account ----

TRAIN = """
    import torch

    model = torch.nn.Linear(4, 1)
    optimizer = torch.optim.SGD(model.parameters(), lr=0.1)
    for step in range(12):
        loss = model(torch.ones(8, 4)).pow(2).mean()
        shown = loss.item()
        loss.backward()
        optimizer.step()
        optimizer.zero_grad()
"""


def test_explain_names_the_line_that_splits_the_step(tmp_path):
    script = write(tmp_path, "train.py", TRAIN)
    ran = run_jtorch("--explain", script, cwd=tmp_path)
    assert ran.returncode == 0
    assert "train.py:8" in ran.stderr
    assert "advice" in ran.stderr and "splits the step in two" in ran.stderr
    for word in (
        "traces executed",
        "cache hits",
        "compiles",
        "peak memory",
        "recording",
        "cold",
        "hot",
    ):
        assert word in ran.stderr
    assert "traces executed" in run_jtorch(script, cwd=tmp_path, JTORCH_LOG="trace").stderr
    assert run_jtorch(script, cwd=tmp_path).stderr == ""


@pytest.fixture
def account(monkeypatch):
    monkeypatch.setattr(stats, "_account", stats._Account())


def test_counts(account):
    stats.trace_seen(10)
    stats.flush("value", "a.py:1", 10, "cold")
    stats.flush("value", "a.py:1", 10, "hot")
    stats.flush("step", "a.py:2", 30, "hot")
    stats.compile(10, 0.5)
    stats.compile(1, 0.25)
    s = stats.snapshot()
    assert (s["flushes"], s["traces"], s["hits"], s["steps"]) == (3, 1, 2, 1)
    assert s["cuts"] == {"value": 2, "step": 1}
    assert s["lines"] == {("value", "a.py:1"): 2, ("step", "a.py:2"): 1}
    assert (s["compiles"], s["executables"], s["nodes_compiled"]) == (2, 1, [10])
    assert s["tiers"] == {"cold": 1, "hot": 2}
    assert s["peak_memory"] > 1 << 20


def test_a_compile_is_not_counted_as_running_too(account):
    stats.compile(1, 0.0)
    stats._account.unsettled[0] = (stats._account.unsettled[0][0], 0.3)
    stats.spent("cold", 1.0)
    assert stats.snapshot()["seconds"]["cold"] == pytest.approx(0.7)


def test_advice_for_a_split_step_only(account):
    for _ in range(4):
        stats.flush("value", "a.py:7", 10, "hot")
        stats.flush("step", "a.py:9", 10, "hot")
    assert ["a.py:7" in text and "in two" in text for text in stats.advice()] == [True]


def test_no_advice_for_looking_between_steps(account):
    # An evaluation now and then: values are looked at, and no step is split by it.
    for i in range(20):
        stats.flush("step", "a.py:9", 10, "hot")
        if i == 10:
            stats.flush("value", "a.py:20", 10, "cold")
    assert list(stats.advice()) == []


def test_advice_for_shapes_that_never_repeat(account):
    for n in range(30):
        stats.trace_seen(n)
        stats.flush("value", "decode.py:3", 5, "cold")
    assert any("decode.py:3" in text and "padding" in text for text in stats.advice())


def test_the_users_line_is_found():
    here = stats.user_location()
    assert here.rpartition(":")[0].endswith("test_runner.py")
