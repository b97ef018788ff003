"""Who is measured when: rounds through all targets, each started anew; failures end a target, not the campaign."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load.apis import WrongAnswer
from benchmarks.peers.campaign import FULL, SMOKE, Campaign, Plan, Start, Target
from benchmarks.peers.launch import StartFailed
from benchmarks.peers.records import Record, TargetRecord
from benchmarks.peers.reference import Reference
from benchmarks.peers.servers import OURS
from benchmarks.workload import Job, Mix
from tests.benchmarks import virtual_time
from tests.benchmarks.fakes import SMALL, SOLO_S, OneAtATime

IMAGE = b"the image"
REFERENCE = Reference(SOLO_S, IMAGE, {})
PLAN = Plan(rounds=2, saturation_jobs=4, short_load_s=5.0, probe_s=5.0, probes=2, mix=SMALL)


def always(target_of: Any, log: list[str] | None = None, name: str = "") -> Start:
    @contextlib.asynccontextmanager
    async def start() -> AsyncIterator[Target]:
        if log is not None:
            log.append(f"start {name}")
        yield target_of()
        if log is not None:
            log.append(f"end {name}")

    return start


def honest() -> OneAtATime:
    return OneAtATime(IMAGE)


async def no_http(target: Target) -> list[float]:
    return [0.004]


def measured(starts: Mapping[str, Start], plan: Plan = PLAN) -> Record:
    record = Record({}, {"mix": {"steps": [4, 20]}}, targets={name: TargetRecord(name) for name in starts})

    async def work() -> None:
        campaign = Campaign(
            plan,
            starts,
            REFERENCE,
            record,
            differing_share=lambda file, other: float(file != other),
            measure_http=no_http,
            say=lambda line: None,
        )
        async for _ in campaign.rounds():
            pass

    virtual_time.run(work())
    return record


def test_targets_take_turns_and_never_run_together() -> None:
    log: list[str] = []
    measured({name: always(honest, log, name) for name in ("a", "b")})
    turn = ["start a", "end a", "start b", "end b"]
    assert log == turn * 2


def test_every_round_measures_saturation_and_probes_more_rates() -> None:
    record = measured({"a": always(honest)}).targets["a"]
    assert len(record.saturated) == 2
    assert len({rate for rate, _ in record.probes}) == 4


def test_short_jobs_are_looked_at_once_the_best_peers_saturation_is_known() -> None:
    record = measured({OURS: always(honest), "a": always(honest)})
    for target in record.targets.values():
        ((rate, summary),) = target.at_load
        assert rate == pytest.approx(0.7 * record.targets["a"].saturated[0].images_per_second)
        assert summary.latency_by_steps_s[4].p95 == target.p95_s(4)


def test_what_http_adds_is_measured_once_and_for_ours_alone() -> None:
    assert measured({OURS: always(honest), "a": always(honest)}).http_added_s == [0.004]
    assert measured({"a": always(honest)}).http_added_s == []


def test_all_targets_get_the_same_jobs() -> None:
    targets = [honest(), honest()]
    plan = Plan(rounds=1, saturation_jobs=4, probes=0, mix=SMALL)
    measured({"a": always(lambda: targets[0]), "b": always(lambda: targets[1])}, plan)
    assert [job for _, job in targets[0].sent] == [job for _, job in targets[1].sent]


def test_a_server_that_draws_something_else_is_measured_no_further() -> None:
    record = measured({"a": always(lambda: OneAtATime(b"another")), "b": always(honest)})
    assert "not that of diffusers" in record.targets["a"].failure
    assert record.targets["a"].saturated == []
    assert record.targets["b"].failure == ""


def test_a_server_that_does_not_start_does_not_end_the_campaign() -> None:
    @contextlib.asynccontextmanager
    async def fails() -> AsyncIterator[Target]:
        raise StartFailed("no room")
        yield honest()  # type: ignore[unreachable]  # it makes a generator of this

    record = measured({"a": fails, "b": always(honest)})
    assert record.targets["a"].failure == "no room"
    assert len(record.targets["b"].saturated) == 2


def test_a_server_that_fails_its_first_image_is_recorded() -> None:
    class Silent(OneAtATime):
        async def send(self, job: Job) -> bytes:
            raise WrongAnswer("status 500")

    assert measured({"a": always(Silent)}).targets["a"].failure == "status 500"


def test_a_record_is_written_without_nan(tmp_path: Path) -> None:
    measured({"a": always(lambda: OneAtATime(b"another"))}).write(tmp_path / "peers.json")
    assert "NaN" not in (tmp_path / "peers.json").read_text()


def test_the_full_plan_takes_less_than_twenty_five_minutes() -> None:
    """At what two idle cores take: 40 ms for an unguided call and 60 ms for a guided one."""
    solo_s = {kind: kind.steps * (0.06 if kind.guided else 0.04) for kind in Mix().kinds}
    assert FULL.expected_s(Reference(solo_s, b"", {}), targets=5, start_s=20.0) < 25 * 60


def test_the_smoke_plan_draws_sizes_and_guidance_of_the_full_one() -> None:
    assert set(SMOKE.mix.sizes) < set(FULL.mix.sizes)
    assert SMOKE.mix.guidance_scales == FULL.mix.guidance_scales
