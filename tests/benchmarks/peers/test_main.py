"""`python -m benchmarks.peers`: its options and the comparison of images."""

from __future__ import annotations

import io

import pytest
from PIL import Image
from typer.testing import CliRunner

from benchmarks.peers.__main__ import _differing_share, app
from benchmarks.peers.servers import SERVERS


def png(color: tuple[int, int, int], changed: int = 0) -> bytes:
    image = Image.new("RGB", (10, 10), color)
    for number in range(changed):
        image.putpixel((number, 0), (0, 0, 0))
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def test_an_unknown_server_is_rejected_with_the_known_ones() -> None:
    result = CliRunner().invoke(app, ["--only", "nobody"])
    assert result.exit_code == 2
    assert all(server.name in result.output for server in SERVERS)


def test_the_differing_share_ignores_differences_of_one_level() -> None:
    assert _differing_share(png((100, 100, 100)), png((101, 99, 100))) == 0
    assert _differing_share(png((100, 100, 100)), png((102, 100, 100))) == pytest.approx(1 / 3)
    assert _differing_share(png((100, 100, 100)), png((100, 100, 100), changed=5)) == pytest.approx(0.05)
