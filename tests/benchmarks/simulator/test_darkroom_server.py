"""Darkroom's worker in virtual time: it passes the simulated device's time, and its estimates are judged."""

from __future__ import annotations

import pytest

from benchmarks.simulator.darkroom_server import DarkroomServer
from benchmarks.simulator.report import MAX_DECODE, SimulatedDevice
from service.engine.costs.cost_table import CostTable
from tests.harness.engine.worker_harness import make_costs, make_params

TABLE = make_costs({(64, 64): {1: 1.0, 4: 1.0}}, {(64, 64): {1: 0.5, 4: 0.5}}, {1: 0.0, 4: 0.0})


def make_server(table: CostTable = TABLE) -> DarkroomServer:
    device = SimulatedDevice(TABLE, max_rows=4)
    return DarkroomServer(device.cost, table=table, max_rows=device.max_rows, max_decode=MAX_DECODE)


def run(server: DarkroomServer, now_s: float = 0.0) -> float:
    """Runs until nothing is left to do, and returns the time."""
    while (action := server.next_action(now_s)) is not None:
        now_s += action.seconds
    return now_s


def test_an_image_takes_the_time_of_its_calls() -> None:
    server = make_server()
    server.accept(0, make_params(steps=3), 0.0)

    assert run(server) == 3.5


def test_an_image_that_arrived_during_a_call_has_waited_since() -> None:
    server = make_server()
    server.accept(0, make_params(steps=2), 0.0)
    server.next_action(0.0)
    server.accept(1, make_params(steps=2), 0.25, deadline_s=1.0)
    run(server, 1.0)

    assert server.failed == [1]


def test_estimates_are_judged_by_what_came_of_them() -> None:
    server = make_server()
    server.accept(0, make_params(steps=3), 0.0)
    run(server)

    assert [estimate.true_s for estimate in server.estimates] == [2.5, 1.5, 0.5]
    assert [estimate.reported_s for estimate in server.estimates] == pytest.approx([2.5, 1.5, 0.5])


def test_a_worker_with_wrong_costs_still_takes_the_devices_time() -> None:
    server = make_server(make_costs({(64, 64): {1: 9.0}}, {(64, 64): {1: 9.0}}, {1: 9.0}))
    server.accept(0, make_params(steps=3), 0.0)

    assert run(server) == 3.5
