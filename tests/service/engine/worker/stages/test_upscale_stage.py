"""An image that is denoised twice changes its size on the way, and shares calls at both sizes."""

from __future__ import annotations

import pytest

from pipelines.interface import UPSCALE, Stage
from pipelines.params import HiresFix
from service.engine import messages
from tests.harness.engine.recording import make_recording_harness, make_small_harness
from tests.harness.engine.uploads import DECODED, ENLARGED
from tests.harness.engine.worker_harness import make_alone, make_params

both_ways = pytest.mark.parametrize("hires", [ENLARGED, DECODED], ids=["latents", "pixels"])


@both_ways
def test_both_passes_are_made_beside_images_of_their_size(hires: HiresFix) -> None:
    images = {
        "small": make_params("a", steps=4),
        "large": make_params("b", steps=8, width=96),
        "twice": make_params("c", steps=4, width=96, hires=hires),
    }
    harness, _ = make_recording_harness()
    for image_id, params in images.items():
        harness.submit(image_id, params)
    harness.run()

    assert harness.pixels == {image_id: make_alone(params) for image_id, params in images.items()}
    shared = {call.key.width for call in harness.calls(Stage.DENOISE) if call.images > 1}
    assert shared == {64, 96}


@both_ways
def test_the_steps_of_both_passes_are_counted(hires: HiresFix) -> None:
    harness, _ = make_recording_harness()
    harness.submit("a", make_params(steps=3, width=96, hires=hires), previews=2)
    harness.run()

    steps = [(progress.step, progress.steps) for progress in harness.sent(messages.Progress)]
    assert steps == [(step, 5) for step in (1, 2, 3, 4, 5)]
    assert [preview.step for preview in harness.sent(messages.Preview)] == [2, 4]


def test_images_that_are_enlarged_at_the_same_time_share_the_call() -> None:
    harness, _ = make_recording_harness()
    for seed in range(3):
        harness.submit(str(seed), make_params(steps=2, width=96, seed=seed, hires=DECODED))
    harness.run()

    (call,) = harness.calls(Stage.INPUT)
    assert (call.key.variant, call.rows, call.images) == (UPSCALE, 3, 3)


def test_an_image_that_does_not_fit_in_memory_is_enlarged_in_tiles() -> None:
    harness, pipeline = make_small_harness(room=0)
    params = {"a": make_params("a", width=96, hires=DECODED), "b": make_params("huge", width=96, hires=DECODED)}
    for image_id, each in params.items():
        harness.submit(image_id, each)
    harness.run()

    assert pipeline.tiled == ["a", "huge"]
    assert [(failed.image_id, failed.code) for failed in harness.sent(messages.Failed)] == [("b", "out_of_memory")]
    assert harness.pixels == {"a": make_alone(params["a"])}


@both_ways
def test_an_image_can_be_canceled_between_its_passes(hires: HiresFix) -> None:
    harness, _ = make_recording_harness()
    harness.submit("a", make_params(steps=2, width=96, hires=hires))
    harness.submit("b", make_params(steps=9))
    harness.call(2)
    harness.cancel("a")
    harness.run()

    assert [canceled.image_id for canceled in harness.sent(messages.Canceled)] == ["a"]
    assert harness.pixels.keys() == {"b"}
