"""The axes of `darkroom xyz`."""

from __future__ import annotations

import pytest
import typer

from darkroom.cli.batches.axes import NO_AXIS, cells, check_axes, parse_axis, with_seed


@pytest.mark.parametrize(
    ("text", "argument", "values"),
    [
        ("steps=4,8", "steps", [4, 8]),
        ("guidance=1, 2.5", "guidance_scale", [1.0, 2.5]),
        ("--sampler=euler,ddim", "sampler", ["euler", "ddim"]),
        ("long-prompt=true,no", "long_prompt", [True, False]),
        ("strength=0.5", "strength", [0.5]),
        ("resize-mode=crop,stretch", "resize_mode", ["crop", "stretch"]),
        ('prompt=a red circle,"red, round"', "prompt", ["a red circle", "red, round"]),
    ],
)
def test_values_have_the_type_of_their_parameter(text: str, argument: str, values: list[object]) -> None:
    axis = parse_axis(text, "--x")
    assert (axis.argument, axis.values) == (argument, values)


@pytest.mark.parametrize(
    ("text", "named"),
    [
        ("steps", "NAME=VALUE"),
        ("colour=red", "sampler"),
        ("steps=", "at least one value"),
        ("steps=4,,8", "none that is empty"),
        ("steps=4,many", "'many' is not a value for steps"),
        ("long-prompt=perhaps", "'perhaps'"),
    ],
)
def test_what_cannot_be_read_is_said_with_its_option(text: str, named: str) -> None:
    with pytest.raises(typer.BadParameter, match=named) as caught:
        parse_axis(text, "--y")
    assert caught.value.param_hint == ["--y"]


def test_a_parameter_is_on_one_axis() -> None:
    steps = parse_axis("steps=4", "--x")
    check_axes([steps, parse_axis("seed=1", "--y"), NO_AXIS])
    with pytest.raises(typer.BadParameter, match="steps is on two axes"):
        check_axes([steps, parse_axis("steps=5", "--y"), NO_AXIS])


def test_all_images_share_a_seed_unless_it_is_given_or_on_an_axis() -> None:
    steps, seed = parse_axis("steps=4", "--x"), parse_axis("seed=1,2", "--y")
    assert with_seed({}, [steps])["seed"] >= 0
    assert with_seed({"seed": 5}, [steps]) == {"seed": 5}
    assert with_seed({}, [steps, seed]) == {}


def test_the_images_come_panel_by_panel_and_row_by_row() -> None:
    x, y, z = parse_axis("steps=4,8", "--x"), parse_axis("seed=1,2", "--y"), parse_axis("prompt=a,b", "--z")
    wanted = cells("unused", {"sampler": "ddim"}, [x, y, z])
    found = [(each.prompt, each.params["seed"], each.params["steps"]) for each in wanted]
    assert found[:4] == [("a", 1, 4), ("a", 1, 8), ("a", 2, 4), ("a", 2, 8)]
    assert found[4:] == [("b", *rest) for _, *rest in found[:4]]
    assert all(each.params["sampler"] == "ddim" for each in wanted)
    assert wanted[1].label == "steps 8, seed 1, a"


def test_an_axis_that_is_not_given_changes_nothing() -> None:
    (wanted,) = cells("a", {}, [parse_axis("steps=4", "--x"), NO_AXIS, NO_AXIS])
    assert (wanted.prompt, wanted.params, wanted.label) == ("a", {"steps": 4}, "steps 4")
    assert NO_AXIS.labels == [""]


def test_a_seed_out_of_range_is_refused() -> None:
    with pytest.raises(typer.BadParameter, match="seeds"):
        cells("a", {}, [parse_axis("seed=-1", "--x"), NO_AXIS, NO_AXIS])
