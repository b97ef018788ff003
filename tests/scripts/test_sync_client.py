"""The synchronous client is what the script makes of the asynchronous one."""

from __future__ import annotations

import pytest

from scripts import sync_client

SOURCE = '''
class AsyncThing:
    """The asynchronous thing, as `AsyncOther` is."""

    async def call(self, each: AsyncIterator[int]) -> Callable[[], Awaitable[None]]:
        async with contextlib.aclosing(self._open()) as opened:
            async for one in opened:
                yield await one.aread()
        await anyio.sleep(1)
'''
MADE = '''
class Thing:
    """The synchronous thing, as `Other` is."""

    def call(self, each: Iterator[int]) -> Callable[[], None]:
        with contextlib.closing(self._open()) as opened:
            for one in opened:
                yield one.read()
        time.sleep(1)
'''


def test_words_that_wait_are_left_out_and_names_have_their_counterparts() -> None:
    assert sync_client.translate(SOURCE) == MADE


@pytest.mark.integration
def test_what_is_committed_is_what_the_script_writes() -> None:
    committed = {path.name: path.read_text() for path in sync_client.TARGET.glob("*.py")}
    assert sync_client.render() == committed, "run `python -m scripts.sync_client`"


def test_nothing_in_the_synchronous_client_waits_for_an_event_loop() -> None:
    texts = [path.read_text() for path in sync_client.TARGET.glob("*.py")]
    assert len(texts) > 5
    for word in ("async ", "await ", "anyio", "Async", "aclose"):
        assert [text for text in texts if word in text] == []
