"""`darkroom models check` and `darkroom models add`."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command

pytestmark = pytest.mark.integration


def test_a_check_says_how_a_model_would_be_served(command: Command) -> None:
    outcome = command("models", "check", "bundled", "--device", "cpu")
    assert outcome.status == 0
    assert outcome.out.startswith("bundled can be served.\n")
    assert "20 steps, guidance 2.5, dpm++_2m_sde" in outcome.out


def test_a_check_can_be_read_by_programs(command: Command) -> None:
    report = json.loads(command("models", "check", "bundled", "--json", "--device", "cpu").out)
    assert (report["ok"], report["name"], report["dtype"]) == (True, "bundled", "float32")


def test_a_model_is_called_by_the_name_that_it_is_served_by(command: Command, tmp_path: Path) -> None:
    arguments = ("--device", "cpu", "--data-dir", str(tmp_path / "data"))
    command("models", "add", "bundled", "--name", "own/portrait", *arguments[2:])
    outcome = command("models", "check", "own/portrait", *arguments)
    assert outcome.out.startswith("own/portrait can be served.\n")


def test_a_whole_check_looks_into_the_models_of_the_file(command: Command, tmp_path: Path) -> None:
    Path("darkroom.toml").write_text('port = 0\nadmin_port = 0\ndevice = "cpu"\n')
    outcome = command("check", "--json")
    report = json.loads(outcome.out)
    assert (outcome.status, report["ok"]) == (0, True)
    assert report["checks"][0]["what"] == "model bundled"
    assert report["settings"]["device"] == {"value": "cpu", "origin": "file", "line": 3}
    assert command("check", "--model", "nowhere").status == 1


def test_a_model_that_cannot_be_served_is_exit_status_1(command: Command, tmp_path: Path) -> None:
    (tmp_path / "x.ckpt").write_bytes(b"PK\x03\x04")
    outcome = command("models", "check", "x.ckpt")
    assert outcome.status == 1
    assert "x.ckpt is a pickle checkpoint" in outcome.out


def test_a_model_is_added_once(command: Command, tmp_path: Path) -> None:
    arguments = ("models", "add", "bundled", "--name", "mine", "--data-dir", str(tmp_path / "data"))
    added = tmp_path / "data/models/mine"
    assert command(*arguments).out == f"mine is now among the models, as {added}.\n"
    assert added.is_symlink()
    again = command(*arguments)
    assert (again.status, again.out) == (1, "")
    assert again.err == f"{added} is there already. Give the model another name, with --name.\n"


def test_the_list_stays_without_a_subcommand(command: Command) -> None:
    assert command("models", backend=FakeBackend()).out.startswith("bundled")
