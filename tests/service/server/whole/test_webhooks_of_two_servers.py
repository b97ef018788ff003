"""Two servers on one PostgreSQL database: what one of them was sending when it was killed is sent by the other."""

from __future__ import annotations

from pathlib import Path
from typing import Final

import httpx2
from sqlalchemy import URL, create_engine, text
from standardwebhooks import Webhook

from service.webhooks.shares import DispatchLimits
from tests.harness.postgres import PostgresServer
from tests.harness.served.server_process import running_server
from tests.harness.wire.http_server import wait_until
from tests.harness.wire.webhook_receiver import Receiver, receiving
from tests.service.jobs.conftest import postgres

__all__ = ["postgres"]
"""A fixture, which is found by its name in this module."""


HELD: Final = DispatchLimits().per_host + 2
"""More than one server has under way to one host, so that both have some."""


def end_leases(url: URL) -> None:
    """Makes all deliveries due, as a minute's wait would."""
    engine = create_engine(url)
    with engine.begin() as connection:
        connection.execute(text("UPDATE webhook_deliveries SET try_at = 0 WHERE state = 'pending'"))
    engine.dispose()


def told(receiver: Receiver) -> set[str]:
    """Returns the ids of the deliveries that the receiver got."""
    return {each.headers["webhook-id"] for each in receiver.received}


def submit(client: httpx2.Client, receiver: Receiver) -> str:
    """Returns the id of the delivery of the job's end."""
    body = {"prompt": "x", "num_inference_steps": 1, "webhook": {"url": receiver.url}}
    return f"msg_{client.post('/api/v1/jobs', json=body).json()['id']}_succeeded"


def test_the_deliveries_of_a_killed_server_are_made_by_the_other_under_their_ids(
    tmp_path: Path, postgres: PostgresServer
) -> None:
    url = postgres.create_database()
    settings = {"database_url": url.render_as_string(), "webhook_allowed_hosts": "127.0.0.1"}
    with (
        receiving() as receiver,
        running_server(tmp_path, **settings) as (first, client),
        running_server(tmp_path, **settings) as (_, other),
    ):
        receiver.statuses = [0] * HELD  # It has the requests, and no server learns of that.
        ids = {submit(client, receiver) for _ in range(HELD)}
        wait_until(lambda: told(receiver) == ids)
        first.kill()
        first.wait()
        receiver.statuses = []
        receiver.let_go()
        end_leases(url)
        ids.add(submit(other, receiver))

        def are_delivered() -> bool:
            listed = other.get("/api/v1/webhooks/deliveries").json()["data"]
            return {each["id"] for each in listed if each["state"] == "delivered"} == ids

        wait_until(are_delivered)
        verifier = Webhook(other.get("/api/v1/webhooks/secret").json()["key"])

    assert told(receiver) == ids
    for each in receiver.received:
        verifier.verify(each.body, each.headers)
