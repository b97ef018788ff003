"""What strace(1) has written down of a process, call by call in the order in which they were done."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final

_LINE: Final = re.compile(r"(\d+) +(.*)")
_UNFINISHED: Final = " <unfinished ...>"
_RESUMED: Final = re.compile(r"<\.\.\. \w+ resumed>(.*)")
_CALL: Final = re.compile(r"(\w+)\((.*)\) += (-?\d+)")
_PATH: Final = re.compile(r"^\d+<([^>]*)>")
_TEXT: Final = re.compile(r'"((?:[^"\\]|\\.)*)"')


@dataclass(frozen=True, slots=True)
class Call:
    thread: int
    name: str
    path: str
    """Of the file that it was made on, where it was one."""
    texts: tuple[str, ...]
    """Its arguments that are strings, as strace spells them."""
    result: int


def calls(log: str) -> Iterator[Call]:
    """From what `strace -f -y` wrote; a call that was interrupted by another thread's counts where it ended."""
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
            name, arguments, result = done.groups()
            path = _PATH.match(arguments)
            yield Call(int(thread), name, path[1] if path else "", tuple(_TEXT.findall(arguments)), int(result))
