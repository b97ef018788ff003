"""The cost tables of the simulated device."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.simulator.tables import TABLES, load_table
from service.engine.costs.cost_model import CostModel


@pytest.mark.parametrize("name", TABLES)
def test_a_call_of_more_rows_never_takes_less_time(name: str) -> None:
    model = CostModel(TABLES[name], max_rows=16, max_decode=4)
    for cost in TABLES[name].sizes:
        seconds = [model.call_s((cost.width, cost.height), rows) for rows in range(1, 17)]
        assert seconds == sorted(seconds)


def test_a_measured_table_is_loaded_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    file.write_bytes(msgspec.json.encode(TABLES["gpu"]))
    assert load_table(str(file)) == TABLES["gpu"]
