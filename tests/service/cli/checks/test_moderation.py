"""`darkroom check` tells whether the moderation service answers, and whether its key can be read."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from service.cli.checks.findings import State
from service.cli.checks.moderation import check_moderation
from service.settings import Settings
from tests.harness.wire.moderation_service import POLICY, ModerationService, moderating

pytestmark = pytest.mark.integration


@pytest.fixture
def service() -> Iterator[ModerationService]:
    with moderating() as service:
        yield service


def found(service: ModerationService, **settings: Any) -> tuple[State, str]:
    (finding,) = check_moderation(Settings(moderation_url=service.url, **settings))
    return finding.state, finding.detail


def test_without_a_service_there_is_nothing_to_check() -> None:
    assert list(check_moderation(Settings())) == []


def test_a_service_that_judges_is_told_by_its_policy(service: ModerationService) -> None:
    assert found(service) == (State.OK, f"the service answers with {POLICY}")


def test_a_service_that_does_not_judge_is_noted_with_the_reason(service: ModerationService) -> None:
    service.answers = [(401, b"")]
    state, detail = found(service)
    assert state is State.NOTE
    assert "no image would be shown. It answered with the status 401." in detail


def test_without_its_key_a_server_would_not_start(service: ModerationService, tmp_path: Path) -> None:
    assert found(service, moderation_key_file=tmp_path / "none") == (
        State.FAILED,
        "Its key cannot be read (No such file or directory).",
    )


def test_a_service_that_blocks_what_is_harmless_is_noted(service: ModerationService) -> None:
    service.answers = [(200, b'{"results": [{"flagged": true}]}')]

    state, detail = found(service)

    assert state is State.NOTE
    assert "a model that it does not name, does not even allow" in detail


def test_a_key_for_no_service_is_a_fault(tmp_path: Path) -> None:
    (finding,) = check_moderation(Settings(moderation_key_file=tmp_path / "key"))

    assert finding.state is State.FAILED
    assert "nothing would be judged" in finding.detail
