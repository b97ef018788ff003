"""The options become arguments of the SDK."""

from __future__ import annotations

from pathlib import Path

import pytest
import typer

from darkroom.cli.commands.options import CommandParams, request_params


def test_options_that_were_not_given_are_left_out() -> None:
    assert request_params({"steps": 4, "sampler": None, "image": None}) == {"steps": 4}


def test_hires_fix_is_one_argument() -> None:
    assert request_params({"hires": {"scale": 2.0}}) == {"hires": {"scale": 2.0}}
    assert request_params({"hires": {"scale": 2.0}, "hires_steps": 8, "hires_upscaler": "latent"}) == {
        "hires": {"scale": 2.0, "steps": 8, "upscaler": "latent"}
    }


def test_a_refiner_is_one_argument() -> None:
    assert request_params({"refiner_model": "xl"}) == {"refiner": {"model": "xl"}}
    assert request_params({"refiner_model": "xl", "refiner_switch_at": 0.7}) == {
        "refiner": {"model": "xl", "switch_at": 0.7}
    }


@pytest.mark.parametrize(
    ("given", "option"),
    [
        ({"strength": 0.5}, "--strength"),
        ({"mask": Path("mask.png")}, "--mask"),
        ({"image_guidance_scale": 1.5}, "--image-guidance-scale"),
        ({"keep_unmasked": True}, "--keep-unmasked"),
        ({"extend": {"left": 8}}, "--extend"),
        ({"hires_steps": 8}, "--hires-steps"),
        ({"refiner_switch_at": 0.5}, "--refiner-switch-at"),
    ],
)
def test_an_option_that_needs_another_says_so(given: CommandParams, option: str) -> None:
    with pytest.raises(typer.BadParameter, match="it needs") as caught:
        request_params(given)
    assert caught.value.param_hint == [option]
