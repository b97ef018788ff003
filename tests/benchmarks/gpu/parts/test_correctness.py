"""The CUDA tests' verdicts are read as they are printed."""

from __future__ import annotations

from pathlib import Path

from benchmarks.gpu import record
from benchmarks.gpu.parts import correctness
from benchmarks.gpu.plan import Settings
from benchmarks.gpu.record import Record

LINES = """\
tests/pipelines/cuda/test_parity.py::test_every_sampler[ddim] PASSED          [ 33%]
tests/pipelines/cuda/test_parity.py::test_every_sampler[unipc] FAILED         [ 66%]
tests/pipelines/cuda/test_memory.py::test_parts SKIPPED (no GPU)              [100%]
FAILED tests/pipelines/cuda/test_parity.py::test_every_sampler[unipc] - assert 2 < 1
"""


def test_each_verdict_is_counted_and_those_that_are_not_passes_are_named(tmp_path: Path) -> None:
    counted = correctness.follow(LINES.splitlines(keepends=True), Record(tmp_path / "part.json"))

    results = record.read(tmp_path / "part.json")
    assert counted == {"PASSED": 1, "FAILED": 1, "SKIPPED": 1}
    assert results.facts == {"passed": 1, "failed": 1, "skipped": 1}
    assert results.tables[0].rows == [["test_every_sampler[unipc]", "failed"], ["test_parts", "skipped"]]


def test_a_dry_run_makes_a_few_tests_and_a_gpu_all() -> None:
    dry = Settings(device="cpu", tiny=True, work="", output="", limit_s=0.0)
    real = Settings(device="cuda", tiny=False, work="", output="", limit_s=0.0)

    assert correctness.TINY_TESTS in correctness.command(dry)
    assert "-k" not in correctness.command(real)
    assert "cuda" in correctness.command(real)
