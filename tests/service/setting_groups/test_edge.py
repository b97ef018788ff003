"""The settings of the edge are checked when they are read, so that a mistake ends the start and not a request."""

from __future__ import annotations

from typing import Any

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_values_that_can_be_read_stay_as_they_were_written() -> None:
    given: dict[str, Any] = {
        "public_url": "https://x.example/a/",
        "allowed_hosts": "a, *.b.example",
        "trusted_proxies": "unix,10.0.0.0/8",
    }
    assert Settings(**given).model_dump(include=set(given)) == given


@pytest.mark.parametrize(
    ("name", "value"),
    [("public_url", "x.example"), ("allowed_hosts", "https://x.example"), ("trusted_proxies", "proxy.example")],
)
def test_other_values_are_refused(name: str, value: str) -> None:
    with pytest.raises(ValidationError, match="must be"):
        Settings.model_validate({name: value})
