"""How images begin: their texts are encoded in batches, and the frontend learns of it before the first call."""

from __future__ import annotations

import dataclasses

from service.engine import messages
from tests.harness.engine.recording import make_recording_harness
from tests.harness.engine.worker_harness import make_params


def test_new_texts_are_encoded_together_and_none_twice() -> None:
    harness, pipeline = make_recording_harness()
    harness.submit("a", make_params("a circle"))
    harness.submit("b", make_params("a square"))
    harness.turn()
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
    assert reports[:2] == [messages.Started, messages.EncodeDone]
