"""The hosts that webhooks may always reach are checked when they are read."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from service.settings import Settings


def test_hosts_stay_as_they_were_written_and_urls_are_refused() -> None:
    assert (
        Settings(webhook_allowed_hosts="hooks.internal, 10.0.0.7").webhook_allowed_hosts == "hooks.internal, 10.0.0.7"
    )
    with pytest.raises(ValidationError, match="must be host names"):
        Settings(webhook_allowed_hosts="http://hooks.internal")
