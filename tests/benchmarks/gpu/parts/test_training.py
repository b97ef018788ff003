"""Training for a given time. That it runs is tested with the whole day, in test_main.py."""

from __future__ import annotations

import tarfile
from pathlib import Path

from safetensors.torch import load_file

from benchmarks.gpu.parts import training
from pipelines.checkpoints.loader import bundled_model_path
from pipelines.training.__main__ import TEXT_HEADS
from pipelines.training.stages.text import HEADS, WIDTH


def test_the_steps_fill_the_time() -> None:
    assert training.steps_that_fit(10.0, 0.25, max_steps=100) == 40
    assert training.steps_that_fit(10.0, 0.01, max_steps=100) == 100
    assert training.steps_that_fit(-3.0, 0.25, max_steps=100) == 1


def test_the_heads_are_fitted_to_the_published_encoder(tmp_path: Path) -> None:
    (tmp_path / "one").mkdir()
    (tmp_path / "two").mkdir()
    for name, steps in (("one", 1), ("two", 2)):
        training.fit_heads(tmp_path / name, bundled_model_path(), steps, batch_size=2, device="cpu")

    one, two = (load_file(tmp_path / name / TEXT_HEADS) for name in ("one", "two"))
    assert one["weight"].shape == two["weight"].shape == (sum(HEADS), WIDTH)
    assert not one["weight"].equal(two["weight"])


def test_the_archive_holds_the_folder(tmp_path: Path) -> None:
    folder = tmp_path / "model" / "unet"
    folder.mkdir(parents=True)
    (folder / "config.json").write_text("{}")

    training.archive(tmp_path / "model", tmp_path / training.ARCHIVE)

    with tarfile.open(tmp_path / training.ARCHIVE) as archived:
        assert "model/unet/config.json" in archived.getnames()
