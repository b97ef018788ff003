"""The moderation service is asked in its own format, and any answer that is not a judgement is an error."""

from __future__ import annotations

import asyncio
import io
import json
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from PIL import Image

from service.moderation.moderator import MAX_CONNECTIONS, Moderator, UnavailableModeratorError
from service.moderation.verdicts import Judgement, Outcome
from tests.harness.wire.moderation_service import POLICY, ModerationService, moderating

LONG_S = 60.0
ALLOWED = Judgement(Outcome.ALLOWED, POLICY)
BLOCKED = Judgement(Outcome.BLOCKED, POLICY, ("violence",))


def make(service: ModerationService, *, key_file: Path | None = None, timeout_s: float = LONG_S) -> Moderator:
    return Moderator(service.url, model="moderator-latest", key_file=key_file, timeout_s=timeout_s)


@pytest.fixture
async def moderator(service: ModerationService) -> AsyncIterator[Moderator]:
    moderator = make(service)
    yield moderator
    await moderator.close()


def jpeg() -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (8, 8), "red").save(file, "jpeg")
    return file.getvalue()


async def test_one_text_is_sent_as_it_is_and_several_as_a_list(
    moderator: Moderator, service: ModerationService
) -> None:
    assert await moderator.judge_texts(["a red circle"]) == [ALLOWED]
    assert await moderator.judge_texts(["a forbidden circle", "a star"]) == [BLOCKED, ALLOWED]

    assert service.bodies == [
        {"model": "moderator-latest", "input": "a red circle"},
        {"model": "moderator-latest", "input": ["a forbidden circle", "a star"]},
    ]
    assert service.keys == [None, None]


async def test_an_image_is_sent_as_a_data_url(moderator: Moderator, service: ModerationService) -> None:
    sizes = []

    def flags(image: Image.Image) -> bool:
        sizes.append(image.size)
        return True

    service.flags_image = flags

    assert await moderator.judge_image(jpeg(), "image/jpeg") == BLOCKED
    assert sizes == [(8, 8)]


async def test_a_new_key_holds_at_once(service: ModerationService, tmp_path: Path) -> None:
    key_file = tmp_path / "key"
    moderator = make(service, key_file=key_file)

    for key in ("first", "second"):
        key_file.write_text(f"{key}\n")
        await moderator.judge_texts(["a star"])

    assert service.keys == ["Bearer first", "Bearer second"]
    await moderator.close()


@pytest.mark.parametrize("text", [None, "", "two keys", "line\nline", "schlüssel"])
async def test_without_a_key_that_can_be_sent_nobody_is_asked(
    service: ModerationService, tmp_path: Path, text: str | None
) -> None:
    key_file = tmp_path / "key"
    if text is not None:
        key_file.write_text(text)
    moderator = make(service, key_file=key_file)

    with pytest.raises(UnavailableModeratorError, match="key"):
        await moderator.judge_texts(["a star"])

    assert service.bodies == []
    await moderator.close()


@pytest.mark.parametrize("status", [429, 500, 503])
async def test_an_overloaded_service_is_asked_once_more(
    moderator: Moderator, service: ModerationService, status: int
) -> None:
    service.answers = [(status, b"")]
    assert await moderator.judge_texts(["a star"]) == [ALLOWED]

    service.answers = [(status, b""), (status, b"")]
    with pytest.raises(UnavailableModeratorError, match=str(status)):
        await moderator.judge_texts(["a star"])


@pytest.mark.parametrize("status", [204, 302, 400, 401, 404])
async def test_another_status_is_no_judgement_and_no_reason_to_ask_again(
    moderator: Moderator, service: ModerationService, status: int
) -> None:
    service.answers = [(status, b"")]

    with pytest.raises(UnavailableModeratorError, match=str(status)):
        await moderator.judge_texts(["a star"])

    assert len(service.bodies) == 1


@pytest.mark.parametrize(
    "answer",
    [
        b"",
        b"[]",
        b"<html>",
        b"\xff",
        b"{}",
        b'{"results": [{}]}',
        b'{"results": [{"flagged": "no"}]}',
        b'{"results": [{"flagged": null}]}',
        b'{"results": [{"flagged": 0}]}',
        b'{"results": []}',
        b'{"results": [{"flagged": false}, {"flagged": false}]}',
        b'{"results": [{"flagged": false}]' + b" " * (1 << 20) + b"}",
        b"[" * 100_000,
    ],
)
async def test_a_malformed_answer_is_no_judgement(
    moderator: Moderator, service: ModerationService, answer: bytes
) -> None:
    service.answers = [(200, answer)]

    with pytest.raises(UnavailableModeratorError):
        await moderator.judge_texts(["a star"])


async def test_an_image_without_a_result_is_not_judged(moderator: Moderator, service: ModerationService) -> None:
    service.answers = [(200, b'{"results": []}')]

    with pytest.raises(UnavailableModeratorError):
        await moderator.judge_image(jpeg(), "image/jpeg")


async def test_names_that_the_service_gives_are_bounded_and_can_be_printed(
    moderator: Moderator, service: ModerationService
) -> None:
    categories = {f"{number:02}\x1b[31m{'x' * 200}": True for number in range(50)} | {"fine": False, "odd": "yes"}
    answer = {"model": "m\n" * 200, "results": [{"flagged": True, "categories": categories}]}
    service.answers = [(200, json.dumps(answer).encode())]

    (judgement,) = await moderator.judge_texts(["a star"])

    assert judgement.policy == "m" * 100
    assert len(judgement.categories) == 20
    assert all(name.isprintable() and len(name) == 100 for name in judgement.categories)


async def test_a_service_that_hangs_is_left_in_time(service: ModerationService) -> None:
    service.hangs = True
    moderator = make(service, timeout_s=0.1)

    with pytest.raises(UnavailableModeratorError, match=r"within 0\.1 seconds"):
        await moderator.judge_texts(["a star"])

    await moderator.close()


@pytest.mark.integration
async def test_a_service_that_is_not_there_is_no_judgement() -> None:
    with moderating() as service:
        moderator = make(service)

    with pytest.raises(UnavailableModeratorError, match="connected"):
        await moderator.judge_texts(["a star"])

    await moderator.close()


async def test_no_more_requests_are_sent_at_a_time_than_there_are_connections(
    moderator: Moderator, service: ModerationService
) -> None:
    service.hangs = True
    asking = [asyncio.create_task(moderator.judge_texts([f"star {number}"])) for number in range(MAX_CONNECTIONS + 4)]
    while len(service.bodies) < MAX_CONNECTIONS:  # noqa: ASYNC110 -- the service is in another thread
        await asyncio.sleep(0.01)
    await asyncio.sleep(0.05)
    assert len(service.bodies) == MAX_CONNECTIONS

    service.hangs = False
    for task in asking[:MAX_CONNECTIONS]:
        task.cancel()

    assert await asyncio.gather(*asking[MAX_CONNECTIONS:]) == [[ALLOWED]] * 4


async def test_the_time_to_judge_begins_when_there_is_a_connection(
    service: ModerationService, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("service.moderation.moderator.MAX_CONNECTIONS", 1)
    service.answers = [(0, b"")]  # The first request is not answered.
    moderator = make(service, timeout_s=2.0)

    first, second = await asyncio.gather(
        moderator.judge_texts(["a star"]), moderator.judge_texts(["a circle"]), return_exceptions=True
    )

    assert isinstance(first, UnavailableModeratorError)
    assert second == [ALLOWED]
    await moderator.close()
