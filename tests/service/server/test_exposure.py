"""Sockets that others can reach are recognized, and a server without keys is not started there."""

from __future__ import annotations

import contextlib
import socket
from pathlib import Path
from typing import Any, Final

import pytest

from service.auth.key_repository import KeyRepository
from service.engine.interface import Phase
from service.jobs.store.database import Database, database_url
from service.jobs.store.migrations import migrate
from service.observability.metrics import Metrics
from service.server.addresses import listening, listening_at
from service.server.exposure import is_exposed
from service.server.main import serve
from service.settings import Settings
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.keys import api_key, write_key_file

PUBLIC: Final[dict[str, Any]] = {"host": "0.0.0.0", "port": 0, "admin_port": None}


@pytest.mark.parametrize(
    ("host", "exposed"), [("127.0.0.1", False), ("::1", False), ("localhost", False), ("0.0.0.0", True), ("::", True)]
)
def test_an_address_is_exposed_unless_this_machine_alone_reaches_it(host: str, exposed: bool) -> None:
    with listening([host], 0) as sockets:
        assert is_exposed(sockets) is exposed


@pytest.mark.parametrize(("mode", "exposed"), [(0o600, False), (0o660, False), (0o666, True), (0o662, True)])
def test_a_unix_socket_is_exposed_where_every_user_may_connect(tmp_path: Path, mode: int, exposed: bool) -> None:
    with listening_at(tmp_path / "s", mode) as bound:
        assert is_exposed([bound]) is exposed


def test_one_exposed_socket_is_enough_and_none_is_not() -> None:
    with listening(["127.0.0.1"], 0) as own, listening(["0.0.0.0"], 0) as public:
        assert is_exposed([*own, *public])
    assert not is_exposed([])


async def started(settings: Settings) -> tuple[int, bool]:
    """Returns the exit status, and whether the engine was started. Its model fails, so that the server ends."""
    engine = FakeEngine()
    engine.phase, engine.phase_after_start = Phase.LOADING, Phase.FAILED
    status = await serve(settings, engine, Metrics(), on_ready=lambda model, url: None)
    return status, engine.phase is Phase.STOPPED


async def test_a_server_without_keys_does_not_start_in_public_and_says_what_to_do(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    assert await started(Settings(**PUBLIC, data_dir=tmp_path)) == (1, False)

    (line,) = [record.getMessage() for record in caplog.records if "cannot start" in record.getMessage()]
    for way in ("darkroom keys create", "DARKROOM_API_KEY_FILE", "DARKROOM_REQUIRE_KEYS=false"):
        assert way in line


async def test_a_key_in_the_store_is_enough(tmp_path: Path) -> None:
    database = Database(database_url(None, tmp_path))
    await migrate(database)
    await KeyRepository(database).add(api_key("first"))
    await database.close()

    assert await started(Settings(**PUBLIC, data_dir=tmp_path)) == (1, True)


async def test_a_key_file_is_enough(tmp_path: Path) -> None:
    settings = Settings(**PUBLIC, data_dir=tmp_path, api_key_file=write_key_file(tmp_path / "keys"))

    assert await started(settings) == (1, True)


@pytest.mark.parametrize(
    ("require_keys", "said"), [(True, "nobody can use the server yet"), (False, "everybody who can reach")]
)
async def test_the_setting_goes_before_the_rule_and_a_warning_says_so(
    tmp_path: Path, caplog: pytest.LogCaptureFixture, require_keys: bool, said: str
) -> None:
    assert await started(Settings(**PUBLIC, data_dir=tmp_path, require_keys=require_keys)) == (1, True)
    assert said in caplog.text


async def test_a_public_admin_listener_is_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    settings = Settings(port=0, admin_port=0, admin_host="0.0.0.0", data_dir=tmp_path)
    with contextlib.closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        settings = settings.model_copy(update={"admin_port": free.getsockname()[1]})

    assert await started(settings) == (1, True)
    assert "can change models" in caplog.text


async def test_a_key_file_that_cannot_be_used_ends_the_start_with_a_sentence(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    settings = Settings(port=0, admin_port=None, data_dir=tmp_path, api_key_file=tmp_path / "none")

    assert await started(settings) == (1, False)
    assert "The API keys cannot be read from" in caplog.text
