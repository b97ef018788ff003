"""Bounds that are not configured come from the device; configured ones are kept."""

from __future__ import annotations

import msgspec
import pytest

from service.engine import limits
from service.engine.config import WorkerConfig
from service.engine.limits import DeviceMemory, Limits

GIB = 1 << 30
CONFIG = WorkerConfig(model="any")
CHOSEN = WorkerConfig(model="any", max_rows=6, max_begun_bytes=8, max_decode=3, max_texts=5, warm_up_s=0.5)
MEMORY = {
    "a CPU": None,
    "a small GPU": DeviceMemory(8 * GIB, 4 * GIB),
    "a large GPU": DeviceMemory(80 * GIB, 70 * GIB),
    "a full GPU": DeviceMemory(8 * GIB, 0),
}


@pytest.mark.parametrize("memory", MEMORY.values(), ids=MEMORY.keys())
def test_what_was_configured_stays_on_any_device(memory: DeviceMemory | None) -> None:
    bounds = limits.resolve(CHOSEN, memory)

    assert bounds == Limits(max_rows=6, max_begun_bytes=8, max_decode=3, max_texts=5, warm_up_s=0.5)


@pytest.mark.parametrize("memory", MEMORY.values(), ids=MEMORY.keys())
def test_defaults_are_valid_settings(memory: DeviceMemory | None) -> None:
    filled = limits.resolve(CONFIG, memory).fill_in(CONFIG)

    assert None not in [getattr(filled, name) for name in Limits.__struct_fields__]
    assert msgspec.json.decode(msgspec.json.encode(filled), type=WorkerConfig) == filled


def test_a_filled_configuration_no_longer_depends_on_the_device() -> None:
    bounds = limits.resolve(CONFIG, MEMORY["a large GPU"])

    assert limits.resolve(bounds.fill_in(CONFIG), None) == bounds


def test_a_gpu_takes_more_at_a_time_than_a_cpu_and_a_large_one_decodes_more() -> None:
    cpu, small, large = (limits.resolve(CONFIG, MEMORY[name]) for name in ("a CPU", "a small GPU", "a large GPU"))

    assert cpu.max_rows < small.max_rows == large.max_rows
    assert cpu.max_decode == small.max_decode < large.max_decode


def test_begun_images_get_a_share_of_the_memory_that_is_free_and_only_they() -> None:
    before, after = DeviceMemory(80 * GIB, 80 * GIB), DeviceMemory(80 * GIB, 20 * GIB)

    empty, loaded = limits.resolve(CONFIG, before), limits.resolve(CONFIG, after)

    assert empty.max_begun_bytes == 4 * loaded.max_begun_bytes
    assert 0 < loaded.max_begun_bytes < after.free_bytes
    assert msgspec.structs.replace(empty, max_begun_bytes=1) == msgspec.structs.replace(loaded, max_begun_bytes=1)


@pytest.mark.parametrize("memory", MEMORY.values(), ids=MEMORY)
def test_the_time_limit_of_the_warm_up_is_known_before_the_device_is(memory: DeviceMemory | None) -> None:
    chosen = msgspec.structs.replace(CONFIG, warm_up_s=3.0)

    assert limits.warm_up_s(CONFIG) == limits.resolve(CONFIG, memory).warm_up_s
    assert limits.warm_up_s(chosen) == 3.0
