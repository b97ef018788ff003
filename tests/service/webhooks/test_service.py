"""Each job's webhook is told in its own format; what cannot be sent is recorded as a failure, or dropped."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import URL, update
from standardwebhooks import Webhook as Verifier

from service.jobs.records import JobRecord
from service.jobs.service import JobService
from service.jobs.store.tables import webhook_deliveries
from service.observability.metrics import Metrics
from service.webhooks.deliveries import Delivery, DeliveryState
from service.webhooks.rendering import MAX_BODY_BYTES
from service.webhooks.service import WebhookService
from service.webhooks.types import END_EVENTS, EVENTS, Webhook
from tests.harness.engine.fake_engine import FakeEngine
from tests.harness.sample_jobs import make_spec
from tests.harness.served.job_services import compose
from tests.harness.wire.webhook_receiver import Receiver


class Running:
    def __init__(self, jobs: JobService, webhooks: WebhookService, engine: FakeEngine) -> None:
        self.jobs, self.webhooks, self.engine = jobs, webhooks, engine

    async def submit(self, url: str, *, form: str = "plain", events: tuple[str, ...] = END_EVENTS) -> str:
        webhook = Webhook(url, events, form, "https://images.test")
        view, _ = await self.jobs.submit(make_spec(), tenant="alice", webhook=webhook)
        return view.record.id

    async def settled(self, holds: Callable[[list[Delivery]], object]) -> list[Delivery]:
        while not holds(found := await self.webhooks.deliveries.page("alice", limit=9)):  # noqa: ASYNC110 -- the store has no event for it
            await asyncio.sleep(0.01)
        return found


def plain(job: JobRecord, webhook: Webhook, event: str) -> bytes:
    return f'{{"event":"{event}","status":"{job.status}"}}'.encode()


def huge(job: JobRecord, webhook: Webhook, event: str) -> bytes:
    return bytes(MAX_BODY_BYTES + 1)


RENDERERS: Mapping[str, Any] = {"plain": plain, "huge": huge}


@contextlib.asynccontextmanager
async def started(
    url: URL, folder: Path, *, allowed_hosts: frozenset[str] = frozenset({"127.0.0.1"})
) -> AsyncIterator[Running]:
    engine = FakeEngine()
    jobs = compose(url, folder / "images", engine).jobs
    webhooks = WebhookService(jobs, RENDERERS, server_key=bytes(32), allowed_hosts=allowed_hosts, metrics=Metrics())
    await jobs.start()
    try:
        async with webhooks.running():
            yield Running(jobs, webhooks, engine)
    finally:
        await engine.stop()
        await jobs.stop()


@pytest.fixture
async def running(sqlite_url: URL, tmp_path: Path) -> AsyncIterator[Running]:
    async with started(sqlite_url, tmp_path) as running:
        yield running


def all_are(state: DeliveryState, count: int = 1) -> Callable[[list[Delivery]], bool]:
    return lambda found: [each.state for each in found] == [state] * count


def with_error(found: list[Delivery]) -> bool:
    return bool(found) and found[0].error is not None


async def test_a_job_is_told_of_with_signatures_that_a_receiver_can_check(running: Running, receiver: Receiver) -> None:
    job_id = await running.submit(receiver.url, events=EVENTS)
    await running.settled(all_are(DeliveryState.DELIVERED, 2))

    verifier = Verifier(await running.webhooks.secret("alice"))
    told = {each.headers["webhook-id"]: verifier.verify(each.body, each.headers) for each in receiver.received}
    assert told == {
        f"msg_{job_id}_started": {"event": "job.started", "status": "running"},
        f"msg_{job_id}_succeeded": {"event": "job.succeeded", "status": "succeeded"},
    }


async def test_after_a_change_of_the_secret_both_verify(running: Running, receiver: Receiver) -> None:
    secrets = [await running.webhooks.secret("alice"), await running.webhooks.rotate_secret("alice")]
    await running.submit(receiver.url)
    await running.settled(all_are(DeliveryState.DELIVERED))

    (received,) = receiver.received
    assert await running.webhooks.secret("alice") == secrets[1] != secrets[0]
    for secret in secrets:
        Verifier(secret).verify(received.body, received.headers)


async def test_a_failed_delivery_that_is_retried_by_hand_keeps_its_id(running: Running, receiver: Receiver) -> None:
    receiver.statuses = [500]
    await running.submit(receiver.url)
    (failed,) = await running.settled(with_error)
    assert (failed.state, failed.status, failed.tries) == (DeliveryState.PENDING, 500, 1)

    await running.webhooks.retry(failed.id, "alice")
    await running.settled(all_are(DeliveryState.DELIVERED))

    assert [each.headers["webhook-id"] for each in receiver.received] == [failed.id] * 2


async def test_a_receiver_that_is_gone_is_told_nothing_more(running: Running, receiver: Receiver) -> None:
    receiver.statuses = [410]
    await running.submit(receiver.url)

    await running.settled(all_are(DeliveryState.DISABLED))


@pytest.mark.parametrize(("form", "error"), [("huge", "too large"), ("newer", "does not know the format")])
async def test_what_cannot_be_rendered_is_a_failure_that_is_tried_again(
    running: Running,
    receiver: Receiver,
    form: str,
    error: str,
) -> None:
    await running.submit(receiver.url, form=form)

    (failed,) = await running.settled(with_error)

    assert error in str(failed.error)
    assert failed.state is DeliveryState.PENDING
    assert receiver.received == []


async def test_a_host_that_the_settings_allow_no_more_is_sent_nothing(
    sqlite_url: URL, tmp_path: Path, receiver: Receiver
) -> None:
    async with started(sqlite_url, tmp_path, allowed_hosts=frozenset()) as running:
        with pytest.raises(ValueError, match="https"):
            running.webhooks.check_url(receiver.url)
        await running.submit(receiver.url)
        (failed,) = await running.settled(with_error)

    assert failed.error == "The address must begin with https://."
    assert receiver.received == []


async def test_the_deliveries_of_a_deleted_job_go_with_it(running: Running, receiver: Receiver) -> None:
    receiver.statuses = [500]
    job_id = await running.submit(receiver.url)
    await running.settled(with_error)
    soon = update(webhook_deliveries).values(try_at=0.0)

    await running.jobs.delete(job_id, "alice")
    await running.jobs.database.write(lambda connection: connection.execute(soon))

    assert await running.webhooks.deliveries.page("alice", limit=9) == []


async def test_what_a_server_that_has_ended_left_is_delivered_by_the_next(
    sqlite_url: URL, tmp_path: Path, receiver: Receiver
) -> None:
    receiver.statuses = [503]
    async with started(sqlite_url, tmp_path) as first:
        await first.submit(receiver.url)
        (left,) = await first.settled(with_error)
    soon = update(webhook_deliveries).values(try_at=0.0)

    async with started(sqlite_url, tmp_path) as second:
        await second.jobs.database.write(lambda connection: connection.execute(soon))
        second.jobs.notifier.notify(left.job_id, record_changed=True)
        await second.settled(all_are(DeliveryState.DELIVERED))

    assert [each.headers["webhook-id"] for each in receiver.received] == [left.id] * 2
