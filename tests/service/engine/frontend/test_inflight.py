"""What is known of the images in flight, and when a job ends."""

from __future__ import annotations

import itertools
import random
from collections.abc import Callable

import pytest

from service.engine import messages
from service.engine.frontend.inflight import InFlightImage, InFlightImages
from tests.harness.engine.handles import make_handle, make_plans
from tests.harness.engine.worker_harness import make_params


def make_in_flight(*image_ids: str) -> InFlightImages:
    """Admits one job per image."""
    in_flight = InFlightImages()
    for image_id in image_ids:
        submits = [messages.Submit(image_id, make_params())]
        in_flight.add_job(make_handle(image_id), submits, make_plans(submits), [1.0], now_s=0.0)
    return in_flight


def test_images_that_no_worker_has_are_unsent_in_order_of_admission() -> None:
    in_flight = make_in_flight("a", "b", "c")
    _, second, _ = in_flight
    second.worker = 0

    assert [image.submit.image_id for image in in_flight.unsent] == ["a", "c"]


def test_a_worker_is_told_how_long_an_image_has_waited_since_its_admission() -> None:
    in_flight = InFlightImages()
    submit = messages.Submit("job.0", make_params(), deadline_s=9.0)
    in_flight.add_job(make_handle("job"), [submit], make_plans([submit]), [1.0], now_s=100.0)
    (image,) = in_flight

    assert image.submit_message(102.5) == messages.Submit("job.0", make_params(), waited_s=2.5, deadline_s=9.0)


def test_a_job_ends_with_its_last_image() -> None:
    in_flight = InFlightImages()
    submits = [messages.Submit(f"job.{index}", make_params()) for index in range(2)]
    in_flight.add_job(make_handle("job"), submits, make_plans(submits), [1.0, 1.0], now_s=0.0)
    first, last = in_flight

    assert not in_flight.remove(last)
    assert in_flight.remove(first)
    assert not in_flight.remove(first), "an image is removed once"


def test_the_sums_over_all_images_follow_whatever_becomes_of_them() -> None:
    chance, in_flight, made = random.Random(0), InFlightImages(), itertools.count()

    def admit() -> None:
        job, images = f"job_{next(made)}", chance.randint(1, 3)
        tenant = chance.choice(["alice", "bob"])
        submits = [messages.Submit(f"{job}.{index}", make_params(), tenant=tenant) for index in range(images)]
        prices_s = [chance.random() for _ in submits]
        accepted = chance.random() < 0.3
        in_flight.add_job(make_handle(job), submits, make_plans(submits), prices_s, now_s=0.0, accepted=accepted)

    for _ in range(300):
        image = chance.choice(list(in_flight) or [None])
        if image is None or chance.random() < 0.3:
            admit()
        else:
            changes: list[Callable[[InFlightImage], object]] = [
                in_flight.remove,
                InFlightImage.take_back,
                lambda image: image.record_done(0.5),
            ]
            chance.choice(changes)(image)
        waiting = [image for image in in_flight if not image.job.accepted]
        queued = in_flight.queued
        assert (queued.images, queued.jobs) == (len(waiting), len({image.job for image in waiting}))
        assert queued.left_s == pytest.approx(sum(image.left_s for image in waiting))
        assert set(queued.tenants) == {image.submit.tenant for image in waiting}
        assert in_flight.price_s == pytest.approx(sum(image.price_s for image in in_flight))
        assert set(in_flight.models) == {model for image in in_flight for model in image.plan.models}
