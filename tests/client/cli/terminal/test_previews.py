"""The --preview option."""

from __future__ import annotations

from pathlib import Path

import pytest
from PIL import Image

from darkroom.cli.terminal.detection import Protocol
from darkroom.cli.terminal.previews import PREVIEW_SIDE, choose_protocol, preview_text


def test_without_the_option_there_are_no_previews() -> None:
    assert choose_protocol(preview=False, given=None) is None


def test_a_protocol_that_is_named_is_used() -> None:
    assert choose_protocol(preview=False, given=Protocol.SIXEL) is Protocol.SIXEL


def test_output_that_cannot_show_images_is_reported(capsys: pytest.CaptureFixture[str]) -> None:
    assert choose_protocol(preview=True, given=None) is None
    assert "--preview-protocol" in capsys.readouterr().err


@pytest.mark.parametrize(("protocol", "start"), [("kitty", "\x1b_G"), ("iterm2", "\x1b]1337"), ("sixel", "\x1bP")])
def test_each_protocol_has_its_encoder(tmp_path: Path, protocol: str, start: str) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (8, 8)).save(path)
    assert preview_text(path, Protocol(protocol)).startswith(start)


def test_a_large_image_is_made_smaller(tmp_path: Path) -> None:
    path = tmp_path / "x.png"
    Image.new("RGB", (4 * PREVIEW_SIDE, PREVIEW_SIDE)).save(path)
    assert f'"1;1;{PREVIEW_SIDE};{PREVIEW_SIDE // 4}' in preview_text(path, Protocol.SIXEL)
