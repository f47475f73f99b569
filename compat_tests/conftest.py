"""Settings of the whole suite: JAX's strictest promotion, and the tests that only run with
--full.
"""

import sys
import types
from pathlib import Path

import jax
import pytest

import jtorch

HERE = Path(__file__).parent

# The helpers among the tests are imported as `compat_tests.harness` and so on, though the checkout
# is not on the path (an installed jtorch is what gets tested then).
if "compat_tests" not in sys.modules:
    sys.modules["compat_tests"] = types.ModuleType("compat_tests")
sys.modules["compat_tests"].__path__ = [str(HERE)]

# An operation that leans on JAX's own promotion rules fails here, whatever the default says.
jax.config.update("jax_numpy_dtype_promotion", "strict")


def pytest_addoption(parser):
    parser.addoption(
        "--full", action="store_true", help="run the tests that take minutes, at full length"
    )


def pytest_collection_modifyitems(config, items):
    """Leave out the tests marked `full` unless --full was given."""
    if config.getoption("--full"):
        return
    left_out = [item for item in items if "full" in item.keywords]
    if left_out:
        config.hook.pytest_deselected(items=left_out)
        items[:] = [item for item in items if "full" not in item.keywords]


@pytest.fixture
def full(request):
    """True when the suite runs at full length."""
    return request.config.getoption("--full")


@pytest.fixture(autouse=True)
def _seeded():
    """Every test starts from the same random state, alone or in the suite."""
    jtorch.manual_seed(0)
