"""Forms with files are read within limits, from any client and in any spelling."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx2
import pytest
from fastapi import Request

from service.api.http.form_body import UploadedFile, read_form
from service.errors import BodyTooLargeError, DarkroomError, InvalidRequestError, UnsupportedMediaTypeError

MAX_BYTES, MAX_FILE_BYTES = 1000, 6000
BOUNDARY = "b"


def request_with(body: bytes, *, declared: bool = True, headers: dict[str, str] | None = None) -> Request:
    given = {"content-type": f"multipart/form-data; boundary={BOUNDARY}", **(headers or {})}
    if declared:
        given["content-length"] = str(len(body))
    parts: Iterator[bytes] = iter([body[i : i + 700] for i in range(0, len(body), 700)] or [b""])

    async def receive() -> dict[str, Any]:
        part = next(parts, None)
        return {"type": "http.request", "body": part or b"", "more_body": part is not None}

    scope = {"type": "http", "headers": [(name.encode(), value.encode()) for name, value in given.items()]}
    return Request(scope, receive)


def form(*parts: tuple[str, bytes | str]) -> bytes:
    """Returns the body of a form. A part whose value is bytes is a file."""
    lines = b""
    for name, value in parts:
        as_file = '; filename="../../etc/passwd"' if isinstance(value, bytes) else ""
        head = f'--{BOUNDARY}\r\nContent-Disposition: form-data; name="{name}"{as_file}\r\n\r\n'
        lines += head.encode() + (value if isinstance(value, bytes) else value.encode()) + b"\r\n"
    return lines + f"--{BOUNDARY}--\r\n".encode()


async def read(body: bytes, **options: Any) -> dict[str, Any]:
    return await read_form(request_with(body, **options), MAX_BYTES, MAX_FILE_BYTES)


async def test_text_and_files_are_told_apart() -> None:
    fields = await read(form(("prompt", "ein größerer Kreis"), ("image", b"\x89PNG"), ("n", "2")))
    assert fields == {"prompt": "ein größerer Kreis", "image": UploadedFile(b"\x89PNG"), "n": "2"}


@pytest.mark.parametrize("name", ["image", "image[]"])
async def test_a_file_may_be_spelled_as_a_list(name: str) -> None:
    assert await read(form((name, b"a"))) == {"image": UploadedFile(b"a")}
    assert await read(form((name, b"a"), (name, b"b"))) == {"image": [UploadedFile(b"a"), UploadedFile(b"b")]}


async def test_brackets_make_objects_and_lists() -> None:
    fields = await read(form(("hires[scale]", "2"), ("hires[steps]", "3"), ("crop[]", "1"), ("crop[]", "2")))
    assert fields == {"hires": {"scale": "2", "steps": "3"}, "crop": ["1", "2"]}
    assert await read(form(("crop", "1"), ("crop", "2"))) == {"crop": ["1", "2"]}


@pytest.mark.parametrize(
    "parts",
    [
        [("a[b]", "1"), ("a[b]", "2")],
        [("a", "1"), ("a[b]", "2")],
        [("a[b]", "1"), ("a", b"2")],
        [("a[b][c]", "1")],
    ],
)
async def test_a_field_that_is_given_twice_is_refused(parts: list[tuple[str, bytes | str]]) -> None:
    with pytest.raises(InvalidRequestError):
        await read(form(*parts))


async def test_names_that_are_no_paths_are_names() -> None:
    assert await read(form(("[", "1"), ("a]b[", "2"), ("", "3"))) == {"[": "1", "a]b[": "2", "": "3"}


@pytest.mark.parametrize("declared", [True, False])
async def test_a_form_that_is_too_large_is_refused(declared: bool) -> None:
    with pytest.raises(BodyTooLargeError):
        await read(form(("image", bytes(MAX_FILE_BYTES))), declared=declared)


async def test_a_declared_length_is_refused_before_anything_is_read() -> None:
    async def receive() -> dict[str, Any]:
        raise AssertionError("nothing is to be read")

    request = request_with(b"", declared=False, headers={"content-length": "9" * 30})
    request._receive = receive
    with pytest.raises(BodyTooLargeError):
        await read_form(request, MAX_BYTES, MAX_FILE_BYTES)


async def test_text_is_bounded_apart_from_files() -> None:
    await read(form(("image", bytes(4000)), ("prompt", "x" * 900)))
    for parts in ([("prompt", "x" * 1100)], [(f"p{i}", "x" * 300) for i in range(4)]):
        with pytest.raises((BodyTooLargeError, InvalidRequestError)):
            await read(form(*parts))


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"--",
        form(("a", "1"))[:-8],
        b"--b\r\n\r\n\r\nx\r\n--b--\r\n",
        b"--b\r\nContent-Disposition: form-data\r\n\r\nx\r\n--b--\r\n",
        form(*[(f"f{i}", b"") for i in range(19)]),
        form(*[(f"f{i}", "") for i in range(201)]),
    ],
    ids=["empty", "dashes", "cut", "no head", "no name", "files", "fields"],
)
async def test_a_malformed_form_is_refused(body: bytes) -> None:
    with pytest.raises(InvalidRequestError, match="malformed"):
        await read_form(request_with(body), 1 << 16, 1 << 16)


@pytest.mark.parametrize("boundary", ["", "; boundary=", f"; boundary={'x' * 1000}", "; boundary=\0"])
async def test_a_boundary_that_is_none_is_refused(boundary: str) -> None:
    request = request_with(form(("a", "1")), headers={"content-type": f"multipart/form-data{boundary}"})
    with pytest.raises(InvalidRequestError):
        await read_form(request, MAX_BYTES, MAX_FILE_BYTES)


@pytest.mark.parametrize("charset", ["undefined", "punycode", "utf-7", "latin-1", "x" * 300, '"idna"'])
async def test_a_form_is_utf_8(charset: str) -> None:
    media_type = f"multipart/form-data; boundary={BOUNDARY}; charset="
    assert await read(form(("a", "ü")), headers={"content-type": f"{media_type}UTF-8"}) == {"a": "ü"}
    with pytest.raises(UnsupportedMediaTypeError):
        await read(form(("a", "1")), headers={"content-type": f"{media_type}{charset}"})


async def test_a_compressed_form_is_refused() -> None:
    with pytest.raises(UnsupportedMediaTypeError):
        await read(form(("a", "1")), headers={"content-encoding": "gzip"})


async def test_any_byte_changed_makes_a_form_or_a_refusal() -> None:
    body = form(("prompt", "x"), ("image", b"abc"))
    for place in range(len(body)):
        for byte in (0, 10, 34, 255):
            changed = bytes([*body[:place], byte, *body[place + 1 :]])
            try:
                await read(changed)
            except DarkroomError as error:
                assert error.status in (400, 413)  # noqa: PT017 -- most changes are refused


async def test_it_reads_what_a_client_sends() -> None:
    sent = httpx2.Request("POST", "http://x", data={"prompt": "x"}, files={"image": ("a.png", b"\x89PNG", "text/html")})

    async def receive() -> dict[str, Any]:
        return {"type": "http.request", "body": sent.read(), "more_body": False}

    headers = [(name.lower(), value) for name, value in sent.headers.raw]
    request = Request({"type": "http", "headers": headers}, receive)
    assert await read_form(request, MAX_BYTES, MAX_FILE_BYTES) == {"prompt": "x", "image": UploadedFile(b"\x89PNG")}
