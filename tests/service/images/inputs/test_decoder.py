"""A file is decoded in a process of its own, whose failures do not reach the server."""

from __future__ import annotations

import asyncio
import sys

import pytest

from service.images.inputs.decoder import DirectDecoder, LimitedDecoder
from service.images.inputs.decoding import UnreadableImageError
from tests.harness.paths import ROOT
from tests.service.images.inputs.samples import picture, saved

MAX_PIXELS = 10_000
pytestmark = pytest.mark.integration


@pytest.fixture(autouse=True)
def from_this_tree(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


def limited(program: str | None = None, *, timeout_s: float = 30.0) -> LimitedDecoder:
    """Returns a decoder that runs `program`, or the real one."""
    if program is None:
        return LimitedDecoder(MAX_PIXELS, processes=2)
    command = (sys.executable, "-c", f"import os, sys, time\nout = sys.stdout.buffer\n{program}")
    return LimitedDecoder(MAX_PIXELS, processes=2, timeout_s=timeout_s, command=command)


async def test_it_returns_what_decoding_here_returns() -> None:
    file = saved(picture().convert("RGBA"))
    apart, here = await limited().decode(file), await DirectDecoder(MAX_PIXELS).decode(file)

    assert (apart.image.mode, apart.size) == ("RGB", (24, 16))
    assert apart.image.tobytes() == here.image.tobytes()


async def test_a_refusal_carries_its_sentence() -> None:
    for decoder in (limited(), DirectDecoder(MAX_PIXELS)):
        with pytest.raises(UnreadableImageError, match=r"^The file is no PNG, JPEG or WebP image\.$"):
            await decoder.decode(b"GIF89a")


async def test_it_refuses_what_needs_more_memory_than_it_has() -> None:
    decoder = limited(
        "from service.images.inputs import limited_process\n"
        "limited_process.limit(0, 0)\n"
        "try: bytearray(1 << 30)\n"
        "except MemoryError: limited_process.answer(b'', 0, out)"
    )
    with pytest.raises(UnreadableImageError, match="no PNG"):
        await decoder.decode(b"")


async def test_its_limits_cannot_be_lifted_and_it_writes_no_file() -> None:
    decoder = limited(
        "import resource, signal\n"
        "from service.images.inputs import limited_process\n"
        "limited_process.limit(0, 0)\n"
        "signal.signal(signal.SIGXFSZ, signal.SIG_IGN)\n"
        "kinds = (resource.RLIMIT_AS, resource.RLIMIT_CPU, resource.RLIMIT_FSIZE, resource.RLIMIT_CORE)\n"
        "hard = all(resource.getrlimit(kind)[0] == resource.getrlimit(kind)[1] >= 0 for kind in kinds)\n"
        "out.write(f'refused {hard}\\n'.encode())"
    )
    with pytest.raises(UnreadableImageError, match="True"):
        await decoder.decode(b"")


@pytest.mark.parametrize(
    "program",
    [
        "os.kill(os.getpid(), 11)",
        "sys.exit(3)",
        "os.close(0); out.write(b'ok RGB 1 1\\nab')",
        "out.write(b'ok RGB 4 4\\n' + bytes(47))",
        "out.write(b'ok RGB -4 -4\\n' + bytes(48))",
        "out.write(b'ok RGB 101 100\\n' + bytes(30300))",
        "out.write(b'ok CMYK 1 1\\n' + bytes(4))",
        "out.write(b'ok RGB 0 0\\n')",
        "out.write(b'refused \\x1b[31m\\n')",
        "out.write(b'\\n'); out.write(bytes(1000))",
        "while True: out.write(bytes(1 << 16))",
    ],
)
async def test_an_answer_that_is_none_is_a_refusal(program: str) -> None:
    with pytest.raises(UnreadableImageError, match="cannot be decoded"):
        await limited(program).decode(bytes(1 << 20))


async def test_a_decoder_that_does_not_end_is_killed_and_makes_room_for_the_next() -> None:
    decoder = limited("time.sleep(600)", timeout_s=0.05)
    for _ in range(3):
        with pytest.raises(UnreadableImageError, match="takes too long"):
            await decoder.decode(b"x")


async def test_answers_left_unread_hold_up_nobody() -> None:
    decoder = limited("while True: out.write(bytes(1 << 16))")
    for _ in range(20):
        with pytest.raises(UnreadableImageError, match="cannot be decoded"):
            await asyncio.wait_for(decoder.decode(bytes(1 << 20)), 60)


async def test_a_child_of_the_decoder_that_keeps_its_pipes_holds_up_nobody() -> None:
    decoder = limited("os.fork() or time.sleep(3)", timeout_s=0.5)
    with pytest.raises(UnreadableImageError, match="takes too long"):
        await asyncio.wait_for(decoder.decode(b"x"), 60)


async def test_a_caller_that_goes_away_leaves_no_process() -> None:
    decoder = limited("out.write(b'x'); out.flush(); time.sleep(600)")
    task = asyncio.create_task(decoder.decode(b"x"))
    await asyncio.sleep(0.2)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task


async def test_it_sees_no_secret_of_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DARKROOM_DATABASE_URL", "postgresql://secret")
    decoder = limited("out.write(f'refused {sorted(os.environ)}\\n'.encode())")
    with pytest.raises(UnreadableImageError) as refusal:
        await decoder.decode(b"")
    assert "PYTHONPATH" in str(refusal.value)
    assert "DARKROOM" not in str(refusal.value)


async def test_the_event_loop_is_free_while_it_decodes() -> None:
    ticks = 0

    async def tick() -> None:
        nonlocal ticks
        while True:
            await asyncio.sleep(0)
            ticks += 1

    ticking = asyncio.create_task(tick())
    await limited().decode(saved(picture()))
    ticking.cancel()
    assert ticks > 10
