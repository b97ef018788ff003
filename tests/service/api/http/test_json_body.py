"""JSON objects are read from a body; anything else is refused before it costs memory or time."""

from __future__ import annotations

import json
import math
import tracemalloc
from collections.abc import Iterable
from typing import Any, Final

import pytest
from fastapi import Request
from hypothesis import given
from hypothesis import strategies as st
from starlette.types import Message

from service.api.http.json_body import read_json_object
from service.errors import BodyTooLargeError, InvalidRequestError, UnsupportedMediaTypeError

MAX_BYTES: Final = 1000
MAX_VALUES: Final = 2000
CANARY: Final = "cAnArY7"


class Sender:
    """A request whose body comes in chunks. It counts the chunks that were taken."""

    def __init__(self, *chunks: bytes, **headers: str) -> None:
        named = {"content-type": "application/json"} | {name.replace("_", "-"): text for name, text in headers.items()}
        scope = {"type": "http", "headers": [(name.encode(), text.encode("latin-1")) for name, text in named.items()]}
        self._chunks = list(chunks)
        self.taken = 0
        self.request = Request(scope, self._receive)

    async def _receive(self) -> Message:
        body = self._chunks[self.taken] if self.taken < len(self._chunks) else b""
        self.taken += 1
        return {"type": "http.request", "body": body, "more_body": self.taken < len(self._chunks)}

    async def read(self) -> dict[str, Any]:
        return await read_json_object(self.request, MAX_BYTES)


@pytest.mark.parametrize(
    "media_type", ["application/json", "Application/JSON", "application/json; charset=utf-8", "application/a.b-c+json"]
)
async def test_json_is_read_whatever_its_media_type_is_called(media_type: str) -> None:
    assert await Sender(b'{"a": [1, "b"]}', content_type=media_type).read() == {"a": [1, "b"]}


@pytest.mark.parametrize(
    "headers",
    [
        {"content_type": "text/plain"},
        {"content_type": "application/x-www-form-urlencoded"},
        {"content_type": ""},
        {"content_type": "application/jsonx"},
        {"content_encoding": "gzip"},
    ],
)
async def test_other_media_types_and_compressed_bodies_are_refused_unread(headers: dict[str, str]) -> None:
    sender = Sender(b"{}", **headers)
    with pytest.raises(UnsupportedMediaTypeError):
        await sender.read()
    assert sender.taken == 0


async def test_a_body_that_is_not_said_to_be_anything_is_json_where_the_route_says_so() -> None:
    assert await read_json_object(Sender(b'{"a": 1}').request, MAX_BYTES, untyped=True) == {"a": 1}
    for sender in (Sender(b"{}", content_type="text/plain"), Sender(b"{}", content_type="")):
        with pytest.raises(UnsupportedMediaTypeError):
            await read_json_object(sender.request, MAX_BYTES, untyped=True)
    with pytest.raises(InvalidRequestError):
        await read_json_object(Sender(b"").request, MAX_BYTES, untyped=True)


@pytest.mark.parametrize("length", [str(MAX_BYTES + 1), "9" * 20, "9" * 5000])
async def test_a_body_that_declares_too_great_a_length_is_refused_unread(length: str) -> None:
    sender = Sender(b"{}", content_length=length)
    with pytest.raises(BodyTooLargeError, match=f"larger than {MAX_BYTES} bytes"):
        await sender.read()
    assert sender.taken == 0


async def test_a_body_without_a_length_is_read_until_it_is_too_large() -> None:
    sender = Sender(*[b" " * 400] * 10)
    with pytest.raises(BodyTooLargeError):
        await sender.read()
    assert sender.taken == 3


async def test_a_body_may_be_as_large_as_the_limit() -> None:
    assert await Sender(b" " * (MAX_BYTES - 2), b"{}", content_length=str(MAX_BYTES)).read() == {}


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"cAnArY7",
        b'{"prompt": "cAnArY7"',
        b'["cAnArY7"]',
        b'"cAnArY7"',
        b"null",
        b'{"prompt": "\xff"}',
        b"\xff\xfe{\x00}\x00",
        b'{"cAnArY7": 1, "cAnArY7": 2}',
        b'{"a": {"cAnArY7": 1, "cAnArY7": 1}}',
        b'{"a": 1} cAnArY7',
    ],
)
async def test_what_is_no_json_object_is_refused_without_repeating_it(body: bytes) -> None:
    with pytest.raises(InvalidRequestError) as refusal:
        await Sender(body).read()
    assert CANARY not in refusal.value.message


async def test_a_body_that_is_nested_too_deeply_is_refused() -> None:
    for body in (b"[" * MAX_VALUES, nested(33), b'{"a":' * 33 + b"0" + b"}" * 33):
        with pytest.raises(InvalidRequestError, match="nested too deeply"):
            await read_json_object(Sender(body).request, len(body))
    assert await Sender(nested(32)).read()


def nested(depth: int) -> bytes:
    """An object with lists within one another."""
    return b'{"a":' + b"[" * (depth - 1) + b"]" * (depth - 1) + b"}"


@pytest.mark.parametrize(
    ("begin", "value", "end"),
    [
        (b'{"a":[', b"0,", b"0]}"),
        (b'{"a":[', b"[],", b"[]]}"),
        (b'{"a":[', b'{"a":0},', b"{}]}"),
        (b'{"a":[ ', b'"x\\" , [" , ', b"0]}"),
        (b"{", b'"":"",', b'"":""}'),
        (b"", b"[", b""),
        (b"", b'{"a":', b""),
    ],
)
async def test_a_body_of_very_many_values_is_refused_before_they_are_made(
    begin: bytes, value: bytes, end: bytes
) -> None:
    body = begin + value * (MAX_VALUES + 1) + end
    tracemalloc.start()
    with pytest.raises(InvalidRequestError, match=f"more than {MAX_VALUES} values"):
        await read_json_object(Sender(body).request, len(body))
    _, peak_bytes = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert peak_bytes < 2 * len(body) + 10_000


async def test_a_body_may_have_as_many_values_as_the_limit() -> None:
    body = json.dumps({"a": [0] * (MAX_VALUES - 2), "b": ',[{"\\' * MAX_VALUES}).encode()
    assert len((await read_json_object(Sender(body).request, len(body)))["a"]) == MAX_VALUES - 2


@pytest.mark.parametrize(
    ("text", "value"),
    [("7.0", 7), ("7e0", 7), ("-0.0", 0), ("7.5", 7.5), ("9007199254740992.0", 2**53), ("1" + "0" * 19, 10**19)],
)
async def test_a_number_without_a_fraction_is_an_integer_however_it_is_written(text: str, value: float) -> None:
    (read,) = (await Sender(f'{{"a": {text}}}'.encode()).read()).values()
    assert (read, type(read)) == (value, type(value))


@pytest.mark.parametrize("text", ["NaN", "Infinity", "-Infinity", "1e999", "-1e999", "1" + "0" * 900])
async def test_a_number_beyond_any_use_is_a_float_that_is_not_finite(text: str) -> None:
    (read,) = (await Sender(f'{{"a": {text}}}'.encode()).read()).values()
    assert isinstance(read, float)
    assert not math.isfinite(read)


def chunks_of(body: bytes, sizes: Iterable[int]) -> list[bytes]:
    chunks = []
    for size in sizes:
        chunks.append(body[:size])
        body = body[size:]
    return [*chunks, body]


field_names = st.text(max_size=3).filter(str.isprintable)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**63), 2**63) | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(field_names, inner, max_size=3),
    max_leaves=4,
)


@given(
    fields=st.dictionaries(field_names, values, max_size=3),
    sizes=st.lists(st.integers(0, 20), max_size=5),
    ascii_only=st.booleans(),
)
async def test_any_object_is_read_however_its_bytes_are_split(
    fields: dict[str, Any], sizes: list[int], ascii_only: bool
) -> None:
    body = json.dumps(fields, ensure_ascii=ascii_only).encode()
    assert await read_json_object(Sender(*chunks_of(body, sizes)).request, len(body)) == fields


@pytest.mark.parametrize("name", ["\\ud800", "\\udfff", "a\\u0000", "a\\n"])
@pytest.mark.parametrize("body", ['{"NAME": 1}', '{"a": {"NAME": 1}}', '{"a": [{"NAME": 1}]}'])
async def test_a_name_that_no_field_can_have_is_refused_wherever_it_stands(name: str, body: str) -> None:
    sent = body.replace("NAME", name).encode()
    with pytest.raises(InvalidRequestError, match="name that no field can have"):
        await read_json_object(Sender(sent).request, len(sent))
