"""Several models by name: described without their weights, loaded, moved to the host and back, and really dropped."""

from __future__ import annotations

import weakref
from pathlib import Path

import pytest
import torch
from safetensors import SafetensorError

from pipelines.checkpoints import loader
from pipelines.checkpoints.checkpoint import Checkpoint
from pipelines.checkpoints.model_files import ModelFiles
from pipelines.errors import ModelLoadError
from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from pipelines.interface import finish_or_raise
from pipelines.progress import unreported
from pipelines.runtime.modes import RunMode
from tests.harness.models import tiny_model
from tests.harness.models.tiny_model import PARAMS


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tiny_model.write(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture
def files() -> ModelFiles:
    return ModelFiles(device="cpu", dtype=loader.choose_dtype("auto", "cpu"), mode=RunMode(), allow_download=False)


def latents_of(pipeline: object) -> torch.Tensor:
    assert isinstance(pipeline, LatentDiffusion)
    state = tiny_model.begin(pipeline, PARAMS)
    finish_or_raise(pipeline.advance([state], pipeline.predict([state])))
    return state.run.slots.clone()


def test_a_model_is_described_by_the_name_that_it_is_given(files: ModelFiles, folder: Path) -> None:
    assert files.find(str(folder), "", unreported).info.name == "tiny"
    found = files.find(str(folder), "mine", unreported)

    assert found.info.name == "mine"
    assert files.load("mine", unreported).info == found.info


def test_the_size_of_a_model_is_that_of_its_weights(files: ModelFiles, folder: Path) -> None:
    parts = loader.read_parts(files_checkpoint(files, folder))
    numbers = sum(
        weight.numel() for part in parts.values() if isinstance(part, torch.nn.Module) for weight in part.parameters()
    )

    assert files.find(str(folder), "tiny", unreported).size_bytes == pytest.approx(4 * numbers, rel=0.02)


def files_checkpoint(files: ModelFiles, folder: Path) -> Checkpoint:
    files.find(str(folder), "tiny", unreported)
    return files._checkpoints["tiny"]


def test_a_model_comes_back_from_the_host_as_it_went(files: ModelFiles, folder: Path) -> None:
    files.find(str(folder), "tiny", unreported)
    pipeline = files.load("tiny", unreported)
    before = latents_of(pipeline)

    copy = files.to_host("tiny", pipeline)
    assert copy is not None
    assert torch.equal(latents_of(copy.to_device(unreported)), before)


@pytest.mark.parametrize("kept", [False, True])
def test_nothing_holds_a_pipeline_that_is_dropped(files: ModelFiles, folder: Path, *, kept: bool) -> None:
    files.find(str(folder), "tiny", unreported)
    pipeline = files.load("tiny", unreported)
    unet = weakref.ref(pipeline._networks.unet)  # type: ignore[attr-defined]  # the protocol hides the networks, whose end is tested here
    held = weakref.ref(pipeline)

    copy = files.to_host("tiny", pipeline) if kept else None
    files.forget("tiny")
    del pipeline
    files.free()

    assert held() is None
    assert (unet() is not None) == (copy is not None)


def test_a_model_whose_weights_are_broken_cannot_be_loaded(files: ModelFiles, tmp_path: Path) -> None:
    broken = tiny_model.write(tmp_path / "broken")
    files.find(str(broken), "broken", unreported)
    (broken / "unet" / "diffusion_pytorch_model.safetensors").unlink()

    with pytest.raises((ModelLoadError, SafetensorError, OSError)):
        files.load("broken", unreported)
