"""Provenance of a model folder: the training runs of every stage, oldest first, stored beside the weights.

A run that continues from a base model's weights is appended to that model's runs; a run from scratch replaces them.
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
    """One run of a stage, from start to end, including all resumptions."""

    stage: str
    steps: int
    batch_size: int
    learning_rate: float
    seed: int
    seconds: int
    continues: bool
    """True where the run started from a base model's weights of the stage."""


def write_run(folder: Path, run: TrainingRun) -> None:
    """Stores the run in the run folder, replacing an earlier one of its stage."""
    _run_file(folder, run.stage).write_text(json.dumps(asdict(run)) + "\n")


def all_runs(run_folder: Path, base: Path | None) -> list[TrainingRun]:
    """Returns all runs behind the parts in `run_folder`, which started from the model folder `base`."""
    known = [] if base is None else read_runs(base)
    for stage in STAGES:
        file = _run_file(run_folder, stage)
        if not file.exists():
            continue
        latest = TrainingRun(**json.loads(file.read_text()))
        earlier = [run for run in known if run.stage == stage and run != latest] if latest.continues else []
        known = [run for run in known if run.stage != stage] + [*earlier, latest]
    return sorted(known, key=lambda run: STAGES.index(run.stage))


def prior_steps(stage: str, base: Path | None) -> int:
    """Returns the number of steps of the stage behind the weights of the model folder `base`; 0 without one."""
    return sum(run.steps for run in read_runs(base) if run.stage == stage) if base is not None else 0


def write_runs(folder: Path, runs: list[TrainingRun]) -> None:
    """Stores the runs in a model folder."""
    (folder / FILE).write_text(json.dumps([asdict(run) for run in runs], indent=2) + "\n")


def read_runs(folder: Path) -> list[TrainingRun]:
    """Returns the runs stored in a model folder."""
    return [TrainingRun(**fields) for fields in json.loads((folder / FILE).read_text())]


def _run_file(folder: Path, stage: str) -> Path:
    return folder / f"{stage}.json"
