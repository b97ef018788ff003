"""The compared servers: their library versions, modules and environments."""

from __future__ import annotations

from pathlib import Path

import pytest

from benchmarks.peers.servers import OURS, ROOT, SERVERS, LaunchOptions, Server, environment

MODEL_LIBRARIES = {"accelerate", "diffusers", "numpy", "pillow", "safetensors", "tokenizers", "transformers"}


def pins(file: Path) -> dict[str, str]:
    lines = (line.partition("==") for line in file.read_text().splitlines() if "==" in line)
    return {name: version for name, _, version in lines}


@pytest.mark.parametrize("server", [server.name for server in SERVERS if server.name != OURS])
def test_peers_use_the_same_model_libraries_as_darkroom(server: str) -> None:
    ours, theirs = pins(ROOT / "constraints.txt"), pins(ROOT / "benchmarks/peers/requirements" / f"{server}.txt")
    assert theirs.keys() >= MODEL_LIBRARIES
    assert {name: theirs[name] for name in MODEL_LIBRARIES} == {name: ours[name] for name in MODEL_LIBRARIES}
    assert "torch" not in theirs


def test_a_server_gets_no_darkroom_settings_from_the_environment(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("DARKROOM_MAX_ROWS", "2")
    found = environment(LaunchOptions(port=1, model=tmp_path, threads=3, scratch=tmp_path))
    assert "DARKROOM_MAX_ROWS" not in found
    assert found["OMP_NUM_THREADS"] == "3"


@pytest.mark.parametrize("server", SERVERS[1:], ids=lambda server: server.name)
def test_the_command_of_a_peer_names_a_module_that_exists(server: Server) -> None:
    (module,) = (argument.partition(":")[0] for argument in server.command if argument.startswith("benchmarks."))
    assert (ROOT / module.replace(".", "/")).with_suffix(".py").is_file()
