"""Makes images on this machine without a listener: the client calls the server's application in one process.

Requests and answers take the same way as over HTTP, so that both make the same images and refuse the same requests.
"""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from typing import Final

import httpx2
import msgspec

from darkroom import AsyncDarkroom, DarkroomError
from darkroom.cli.backends import FoundModel, Watch
from pipelines.errors import ManifestError
from service.catalog import find_models
from service.cli.watched_engine import WatchedEngine
from service.engine.frontend.local_engine import WORKER_COMMAND, LocalEngine
from service.engine.interface import Phase
from service.environment import SettingsError, load_settings
from service.observability import logs
from service.server.app import create_app
from service.server.main import engine_config
from service.server.model_list import ModelListError
from service.settings import Settings

_ONE_PASS_S: Final = 0.001
"""Seconds for the warm-up. Its first pass, one row of the model's default size, uses them up."""


class LocalBackend:
    """Implements `darkroom.cli.backends.Backend`."""

    def __init__(self, worker_command: Sequence[str] = WORKER_COMMAND) -> None:
        self._worker_command = worker_command

    def models(self) -> Sequence[FoundModel]:
        return [FoundModel(name, str(folder)) for name, folder in find_models(_settings().data_dir).items()]

    @contextlib.asynccontextmanager
    async def connect(self, *, model: str | None, watch: Watch) -> AsyncIterator[AsyncDarkroom]:
        settings = _settings(model)
        logs.configure("error", "console")
        watch.stage("Loading the model")
        try:
            config = engine_config(settings)
        except (ManifestError, ModelListError) as error:
            raise DarkroomError(str(error)) from error
        # A user who waits for one image should not wait until every size and batch has been measured.
        worker = msgspec.structs.replace(config.worker, warm_up_s=_ONE_PASS_S, log_level="error", log_format="console")
        config = replace(config, worker=worker)
        engine = WatchedEngine(config, watch, command=self._worker_command)
        app = create_app(settings, engine, keeps_jobs=False)
        transport = httpx2.ASGITransport(app, raise_app_exceptions=False)
        await engine.start()
        try:
            await _until_serving(engine)
            async with app.router.lifespan_context(app), httpx2.AsyncClient(transport=transport) as http:
                yield AsyncDarkroom(base_url="http://localhost", http_client=http)
        finally:
            await engine.stop()


def _settings(model: str | None = None) -> Settings:
    """Returns the server's settings. A `model` overrides the environment's."""
    try:
        return load_settings({"model": model})
    except SettingsError as error:
        raise DarkroomError(str(error)) from error


async def _until_serving(engine: LocalEngine) -> None:
    if await engine.wait_for_phase(Phase.SERVING, Phase.FAILED) is Phase.FAILED:
        raise DarkroomError(engine.failure or "The model could not be loaded.")
