"""The events of a stream of images describe their images. Tests of the streams hold the rest."""

from __future__ import annotations

import httpx2
import pytest

from darkroom import InvalidResponseError, StreamError
from darkroom._core.image_stream import ImageStreamReader
from tests.client import answers


def reader(**arguments: object) -> ImageStreamReader:
    return ImageStreamReader(answers.stream(""), "a red circle", arguments)


def sent(text: str) -> httpx2.ServerSentEvent:
    fields = dict(line.split(": ", 1) for line in text.strip().splitlines())
    return httpx2.ServerSentEvent(event=fields.get("event", "message"), data=fields["data"])


def test_an_event_has_what_makes_its_image_again() -> None:
    event = reader(steps=4, n=1, partial_images=1).read(sent(answers.completed()))
    assert event is not None
    assert event.parameters == {
        "prompt": "a red circle",
        "steps": 4,
        "seed": 7,
        "size": "8x8",
        "output_format": "png",
    }
    assert (event.width, event.height) == (8, 8)


def test_an_error_names_the_argument() -> None:
    error = '{"error": {"message": "num_inference_steps: Bad.", "param": "num_inference_steps", "code": "c"}}'
    with pytest.raises(StreamError, match=r"^steps: Bad") as caught:
        reader().read(sent(f"data: {error}"))
    assert caught.value.param == "steps"


def test_what_is_not_json_is_passed_over() -> None:
    assert reader().read(sent("event: news\ndata: hello")) is None


def test_an_answer_that_is_not_a_stream_is_refused() -> None:
    with pytest.raises(InvalidResponseError):
        ImageStreamReader(httpx2.Response(200, text="", request=httpx2.Request("GET", "http://here")), "x", {})
