"""Finds the range of bytes of a file that a request asks for (RFC 9110, section 14)."""

from __future__ import annotations

import re
from typing import Final

_RANGE: Final = re.compile(
    r"bytes=[ \t]*(?:(?P<first>[0-9]{1,18})-(?P<last>[0-9]{0,18})|-(?P<suffix>[0-9]{1,18}))[ \t]*",
    re.ASCII | re.IGNORECASE,
)


class UnsatisfiableRangeError(Exception):
    """The file ends before the range begins."""


def byte_range(range_header: str | None, if_range: str | None, tag: str, size_bytes: int) -> range | None:
    """Returns the positions that a GET asks for, of a file of `size_bytes` with the strong ETag `tag`.

    None stands for the whole file: also where the header is not understood, names several ranges or another unit, or
    where `if_range` names another version of the file. Raises `UnsatisfiableRangeError`.
    """
    match = None if range_header is None else _RANGE.fullmatch(range_header)
    if match is None or (if_range is not None and if_range != tag):
        return None
    if match["suffix"] is not None:
        first, last = max(0, size_bytes - int(match["suffix"])), size_bytes - 1
    else:
        first, last = int(match["first"]), min(int(match["last"] or size_bytes), size_bytes - 1)
        if match["last"] and int(match["last"]) < first:
            return None
    if first > last:
        raise UnsatisfiableRangeError
    return range(first, last + 1)
