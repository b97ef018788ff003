"""The values that `images.generate` returns."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from darkroom import Image
from tests.client import answers
from tests.client.both import Clients


def test_a_result_has_the_bytes_and_seeds_of_its_images(connect: Clients) -> None:
    result = connect(lambda _: answers.images(3, 4)).images.generate(prompt="a red circle", n=2)
    assert [image.seed for image in result.images] == [3, 4]
    assert result.images[0].bytes() == answers.png()
    assert (result.size, result.output_format) == ("8x8", "png")


def test_unknown_fields_are_kept_as_extra_fields(connect: Clients) -> None:
    result = connect(lambda _: answers.images()).images.generate(prompt="a red circle")
    assert result.model_extra == {"novelty": 1}


def test_a_result_and_its_images_have_the_request_id(connect: Clients) -> None:
    result = connect(lambda _: answers.images(x_request_id="req_9")).images.generate(prompt="a red circle")
    assert result._request_id == "req_9"
    assert result.images[0]._request_id == "req_9"


def test_an_image_is_saved_unchanged(connect: Clients, tmp_path: Path) -> None:
    image = connect(lambda _: answers.images()).images.generate(prompt="a red circle").images[0]
    path = image.save(tmp_path / "circle.png")
    assert path == tmp_path / "circle.png"
    assert path.read_bytes() == answers.png()


def test_an_image_opens_in_pillow(connect: Clients) -> None:
    image = connect(lambda _: answers.images()).images.generate(prompt="a red circle").images[0].to_pil()
    assert image.size == (8, 8)
    assert image.getpixel((0, 0)) == (220, 40, 40)


def test_without_pillow_the_error_says_what_to_install(connect: Clients, monkeypatch: pytest.MonkeyPatch) -> None:
    image = connect(lambda _: answers.images()).images.generate(prompt="a red circle").images[0]
    monkeypatch.setitem(sys.modules, "PIL", None)
    with pytest.raises(ImportError, match=r"pip install 'darkroom-client\[pillow\]'"):
        image.to_pil()


def test_the_repr_of_a_result_leaves_out_the_bytes(connect: Clients) -> None:
    result = connect(lambda _: answers.images(3)).images.generate(prompt="a red circle")
    assert "seed=3" in repr(result)
    assert len(repr(result)) < 300


def test_a_result_is_its_images(connect: Clients) -> None:
    result = connect(lambda _: answers.images(3, 4, 5)).images.generate(prompt="a red circle", n=3)
    assert [image.seed for image in result] == [3, 4, 5]
    assert (len(result), result[-1].seed) == (3, 5)


def test_an_image_knows_its_size_and_what_makes_it_again(connect: Clients) -> None:
    client = connect(lambda _: answers.images(3))
    image = client.images.generate(prompt="a red circle", steps=9, n=1, priority="batch", timeout=5)[0]
    assert (image.width, image.height) == (8, 8)
    assert image.parameters == {
        "prompt": "a red circle",
        "steps": 9,
        "seed": 3,
        "size": "8x8",
        "output_format": "png",
        "sampler": "ddim",
    }


def test_an_image_of_a_server_that_tells_no_size_has_none() -> None:
    image = Image.model_validate_json(f'{{"b64_json": "{answers.b64_png()}"}}')
    assert (image.width, image.height, image.parameters) == (None, None, {})


def test_an_image_is_shown_in_a_notebook(connect: Clients) -> None:
    image = connect(lambda _: answers.images()).images.generate(prompt="a red circle")[0]
    assert image._repr_png_() == answers.png()
    assert image._repr_mimebundle_(include=None, exclude=None) == {"image/png": answers.b64_png()}
