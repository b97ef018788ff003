"""Looks for known vulnerabilities in what is shipped: `python -m scripts.supply_chain.audit`, or `make audit`.

It asks about the packages of the container image (`deploy/locks/`), by pip-audit, and about those of the page and of
its build (`web/package-lock.json`), by npm where there is one. Both ask over the network.

    --service osv     where pip-audit asks; without it, pypi

Exit status: 0 where nothing is known but what `waivers.toml` accepts, 1 where something is, and 2 where that could not
be found out, for a part or for all of it. Nothing known and nothing found out are never the same.
"""

from __future__ import annotations

import argparse
import enum
import json
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from scripts import lock
from scripts.supply_chain import waivers
from scripts.supply_chain.waivers import Waiver

WEB: Final = lock.ROOT / "web"
SHIPPED: Final = ("torch-cuda", "darkroom", "build")
"""The locks of the larger image. The other one has the same packages, and torch without CUDA."""
_MOST_SKIPPED: Final = 5
"""Packages that are named where nothing could be found out about them."""


class Status(enum.IntEnum):
    CLEAN = 0
    VULNERABLE = 1
    UNKNOWN = 2


class Vulnerability(NamedTuple):
    id: str
    package: str
    advice: str
    """A sentence that says which version mends it, if any does."""


class Report(NamedTuple):
    """The outcome for one kind of package."""

    checked: int
    """Packages about which something was found out."""
    found: Sequence[Vulnerability] = ()
    unknown: Sequence[str] = ()
    """The reason for which nothing, or not everything, was found out."""


def of_python(output: str, errors: str) -> Report:
    """Reads what `pip-audit --format json` has printed."""
    try:
        packages: list[dict[str, Any]] = json.loads(output)["dependencies"]
    except (ValueError, KeyError, TypeError):
        return Report(0, unknown=(f"pip-audit found nothing out: {_first_error(errors)}",))
    skipped = [each["name"] for each in packages if "skip_reason" in each]
    found = [
        Vulnerability(each["id"], f"{package['name']} {package['version']}", _fixed_in(each["fix_versions"]))
        for package in packages
        for each in package.get("vulns", ())
    ]
    return Report(len(packages) - len(skipped), found, tuple(_told_of(skipped)))


def _told_of(skipped: Sequence[str]) -> Iterator[str]:
    if skipped:
        more = "" if len(skipped) <= _MOST_SKIPPED else f" and {len(skipped) - _MOST_SKIPPED} more"
        yield f"The service knows nothing about {', '.join(skipped[:_MOST_SKIPPED])}{more}."


def of_page(output: str, errors: str) -> Report:
    """Reads what `npm audit --json` has printed."""
    try:
        table: dict[str, Any] = json.loads(output)
        packages: dict[str, dict[str, Any]] = table["vulnerabilities"]
        checked = int(table["metadata"]["dependencies"]["total"])
    except (ValueError, KeyError, TypeError):
        return Report(0, unknown=(f"npm found nothing out: {_first_error(errors)}",))
    advisories = (
        (name, each) for name, package in packages.items() for each in package["via"] if isinstance(each, dict)
    )
    found = {
        Vulnerability(each["url"].rpartition("/")[2], name, f"{each['title']}: {each['url']}")
        for name, each in advisories
    }
    return Report(checked, sorted(found))


def _fixed_in(versions: Sequence[str]) -> str:
    return f"It is mended in {', '.join(versions)}." if versions else "No version is known in which it is mended."


def _first_error(text: str) -> str:
    """The first line that speaks of an error, else the last one of all."""
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return next((line for line in lines if "error" in line.lower()), lines[-1] if lines else "it said nothing")


def judge(reports: Mapping[str, Report], accepted: Sequence[Waiver], today: date) -> tuple[Status, list[str]]:
    """Returns the outcome, and the lines that say so."""
    holding = {waiver.id: waiver for waiver in accepted if waiver.until >= today}
    found = {each.id for report in reports.values() for each in report.found}
    lines = [line for part, report in reports.items() for line in _lines(part, report, holding)]
    lines += [f"The waiver of {each.id} ended on {each.until}." for each in accepted if each.until < today]
    if any(report.unknown for report in reports.values()):
        status = Status.UNKNOWN
    else:
        status = Status.CLEAN
        lines += [f"The waiver of {name} is needed no more." for name in holding if name not in found]
    return Status.VULNERABLE if found - holding.keys() else status, lines


def _lines(part: str, report: Report, holding: Mapping[str, Waiver]) -> Iterator[str]:
    open_ones = [each for each in report.found if each.id not in holding]
    yield f"{part}: {report.checked} packages checked, {len(open_ones)} known vulnerabilities."
    yield from (f"  {each.package}: {each.id}. {each.advice}" for each in open_ones)
    for each in report.found:
        if each.id in holding:
            yield f"  {each.package}: {each.id} is accepted: {holding[each.id].reason}"
    yield from (f"  NOT KNOWN: {reason}" for reason in report.unknown)


def requirements(names: Sequence[str] = SHIPPED, folder: Path = lock.LOCKS) -> str:
    """The locked packages of these locks, as one file of requirements with hashes."""
    return lock.render(
        {name: locked for each in names for name, locked in lock.parse((folder / f"{each}.txt").read_text()).items()}
    )


def _ask_pip_audit(service: str) -> Report:
    with tempfile.TemporaryDirectory() as folder:
        wanted = Path(folder, "requirements.txt")
        wanted.write_text(requirements())
        done = subprocess.run(
            [
                *(sys.executable, "-m", "pip_audit", "--requirement", wanted, "--disable-pip", "--require-hashes"),
                *("--format", "json", "--progress-spinner", "off", "--vulnerability-service", service),
            ],
            capture_output=True,
            text=True,
            check=False,
        )
    return of_python(done.stdout, done.stderr)


def _ask_npm() -> Report:
    npm = shutil.which("npm")
    if npm is None:
        return Report(0, unknown=("there is no npm here.",))
    command = [npm, "audit", "--package-lock-only", "--json"]
    done = subprocess.run(command, cwd=WEB, capture_output=True, text=True, check=False)
    return of_page(done.stdout, done.stderr)


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--service", choices=("pypi", "osv"), default="pypi")
    chosen = parser.parse_args(arguments)
    accepted = waivers.parse(waivers.FILE.read_text())
    reports = {"The image": _ask_pip_audit(chosen.service), "The page": _ask_npm()}
    status, lines = judge(reports, accepted, datetime.now(UTC).date())
    sys.stdout.write("\n".join(lines) + "\n")
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
