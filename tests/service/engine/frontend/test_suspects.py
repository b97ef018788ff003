"""A worker's death makes suspects of the images in its calls, and repeated deaths give one of them up."""

from __future__ import annotations

import random

import pytest

from service.engine import messages
from service.engine.frontend import suspects
from service.engine.frontend.inflight import InFlightImage, InFlightImages
from tests.harness.engine.handles import make_handle, make_plans
from tests.harness.engine.worker_harness import make_params


def make_images(*image_ids: str) -> list[InFlightImage]:
    """Makes images, each of a job of its own, that a worker has begun."""
    in_flight = InFlightImages()
    for image_id in image_ids:
        job = make_handle(image_id)
        submits = [messages.Submit(image_id, make_params())]
        in_flight.add_job(job, submits, make_plans(submits), [1.0], now_s=0.0)
    images = list(in_flight)
    for image in images:
        image.started = True
    return images


def ids(images: list[InFlightImage]) -> list[str]:
    return [image.submit.image_id for image in images]


def die(images: list[InFlightImage], *called: str) -> list[str]:
    """Records a death in a call of these images. Returns the poisoned ones."""
    return ids(suspects.record_death(images, called))


def test_only_the_images_of_the_calls_under_way_are_suspects() -> None:
    images = make_images("a", "b", "waiting")

    assert die(images, "a", "b") == []
    assert ids([image for image in images if image.suspect]) == ["a", "b"]


def test_a_suspect_is_submitted_apart_from_all_others() -> None:
    images = make_images("a", "b", "innocent")
    die(images, "a", "b")

    assert [image.submit_message(0.0).isolation for image in images] == ["a", "b", ""]


def test_the_suspect_that_was_alone_at_work_at_the_next_death_is_poisoned() -> None:
    images = make_images("a", "bad", "c")
    die(images, "a", "bad", "c")

    assert die(images, "bad") == ["bad"]


def test_one_death_in_a_call_poisons_nobody() -> None:
    assert die(make_images("a"), "a") == []


def test_an_image_that_was_never_under_suspicion_is_not_poisoned_by_the_deaths_of_others() -> None:
    images = make_images("a", "bad", "bystander")
    for _ in range(9):
        die(images, "bad")

    assert ids([image for image in images if image.suspect]) == ["bad"]


def test_suspects_that_a_worker_did_not_keep_apart_are_poisoned_at_the_third_death() -> None:
    images = make_images("a", "b", "c")

    assert [die(images, "a", "b") for _ in range(3)] == [[], [], ["a", "b"]]


def test_an_image_that_had_begun_at_three_deaths_between_calls_is_given_up() -> None:
    images = make_images("begun", "waiting")
    images[1].started = False

    assert [die(images) for _ in range(3)] == [[], [], ["begun"]]
    assert not any(image.suspect for image in images)


def test_deaths_before_any_image_had_begun_count_for_all_that_the_worker_had() -> None:
    images = make_images("a", "b")
    for image in images:
        image.started = False

    assert [die(images) for _ in range(3)] == [[], [], ["a", "b"]]


@pytest.mark.parametrize("size", [1, 2, 7, 16])
@pytest.mark.parametrize("bad", [1, 2])
def test_each_poisonous_image_costs_one_death_after_the_one_that_made_it_a_suspect(size: int, bad: int) -> None:
    """A simulated worker makes calls of up to `size` images, of suspects alone, and dies in those with a bad one."""
    draw = random.Random(size)
    names = [f"{number}" for number in range(3 * size)]
    poisonous = set(draw.sample(names, bad))
    images, deaths = make_images(*names), 0
    while images:
        apart = [image for image in images if image.suspect]
        together = [image for image in images if not image.suspect]
        call = [draw.choice(apart)] if (apart and draw.random() < 0.5) or not together else together[:size]
        if poisonous & set(ids(call)):
            deaths += 1
            for image in suspects.record_death(images, set(ids(call))):
                assert image.submit.image_id in poisonous
                images.remove(image)
        else:
            images = [image for image in images if image not in call]

    assert deaths <= 2 * bad
