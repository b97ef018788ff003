"""The images that a command makes, and the names of their files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import typer

from darkroom.cli.batches.planning import (
    MAX_SEED,
    MadeImage,
    PlannedImage,
    Wanted,
    as_json,
    each_copy,
    plan,
    read_prompts,
    summary,
)


def names(output: Path, prompts: list[str], count: int = 1, **params: Any) -> list[str]:
    return [image.path.name for image in plan(each_copy(prompts, count, params), f"{output}/", resume=True)]


def test_a_seed_is_counted_up_for_each_copy() -> None:
    wanted = each_copy(["a", "b"], 2, {"seed": 7, "steps": 4})
    assert [(each.prompt, each.params["seed"]) for each in wanted] == [("a", 7), ("a", 8), ("b", 7), ("b", 8)]
    assert all(each.params["steps"] == 4 for each in wanted)


@pytest.mark.parametrize(("seed", "count"), [(-1, 1), (MAX_SEED, 2)])
def test_a_seed_out_of_range_is_refused(seed: int, count: int) -> None:
    with pytest.raises(typer.BadParameter, match="seeds"):
        each_copy(["a"], count, {"seed": seed})


def test_the_same_command_plans_the_same_files(tmp_path: Path) -> None:
    assert names(tmp_path, ["a", "a"], 2, steps=4) == names(tmp_path, ["a", "a"], 2, steps=4)


@pytest.mark.parametrize("changed", [{"steps": 5}, {"seed": 8}, {"sampler": "ddim"}])
def test_other_parameters_make_other_files(tmp_path: Path, changed: dict[str, Any]) -> None:
    same = {"steps": 4, "seed": 7}
    assert names(tmp_path, ["a"], **same) != names(tmp_path, ["a"], **{**same, **changed})


def test_equal_images_have_files_of_their_own(tmp_path: Path) -> None:
    assert len(set(names(tmp_path, ["a", "a"], 2, seed=7))) == 4
    assert len(set(names(tmp_path, ["a"], 3))) == 3


def test_the_names_begin_with_prompt_and_seed(tmp_path: Path) -> None:
    (name,) = names(tmp_path, ["A red circle!"], seed=0)
    assert name.startswith("a-red-circle-0-")


def test_the_content_of_an_input_decides_the_name_and_not_its_path(tmp_path: Path) -> None:
    first, second, third = (tmp_path / name for name in ("1.png", "2.png", "3.png"))
    for path, content in ((first, b"x"), (second, b"x"), (third, b"y")):
        path.write_bytes(content)
    assert names(tmp_path, ["a"], image=first) == names(tmp_path, ["a"], image=second)
    assert names(tmp_path, ["a"], image=first) != names(tmp_path, ["a"], image=third)


def test_images_whose_files_are_there_are_skipped(tmp_path: Path) -> None:
    (tmp_path / names(tmp_path, ["a", "b"])[0]).touch()
    images = plan(each_copy(["a", "b"], 1, {}), f"{tmp_path}/", resume=True)
    assert [(image.is_skipped, image.is_there) for image in images] == [(True, True), (False, False)]


def test_a_named_file_is_skipped_only_where_that_is_asked_for(tmp_path: Path) -> None:
    (tmp_path / "x.png").touch()
    wanted = [Wanted("a", {})]
    assert [plan(wanted, str(tmp_path / "x.png"), resume=resume)[0].is_skipped for resume in (True, False)] == [
        True,
        False,
    ]


def test_an_unknown_suffix_names_the_option() -> None:
    with pytest.raises(typer.BadParameter) as caught:
        plan([Wanted("a", {})], "x.gif", resume=True)
    assert caught.value.param_hint == ["--output"]


def test_blank_lines_and_comments_are_no_prompts() -> None:
    assert read_prompts(["a red circle", "", "  # not this", "  a blue star  "]) == ["a red circle", "a blue star"]


def test_what_the_model_could_not_follow_is_in_the_summary() -> None:
    image = PlannedImage("a", {}, Path("x.png"), "x.png", MadeImage(7, "8x8", notes=["8x8: not 9x9"]))
    assert summary(image) == "x.png  (seed 7, 8x8: not 9x9)"


def test_json_says_what_became_of_each_image() -> None:
    made = PlannedImage("a", {}, Path("1.png"), "", MadeImage(7, "8x8", "job_1"))
    skipped = PlannedImage("a", {"seed": 3}, Path("2.png"), "", is_skipped=True)
    unfinished = PlannedImage("a", {}, Path("3.png"), "")
    assert [as_json(image)["status"] for image in (made, skipped, unfinished)] == ["made", "skipped", "unfinished"]
    assert as_json(made) == {
        "path": "1.png",
        "status": "made",
        "prompt": "a",
        "seed": 7,
        "size": "8x8",
        "job_id": "job_1",
        "notes": [],
    }
    assert as_json(skipped)["seed"] == 3
