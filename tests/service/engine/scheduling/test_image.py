"""An image derives from its state its position, its next call, and whether a preview is due."""

from __future__ import annotations

import pytest

from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import WIDE, Stage
from service.engine.scheduling.image import ScheduledImage
from tests.harness.engine.worker_harness import make_params

PIPELINE = FakePipeline()


def make_image(*, steps: int = 4, previews: int = 0, sampler: str = "ddim") -> ScheduledImage[FakeState]:
    params = make_params(steps=steps, sampler=sampler)
    return ScheduledImage(
        id="a",
        params=params,
        plan=PIPELINE.plan(params),
        previews=previews,
        arrived_s=0.0,
        virtual_deadline_s=1.0,
    )


def begin(image: ScheduledImage[FakeState]) -> None:
    image.state = PIPELINE.begin(image.params, PIPELINE.encode(PIPELINE.texts(image.params)))


def test_an_image_that_has_not_begun_knows_its_calls_and_rows() -> None:
    image = make_image(steps=4, sampler="heun")

    assert (image.target.rows, image.target.calls_left, image.finished) == (2, 7, False)
    with pytest.raises(AssertionError, match="has not begun"):
        _ = image.begun_state


def test_an_image_is_finished_after_its_last_call() -> None:
    image = make_image(steps=2)
    begin(image)
    assert (image.target.rows, image.target.calls_left, image.finished) == (2, 2, False)
    PIPELINE.advance([image.begun_state], [b""])
    assert (image.target.calls_left, image.finished) == (1, False)
    PIPELINE.advance([image.begun_state], [b""])

    assert image.finished
    assert image.target.key.stage is Stage.DECODE


def test_the_texts_come_before_the_first_unet_call() -> None:
    image = make_image()
    image.text_call = image.plan.calls[0]

    assert [call.key.stage for call in image.calls_to_come] == [Stage.TEXT, Stage.DENOISE, Stage.DECODE]
    assert (image.next_call.key.stage, image.target.key.stage) == (Stage.TEXT, Stage.DENOISE)
    image.text_call = None
    assert image.next_call == image.target


def test_a_widened_decode_is_a_call_of_its_own_kind() -> None:
    image = make_image(steps=1)
    begin(image)
    PIPELINE.advance([image.begun_state], [b""])
    plain = image.target
    image.widen_decode()

    assert image.target.key == plain.key._replace(phase=WIDE)
    assert image.target.cost == plain.cost._replace(variant=WIDE)


def test_a_late_image_gets_four_times_its_time_once() -> None:
    image = make_image()
    assert image.late_virtual_deadline_s == 4.0

    image.virtual_deadline_s, image.demoted = image.late_virtual_deadline_s, True
    assert image.late_virtual_deadline_s == 4.0


@pytest.mark.parametrize(("steps", "previews", "due"), [(12, 3, [3, 6, 9]), (10, 2, [4, 7]), (3, 0, [])])
def test_previews_are_due_at_even_parts_of_the_steps(steps: int, previews: int, due: list[int]) -> None:
    image = make_image(steps=steps, previews=previews)
    begin(image)
    sent: list[int] = []
    while not image.finished:
        PIPELINE.advance([image.begun_state], [b""])
        image.step = image.begun_state.step
        if image.preview_due and not image.finished:
            sent.append(image.begun_state.step)
            image.previews_sent += 1

    assert sent == due
