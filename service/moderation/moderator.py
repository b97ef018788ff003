"""Asks a moderation service about texts and images, in the format of OpenAI's `POST /v1/moderations`.

Source: https://platform.openai.com/docs/api-reference/moderations. Follows no redirect and uses no proxy.
"""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Mapping, Sequence
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

import httpcore2
import msgspec

from service.moderation.verdicts import Judgement, Outcome
from service.operator_file import read_operator_file

_TRIES: Final = 2
"""The second one is for a connection that the service has closed meanwhile, and for a short failure of its own."""
_PAUSE_S: Final = 0.25
MAX_CONNECTIONS: Final = 16
_MAX_ANSWER_BYTES: Final = 1 << 20
_MAX_CATEGORIES: Final = 20
_MAX_NAME_CHARACTERS: Final = 100


class UnavailableModeratorError(Exception):
    """There is no judgement. The message is for the operator; it holds nothing that a caller sent."""


class _Result(msgspec.Struct):
    flagged: bool
    categories: dict[str, Any] = {}


class _Answer(msgspec.Struct):
    results: list[_Result]
    model: str = ""


_ANSWER: Final = msgspec.json.Decoder(_Answer)


class Moderator:
    """All methods belong to one event loop. Judgements raise `UnavailableModeratorError`."""

    def __init__(self, url: str, *, model: str, key_file: Path | None, timeout_s: float) -> None:
        """The key file is read for each request, so that a new key holds at once. None asks without a key.

        A judgement takes no longer than `timeout_s`, further tries included, from when a connection is free for it.
        """
        self._url = url
        self._model = model
        self._key_file = key_file
        self._timeout_s = timeout_s
        self._places = asyncio.Semaphore(MAX_CONNECTIONS)
        self._pool = httpcore2.AsyncConnectionPool(max_connections=MAX_CONNECTIONS, keepalive_expiry=30.0)

    def check_key(self) -> None:
        """Raises `UnavailableModeratorError` where there should be a key and none can be read."""
        self._headers()

    async def judge_texts(self, texts: Sequence[str]) -> list[Judgement]:
        """Returns a judgement of each text, in their order."""
        (only, *others) = texts
        answer = await self._ask(list(texts) if others else only)
        if len(answer.results) != len(texts):
            raise UnavailableModeratorError("It answered about another number of texts.")
        return [_judgement(answer, [result]) for result in answer.results]

    async def judge_image(self, file: bytes, media_type: str) -> Judgement:
        """Returns the judgement of an image file."""
        data = f"data:{media_type};base64,{base64.b64encode(file).decode()}"
        answer = await self._ask([{"type": "image_url", "image_url": {"url": data}}])
        if not answer.results:
            raise UnavailableModeratorError("It answered without a result.")
        return _judgement(answer, answer.results)

    async def close(self) -> None:
        await self._pool.aclose()

    async def _ask(self, content: object) -> _Answer:
        body, headers = msgspec.json.encode({"model": self._model, "input": content}), self._headers()
        try:
            async with self._places, asyncio.timeout(self._timeout_s):
                return await self._answer(headers, body)
        except (TimeoutError, httpcore2.TimeoutException):
            raise UnavailableModeratorError(f"It did not answer within {self._timeout_s:g} seconds.") from None
        except (OSError, httpcore2.NetworkError, httpcore2.ProtocolError):
            raise UnavailableModeratorError("It cannot be connected to, or does not answer in HTTP.") from None

    async def _answer(self, headers: Mapping[str, str], body: bytes) -> _Answer:
        """Returns the first answer of a try. A try fails with the connection, or where the service is overloaded."""
        for tries_left in reversed(range(_TRIES)):
            try:
                status, content = await self._post(headers, body)
            except (httpcore2.NetworkError, httpcore2.ProtocolError):
                if not tries_left:
                    raise
            else:
                if status == 200:
                    return _parsed(content)
                if not tries_left or (status != 429 and status < 500):
                    raise UnavailableModeratorError(f"It answered with the status {status}.")
            await asyncio.sleep(_PAUSE_S)
        raise AssertionError("the last try returns or raises")

    async def _post(self, headers: Mapping[str, str], body: bytes) -> tuple[int, bytes]:
        """Returns the status and the body of the answer."""
        async with self._pool.stream("POST", self._url, headers=list(headers.items()), content=body) as response:
            content = bytearray()
            async for part in response.aiter_stream():
                content += part
                if len(content) > _MAX_ANSWER_BYTES:
                    raise UnavailableModeratorError("Its answer is too long.")
            return response.status, bytes(content)

    def _headers(self) -> dict[str, str]:
        headers = {"Content-Type": "application/json", "User-Agent": f"Darkroom/{version('darkroom-server')}"}
        if self._key_file is not None:
            headers["Authorization"] = f"Bearer {_read_key(self._key_file)}"
        return headers


def _read_key(file: Path) -> str:
    try:
        key = read_operator_file(file, "change the key").strip()
    except OSError as error:
        raise UnavailableModeratorError(f"Its key cannot be read ({error.strerror}).") from None
    except ValueError as error:
        raise UnavailableModeratorError(f"Its key cannot be read: {error}") from None
    if not key or not key.isascii() or not key.isprintable() or " " in key:
        raise UnavailableModeratorError(f"{file} does not hold one key.")
    return key


def _parsed(content: bytes) -> _Answer:
    try:
        return _ANSWER.decode(content)
    except (msgspec.DecodeError, UnicodeDecodeError):
        raise UnavailableModeratorError("Its answer is not that of a moderation service.") from None


def _judgement(answer: _Answer, results: Sequence[_Result]) -> Judgement:
    flagged = [result for result in results if result.flagged]
    names = sorted({name for result in flagged for name, holds in result.categories.items() if holds is True})
    return Judgement(
        Outcome.BLOCKED if flagged else Outcome.ALLOWED,
        policy=_shortened(answer.model) or None,
        categories=tuple(map(_shortened, names[:_MAX_CATEGORIES])),
    )


def _shortened(name: str) -> str:
    """Returns a name that the service gave, as far as it is one: it goes into the log and onto a terminal."""
    return "".join(character for character in name if character.isprintable())[:_MAX_NAME_CHARACTERS]
