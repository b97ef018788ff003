"""The SDK and the command before a server that asks for keys."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import httpx2
import pytest

from darkroom import AuthenticationError, NotFoundError, PermissionDeniedError
from darkroom.cli.statuses import Status
from pipelines.fake import INFO
from service.observability import logs
from service.settings import Settings
from tests.client.both import Clients
from tests.harness.command import Command, run_in_process
from tests.harness.keys import secret_of, write_key_file
from tests.harness.wire.http_server import Harness, serve_in_thread


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    """A server with the keys `alice` and `bob`, of users with tenants of these names."""
    logs.configure("warning", "json")
    file = write_key_file(tmp_path_factory.mktemp("keys") / "keys")
    yield from serve_in_thread(Settings(port=0, admin_port=None, api_key_file=file))


@pytest.fixture
def command(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capfd: pytest.CaptureFixture[str]) -> Command:
    return run_in_process(tmp_path, monkeypatch, capfd)


def test_a_client_with_a_key_reaches_its_own_jobs_and_no_others(connect: Clients, server: Harness) -> None:
    alice, bob = (connect(None, base_url=server.url, api_key=secret_of(name)) for name in ("alice", "bob"))
    job = alice.jobs.submit(prompt="a red circle", steps=1, seed=7, previews=1)
    (image,) = job.result(timeout_s=60)
    assert image.bytes().startswith(b"\x89PNG")
    assert image.thumbnail().startswith(b"RIFF")
    assert len(alice.images.generate(prompt="a blue star", steps=1)) == 1
    with alice.images.stream(prompt="a star", steps=1) as events:
        assert [event.type for event in events][-1] == "image_generation.completed"
    assert alice.capabilities().models
    with pytest.raises(NotFoundError):
        bob.jobs.get(job.id)
    job.delete()


def test_an_admins_client_makes_a_key_with_which_another_one_works_until_it_is_revoked(
    connect: Clients, server: Harness
) -> None:
    admin = connect(None, base_url=server.url, api_key=secret_of("root"))
    made = admin.keys.create(name="shop", tenant="alice", expires_in_s=600, quotas={"max_jobs": 2})
    shop = connect(None, base_url=server.url, api_key=made.key)

    assert [each.quotas.max_jobs for each in admin.keys.list() if each.id == made.id] == [2]
    assert shop.models.list()
    with pytest.raises(PermissionDeniedError):
        shop.keys.list()
    admin.keys.revoke(made.id)
    with pytest.raises(AuthenticationError):
        shop.models.list()


def test_a_link_tells_the_parameters_only_where_it_was_asked_to(connect: Clients, server: Harness) -> None:
    job = connect(None, base_url=server.url, api_key=secret_of("alice")).jobs.submit(prompt="a red circle", steps=1)
    (image,) = job.result(timeout_s=60)
    shown = [httpx2.get(image.link(include_parameters=told).url).content for told in (False, True)]
    assert [b"a red circle" in content for content in shown] == [False, True]
    job.delete()


@pytest.mark.parametrize("key", [None, "drk_unknown"])
def test_a_client_without_a_valid_key_is_refused_at_once(connect: Clients, server: Harness, key: str | None) -> None:
    client = connect(None, base_url=server.url, api_key=key)
    for call in (client.models.list, client.capabilities):
        with pytest.raises(AuthenticationError) as caught:
            call()
        assert (caught.value.status_code, caught.value.code) == (401, "unauthenticated")
        assert "drk_unknown" not in str(caught.value)
    with pytest.raises(AuthenticationError):
        client.jobs.submit(prompt="a red circle", steps=1)
    with pytest.raises(AuthenticationError):
        client.images.generate(prompt="a red circle", steps=1)


def test_the_command_takes_its_key_from_a_file_or_a_variable(
    command: Command, server: Harness, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "key"
    file.write_text(f"{secret_of('alice')}\n")
    to_server = ("--server", server.url, "--api-key-file", str(file))
    made = command("generate", "a red circle", "--steps", "1", "--seed", "7", "-o", "circle.png", *to_server)
    assert (made.status, Path("circle.png").read_bytes()[:4]) == (Status.DONE, b"\x89PNG")
    sheet = command("xyz", "a circle", "--x", "seed=1,2", "--steps", "1", "-o", "grid.png", *to_server)
    assert (sheet.status, Path("grid.png").exists()) == (Status.DONE, True)
    assert command("models", *to_server).out.startswith(INFO.name)
    monkeypatch.setenv("DARKROOM_API_KEY", secret_of("bob"))
    assert json.loads(command("jobs", "list", "--json", "--server", server.url).out) == {"jobs": []}


@pytest.mark.parametrize(
    "arguments",
    [("generate", "a red circle", "-o", "circle.png"), ("models",), ("jobs", "list"), ("jobs", "show", "x")],
)
def test_the_command_says_how_to_give_a_key(command: Command, server: Harness, arguments: tuple[str, ...]) -> None:
    outcome = command(*arguments, "--server", server.url)
    assert outcome.status == Status.REFUSED
    assert "DARKROOM_API_KEY" in outcome.err
    assert "--api-key-file" in outcome.err
    assert not Path("circle.png").exists()
