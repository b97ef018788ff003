"""The passes before a worker is ready."""

from __future__ import annotations

from collections.abc import Callable, Sequence

import pytest

from pipelines.errors import ModelLoadError
from pipelines.fake import FakePipeline, FakeState
from service.engine.isolation import PLAIN_DEVICE, Isolation
from service.engine.warming import warm
from tests.engine.rig import Clock


class NotingPipeline(FakePipeline):
    """Notes the company of each call, and has room for so many pictures."""

    def __init__(
        self, *, room: int = 100, call_s: float = 0.0, sleep: Callable[[float], None] = lambda _: None
    ) -> None:
        super().__init__(call_s=call_s, sleep=sleep)
        self.room = room
        self.shapes: set[tuple[int, int, int]] = set()

    def predict(self, states: Sequence[FakeState]) -> list[bytes]:
        if len(states) > self.room:
            raise MemoryError
        self.shapes.add((states[0].params.width, states[0].params.height, len(states)))
        return super().predict(states)


def run(pipeline: FakePipeline, *, max_rows: int = 16, clock: Clock | None = None) -> int:
    """How often it reported."""
    reports: list[None] = []
    isolation = Isolation(PLAIN_DEVICE)
    warm(pipeline, isolation, max_rows=max_rows, report=lambda: reports.append(None), clock=clock or Clock())
    return len(reports)


def test_each_size_is_drawn_alone_and_in_company() -> None:
    pipeline = NotingPipeline()

    assert run(pipeline) == 9
    assert pipeline.shapes == {(*size, pictures) for size in pipeline.info.sizes for pictures in (1, 2, 4)}


def test_no_call_has_more_rows_than_the_cap() -> None:
    pipeline = NotingPipeline()
    run(pipeline, max_rows=4)

    assert {pictures for _, _, pictures in pipeline.shapes} == {1, 2}


def test_a_slow_model_is_not_warmed_to_the_last() -> None:
    clock = Clock()

    assert run(NotingPipeline(call_s=6.0, sleep=clock.advance), clock=clock) == 2


def test_company_beyond_the_memory_is_given_up() -> None:
    pipeline = NotingPipeline(room=1)
    run(pipeline)

    assert len(pipeline.shapes) == len(pipeline.info.sizes)


def test_a_model_that_makes_no_picture_is_not_served() -> None:
    with pytest.raises(ModelLoadError, match="128x128"):
        run(NotingPipeline(room=0))
