"""The set-up script chooses a Python and installs what is missing where it belongs. The machines are make-believe."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.repository.machine import INGREDIENTS, Machine


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path)


def test_the_newest_suitable_python_makes_the_environment(machine: Machine) -> None:
    machine.python("python3.11", "3.11")
    machine.python("python3.13", "3.13")
    machine.python("python3", "3.12")
    outcome = machine.set_up()
    assert outcome.status == 0, outcome.said
    assert outcome.calls[0] == "python3.13 -m venv .venv"


def test_an_old_python3_on_path_is_passed_over(machine: Machine) -> None:
    machine.python("python3", "3.9")
    machine.python("python", "3.12")
    assert machine.set_up().calls[0] == "python -m venv .venv"


def test_a_name_on_path_that_cannot_be_run_is_passed_over(machine: Machine) -> None:
    machine.program("python3.13", "#!/bin/sh\necho 'python3.13: command not found' >&2\nexit 127\n")
    machine.python("python3.11", "3.11")
    assert machine.set_up().calls[0] == "python3.11 -m venv .venv"


@pytest.mark.parametrize("version", ["2.7", "3.10", "3.15"])
def test_a_python_outside_the_range_alone_is_refused_in_one_sentence(machine: Machine, version: str) -> None:
    machine.python("python3", version)
    outcome = machine.set_up()
    assert outcome.status != 0
    assert len(outcome.said) == 1
    assert f"needs Python 3.11 to 3.14, but python3 is Python {version}" in outcome.said[0]
    assert not machine.venv.exists()


def test_a_machine_without_python_is_told_so_in_one_sentence(machine: Machine) -> None:
    outcome = machine.set_up()
    assert outcome.status != 0
    assert len(outcome.said) == 1
    assert "no Python on PATH" in outcome.said[0]


def test_a_named_python_is_used_though_a_newer_one_exists(machine: Machine) -> None:
    machine.python("python3.14", "3.14")
    machine.python("python3.11", "3.11")
    assert machine.set_up(PYTHON="python3.11").calls[0] == "python3.11 -m venv .venv"


def test_a_named_python_outside_the_range_is_refused_though_another_would_do(machine: Machine) -> None:
    machine.python("python3.14", "3.14")
    machine.python("python3.9", "3.9")
    outcome = machine.set_up(PYTHON="python3.9")
    assert outcome.status != 0
    assert "python3.9 is Python 3.9" in outcome.said[0]


def test_naming_another_python_later_makes_the_environment_anew(machine: Machine) -> None:
    machine.python("python3.14", "3.14")
    machine.python("python3.11", "3.11")
    machine.set_up()
    assert machine.set_up(PYTHON="python3.11").calls[0] == "python3.11 -m venv .venv"


def test_without_venv_and_pip_one_sentence_says_what_to_install(machine: Machine) -> None:
    machine.python("python3", "3.11", lacks="venv pip")
    outcome = machine.set_up()
    assert outcome.status != 0
    assert len(outcome.said) == 1
    assert "neither venv nor pip" in outcome.said[0]
    assert "apt install python3-venv" in outcome.said[0]


def test_an_older_python_that_can_make_environments_beats_a_newer_that_cannot(machine: Machine) -> None:
    machine.python("python3.13", "3.13", lacks="venv pip")
    machine.python("python3.11", "3.11")
    assert machine.set_up().calls[0] == "python3.11 -m venv .venv"


def test_without_venv_virtualenv_is_fetched_beside_the_system_never_into_it(machine: Machine) -> None:
    machine.python("python3", "3.11", lacks="venv")
    outcome = machine.set_up()
    assert outcome.status == 0, outcome.said
    outside = [call for call in outcome.installs if not call.startswith(".venv ")]
    assert len(outside) == 1
    assert "--target" in outside[0]
    assert not list(machine.home.glob("darkroom-setup.*")), "the scratch folder is removed"


def test_without_venv_and_network_the_reason_is_named(machine: Machine) -> None:
    machine.python("python3", "3.11", lacks="venv network")
    outcome = machine.set_up()
    assert outcome.status != 0
    assert "no working venv and pip could not fetch virtualenv" in outcome.said[-1]


def test_torch_comes_alone_and_before_everything_else(machine: Machine) -> None:
    machine.python("python3", "3.12")
    torch, rest = machine.set_up().installs
    assert torch == ".venv -m pip install --quiet --no-deps --constraint constraints.txt torch"
    assert rest == ".venv -m pip install --quiet --constraint constraints.txt --editable client --editable ."


def test_only_the_tests_and_checks_install_the_development_tools(machine: Machine) -> None:
    machine.python("python3", "3.12")
    assert machine.set_up("dev").installs[-1].endswith("--editable client --editable .[dev]")


def test_torch_index_chooses_where_torch_alone_comes_from(machine: Machine) -> None:
    machine.python("python3", "3.12")
    torch, rest = machine.set_up(TORCH_INDEX="https://wheels.example/cpu").installs
    assert "--index-url https://wheels.example/cpu" in torch
    assert "wheels.example" not in rest


def test_torch_index_is_remembered_and_a_new_one_replaces_torch(machine: Machine) -> None:
    machine.python("python3", "3.12")
    machine.set_up(TORCH_INDEX="https://wheels.example/cpu")
    kept, _ = machine.set_up("dev").installs
    assert "--index-url https://wheels.example/cpu" in kept
    assert "--force-reinstall" not in kept
    moved, _ = machine.set_up("dev", TORCH_INDEX="https://wheels.example/cuda").installs
    assert "--force-reinstall --index-url https://wheels.example/cuda" in moved


def test_a_machine_without_an_nvidia_gpu_is_told_of_the_smaller_torch_once(machine: Machine) -> None:
    machine.python("python3", "3.12")
    assert sum("TORCH_INDEX" in line for line in machine.set_up().said) == 1
    assert machine.set_up().said == []


@pytest.mark.parametrize("variables", [{"TORCH_INDEX": "https://wheels.example/cpu"}, {}])
def test_whoever_chose_an_index_or_has_a_gpu_gets_no_hint(machine: Machine, variables: dict[str, str]) -> None:
    machine.python("python3", "3.12")
    if not variables:
        machine.program("nvidia-smi", "#!/bin/sh\n")
    assert not any("TORCH_INDEX" in line for line in machine.set_up(**variables).said)


def test_the_second_run_does_nothing(machine: Machine) -> None:
    machine.python("python3", "3.12")
    machine.set_up()
    again = machine.set_up()
    assert (again.status, again.said, again.calls) == (0, [], [])


def test_the_development_environment_serves_too_but_not_the_other_way_round(machine: Machine) -> None:
    machine.python("python3", "3.12")
    machine.set_up("run")
    assert machine.set_up("dev").installs
    assert machine.set_up("run").calls == []


@pytest.mark.parametrize("name", INGREDIENTS)
def test_a_changed_requirement_installs_again_into_the_same_environment(machine: Machine, name: str) -> None:
    machine.python("python3", "3.12")
    machine.set_up()
    with (machine.clone / name).open("a") as file:
        file.write("# changed\n")
    again = machine.set_up()
    assert again.installs
    assert not any(" -m venv " in call for call in again.calls)


def test_an_environment_whose_python_is_gone_is_made_anew(machine: Machine) -> None:
    machine.python("python3", "3.12")
    machine.set_up()
    (machine.venv / "bin/python").unlink()
    assert machine.set_up().calls[0] == "python3 -m venv .venv"


def test_a_clone_that_was_moved_makes_its_environment_anew(machine: Machine) -> None:
    machine.python("python3", "3.12")
    machine.set_up()
    (machine.venv / ".darkroom-path").write_text("/elsewhere\n")
    assert machine.set_up().calls[0] == "python3 -m venv .venv"


def test_an_environment_of_someone_elses_making_is_left_alone(machine: Machine) -> None:
    machine.python("python3", "3.12")
    (machine.venv / "bin").mkdir(parents=True)
    (machine.venv / "bin/mine").write_text("precious")
    outcome = machine.set_up()
    assert outcome.status != 0
    assert "was not made by this set-up" in outcome.said[-1]
    assert (machine.venv / "bin/mine").read_text() == "precious"


def test_a_failed_install_says_why_and_is_tried_again(machine: Machine) -> None:
    machine.python("python3", "3.12", lacks="network")
    failed = machine.set_up()
    assert failed.status != 0
    assert failed.said[-1].startswith("setup: pip could not install torch for Python 3.12")
    assert machine.set_up().installs, "a failure leaves no stamp"
