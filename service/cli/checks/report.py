"""Reports the settings in force and the findings of the checks, as text for people or as JSON. Shows no secret."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

from sqlalchemy import exc, make_url

from service.cli.checks.findings import Finding, State, failed
from service.environment import Origin, SettingsInForce
from service.setting_groups.fields import Section
from service.settings import Settings, details, spelled

_HIDDEN = "***"


class Report:
    """The result of `darkroom check`."""

    def __init__(self, in_force: SettingsInForce | None, findings: Sequence[Finding]) -> None:
        """`in_force` is None if the settings themselves are wrong."""
        self._in_force = in_force
        self._findings = findings

    @property
    def ok(self) -> bool:
        return all(finding.state is not State.FAILED for finding in self._findings)

    def as_text(self) -> str:
        settings = [] if self._in_force is None else [*_lines(self._in_force)]
        width = max(len(finding.what) for finding in self._findings)
        found = [f"  {each.state:<6}  {each.what:<{width}}  {each.detail}" for each in self._findings]
        return "\n".join([*settings, "What was checked", *found])

    def as_json(self) -> str:
        settings = None if self._in_force is None else dict(_described(self._in_force))
        checks = [{"what": each.what, "state": each.state.value, "detail": each.detail} for each in self._findings]
        return json.dumps({"ok": self.ok, "settings": settings, "checks": checks})


def of_faults(faults: Sequence[str]) -> Report:
    """Returns the report on settings that cannot be read."""
    return Report(None, [failed("settings", fault) for fault in faults])


def _lines(in_force: SettingsInForce) -> Iterator[str]:
    """Yields the settings of each section below its name: name, value and origin."""
    width = max(map(len, Settings.model_fields))
    for section in Section:
        yield section
        for name in Settings.model_fields:
            if details(name)["section"] == section:
                value = spelled(_shown(name, getattr(in_force.settings, name)))
                yield f"  {name:<{width}}  {value}  ({_origin(name, in_force)})"
        yield ""


def _origin(name: str, in_force: SettingsInForce) -> str:
    line = _line(name, in_force)
    if in_force.file is not None and line is not None:
        return f"{in_force.file.path}, line {line}"
    return in_force.origins[name].value


def _line(name: str, in_force: SettingsInForce) -> int | None:
    if in_force.file is None or in_force.origins[name] is not Origin.FILE:
        return None
    return in_force.file.lines[name]


def _described(in_force: SettingsInForce) -> Iterator[tuple[str, Any]]:
    for name, value in in_force.settings.model_dump(mode="json").items():
        yield (
            name,
            {"value": _shown(name, value), "origin": in_force.origins[name].value, "line": _line(name, in_force)},
        )


def _shown(name: str, value: object) -> object:
    """Returns the value without the secrets that it may hold. The rest of a URL is shown."""
    if value is None or not details(name)["is_secret"]:
        return value
    try:
        return make_url(str(value)).set(query={}).render_as_string(hide_password=True)
    except (exc.ArgumentError, ValueError):
        return _HIDDEN
