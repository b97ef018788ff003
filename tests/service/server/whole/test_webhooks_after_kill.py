"""A webhook tells a job's end although the server is killed before the receiver has answered."""

from __future__ import annotations

import contextlib
import sqlite3
from pathlib import Path

from standardwebhooks import Webhook

from tests.harness.served.server_process import running_server
from tests.harness.wire.http_server import wait_until
from tests.harness.wire.webhook_receiver import receiving


def end_leases(data_dir: Path) -> None:
    """Makes all deliveries due, as after a minute's wait."""
    with contextlib.closing(sqlite3.connect(data_dir / "jobs.sqlite3")) as connection:
        connection.execute("UPDATE webhook_deliveries SET try_at = 0")
        connection.commit()


def test_a_delivery_that_a_kill_interrupts_is_made_again_under_its_id(tmp_path: Path) -> None:
    with receiving() as receiver:
        receiver.statuses = [0]  # It has the request, and the server never learns of that.
        with running_server(tmp_path, webhook_allowed_hosts="127.0.0.1") as (server, client):
            body = {"prompt": "x", "num_inference_steps": 1, "webhook": {"url": receiver.url}}
            job = client.post("/api/v1/jobs", json=body).json()
            wait_until(lambda: len(receiver.received) == 1)
            server.kill()
            server.wait()
        end_leases(tmp_path)

        with running_server(tmp_path, webhook_allowed_hosts="127.0.0.1") as (_, client):
            wait_until(lambda: len(receiver.received) == 2)
            key = client.get("/api/v1/webhooks/secret").json()["key"]

            def is_delivered() -> bool:
                (delivery,) = client.get("/api/v1/webhooks/deliveries").json()["data"]
                return bool(delivery["state"] == "delivered")

            wait_until(is_delivered)

    first, second = receiver.received
    assert first.headers["webhook-id"] == second.headers["webhook-id"] == f"msg_{job['id']}_succeeded"
    assert first.body == second.body
    for each in (first, second):
        assert Webhook(key).verify(each.body, each.headers)["data"]["id"] == job["id"]
