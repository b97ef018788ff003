"""A command that cannot use the store says why in one sentence, and ends with the status 1."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.harness.command import Command


@pytest.mark.parametrize("arguments", [("moderation",), ("webhooks", "list"), ("webhooks", "secret")], ids=" ".join)
def test_a_store_that_cannot_be_used_is_told(command: Command, tmp_path: Path, arguments: tuple[str, ...]) -> None:
    (tmp_path / "file").touch()

    failed = command(*arguments, "--data-dir", str(tmp_path / "file" / "data"))

    assert failed.status == 1
    assert failed.out == ""
    assert len(failed.err.splitlines()) == 1
