"""A body with files is JSON or a form, and only a few large ones are held at a time."""

from __future__ import annotations

import asyncio
import contextlib
import itertools
import json
from collections.abc import Iterator
from typing import Any

import pytest
from fastapi import Request

from service.api.http import file_body
from service.api.http.file_body import FileBodies, Places
from service.api.http.form_body import UploadedFile
from service.errors import BodyTooLargeError, InvalidRequestError, QueueFullError, UnsupportedMediaTypeError

FILE = "QUJD" * 4000
"""A text longer than the least that counts as a file in a large body."""


def request_with(body: bytes, media_type: str = "application/json", *, declared: bool = True) -> Request:
    headers = [(b"content-type", media_type.encode())]
    if declared:
        headers.append((b"content-length", str(len(body)).encode()))

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": body, "more_body": False}

    return Request({"type": "http", "headers": headers}, receive)


def bodies_of(owners: Iterator[str], *, max_wait_s: float = 10.0) -> FileBodies:
    return FileBodies(2000, 100_000, owner=lambda request: next(owners), max_wait_s=max_wait_s)


async def read(body: bytes, media_type: str = "application/json", *, max_bytes: int = 2000) -> dict[str, Any]:
    async with FileBodies(max_bytes, 100_000, owner=lambda request: "").read(request_with(body, media_type)) as read:
        assert read.is_form is media_type.startswith("multipart")
        return read.fields


async def test_small_json_is_read_as_ever() -> None:
    assert await read(b'{"n": 1.0, "prompt": "x"}') == {"n": 1, "prompt": "x"}
    with pytest.raises(InvalidRequestError, match="given twice"):
        await read(b'{"n": 1, "n": 2}')


async def test_long_strings_of_large_json_are_its_files() -> None:
    inner = {"images": [FILE[8:], "x", [{"image": FILE[12:]}]], "scale": 2}
    body = {"prompt": 'a "quoted" \\ text', "image": FILE, "mask": FILE[4:], "n": 2, "hires": inner}
    assert await read(json.dumps(body).encode()) == body


async def test_a_form_is_read_with_its_files() -> None:
    body = b'--b\r\nContent-Disposition: form-data; name="image"; filename="x"\r\n\r\nabc\r\n--b--\r\n'
    assert await read(body, "multipart/form-data; boundary=b") == {"image": UploadedFile(b"abc")}


@pytest.mark.parametrize("media_type", ["text/plain", "application/x-www-form-urlencoded", ""])
async def test_other_media_types_are_refused(media_type: str) -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        await read(b"{}", media_type)


@pytest.mark.parametrize(
    "body",
    [
        json.dumps({"image": FILE, "prompt": ["x" * 100] * 30}),
        json.dumps({"image": FILE, "a": [0] * 1000}),
        json.dumps({"image": FILE, FILE: 1}),
        json.dumps({"image": FILE, "prompt": "\\n" * 2000}),
        json.dumps({"image": "A" * 200_000}),
        '{"image": "' + FILE + '", "prompt": "' + "\\" * 9001,
        '{"image": "' + FILE + '", "a": [' + '"",' * 9000,
        '"' * 9000,
        "[" * 9000,
    ],
    ids=["texts", "numbers", "name", "escapes", "large", "open", "strings", "quotes", "deep"],
)
async def test_what_is_large_beside_the_files_is_refused(body: str) -> None:
    with pytest.raises((BodyTooLargeError, InvalidRequestError)):
        await read(body.encode())


async def test_a_mark_of_a_file_cannot_be_guessed() -> None:
    body = {"image": FILE, "prompt": "0" * 32 + "0"}
    assert await read(json.dumps(body).encode()) == body


async def test_a_mended_string_is_never_taken_for_a_file() -> None:
    body = {"image": FILE, "prompt": "\\u0041" * 3, "x": '\\"'}
    assert await read(json.dumps(body).encode()) == body


async def test_only_so_many_large_bodies_are_held() -> None:
    bodies = bodies_of(itertools.cycle(["one", "other"]), max_wait_s=0.01)
    large = json.dumps({"image": FILE}).encode()
    async with contextlib.AsyncExitStack() as held:
        for _ in range(file_body._LARGE_BODIES):
            await held.enter_async_context(bodies.read(request_with(large)))
        with pytest.raises(QueueFullError):
            await held.enter_async_context(bodies.read(request_with(large)))
        with pytest.raises(QueueFullError):
            await held.enter_async_context(bodies.read(request_with(b"{}", declared=False)))
        async with bodies.read(request_with(b"{}")) as small:
            assert small.fields == {}
    async with bodies.read(request_with(large)) as body:
        assert body.fields == {"image": FILE}


async def test_a_refused_body_gives_its_place_back() -> None:
    bodies = bodies_of(itertools.repeat("one"))
    for _ in range(2 * file_body._LARGE_BODIES):
        with pytest.raises(BodyTooLargeError):
            async with bodies.read(request_with(b'"' + FILE.encode())):
                pass


async def test_of_one_owner_half_as_many_are_held_and_others_find_places() -> None:
    share, large = file_body._LARGE_BODIES // 2, json.dumps({"image": FILE}).encode()
    bodies = bodies_of(iter(["one"] * (share + 1) + ["other"]), max_wait_s=0.01)
    async with contextlib.AsyncExitStack() as held:
        for _ in range(share):
            await held.enter_async_context(bodies.read(request_with(large)))
        with pytest.raises(QueueFullError):
            await held.enter_async_context(bodies.read(request_with(large)))
        await held.enter_async_context(bodies.read(request_with(large)))


async def test_only_so_many_of_one_owner_wait_for_a_place() -> None:
    places = Places(2, max_wait_s=60, full="full")
    async with places.place("one"), asyncio.TaskGroup() as waiting:
        tasks = [waiting.create_task(hold(places, "one")) for _ in range(file_body._MAX_WAITING)]
        await asyncio.sleep(0)
        with pytest.raises(QueueFullError):
            await hold(places, "one")
        await hold(places, "other")
        for task in tasks:
            task.cancel()
    await hold(places, "one")


async def hold(places: Places, owner: str) -> None:
    async with places.place(owner):
        pass
