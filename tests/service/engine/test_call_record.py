"""The record of the calls under way can be read at any moment, and after the death of its writer."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable

import pytest

from service.engine.call_record import CallRecord, file_region, make_region, memory_region

REGIONS = [make_region, file_region] + ([memory_region] if sys.platform == "linux" else [])

WRITER = """
import itertools, sys
from service.engine.call_record import CallRecord
record = CallRecord.shared(int(sys.argv[1]))
record.enter(["first"])
print("begun", flush=True)
for number in itertools.count():
    with record.during([f"{number}.{index}" for index in range(number % 50)]):
        pass
"""


@pytest.fixture
def record() -> CallRecord:
    return CallRecord.private()


def test_nothing_is_under_way_at_first(record: CallRecord) -> None:
    assert record.read() == frozenset()


def test_images_are_recorded_while_a_block_runs(record: CallRecord) -> None:
    with record.during(["a", "b"]):
        assert record.read() == {"a", "b"}
    assert record.read() == frozenset()


def test_calls_may_be_under_way_at_once_and_share_an_image(record: CallRecord) -> None:
    record.enter(["a", "b"])
    record.enter(["b", "c"])
    record.leave(["a", "b"])
    assert record.read() == {"b", "c"}

    record.leave(["b", "c"])
    assert record.read() == frozenset()


def test_an_error_that_ends_the_worker_leaves_its_images_recorded(record: CallRecord) -> None:
    with pytest.raises(RuntimeError), record.during(["a"]):
        raise RuntimeError

    assert record.read() == {"a"}


def test_a_record_that_is_too_long_holds_whole_ids(record: CallRecord) -> None:
    ids = [f"{number:032d}" for number in range(3000)]
    record.enter(ids)

    assert record.read() == set(ids[: len(record.read())])
    assert len(record.read()) > 900


@pytest.mark.parametrize("make", REGIONS)
def test_another_opening_of_a_region_reads_what_was_written(make: Callable[[], int]) -> None:
    region = make()
    writer, reader = CallRecord.shared(region), CallRecord.shared(region)
    os.close(region)
    writer.enter(["a"])

    assert reader.read() == {"a"}


@pytest.mark.integration
def test_a_writer_that_is_killed_at_any_moment_leaves_a_whole_record() -> None:
    region = make_region()
    record = CallRecord.shared(region)
    for _ in range(5):
        with subprocess.Popen(
            [sys.executable, "-c", WRITER, str(region)], stdout=subprocess.PIPE, pass_fds=[region]
        ) as writer:
            assert writer.stdout is not None
            assert writer.stdout.readline() == b"begun\n"
            writer.kill()
        first, *others = sorted(record.read(), key=lambda image_id: image_id != "first")
        assert first == "first"
        assert len({image_id.partition(".")[0] for image_id in others}) <= 1, "the images of one block"
        assert {image_id.partition(".")[2] for image_id in others} == {str(index) for index in range(len(others))}
    os.close(region)
