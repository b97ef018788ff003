"""`darkroom models check` and `darkroom models add`."""

from __future__ import annotations

import json
import shutil
from hashlib import sha256
from pathlib import Path

import pytest

from pipelines.checkpoints.loader import bundled_model_path
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


def test_a_manifest_lists_what_a_server_would_open(command: Command, tmp_path: Path) -> None:
    shutil.copytree(bundled_model_path(), tmp_path / "models/mine")
    arguments = ("--models", f"bundled,{tmp_path}/models/mine", "--device", "cpu")
    outcome = command("models", "manifest", *arguments, "--folder", str(tmp_path))
    assert outcome.status == 0
    lines = {line[66:]: line[:64] for line in outcome.out.splitlines()}
    weights = tmp_path / "models/mine/unet/diffusion_pytorch_model.safetensors"
    assert lines["models/mine/unet/diffusion_pytorch_model.safetensors"] == sha256(weights.read_bytes()).hexdigest()
    assert "models/mine/README.md" not in lines
    assert all(name.startswith("models/mine/") for name in lines), "the bundled model's digests ship with it"

    (tmp_path / "m.sha256").write_text(outcome.out)
    check = ("check", *arguments, "--model-manifest", str(tmp_path / "m.sha256"), "--port", "0", "--admin-port", "0")
    assert command(*check).status == 0
    weights.write_bytes(weights.read_bytes()[:-1] + b"x")
    checked = command(*check)
    assert (checked.status, f"{weights} is not the file that" in checked.out) == (1, True)


def test_no_manifest_is_printed_where_a_model_cannot_be_served(command: Command) -> None:
    outcome = command("models", "manifest", "--models", "bundled,nowhere")
    assert (outcome.status, outcome.out) == (1, "")
    assert outcome.err.startswith("There is no folder or file nowhere.")
