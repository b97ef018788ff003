"""Checks that the moderation service answers, by having a harmless prompt judged."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from typing import Final

from service.cli.checks.findings import Finding, failed, note, ok
from service.moderation.moderator import Moderator, UnavailableModeratorError
from service.moderation.verdicts import Judgement, Outcome
from service.server.moderation import create_moderator
from service.settings import Settings

_WHAT: Final = "moderation"
_HARMLESS: Final = "a red circle on a white background"


def check_moderation(settings: Settings) -> Iterator[Finding]:
    """Yields a finding where there is a moderation service.

    Without an answer of the service a server starts, and shows nothing; without its key it does not start.
    """
    try:
        moderator = create_moderator(settings)
    except ValueError as error:
        yield failed(_WHAT, str(error))
        return
    if moderator is None:
        return
    try:
        moderator.check_key()
    except UnavailableModeratorError as error:
        yield failed(_WHAT, str(error))
        return
    try:
        judgement = asyncio.run(_judged(moderator))
    except UnavailableModeratorError as error:
        yield note(_WHAT, f"The service gives no judgement, so no image would be shown. {error}")
        return
    policy = judgement.policy or "a model that it does not name"
    if judgement.outcome is Outcome.BLOCKED:
        yield note(_WHAT, f"The service, with {policy}, does not even allow the prompt “{_HARMLESS}”.")
    else:
        yield ok(_WHAT, f"the service answers with {policy}")


async def _judged(moderator: Moderator) -> Judgement:
    try:
        (judgement,) = await moderator.judge_texts([_HARMLESS])
    finally:
        await moderator.close()
    return judgement
