"""Without a channel, announcements reach nobody, and a process knows that it has to query the store itself."""

from __future__ import annotations

from collections.abc import Sequence

from service.jobs.watching.channel import NoChannel
from service.jobs.watching.subscriptions import JobNotifier


async def test_a_process_without_a_channel_hears_nothing_of_others() -> None:
    heard: list[Sequence[str]] = []
    channel = NoChannel()
    notifier = JobNotifier(channel)
    channel.start(lambda changed, waiting: heard.append(changed))
    notifier.notify("job_a", record_changed=True)
    notifier.announce_waiting()
    await channel.stop()

    assert heard == []
    assert not notifier.hears_others
