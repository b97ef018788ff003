"""Parses the output of strace(1) into system calls, in the order in which they returned."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LINE: Final = re.compile(r"(\d+) +(.*)")
_UNFINISHED: Final = " <unfinished ...>"
_RESUMED: Final = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_CALL: Final = re.compile(r"(\w+)\((.*)\) += (-?\d+)(?:<([^>]*)>)?")
_PATH: Final = re.compile(r"^(?:\d+|AT_FDCWD)<([^>]*)>")
_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class SystemCall:
    thread: int
    name: str
    path: str
    """File or folder of the first argument. Empty where that is not a file descriptor."""
    texts: tuple[str, ...]
    """String arguments, in strace's notation."""
    result: int
    opened: str = ""
    """File of the result, with all links followed. Empty where that is not a file descriptor."""


def parse_system_calls(log: str) -> Iterator[SystemCall]:
    """Read the output of `strace -f -y`. strace splits a call that another thread interrupts into two lines."""
    unfinished: dict[str, str] = {}
    for line in log.splitlines():
        match = _LINE.fullmatch(line)
        if match is None:
            continue
        thread, text = match.groups()
        if text.endswith(_UNFINISHED):
            unfinished[thread] = text.removesuffix(_UNFINISHED)
            continue
        if resumed := _RESUMED.fullmatch(text):
            text = unfinished.pop(thread, "") + resumed[1]
        if done := _CALL.match(text):
            name, arguments, result, opened = done.groups()
            path = _PATH.match(arguments)
            texts = tuple(_TEXT.findall(arguments))
            yield SystemCall(int(thread), name, path[1] if path else "", texts, int(result), opened or "")
