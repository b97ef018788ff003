"""Models of the tests' own. The unit tests of this folder do without, so only the fixtures import what loads them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.levels import integration_fixture

if TYPE_CHECKING:
    from pipelines.families.latent_diffusion.pipeline import LatentDiffusion


@pytest.fixture(scope="session")
@integration_fixture
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model that predicts noise. Tests must not write to the folder."""
    from tests.harness.models import tiny_model

    return tiny_model.write(tmp_path_factory.mktemp("models") / "tiny")


@pytest.fixture(scope="session")
def v_model_folder(model_folder: Path) -> Path:
    """A copy of `model_folder` whose scheduler says that the UNet predicts v."""
    from tests.harness.models import tiny_model

    folder = tiny_model.copy(model_folder, model_folder.with_name("tiny-v"))
    tiny_model.edit_json(folder / "scheduler" / "scheduler_config.json", prediction_type="v_prediction")
    return folder


@pytest.fixture(scope="session")
def pipeline(model_folder: Path) -> LatentDiffusion:
    from tests.harness.models import tiny_model

    return tiny_model.load(model_folder)


@pytest.fixture(scope="session")
def v_pipeline(v_model_folder: Path) -> LatentDiffusion:
    from tests.harness.models import tiny_model

    return tiny_model.load(v_model_folder)
