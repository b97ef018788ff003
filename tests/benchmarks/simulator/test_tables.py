"""The cost tables of the simulated device."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from benchmarks.simulator.report import SimulatedDevice
from benchmarks.simulator.tables import TABLES, load_table, sizes


@pytest.mark.parametrize("name", TABLES)
def test_a_call_of_more_rows_never_takes_less_time(name: str) -> None:
    cost = SimulatedDevice(TABLES[name], max_rows=16).cost
    for known in TABLES[name].costs:
        seconds = [cost.seconds(known.key, rows) for rows in range(1, 17)]
        assert seconds == sorted(seconds)


def test_a_table_names_its_sizes() -> None:
    assert sizes(TABLES["gpu"]) == ((512, 512), (768, 512), (512, 768))


def test_a_measured_table_is_loaded_from_its_file(tmp_path: Path) -> None:
    file = tmp_path / "costs.json"
    file.write_bytes(msgspec.json.encode(TABLES["gpu"]))
    assert load_table(str(file)) == TABLES["gpu"]
