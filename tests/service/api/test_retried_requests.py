"""The work of callers that gave up waiting is found again by retries, and canceled when none comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest
from fastapi import Request, Response

from service.api.retried_requests import RetriedRequests, RetryKey, Work, retry_key
from service.errors import GoneError

BODY = {"prompt": "a red circle"}
KEY = RetryKey("first", "first", 0.0)


def request(path: str = "/v1/images/edits", **headers: str) -> Request:
    pairs = [(name.replace("_", "-").encode(), value.encode()) for name, value in headers.items()]
    return Request({"type": "http", "path": path, "headers": pairs})


def stainless(tries: str, timeout_s: str = "600") -> Request:
    return request(x_stainless_retry_count=tries, x_stainless_read_timeout=timeout_s)


class Making:
    """An answer that is being made."""

    def __init__(self) -> None:
        self.finished = asyncio.Event()
        self.canceled = False
        self.ended = asyncio.Event()
        self.response = Response("image")

    async def make(self) -> Response:
        try:
            await self.finished.wait()
        except asyncio.CancelledError:
            self.canceled = True
            self.ended.set()
            raise
        return self.response


@asynccontextmanager
async def caller(retried: RetriedRequests, key: RetryKey | None, work: Work) -> AsyncIterator[asyncio.Task[Response]]:
    """A caller that waits for the work, and hangs up when the context is left."""
    waiting = asyncio.create_task(retried.result(key, work))
    await asyncio.sleep(0)
    yield waiting
    waiting.cancel()
    await asyncio.wait([waiting])
    await asyncio.sleep(0)


def test_a_request_that_does_not_say_which_try_it_is_has_no_key() -> None:
    assert retry_key(request(), "", BODY) is None
    assert retry_key(request(x_stainless_retry_count="0"), "", BODY) is None
    assert retry_key(stainless("many"), "", BODY) is None


def test_a_repeated_key_finds_the_work_of_its_tenant_and_request_alone() -> None:
    first = retry_key(request(idempotency_key="a"), "t", BODY)
    assert first is not None
    assert first.earlier == first.later

    assert retry_key(request(idempotency_key="a"), "t", {**BODY}) == first
    for other in (
        retry_key(request(idempotency_key="b"), "t", BODY),
        retry_key(request(idempotency_key="a"), "u", BODY),
        retry_key(request(idempotency_key="a"), "t", {"prompt": "a blue circle"}),
        retry_key(request(idempotency_key="a", accept="image/png"), "t", BODY),
        retry_key(request("/v1/images/variations", idempotency_key="a"), "t", BODY),
    ):
        assert other is not None
        assert other.earlier != first.later


def test_each_try_of_an_official_client_finds_the_work_of_the_one_before() -> None:
    tries = [retry_key(stainless(count), "", BODY) for count in ("0", "1", "2")]
    first, second, third = [key for key in tries if key is not None]

    assert (second.earlier, third.earlier) == (first.later, second.later)
    assert first.earlier != first.later


async def test_work_without_a_key_ends_with_its_caller() -> None:
    retried, making = RetriedRequests(), Making()
    async with caller(retried, None, retried.begin(None, making.make())):
        pass

    assert making.canceled


async def test_a_caller_that_comes_again_gets_the_answer_of_its_first_try() -> None:
    retried, making = RetriedRequests(), Making()
    async with caller(retried, KEY, retried.begin(KEY, making.make())):
        pass
    work = retried.find(KEY)
    assert work is not None
    async with caller(retried, KEY, work) as waiting:
        making.finished.set()
        assert await waiting is making.response

    assert retried.find(KEY) is None, "an answer that was delivered is forgotten"


async def test_an_answer_that_is_finished_between_two_tries_is_kept_for_the_second() -> None:
    retried, making = RetriedRequests(), Making()
    async with caller(retried, KEY, retried.begin(KEY, making.make())):
        pass
    making.finished.set()
    await asyncio.sleep(0)
    work = retried.find(KEY)

    assert work is not None
    assert await retried.result(KEY, work) is making.response


async def test_work_whose_caller_does_not_come_again_is_canceled_after_a_while() -> None:
    retried, making = RetriedRequests(keep_s=0.01), Making()
    async with caller(retried, KEY, retried.begin(KEY, making.make())):
        pass
    await asyncio.wait_for(making.ended.wait(), 60)

    assert making.canceled
    assert retried.find(KEY) is None


async def test_work_goes_on_while_another_caller_waits_for_it() -> None:
    retried, making = RetriedRequests(keep_s=0.0), Making()
    work = retried.begin(KEY, making.make())
    async with caller(retried, KEY, work) as second:
        async with caller(retried, KEY, work):
            pass
        await asyncio.sleep(0.01)
        making.finished.set()
        assert await second is making.response


async def test_a_client_that_is_stopped_before_its_timeout_is_not_expected_again() -> None:
    retried, making = RetriedRequests(), Making()
    key = retry_key(stainless("0", timeout_s="600"), "", BODY)
    async with caller(retried, key, retried.begin(key, making.make())):
        pass

    assert making.canceled


async def test_a_client_that_timed_out_is_expected_again() -> None:
    retried, making = RetriedRequests(), Making()
    key = retry_key(stainless("0", timeout_s="0.01"), "", BODY)
    async with caller(retried, key, retried.begin(key, making.make())):
        await asyncio.sleep(0.02)
    work = retried.find(retry_key(stainless("1", timeout_s="0.01"), "", BODY))

    assert work is not None
    assert not making.canceled
    work.answer.cancel()


async def test_only_so_many_works_without_a_caller_are_kept() -> None:
    retried = RetriedRequests()
    makings = [Making() for _ in range(20)]
    for number, making in enumerate(makings):
        key = RetryKey(number, number, 0.0)
        async with caller(retried, key, retried.begin(key, making.make())):
            pass

    assert [making.canceled for making in makings] == [False] * 16 + [True] * 4


async def test_the_caller_gets_the_error_of_the_work() -> None:
    async def fail() -> Response:
        raise GoneError

    retried = RetriedRequests()
    with pytest.raises(GoneError):
        await retried.result(KEY, retried.begin(KEY, fail()))
