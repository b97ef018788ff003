"""Models and images on this machine, without a listener."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from pipelines.fake import INFO
from service.cli.local_backend import LocalBackend
from service.environment import load_settings
from service.setting_groups.fields import default_cache_dir
from tests.harness.command import Command
from tests.harness.paths import ROOT
from tests.levels import integration_fixture
from tests.service.links import LINKS


@pytest.fixture
@integration_fixture
def backend() -> LocalBackend:
    """A backend whose worker is a process with the fake pipeline."""
    return LocalBackend((sys.executable, "-m", "tests.harness.engine.fake_worker"))


def test_the_data_folder_is_read_from_the_environment(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "data" / "models" / "sd"
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path / "data"))
    assert str(folder) in command("models", backend=LocalBackend()).out


@pytest.mark.integration
@pytest.mark.usefixtures("command")
def test_a_worker_is_of_the_version_that_is_tested() -> None:
    shown = "import json, darkroom, service, tests; print(json.dumps([m.__file__ for m in (darkroom, service, tests)]))"
    found = json.loads(subprocess.run([sys.executable, "-c", shown], capture_output=True, check=True).stdout)
    assert [Path(file).parent for file in found] == [ROOT / "client" / "darkroom", ROOT / "service", ROOT / "tests"]


@pytest.mark.usefixtures("command")
def test_the_command_uses_folders_of_the_tests_alone() -> None:
    settings = load_settings({})
    users = Path("~/.local/share/darkroom").expanduser(), default_cache_dir()
    assert settings.data_dir not in users
    assert settings.cache_dir not in users


def test_images_are_generated_on_this_machine(command: Command, backend: LocalBackend) -> None:
    arguments = ["generate", "a red circle", "--count", "3", "--seed", "7", "--steps", "4"]
    outcome = command(*arguments, "-o", "out.png", backend=backend)
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "out.png  (seed 7)\nout-2.png  (seed 8)\nout-3.png  (seed 9)\n"
    files = [Path(name).read_bytes() for name in ("out.png", "out-2.png", "out-3.png")]
    assert len(set(files)) == 3
    command(*arguments, "-o", "again.png", backend=backend)
    assert Path("again-2.png").read_bytes() == files[1]


def test_a_limit_of_the_model_is_told_with_the_name_of_the_option(command: Command, backend: LocalBackend) -> None:
    outcome = command("generate", "x", "--steps", str(INFO.limits.max_steps + 1), backend=backend)
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert "--steps" in outcome.err


@pytest.mark.integration
def test_a_worker_that_cannot_be_started_is_told_in_one_sentence(command: Command) -> None:
    outcome = command("generate", "x", backend=LocalBackend(("/no/such/worker",)))
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert outcome.err.startswith("Error: ")


@pytest.mark.parametrize("arguments", [["generate", "x", "-o", "x.png"], ["models"]], ids=" ".join)
def test_commands_work_beside_services_of_our_name(
    command: Command, backend: LocalBackend, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in LINKS.items():
        monkeypatch.setenv(name, value)
    outcome = command(*arguments, backend=backend)
    assert (outcome.status, outcome.err) == (0, "")


@pytest.mark.parametrize("arguments", [["serve"], ["generate", "x"], ["models"]], ids=" ".join)
def test_a_mistyped_variable_is_told_with_the_nearest_name(
    command: Command, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("DARKROOM_PROT", "9000")
    outcome = command(*arguments, backend=LocalBackend())
    assert outcome.status in (1, 2)
    assert "DARKROOM_PROT is not a setting of Darkroom; did you mean DARKROOM_PORT?" in outcome.err
