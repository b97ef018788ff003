"""`darkroom generate`: the requests that it sends, the files that it writes, and how it reports failures."""

from __future__ import annotations

import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from darkroom import DarkroomError
from tests.client import answers
from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command


def test_an_image_is_written_and_its_seed_printed(command: Command) -> None:
    outcome = command("generate", "a red circle", "-o", "out.png", backend=FakeBackend())
    assert (outcome.status, outcome.out, outcome.err) == (0, "out.png  (seed 99)\n", "")
    assert Path("out.png").read_bytes() == answers.png()


def test_each_prompt_makes_count_images_in_order(command: Command) -> None:
    backend = FakeBackend()
    outcome = command("generate", "a", "b", "--count", "2", "--seed", "7", "-o", "new/out.webp", backend=backend)
    names = ["new/out.webp", "new/out-2.webp", "new/out-3.webp", "new/out-4.webp"]
    assert [line.split()[0] for line in outcome.out.splitlines()] == names
    assert all(Path(name).is_file() for name in names)
    requested = Counter((body["prompt"], body["seed"], body["output_format"]) for body in backend.bodies)
    assert requested == Counter([("a", 7, "webp"), ("a", 8, "webp"), ("b", 7, "webp"), ("b", 8, "webp")])


def test_every_option_reaches_the_backend(command: Command) -> None:
    backend = FakeBackend()
    options = (
        "--size 160x96 --steps 9 --guidance 2.5 --negative-prompt blue --sampler ddim --schedule karras --model sd"
    )
    assert command("generate", "a red circle", *options.split(), backend=backend).status == 0
    assert backend.loaded == ["sd"]
    assert backend.bodies == [
        {
            "prompt": "a red circle",
            "size": "160x96",
            "num_inference_steps": 9,
            "guidance_scale": 2.5,
            "negative_prompt": "blue",
            "sampler": "ddim",
            "schedule": "karras",
            "output_format": "png",
            "response_format": "b64_json",
        }
    ]


def test_options_that_are_not_given_are_not_sent(command: Command) -> None:
    backend = FakeBackend()
    command("generate", "a red circle", backend=backend)
    assert backend.bodies == [{"prompt": "a red circle", "output_format": "png", "response_format": "b64_json"}]
    assert Path("a-red-circle.png").is_file()


def test_a_size_that_the_model_changed_is_reported(command: Command) -> None:
    outcome = command("generate", "a red circle", "--size", "512x512", "-o", "out.png", backend=FakeBackend())
    assert "8x8: the model cannot make 512x512" in outcome.out


@pytest.mark.parametrize(
    ("arguments", "names"),
    [
        (["generate"], "PROMPT"),
        (["generate", "x", "--steps", "0"], "--steps"),
        (["generate", "x", "--steps", "many"], "--steps"),
        (["generate", "x", "--count", "0"], "--count"),
        (["generate", "x", "--seed", "-1"], "--seed"),
        (["generate", "x", "--seed", str(2**63 - 1), "--count", "2"], "--seed"),
        (["generate", "x", "-o", "out.gif"], "--output"),
        (["generate", "x", "--colour", "red"], "--colour"),
        (["generate", "x", "--server", "nonsense"], "http://"),
        (["draw"], "draw"),
        (["serve", "--port", "99999"], "--port"),
        (["serve", "--dtype", "int4"], "--dtype"),
    ],
    ids=" ".join,
)
def test_invalid_input_is_reported_in_one_line_that_names_it(
    command: Command, arguments: list[str], names: str
) -> None:
    backend = FakeBackend()
    outcome = command(*arguments, backend=backend)
    assert (outcome.status, outcome.out, outcome.err.count("\n")) == (2, "", 1)
    assert outcome.err.startswith("Error: ")
    assert names in outcome.err
    assert not backend.bodies


def test_a_value_that_the_server_refuses_is_reported_with_its_option(command: Command) -> None:
    def refuse(body: object) -> httpx2.Response:
        message = "num_inference_steps: At most 150."
        return httpx2.Response(400, json={"error": {"message": message, "param": "num_inference_steps", "code": "c"}})

    outcome = command("generate", "x", "--steps", "999", backend=FakeBackend(refuse))
    assert (outcome.status, outcome.err) == (2, "Error: Invalid value for '--steps': At most 150.\n")


def test_images_finished_before_a_failure_are_kept_and_reported(command: Command) -> None:
    def answer(body: dict[str, object]) -> httpx2.Response:
        return answers.images(5) if body["seed"] == 5 else answers.error(500, x_should_retry="false")

    outcome = command("generate", "x", "--seed", "5", "--count", "2", "-o", "out.png", backend=FakeBackend(answer))
    assert (outcome.status, outcome.err) == (1, "Error: It went wrong.\n")
    assert not Path("out-2.png").exists()
    assert Path("out.png").exists() == ("out.png" in outcome.out)


def test_a_model_that_cannot_be_loaded_is_reported_in_one_line(command: Command) -> None:
    backend = FakeBackend(failure=DarkroomError("There is no model folder nowhere."))
    outcome = command("generate", "x", "--model", "nowhere", backend=backend)
    assert (outcome.status, outcome.err) == (1, "Error: There is no model folder nowhere.\n")


def test_a_folder_that_cannot_be_created_is_reported_before_any_request(command: Command) -> None:
    Path("taken").touch()
    backend = FakeBackend()
    outcome = command("generate", "x", "-o", "taken/out.png", backend=backend)
    assert outcome.status == 1
    assert outcome.err.startswith("Error: taken")
    assert not backend.bodies


@pytest.mark.integration
def test_a_server_that_does_not_answer_is_reported_at_once(command: Command) -> None:
    outcome = command("generate", "x", "--server", "http://127.0.0.1:1", backend=FakeBackend())
    assert outcome.status == 1
    assert outcome.err.startswith("Error: http://127.0.0.1:1 does not answer")


@pytest.mark.integration
def test_without_a_local_backend_the_default_server_is_used(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_BASE_URL", "http://127.0.0.1:1")
    outcome = command("generate", "x", backend=None)
    assert "http://127.0.0.1:1 does not answer" in outcome.err


@pytest.mark.integration
def test_control_c_cancels_cleanly() -> None:
    arguments = [sys.executable, "-m", "tests.client.cli.fake_backend", "generate", "a red circle"]
    with subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        process.send_signal(signal.SIGINT)
        try:
            out, err = process.communicate(timeout=60)
        finally:
            process.kill()
    assert (process.returncode, out, err) == (130, "cleaned up\n", "Canceled.\n")


def test_a_prompt_that_was_cut_is_reported(command: Command) -> None:
    tokens = {"prompt": {"read": 75, "total": 120}, "negative": {"read": 1, "total": 1}}
    image = {"b64_json": answers.b64_png(), "seed": 1, "prompt_tokens": tokens}
    body = {"created": 1, "data": [image], "size": "8x8"}
    backend = FakeBackend(answer=lambda _: httpx2.Response(200, json=body))

    outcome = command("generate", "a red circle", "--long-prompt", "-o", "out.png", backend=backend)

    assert "(seed 1, only 75 of 120 tokens of the prompt read)" in outcome.out
    assert backend.bodies[0]["long_prompt"] is True
