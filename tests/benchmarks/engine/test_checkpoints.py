"""The ratio of rounds, and a dry run with a model of tiny width."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from benchmarks.engine.checkpoints import EVERY, OFF, app, ratio


def test_each_round_is_compared_with_itself() -> None:
    assert ratio([2.0, 33.0, 400.0], [1.0, 30.0, 400.0]) == 1.1


def test_a_tiny_model_is_measured_with_and_without_checkpoints(model_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "measured.json"
    options = ["--rounds", "2", "--images", "2", "--steps", "6", "--output", str(output)]
    result = CliRunner().invoke(app, [*options, "--model", str(model_folder)])

    assert result.exit_code == 0, result.output
    measured = json.loads(output.read_text())
    counts = {int(every): [checkpoints for _, _, checkpoints, _ in values] for every, values in measured.items()}
    assert list(counts) == list(EVERY)
    assert counts[OFF] == counts[10] == [0, 0]
    assert counts[5] == [2, 2]
    assert all(2 <= count <= 10 for count in counts[1]), "only the latest one waits for a slow disk"
