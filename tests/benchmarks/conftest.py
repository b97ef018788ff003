from __future__ import annotations

import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.levels import integration_fixture


@pytest.fixture(scope="session")
@integration_fixture
def model_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    # The unit tests of this folder import no library that loads models.
    from tests.harness.models import tiny_model

    return tiny_model.write(tmp_path_factory.mktemp("model") / "tiny")


@pytest.fixture(autouse=True)
def _one_thread() -> Iterator[None]:
    """Networks this small gain nothing from threads, which wait for one another on a busy machine."""
    torch = sys.modules.get("torch")
    if torch is None:  # Nothing has imported it, so there is no network.
        yield
        return
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)
