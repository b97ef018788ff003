"""The known vulnerabilities that are accepted for a time, each with a reason: `waivers.toml`."""

from __future__ import annotations

import tomllib
from datetime import date
from pathlib import Path
from typing import Final, NamedTuple

FILE: Final = Path(__file__).with_name("waivers.toml")


class Waiver(NamedTuple):
    id: str
    """The vulnerability's, as the audit prints it."""
    reason: str
    until: date
    """The last day on which it holds."""


def parse(text: str) -> list[Waiver]:
    """Raises ValueError where one lacks its reason or its end, or has anything else."""
    table = tomllib.loads(text)
    if table.keys() - {"waiver"}:
        raise ValueError(f"waivers.toml holds waivers alone, and not {', '.join(table)}.")
    return [_waiver(entry) for entry in table.get("waiver", [])]


def _waiver(entry: dict[str, object]) -> Waiver:
    match entry:
        case {"id": str(name), "reason": str(reason), "until": date() as until, **rest} if reason.strip() and not rest:
            return Waiver(name, reason, until)
        case _:
            raise ValueError(f"A waiver has an id, a reason and a day as until, and nothing else: {entry}.")
