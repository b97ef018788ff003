"""The command hears of this machine's images while they are made."""

from __future__ import annotations

import asyncio
import io
import sys

import pytest
from PIL import Image

from darkroom import AsyncDarkroom
from darkroom.cli.backends import IMAGE_NAME
from service.cli.local_backend import LocalBackend

pytestmark = pytest.mark.integration


class RecordingWatch:
    """Implements `darkroom.cli.backends.Watch`."""

    def __init__(self, *, wants_previews: bool) -> None:
        self.wants_previews = wants_previews
        self.stages: list[str] = []
        self.shown: dict[str, list[tuple[float, str]]] = {}
        self.previews: dict[str, list[bytes]] = {}

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def show(self, image: str, fraction: float, text: str) -> None:
        self.shown.setdefault(image, []).append((fraction, text))

    def preview(self, image: str, content: bytes) -> None:
        self.previews.setdefault(image, []).append(content)


async def watched(*names: str, wants_previews: bool) -> RecordingWatch:
    """Makes an image of four steps of each name at the same time. Returns what was heard."""
    watch = RecordingWatch(wants_previews=wants_previews)
    backend = LocalBackend((sys.executable, "-m", "tests.harness.engine.fake_worker", "--call-s", "0.01"))

    async def make(client: AsyncDarkroom, name: str) -> None:
        IMAGE_NAME.set(name)
        await client.images.generate(prompt=name, steps=4)

    async with backend.connect(model=None, watch=watch) as client:
        await asyncio.gather(*(make(client, name) for name in names))
    return watch


@pytest.mark.usefixtures("command")
async def test_each_image_is_told_under_its_name_with_its_steps() -> None:
    watch = await watched("a.png", "b.png", wants_previews=False)
    assert watch.shown.keys() == {"a.png", "b.png"}
    for told in watch.shown.values():
        assert [fraction for fraction, _ in told] == sorted(fraction for fraction, _ in told)
        assert all(text.startswith("step ") and " of 4, " in text for _, text in told)
    assert watch.previews == {}
    assert watch.stages[0] == "Loading the model"


@pytest.mark.usefixtures("command")
async def test_previews_are_images_of_their_image() -> None:
    watch = await watched("a.png", "b.png", wants_previews=True)
    assert watch.previews.keys() == {"a.png", "b.png"}
    for content in [content for contents in watch.previews.values() for content in contents]:
        with Image.open(io.BytesIO(content)) as image:
            assert image.format == "PNG"
