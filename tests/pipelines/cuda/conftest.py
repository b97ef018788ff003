"""Models on the device that `--device` names. Every test runs with PyTorch's full float32 precision."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import torch

from pipelines.families.latent_diffusion.pipeline import LatentDiffusion
from tests.harness.models import tiny_model


@pytest.fixture(scope="session")
def device(request: pytest.FixtureRequest) -> str:
    return str(request.config.getoption("device"))


@pytest.fixture
def gpu(device: str) -> torch.device:
    """The device, for tests that need streams or device memory."""
    found = torch.device(device)
    if found.type != "cuda":
        pytest.skip("The device is no GPU: it has neither streams nor memory of its own.")
    return torch.device("cuda", found.index or 0)


@pytest.fixture(scope="session")
def wide(device: str, model_folder: Path) -> LatentDiffusion:
    """A pipeline in float32, whose numbers can be compared closely."""
    return tiny_model.load(model_folder, device=device, dtype="float32")


@pytest.fixture(scope="session")
def half(device: str, model_folder: Path) -> LatentDiffusion:
    """A pipeline in float16, in which a GPU serves."""
    return tiny_model.load(model_folder, device=device, dtype="float16")


@pytest.fixture(autouse=True)
def _no_tf32() -> Iterator[None]:
    before = torch.backends.cudnn.allow_tf32
    torch.backends.cudnn.allow_tf32 = False
    yield
    torch.backends.cudnn.allow_tf32 = before
