"""Parallel modules on eight simulated devices, in a process of their own."""

from pathlib import Path

from compat_tests.processes import output_of, run

PROGRAMS = Path(__file__).parent / "mesh_programs.py"


def test_on_eight_devices():
    process = run(PROGRAMS, XLA_FLAGS="--xla_force_host_platform_device_count=8")
    passed = [line.split()[1] for line in output_of(process).splitlines()]
    assert len(passed) == 7 and "sync_batch_norm_over_a_mapped_mesh" in passed
