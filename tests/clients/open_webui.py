"""Open WebUI's own server, as its package starts it, in its form for machines that run no models themselves."""

from __future__ import annotations

import base64
import contextlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2

from tests.clients.running import application_environment, environment_folder
from tests.harness.bundled_server import free_port
from tests.harness.programs.running import answers, running, wait_until

_START_S = 300.0
"""Bounds a request."""


class OpenWebUi:
    """A user's session, of an administrator."""

    def __init__(self, url: str) -> None:
        self._client = httpx2.Client(base_url=url, timeout=_START_S)
        account = {"name": "Alice", "email": "alice@example.org", "password": "a long password"}
        self._client.headers["Authorization"] = f"Bearer {self._post('/auths/signup', account)['token']}"

    def _post(self, path: str, body: Any) -> Any:
        answer = self._client.post(f"/api/v1{path}", json=body)
        assert answer.is_success, answer.text
        return answer.json()

    def configure(self, **settings: Any) -> None:
        """Saves the settings of the page "Images"."""
        present = self._client.get("/api/v1/images/config").json()
        self._post("/images/config/update", {**present, **settings})

    def models(self) -> list[str]:
        """Names of the models that a user may choose from."""
        return [model["id"] for model in self._client.get("/api/v1/images/models").json()]

    def generate(self, prompt: str, **wish: Any) -> list[str]:
        """The images of that prompt, in base64."""
        return [self._file(made) for made in self._post("/images/generations", {"prompt": prompt, **wish})]

    def edit(self, prompt: str, image: str) -> list[str]:
        """The images made from a PNG in base64."""
        made = self._post("/images/edit", {"prompt": prompt, "image": f"data:image/png;base64,{image}"})
        return [self._file(each) for each in made]

    def _file(self, made: dict[str, str]) -> str:
        return base64.b64encode(self._client.get(made["url"]).content).decode()

    def close(self) -> None:
        self._client.close()


@contextlib.contextmanager
def open_webui(folder: Path) -> Iterator[OpenWebUi]:
    """Runs the server for the length of the block, with its data in the folder."""
    url = f"http://127.0.0.1:{(port := free_port())}"
    environment = application_environment(folder) | {
        "DATA_DIR": str(folder),
        "OFFLINE_MODE": "true",
        "USE_SLIM_DOCKER": "true",
        "WEBUI_SECRET_KEY": "of a test",
    }
    program = environment_folder("open_webui") / "bin" / "open-webui"
    command: list[str | Path] = [program, "serve", "--host", "127.0.0.1", "--port", str(port)]
    log = folder / "open-webui.log"
    with running(command, log, environment=environment, cwd=folder) as process:
        wait_until(lambda: answers(f"{url}/health"), f"Open WebUI, whose log is {log},", process)
        session = OpenWebUi(url)
        try:
            yield session
        finally:
            session.close()
