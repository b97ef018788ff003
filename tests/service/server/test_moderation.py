"""A server moderates if the settings name a service. It does not start if that service's key cannot be read."""

from __future__ import annotations

from pathlib import Path

import pytest

from service.images.encoding import Encoder
from service.observability.metrics import Metrics
from service.server.moderation import create_moderation
from service.settings import Settings

URL = "http://moderation.invalid/v1/moderations"


def test_without_a_service_nothing_is_judged() -> None:
    assert create_moderation(Settings(), Encoder(1), Metrics()) is None


@pytest.mark.parametrize("judges_images", [True, False])
def test_the_settings_say_what_is_judged(judges_images: bool) -> None:
    settings = Settings(moderation_url=URL, moderation_images=judges_images)

    moderation = create_moderation(settings, Encoder(1), Metrics())

    assert moderation is not None
    assert moderation.judges_images is judges_images


def test_a_key_that_cannot_be_read_ends_the_start(tmp_path: Path) -> None:
    settings = Settings(moderation_url=URL, moderation_key_file=tmp_path / "none")

    with pytest.raises(ValueError, match="Its key cannot be read"):
        create_moderation(settings, Encoder(1), Metrics())


def test_a_key_for_no_service_ends_the_start(tmp_path: Path) -> None:
    settings = Settings(moderation_key_file=tmp_path / "key")

    with pytest.raises(ValueError, match="nothing would be judged"):
        create_moderation(settings, Encoder(1), Metrics())
