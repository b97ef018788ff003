"""`darkroom generate`: the requests that it sends, the files that it writes, and how it reports failures."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from collections import Counter
from pathlib import Path

import httpx2
import pytest

from darkroom import DarkroomError
from darkroom.cli.statuses import Status
from tests.client import answers
from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command
from tests.harness.wire.http_server import Harness


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
        (["generate", "x", "--strength", "0.5"], "--strength"),
        (["generate", "x", "--image", "nowhere.png"], "--image"),
        (["generate", "x", "--refiner-switch-at", "0.5"], "--refiner-switch-at"),
        (["generate", "x", "--hires", "large"], "--hires"),
        (["generate", "x", "--hires-steps", "4"], "--hires-steps"),
        (["generate", "x", "--extend", "64"], "--extend"),
        (["generate", "x", "--extend", "up=64"], "--extend"),
        (["generate", "x", "--crop", "64"], "--crop"),
        (["generate", "x", "--original-size", "64"], "--original-size"),
        (["generate", "x", "--priority", "high"], "--priority"),
        (["generate", "x", "--quality", "90"], "--quality"),
        (["generate", "x", "--quality", "101", "-o", "x.webp"], "--quality"),
        (["generate", "--file", "nowhere.txt"], "--file"),
        (["generate", "x", "--grid", "sheet.gif"], "--grid"),
        (["xyz", "x", "--x", "colour=red"], "--x"),
        (["xyz", "x"], "--x"),
        (["generate", "x", "--size", "large"], "--size"),
        (["xyz", "x", "--x", "size=8x8,large"], "--size"),
        (["generate", "x", "--refiner", "xl", "--refiner-switch-at", "3"], "--refiner-switch-at"),
        (["jobs", "show"], "JOB"),
        (["jobs", "list", "--status", "lost"], "--status"),
        (["info"], "FILE"),
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


@pytest.mark.integration
def test_a_server_that_does_not_answer_is_reported_at_once(command: Command) -> None:
    outcome = command("generate", "x", "--server", "http://127.0.0.1:1", backend=FakeBackend())
    assert outcome.status == Status.UNREACHABLE
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


def test_a_file_of_prompts_is_read(command: Command) -> None:
    Path("prompts.txt").write_text("a red circle\n\n# a comment\na blue star\n")
    backend = FakeBackend()
    outcome = command("generate", "first", "--file", "prompts.txt", "-o", "out.png", backend=backend)
    assert outcome.status == 0
    assert sorted(body["prompt"] for body in backend.bodies) == ["a blue star", "a red circle", "first"]


def test_a_file_that_is_no_text_is_reported(command: Command) -> None:
    Path("prompts.txt").write_bytes(b"\xff\xfe\x00")
    outcome = command("generate", "--file", "prompts.txt", backend=FakeBackend())
    assert (outcome.status, outcome.err) == (2, "Error: Invalid value for '--file': the file is not text in UTF-8\n")


def test_a_file_without_prompts_is_reported(command: Command) -> None:
    Path("prompts.txt").write_text("# nothing\n")
    outcome = command("generate", "--file", "prompts.txt", backend=FakeBackend())
    assert (outcome.status, "there is no prompt" in outcome.err) == (2, True)


@pytest.mark.parametrize("options", [("a", "b", "--seed", "7"), ("--file", "prompts.txt"), ("a", "b", "--resume")])
def test_a_batch_goes_on_where_it_stopped(command: Command, options: tuple[str, ...]) -> None:
    Path("prompts.txt").write_text("a\nb\n")
    arguments = ("generate", *options, "--count", "2", "-o", "images/")
    assert command(*arguments, backend=FakeBackend()).status == 0
    next(Path("images").glob("a-*")).unlink()

    backend = FakeBackend()
    outcome = command(*arguments, backend=backend)

    assert (outcome.status, len(backend.bodies), len(outcome.out.splitlines())) == (0, 1, 1)
    assert outcome.err == "Skipped 3 of 4 images, whose files are there already.\n"
    assert len(list(Path("images").iterdir())) == 4


@pytest.mark.parametrize("options", [("a",), ("a", "--seed", "7", "--no-resume"), ("a", "--seed", "7", "-o", "x.png")])
def test_what_was_not_asked_to_go_on_is_made_again(command: Command, options: tuple[str, ...]) -> None:
    backend = FakeBackend()
    for _ in range(2):
        assert command("generate", *options, backend=backend).err == ""
    assert len(backend.bodies) == 2


def test_a_batch_that_is_there_needs_no_server(command: Command) -> None:
    arguments = ("generate", "a", "--seed", "7", "-o", "images/")
    command(*arguments, backend=FakeBackend())
    backend = FakeBackend(failure=DarkroomError("It was loaded."))
    assert command(*arguments, backend=backend).status == 0


def test_a_contact_sheet_has_all_images_also_those_that_were_there(command: Command) -> None:
    arguments = ("generate", "a", "--seed", "7", "--count", "2", "-o", "images/", "--grid", "new/sheet.png")
    command(*arguments, backend=FakeBackend())
    first = Path("new/sheet.png").read_bytes()
    outcome = command(*arguments, backend=FakeBackend())
    assert "new/sheet.png  (contact sheet of 2 images)" in outcome.err
    assert Path("new/sheet.png").read_bytes() == first


def test_json_tells_all_images(command: Command) -> None:
    outcome = command("generate", "a", "--seed", "7", "-o", "x.png", "--grid", "g.png", "--json", backend=FakeBackend())
    told = json.loads(outcome.out)
    assert [(image["path"], image["status"], image["seed"]) for image in told["images"]] == [("x.png", "made", 7)]
    assert told["grid"] == "g.png"


def test_json_tells_what_is_unfinished_after_a_failure(command: Command) -> None:
    backend = FakeBackend(lambda _: answers.error(500, x_should_retry="false"))
    outcome = command("generate", "a", "-o", "x.png", "--json", backend=backend)
    assert (outcome.status, json.loads(outcome.out)["images"][0]["status"]) == (1, "unfinished")


def test_a_refiner_is_sent_with_its_switch(command: Command) -> None:
    backend = FakeBackend()
    command("generate", "a", "--refiner", "xl", "--refiner-switch-at", "0.7", backend=backend)
    assert backend.bodies[0]["refiner"] == {"model": "xl", "switch_at": 0.7}


def test_an_image_to_start_from_is_sent_with_its_options(command: Command) -> None:
    Path("start.png").write_bytes(answers.png())
    backend = FakeBackend()
    options = "--image start.png --mask start.png --strength 0.5 --resize-mode stretch"
    assert command("generate", "a", *options.split(), backend=backend).status == 0
    (body,) = backend.bodies
    assert (body["image"], body["mask"]) == (answers.b64_png(), answers.b64_png())
    assert (body["strength"], body["resize_mode"]) == (0.5, "stretch")


def test_an_image_is_shown_in_the_terminal(command: Command) -> None:
    outcome = command("generate", "a", "-o", "x.png", "--preview-protocol", "kitty", backend=FakeBackend())
    assert outcome.out.startswith("x.png  (seed 99)\n\x1b_G")


@pytest.mark.integration
def test_a_server_makes_each_image_by_a_job(command: Command, server: Harness) -> None:
    outcome = command("generate", "a", "b", "--seed", "7", "-o", "images/", "--json", "--server", server.url)
    told = json.loads(outcome.out)["images"]
    assert [(image["prompt"], image["seed"], image["status"]) for image in told] == [("a", 7, "made"), ("b", 7, "made")]
    assert all(server.client.get(f"/api/v1/jobs/{image['job_id']}").is_success for image in told)
