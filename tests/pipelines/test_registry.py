"""A registry gives each entry one public name and any number of aliases."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from pipelines.registry import Registry


@pytest.fixture
def shapes() -> Registry[Callable[[], int]]:
    registry: Registry[Callable[[], int]] = Registry("shape", normalize=str.lower)

    @registry.register("square", "box")
    def four() -> int:
        return 4

    @registry.register("triangle")
    def three() -> int:
        return 3

    return registry


def test_it_reads_as_a_mapping_in_the_order_of_declaration(shapes: Registry[Callable[[], int]]) -> None:
    assert {name: corners() for name, corners in shapes.items()} == {"square": 4, "triangle": 3}
    assert list(shapes) == ["square", "triangle"]


def test_an_entry_is_found_by_its_name_and_its_aliases(shapes: Registry[Callable[[], int]]) -> None:
    assert shapes.find("Square") is shapes.find("BOX") is shapes["square"]
    assert shapes.find("circle") is None


def test_an_alias_is_not_a_key(shapes: Registry[Callable[[], int]]) -> None:
    assert "box" not in shapes
    with pytest.raises(KeyError):
        shapes["box"]


@pytest.mark.parametrize("names", [("square",), ("box",), ("Triangle",), ("circle", "SQUARE")])
def test_a_name_that_is_taken_is_refused(shapes: Registry[Callable[[], int]], names: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match="Another shape is already registered"):
        shapes.register(*names)(lambda: 0)

    assert list(shapes) == ["square", "triangle"]
    assert shapes.find("circle") is None


def test_an_alias_may_repeat_its_own_entrys_name(shapes: Registry[Callable[[], int]]) -> None:
    shapes.register("circle", "Circle")(lambda: 0)

    assert shapes.find("CIRCLE") is shapes["circle"]
