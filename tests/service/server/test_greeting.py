"""The greeting names the server, and the command in it works."""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from dataclasses import replace
from pathlib import Path

import pytest
from PIL import Image

from pipelines.fake import INFO
from service.engine.interface import Phase
from service.server.addresses import listening, listening_at
from service.server.greeting import activities, greeting, served_names, shown_url
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.wire.http_server import Harness


def test_the_models_that_can_be_asked_for_are_named_beside_the_default_one() -> None:
    engine = FakeEngine()
    assert served_names(engine) == INFO.name
    engine.served.others = [replace(INFO, name=name) for name in ("xl", "pony")]
    engine.served.unusable = ["broken"]
    assert served_names(engine) == f"{INFO.name}, and by name xl, pony,"
    engine.served.others = [replace(INFO, name=f"model {n}") for n in range(9)]
    assert served_names(engine).endswith("model 4 and more,")


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not installed")
def test_the_command_in_the_greeting_makes_an_image(server: Harness, tmp_path: Path) -> None:
    line = greeting("a model", server.url).partition("\n\n")[2]
    subprocess.run(["sh", "-c", line], cwd=tmp_path, check=True)
    with Image.open(tmp_path / "circle.png") as image:
        assert (image.format, image.size) == ("PNG", (128, 128))


@pytest.mark.parametrize(
    ("address", "shown"), [("127.0.0.1", "http://127.0.0.1:{}"), ("::1", "http://[::1]:{}")], ids=["IPv4", "IPv6"]
)
def test_an_address_is_shown_as_a_url(address: str, shown: str) -> None:
    with listening([address], 0) as (bound,):
        assert shown_url(bound) == shown.format(bound.getsockname()[1])


def test_a_unix_socket_is_shown_as_a_path_and_its_greeting_has_a_command_for_it() -> None:
    with tempfile.TemporaryDirectory() as folder, listening_at(Path(folder) / "a socket", 0o600) as bound:
        url = shown_url(bound)
        assert url == f"unix:{folder}/a socket"
        assert f"--unix-socket '{folder}/a socket' http://localhost/v1/images/generations" in greeting("x", url)


async def test_a_slow_start_says_what_it_does_until_it_serves() -> None:
    engine = FakeEngine()
    engine.phase, engine.activity = Phase.LOADING, "loading the unet, 14 s so far"
    heard: list[str] = []
    async for activity in activities(engine, every_s=0.01):
        heard.append(activity)
        if len(heard) == 2:
            await engine.start()

    assert heard == [engine.activity] * 2
