"""A part that fails, hangs or dies ends alone, and what it found out before is kept."""

from __future__ import annotations

import tempfile
from pathlib import Path

import pytest

from benchmarks.gpu import child
from benchmarks.gpu.child import CUT, DONE, FAILED, Outcome
from benchmarks.gpu.plan import Part, Settings
from benchmarks.gpu.record import Record

HANGING_S = 3.0
"""A limit that only a part which hangs reaches; its process needs some of it to start."""


def run(folder: Path, function: str, limit_s: float = 120.0) -> Outcome:
    part = Part(function, "A part", f"tests.benchmarks.gpu.sample_parts:{function}", limit_s)
    settings = Settings(device="cpu", tiny=True, work=str(folder), output=str(folder), limit_s=limit_s)
    with tempfile.TemporaryFile() as log:
        return child.run(part, settings, log)


def test_a_part_that_succeeds_leaves_its_results(tmp_path: Path) -> None:
    outcome = run(tmp_path, "succeed")

    assert (outcome.status, outcome.results.facts, outcome.results.error) == (DONE, {"device": "cpu"}, "")


def test_a_part_that_raises_leaves_its_error_and_what_it_did_before(tmp_path: Path) -> None:
    outcome = run(tmp_path, "fail")

    assert (outcome.status, outcome.results.facts) == (FAILED, {"done before": 1})
    assert outcome.results.error == "ValueError: no cpu here"


def test_a_part_whose_process_dies_is_told_by_its_status(tmp_path: Path) -> None:
    outcome = run(tmp_path, "die")

    assert (outcome.status, outcome.results.facts) == (FAILED, {"device": "cpu"})
    assert outcome.results.error == "The process ended with status -9."


def test_a_part_that_hangs_is_cut_at_its_limit(tmp_path: Path) -> None:
    outcome = run(tmp_path, "hang", HANGING_S)

    assert outcome.status == CUT
    assert outcome.results.error == ""


def test_the_results_of_the_part_before_are_not_taken_for_its_own(tmp_path: Path) -> None:
    run(tmp_path, "succeed")

    assert run(tmp_path, "missing").results.facts == {}


@pytest.mark.parametrize(("function", "succeeds"), [("succeed", True), ("fail", False)])
def test_a_part_can_run_in_this_process(tmp_path: Path, function: str, succeeds: bool) -> None:
    settings = Settings(device="cpu", tiny=True, work="", output="", limit_s=1.0)
    results = Record(tmp_path / "part.json")

    assert child.run_here(f"tests.benchmarks.gpu.sample_parts:{function}", settings, results) is succeeds
