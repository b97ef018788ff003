"""`darkroom keys`: makes, lists and revokes a server's API keys in the store. A running server notices the changes."""

from __future__ import annotations

import json
import time
from typing import Annotated

import typer

from service.cli.options import STORE, JsonOption, store_settings, with_settings

app = typer.Typer(add_completion=False, help="Make, list and revoke API keys, whether or not the server is running.")


@app.command()
@with_settings(*STORE)
def create(
    context: typer.Context,
    name: Annotated[str, typer.Option(help="Name by which people recognize the key.", metavar="NAME")] = "unnamed",
    role: Annotated[str, typer.Option(help="user or admin. An admin can also manage keys.", metavar="ROLE")] = "user",
    tenant: Annotated[
        str, typer.Option(help="Tenant to whose jobs and images the key gives access.", metavar="NAME")
    ] = "default",
    expires: Annotated[
        str | None,
        typer.Option(
            help="When the key expires, for example 12h, 90d or 2030-01-31. By default, never.", metavar="TIME"
        ),
    ] = None,
    requests_per_minute: Annotated[
        int | None, typer.Option(min=1, help="Maximum requests per minute.", metavar="N")
    ] = None,
    max_jobs: Annotated[
        int | None, typer.Option(min=1, help="Maximum number of unfinished jobs of its tenant.", metavar="N")
    ] = None,
    device_s_per_minute: Annotated[
        float | None,
        typer.Option(min=0.001, help="Maximum device seconds that a minute's requests may cost.", metavar="S"),
    ] = None,
    max_stored_bytes: Annotated[
        int | None, typer.Option(min=1, help="Maximum size of its tenant's images and uploads.", metavar="BYTES")
    ] = None,
    as_json: JsonOption = False,
    **given: object,
) -> None:
    """Make a key and print it. It is shown only once, because only its SHA-256 is kept."""
    from service.auth.identity import Quotas, Role
    from service.auth.keys import NewKey
    from service.cli.stored import key_store

    try:
        new = NewKey(
            name=name,
            role=Role(role),
            tenant=tenant,
            expires_at=None if expires is None else key_store.parse_expiry(expires, time.time()),
            quotas=Quotas(
                requests_per_minute=requests_per_minute,
                max_jobs=max_jobs,
                device_s_per_minute=device_s_per_minute,
                max_stored_bytes=max_stored_bytes,
            ),
        )
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    try:
        key, secret = key_store.create(store_settings(context), new)
    except key_store.KeyStoreError as error:
        raise _failed(error) from error
    if as_json:
        typer.echo(json.dumps({**key_store.response_fields(key, key.created_at), "key": secret}))
        return
    typer.echo(secret)
    typer.echo(f"This is the key {key.id} ({key.name}). It is not shown again.", err=True)


@app.command("list")
@with_settings(*STORE)
def list_keys(context: typer.Context, as_json: JsonOption = False, **given: object) -> None:
    """List the keys in the database. Expired and revoked keys are listed for at least 30 days. No secrets are shown."""
    from service.cli.stored import key_store

    try:
        keys, now = key_store.listed(store_settings(context))
    except key_store.KeyStoreError as error:
        raise _failed(error) from error
    if as_json:
        typer.echo(json.dumps({"keys": [key_store.response_fields(key, now) for key in keys]}))
    else:
        typer.echo(key_store.table(keys, now) if keys else "There are no keys.")


@app.command()
@with_settings(*STORE)
def revoke(
    context: typer.Context,
    key_ids: Annotated[list[str], typer.Argument(help="Ids that `darkroom keys list` shows.", metavar="ID...")],
    **given: object,
) -> None:
    """Revoke keys. Within a second, every server of the database refuses them and ends the requests that they began."""
    from service.cli.stored import key_store

    try:
        unknown = key_store.revoke(store_settings(context), key_ids)
    except key_store.KeyStoreError as error:
        raise _failed(error) from error
    for key_id in unknown:
        typer.echo(f"There is no key {key_id}, or it is revoked already.", err=True)
    if unknown:
        raise typer.Exit(1)


def _failed(error: Exception) -> typer.Exit:
    typer.echo(str(error), err=True)
    return typer.Exit(1)
