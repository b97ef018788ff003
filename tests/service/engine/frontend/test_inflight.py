"""Which images the worker gets, and what a crash of the worker means for them."""

from __future__ import annotations

from service.engine import messages
from service.engine.frontend.inflight import InFlightImages
from service.engine.frontend.local_job import LocalJob, UnreadImages
from tests.harness.engine.worker_harness import make_params


def make_handle(job_id: str) -> LocalJob:
    return LocalJob(job_id, max_buffered=1, unread=UnreadImages(1), on_cancel=lambda _: None, on_read=lambda: None)


def make_in_flight(*image_ids: str) -> InFlightImages:
    """Admits one job per image."""
    in_flight = InFlightImages()
    for image_id in image_ids:
        in_flight.add_job(make_handle(image_id), [messages.Submit(image_id, make_params())], [1.0], now_s=0.0)
    return in_flight


def take(in_flight: InFlightImages, unread: UnreadImages | None = None) -> list[str]:
    return [image.submit.image_id for image in in_flight.take_sendable(unread or UnreadImages(1 << 30))]


def start(in_flight: InFlightImages, *image_ids: str) -> None:
    for image in in_flight:
        image.started |= image.submit.image_id in image_ids


def end(in_flight: InFlightImages, image_id: str) -> None:
    image = in_flight.get(image_id)
    assert image is not None
    in_flight.remove(image)


def test_the_worker_gets_each_image_once() -> None:
    in_flight = make_in_flight("a", "b")

    assert take(in_flight) == ["a", "b"]
    assert take(in_flight) == []


def test_images_that_had_started_at_a_crash_are_sent_first_and_one_at_a_time() -> None:
    in_flight = make_in_flight("waiting", "b", "c")
    take(in_flight)
    start(in_flight, "b", "c")

    assert in_flight.record_crash() == []
    assert take(in_flight) == ["b"]
    assert take(in_flight) == []
    end(in_flight, "b")
    assert take(in_flight) == ["c"]
    end(in_flight, "c")
    assert take(in_flight) == ["waiting"]


def test_only_an_image_that_had_started_at_two_crashes_is_poisoned() -> None:
    in_flight = make_in_flight("innocent", "bad", "other")
    take(in_flight)
    start(in_flight, "innocent", "bad", "other")
    in_flight.record_crash()
    take(in_flight)
    start(in_flight, "innocent")
    end(in_flight, "innocent")
    assert take(in_flight) == ["bad"]
    start(in_flight, "bad")

    assert [image.submit.image_id for image in in_flight.record_crash()] == ["bad"]


def test_all_images_of_the_worker_are_suspects_where_none_had_started() -> None:
    in_flight = make_in_flight("a", "b")
    take(in_flight)
    in_flight.record_crash()

    assert take(in_flight) == ["a"]


def test_the_worker_gets_as_many_images_of_a_job_as_there_is_room_for_and_of_another_job_at_least_one() -> None:
    in_flight = InFlightImages()
    for job_id in ("a", "b"):
        submits = [messages.Submit(f"{job_id}.{index}", make_params()) for index in range(3)]
        in_flight.add_job(make_handle(job_id), submits, [1.0] * 3, now_s=0.0)
    image_bytes = next(iter(in_flight)).image_bytes
    unread, other = UnreadImages(4 * image_bytes), make_handle("c")
    unread.add(other, image_bytes)

    assert take(in_flight, unread) == ["a.0", "b.0"]
    end(in_flight, "a.0")
    assert take(in_flight, unread) == ["a.1"]


def test_a_suspect_is_sent_although_there_is_no_room() -> None:
    in_flight = make_in_flight("a")
    unread = UnreadImages(1)
    take(in_flight, unread)
    in_flight.record_crash()
    (image,) = in_flight
    unread.add(image.job.handle, image.image_bytes)

    assert take(in_flight, unread) == ["a"]


def test_a_worker_is_told_how_long_an_image_has_waited_since_its_admission() -> None:
    in_flight = InFlightImages()
    submit = messages.Submit("job.0", make_params(), deadline_s=9.0)
    in_flight.add_job(make_handle("job"), [submit], [1.0], now_s=100.0)
    (image,) = in_flight

    assert image.submit_message(102.5) == messages.Submit("job.0", make_params(), waited_s=2.5, deadline_s=9.0)


def test_a_job_ends_with_its_last_image() -> None:
    in_flight = InFlightImages()
    submits = [messages.Submit(f"job.{index}", make_params()) for index in range(2)]
    in_flight.add_job(make_handle("job"), submits, [1.0, 1.0], now_s=0.0)
    first, last = in_flight

    assert not in_flight.remove(last)
    assert in_flight.remove(first)
    assert not in_flight.remove(first), "an image is removed once"
