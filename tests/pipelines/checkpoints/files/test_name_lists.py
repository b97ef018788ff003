"""Messages name a few files or weights, and count the others."""

from __future__ import annotations

from pipelines.checkpoints.files.name_lists import first_few


def test_three_names_are_listed_and_the_others_are_counted() -> None:
    assert first_few({"d", "b", "a", "e", "c"}) == "a, b, c and 2 more"
    assert first_few(["b", "c", "a"]) == "a, b, c"
