"""The key of a client is in the requests to its server and nowhere else: not in texts, logs or pickles."""

from __future__ import annotations

import logging
import pickle
import traceback
from collections.abc import Callable

import httpx2
import pytest

from darkroom import Darkroom, DarkroomError
from darkroom._core.options import resolve_options
from tests.client import answers
from tests.client.both import Clients

KEY = "dk_cAnArY8"
HEADERS = {"X-Team-Secret": "cAnArY8"}


def refused(status: int) -> Callable[[httpx2.Request], httpx2.Response]:
    problem = {"error": {"message": "No.", "code": "unauthenticated", "param": None}}
    return lambda _: httpx2.Response(status, json=problem, headers={"location": "http://elsewhere/"})


def unreachable(request: httpx2.Request) -> httpx2.Response:
    raise httpx2.ConnectError("refused", request=request)


@pytest.mark.parametrize("handler", [refused(401), refused(403), refused(421), refused(307), refused(500), unreachable])
def test_the_key_is_not_in_errors(
    connect: Clients, handler: Callable[[httpx2.Request], httpx2.Response], caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client = connect(handler, api_key=KEY, default_headers=HEADERS, max_retries=1)
    with pytest.raises(DarkroomError) as caught:
        client.models.list()
    error = caught.value
    told = [str(error), repr(error), repr(vars(error)), "".join(traceback.format_exception(error)), caplog.text]
    assert [text for text in told if "cAnArY8" in text] == []
    assert b"cAnArY8" not in pickle.dumps(error)


def test_the_key_is_not_in_results(connect: Clients, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    sent: list[str | None] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        sent.append(request.headers.get("authorization"))
        return answers.images()

    client = connect(handler, api_key=KEY, default_headers=HEADERS)
    raw = client.images.with_raw_response.generate(prompt="a red circle")
    assert sent == [f"Bearer {KEY}"]
    assert [text for text in (repr(raw), repr(raw.parse()), repr(client), caplog.text) if "cAnArY8" in text] == []
    pickled = pickle.dumps(raw)
    assert b"cAnArY8" not in pickled
    again = pickle.loads(pickled)
    assert (again.status_code, again.content, len(again.parse())) == (200, raw.content, len(raw.parse()))


def test_a_client_and_its_options_are_not_pickled() -> None:
    options = resolve_options(base_url=None, api_key=KEY, timeout=None, max_retries=None)
    with pytest.raises(TypeError, match="its key would be written down"):
        pickle.dumps(options)
    with Darkroom(api_key=KEY) as client, pytest.raises(TypeError):
        pickle.dumps(client)
