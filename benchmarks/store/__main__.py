"""Measures the job store under load, of this tree or beside an earlier commit.

    python -m benchmarks.store --smoke                             # every part in seconds, to see that it works
    python -m benchmarks.store --before a3091a2 --rounds 3         # all parts of both versions, in turns
    python -m benchmarks.store accept lives --before a3091a2       # two parts of both
    python -m benchmarks.store accept --rate 0.5 --connections 64  # another device, another load
    python -m benchmarks.store accept lives --database postgres --servers 2

Every version runs in processes of its own: the real server, with a device that only waits, and a store on a disk, which
is synced as ever. Each round measures all versions with the same load, in changing order. The ratios and the CPU time
are the figures to trust: the rest depends on the machine.
"""

from __future__ import annotations

import contextlib
import dataclasses
import enum
import json
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Final

import typer

from benchmarks.store import machine
from benchmarks.store.parts import accept, depth, followers, lists, lives, overload, tenants
from benchmarks.store.parts.stage import SMOKE, Figures, Sizes, Stage
from benchmarks.store.report import table, titled, with_shares
from benchmarks.store.servers.databases import Database, SqliteFiles, running_postgres
from benchmarks.store.servers.versions import ROOT, Version, export, this_tree

PARTS: Final[dict[str, Callable[[Stage], Figures]]] = {
    "accept": accept.measure,
    "lives": lives.measure,
    "depth": depth.measure,
    "overload": overload.measure,
    "tenants": tenants.measure,
    "followers": followers.measure,
    "lists": lists.measure,
}
SHARED: Final = ("accept", "lives")
"""The parts that are also measured with several servers."""
_SUMS: Final = ("accepted, jobs/s", "lives/s")

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False, rich_markup_mode=None)


class DatabaseName(enum.StrEnum):
    SQLITE = "sqlite"
    POSTGRES = "postgres"


@dataclass(frozen=True, slots=True, kw_only=True)
class Plan:
    """The versions, parts and options of a measurement."""

    parts: Sequence[str]
    rounds: int
    servers: int
    sizes: Sizes
    settings: dict[str, str]
    """Further `DARKROOM_*` variables of this tree's servers, which an earlier commit might not know."""


@app.command(help=str(__doc__).replace("\n    python", "\n\b\n    python", 1))
def main(
    parts: Annotated[list[str] | None, typer.Argument(help=f"Some of {', '.join(PARTS)}. Default: all.")] = None,
    before: Annotated[str | None, typer.Option(help="Also measure this commit.")] = None,
    rounds: Annotated[int, typer.Option(min=1, help="Interleaved rounds; results are their medians.")] = 1,
    database: Annotated[DatabaseName, typer.Option(help="What holds the jobs.")] = DatabaseName.SQLITE,
    servers: Annotated[
        int, typer.Option(min=1, help=f"Measure {' and '.join(SHARED)} also with so many servers on one database.")
    ] = 1,
    smoke: Annotated[bool, typer.Option(help="Measure next to nothing, in seconds.")] = False,
    seconds: Annotated[float | None, typer.Option(min=0.5, help="Length of each load.")] = None,
    connections: Annotated[int | None, typer.Option(min=2, help="Connections of closed loops.")] = None,
    rate: Annotated[float | None, typer.Option(min=0.01, help="Images a second of the device.")] = None,
    jobs: Annotated[int | None, typer.Option("--depth", min=1, help="Jobs of a deep queue.")] = None,
    setting: Annotated[list[str] | None, typer.Option(help="NAME=VALUE for this tree's servers.")] = None,
    folder: Annotated[Path, typer.Option(help="Where the stores are, on a disk.", show_default="runs/")] = ROOT
    / "runs",
    output: Annotated[Path | None, typer.Option(help="Also write all rounds to this file, as JSON.")] = None,
) -> None:
    """Measure, and print a table."""
    chosen = parts or list(PARTS)
    if servers > 1 and database is DatabaseName.SQLITE:
        raise typer.BadParameter("several servers need --database postgres")
    if unknown := set(chosen) - set(PARTS):
        raise typer.BadParameter(f"{', '.join(sorted(unknown))}: the parts are {', '.join(PARTS)}")
    given: dict[str, Any] = {"seconds": seconds, "connections": connections, "rate": rate, "depth": jobs}
    sizes = dataclasses.replace(
        SMOKE if smoke else Sizes(), **{name: value for name, value in given.items() if value is not None}
    )
    settings = dict(each.split("=", 1) for each in setting or ())
    plan = Plan(parts=chosen, rounds=rounds, servers=servers, sizes=sizes, settings=settings)
    with _scratch(folder) as scratch, _database(database, scratch) as store:
        facts = machine.describe(scratch)
        versions = [*([] if before is None else [export(before, scratch / "before")]), this_tree()]
        typer.echo(", ".join(f"{name}: {value}" for name, value in {**facts, "database": database.value}.items()))
        measured = measure(plan, versions, store, scratch)
    if output is not None:
        output.write_text(json.dumps({"machine": facts, "database": database, "measured": measured}, indent=1) + "\n")
    typer.echo(table(with_shares(measured, servers, _SUMS), [version.name for version in versions]))


def measure(
    plan: Plan, versions: Sequence[Version], database: Database, folder: Path
) -> dict[str, dict[str, list[Figures]]]:
    """Returns the figures of each round, by part and version."""
    measured: dict[str, dict[str, list[Figures]]] = {}
    for number in range(plan.rounds):
        for part, servers in _measurements(plan):
            title = titled(part, servers)
            for version in versions if number % 2 == 0 else reversed(versions):
                settings = plan.settings if version is versions[-1] else {}
                typer.echo(f"round {number + 1}: {title}, {version.name}", err=True)
                work = folder / "work"
                work.mkdir(mode=0o711)
                stage = Stage(version, database, plan.sizes, work, servers, settings)
                found = PARTS[part](stage)
                shutil.rmtree(work)
                found["the machine's load at the end"] = os.getloadavg()[0]
                measured.setdefault(title, {}).setdefault(version.name, []).append(found)
    return measured


def _measurements(plan: Plan) -> Iterator[tuple[str, int]]:
    """Yields each part, and with how many servers it is measured."""
    for part in plan.parts:
        yield part, 1
        if plan.servers > 1 and part in SHARED:
            yield part, plan.servers


@contextlib.contextmanager
def _scratch(folder: Path) -> Iterator[Path]:
    """Yields a new folder, which PostgreSQL's account can reach as far as this one can be reached."""
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory(prefix="store-", dir=folder, ignore_cleanup_errors=True) as name:
        Path(name).chmod(0o711)
        yield Path(name)


def _database(name: DatabaseName, folder: Path) -> contextlib.AbstractContextManager[Any]:
    if name is DatabaseName.POSTGRES:
        return running_postgres(folder / "postgres")
    return contextlib.nullcontext(SqliteFiles())


if __name__ == "__main__":
    app()
