"""`darkroom xyz`."""

from __future__ import annotations

import json
from pathlib import Path

from PIL import Image

from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command


def test_each_combination_is_made_and_drawn(command: Command) -> None:
    backend = FakeBackend()
    outcome = command(
        "xyz", "a", "--x", "steps=4,8", "--y", "sampler=euler,ddim", "--z", "seed=1,2", "-o", "g.png", backend=backend
    )
    assert (outcome.status, outcome.out) == (0, "g.png  (8 images)\n")
    made = {(body["num_inference_steps"], body["sampler"], body["seed"]) for body in backend.bodies}
    assert len(made) == len(backend.bodies) == 8
    with Image.open("g.png") as grid:
        assert grid.format == "PNG"
    assert [path.name for path in Path().iterdir()] == ["g.png"]


def test_the_seed_that_all_images_share_is_told(command: Command) -> None:
    backend = FakeBackend()
    outcome = command("xyz", "a", "--x", "steps=4,8", backend=backend)
    (seed,) = {body["seed"] for body in backend.bodies}
    assert outcome.out == f"xyz.png  (2 images, seed {seed})\n"


def test_kept_images_are_not_made_again(command: Command) -> None:
    arguments = ("xyz", "a", "--seed", "1", "--images", "cells")
    command(*arguments, "--x", "steps=4,8", backend=FakeBackend())
    backend = FakeBackend()
    assert command(*arguments, "--x", "steps=4,8,16", backend=backend).status == 0
    assert [body["num_inference_steps"] for body in backend.bodies] == [16]
    assert len(list(Path("cells").iterdir())) == 3


def test_json_tells_axes_and_images(command: Command) -> None:
    outcome = command("xyz", "a", "--seed", "1", "--x", "steps=4,8", "--json", backend=FakeBackend())
    told = json.loads(outcome.out)
    assert (told["grid"], told["axes"]) == ("xyz.png", {"x": {"name": "steps", "values": [4, 8]}})
    assert [(image["path"], image["seed"]) for image in told["images"]] == [(None, 1), (None, 1)]


def test_models_can_only_be_compared_on_a_server(command: Command) -> None:
    outcome = command("xyz", "a", "--x", "model=sd,sdxl", backend=FakeBackend())
    assert (outcome.status, "--server" in outcome.err) == (2, True)


def test_the_grid_is_a_png(command: Command) -> None:
    outcome = command("xyz", "a", "--x", "steps=4", "-o", "g.jpg", backend=FakeBackend())
    assert (outcome.status, "--output" in outcome.err) == (2, True)


def test_the_grid_can_be_shown_in_the_terminal(command: Command) -> None:
    outcome = command("xyz", "a", "--x", "steps=4", "--preview-protocol", "sixel", backend=FakeBackend())
    assert "\n\x1bP" in outcome.out
