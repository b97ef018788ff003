"""A metered job is the engine's job, and settles its use when it is closed."""

from __future__ import annotations

from pipelines.params import GenerationParams
from service.api.metered_job import MeteredJob
from tests.harness.engine.fake_engine import FakeEngine

PARAMS = GenerationParams(prompt="x", width=8, height=8, steps=1, guidance_scale=1.0, seed=1, sampler="ddim")


class Noted:
    """Implements `Allowance`."""

    def __init__(self) -> None:
        self.left: list[float | None] = []

    def enter(self, price_s: float, *, unfinished_jobs: int, ends_in_s: float) -> None:
        """Admits every job."""

    def leave(self, used_s: float | None) -> None:
        self.left.append(used_s)


async def test_the_use_is_settled_when_the_job_is_let_go_of() -> None:
    engine, noted = FakeEngine(), Noted()
    engine.used_s = 2.5
    job = MeteredJob(engine.submit([PARAMS, PARAMS]), noted)

    assert [image.index for image in await job.result()] == [0, 1]
    assert noted.left == []
    job.cancel()

    assert (noted.left, job.used_s, job.id) == ([5.0], 5.0, engine.jobs[0].id)


async def test_canceling_it_cancels_the_engines_job() -> None:
    engine, noted = FakeEngine(), Noted()
    engine.holds_starts = True
    job = MeteredJob(engine.submit([PARAMS]), noted)

    job.cancel()

    assert (engine.jobs[0].canceled, noted.left) == (True, [0.0])
