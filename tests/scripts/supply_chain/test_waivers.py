"""Waivers name what is accepted, why, and until when."""

from __future__ import annotations

from datetime import date

import pytest

from scripts.supply_chain import waivers
from scripts.supply_chain.waivers import Waiver, parse

WHOLE = """
[[waiver]]
id = "GHSA-1"
reason = "Not called."
until = 2027-01-31
"""


def test_a_waiver_has_an_id_a_reason_and_an_end() -> None:
    assert parse(WHOLE) == [Waiver("GHSA-1", "Not called.", date(2027, 1, 31))]
    assert parse("# None.") == []


@pytest.mark.parametrize(
    "text",
    [
        WHOLE.replace('reason = "Not called."', ""),
        WHOLE.replace("Not called.", " "),
        WHOLE.replace("until = 2027-01-31", ""),
        WHOLE.replace("2027-01-31", '"always"'),
        WHOLE + 'severity = "low"',
        WHOLE.replace("waiver", "ignore"),
    ],
)
def test_a_waiver_that_lacks_something_is_none(text: str) -> None:
    with pytest.raises(ValueError, match="waiver"):
        parse(text)


def test_the_file_can_be_read() -> None:
    parse(waivers.FILE.read_text())
