"""A worker takes checkpoints at the right steps, and an image that is resumed from one makes only what is left."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from typing import Any, Final

import pytest

from pipelines.errors import NonFiniteError
from pipelines.fake import FakePipeline, FakeState
from pipelines.interface import CompletedAdvance, PendingAdvance
from pipelines.params import GenerationParams, Refiner
from pipelines.snapshots import CompletedSnapshot
from service.engine import messages
from tests.harness.engine import uploads
from tests.harness.engine.worker_harness import WorkerHarness, make_alone, make_params
from tests.harness.served.several_models import SeveralModels

LARGE: Final = make_params(steps=3, width=128)
IMAGES: Final[dict[str, GenerationParams]] = {
    "plain": make_params(steps=6),
    "two calls a step": make_params(steps=5, sampler="heun"),
    "from an image": make_params(steps=6, image=uploads.IMAGE, strength=0.8),
    "put back": make_params(steps=6, image=uploads.IMAGE, mask=uploads.MASK, keep_unmasked=True),
    "two passes": replace(LARGE, hires=replace(uploads.ENLARGED, steps=8)),
    "two passes by way of pixels": replace(LARGE, hires=replace(uploads.DECODED, steps=8)),
}


def checkpoints_of(params: GenerationParams, every: int = 1, **options: Any) -> list[messages.Checkpoint]:
    harness = WorkerHarness(**options)
    harness.submit("a", params, checkpoint_every=every)
    harness.run()
    return harness.sent(messages.Checkpoint)


def resume(params: GenerationParams, data: bytes, **options: Any) -> WorkerHarness:
    harness = WorkerHarness(**options)
    harness.submit("a", params, checkpoint=data)
    harness.run()
    return harness


def steps_of(harness: WorkerHarness | SeveralModels) -> list[int]:
    return [progress.step for progress in harness.sent(messages.Progress)]


@pytest.mark.parametrize(("every", "steps"), [(0, []), (1, [1, 2, 3, 4, 5]), (2, [2, 4]), (4, [4]), (6, [])])
def test_a_checkpoint_is_taken_every_so_many_steps_but_not_of_finished_latents(every: int, steps: list[int]) -> None:
    assert [each.step for each in checkpoints_of(IMAGES["plain"], every)] == steps


@pytest.mark.parametrize("params", IMAGES.values(), ids=IMAGES)
def test_a_resumed_image_makes_only_the_calls_that_are_left(params: GenerationParams) -> None:
    whole = WorkerHarness()
    whole.submit("a", params, checkpoint_every=1)
    whole.run()
    taken = whole.sent(messages.Checkpoint)

    assert taken
    for each in taken:
        harness = resume(params, each.data)
        assert harness.pixels == whole.pixels
        steps = steps_of(harness)
        assert steps == list(range(each.step, steps_of(whole)[-1] + 1))
        made = [report for report in whole.sent(messages.CallDone) if report.key.stage == "denoise"]
        assert len(harness.call_rows) < len(made)
        assert harness.channel.sent.index(harness.sent(messages.Started)[0]) < harness.channel.sent.index(
            harness.sent(messages.Progress)[0]
        )


def test_resumed_images_share_calls_with_others() -> None:
    params, other = IMAGES["two passes"], replace(LARGE, steps=4)
    *_, late = checkpoints_of(params)
    harness = WorkerHarness()
    harness.submit("other", other)
    harness.submit("a", params, checkpoint=late.data)
    harness.run()

    assert harness.call_rows[0] == 4
    assert harness.pixels == {"a": make_alone(params), "other": make_alone(other)}


def test_a_resumed_image_goes_on_with_its_checkpoints() -> None:
    first, *_ = checkpoints_of(IMAGES["plain"], 2)
    harness = WorkerHarness()
    harness.submit("a", IMAGES["plain"], checkpoint=first.data, checkpoint_every=2)
    harness.run()

    assert [each.step for each in harness.sent(messages.Checkpoint)] == [4]


def run_with_loads(worker: SeveralModels) -> None:
    while not worker.finished:
        worker.turn()
        if worker.pool.loader.work is not None:
            worker.pool.loader.finish()


@pytest.mark.parametrize("more", [{}, {"image": uploads.IMAGE, "mask": uploads.MASK, "keep_unmasked": True}])
def test_an_image_is_resumed_in_the_part_of_its_refiner(more: dict[str, Any]) -> None:
    fields = {"refiner": Refiner(model="b", switch_at=0.5), **more}
    whole = SeveralModels(models=2)
    whole.submit("x", "a", steps=6, fields=fields, checkpoint_every=1)
    run_with_loads(whole)
    taken = whole.sent(messages.Checkpoint)

    assert [each.step for each in taken] == [1, 2, 4, 5]
    for each in taken:
        worker = SeveralModels(models=2)
        worker.submit("x", "a", steps=6, fields=fields, checkpoint=each.data)
        run_with_loads(worker)
        assert [done.pixels for done in worker.sent(messages.Finished)] == [
            done.pixels for done in whole.sent(messages.Finished)
        ]
        assert steps_of(worker) == list(range(each.step, 7))


@pytest.mark.parametrize("kind", ["damaged", "another image", "another device"])
def test_what_is_not_a_checkpoint_of_the_image_begins_it_anew(kind: str) -> None:
    params = IMAGES["plain"]
    facts = {"darkroom-fake": {"device": "another" if kind == "another device" else "ours"}}
    *_, last = checkpoints_of(replace(params, seed=9) if kind == "another image" else params, facts=facts)
    data = last.data[:-1] if kind == "damaged" else last.data

    harness = resume(params, data, facts={"darkroom-fake": {"device": "ours"}})
    assert harness.pixels == {"a": make_alone(params)}
    assert steps_of(harness) == [1, 2, 3, 4, 5, 6]


def test_a_congested_channel_gets_no_checkpoints_and_later_ones_again() -> None:
    harness = WorkerHarness()
    harness.submit("a", make_params(steps=8), checkpoint_every=2)
    harness.channel.congested = True
    harness.call(5)
    harness.channel.congested = False
    harness.run()

    assert [each.step for each in harness.sent(messages.Checkpoint)] == [6]


class WithoutSnapshots(FakePipeline):
    def snapshot(self, state: FakeState) -> CompletedSnapshot | None:
        if state.params.prompt == "raises":
            raise MemoryError
        return None


@pytest.mark.parametrize("prompt", ["raises", "has none"])
def test_an_image_without_snapshots_is_made_all_the_same(prompt: str) -> None:
    harness = WorkerHarness(lambda sleep: WithoutSnapshots(sleep=sleep))
    harness.submit("a", make_params(prompt), checkpoint_every=1)
    harness.run()

    assert harness.sent(messages.Checkpoint) == []
    assert harness.pixels == {"a": make_alone(make_params(prompt))}


class Overflowing(FakePipeline):
    """The numbers of an image overflow in its third call."""

    def advance(self, states: Sequence[FakeState], outputs: Sequence[bytes]) -> PendingAdvance:
        super().advance(states, outputs)
        bad = [state.calls_done == 3 and not state.upcast for state in states]
        return CompletedAdvance([NonFiniteError((n,)) if each else None for n, each in enumerate(bad)])


def test_a_call_that_turns_out_bad_leaves_no_checkpoint() -> None:
    taken = checkpoints_of(IMAGES["plain"], pipeline=lambda sleep: Overflowing(sleep=sleep))

    assert [each.step for each in taken] == [1, 2]
