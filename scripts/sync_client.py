"""Writes the synchronous client from the asynchronous one: `python -m scripts.sync_client`.

The asynchronous source is the one that is written by hand. Each keyword and name that waits is left out or replaced by
its synchronous counterpart; nothing else is changed, so that both clients do the same. A test compares the result with
what is committed.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).parents[1]
SOURCE: Final = ROOT / "client/darkroom/_async"
TARGET: Final = ROOT / "client/darkroom/_sync"

_MARK: Final = "# Written by `python -m scripts.sync_client` from {}: change that instead.\n"
_WORDS: Final = {
    "__aenter__": "__enter__",
    "__aexit__": "__exit__",
    "__aiter__": "__iter__",
    "__anext__": "__next__",
    "_async": "_sync",
    "aclose": "close",
    "aclosing": "closing",
    "anyio": "time",
    "aread": "read",
    "async_raw": "raw",
    "asynccontextmanager": "contextmanager",
    "asynchronous": "synchronous",
}
"""Names and their synchronous counterparts. `Async` at the beginning of a name is left out."""
_LEFT_OUT: Final = ("async", "await")
_DOCUMENTED: Final = re.compile(r"\b(?:async_raw|Async(?=[A-Z])|asynchronous)")


def translate(source: str) -> str:
    """Return the synchronous counterpart of an asynchronous module, unformatted."""
    parts: list[str] = []
    line, column = 1, 0
    lines = source.splitlines(keepends=True)
    skip_space = False
    for token in tokenize.generate_tokens(io.StringIO(source).readline):
        parts.append(_between(lines, (line, column), token.start, skip_space=skip_space))
        line, column = token.end
        skip_space = token.type == tokenize.NAME and token.string in _LEFT_OUT
        if not skip_space:
            parts.append(_counterpart(token))
    return _without_awaitables("".join(parts))


def _between(lines: list[str], start: tuple[int, int], end: tuple[int, int], *, skip_space: bool) -> str:
    """Return the text between two tokens, without the space that followed a word that was left out."""
    if start[0] == end[0]:
        text = lines[start[0] - 1][start[1] : end[1]] if start[0] <= len(lines) else ""
    else:
        inner = "".join(lines[start[0] : end[0] - 1])
        text = lines[start[0] - 1][start[1] :] + inner + (lines[end[0] - 1][: end[1]] if end[0] <= len(lines) else "")
    return text.removeprefix(" ") if skip_space else text


def _counterpart(token: tokenize.TokenInfo) -> str:
    if token.type == tokenize.NAME:
        return _WORDS.get(token.string, re.sub(r"^(_?)Async(?=[A-Z])", r"\1", token.string))
    if token.type in (tokenize.STRING, tokenize.COMMENT):
        return _DOCUMENTED.sub(lambda match: _WORDS.get(match[0], ""), token.string)
    return token.string


def _without_awaitables(text: str) -> str:
    """Return the module without the types that only awaited values have."""
    text = re.sub(r"\bAwaitable\[([^\[\]]+(?:\[[^\[\]]+\])?)\]", r"\1", text)
    text = re.sub(r"\bGenerator\[(.+), None\]", r"Generator[\1, None, None]", text)
    text = text.replace("self._events.__next__()", "next(self._events)")
    return re.sub(r"\bAwaitable, |, Awaitable\b", "", text)


def render() -> dict[str, str]:
    """Return the text of each module of the synchronous client, by file name."""
    return {path.name: _formatted(_module(path)) for path in sorted(SOURCE.glob("*.py"))}


def _module(path: Path) -> str:
    if path.name == "__init__.py":
        return '"""The synchronous client, which is generated from the asynchronous one."""\n'
    return _MARK.format(path.relative_to(ROOT)) + "\n" + translate(path.read_text())


def _formatted(text: str) -> str:
    """Return the text as the linter wants it."""
    ruff = [sys.executable, "-m", "ruff"]
    name = ["--stdin-filename", str(TARGET / "module.py"), "-"]
    for command in (
        ["check", "--fix", "--unsafe-fixes", "--quiet", "--select", "F401,I,UP028", *name],
        ["format", "--quiet", *name],
    ):
        text = subprocess.run([*ruff, *command], input=text, capture_output=True, text=True, check=True).stdout
    return text


if __name__ == "__main__":
    TARGET.mkdir(exist_ok=True)
    for old in TARGET.glob("*.py"):
        old.unlink()
    for name, text in render().items():
        (TARGET / name).write_text(text)
