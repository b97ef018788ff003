"""Downloads report that they arrive. The hub is a server of the test's own, or a function that is passed in."""

from __future__ import annotations

import functools
import hashlib
import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from huggingface_hub import snapshot_download
from huggingface_hub.constants import DOWNLOAD_CHUNK_SIZE
from huggingface_hub.utils.tqdm import tqdm

from pipelines.checkpoints import hub
from pipelines.errors import ModelLoadError

CHUNKS = 3
WEIGHTS = bytes(CHUNKS * DOWNLOAD_CHUNK_SIZE)
FILES = {"model_index.json": b"{}", "unet/model.safetensors": WEIGHTS, "unet/model.bin": b"a pickle"}
COMMIT = "0" * 40


class Hub(BaseHTTPRequestHandler):
    """Answers as the hub does for one repository, `owner/model`."""

    def do_HEAD(self) -> None:
        self._answer(body=False)

    def do_GET(self) -> None:
        self._answer(body=True)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - the base class's name
        pass

    def _answer(self, *, body: bool) -> None:
        path = self.path.partition("?")[0]
        if path.startswith("/api/"):
            content, etag = json.dumps(self._described(path)).encode(), "api"
        else:
            content = FILES[path.split(f"/{COMMIT}/")[1]]
            etag = hashlib.sha1(content).hexdigest()
        self.send_response(200)
        self.send_header("Content-Length", str(len(content)))
        self.send_header("ETag", f'"{etag}"')
        self.send_header("X-Repo-Commit", COMMIT)
        self.end_headers()
        if body:
            self.wfile.write(content)

    def _described(self, path: str) -> object:
        if "/tree/" in path:
            return [
                {"type": "file", "path": name, "size": len(content), "oid": hashlib.sha1(content).hexdigest()}
                for name, content in FILES.items()
            ]
        return {"id": "owner/model", "sha": COMMIT, "siblings": [{"rfilename": name} for name in FILES]}


@pytest.fixture
def url() -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Hub)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    thread.join()
    server.server_close()


def test_the_wanted_files_are_downloaded_and_each_part_of_a_large_one_is_reported(url: str, tmp_path: Path) -> None:
    reports: list[None] = []
    fetch = functools.partial(snapshot_download, endpoint=url, cache_dir=tmp_path)

    folder = hub.download("owner/model", lambda: reports.append(None), fetch)

    files = {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*.*") if path.is_file()}
    assert files == {name: FILES[name] for name in ("model_index.json", "unet/model.safetensors")}
    assert len(reports) >= CHUNKS + len(files)


def test_bytes_that_arrive_are_reported_and_a_download_that_is_stuck_is_silent() -> None:
    reports: list[None] = []

    def fetch(repo_id: str, *, allow_patterns: list[str], ignore_patterns: list[str], tqdm_class: type[tqdm]) -> str:
        with tqdm_class(total=100, disable=True) as bar:
            bar.update(10)
            bar.update(0)
            bar.update(20)
        return "/cache/snapshots/1"

    assert hub.download("owner/model", lambda: reports.append(None), fetch) == Path("/cache/snapshots/1")
    assert len(reports) == 2


def test_a_download_that_fails_is_explained_in_one_line() -> None:
    def fetch(repo_id: str, *, allow_patterns: list[str], ignore_patterns: list[str], tqdm_class: type[tqdm]) -> str:
        raise OSError("No space left.\nDetails follow.")

    with pytest.raises(ModelLoadError, match=r"owner/model cannot be downloaded from the hub: No space left\.$"):
        hub.download("owner/model", lambda: None, fetch)
