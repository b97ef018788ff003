"""`client.models` and `client.uploads`."""

from __future__ import annotations

import httpx2

from tests.client import answers
from tests.client.both import Clients

UPLOAD = {
    "sha256": "a" * 64,
    "width": 8,
    "height": 8,
    "size_bytes": 1,
    "created_at": "2026-01-01T00:00:00Z",
    "expires_at": None,
}


class Server:
    """Has one model, and takes uploads."""

    def __init__(self) -> None:
        self.lines: list[str] = []

    def __call__(self, request: httpx2.Request) -> httpx2.Response:
        self.lines.append(f"{request.method} {request.url.path} {request.content.decode()}".rstrip())
        model = {"id": "bundled", "sizes": ["128x128"], "novelty": 1}
        if request.url.path == "/v1/models":
            return httpx2.Response(200, json={"object": "list", "data": [model]})
        if request.method == "DELETE":
            return httpx2.Response(204)
        return httpx2.Response(200, json=model if "/v1/models/" in request.url.path else UPLOAD)


def test_models_are_listed_with_fields_that_this_version_does_not_know(connect: Clients) -> None:
    client = connect(Server())
    (model,) = client.models.list()
    assert (model.id, model.sizes, model.model_extra) == ("bundled", ["128x128"], {"novelty": 1})
    assert client.models.get("bundled").id == "bundled"
    assert client.models.with_raw_response.list().parse() == [model]


def test_an_upload_is_sent_found_and_deleted(connect: Clients) -> None:
    server = Server()
    client = connect(server)
    upload = client.uploads.create(image=answers.png())
    assert client.uploads.get(upload.sha256) == upload
    client.uploads.delete(upload.sha256)
    assert client.uploads.with_raw_response.get(upload.sha256).status_code == 200
    path = f"/api/v1/uploads/{'a' * 64}"
    assert server.lines == [
        f'POST /api/v1/uploads {{"image":"{answers.b64_png()}"}}',
        f"GET {path}",
        f"DELETE {path}",
        f"GET {path}",
    ]
