"""A day keeps to its time and writes as it goes; and every part runs, with tiny networks, on the CPU."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import msgspec
import pytest
import torch
from typer.testing import CliRunner

from benchmarks.gpu import child, plan, record, report
from benchmarks.gpu.__main__ import NOT_STARTED, app, day
from benchmarks.gpu.child import CUT, DONE, FAILED, Outcome
from benchmarks.gpu.plan import Part, Settings
from benchmarks.gpu.record import Record, Results

FACTS = {
    "machine": "device",
    "correctness": "passed",
    "sd15-calls": "TFLOP of a row",
    "sdxl-calls": "TFLOP of a decode",
    "training": "score after",
}
"""A fact of each part that has some."""
TABLES = {
    "sd15-calls": {"A call of the UNet at 64x64": 2, "A UNet call through the pipeline": 1, "A decode at 64x64": 2},
    "sd15-images": {"2 steps guided, at most 4 rows": 1},
    "sd15-diffusers": {"StableDiffusionPipeline": 2},
    "sdxl-calls": {"A call of the UNet at 64x64": 2, "A decode at 64x64": 2},
    "sd15-loop": {"Share of the worker's loop": 1},
    "sdxl-diffusers": {"StableDiffusionXLPipeline, texts encoded beforehand": 2},
}
"""The rows of each part's tables."""


class FakeChild:
    """Runs parts that take as long as they may, on a clock that they move."""

    def __init__(self, output: Path) -> None:
        self.now_s = 1000.0
        self.limits_s: dict[str, float] = {}
        self.written: list[int] = []
        self._output = output

    def __call__(self, part: Part, settings: Settings) -> Outcome:
        written = self._output / report.JSON
        self.written.append(len(msgspec.json.decode(written.read_bytes())) if written.exists() else 0)
        self.limits_s[part.name] = settings.limit_s
        self.now_s += settings.limit_s
        return Outcome(part.name, part.title, CUT, settings.limit_s, Results())


def test_parts_get_their_limit_or_what_is_left_and_are_written_one_by_one(tmp_path: Path) -> None:
    settings = Settings(device="cuda", tiny=False, work=str(tmp_path), output=str(tmp_path), limit_s=0.0)
    parts = [Part(name, name, "", limit_s) for name, limit_s in (("a", 30.0), ("b", 50.0), ("c", 10.0))]
    fake = FakeChild(tmp_path)

    outcomes = day(parts, settings, 1060.0, fake, lambda: fake.now_s)

    assert fake.limits_s == {"a": 30.0, "b": 28.0}
    assert fake.written == [0, 1]
    assert [outcome.status for outcome in outcomes] == [CUT, CUT, NOT_STARTED]
    assert (tmp_path / report.MARKDOWN).read_text() == report.markdown(outcomes, dry_run=False)


def test_an_unknown_part_is_refused(tmp_path: Path) -> None:
    result = CliRunner().invoke(app, ["--output", str(tmp_path), "--part", "coffee"])

    assert result.exit_code == 2
    assert "there is no part coffee" in result.output


def test_the_command_runs_a_part_in_a_process_and_prints_the_report(tmp_path: Path) -> None:
    folders = ["--output", str(tmp_path / "out"), "--work", str(tmp_path / "work")]

    result = CliRunner().invoke(app, ["--dry-run", *folders, "--part", "machine"])

    assert result.exit_code == 0, result.output
    assert "| The machine | done |" in result.output
    assert {file.name for file in (tmp_path / "out").iterdir()} == {"log.txt", report.JSON, report.MARKDOWN}


@pytest.fixture(scope="module")
def dry_run(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Outcome]]:
    """The outcomes of all parts but those that compile, run in this process to save the starts of others."""
    folder = tmp_path_factory.mktemp("day")
    settings = Settings(device="cpu", tiny=True, work=str(folder), output=str(folder), limit_s=0.0)

    def run(part: Part, limited: Settings) -> Outcome:
        file = folder / f"{part.name}.json"
        status = DONE if child.run_here(part.function, limited, Record(file)) else FAILED
        return Outcome(part.name, part.title, status, 0.0, record.read(file))

    before = torch.get_num_threads()
    torch.set_num_threads(1)
    outcomes = day(plan.choose((), train=True, dry_run=True), settings, 600.0, run, lambda: 0.0)
    yield {outcome.name: outcome for outcome in outcomes}
    torch.set_num_threads(before)


@pytest.mark.timeout(900)  # The fixture takes half a minute on two idle cores, and many times that on busy ones.
def test_every_part_runs_on_a_cpu(dry_run: dict[str, Outcome]) -> None:
    assert {name: outcome.results.error for name, outcome in dry_run.items() if outcome.status != DONE} == {}
    assert dry_run.keys() == {part.name for part in plan.PARTS if not part.compiles}


def test_every_part_leaves_its_facts_and_full_tables(dry_run: dict[str, Outcome]) -> None:
    tables = {
        name: {table.title: len(table.rows) for table in outcome.results.tables}
        for name, outcome in dry_run.items()
        if name in TABLES
    }

    assert tables == TABLES
    assert {name for name, fact in FACTS.items() if fact not in dry_run[name].results.facts} == set()
