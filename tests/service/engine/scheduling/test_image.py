"""An image derives from its state its position, its next call, and whether a preview is due."""

from __future__ import annotations

import pytest

from pipelines.fake import FakePipeline, FakeState
from service.engine.scheduling.image import ScheduledImage
from tests.harness.engine.worker_harness import make_params

PIPELINE = FakePipeline()


def make_image(*, steps: int = 4, previews: int = 0, sampler: str = "ddim") -> ScheduledImage[FakeState]:
    return ScheduledImage(
        id="a",
        params=make_params(steps=steps, sampler=sampler),
        previews=previews,
        arrived_s=0.0,
        virtual_deadline_s=1.0,
    )


def begin(image: ScheduledImage[FakeState]) -> None:
    image.state = PIPELINE.begin(image.params, PIPELINE.encode(image.params.texts))


def test_an_image_that_has_not_begun_knows_its_calls_and_rows() -> None:
    image = make_image(steps=4, sampler="heun")

    assert (image.rows, image.calls_left, image.finished) == (2, 7, False)
    with pytest.raises(AssertionError, match="has not begun"):
        _ = image.begun_state


def test_an_image_is_finished_after_its_last_call() -> None:
    image = make_image(steps=2)
    begin(image)
    assert (image.rows, image.calls_left, image.finished) == (2, 2, False)
    PIPELINE.advance([image.begun_state], [b""])
    assert (image.calls_left, image.finished) == (1, False)
    PIPELINE.advance([image.begun_state], [b""])

    assert image.finished
    with pytest.raises(AssertionError, match="latents are finished"):
        _ = image.next_call


@pytest.mark.parametrize(("steps", "previews", "due"), [(12, 3, [3, 6, 9]), (10, 2, [4, 7]), (3, 0, [])])
def test_previews_are_due_at_even_parts_of_the_steps(steps: int, previews: int, due: list[int]) -> None:
    image = make_image(steps=steps, previews=previews)
    begin(image)
    sent: list[int] = []
    while not image.finished:
        PIPELINE.advance([image.begun_state], [b""])
        if image.preview_due and not image.finished:
            sent.append(image.begun_state.step)
            image.previews_sent += 1

    assert sent == due
