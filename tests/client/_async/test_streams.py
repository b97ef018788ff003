"""The events of a stream are read whole, in whatever pieces they arrive."""

from __future__ import annotations

import httpx2
import pytest

import darkroom
from darkroom import CompletedImage, PartialImage
from tests.client import answers
from tests.client.both import Clients


@pytest.mark.parametrize("piece", [1, 7, 1 << 20])
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
def test_events_are_typed_and_in_order(connect: Clients, piece: int, newline: str) -> None:
    text = (answers.partial(0) + answers.partial(1) + answers.completed()).replace("\n", newline)
    events = list(connect(lambda _: answers.stream(text, piece)).images.stream(prompt="a red circle", partial_images=2))
    expected: list[type] = [PartialImage, PartialImage, CompletedImage]
    assert [type(event) for event in events] == expected
    assert [event.partial_image_index for event in events if isinstance(event, PartialImage)] == [0, 1]
    assert (events[-1].bytes(), events[-1].seed, events[-1]._request_id) == (answers.png(), 7, "req_1")


def test_comments_and_unknown_events_are_ignored(connect: Clients) -> None:
    text = ": ping\n\nevent: news\ndata: {}\n\nid: 4\nretry: 10\n\n" + answers.completed()
    (event,) = list(connect(lambda _: answers.stream(text)).images.stream(prompt="a red circle"))
    assert isinstance(event, CompletedImage)


def test_an_error_in_the_stream_raises_with_the_servers_message(connect: Clients) -> None:
    text = (
        answers.partial(0)
        + 'data: {"error": {"message": "Lost.", "type": "t", "param": null, "code": "worker_lost"}}\n\n'
    )
    with pytest.raises(darkroom.StreamError, match=r"^Lost\.$") as caught:
        list(connect(lambda _: answers.stream(text)).images.stream(prompt="a red circle"))
    assert (caught.value.code, caught.value.request_id) == ("worker_lost", "req_1")


@pytest.mark.parametrize(
    ("text", "n"),
    [
        ("", 1),
        (answers.partial(0), 1),
        (answers.completed(0), 2),
        (answers.completed(0).removesuffix("\n"), 1),
    ],
    ids=["nothing", "only a preview", "one of two", "cut before the end of an event"],
)
def test_a_stream_that_ends_early_is_a_connection_error(connect: Clients, text: str, n: int) -> None:
    with pytest.raises(darkroom.APIConnectionError, match="ended before"):
        list(connect(lambda _: answers.stream(text)).images.stream(prompt="a red circle", n=n))


def test_an_answer_that_is_not_a_stream_is_an_invalid_response(connect: Clients) -> None:
    answer = answers.images()
    with pytest.raises(darkroom.InvalidResponseError, match="did not answer with events"):
        connect(lambda _: answer).images.stream(prompt="a red circle")
    assert answer.is_closed


def test_an_event_that_cannot_be_read_is_an_invalid_response(connect: Clients) -> None:
    text = "event: image_generation.completed\ndata: {}\n\n"
    with pytest.raises(darkroom.InvalidResponseError):
        list(connect(lambda _: answers.stream(text)).images.stream(prompt="a red circle"))


def test_leaving_the_with_block_closes_the_connection() -> None:
    answer = answers.stream(answers.partial(0) + answers.completed(), piece=16)
    http = httpx2.Client(transport=httpx2.MockTransport(lambda _: answer))
    with http, darkroom.Darkroom(http_client=http) as client:
        with client.images.stream(prompt="a red circle") as stream:
            next(iter(stream))
        assert answer.is_closed


async def test_leaving_the_async_with_block_closes_the_connection() -> None:
    answer = answers.stream(answers.partial(0) + answers.completed(), piece=16)
    http = httpx2.AsyncClient(transport=httpx2.MockTransport(lambda _: answer))
    async with http, darkroom.AsyncDarkroom(http_client=http) as client:
        async with await client.images.stream(prompt="a red circle") as stream:
            await anext(aiter(stream))
        assert answer.is_closed
