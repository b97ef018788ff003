"""The audit tells what is known from what could not be found out. The services themselves are not asked here."""

from __future__ import annotations

import json
from datetime import date
from typing import Any, Final

import pytest

from scripts import lock
from scripts.supply_chain.audit import SHIPPED, Report, Status, Vulnerability, judge, of_page, of_python, requirements
from scripts.supply_chain.waivers import Waiver

TODAY: Final = date(2026, 11, 27)
FOUND: Final = Vulnerability("GHSA-1", "some 1.0", "It is mended in 1.1.")
WAIVER: Final = Waiver("GHSA-1", "Not called.", TODAY)


def of_pip(*packages: dict[str, Any]) -> Report:
    return of_python(json.dumps({"dependencies": packages, "fixes": []}), "")


def test_what_pip_audit_finds_is_read_with_its_remedy() -> None:
    vulnerable = {"name": "some", "version": "1.0", "vulns": [{"id": "GHSA-1", "fix_versions": ["1.1"], "aliases": []}]}
    assert of_pip({"name": "other", "version": "2", "vulns": []}, vulnerable) == Report(2, [FOUND])


def test_packages_that_the_service_does_not_know_are_not_clean() -> None:
    report = of_pip(*({"name": f"p{number}", "skip_reason": "not found"} for number in range(7)))
    assert report == Report(0, [], ("The service knows nothing about p0, p1, p2, p3, p4 and 2 more.",))


@pytest.mark.parametrize("output", ["", "{}", "[]", "null", "ERROR"])
def test_an_audit_that_failed_found_nothing_out(output: str) -> None:
    for read in (of_python, of_page):
        report = read(output, "first\nError: no network\nlast\n")
        assert report.checked == 0
        assert report.found == ()
        assert "no network" in report.unknown[0]


def test_what_npm_finds_is_read_once_for_each_package() -> None:
    advisory = {"title": "Bad", "url": "https://github.com/advisories/GHSA-1"}
    packages = {"some": {"via": [advisory, advisory]}, "above": {"via": ["some"]}}
    report = of_page(json.dumps({"vulnerabilities": packages, "metadata": {"dependencies": {"total": 9}}}), "")
    assert report == Report(9, [Vulnerability("GHSA-1", "some", f"Bad: {advisory['url']}")])


@pytest.mark.parametrize(
    ("reports", "accepted", "status", "said"),
    [
        ([Report(3)], [], Status.CLEAN, "0 known"),
        ([Report(3, [FOUND])], [], Status.VULNERABLE, "GHSA-1. It is mended in 1.1."),
        ([Report(3, [FOUND])], [WAIVER], Status.CLEAN, "is accepted: Not called."),
        ([Report(3, [FOUND])], [WAIVER._replace(until=date(2026, 11, 26))], Status.VULNERABLE, "ended on 2026-11-26"),
        ([Report(3)], [WAIVER], Status.CLEAN, "is needed no more"),
        ([Report(3), Report(0, unknown=("no network",))], [], Status.UNKNOWN, "NOT KNOWN: no network"),
        ([Report(3, [FOUND]), Report(0, unknown=("no network",))], [], Status.VULNERABLE, "NOT KNOWN: no network"),
    ],
)
def test_only_a_whole_answer_without_open_vulnerabilities_is_clean(
    reports: list[Report], accepted: list[Waiver], status: Status, said: str
) -> None:
    found, lines = judge({f"part {number}": each for number, each in enumerate(reports)}, accepted, TODAY)
    assert found is status
    assert said in "\n".join(lines)


def test_a_waiver_is_not_taken_for_needless_where_not_all_is_known() -> None:
    _, lines = judge({"part": Report(0, unknown=("no network",))}, [WAIVER], TODAY)
    assert not any("needed" in line for line in lines)


def test_all_packages_of_both_images_are_asked_about() -> None:
    asked = {name: each.version for name, each in lock.parse(requirements()).items()}
    for path in lock.LOCKS.glob("*.txt"):
        for name, each in lock.parse(path.read_text()).items():
            assert asked[name] == each.version.partition("+")[0], path.name
    assert "torch-cpu" not in SHIPPED
