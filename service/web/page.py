"""Serves the files of the page and of the API's page, which `make web` builds into `assets/`. Knows no API.

A file's name has a hash of its content, so that a browser keeps it for ever; only the pages themselves are asked for
again.
"""

from __future__ import annotations

import gzip
import hashlib
import mimetypes
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Final

from fastapi import APIRouter, Request, Response

INDEX: Final = "index.html"
DOCS: Final = "docs.html"
PAGES: Final = {INDEX: "", DOCS: "docs"}
"""The pages, and their paths below `/`."""
BUILD: Final = "build.json"
"""A record of the sources from which the files were built, for tests. It is not served."""

_SECURITY: Final = {
    "Content-Security-Policy": "; ".join(
        (
            "default-src 'none'",
            "script-src 'self'",
            "style-src 'self'",
            "img-src 'self' blob: data:",
            "connect-src 'self'",
            "base-uri 'none'",
            "form-action 'none'",
            "frame-ancestors 'none'",
            "require-trusted-types-for 'script'",
            "trusted-types 'none'",
        )
    ),
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Referrer-Policy": "no-referrer",
}
_ONCE: Final = "public, max-age=31536000, immutable"
_EACH_TIME: Final = "no-cache"


@dataclass(frozen=True, slots=True)
class PageFile:
    """A file of the page, ready to be sent."""

    media_type: str
    data: bytes
    cache_control: str
    compressed: bytes = field(init=False)
    tag: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "compressed", gzip.compress(self.data, mtime=0))
        object.__setattr__(self, "tag", f'"{hashlib.sha256(self.data).hexdigest()[:32]}"')


def built_files(folder: Traversable | None = None) -> dict[str, PageFile]:
    """Reads the built files. Keys are paths below `/`; that of the page itself is empty."""
    folder = folder or files("service.web") / "assets"
    assets = {
        f"assets/{each.name}": _page_file(each, _ONCE) for each in folder.iterdir() if each.name not in (*PAGES, BUILD)
    }
    return {path: _page_file(folder / name, _EACH_TIME) for name, path in PAGES.items()} | assets


def _page_file(file: Traversable, cache_control: str) -> PageFile:
    media_type, _ = mimetypes.guess_type(file.name)
    return PageFile(media_type or "application/octet-stream", file.read_bytes(), cache_control)


def page_router(served: dict[str, PageFile] | None = None, *, shows_jobs: bool = True) -> APIRouter:
    """Returns routes to the pages and their files, which are not part of the API's schema.

    Where there are no jobs to show, the API's page takes the place of the page.
    """
    router = APIRouter()
    for path, file in (built_files() if served is None else served).items():
        route = _route(file) if shows_jobs or path else _to_docs
        router.add_api_route(f"/{path}", route, methods=["GET", "HEAD"], include_in_schema=False)
    return router


async def _to_docs() -> Response:
    return Response(status_code=307, headers={"Location": PAGES[DOCS]})


def _route(file: PageFile) -> Callable[[Request], Awaitable[Response]]:
    async def page_file(request: Request) -> Response:
        return _answer(request, file)

    return page_file


def _answer(request: Request, file: PageFile) -> Response:
    """Answers with the file, compressed if the browser accepts that, or with 304 if it has the file already."""
    headers = {**_SECURITY, "Cache-Control": file.cache_control, "ETag": file.tag, "Vary": "Accept-Encoding"}
    if file.tag in request.headers.get("if-none-match", ""):
        return Response(status_code=304, headers=headers)
    if "gzip" not in request.headers.get("accept-encoding", ""):
        return Response(file.data, headers=headers, media_type=file.media_type)
    return Response(file.compressed, headers={**headers, "Content-Encoding": "gzip"}, media_type=file.media_type)
