"""The order of a comparison: rounds over all targets, each in a new process; a failure ends only its target."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from benchmarks.load.apis import InvalidResponse
from benchmarks.peers.comparison import FULL, SMOKE, Comparison, Launcher, Plan, Target
from benchmarks.peers.launch import StartFailed
from benchmarks.peers.records import Record, TargetRecord
from benchmarks.peers.reference import Reference
from benchmarks.peers.servers import OURS
from benchmarks.workload import Mix, Request
from tests.benchmarks import virtual_time
from tests.benchmarks.fakes import SMALL_MIX, SOLO_S, OneAtATime

IMAGE = b"the image"
REFERENCE = Reference(SOLO_S, IMAGE, {})
PLAN = Plan(rounds=2, saturation_requests=4, short_load_s=5.0, probe_s=5.0, probes=2, mix=SMALL_MIX)


def launcher(target_of: Any, log: list[str] | None = None, name: str = "") -> Launcher:
    @contextlib.asynccontextmanager
    async def start() -> AsyncIterator[Target]:
        if log is not None:
            log.append(f"start {name}")
        yield target_of()
        if log is not None:
            log.append(f"end {name}")

    return start


def correct_server() -> OneAtATime:
    return OneAtATime(IMAGE)


async def http_overhead(target: Target) -> list[float]:
    return [0.004]


def compare(launchers: Mapping[str, Launcher], plan: Plan = PLAN) -> Record:
    record = Record({}, {"mix": {"steps": [4, 20]}}, targets={name: TargetRecord(name) for name in launchers})

    async def run() -> None:
        comparison = Comparison(
            plan,
            launchers,
            REFERENCE,
            record,
            differing_share=lambda file, other: float(file != other),
            measure_http=http_overhead,
            log=lambda line: None,
        )
        async for _ in comparison.run():
            pass

    virtual_time.run(run())
    return record


def test_targets_take_turns_and_never_run_at_the_same_time() -> None:
    log: list[str] = []
    compare({name: launcher(correct_server, log, name) for name in ("a", "b")})
    turn = ["start a", "end a", "start b", "end b"]
    assert log == turn * 2


def test_every_round_measures_saturation_and_probes_more_rates() -> None:
    record = compare({"a": launcher(correct_server)}).targets["a"]
    assert len(record.saturated) == 2
    assert len({rate for rate, _ in record.probes}) == 4


def test_short_requests_are_measured_when_the_best_peers_saturation_is_known() -> None:
    record = compare({OURS: launcher(correct_server), "a": launcher(correct_server)})
    for target in record.targets.values():
        ((rate, summary),) = target.at_load
        assert rate == pytest.approx(0.7 * record.targets["a"].saturated[0].images_per_second)
        assert summary.latency_by_steps_s[4].p95 == target.p95_s(4)


def test_the_http_overhead_is_measured_once_and_only_for_darkroom() -> None:
    assert compare({OURS: launcher(correct_server), "a": launcher(correct_server)}).http_overhead_s == [0.004]
    assert compare({"a": launcher(correct_server)}).http_overhead_s == []


def test_all_targets_get_the_same_requests() -> None:
    targets = [correct_server(), correct_server()]
    plan = Plan(rounds=1, saturation_requests=4, probes=0, mix=SMALL_MIX)
    compare({"a": launcher(lambda: targets[0]), "b": launcher(lambda: targets[1])}, plan)
    assert [request for _, request in targets[0].sent] == [request for _, request in targets[1].sent]


def test_a_server_that_draws_another_image_is_not_measured_further() -> None:
    record = compare({"a": launcher(lambda: OneAtATime(b"another")), "b": launcher(correct_server)})
    assert "differs from that of diffusers" in record.targets["a"].failure
    assert record.targets["a"].saturated == []
    assert record.targets["b"].failure == ""


def test_a_server_that_does_not_start_does_not_end_the_comparison() -> None:
    @contextlib.asynccontextmanager
    async def fails() -> AsyncIterator[Target]:
        raise StartFailed("no room")
        yield correct_server()  # type: ignore[unreachable]  # only a `yield` makes a generator of it

    record = compare({"a": fails, "b": launcher(correct_server)})
    assert record.targets["a"].failure == "no room"
    assert len(record.targets["b"].saturated) == 2


def test_a_failure_of_the_first_image_is_recorded() -> None:
    class Silent(OneAtATime):
        async def send(self, request: Request) -> bytes:
            raise InvalidResponse("status 500")

    assert compare({"a": launcher(Silent)}).targets["a"].failure == "status 500"


def test_a_record_is_written_without_nan(tmp_path: Path) -> None:
    compare({"a": launcher(lambda: OneAtATime(b"another"))}).write(tmp_path / "peers.json")
    assert "NaN" not in (tmp_path / "peers.json").read_text()


def test_the_full_plan_takes_less_than_twenty_five_minutes() -> None:
    """Two idle cores take 40 ms for an unguided call and 60 ms for a guided one."""
    solo_s = {kind: kind.steps * (0.06 if kind.guided else 0.04) for kind in Mix().classes}
    assert FULL.expected_s(Reference(solo_s, b"", {}), targets=5, start_s=20.0) < 25 * 60


def test_the_smoke_plan_has_sizes_and_guidance_of_the_full_plan() -> None:
    assert set(SMOKE.mix.sizes) < set(FULL.mix.sizes)
    assert SMOKE.mix.guidance_scales == FULL.mix.guidance_scales
