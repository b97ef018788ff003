"""A receiver checks with the SDK what a server sends it, and the caller has a failed delivery sent again.

The examples of docs/webhooks.md do so, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

import pytest

from darkroom import Darkroom, NotFoundError, webhooks
from service.observability import logs
from service.settings import Settings
from tests.client.both import Client, Clients
from tests.harness.keys import secret_of, write_key_file
from tests.harness.paths import ROOT
from tests.harness.wire.http_server import Harness, serve_in_thread, wait_until
from tests.harness.wire.webhook_receiver import receiving


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Harness]:
    logs.configure("warning", "json")
    file = write_key_file(tmp_path_factory.mktemp("keys") / "keys")
    yield from serve_in_thread(Settings(port=0, admin_port=None, api_key_file=file, webhook_allowed_hosts="127.0.0.1"))


def states(client: Client) -> list[str]:
    return [each.state for each in client.webhooks.list_deliveries()]


def test_a_delivery_that_was_refused_is_sent_again_and_checked_with_the_secret(
    connect: Clients, server: Harness
) -> None:
    alice, bob = (connect(None, base_url=server.url, api_key=secret_of(name)) for name in ("alice", "bob"))
    with receiving() as receiver:
        receiver.statuses = [410]
        job = alice.jobs.submit(prompt="a red circle", steps=1, webhook={"url": receiver.url})
        wait_until(lambda: states(alice) == ["disabled"])
        (refused,) = alice.webhooks.list_deliveries(state="disabled")
        with pytest.raises(NotFoundError):
            bob.webhooks.retry_delivery(refused.id)

        assert alice.webhooks.retry_delivery(refused.id).next_try_at is not None
        wait_until(lambda: states(alice) == ["delivered"])

    secret = alice.webhooks.get_secret().key
    events = [webhooks.verify(each.body, each.headers, secret) for each in receiver.received]
    assert [each["data"]["id"] for each in events] == [job.id] * 2
    assert {each.headers["webhook-id"] for each in receiver.received} == {refused.id}
    with pytest.raises(webhooks.SignatureError):
        webhooks.verify(receiver.received[0].body, receiver.received[0].headers, bob.webhooks.get_secret().key)
    assert states(bob) == []
    changed = alice.webhooks.rotate_secret().key
    assert changed == alice.webhooks.get_secret().key != secret
    job.delete()


def test_the_examples_of_the_page_check_a_delivery_and_have_it_sent_again(
    server: Harness, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    check, retry = re.findall(r"```python\n(.*?)```", (ROOT / "docs/webhooks.md").read_text(), re.DOTALL)
    monkeypatch.setenv("DARKROOM_API_KEY", secret_of("bob"))
    defined: dict[str, Any] = {}
    with receiving() as receiver, Darkroom(base_url=server.url) as client:
        receiver.statuses = [410]
        job = client.jobs.submit(prompt="a red circle", steps=1, webhook={"url": receiver.url})
        wait_until(lambda: states(client) == ["disabled"])
        exec(check.replace("whsec_...", client.webhooks.get_secret().key), defined)
        exec(retry.replace("http://127.0.0.1:8000", server.url).replace("failed", "disabled"), {})
        wait_until(lambda: states(client) == ["delivered"])

    for each in receiver.received:
        defined["receive"](each.body, each.headers)
    assert capsys.readouterr().out == f"job.succeeded {job.id}\n" * 2
