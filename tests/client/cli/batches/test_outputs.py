"""Output files are named after their prompts or the option, and written whole or not at all."""

from __future__ import annotations

from pathlib import Path

import pytest

from darkroom.cli.batches.outputs import plan_outputs, write


def test_files_are_numbered_from_the_second_image_on() -> None:
    assert plan_outputs("a/out.webp", ["x", "y", "z"]) == [
        Path("a/out.webp"),
        Path("a/out-2.webp"),
        Path("a/out-3.webp"),
    ]


def test_an_existing_file_is_overwritten(tmp_path: Path) -> None:
    out = tmp_path / "out.png"
    out.write_bytes(b"old")
    assert plan_outputs(str(out), ["x"]) == [out]


@pytest.mark.parametrize("output", ["images/", "images"])
def test_in_a_folder_files_are_named_after_their_prompts(output: str) -> None:
    planned = plan_outputs(output, ["A red circle!", "Ein grüner Stern", "../etc/passwd", "!?"])
    names = ["a-red-circle.png", "ein-grüner-stern.png", "etc-passwd.png", "image.png"]
    assert planned == [Path("images") / name for name in names]


def test_in_a_folder_nothing_is_overwritten(tmp_path: Path) -> None:
    (tmp_path / "x.png").touch()
    (tmp_path / "x-3.png").touch()
    assert plan_outputs(str(tmp_path), ["x", "x"]) == [tmp_path / "x-2.png", tmp_path / "x-4.png"]


def test_a_long_prompt_makes_a_short_name() -> None:
    (path,) = plan_outputs("images/", ["a red circle and " * 50])
    assert len(path.name) < 70


def test_a_folder_may_have_the_name_of_a_file(tmp_path: Path) -> None:
    (tmp_path / "v1.png").mkdir()
    assert plan_outputs(str(tmp_path / "v1.png"), ["x"]) == [tmp_path / "v1.png" / "x.png"]


@pytest.mark.parametrize("output", ["out.gif", "out.tar.gz", "out.png.txt"])
def test_an_unknown_suffix_is_refused(output: str) -> None:
    with pytest.raises(ValueError, match=r"must end in .png"):
        plan_outputs(output, ["x"])


def test_a_file_is_replaced_and_no_temporary_file_is_left(tmp_path: Path) -> None:
    path = tmp_path / "out.png"
    path.write_bytes(b"old")
    write(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]
