"""A moderation service on loopback, in a thread, which speaks the format of OpenAI's `POST /v1/moderations`."""

from __future__ import annotations

import base64
import contextlib
import io
import json
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler
from typing import Any, Final

from PIL import Image

from tests.harness.wire.threaded_server import Quiet, threaded_server

POLICY: Final = "moderator-2026-11-01"
FORBIDDEN: Final = "forbidden"
"""A prompt with this word is flagged."""
_MAX_HANG_S: Final = 60.0
"""A bound that is reached only in a broken test."""


@dataclass(slots=True)
class ModerationService:
    port: int = 0
    flags_image: Callable[[Image.Image], bool] = lambda image: False
    answers: list[tuple[int, bytes]] = field(default_factory=list)
    """Status and body of the next answers; afterwards it judges. The status 0 does not answer until `let_go`."""
    hangs: bool = False
    """Whether no request is answered until `let_go`."""
    bodies: list[dict[str, Any]] = field(default_factory=list)
    keys: list[str | None] = field(default_factory=list)
    """The Authorization fields of the requests."""
    released: threading.Event = field(default_factory=threading.Event)

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1/moderations"

    @property
    def images_seen(self) -> int:
        """Number of images that it was asked about."""
        return sum(isinstance(body["input"], list) and isinstance(body["input"][0], dict) for body in self.bodies)

    def let_go(self) -> None:
        self.hangs = False
        self.released.set()

    def answer(self, body: dict[str, Any]) -> tuple[int, bytes]:
        if self.answers:
            return self.answers.pop(0)
        if self.hangs:
            return 0, b""
        given = body["input"]
        if isinstance(given, list) and isinstance(given[0], dict):
            flags = [self.flags_image(_image(given[0]["image_url"]["url"]))]
        else:
            flags = [FORBIDDEN in text for text in ([given] if isinstance(given, str) else given)]
        results = [{"flagged": flag, "categories": {"violence": flag, "hate": False}} for flag in flags]
        return 200, json.dumps({"id": "modr-1", "model": POLICY, "results": results}).encode()


def _image(url: str) -> Image.Image:
    prefix, _, data = url.partition(",")
    assert prefix == "data:image/jpeg;base64"
    return Image.open(io.BytesIO(base64.b64decode(data, validate=True)))


@contextlib.contextmanager
def moderating() -> Iterator[ModerationService]:
    service = ModerationService()

    class Handler(Quiet, BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"

        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
            service.bodies.append(body)
            service.keys.append(self.headers["Authorization"])
            status, content = service.answer(body)
            if status == 0:
                service.released.wait(_MAX_HANG_S)
                self.close_connection = True
                return
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

    with threaded_server(Handler, service.let_go) as service.port:
        yield service
