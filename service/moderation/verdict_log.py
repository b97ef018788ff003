"""Keeps verdicts in the database, for those who must be able to show them later. All times are Unix seconds."""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from typing import Any, Final

from sqlalchemy import Connection, Row, bindparam, delete, insert, select

from service.jobs.store.database import Database
from service.jobs.store.tables import moderation_verdicts
from service.moderation.verdicts import Asker, Judgement, Outcome, Subject, Verdict

_INSERT: Final = insert(moderation_verdicts)
_FORGET: Final = delete(moderation_verdicts).where(moderation_verdicts.c.judged_at < bindparam("before"))
_NEWEST: Final = select(moderation_verdicts).order_by(
    moderation_verdicts.c.judged_at.desc(), moderation_verdicts.c.id.desc()
)


class VerdictLog:
    """The stored verdicts. Every method may raise `StoreUnavailableError`."""

    def __init__(self, database: Database, *, keep_s: float) -> None:
        """Verdicts are forgotten after `keep_s` seconds, as later ones are added."""
        self._database = database
        self._keep_s = keep_s

    def now(self) -> float:
        return self._database.clock.now()

    async def add(self, verdicts: Sequence[Verdict]) -> None:
        """Records verdicts, all or none. They survive a power failure."""
        rows, now = [_values(verdict) for verdict in verdicts], self.now()

        def work(connection: Connection) -> None:
            connection.execute(_FORGET, {"before": now - self._keep_s})
            connection.execute(_INSERT, rows)

        await self._database.write(work)

    async def newest(self, *, limit: int, tenant: str | None = None, outcome: Outcome | None = None) -> list[Verdict]:
        """Returns verdicts, the newest first."""
        statement = _NEWEST.limit(limit)
        if tenant is not None:
            statement = statement.where(moderation_verdicts.c.tenant == tenant)
        if outcome is not None:
            statement = statement.where(moderation_verdicts.c.outcome == outcome)
        return await self._database.scan(lambda connection: [_verdict(row) for row in connection.execute(statement)])


def _values(verdict: Verdict) -> dict[str, Any]:
    return {
        "id": secrets.token_hex(16),
        "judged_at": verdict.judged_at,
        "tenant": verdict.asker.tenant,
        "job_id": verdict.asker.job_id,
        "request_id": verdict.asker.request_id,
        "subject": verdict.subject,
        "prompt_sha256": verdict.prompt_sha256,
        "outcome": verdict.judgement.outcome,
        "policy": verdict.judgement.policy,
        "categories": ",".join(verdict.judgement.categories),
    }


def _verdict(row: Row[Any]) -> Verdict:
    categories = tuple(filter(None, row.categories.split(",")))
    return Verdict(
        judged_at=row.judged_at,
        asker=Asker(row.tenant, row.job_id, row.request_id),
        subject=Subject(row.subject),
        prompt_sha256=row.prompt_sha256,
        judgement=Judgement(Outcome(row.outcome), row.policy, categories),
    )
