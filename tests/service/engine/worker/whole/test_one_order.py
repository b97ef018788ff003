"""All stages share one order, so that an urgent image waits for little of any amount of other work. In virtual time."""

from __future__ import annotations

import statistics
from collections.abc import Callable, Sequence

from pipelines.fake import FakePipeline
from pipelines.interface import Stage, TextKey
from service.engine import messages
from service.engine.config import INTERACTIVE_DEADLINE_FACTOR
from service.engine.costs.cost_table import CostTable
from service.engine.types import Priority
from tests.harness.engine.worker_harness import CALL_S, WorkerHarness, make_costs, make_params

SIZES = [(64, 64), (96, 64), (128, 64)]
ROWS = 16
DECODE_S = 0.5
TEXT_S = 0.1
MAX_TEXTS = 16


class SlowPipeline(FakePipeline):
    """Takes time for texts and decodes, too."""

    def __init__(self, sleep: Callable[[float], None]) -> None:
        super().__init__(call_s=CALL_S, decode_s=DECODE_S, sleep=sleep)
        self._pass_time = sleep

    def encode(self, texts: Sequence[TextKey]) -> list[bytes]:
        self._pass_time(TEXT_S * len(texts))
        return super().encode(texts)


COSTS: CostTable = make_costs(
    {size: {1: CALL_S, ROWS: CALL_S} for size in SIZES},
    {size: {1: DECODE_S, 2: DECODE_S, 4: DECODE_S} for size in SIZES},
    {count: TEXT_S * count for count in (1, 2, 4, 8, MAX_TEXTS)},
)


def make_harness() -> WorkerHarness:
    return WorkerHarness(SlowPipeline, costs=COSTS, max_rows=ROWS)


def time_s(harness: WorkerHarness, image_id: str) -> float:
    """Runs until the image is finished, and returns how long that takes."""
    start_s = harness.clock.now_s
    while image_id not in harness.pixels:
        harness.turn()
    return harness.clock.now_s - start_s


def test_an_interactive_image_waits_for_no_more_than_one_decode_of_batch_images() -> None:
    harness = make_harness()
    for number in range(15):
        width, _ = SIZES[number % 3]
        harness.submit(f"batch {number}", make_params("a", steps=2, width=width), priority=Priority.BATCH)
    while not harness.calls(Stage.DECODE):
        harness.turn()
    harness.submit("interactive", make_params("a", steps=4))

    assert time_s(harness, "interactive") <= DECODE_S + 4 * CALL_S + DECODE_S


def test_an_interactive_image_meets_its_virtual_deadline_however_many_texts_wait() -> None:
    harness = make_harness()
    for number in range(47):
        width, _ = SIZES[number % 3]
        harness.submit(f"batch {number}", make_params(f"{number}", width=width), priority=Priority.BATCH)
    harness.turn()
    harness.submit("interactive", make_params("a", steps=4))

    text_s = max(call.seconds for call in harness.calls(Stage.TEXT))
    assert text_s <= MAX_TEXTS * TEXT_S
    solo_s = 2 * TEXT_S + 4 * CALL_S + DECODE_S
    assert time_s(harness, "interactive") <= INTERACTIVE_DEADLINE_FACTOR * solo_s


def test_an_interactive_image_begins_at_once_however_many_batch_images_have_begun() -> None:
    harness = make_harness()
    for number in range(48):
        width, _ = SIZES[number % 3]
        harness.submit(f"batch {number}", make_params("a", steps=50, width=width), priority=Priority.BATCH)
    harness.call(20)
    harness.submit("interactive", make_params("a", steps=4))

    assert time_s(harness, "interactive") <= 5 * CALL_S + DECODE_S


def test_a_callers_deadline_brings_no_image_forward() -> None:
    harness = make_harness()
    greedy, polite = ([f"{kind} {number}" for number in range(24)] for kind in ("greedy", "polite"))
    for one, other in zip(polite, greedy, strict=True):
        harness.submit(one, make_params("a", steps=10), priority=Priority.BATCH)
        harness.submit(other, make_params("a", steps=10), priority=Priority.BATCH, deadline_s=40.0)
    start_s = harness.clock.now_s
    ended_s: dict[str, float] = {}
    while len(ended_s) < 48:
        harness.turn()
        for image_id in harness.pixels.keys() - ended_s.keys():
            ended_s[image_id] = harness.clock.now_s - start_s
    greedy_s, polite_s = (statistics.fmean(ended_s[each] for each in kind) for kind in (greedy, polite))

    assert abs(greedy_s - polite_s) <= 0.15 * polite_s


def test_an_image_whose_decode_is_under_way_meets_its_deadline() -> None:
    """The estimated decode ends too late, and the real one does not."""
    costs = make_costs({SIZES[0]: {1: CALL_S, ROWS: CALL_S}}, {SIZES[0]: {1: 9.0}}, {1: 0.0})
    harness = WorkerHarness(SlowPipeline, costs=costs, max_rows=ROWS)
    harness.submit("a", make_params("", steps=4), deadline_s=TEXT_S + 4 * CALL_S + 9.0)
    harness.run()

    assert harness.pixels.keys() == {"a"}
    assert not harness.sent(messages.Failed)
