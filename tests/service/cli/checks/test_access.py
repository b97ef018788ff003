"""`darkroom check` reports on keys, and on a server that would let everybody in."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from service.cli.checks.access import check_access
from service.cli.checks.findings import State
from service.settings import Settings


@pytest.mark.parametrize(
    ("given", "stored", "said"),
    [
        ({}, 0, []),
        ({}, 1, [(State.OK, "Requests need a key.")]),
        ({"host": "0.0.0.0"}, 2, [(State.OK, "Requests need a key.")]),
        ({"host": "0.0.0.0"}, None, []),
        ({"host": "0.0.0.0"}, 0, [(State.FAILED, "it has no API keys")]),
        ({"host": "0.0.0.0", "uds": "/run/x"}, 0, []),
        ({"host": "0.0.0.0", "require_keys": False}, 3, [(State.NOTE, "Everybody who can reach 0.0.0.0")]),
        ({"require_keys": True}, 0, [(State.NOTE, "until there is a key")]),
        ({"api_key_file": "one"}, 0, [(State.OK, "one holds 1 key."), (State.OK, "Requests need a key.")]),
        ({"api_key_file": "none"}, 0, [(State.FAILED, "cannot be read")]),
    ],
)
def test_who_would_be_let_in(
    given: dict[str, Any],
    stored: int | None,
    said: list[tuple[State, str]],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("one").write_text("0123456789abcdef0123456789abcdef\n")
    found = list(check_access(Settings(**given), stored))

    assert [each.state for each in found] == [state for state, _ in said]
    assert all(part in each.detail for each, (_, part) in zip(found, said, strict=True))
    assert "0123456789abcdef" not in str(found)
