from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.models import tiny_model


@pytest.fixture
def folder(model_folder: Path, tmp_path: Path) -> Path:
    """A copy of a sound model folder, which a test may break."""
    return tiny_model.copy(model_folder, tmp_path / "model")
