"""The cache of measured costs: stored, found again, and ignored where it is unusable."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from pipelines.interface import CostKey, Stage
from service.engine.costs.cost_cache import CostCache
from service.engine.costs.cost_table import CostTable, KeyCost, Point

IDENTITY = {"device": "cpu", "threads": None}
IDENTITIES = {"fake": IDENTITY}
KEY = CostKey(Stage.DENOISE, 128, 96, model="fake")
TABLE = CostTable(
    (
        KeyCost(KEY, (Point(1, 0.25, 0.5), Point(2, 0.375, 9.0))),
        KeyCost(CostKey(Stage.TEXT, model="fake"), (Point(1, 0.5),)),
    )
)


def written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_stored_costs_are_loaded_at_the_next_start(tmp_path: Path) -> None:
    CostCache(tmp_path / "new", IDENTITIES).store(TABLE)

    assert CostCache(tmp_path / "new", {"fake": dict(reversed(IDENTITY.items()))}).load() == TABLE
    assert len(written(tmp_path)) == 1


def test_costs_of_another_device_are_not_used(tmp_path: Path) -> None:
    CostCache(tmp_path, IDENTITIES).store(TABLE)

    assert CostCache(tmp_path, {"fake": {**IDENTITY, "device": "cuda"}}).load() == CostTable()


def test_each_model_has_a_file_of_its_own(tmp_path: Path) -> None:
    second = KeyCost(CostKey(Stage.DENOISE, 128, 96, model="second"), (Point(1, 0.75),))
    both = CostTable((*TABLE.costs, second))
    CostCache(tmp_path, {"fake": {"files": "a"}, "second": {"files": "b"}}).store(both)

    assert len(written(tmp_path)) == 2
    assert CostCache(tmp_path, {"fake": {"files": "a"}, "second": {"files": "b"}}).load() == both
    assert CostCache(tmp_path, {"second": {"files": "b"}, "fake": {"files": "c"}}).load() == CostTable((second,))


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}{}",
        b"\xff\xfe",
        b'{"costs": 3}',
        b'{"costs": [{"key": ["paint", 1, 1, ""], "points": [[1, 1.0, 1.0]]}]}',
        *(
            msgspec.json.encode(CostTable((KeyCost(KEY, (point,)),)))
            for point in (Point(0, 1.0), Point(1, -1.0), Point(1, 1.0, 0.0))
        ),
    ],
)
def test_an_invalid_file_is_ignored(tmp_path: Path, content: bytes) -> None:
    cache = CostCache(tmp_path, IDENTITIES)
    cache.store(TABLE)
    written(tmp_path)[0].write_bytes(content)

    assert cache.load() == CostTable()


def test_a_file_of_an_older_version_is_ignored(tmp_path: Path) -> None:
    cache = CostCache(tmp_path, IDENTITIES)
    cache.store(TABLE)
    written(tmp_path)[0].write_bytes(
        b'{"sizes": [{"width": 64, "height": 64, "calls": [[1, 0.1]], "decodes": [[1, 0.1]]}], "encode_s": 0.04}'
    )

    assert cache.load() == CostTable()


def test_a_limit_of_the_memory_is_not_stored(tmp_path: Path) -> None:
    cache = CostCache(tmp_path, IDENTITIES)
    cache.store(CostTable(tuple(msgspec.structs.replace(cost, max_count=2) for cost in TABLE.costs)))

    assert cache.load() == TABLE


def test_costs_are_stored_once_a_minute_while_serving(tmp_path: Path) -> None:
    cache = CostCache(tmp_path, IDENTITIES)
    stored = []

    def table() -> CostTable:
        stored.append(TABLE)
        return TABLE

    for now_s in range(1000, 1150):
        cache.store_if_due(table, float(now_s))

    assert len(stored) == 3
    assert cache.load() == TABLE


def test_without_a_folder_nothing_is_stored() -> None:
    cache = CostCache(None, IDENTITIES)
    cache.store(TABLE)

    assert cache.load() == CostTable()


def test_a_folder_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = CostCache(tmp_path / "file", IDENTITIES)
    cache.store(TABLE)

    assert cache.load() == CostTable()
