"""Another process can read the facts of a part at any time."""

from __future__ import annotations

from pathlib import Path, PurePosixPath

from benchmarks.gpu import record
from benchmarks.gpu.record import Record, Results, Table


def test_results_are_on_disk_after_every_change(tmp_path: Path) -> None:
    written = Record(tmp_path / "part.json")
    assert record.read(tmp_path / "part.json") == Results()

    written.fact("cores", 16)
    table = written.table("Calls", ["rows", "ms"])
    written.row(table, 1, 2.5)
    assert record.read(tmp_path / "part.json") == Results({"cores": 16}, [Table("Calls", ["rows", "ms"], [[1, 2.5]])])

    written.row(table, 2, None)
    written.error(ValueError("bad"))
    results = record.read(tmp_path / "part.json")
    assert results.tables[0].rows == [[1, 2.5], [2, None]]
    assert results.error == "ValueError: bad"


def test_a_value_of_an_unknown_type_is_written_as_text(tmp_path: Path) -> None:
    # torch's version is such a value: a string of a class of its own.
    class Version(PurePosixPath):
        pass

    Record(tmp_path / "part.json").fact("torch", Version("2.11.0"))  # type: ignore[arg-type]  # as untyped libraries give them

    assert record.read(tmp_path / "part.json").facts == {"torch": "2.11.0"}


def test_a_part_that_wrote_nothing_has_no_results(tmp_path: Path) -> None:
    assert record.read(tmp_path / "none.json") == Results()
