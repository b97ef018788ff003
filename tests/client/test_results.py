"""The values that `images.generate` returns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from tests.client import answers
from tests.client.conftest import Drive


def test_a_result_has_the_bytes_and_seeds_of_its_images(drive: Drive) -> None:
    result = drive(lambda _: answers.images(3, 4)).generate(prompt="a red circle", n=2)
    assert [image.seed for image in result.images] == [3, 4]
    assert result.images[0].bytes == answers.png()
    assert (result.size, result.output_format) == ("8x8", "png")


def test_unknown_fields_are_kept_as_extra_fields(drive: Drive) -> None:
    result = drive(lambda _: answers.images()).generate(prompt="a red circle")
    assert result.model_extra == {"sampler": "ddim"}


def test_a_result_and_its_images_have_the_request_id(drive: Drive) -> None:
    result = drive(lambda _: answers.images(**{"x-request-id": "req_9"})).generate(prompt="a red circle")
    assert result._request_id == "req_9"
    assert result.images[0]._request_id == "req_9"


def test_an_image_is_saved_unchanged(drive: Drive, tmp_path: Path) -> None:
    image = drive(lambda _: answers.images()).generate(prompt="a red circle").images[0]
    path = image.save(tmp_path / "circle.png")
    assert path == tmp_path / "circle.png"
    assert path.read_bytes() == answers.png()


def test_an_image_opens_in_pillow(drive: Drive) -> None:
    image = drive(lambda _: answers.images()).generate(prompt="a red circle").images[0].to_pil()
    assert image.size == (8, 8)
    assert image.getpixel((0, 0)) == (220, 40, 40)


def test_without_pillow_the_error_says_what_to_install(drive: Drive, monkeypatch: pytest.MonkeyPatch) -> None:
    image = drive(lambda _: answers.images()).generate(prompt="a red circle").images[0]
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match="pip install pillow"):
        image.to_pil()


def test_the_repr_of_a_result_leaves_out_the_bytes(drive: Drive) -> None:
    result = drive(lambda _: answers.images(3)).generate(prompt="a red circle")
    assert "seed=3" in repr(result)
    assert len(repr(result)) < 300
