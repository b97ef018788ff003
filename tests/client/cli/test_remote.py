"""The backend that sends requests to a server, against a real server around the fake engine."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
import typer

from darkroom import Darkroom
from darkroom.cli.remote import RemoteBackend, read_key
from darkroom.errors import APIConnectionError
from pipelines.fake import INFO
from service.settings import Settings
from tests.harness.wire.http_server import Harness, serve_in_thread


class RecordingWatch:
    """Implements `darkroom.cli.backends.Watch`."""

    def __init__(self) -> None:
        self.stages: list[str] = []
        self.wants_previews = False

    def stage(self, text: str) -> None:
        self.stages.append(text)

    def show(self, image: str, fraction: float, text: str) -> None:
        raise AssertionError("the backend of a server does not report the progress of an image")

    def preview(self, image: str, content: bytes) -> None:
        raise AssertionError("the backend of a server does not show an image")


@pytest.fixture(scope="module")
def server() -> Iterator[Harness]:
    yield from serve_in_thread(Settings(port=0, admin_port=None))


def test_the_models_of_a_server_are_listed_with_its_address_and_without_their_aliases(server: Harness) -> None:
    with Darkroom(base_url=server.url) as client:
        assert "dall-e-3" in {model.id for model in client.models.list() if model.parent == INFO.name}
    (model,) = RemoteBackend(server.url).models()
    assert (model.name, model.location) == (INFO.name, server.url)


async def test_the_client_of_a_server_generates_images(server: Harness) -> None:
    watch = RecordingWatch()
    async with RemoteBackend(server.url).connect(model=None, watch=watch) as client:
        result = await client.images.generate(prompt="a red circle", steps=1)
    assert len(result.images) == 1
    assert watch.stages == []


async def test_a_server_that_does_not_answer_is_reported_without_retries() -> None:
    with pytest.raises(APIConnectionError):
        async with RemoteBackend("http://127.0.0.1:1").connect(model=None, watch=RecordingWatch()):
            pass


@pytest.mark.parametrize(
    "text",
    ["sEcReT", " sEcReT \n", "# of the studio\n\nsEcReT tenant=studio role=user\n"],
    ids=["bare", "spaced", "servers"],
)
def test_a_key_is_read_from_a_file(tmp_path: Path, text: str) -> None:
    file = tmp_path / "key"
    file.write_text(text)
    assert read_key(file) == "sEcReT"
    assert read_key(None) is None


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "holds 0"),
        (b"# sEcReT\n", "holds 0"),
        (b"sEcReT\nsEcReT2\n", "holds 2"),
        (b"sEcReT\xff", "it is not plain text"),
        (None, "Is a directory"),
    ],
)
def test_a_file_without_one_key_is_refused_without_telling_what_it_holds(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "key"
    file.mkdir() if content is None else file.write_bytes(content)
    with pytest.raises(typer.BadParameter) as caught:
        read_key(file)
    assert reason in caught.value.message
    assert "sEcReT" not in caught.value.format_message()
