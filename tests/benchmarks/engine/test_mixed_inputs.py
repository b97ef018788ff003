"""The loads of images that start from others, and a dry run with a model of tiny width."""

from __future__ import annotations

import json
from pathlib import Path

from typer.testing import CliRunner

from benchmarks.engine.mixed_inputs import LOADS, app, load_of
from pipelines.fake import FakePipeline


def test_a_mixed_load_has_all_kinds_in_turn_and_an_upload_for_each_image() -> None:
    load = load_of(FakePipeline().info, "mixed", 6, steps=4, seed=1)

    assert [len(params.pixels) for params in load.images] == [0, 1, 2, 0, 1, 2]
    assert len(load.inputs) == 6


def test_the_rounds_make_the_same_images_from_other_uploads() -> None:
    first, again, next_round = (load_of(FakePipeline().info, "inpainting", 2, steps=4, seed=seed) for seed in (1, 1, 2))

    assert first == again
    assert [params.seed for params in first.images] == [params.seed for params in next_round.images]
    assert not first.inputs.keys() & next_round.inputs.keys()


def test_a_tiny_model_is_measured_on_both_sides(model_folder: Path, tmp_path: Path) -> None:
    output = tmp_path / "measured.json"
    options = ["--rounds", "1", "--images", "3", "--steps", "2", "--output", str(output)]
    result = CliRunner().invoke(app, [*options, "--model", str(model_folder)])

    assert result.exit_code == 0, result.output
    measured = json.loads(output.read_text())
    assert measured.keys() == LOADS.keys()
    assert all(len(seconds) == 1 for sides in measured.values() for seconds in sides.values())
