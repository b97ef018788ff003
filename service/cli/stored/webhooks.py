"""`darkroom webhooks`: the deliveries of a server's webhooks and the secrets that sign them. Works on the store."""

from __future__ import annotations

import json
from dataclasses import asdict
from typing import TYPE_CHECKING, Annotated, Any, Final, TypeVar

import typer

from service.cli.options import STORE, JsonOption, store_settings, with_settings
from service.cli.stored.command import run_command

if TYPE_CHECKING:
    from service.jobs.store.database import Database
    from service.webhooks.deliveries import Delivery

T = TypeVar("T")

_COLUMNS: Final = ("id", "tenant", "state", "tries", "status", "created", "next try", "url", "last error")

app = typer.Typer(add_completion=False, help="List and retry deliveries of webhooks, and show or change secrets.")

TenantOption = Annotated[str, typer.Option(help="Tenant whose webhooks the secret signs.", metavar="NAME")]


@app.command("list")
@with_settings(*STORE)
def list_deliveries(
    context: typer.Context,
    tenant: Annotated[str | None, typer.Option(help="Show only deliveries of this tenant.", metavar="NAME")] = None,
    state: Annotated[
        str | None,
        typer.Option(
            help="Show only deliveries in this state: pending, delivered, failed or disabled.", metavar="STATE"
        ),
    ] = None,
    limit: Annotated[
        int, typer.Option(min=1, max=1000, help="Maximum number of deliveries to show.", metavar="N")
    ] = 50,
    as_json: JsonOption = False,
    **given: object,
) -> None:
    """List deliveries, newest first, with their state, the number of tries, and why the last try failed."""
    from service.cli.stored.store import format_table
    from service.webhooks.deliveries import Deliveries, DeliveryState

    try:
        wanted = None if state is None else DeliveryState(state)
    except ValueError:
        raise typer.BadParameter("the state must be pending, delivered, failed or disabled") from None
    found = run_command(context, lambda database: Deliveries(database).page(tenant, limit=limit, state=wanted))
    if as_json:
        typer.echo(json.dumps({"deliveries": [_described(each) for each in found]}))
    else:
        typer.echo(format_table([_COLUMNS, *map(_row, found)]) if found else "There are no deliveries.")


@app.command()
@with_settings(*STORE)
def retry(
    context: typer.Context,
    delivery_ids: Annotated[
        list[str], typer.Argument(help="Ids that `darkroom webhooks list` shows.", metavar="ID...")
    ],
    **given: object,
) -> None:
    """Retry deliveries, whatever their state. A running server sends them within ten seconds.

    A delivery that is being tried stays as it is.
    """
    from service.webhooks.deliveries import Deliveries

    async def work(database: Database) -> list[str]:
        deliveries, now = Deliveries(database), database.clock.now()
        return [each for each in delivery_ids if await deliveries.retry(each, None, now=now) is None]

    unknown = run_command(context, work)
    for delivery_id in unknown:
        typer.echo(f"There is no delivery {delivery_id}.", err=True)
    if unknown:
        raise typer.Exit(1)


@app.command()
@with_settings(*STORE)
def secret(
    context: typer.Context,
    tenant: TenantOption = "default",
    rotate: Annotated[
        bool, typer.Option("--rotate", help="Make a new secret. The former one also signs for one more day.")
    ] = False,
    as_json: JsonOption = False,
    **given: object,
) -> None:
    """Print the secret that signs a tenant's webhooks, in the form that libraries for Standard Webhooks accept."""
    from service.link_key import load_link_key
    from service.webhooks.sending.signing import spelled
    from service.webhooks.tenant_secrets import TenantSecrets

    settings = store_settings(context)

    async def work(database: Database) -> bytes:
        secrets = TenantSecrets(database, load_link_key(settings.data_dir))
        return await (secrets.rotate if rotate else secrets.current)(tenant, now=database.clock.now())

    text = spelled(run_command(context, work))
    typer.echo(json.dumps({"tenant": tenant, "secret": text}) if as_json else text)


def _described(delivery: Delivery) -> dict[str, Any]:
    """All of a delivery, for JSON."""
    from service.cli.stored.store import iso_time

    fields = asdict(delivery)
    return {name: iso_time(value) if name.endswith("_at") else value for name, value in fields.items()}


def _row(each: Delivery) -> tuple[str, ...]:
    from service.cli.stored.store import iso_time

    status = "-" if each.status is None else str(each.status)
    times = (iso_time(each.created_at) or "", iso_time(each.try_at) or "-")
    return (each.id, each.tenant, each.state.value, str(each.tries), status, *times, each.url, each.error or "-")
