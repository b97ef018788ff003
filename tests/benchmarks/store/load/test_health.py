"""Health checks: late ones and refused ones have failed."""

from __future__ import annotations

from benchmarks.store.load import health
from benchmarks.store.load.plans import Probes
from tests.benchmarks.store.load.answering import GONE, answer, answering


def checks(port: int, late_s: float = 30.0) -> Probes:
    return Probes(port=port, paths=["/livez", "/readyz"], rate=100.0, seconds=0.03, late_s=late_s)


async def test_each_path_is_checked_at_its_rate() -> None:
    async with answering(livez=[answer(200)], readyz=[answer(503)]) as to:
        result = await health.run(checks(to.port))

    assert sorted(to.asked) == ["/livez"] * 3 + ["/readyz"] * 3
    assert (result.count("200"), result.count("503"), result.lost) == (3, 3, 0)


async def test_a_check_that_is_cut_off_has_failed() -> None:
    async with answering(livez=[GONE, answer(200)], readyz=[answer(200)]) as to:
        result = await health.run(checks(to.port))

    assert (result.count("200"), result.lost) == (5, 1)


async def test_a_late_check_has_failed() -> None:
    async with answering(livez=[answer(200)], readyz=[answer(200)]) as to:
        to.held.clear()
        result = await health.run(checks(to.port, late_s=0.05))

    assert (result.count("200"), result.lost) == (0, 6)
