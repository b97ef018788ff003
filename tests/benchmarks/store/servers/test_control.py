"""The memory that a benchmark shares with a device."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from benchmarks.store.servers.control import HELD_S, Control


@pytest.fixture
def file(tmp_path: Path) -> Path:
    Control.create(tmp_path / "device")
    return tmp_path / "device"


def test_the_benchmark_sees_what_the_device_counts(file: Path) -> None:
    benchmark, device = Control(file), Control(file)

    device.spend(2)
    device.spend(16)
    device.count_images(3)

    assert (benchmark.rows, benchmark.images) == (18, 3)


def test_the_device_sees_the_speed_that_the_benchmark_sets(file: Path) -> None:
    benchmark, device = Control(file), Control(file)

    benchmark.row_s = 0.25

    assert device.row_s == 0.25


def test_a_device_that_is_held_makes_nothing_until_it_is_released(file: Path) -> None:
    benchmark = Control(file)
    benchmark.row_s = HELD_S
    call = threading.Thread(target=Control(file).spend, args=(2,))

    call.start()
    held = benchmark.rows
    benchmark.row_s = 0.0
    call.join()

    assert (held, benchmark.rows) == (0, 2)
