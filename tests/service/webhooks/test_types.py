"""A webhook names events that there are."""

from __future__ import annotations

import pytest

from service.webhooks.types import EVENTS, Webhook


@pytest.mark.parametrize("events", [(), ("job.finished",), (EVENTS[0], "")], ids=str)
def test_a_webhook_without_events_or_with_an_unknown_one_is_refused(events: tuple[str, ...]) -> None:
    with pytest.raises(ValueError, match=r"job\.started"):
        Webhook("https://hooks.test", events, "jobs", "https://images.test")
