"""On a bad connection to a real server, both clients lose no job, make none twice, and go on."""

from __future__ import annotations

import pytest

import darkroom
from darkroom import ImageReady, JobEnded
from tests.client.both import Client, Clients
from tests.harness.wire.fault_proxy import Cut, Delay, Drop, Fault, FaultProxy, LoseAnswer, Refuse

pytestmark = pytest.mark.timeout(600)


def client_of(connect: Clients, proxy: FaultProxy, **options: object) -> Client:
    return connect(None, base_url=proxy.url, **options)


def headers(proxy: FaultProxy, name: str) -> list[str | None]:
    return [request.headers.get(name) for request in proxy.requests]


@pytest.mark.parametrize(
    "fault", [Drop(), LoseAnswer(), Cut(b"HTTP/1.1 200"), Refuse(429, {"Retry-After": "1"}), Refuse(503)], ids=str
)
def test_a_question_is_asked_again(connect: Clients, proxy: FaultProxy, fault: Fault) -> None:
    proxy.plan(fault)
    assert "bundled" in [model.id for model in client_of(connect, proxy).models.list()]
    assert len(proxy.requests) == 2


def test_an_answer_that_comes_too_late_is_asked_for_again(connect: Clients, proxy: FaultProxy) -> None:
    proxy.plan(Delay(60))
    assert client_of(connect, proxy, timeout=2, max_retries=5).models.list()
    proxy.plan(Delay(60))
    with pytest.raises(darkroom.APITimeoutError):
        client_of(connect, proxy).models.list(timeout=0.2, max_retries=0)


@pytest.mark.parametrize(
    "fault", [Drop(), LoseAnswer(), Refuse(429, {"Retry-After": "1"}), Refuse(503, {"Retry-After-Ms": "5"})], ids=str
)
def test_a_submission_makes_one_job_however_often_it_is_tried(
    connect: Clients, proxy: FaultProxy, fault: Fault
) -> None:
    client = client_of(connect, proxy)
    before = {job.id for job in client.jobs.list()}
    proxy.plan(fault)
    raw = client.jobs.with_raw_response.submit(prompt="a red circle", steps=1)
    keys = headers(proxy, "idempotency-key")
    assert len(keys) == 2
    assert keys[0] == keys[1] is not None
    assert ("idempotency-replayed" in raw.headers) is isinstance(fault, LoseAnswer)
    assert {job.id for job in client.jobs.list()} - before == {raw.parse().id}


def test_events_go_on_where_they_were_cut(connect: Clients, proxy: FaultProxy) -> None:
    job = client_of(connect, proxy).jobs.submit(prompt="a red circle", n=2, steps=2)
    proxy.plan(Cut(b"event: status"), Drop(), Cut(b"event: image"), Refuse(503), Cut(b"event: done"))
    events = list(job.events())
    assert isinstance(events[-1], JobEnded)
    images = [event.image for event in events if isinstance(event, ImageReady)]
    assert sorted(image.index for image in images) == [0, 1]
    assert len(proxy.requests) >= 4
    resumed = headers(proxy, "last-event-id")
    assert resumed[0] is None
    assert resumed[-1] is not None
    assert {image.seed for image in images} == set(job.seeds)


def test_waiting_goes_on_through_lost_answers(connect: Clients, proxy: FaultProxy) -> None:
    job = client_of(connect, proxy).jobs.submit(prompt="a red circle", steps=2)
    proxy.plan(Drop(), LoseAnswer(), Refuse(503), Drop(), Drop())
    assert len(job.result()) == 1
    assert len(proxy.requests) >= 6


def test_an_image_that_arrives_in_part_is_fetched_again(connect: Clients, proxy: FaultProxy) -> None:
    (image,) = client_of(connect, proxy).jobs.submit(prompt="a red circle", steps=2).result()
    proxy.plan(Cut(b"IHDR"))
    assert image.to_pil().size == (image.width, image.height)
    assert len(proxy.requests) == 2


def test_a_generation_whose_answer_is_lost_is_tried_again(connect: Clients, proxy: FaultProxy) -> None:
    proxy.plan(LoseAnswer())
    assert len(client_of(connect, proxy).images.generate(prompt="a red circle", steps=2, seed=1)) == 1
    assert headers(proxy, "x-stainless-retry-count") == ["0", "1"]


def test_a_stream_of_images_that_is_cut_is_an_error(connect: Clients, proxy: FaultProxy) -> None:
    proxy.plan(Cut(b"event: image_generation.partial_image"))
    with pytest.raises(darkroom.APIConnectionError):
        list(client_of(connect, proxy).images.stream(prompt="a red circle", steps=4, partial_images=2))


def test_a_deletion_whose_answer_is_lost_is_done(connect: Clients, proxy: FaultProxy) -> None:
    job = client_of(connect, proxy).jobs.submit(prompt="a red circle", steps=1)
    proxy.plan(LoseAnswer())
    job.delete()
    assert [request.line for request in proxy.requests] == [f"DELETE /api/v1/jobs/{job.id}"] * 2


def test_a_server_that_stays_away_is_told_after_all_tries(connect: Clients, proxy: FaultProxy) -> None:
    proxy.plan(*[Drop()] * 10)
    with pytest.raises(darkroom.APIConnectionError):
        client_of(connect, proxy, max_retries=3).models.list()
    assert len(proxy.requests) == 4
