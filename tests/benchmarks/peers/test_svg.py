"""SVG charts."""

from __future__ import annotations

import xml.etree.ElementTree as ET

import pytest

from benchmarks.peers import svg


def test_larger_values_are_further_right_and_higher_up() -> None:
    root = ET.fromstring(svg.lines("t", {"a": [(0.0, 0.0), (1.0, 1.0)]}, x_label="x", y_label="y"))
    first, second = root.iter("{http://www.w3.org/2000/svg}circle")
    assert float(first.attrib["cx"]) < float(second.attrib["cx"])
    assert float(first.attrib["cy"]) > float(second.attrib["cy"])


def test_the_numbers_on_an_axis_are_round() -> None:
    root = ET.fromstring(svg.lines("t", {"a": [(0.0, 0.0), (2.09, 1.0)]}, x_label="x", y_label="y"))
    texts = ["".join(element.itertext()) for element in root.iter("{http://www.w3.org/2000/svg}text")]
    assert {"0.5", "1", "1.5", "2", "20%", "100%"} <= set(texts)


def test_the_length_of_a_bar_is_proportional_to_its_value() -> None:
    root = ET.fromstring(svg.bars("t", {"a": 1.0, "b": 2.0}))
    _, first, second = (
        float(rect.attrib["width"].rstrip("%")) for rect in root.iter("{http://www.w3.org/2000/svg}rect")
    )
    assert second == pytest.approx(2 * first)
