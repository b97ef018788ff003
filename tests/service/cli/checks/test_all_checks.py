"""`darkroom check` checks everything that a server needs to start."""

from __future__ import annotations

from pathlib import Path

from service.cli.checks.all_checks import check_all
from service.cli.checks.findings import State
from service.cli.model_checks import CheckedModel
from service.settings import Settings


def test_each_thing_that_a_start_needs_is_checked(tmp_path: Path) -> None:
    settings = Settings(data_dir=tmp_path, cache_dir=tmp_path, port=0, admin_port=None)
    found = check_all(settings, lambda *_, **__: CheckedModel("bundled", tmp_path))

    assert [each.what for each in found] == ["model bundled", "data folder", "cache folder", "database", "listener"]
    assert {each.state for each in found} == {State.OK}
    assert not [*tmp_path.iterdir()], "nothing was changed"
