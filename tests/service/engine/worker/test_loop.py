"""The worker's loop, turn by turn."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import RgbImage
from service.engine import messages
from service.engine.costs.cost_model import CostTable
from service.engine.types import Priority
from tests.harness.worker_harness import CALL_S, WorkerHarness, flat_costs, make_alone, make_params


class RecordingPipeline(FakePipeline):
    """Notes what it was asked to do together."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, sleep=sleep)
        self.encoded: list[list[str]] = []
        self.decoded: list[int] = []

    def encode(self, texts: Sequence[str]) -> list[bytes]:
        self.encoded.append(list(texts))
        return super().encode(texts)

    def decode(self, states: Sequence[FakeState]) -> list[RgbImage]:
        self.decoded.append(len(states))
        return super().decode(states)


def make_recording_rig() -> tuple[WorkerHarness, RecordingPipeline]:
    made: list[RecordingPipeline] = []

    def make(sleep: Callable[[float], None]) -> RecordingPipeline:
        made.append(RecordingPipeline(sleep))
        return made[0]

    return WorkerHarness(make), made[0]


def test_an_image_joins_at_the_next_call() -> None:
    rig = WorkerHarness()
    rig.submit("first", make_params(steps=6))
    rig.turn(2)
    rig.submit("second", make_params(steps=6))
    rig.turn()

    assert rig.calls == [1, 1, 2]


def test_an_image_leaves_when_it_is_finished() -> None:
    rig = WorkerHarness()
    rig.submit("short", make_params(steps=2))
    rig.submit("long", make_params(steps=5))
    rig.run()

    assert rig.calls == [2, 2, 1, 1, 1]
    assert rig.pixels.keys() == {"short", "long"}


def test_a_canceled_image_frees_its_rows_at_the_next_call() -> None:
    rig = WorkerHarness()
    rig.submit("kept", make_params(steps=6))
    rig.submit("canceled", make_params(steps=6))
    rig.turn(2)
    rig.cancel("canceled")
    rig.turn()

    assert rig.calls == [2, 2, 1]
    assert rig.sent(messages.Canceled) == [messages.Canceled("canceled")]


@pytest.mark.parametrize("turns", range(7))
def test_an_image_canceled_at_any_moment_ends_once(turns: int) -> None:
    rig = WorkerHarness()
    rig.submit("mate", make_params(steps=6))
    rig.submit("canceled", make_params(steps=4))
    rig.turn(turns)
    rig.cancel("canceled")
    rig.cancel("canceled")
    rig.run()

    ends = [message for message in rig.channel.sent if isinstance(message, messages.Canceled | messages.Finished)]
    assert sorted(end.image_id for end in ends) == ["canceled", "mate"]
    assert rig.pixels["mate"] == make_alone(make_params(steps=6))


def test_company_does_not_change_an_image() -> None:
    images = {
        f"{sampler}-{steps}-{guidance_scale}": make_params(
            f"{steps} {sampler}", steps=steps, guidance_scale=guidance_scale, sampler=sampler, seed=steps
        )
        for sampler in ("ddim", "heun", "pndm")
        for steps in (1, 3, 8)
        for guidance_scale in (1.0, 5.0)
    }
    rig = WorkerHarness(max_rows=6)
    for image_id, params in images.items():
        rig.submit(image_id, params)
        rig.turn()
    rig.run()

    assert rig.pixels == {image_id: make_alone(params) for image_id, params in images.items()}


def test_a_short_image_of_another_size_goes_before_a_long_one() -> None:
    rig = WorkerHarness()
    rig.submit("long", make_params(steps=20))
    rig.turn(3)
    rig.submit("wide", make_params(steps=6, width=128))
    rig.turn(8)

    assert [call.width for call in rig.sent(messages.CallDone)] == 3 * [64] + 6 * [128] + 2 * [64]


def test_a_batch_image_gives_way_to_a_longer_interactive_one() -> None:
    rig = WorkerHarness(max_rows=2)
    rig.submit("batch", make_params(steps=4), priority=Priority.BATCH)
    rig.turn()
    rig.submit("interactive", make_params(steps=8))
    rig.run()

    assert [finished.image_id for finished in rig.sent(messages.Finished)] == ["interactive", "batch"]


def test_an_image_that_cannot_meet_its_deadline_takes_no_further_call() -> None:
    rig = WorkerHarness()
    rig.submit("hopeless", make_params(steps=9), deadline_s=8.5 * CALL_S)
    rig.submit("tight", make_params(steps=8), deadline_s=8.5 * CALL_S)
    rig.run()

    assert [(failed.image_id, failed.code) for failed in rig.sent(messages.Failed)] == [
        ("hopeless", "deadline_exceeded")
    ]
    assert rig.calls == [1] * 8
    assert rig.pixels.keys() == {"tight"}


def test_time_that_an_image_has_waited_elsewhere_counts_against_its_deadline() -> None:
    rig = WorkerHarness()
    rig.channel.inbox.append(messages.Submit("late", make_params(steps=4), waited_s=8.0, deadline_s=8.0 + 3 * CALL_S))
    rig.run()

    assert [failed.code for failed in rig.sent(messages.Failed)] == ["deadline_exceeded"]
    assert not rig.calls


def test_what_was_measured_is_told_to_the_facade() -> None:
    rig = WorkerHarness(lambda sleep: FakePipeline(call_s=CALL_S, decode_s=0.5, sleep=sleep))
    rig.submit("a", make_params("a circle", steps=1))
    rig.submit("b", make_params("a square", steps=1))
    rig.run()

    assert rig.sent(messages.EncodeDone) == [messages.EncodeDone(texts=3, encode_s=0.0)]
    assert rig.sent(messages.DecodeDone) == [messages.DecodeDone(width=64, height=64, images=2, decode_s=0.5)]


def test_the_expected_end_of_an_image_alone_is_exact() -> None:
    rig = WorkerHarness()
    rig.submit("alone", make_params(steps=4))
    rig.run()

    assert [progress.eta_s for progress in rig.sent(messages.Progress)] == [3 * CALL_S, 2 * CALL_S, CALL_S, 0.0]


def test_progress_counts_steps_and_not_calls() -> None:
    rig = WorkerHarness()
    rig.submit("heun", make_params(steps=3, sampler="heun"))
    rig.run()

    assert [(progress.step, progress.steps) for progress in rig.sent(messages.Progress)] == [(1, 3), (2, 3), (3, 3)]
    assert len(rig.calls) == 5


def test_previews_are_spread_evenly_and_come_only_when_asked_for() -> None:
    rig = WorkerHarness()
    rig.submit("shown", make_params(steps=12), previews=3)
    rig.submit("unseen", make_params(steps=12))
    rig.run()

    previews = rig.sent(messages.Preview)
    assert [(preview.image_id, preview.index, preview.step) for preview in previews] == [
        ("shown", 0, 3),
        ("shown", 1, 6),
        ("shown", 2, 9),
    ]


def test_no_preview_is_made_for_a_congested_channel() -> None:
    rig = WorkerHarness()
    rig.submit("shown", make_params(steps=8), previews=3)
    rig.channel.congested = True
    rig.turn(5)
    rig.channel.congested = False
    rig.run()

    assert [preview.index for preview in rig.sent(messages.Preview)] == [0, 1]


def test_unsent_images_hold_back_newcomers_but_not_those_in_work() -> None:
    rig = WorkerHarness(max_decode=1)
    rig.submit("early", make_params(steps=3))
    rig.turn()
    rig.channel.unsent_images = 2
    rig.submit("late", make_params(steps=3))
    rig.turn(6)
    assert rig.pixels.keys() == {"early"}
    assert [started.image_id for started in rig.sent(messages.Started)] == ["early"]

    rig.channel.unsent_images = 0
    rig.run()
    assert rig.pixels.keys() == {"early", "late"}


def test_newcomers_are_encoded_together_and_no_text_twice() -> None:
    rig, pipeline = make_recording_rig()
    rig.submit("a", make_params("a circle"))
    rig.submit("b", make_params("a square"))
    rig.turn()
    rig.submit("c", make_params("a circle"))
    rig.submit("d", make_params("a star"))
    rig.run()

    assert [sorted(texts) for texts in pipeline.encoded if texts] == [["", "a circle", "a square"], ["a star"]]


def test_images_finished_together_are_decoded_together() -> None:
    rig, pipeline = make_recording_rig()
    for number in range(6):
        rig.submit(str(number), make_params(steps=3))
    rig.run()

    assert pipeline.decoded == [4, 2]


def test_a_finished_image_waits_two_calls_at_most_for_company() -> None:
    rig, pipeline = make_recording_rig()
    rig.submit("short", make_params(steps=1))
    rig.submit("long", make_params(steps=9))
    rig.turn(3)

    assert pipeline.decoded == [1]
    assert rig.pixels.keys() == {"short"}


def test_a_beat_comes_every_second_at_work_and_at_rest() -> None:
    rig = WorkerHarness()
    rig.submit("long", make_params(steps=24))
    while not rig.pixels:
        rig.turn()
    at_work = [beat.calls for beat in rig.sent(messages.Beat)]
    rig.turn(4)

    assert at_work == [0, 8, 16]
    assert [beat.calls for beat in rig.sent(messages.Beat)[3:]] == [24] * 4


def test_timings_add_up_to_the_life_of_an_image() -> None:
    rig = WorkerHarness(max_rows=2)
    rig.submit("first", make_params(steps=4))
    rig.submit("second", make_params(steps=8))
    start_s = rig.clock.now_s
    rig.run()

    _, second = (finished.timings for finished in rig.sent(messages.Finished))
    assert second.queue_s == 4 * CALL_S
    assert second.denoise_s == 8 * CALL_S
    assert second.mean_batch_rows == 2
    total_s = second.queue_s + second.encode_s + second.denoise_s + second.decode_s
    assert total_s == rig.clock.now_s - start_s


def test_a_call_never_has_more_rows_than_the_cap() -> None:
    rig = WorkerHarness(max_rows=5)
    for number in range(12):
        rig.submit(str(number), make_params(steps=1 + number % 4, guidance_scale=1.0 if number % 3 else 4.0))
    rig.run()

    assert max(call.rows for call in rig.sent(messages.CallDone)) == 5
    assert len(rig.pixels) == 12


def test_a_worker_told_to_drain_finishes_what_it_has() -> None:
    rig = WorkerHarness()
    rig.submit("last", make_params())
    rig.channel.inbox.append(messages.Drain())
    rig.worker.run()

    assert rig.worker.done
    assert rig.pixels.keys() == {"last"}


def test_a_call_that_may_outlast_a_beat_is_announced_with_what_it_should_take() -> None:
    rig = WorkerHarness(lambda sleep: FakePipeline(call_s=2.0, sleep=sleep), costs=flat_costs(16, call_s=2.0))
    rig.submit("a", make_params(steps=2))
    rig.run()

    kinds = [type(message) for message in rig.channel.sent if isinstance(message, messages.Busy | messages.CallDone)]
    assert kinds == [messages.Busy, messages.CallDone] * 2
    assert [busy.expected_s for busy in rig.sent(messages.Busy)] == [2.0, 2.0]


def test_short_calls_are_not_announced() -> None:
    rig = WorkerHarness()
    rig.submit("a", make_params())
    rig.run()

    assert not rig.sent(messages.Busy)


def test_before_anything_was_measured_nobody_knows_what_a_call_takes() -> None:
    rig = WorkerHarness(lambda sleep: FakePipeline(call_s=2.0, sleep=sleep), costs=CostTable())
    rig.submit("a", make_params(steps=2))
    rig.run()

    *before, last = [busy.expected_s for busy in rig.sent(messages.Busy)]
    assert set(before) == {None}
    assert last == 2.0, "one call was seen"


def test_a_beat_tells_how_long_the_oldest_image_has_waited() -> None:
    rig = WorkerHarness(lambda sleep: FakePipeline(call_s=1.5, sleep=sleep), max_rows=2)
    rig.submit("first", make_params(steps=3))
    rig.submit("second", make_params(steps=3))
    rig.turn(3)

    assert rig.sent(messages.Beat)[-1].oldest_s == 3.0
