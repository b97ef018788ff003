"""Runs a command's work on the store of its settings."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, TypeVar

import typer

from service.cli.options import store_settings

if TYPE_CHECKING:
    from service.jobs.store.database import Database

T = TypeVar("T")


def run_command(context: typer.Context, work: Callable[[Database], Awaitable[T]]) -> T:
    """Returns the result of `work`. Where the store cannot be used, prints the reason and ends with the status 1."""
    from service.cli.stored.store import StoreError, run_in_store

    try:
        return run_in_store(store_settings(context), work)
    except StoreError as error:
        typer.echo(str(error), err=True)
        raise typer.Exit(1) from error
