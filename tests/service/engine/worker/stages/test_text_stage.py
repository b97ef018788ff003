"""The texts of new images are encoded in batches, and the frontend hears of this before the first call."""

from __future__ import annotations

import dataclasses

from service.engine import limits, messages
from service.engine.config import WorkerConfig
from tests.harness.engine.faulty_pipeline import FaultyPipeline, Stage, Trigger
from tests.harness.engine.recording import make_recording_harness
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness, make_params


def test_new_texts_are_encoded_together_and_none_twice() -> None:
    harness, pipeline = make_recording_harness()
    harness.submit("a", make_params("a circle"))
    harness.submit("b", make_params("a square"))
    harness.call()
    harness.submit("c", make_params("a circle"))
    harness.submit("d", make_params("a star"))
    harness.run()

    assert [sorted(texts) for texts in pipeline.encoded if texts] == [["", "a circle", "a square"], ["a star"]]


def test_the_negative_prompt_of_an_unguided_image_is_not_encoded() -> None:
    harness, pipeline = make_recording_harness()
    params = dataclasses.replace(make_params("a circle", guidance_scale=1.0), negative_prompt="blurry")
    harness.submit("unguided", params)
    harness.submit("guided", dataclasses.replace(params, guidance_scale=4.0, negative_prompt="dark"))
    harness.run()

    assert [sorted(texts) for texts in pipeline.encoded] == [["a circle", "dark"]]


def test_the_start_of_an_image_is_reported_before_the_first_call_on_its_behalf() -> None:
    harness, _ = make_recording_harness()
    harness.submit("a", make_params())
    harness.turn()

    reports = [type(message) for message in harness.channel.sent if not isinstance(message, messages.Beat)]
    assert reports[:2] == [messages.Started, messages.CallDone]


def test_a_text_that_cannot_be_encoded_fails_its_own_image_alone() -> None:
    harness = WorkerHarness(lambda sleep: FaultyPipeline(Trigger(Stage.ENCODE), call_s=CALL_S, sleep=sleep))
    harness.submit("bad", make_params("poison"))
    harness.submit("good", make_params("a circle"))
    harness.run()

    assert [failed.image_id for failed in harness.sent(messages.Failed)] == ["bad"]
    assert harness.pixels.keys() == {"good"}


def test_images_that_wait_for_the_same_text_share_its_conditioning() -> None:
    harness, pipeline = make_recording_harness()
    for number in range(40):
        harness.submit(str(number), make_params("a circle", seed=number))
    harness.run()

    assert [sorted(texts) for texts in pipeline.encoded] == [["", "a circle"]]


def test_no_call_has_more_texts_than_its_bound() -> None:
    harness, pipeline = make_recording_harness()
    for number in range(47):
        harness.submit(str(number), make_params(f"text {number}", width=64 + 32 * (number % 3), steps=1))
    harness.run()

    assert max(map(len, pipeline.encoded)) <= limits.resolve(WorkerConfig(model="fake"), None).max_texts
