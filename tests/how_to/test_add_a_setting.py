"""`docs/how-to/add-a-setting.md` does what it says."""

from __future__ import annotations

from pathlib import Path

from tests.how_to.workshop import follow

CHECK = """
from service.environment import SettingsError, load_settings
from service.server.main import engine_config

assert engine_config(load_settings({"max_cached_prompts": "2"})).worker.max_cached_prompts == 2
assert engine_config(load_settings()).worker.max_cached_prompts == 8  # from the variable
try:
    load_settings({"max_cached_prompts": "0"})
except SettingsError as error:
    assert str(error).startswith("--max-cached-prompts"), error
else:
    raise AssertionError
"""


def test_one_declaration_makes_a_setting(tmp_path: Path) -> None:
    workshop = follow("add-a-setting.md", tmp_path)
    assert workshop.changed == ("service/setting_groups/worker.py",)

    workshop.run("-c", CHECK, DARKROOM_MAX_CACHED_PROMPTS="8")
    shown = workshop.run("-c", "from service.cli.app import app; app()", "serve", "--help")
    assert "--max-cached-prompts" in shown
    workshop.run("-m", "scripts.settings_page", "docs/settings.md")
    names = "| `DARKROOM_MAX_CACHED_PROMPTS` | `--max-cached-prompts` | `max_cached_prompts` |"
    row = f"{names} `256` | Texts whose encoding is kept. |"
    assert row in (tmp_path / "docs" / "settings.md").read_text().splitlines()
