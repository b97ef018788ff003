"""The end of every accepted job is told at least once, although servers are killed between a job's end and its telling.

The tries of killed servers are repeated once their leases have ended, so this takes more than a minute.
"""

from __future__ import annotations

import random
import time
from pathlib import Path

import pytest

from service.webhooks.deliveries import LEASE_S
from tests.harness.served.server_process import running_server
from tests.harness.wire.webhook_receiver import Receiver, receiving

pytestmark = [pytest.mark.timeout(600), pytest.mark.integration]

_KILLS = 5
_JOBS_A_ROUND = 4


def told(receiver: Receiver) -> set[str]:
    """The ids that the receiver has acknowledged."""
    return {each.headers["webhook-id"] for each in receiver.received if each.status == 204}


def test_every_end_is_told_although_servers_are_killed(tmp_path: Path) -> None:
    chance, accepted = random.Random(20), set[str]()
    with receiving() as receiver:
        # The receiver leaves some tries open until the end. None is answered with an error: the second would be tried
        # again after minutes.
        receiver.statuses = [chance.choice((0, 204)) for _ in range(_KILLS * _JOBS_A_ROUND)]
        for _ in range(_KILLS):
            with running_server(tmp_path, webhook_allowed_hosts="127.0.0.1") as (server, client):
                for _ in range(_JOBS_A_ROUND):
                    body = {"prompt": "x", "num_inference_steps": 1, "webhook": {"url": receiver.url}}
                    accepted.add(f"msg_{client.post('/api/v1/jobs', json=body).json()['id']}_succeeded")
                time.sleep(chance.uniform(0, 0.5))
                server.kill()
                server.wait()
        receiver.statuses = []
        receiver.let_go()
        with running_server(tmp_path, webhook_allowed_hosts="127.0.0.1"):
            deadline = time.monotonic() + 3 * LEASE_S
            while told(receiver) != accepted and time.monotonic() < deadline:
                time.sleep(0.1)

    assert told(receiver) == accepted
