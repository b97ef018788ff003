"""The SDK's arguments that the command has options for. `tests/client/test_openapi.py` compares them with the API's."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import pytest

from darkroom._core.parameters import JOB_PARAMETERS, STREAM_PARAMETERS, DeclaredParameter
from darkroom.types import HiresParams, Margins, RefinerParams
from tests.client import answers
from tests.client.cli.fake_backend import FakeBackend
from tests.harness.command import Command

NOT_OFFERED: Final = {
    "n": "--count makes each image by a request of its own, so that each has a file, a bar and a seed",
    "prompt_matrix": "several prompts, or xyz with prompts on an axis, do the same with a file for each image",
    "webhook": "the command waits for the job itself",
    "previews": "--preview asks for as many as the server makes",
    "partial_images": "--preview shows them; the command uses no stream of images",
}
"""Arguments without an option, and the reason."""

OPTIONS: Final = """
    --size 160x96 --steps 9 --guidance 2.5 --guidance-rescale 0.5 --seed 7 --negative-prompt blue --long-prompt
    --sampler ddim --schedule karras --model sd --quality 90 --priority batch --deadline 60
    --hires-steps 4 --hires-strength 0.5 --hires-upscaler latent --refiner xl --refiner-switch-at 0.7
    --original-size 512x768 --crop 0,64 --target-size 128x96
    --image start.png --mask mask.png --strength 0.5 --keep-unmasked --image-guidance-scale 1.5
    --extend left=1,top=2,right=3,bottom=4 --resize-mode stretch
"""
"""Every option that says what is sent, but for --hires, which has two forms."""


@pytest.fixture
def sent(command: Command) -> Mapping[str, Mapping[str, Any]]:
    """The fields that the command sends with all options, by the form of --hires, and those it asks of its backend."""
    for name in ("start.png", "mask.png"):
        Path(name).write_bytes(answers.png())
    bodies = {}
    for form in ("2", "64x48"):
        backend = FakeBackend()
        outcome = command("generate", "x", "-o", "x.webp", *OPTIONS.split(), "--hires", form, backend=backend)
        assert (outcome.status, outcome.err) == (0, "")
        bodies[form] = {**backend.bodies[0], "model": backend.loaded[0]}
    return bodies


def arguments() -> Mapping[str, DeclaredParameter]:
    return {**JOB_PARAMETERS, **STREAM_PARAMETERS}


def test_every_argument_has_an_option_or_a_reason(sent: Mapping[str, Mapping[str, Any]]) -> None:
    fields = {each.wire_name: name for name, each in arguments().items()}
    offered = {fields[field] for field in sent["2"] if field in fields}
    assert arguments().keys() - offered == NOT_OFFERED.keys()


@pytest.mark.parametrize(("field", "kind"), [("hires", HiresParams), ("extend", Margins), ("refiner", RefinerParams)])
def test_every_part_of_an_argument_has_an_option(sent: Mapping[str, Mapping[str, Any]], field: str, kind: type) -> None:
    assert {part for body in sent.values() for part in body[field]} == set(kind.__annotations__)


def test_the_values_are_those_of_the_options(sent: Mapping[str, Mapping[str, Any]]) -> None:
    wanted = {
        "output_compression": 90,
        "priority": "batch",
        "deadline_s": 60.0,
        "hires": {"scale": 2.0, "steps": 4, "strength": 0.5, "upscaler": "latent"},
        "refiner": {"model": "xl", "switch_at": 0.7},
        "original_size": [512, 768],
        "crop": [0, 64],
        "target_size": [128, 96],
        "keep_unmasked": True,
        "extend": {"left": 1, "top": 2, "right": 3, "bottom": 4},
    }
    assert {name: sent["2"][name] for name in wanted} == wanted


def test_what_decides_only_when_an_image_is_made_does_not_change_its_name(command: Command) -> None:
    plain = ("generate", "x", "--seed", "1", "-o", "images/", "--json")
    command(*plain, backend=FakeBackend())
    again = command(*plain, "--priority", "batch", "--deadline", "60", backend=FakeBackend())
    assert [image["status"] for image in json.loads(again.out)["images"]] == ["skipped"]
