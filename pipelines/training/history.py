"""What made a model folder: the training runs of every stage, oldest first, kept beside the weights.

A stage that starts from published weights adds a run to theirs; one that starts from nothing replaces them.
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Final

STAGES: Final = ("autoencoder", "decoder", "text", "diffusion")
FILE: Final = "training.json"


@dataclass(frozen=True, slots=True)
class TrainingRun:
    """One stage's way from its start to its end, however often it was resumed."""

    stage: str
    steps: int
    batch_size: int
    learning_rate: float
    seed: int
    seconds: int
    continues: bool
    """Whether it started from a published model's weights of the stage."""


def write_run(folder: Path, run: TrainingRun) -> None:
    """Into the run folder, as the stage's only one."""
    _run_file(folder, run.stage).write_text(json.dumps(asdict(run)) + "\n")


def history(run_folder: Path, start: Path | None) -> list[TrainingRun]:
    """All runs behind what `run_folder` holds, where it was started from the model folder `start`."""
    known = [] if start is None else read(start)
    for stage in STAGES:
        file = _run_file(run_folder, stage)
        if not file.exists():
            continue
        latest = TrainingRun(**json.loads(file.read_text()))
        earlier = [run for run in known if run.stage == stage and run != latest] if latest.continues else []
        known = [run for run in known if run.stage != stage] + [*earlier, latest]
    return sorted(known, key=lambda run: STAGES.index(run.stage))


def steps_behind(stage: str, start: Path | None) -> int:
    """How many steps of the stage made the weights of the model folder `start`."""
    return sum(run.steps for run in read(start) if run.stage == stage) if start is not None else 0


def write(folder: Path, runs: list[TrainingRun]) -> None:
    (folder / FILE).write_text(json.dumps([asdict(run) for run in runs], indent=2) + "\n")


def read(folder: Path) -> list[TrainingRun]:
    return [TrainingRun(**one) for one in json.loads((folder / FILE).read_text())]


def _run_file(folder: Path, stage: str) -> Path:
    return folder / f"{stage}.json"
