"""A command asks its backend for the images that it lacks, and for nothing else."""

from __future__ import annotations

import io
from pathlib import Path

import pytest
import typer

from darkroom import DarkroomError
from darkroom.cli.batches.planning import PlannedImage
from darkroom.cli.batches.session import Source, make_images
from darkroom.cli.terminal.progress import PlainProgress
from tests.client.cli.fake_backend import FakeBackend


def make(images: list[PlannedImage], backend: FakeBackend) -> None:
    display = PlainProgress(len(images), {}, io.StringIO(), lambda: 0.0)
    make_images(Source(backend, is_remote=False, model="sd"), images, display, lambda _: None)


def planned(path: Path) -> PlannedImage:
    return PlannedImage("a", {"model": "sd", "steps": 4}, path, "")


def test_a_local_backend_loads_the_model_and_is_not_asked_for_it_again(tmp_path: Path) -> None:
    backend = FakeBackend()
    make([planned(tmp_path / "new" / "x.webp")], backend)
    assert backend.loaded == ["sd"]
    assert "model" not in backend.bodies[0]
    assert backend.bodies[0]["output_format"] == "webp"
    assert (tmp_path / "new" / "x.webp").is_file()


def test_without_an_image_to_make_nothing_is_loaded(tmp_path: Path) -> None:
    image = planned(tmp_path / "x.png")
    image.is_skipped = True
    backend = FakeBackend()
    make([image], backend)
    assert backend.loaded == []


def test_a_failure_is_explained(tmp_path: Path) -> None:
    with pytest.raises(typer.TyperException, match="no model folder"):
        make([planned(tmp_path / "x.png")], FakeBackend(failure=DarkroomError("There is no model folder.")))
