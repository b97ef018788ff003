"""The scheduling policies, in virtual time with exact costs."""

from __future__ import annotations

from benchmarks.simulator.darkroom_server import DarkroomServer
from benchmarks.simulator.report import MAX_DECODE, SimulatedDevice
from benchmarks.simulator.servers import FirstCome, OneAtATime, WholeRequests
from benchmarks.simulator.simulation import TimedRequest, simulate
from pipelines.params import GenerationParams
from service.engine.costs.cost_model import CostModel
from tests.harness.engine.worker_harness import make_costs

FLAT = make_costs({(64, 64): {1: 1.0, 4: 1.0}}, {(64, 64): {1: 0.5, 4: 0.5}}, {1: 0.125, 2: 0.25, 4: 0.25})
DEVICE = SimulatedDevice(FLAT, max_rows=4)


def make_cost() -> CostModel:
    return DEVICE.cost


def make_darkroom() -> DarkroomServer:
    return DarkroomServer(make_cost(), table=FLAT, max_rows=DEVICE.max_rows, max_decode=MAX_DECODE)


def make_request(at_s: float, steps: int) -> TimedRequest:
    params = GenerationParams(
        prompt="x", width=64, height=64, steps=steps, guidance_scale=4.0, seed=0, sampler="dpm++_2m"
    )
    return TimedRequest(at_s, params)


REQUESTS = [make_request(0.0, 2), make_request(0.0, 4)]


def test_one_at_a_time_the_second_waits_for_the_first() -> None:
    assert simulate(OneAtATime(make_cost()), REQUESTS) == [2.75, 7.5]


def test_a_static_batch_ends_with_its_longest_request() -> None:
    assert simulate(WholeRequests(make_cost(), by_steps=False), REQUESTS) == [5.0, 5.0]


def test_static_batches_by_steps_keep_unequal_requests_apart() -> None:
    assert simulate(WholeRequests(make_cost(), by_steps=True), REQUESTS) == [2.75, 7.5]


def test_a_short_request_leaves_a_continuous_batch_early() -> None:
    assert simulate(FirstCome(make_cost()), REQUESTS) == [3.0, 5.5]


def test_a_short_request_leaves_darkrooms_batch_early() -> None:
    assert simulate(make_darkroom(), REQUESTS) == [2.75, 5.25]


def test_a_request_joins_darkrooms_batch_at_the_next_call() -> None:
    assert simulate(make_darkroom(), [make_request(0.0, 4), make_request(0.5, 1)]) == [5.25, 2.25]
