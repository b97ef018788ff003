"""The cache of measured costs: stored, found again, and ignored where it is unusable."""

from __future__ import annotations

from pathlib import Path

import msgspec
import pytest

from service.engine.costs.cost_cache import CostCache, fingerprint
from service.engine.costs.cost_model import CostTable, SizeCost

IDENTITY = {"model": "fake", "device": "cpu", "threads": None}
TABLE = CostTable((SizeCost(128, 96, ((1, 0.25), (2, 0.375)), ((1, 0.5),)),), 0.125)


def written(folder: Path) -> list[Path]:
    return [path for path in folder.rglob("*") if path.is_file()]


def test_stored_costs_are_loaded_at_the_next_start(tmp_path: Path) -> None:
    CostCache(tmp_path / "new", IDENTITY).store(TABLE)

    assert CostCache(tmp_path / "new", dict(reversed(IDENTITY.items()))).load() == TABLE
    assert len(written(tmp_path)) == 1


def test_costs_of_another_device_are_not_used(tmp_path: Path) -> None:
    CostCache(tmp_path, IDENTITY).store(TABLE)

    assert CostCache(tmp_path, {**IDENTITY, "device": "cuda"}).load() == CostTable()


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"{}{}",
        b"\xff\xfe",
        b'{"sizes": 3}',
        msgspec.json.encode(CostTable((SizeCost(1, 1, (), ()),))),
        msgspec.json.encode(CostTable((SizeCost(1, 1, ((0, 1.0),), ((1, 1.0),)),))),
        msgspec.json.encode(CostTable((SizeCost(1, 1, ((1, -1.0),), ((1, 1.0),)),))),
    ],
)
def test_an_invalid_file_is_ignored(tmp_path: Path, content: bytes) -> None:
    cache = CostCache(tmp_path, IDENTITY)
    cache.store(TABLE)
    written(tmp_path)[0].write_bytes(content)

    assert cache.load() == CostTable()


def test_a_row_limit_from_running_out_of_memory_is_not_stored(tmp_path: Path) -> None:
    cache = CostCache(tmp_path, IDENTITY)
    cache.store(msgspec.structs.replace(TABLE, sizes=(msgspec.structs.replace(TABLE.sizes[0], max_rows=2),)))

    assert cache.load() == TABLE


def test_without_a_folder_nothing_is_stored() -> None:
    cache = CostCache(None, IDENTITY)
    cache.store(TABLE)

    assert cache.load() == CostTable()


def test_a_folder_that_cannot_be_written_is_ignored(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    cache = CostCache(tmp_path / "file", IDENTITY)
    cache.store(TABLE)

    assert cache.load() == CostTable()


def test_a_fingerprint_depends_on_the_configuration_and_the_sizes_of_the_files(tmp_path: Path) -> None:
    (tmp_path / "unet").mkdir()
    (tmp_path / "unet" / "config.json").write_text('{"width": 1}')
    (tmp_path / "unet" / "weights.safetensors").write_bytes(b"abc")
    first = fingerprint(tmp_path)
    (tmp_path / "unet" / "weights.safetensors").write_bytes(b"xyz")
    assert fingerprint(tmp_path) == first

    (tmp_path / "unet" / "weights.safetensors").write_bytes(b"longer")
    resized = fingerprint(tmp_path)
    (tmp_path / "unet" / "config.json").write_text('{"width": 2}')
    assert len({first, resized, fingerprint(tmp_path)}) == 3
    assert fingerprint(tmp_path / "absent") == ""
