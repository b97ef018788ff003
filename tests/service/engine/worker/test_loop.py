"""In the worker's loop, images join, leave and wait turn by turn."""

from __future__ import annotations

import pytest

from pipelines.fake import FakePipeline
from pipelines.interface import Stage
from service.engine import messages
from service.engine.types import Priority
from tests.harness.engine.recording import make_recording_harness
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness, make_alone, make_params


def test_an_image_joins_at_the_next_call() -> None:
    harness = WorkerHarness()
    harness.submit("first", make_params(steps=6))
    harness.call(2)
    harness.submit("second", make_params(steps=6))
    harness.call()

    assert harness.call_rows == [2, 2, 4]


def test_an_image_leaves_the_batch_when_its_latents_are_finished() -> None:
    harness = WorkerHarness()
    harness.submit("short", make_params(steps=2))
    harness.submit("long", make_params(steps=5))
    harness.run()

    assert harness.call_rows == [4, 4, 2, 2, 2]
    assert harness.pixels.keys() == {"short", "long"}


def test_a_canceled_image_frees_its_rows_at_the_next_call() -> None:
    harness = WorkerHarness()
    harness.submit("kept", make_params(steps=6))
    harness.submit("canceled", make_params(steps=6))
    harness.call(2)
    harness.cancel("canceled")
    harness.call()

    assert harness.call_rows == [4, 4, 2]
    assert harness.sent(messages.Canceled) == [messages.Canceled("canceled")]


@pytest.mark.parametrize("turns", range(7))
def test_an_image_canceled_at_any_moment_ends_once(turns: int) -> None:
    harness = WorkerHarness()
    harness.submit("other", make_params(steps=6))
    harness.submit("canceled", make_params(steps=4))
    harness.turn(turns)
    harness.cancel("canceled")
    harness.cancel("canceled")
    harness.run()

    ends = [message for message in harness.channel.sent if isinstance(message, messages.Canceled | messages.Finished)]
    assert sorted(end.image_id for end in ends) == ["canceled", "other"]
    assert harness.pixels["other"] == make_alone(make_params(steps=6))


def test_the_rest_of_the_batch_does_not_change_an_image() -> None:
    images = {
        f"{sampler}-{steps}-{guidance_scale}": make_params(
            f"{steps} {sampler}", steps=steps, guidance_scale=guidance_scale, sampler=sampler, seed=steps
        )
        for sampler in ("ddim", "heun", "pndm")
        for steps in (1, 3, 8)
        for guidance_scale in (1.0, 5.0)
    }
    harness = WorkerHarness(max_rows=6)
    for image_id, params in images.items():
        harness.submit(image_id, params)
        harness.turn()
    harness.run()

    assert harness.pixels == {image_id: make_alone(params) for image_id, params in images.items()}


def test_a_short_image_of_another_size_goes_before_a_long_one() -> None:
    harness = WorkerHarness()
    harness.submit("long", make_params(steps=20))
    harness.call(3)
    harness.submit("wide", make_params(steps=6, width=128))
    harness.call(8)

    assert [call.key.width for call in harness.calls(Stage.DENOISE)] == 3 * [64] + 6 * [128] + 2 * [64]


def test_an_interactive_image_goes_before_a_shorter_batch_image() -> None:
    harness = WorkerHarness(max_rows=2)
    harness.submit("batch", make_params(steps=4), priority=Priority.BATCH)
    harness.call()
    harness.submit("interactive", make_params(steps=8))
    harness.run()

    assert [finished.image_id for finished in harness.sent(messages.Finished)] == ["interactive", "batch"]


def test_an_image_that_cannot_meet_its_deadline_takes_no_further_call() -> None:
    harness = WorkerHarness()
    harness.submit("hopeless", make_params(steps=9), deadline_s=8.5 * CALL_S)
    harness.submit("tight", make_params(steps=8), deadline_s=8.5 * CALL_S)
    harness.run()

    assert [(failed.image_id, failed.code) for failed in harness.sent(messages.Failed)] == [
        ("hopeless", "deadline_exceeded")
    ]
    assert harness.call_rows == [2] * 8
    assert harness.pixels.keys() == {"tight"}


def test_time_spent_under_an_earlier_worker_counts_against_the_deadline() -> None:
    harness = WorkerHarness()
    harness.channel.inbox.append(
        messages.Submit("late", make_params(steps=4), waited_s=8.0, deadline_s=8.0 + 3 * CALL_S)
    )
    harness.run()

    assert [failed.code for failed in harness.sent(messages.Failed)] == ["deadline_exceeded"]
    assert not harness.call_rows


def test_unsent_images_keep_new_images_from_beginning_and_let_begun_ones_finish() -> None:
    harness = WorkerHarness(max_decode=1)
    harness.submit("early", make_params(steps=3))
    harness.call()
    harness.channel.unsent_images = 2
    harness.submit("late", make_params(steps=3))
    harness.turn(6)
    assert harness.pixels.keys() == {"early"}
    assert [started.image_id for started in harness.sent(messages.Started)] == ["early"]

    harness.channel.unsent_images = 0
    harness.run()
    assert harness.pixels.keys() == {"early", "late"}


def test_images_that_finish_together_are_decoded_together() -> None:
    harness, pipeline = make_recording_harness()
    for number in range(6):
        harness.submit(str(number), make_params(steps=3))
    harness.run()

    assert pipeline.decoded == [4, 2]


def test_a_finished_image_is_decoded_without_waiting_for_a_full_decode() -> None:
    harness, pipeline = make_recording_harness()
    harness.submit("short", make_params(steps=1))
    harness.submit("long", make_params(steps=9))
    harness.call(3)

    assert pipeline.decoded == [1]
    assert harness.pixels.keys() == {"short"}


def test_the_loop_beats_every_second_whether_busy_or_idle() -> None:
    harness = WorkerHarness()
    harness.submit("long", make_params(steps=24))
    while not harness.pixels:
        harness.turn()
    harness.turn(4)

    sent = [type(message) for message in harness.channel.sent]
    beats = [position for position, kind in enumerate(sent) if kind is messages.Beat]
    calls = [
        isinstance(message, messages.CallDone) and message.key.stage is Stage.DENOISE
        for message in harness.channel.sent
    ]
    assert [calls[:position].count(True) for position in beats] == [0, 8, 16, *[24] * 4]


def test_no_call_has_more_rows_than_the_cap() -> None:
    harness = WorkerHarness(max_rows=5)
    for number in range(12):
        harness.submit(str(number), make_params(steps=1 + number % 4, guidance_scale=1.0 if number % 3 else 4.0))
    harness.run()

    assert max(harness.call_rows) == 5
    assert len(harness.pixels) == 12


def test_a_draining_worker_finishes_its_images_and_is_done() -> None:
    harness = WorkerHarness()
    harness.submit("last", make_params())
    harness.channel.inbox.append(messages.Drain())
    harness.worker.run()

    assert harness.worker.done
    assert harness.pixels.keys() == {"last"}


def test_a_beat_reports_the_longest_wait() -> None:
    harness = WorkerHarness(lambda sleep: FakePipeline(call_s=1.5, sleep=sleep), max_rows=2)
    harness.submit("first", make_params(steps=3))
    harness.submit("second", make_params(steps=3))
    harness.call(3)

    assert harness.sent(messages.Beat)[-1].oldest_s == 3.0
