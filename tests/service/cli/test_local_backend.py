"""Models and images on this machine, without a listener."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from pipelines.fake import INFO
from service.catalog import find_models, locate
from service.cli.local_backend import LocalBackend
from tests.harness.command import Command

FAKE_WORKER = (sys.executable, "-m", "tests.harness.fake_worker")


def make_model(folder: Path) -> Path:
    folder.mkdir(parents=True)
    (folder / "model_index.json").write_text("{}")
    return folder


def test_models_are_the_folders_in_the_data_folder(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "models" / "sd")
    (tmp_path / "models" / "no-model").mkdir()
    found = find_models(tmp_path)
    assert found["sd"] == folder
    assert "no-model" not in found


def test_a_name_stands_for_its_folder_and_a_path_for_itself(tmp_path: Path) -> None:
    folder = make_model(tmp_path / "models" / "sd")
    assert locate("sd", tmp_path) == str(folder)
    assert locate("/elsewhere/sd", tmp_path) == "/elsewhere/sd"


def test_the_data_folder_is_read_from_the_environment(
    command: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = make_model(tmp_path / "data" / "models" / "sd")
    monkeypatch.setenv("DARKROOM_DATA_DIR", str(tmp_path / "data"))
    assert str(folder) in command("models", backend=LocalBackend()).out


@pytest.mark.integration
def test_images_are_drawn_on_this_machine(command: Command) -> None:
    arguments = ["generate", "a red circle", "--count", "3", "--seed", "7", "--steps", "4"]
    outcome = command(*arguments, "-o", "out.png", backend=LocalBackend(FAKE_WORKER))
    assert (outcome.status, outcome.err) == (0, "")
    assert outcome.out == "out.png  (seed 7)\nout-2.png  (seed 8)\nout-3.png  (seed 9)\n"
    files = [Path(name).read_bytes() for name in ("out.png", "out-2.png", "out-3.png")]
    assert len(set(files)) == 3
    command(*arguments, "-o", "again.png", backend=LocalBackend(FAKE_WORKER))
    assert Path("again-2.png").read_bytes() == files[1]


@pytest.mark.integration
def test_what_the_model_cannot_do_names_the_option(command: Command) -> None:
    outcome = command("generate", "x", "--steps", str(INFO.limits.max_steps + 1), backend=LocalBackend(FAKE_WORKER))
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert "--steps" in outcome.err


@pytest.mark.integration
def test_a_worker_that_cannot_be_started_is_one_sentence(command: Command) -> None:
    outcome = command("generate", "x", backend=LocalBackend(("/no/such/worker",)))
    assert (outcome.status, outcome.err.count("\n")) == (1, 1)
    assert outcome.err.startswith("Error: ")


SERVICE = {
    "DARKROOM_PORT": "tcp://10.0.0.1:8000",
    "DARKROOM_PORT_8000_TCP_ADDR": "10.0.0.1",
    "DARKROOM_SERVICE_HOST": "10.0.0.1",
    "DARKROOM_ADMIN_PORT": "tcp://10.0.0.2:8001",
}
"""Some of what Kubernetes writes into each pod for services called darkroom and darkroom-admin."""


@pytest.mark.integration
@pytest.mark.parametrize("arguments", [["generate", "x", "-o", "x.png"], ["models"]], ids=" ".join)
def test_commands_work_beside_services_of_our_name(
    command: Command, arguments: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in SERVICE.items():
        monkeypatch.setenv(name, value)
    outcome = command(*arguments, backend=LocalBackend(FAKE_WORKER))
    assert (outcome.status, outcome.err) == (0, "")


def test_serve_minds_no_services_of_its_name(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in SERVICE.items():
        monkeypatch.setenv(name, value)
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "1")  # Which keeps it from serving for ever.
    outcome = command("serve")
    assert (outcome.status, outcome.err.count("\n")) == (2, 1)
    assert "DARKROOM_MAX_ROWS" in outcome.err
    assert "PORT" not in outcome.err


@pytest.mark.parametrize("arguments", [["serve"], ["generate", "x"], ["models"]], ids=" ".join)
def test_a_mistyped_variable_is_told(command: Command, arguments: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_PROT", "9000")
    outcome = command(*arguments, backend=LocalBackend(FAKE_WORKER))
    assert outcome.status in (1, 2)
    assert "DARKROOM_PROT is not a setting of Darkroom; did you mean DARKROOM_PORT?" in outcome.err
