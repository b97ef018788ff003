from __future__ import annotations

from pathlib import Path

import pytest

from pipelines.families.stable_diffusion.pipeline import LatentDiffusion
from tests.harness import tiny_model


@pytest.fixture(scope="session")
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that predicts noise. Tests must not write to the folder."""
    return tiny_model.write(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def v_model_folder(model_folder: Path) -> Path:
    """The same networks, declared to predict v."""
    folder = tiny_model.copy(model_folder, model_folder.with_name("tiny-v"))
    tiny_model.edit_json(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    return folder


@pytest.fixture(scope="session")
def pipeline(model_folder: Path) -> LatentDiffusion:
    return tiny_model.load(model_folder)


@pytest.fixture(scope="session")
def v_pipeline(v_model_folder: Path) -> LatentDiffusion:
    return tiny_model.load(v_model_folder)
