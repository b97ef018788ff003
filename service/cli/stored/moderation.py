"""`darkroom moderation`: the verdicts of the moderation service, as the database keeps them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Annotated, Any, Final

import typer

from service.cli.options import STORE, JsonOption, with_settings
from service.cli.stored.command import run_command

if TYPE_CHECKING:
    from service.moderation.verdicts import Verdict

_COLUMNS: Final = ("judged", "tenant", "subject", "outcome", "categories", "policy", "job", "prompt sha256")


@with_settings(*STORE)
def list_verdicts(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option(help="Show only verdicts about this tenant.", metavar="NAME")] = None,
    outcome: Annotated[
        str | None,
        typer.Option(help="Show only verdicts with this outcome: allowed, blocked or unavailable.", metavar="OUTCOME"),
    ] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="Maximum number of verdicts to show.", metavar="N")] = 50,
    as_json: JsonOption = False,
    **given: object,
) -> None:
    """List the verdicts of moderation, newest first, with the tenant, the policy, and the reasons for a block.

    Prompts are not kept. To find a prompt that you know, look for the SHA-256 of its UTF-8 text.
    """
    from service.cli.stored.store import format_table
    from service.moderation.verdict_log import newest
    from service.moderation.verdicts import Outcome

    try:
        wanted = None if outcome is None else Outcome(outcome)
    except ValueError:
        raise typer.BadParameter("the outcome must be allowed, blocked or unavailable") from None
    found = run_command(context, lambda database: newest(database, limit=limit, tenant=tenant, outcome=wanted))
    if as_json:
        typer.echo(json.dumps({"verdicts": [_described(each) for each in found]}))
    else:
        typer.echo(format_table([_COLUMNS, *map(_row, found)]) if found else "There are no verdicts.")


def _described(verdict: Verdict) -> dict[str, Any]:
    """All of a verdict, for JSON."""
    from service.cli.stored.store import iso_time

    asker, judgement = verdict.asker, verdict.judgement
    return {
        "judged_at": iso_time(verdict.judged_at),
        "tenant": asker.tenant,
        "job_id": asker.job_id,
        "request_id": asker.request_id,
        "subject": verdict.subject,
        "prompt_sha256": verdict.prompt_sha256,
        "outcome": judgement.outcome,
        "policy": judgement.policy,
        "categories": judgement.categories,
    }


def _row(verdict: Verdict) -> tuple[str, ...]:
    from service.cli.stored.store import iso_time

    asker, judgement = verdict.asker, verdict.judgement
    return (
        iso_time(verdict.judged_at) or "",
        asker.tenant,
        verdict.subject,
        judgement.outcome,
        ", ".join(judgement.categories) or "-",
        judgement.policy or "-",
        asker.job_id,
        verdict.prompt_sha256,
    )
