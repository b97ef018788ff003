"""The handle of a job's image: its content is fetched when it is first needed, with the key, and only there."""

from __future__ import annotations

from pathlib import Path

import httpx2
import pytest

import darkroom
from darkroom import ImageRecord
from darkroom.results.jobs import ResolvedRequest
from tests.client import answers
from tests.client.both import Client, Clients


class Server:
    """Has one job with one image."""

    def __init__(self, **image: object) -> None:
        self.requests: list[httpx2.Request] = []
        self._image = {**answers.image_record(), **image}

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.requests.append(request)
        if request.url.path.endswith("/links"):
            link = {"url": "http://here/shared/job_1/0", "expires_at": "2026-01-01T00:00:00Z"}
            return httpx2.Response(200, json=link)
        if "/images/" in request.url.path:
            return httpx2.Response(200, content=answers.png())
        return httpx2.Response(200, json=answers.job_record("succeeded") | {"images": [self._image]})

    @property
    def fetched(self) -> list[str]:
        return [request.url.path for request in self.requests[1:]]


def image_of(connect: Clients, server: Server) -> Client:
    (image,) = connect(server, base_url="http://here/prefix", api_key="secret").jobs.get("job_1").images
    return image


def test_the_content_is_fetched_once_when_it_is_first_needed(connect: Clients, tmp_path: Path) -> None:
    server = Server()
    image = image_of(connect, server)
    assert (image.seed, image.width, server.fetched) == (7, 8, [])
    assert image.save(tmp_path / "out.png").read_bytes() == image.bytes() == answers.png()
    assert image.to_pil().size == (8, 8)
    assert server.fetched == ["/prefix/api/v1/jobs/job_1/images/0"]
    assert server.requests[-1].headers["authorization"] == "Bearer secret"


def test_the_key_does_not_go_to_another_origin(connect: Clients) -> None:
    server = Server(url="http://elsewhere/image/images/0")
    assert image_of(connect, server).bytes() == answers.png()
    assert server.requests[-1].url.host == "elsewhere"
    assert "authorization" not in server.requests[-1].headers


def test_a_redirect_of_an_image_is_not_followed(connect: Clients) -> None:
    server = Server()
    hosts: list[str] = []

    def handler(request: httpx2.Request) -> httpx2.Response:
        hosts.append(request.url.host)
        if "/images/" in request.url.path:
            return httpx2.Response(302, headers={"location": "http://elsewhere/image"})
        return server(request)

    (image,) = connect(handler, base_url="http://here", api_key="secret").jobs.get("job_1").images
    with pytest.raises(darkroom.APIStatusError, match="redirects"):
        image.bytes()
    assert hosts == ["here", "here"]


def test_half_an_image_is_not_taken_for_the_whole(connect: Clients) -> None:
    with pytest.raises(darkroom.InvalidResponseError, match="whole image"):
        image_of(connect, Server(sha256="0" * 64)).bytes()


def test_an_image_has_a_thumbnail_and_links(connect: Clients) -> None:
    server = Server()
    image = image_of(connect, server)
    assert image.thumbnail() == answers.png()
    assert image.link(expires_in_s=60).url == "http://here/shared/job_1/0"
    assert server.requests[-1].content == b'{"expires_in_s":60}'
    image.link(include_parameters=True)
    assert server.requests[-1].content == b'{"expires_in_s":3600,"include_parameters":true}'


def test_a_notebook_shows_an_image_of_the_synchronous_client_at_once() -> None:
    server = Server()
    with httpx2.Client(transport=httpx2.MockTransport(server)) as http:
        (image,) = darkroom.Darkroom(http_client=http).jobs.get("job_1").images
        assert image._repr_png_() == answers.png()
    assert len(server.fetched) == 1


def test_a_notebook_shows_an_image_of_the_asynchronous_client_once_it_is_loaded() -> None:
    record = answers.image_record()
    request = ResolvedRequest.model_validate(answers.job_record()["request"])
    transport = darkroom.AsyncDarkroom()._transport
    image = darkroom.AsyncJobImage(transport, ImageRecord.model_validate(record), request)
    assert image._repr_png_() is None
