"""The files that a program opens, makes, renames or deletes, as strace(1) sees it, whether or not it succeeds."""

from __future__ import annotations

import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Final

from tests.harness.programs.system_calls import SystemCall, parse_system_calls

_CALLS: Final = "/^(open|creat|truncate|mkdir|rmdir|rename|unlink|link|symlink)"
_LONGEST_PATH: Final = 4096


def tracing(strace: str, log: Path) -> list[str]:
    """A command that becomes the command that follows it, and writes what that and its children touch to `log`."""
    # As a grandchild: the program itself stays the child of whoever starts it.
    options = ("--daemonize=grandchild", "--follow-forks", "--decode-fds=path", f"--string-limit={_LONGEST_PATH}")
    return [strace, *options, f"--trace={_CALLS}", f"--output={log}", "--output-append-mode", "--"]


class TraceLog:
    """The log of a traced program, from a moment on."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._begun = path.stat().st_size

    def touched(self) -> set[Path]:
        """The files that were touched since this was made."""
        with self._path.open("rb") as log:
            log.seek(self._begun)
            text = log.read().decode(errors="replace")
        return {path for call in parse_system_calls(text) for path in _paths(call)}


def _paths(call: SystemCall) -> Iterator[Path]:
    """Yields each file as it was named, and the one that was found under that name."""
    for text in call.texts:
        yield Path(os.path.normpath(Path(call.path, text)))
    if call.opened:
        yield Path(call.opened)


def outside(paths: Iterable[Path], folders: Iterable[Path]) -> list[Path]:
    """The paths that are neither one of the folders nor below one."""
    roots = {each for folder in folders for each in (folder, folder.resolve())}
    return sorted(path for path in paths if not any(path.is_relative_to(root) for root in roots))
