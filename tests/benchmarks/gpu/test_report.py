"""The report in Markdown and as JSON."""

from __future__ import annotations

from pathlib import Path

import msgspec

from benchmarks.gpu import report
from benchmarks.gpu.child import CUT, DONE, FAILED, Outcome
from benchmarks.gpu.record import Results, Table

OUTCOMES = [
    Outcome(
        "calls", "Network calls", CUT, 61.4, Results({"peak": None}, [Table("Calls", ["rows", "ms"], [[1, 12.3456]])])
    ),
    Outcome("images", "Images", FAILED, 2.0, Results(error="ValueError: two\nlines")),
]


def test_each_part_has_its_end_its_facts_and_its_tables() -> None:
    page = report.markdown(OUTCOMES, dry_run=False)

    assert "| Network calls | cut | 61 |\n| Images | failed | 2 |\n" in page
    assert "- peak: \n" in page
    assert "### Calls\n\n| rows | ms |\n| --- | ---: |\n| 1 | 12.35 |\n" in page
    assert "`ValueError: two lines`" in page
    assert "dry run" not in page


def test_a_dry_run_says_that_its_figures_mean_nothing() -> None:
    assert "the figures mean nothing" in report.markdown([], dry_run=True)


def test_a_bar_in_a_cell_does_not_end_it() -> None:
    table = Table("Names", ["name"], [["a|b"]])

    assert "| a\\|b |" in report.markdown([Outcome("a", "A", DONE, 1.0, Results({}, [table]))], dry_run=False)


def test_the_files_hold_all_parts(tmp_path: Path) -> None:
    report.write(tmp_path, OUTCOMES, dry_run=False)

    assert msgspec.json.decode((tmp_path / report.JSON).read_bytes(), type=list[Outcome]) == OUTCOMES
    assert (tmp_path / report.MARKDOWN).read_text() == report.markdown(OUTCOMES, dry_run=False)
