"""Scheduling policies in virtual time: what holds by a wide margin, whatever the machine."""

from __future__ import annotations

from benchmarks.simulator.report import POLICIES, Row, compare, markdown
from benchmarks.simulator.servers import FirstCome, OneAtATime, Ours, WholeRequests
from benchmarks.simulator.simulation import Request, capacity, goodput, play, requests
from benchmarks.simulator.tables import TABLES
from benchmarks.workload import Mix
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostModel, CostTable, SizeCost

FLAT = CostTable((SizeCost(64, 64, calls=((1, 1.0), (4, 1.0)), decodes=((1, 0.5), (4, 0.5))),), encode_s=0.25)
MIX = Mix(sizes=tuple((cost.width, cost.height) for cost in TABLES["gpu"].sizes))


def make_cost(table: CostTable = FLAT) -> CostModel:
    return CostModel(table, max_rows=4, max_decode=4)


def make_request(at_s: float, steps: int) -> Request:
    params = GenerationParams(
        prompt="x", width=64, height=64, steps=steps, guidance_scale=4.0, seed=0, sampler="dpm++_2m"
    )
    return Request(at_s, params)


COMING = [make_request(0.0, 2), make_request(0.0, 4)]


def test_one_at_a_time_the_second_waits_for_the_first() -> None:
    assert play(OneAtATime(make_cost()), COMING) == [2.75, 7.5]


def test_a_whole_request_batch_ends_with_its_longest() -> None:
    assert play(WholeRequests(make_cost(), by_steps=False), COMING) == [5.0, 5.0]


def test_grouped_by_steps_unequal_requests_do_not_share() -> None:
    assert play(WholeRequests(make_cost(), by_steps=True), COMING) == [2.75, 7.5]


def test_steps_shared_first_come_let_the_shorter_leave() -> None:
    assert play(FirstCome(make_cost()), COMING) == [3.0, 5.5]


def test_the_engines_own_scheduler_does_too() -> None:
    assert play(Ours(make_cost()), COMING) == [3.0, 5.5]


def test_a_request_joins_ours_at_the_next_call() -> None:
    assert play(Ours(make_cost()), [make_request(0.0, 4), make_request(0.5, 1)]) == [5.5, 2.5]


def test_requests_depend_on_the_seed_alone() -> None:
    first, again, other = (requests("bursty", rate=2.0, count=50, mix=MIX, seed=seed) for seed in (1, 1, 2))
    slower = requests("bursty", rate=1.0, count=50, mix=MIX, seed=1)

    assert first == again != other
    assert [request.params for request in slower] == [request.params for request in first]


def test_one_at_a_time_makes_as_many_as_its_capacity() -> None:
    cost = CostModel(TABLES["gpu"], max_rows=16, max_decode=4)
    coming = requests("poisson", rate=1e9, count=180, mix=MIX, seed=1)
    latencies_s = play(OneAtATime(cost), coming)

    assert abs(len(coming) / max(latencies_s) / capacity(MIX, cost) - 1) < 0.01


def test_goodput_is_found_between_the_rates_that_keep_up_and_those_that_do_not() -> None:
    assert 0.88 < goodput(lambda rate: float(rate <= 1.0), highest=8.0) <= 1.0
    assert goodput(lambda rate: 0.5, highest=8.0) == 0.0


def test_ours_is_far_ahead_of_every_other_policy_where_latency_counts() -> None:
    rows = compare(POLICIES, table="gpu", pattern="poisson", count=120, load=0.7, max_rows=16, seed=1)
    by_name: dict[str, Row] = {row.policy: row for row in rows}
    ours = by_name.pop("darkroom")

    assert ours.goodput >= 2 * max(row.goodput for row in by_name.values())
    assert ours.saturated >= 2 * by_name["one at a time"].saturated
    assert ours.outcome.short_p95_s <= min(row.outcome.short_p95_s for row in by_name.values()) / 3
    assert "| darkroom |" in markdown(rows)
