"""Images to start from are encoded in batches, once for all images that need them, and share UNet calls with others."""

from __future__ import annotations

from pipelines.interface import Stage
from service.engine import messages
from tests.harness.engine.recording import make_recording_harness, make_small_harness
from tests.harness.engine.uploads import IMAGE, MASK, OTHER_IMAGE
from tests.harness.engine.worker_harness import make_alone, make_params


def test_images_to_start_from_are_encoded_together_and_none_twice() -> None:
    harness, pipeline = make_recording_harness()
    harness.submit("a", make_params("a", image=IMAGE, strength=0.5))
    harness.submit("b", make_params("b", image=OTHER_IMAGE))
    harness.submit("c", make_params("c", image=IMAGE, strength=1.0))
    harness.call()
    harness.submit("d", make_params("d", image=IMAGE))
    harness.run()

    assert [len(prompts) for prompts in pipeline.inputs] == [2]
    assert {*harness.pixels} == {"a", "b", "c", "d"}


def test_images_with_and_without_something_to_start_from_share_calls() -> None:
    images = {
        "plain": make_params("a", steps=4),
        "from": make_params("b", steps=4, image=IMAGE, strength=0.5),
        "masked": make_params("c", steps=4, image=IMAGE, mask=MASK),
    }
    harness, pipeline = make_recording_harness()
    for image_id, params in images.items():
        harness.submit(image_id, params)
    harness.run()

    assert harness.call_rows == [6, 6, 4, 4]
    assert sorted(map(len, pipeline.inputs)) == [2]
    assert harness.pixels == {image_id: make_alone(params) for image_id, params in images.items()}


def test_images_of_different_sizes_are_encoded_apart() -> None:
    harness, pipeline = make_recording_harness()
    for width in (64, 96):
        harness.submit(str(width), make_params(width=width, image=IMAGE))
    harness.run()

    assert [len(prompts) for prompts in pipeline.inputs] == [1, 1]
    assert len(harness.pixels) == 2


def test_steps_are_counted_that_are_made() -> None:
    harness, _ = make_recording_harness()
    harness.submit("a", make_params(steps=8, image=IMAGE, strength=0.5))
    harness.run()

    assert [(progress.step, progress.steps) for progress in harness.sent(messages.Progress)] == [
        (step, 4) for step in (1, 2, 3, 4)
    ]


def test_an_image_whose_pixels_never_came_fails_alone() -> None:
    harness, _ = make_recording_harness()
    params = make_params(image=IMAGE)
    harness.submit("good", make_params())
    harness.channel.inbox.append(messages.Submit("bad", params))
    harness.run()

    assert [failed.image_id for failed in harness.sent(messages.Failed)] == ["bad"]
    assert harness.pixels == {"good": make_alone(make_params())}


def test_what_was_encoded_outlives_the_pixels_that_are_forgotten() -> None:
    harness, _ = make_recording_harness()
    params = make_params(image=IMAGE, mask=MASK)
    harness.submit("a", params)
    harness.call()
    harness.channel.inbox.extend(messages.Forget(*key) for key in params.pixels)
    harness.submit("b", params)
    harness.submit("c", make_params(image=OTHER_IMAGE, mask=MASK))
    harness.run()

    assert [failed.image_id for failed in harness.sent(messages.Failed)] == ["c"], "it needs the mask's pixels"
    assert harness.pixels == {image_id: make_alone(params) for image_id in ("a", "b")}


def test_an_image_that_is_canceled_while_its_input_is_not_encoded_takes_no_call() -> None:
    harness, pipeline = make_recording_harness()
    harness.submit("a", make_params(image=IMAGE))
    harness.cancel("a")
    harness.run()

    assert pipeline.inputs == []
    assert [canceled.image_id for canceled in harness.sent(messages.Canceled)] == ["a"]


def test_images_that_do_not_fit_in_memory_together_are_encoded_apart() -> None:
    harness, pipeline = make_small_harness(room=1)
    images = {"a": make_params("a", image=IMAGE), "b": make_params("b", image=OTHER_IMAGE)}
    for image_id, params in images.items():
        harness.submit(image_id, params)
    harness.run()

    assert pipeline.tiled == []
    assert harness.pixels == {image_id: make_alone(params) for image_id, params in images.items()}


def test_an_image_that_does_not_fit_in_memory_is_encoded_in_tiles() -> None:
    harness, pipeline = make_small_harness(room=0)
    params = make_params("a", image=IMAGE)
    harness.submit("a", params)
    harness.run()

    assert pipeline.tiled == ["a"]
    assert harness.pixels == {"a": make_alone(params)}
    assert not any(call.sound for call in harness.calls(Stage.INPUT)), "an encode in tiles costs more than others"


def test_an_image_that_does_not_fit_in_tiles_either_fails_alone() -> None:
    harness, _ = make_small_harness(room=0)
    harness.submit("a", make_params("a", image=IMAGE))
    harness.submit("b", make_params("huge", image=OTHER_IMAGE))
    harness.run()

    assert [(failed.image_id, failed.code, failed.message) for failed in harness.sent(messages.Failed)] == [
        ("b", "out_of_memory", "The image does not fit in the device's memory.")
    ]
    assert harness.pixels.keys() == {"a"}


def test_the_start_is_reported_before_the_encode_and_the_first_step_after_it() -> None:
    harness, _ = make_recording_harness()
    harness.submit("a", make_params(image=IMAGE))
    harness.run()

    kinds = [message.key.stage for message in harness.sent(messages.CallDone)]
    assert kinds[:3] == ["text", "input", "denoise"]
    order = [type(message) for message in harness.channel.sent]
    assert order.index(messages.Started) < order.index(messages.CallDone)
