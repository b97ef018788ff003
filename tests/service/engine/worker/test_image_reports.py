"""The worker reports an image's progress, previews and timings."""

from __future__ import annotations

from dataclasses import replace

from structlog.testing import capture_logs

from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import Stage
from pipelines.prompts.lengths import PromptLengths, TextLength
from service.engine import messages
from service.engine.call_record import CallRecord
from service.engine.costs.cost_model import CostModel
from service.engine.scheduling.image import ScheduledImage
from service.engine.scheduling.scheduler import Scheduler
from service.engine.worker.device import PLAIN_DEVICE
from service.engine.worker.fault_isolation import FaultIsolation
from service.engine.worker.image_reports import ImageReports
from tests.harness.engine.faulty_pipeline import SECRET, FaultyPipeline, Trigger
from tests.harness.engine.faulty_pipeline import Stage as FaultyStage
from tests.harness.engine.worker_harness import CALL_S, Clock, WorkerHarness, flat_costs, make_params


def test_the_eta_of_an_image_alone_is_exact() -> None:
    harness = WorkerHarness()
    harness.submit("alone", make_params(steps=4))
    harness.run()

    assert [progress.eta_s for progress in harness.sent(messages.Progress)] == [3 * CALL_S, 2 * CALL_S, CALL_S, 0.0]


def test_progress_counts_steps_instead_of_calls() -> None:
    harness = WorkerHarness()
    harness.submit("heun", make_params(steps=3, sampler="heun"))
    harness.run()

    assert [(progress.step, progress.steps) for progress in harness.sent(messages.Progress)] == [(1, 3), (2, 3), (3, 3)]
    assert len(harness.call_rows) == 5


def test_previews_are_spread_evenly_and_sent_only_on_request() -> None:
    harness = WorkerHarness()
    harness.submit("shown", make_params(steps=12), previews=3)
    harness.submit("unseen", make_params(steps=12))
    harness.run()

    previews = harness.sent(messages.Preview)
    assert [(preview.image_id, preview.index, preview.step) for preview in previews] == [
        ("shown", 0, 3),
        ("shown", 1, 6),
        ("shown", 2, 9),
    ]


def test_no_preview_is_drawn_while_the_channel_is_congested() -> None:
    harness = WorkerHarness()
    harness.submit("shown", make_params(steps=8), previews=3)
    harness.channel.congested = True
    harness.call(5)
    harness.channel.congested = False
    harness.run()

    assert [preview.index for preview in harness.sent(messages.Preview)] == [0, 1]


def test_a_finished_image_comes_with_how_much_of_its_texts_was_read() -> None:
    harness = WorkerHarness()
    params = make_params("word " * 40)
    harness.submit("cut", replace(params, negative_prompt="no"))
    harness.submit("unguided", replace(params, guidance_scale=1.0, long_prompt=True))
    harness.run()

    lengths = {finished.image_id: finished.prompt_lengths for finished in harness.sent(messages.Finished)}
    assert lengths == {
        "cut": PromptLengths(prompt=TextLength(read=30, total=40), negative=TextLength(read=1, total=1)),
        "unguided": PromptLengths(prompt=TextLength(read=40, total=40)),
    }


def test_timings_add_up_to_the_time_between_arrival_and_result() -> None:
    harness = WorkerHarness(max_rows=2)
    harness.submit("first", make_params(steps=4))
    harness.submit("second", make_params(steps=8))
    start_s = harness.clock.now_s
    harness.run()

    _, second = (finished.timings for finished in harness.sent(messages.Finished))
    assert second.queue_s == 4 * CALL_S
    assert second.denoise_s == 8 * CALL_S
    assert second.mean_batch_rows == 2
    total_s = second.queue_s + second.encode_s + second.denoise_s + second.decode_s
    assert total_s == harness.clock.now_s - start_s


def test_the_log_says_whose_image_failed_and_not_what_it_was_to_show() -> None:
    ids = {"request_id": "req_1", "job_id": "job_1", "tenant": "alice"}
    trigger = Trigger(FaultyStage.PREDICT)
    harness = WorkerHarness(lambda sleep: FaultyPipeline(trigger, call_s=CALL_S, sleep=sleep))
    harness.submit("a", make_params(prompt=SECRET), log_ids=ids)

    with capture_logs() as lines:
        harness.run()

    (failure,) = [line for line in lines if line["event"] == "an image failed"]
    assert failure == {
        "event": "an image failed",
        "log_level": "warning",
        "image_id": "a",
        "code": "generation_failed",
        **ids,
    }


class SlowForecast(Scheduler[FakeState]):
    """Takes time for its estimates."""

    clock: Clock
    made = 0

    def etas_s(self, now_s: float) -> dict[str, float]:
        type(self).made += 1
        self.clock.advance(0.5)
        return super().etas_s(now_s)


def test_estimates_that_take_long_are_made_rarely_and_a_newcomer_has_one_at_once() -> None:
    harness = WorkerHarness()
    SlowForecast.clock, SlowForecast.made = harness.clock, 0
    scheduler: SlowForecast = SlowForecast(
        CostModel(flat_costs(16), max_counts={Stage.TEXT: 16, Stage.DENOISE: 16, Stage.DECODE: 4}),
        max_state_bytes=1 << 40,
    )
    reports: ImageReports[bytes, FakeState, bytes] = ImageReports(
        FakePipeline(),
        scheduler,
        harness.channel,
        FaultIsolation(PLAIN_DEVICE),
        CallRecord.private(),
        harness.clock,
    )
    for number in range(5):
        image = make_begun_image(str(number))
        scheduler.add(image)
        reports.send_progress([image])

    etas_s = [progress.eta_s for progress in harness.sent(messages.Progress)]
    assert SlowForecast.made == 1
    assert len(etas_s) == 5
    assert min(etas_s) >= 3 * CALL_S


def make_begun_image(image_id: str) -> ScheduledImage[FakeState]:
    """Returns an image that has made one of four steps."""
    params, pipeline = make_params(steps=4), FakePipeline()
    state = pipeline.begin(params, [b""] * len(pipeline.texts(params)))
    pipeline.advance([state], [b""])
    return ScheduledImage(
        id=image_id,
        params=params,
        plan=pipeline.plan(params),
        arrived_s=100.0,
        virtual_deadline_s=200.0,
        state=state,
        step=1,
    )
