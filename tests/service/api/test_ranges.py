"""The part of a file that a request asks for is read from its headers."""

from __future__ import annotations

import pytest

from service.api.ranges import UnsatisfiableRangeError, byte_range

TAG = '"abc"'


@pytest.mark.parametrize(
    ("header", "part"),
    [
        ("bytes=0-0", range(1)),
        ("bytes=2-5", range(2, 6)),
        ("Bytes= 2-5 ", range(2, 6)),
        ("bytes=5-", range(5, 10)),
        ("bytes=5-999", range(5, 10)),
        ("bytes=9-9", range(9, 10)),
        ("bytes=-3", range(7, 10)),
        ("bytes=-999", range(10)),
    ],
)
def test_one_range_is_a_part(header: str, part: range) -> None:
    assert byte_range(header, None, TAG, 10) == part
    assert byte_range(header, TAG, TAG, 10) == part


@pytest.mark.parametrize(
    "header",
    [None, "", "bytes", "bytes=", "bytes=-", "bytes=5-2", "bytes=0-1,3-4", "items=0-1", "bytes=a-b", "bytes=1-2-3",
     "bytes=0x1-2", "bytes=--3", "bytes=" + "9" * 5000 + "-", "bytes=١-٢"],
)  # fmt: skip
def test_anything_else_is_the_whole_file(header: str | None) -> None:
    assert byte_range(header, None, TAG, 10) is None


@pytest.mark.parametrize("if_range", ['"other"', "", 'W/"abc"', "Wed, 21 Oct 2026 07:28:00 GMT"])
def test_a_part_of_another_version_is_the_whole_file(if_range: str) -> None:
    assert byte_range("bytes=2-5", if_range, TAG, 10) is None


@pytest.mark.parametrize("header", ["bytes=10-", "bytes=10-12", "bytes=-0", f"bytes={10**17}-"])
def test_a_range_behind_the_end_cannot_be_satisfied(header: str) -> None:
    with pytest.raises(UnsatisfiableRangeError):
        byte_range(header, None, TAG, 10)
