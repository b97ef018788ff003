"""The route of a request that is ended sees a client that has hung up, and nothing more is sent."""

from __future__ import annotations

import asyncio

from starlette.types import Message

from service.api.access.running import RunningRequest, RunningRequests
from service.auth.authenticator import Admission
from service.auth.identity import NO_KEYS

ADMITTED = Admission(NO_KEYS)
START: Message = {"type": "http.response.start", "status": 200, "headers": [(b"Content-Type", b"text/event-stream")]}
PART: Message = {"type": "http.response.body", "body": b"x", "more_body": True}
LAST: Message = {"type": "http.response.body", "body": b"", "more_body": False}
GONE: Message = {"type": "http.disconnect"}


class Client:
    def __init__(self) -> None:
        self.sent: list[Message] = []
        self.messages: asyncio.Queue[Message] = asyncio.Queue()

    async def send(self, message: Message) -> None:
        self.sent.append(message)

    @property
    def request(self) -> RunningRequest:
        return RunningRequest(ADMITTED, self.messages.get, self.send)


async def test_messages_pass_both_ways_until_the_request_is_ended() -> None:
    client = Client()
    request = client.request
    client.messages.put_nowait({"type": "http.request"})

    assert await request.receive() == {"type": "http.request"}
    await request.send(START)
    request.end()
    await request.send(PART)

    assert client.sent == [START]
    assert (request.has_ended, request.has_begun) == (True, True)


async def test_a_route_that_waits_for_the_client_learns_of_the_end_at_once() -> None:
    client = Client()
    request = client.request
    waiting = asyncio.create_task(request.receive())
    await asyncio.sleep(0)

    request.end()

    assert await waiting == GONE
    assert await request.receive() == GONE
    client.messages.put_nowait({"type": "http.request"})
    assert client.messages.qsize() == 1  # Nobody waits for it any more.


async def test_a_stream_is_closed_in_order() -> None:
    client = Client()
    request = client.request
    await request.send(START)
    await request.send(PART)
    request.end()

    await request.close_stream()

    assert client.sent == [START, PART, LAST]


async def test_an_answer_of_a_known_length_is_not_closed_as_if_it_were_whole() -> None:
    client = Client()
    request = client.request
    await request.send({**START, "headers": [(b"content-type", b"image/png"), (b"content-length", b"9")]})
    request.end()

    await request.close_stream()

    assert len(client.sent) == 1


async def test_a_request_that_was_answered_is_not_ended() -> None:
    client = Client()
    request = client.request
    await request.send(START)
    await request.send(LAST)

    request.end()

    assert not request.has_ended


async def test_only_the_requests_that_run_and_are_not_admitted_any_more_are_ended() -> None:
    admitted = [ADMITTED]
    running = RunningRequests(lambda admission: admission in admitted)
    one, over = Client().request, Client().request
    with running.running(over):
        pass
    with running.running(one):
        running.end_refused()
        assert not one.has_ended
        admitted.clear()
        running.end_refused()

    assert (one.has_ended, over.has_ended) == (True, False)
